"""What an asset's sessions depend on beside their inputs."""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from configs.settings import ModelSettings, Profile
from feature_store.code import identity as code
from feature_store.code.graph import Member
from feature_store.code.identity import CodeIdentity, code_identity, differences
from feature_store.decision_time import DecisionClock
from feature_store.hashing import digest_of
from feature_store.schemas.catalogue import SOURCES
from feature_store.texts import Texts
from quant_assets.alpha.models.registry import MODELS
from quant_assets.engine.asset import CrossSection, ModelFit, Recursive, SessionAsset, Source, TimeSeries, Window
from quant_assets.engine.computation import Calculation
from quant_assets.engine.dagster_asset import to_dagster
from quant_assets.engine.identity import code_of, engine_roots, identity, settings_of, vendor_classes
from quant_assets.engine.runner import Runner
from quant_assets.graph import core_assets
from quant_resources.vendors.files.vendor import FileDrop
from quant_resources.vendors.http.vendor import RemoteMarket
from quant_resources.vendors.registry import make_vendor
from quant_resources.vendors.simulated.vendor import SimulatedMarket
from tests.engine.leaks import Wrapped
from tests.engine.market import SESSIONS, make_runner, profile, run

GRAPH = core_assets()
BY_NAME = {asset.name: asset for asset in GRAPH}
KINDS = (Source, TimeSeries, CrossSection, ModelFit, Recursive)


@pytest.fixture(scope="module")
def calculation() -> Calculation:
    chosen = profile()
    return Calculation(chosen, DecisionClock(chosen.decision_minutes_before_open), make_vendor(chosen))


def reached(asset: SessionAsset, calculation: Calculation) -> CodeIdentity:
    vendor = vendor_classes(calculation.vendor, calculation.profile)
    return code_of(asset, calculation.profile, Runner, type(calculation), vendor)


# -- known values ------------------------------------------------------------------------------------------------------


def test_the_parts_are_schema_code_shape_and_settings(calculation: Calculation) -> None:
    parts = identity(BY_NAME["risk/specific_risk"], calculation, Runner).parts
    names = {
        "schema",
        "code",
        "platform",
        "shape",
        "config:Risk",
        "config:windows",
        "config:history",
        "config:decision",
    }
    assert {*parts} == names
    assert parts["shape"] == "cross section"
    seeded = identity(BY_NAME["alpha/model_fits"], calculation, Runner).parts
    assert {"config:Alpha", "config:Features", "config:seed"} <= {*seeded}
    source = identity(BY_NAME["market/members"], calculation, Runner).parts
    assert "config:vendor" in source


def test_a_source_of_the_simulated_market_rests_on_what_makes_its_own_payload(calculation: Calculation) -> None:
    kinds = vendor_classes(calculation.vendor, calculation.profile)
    reached = {
        name: {*code_of(BY_NAME[name], calculation.profile, Runner, Calculation, kinds).definitions} for name in SOURCES
    }
    lending = "quant_resources.vendors.simulated.lending.borrow"
    assert {name for name, definitions in reached.items() if lending in definitions} == {"market/borrow"}
    assert all("quant_resources.vendors.simulated.market.simulate" in definitions for definitions in reached.values())


def test_settings_are_told_as_canonical_json(calculation: Calculation) -> None:
    told = settings_of(BY_NAME["risk/specific_risk"], calculation.profile)
    risk = calculation.profile.risk.model_dump(mode="json")
    named = {"lookback_sessions", "min_observations", "specific_half_life", "specific_shrinkage"}
    assert json.loads(told["Risk"]) == {name: risk[name] for name in named}
    assert json.loads(told["windows"])["residuals"][0] == "risk/specific_returns"
    assert all(text == json.dumps(json.loads(text), sort_keys=True) for text in told.values())


@pytest.mark.parametrize(
    ("name", "used", "unused"),
    [
        ("alpha/model_fits", {"lightgbm", "numba", "llvmlite", "numpy", "scipy"}, {"hmmlearn", "clarabel", "duckdb"}),
        ("regimes/hmm_fits", {"numba", "llvmlite", "numpy"}, {"lightgbm", "clarabel", "hmmlearn"}),
        ("execution/book", {"clarabel"}, {"lightgbm", "hmmlearn", "numba"}),
        ("features/stock_features", {"numba", "polars-runtime-32"}, {"scipy", "lightgbm"}),
        ("market/universe", {"polars", "exchange-calendars"}, {"numba", "scipy", "dagster", "pydantic", "pandera"}),
    ],
)
def test_an_assets_libraries_are_those_that_its_code_uses(
    calculation: Calculation, name: str, used: set[str], unused: set[str]
) -> None:
    found = {*reached(BY_NAME[name], calculation).libraries}
    assert used <= found
    assert not unused & found


@pytest.mark.parametrize("name", ["alpha/model_fits", "alpha/predictions"])
def test_the_models_that_the_settings_choose_count_and_no_other(name: str, calculation: Calculation) -> None:
    def of(chosen: str) -> CodeIdentity:
        return reached(BY_NAME[name], _with(calculation, profile(alpha__models=chosen)))

    ridge, trees, both = (
        of(chosen) for chosen in ("[{kind: ridge}]", "[{kind: lightgbm}]", "[{kind: ridge}, {kind: lightgbm}]")
    )
    assert len({ridge.digest, trees.digest, both.digest}) == 3
    assert "lightgbm" in trees.libraries and "lightgbm" not in ridge.libraries
    assert "quant_assets.alpha.models.ridge.Ridge" in both.definitions
    assert "quant_assets.alpha.models.ridge.Ridge" not in trees.definitions


@pytest.mark.parametrize(
    ("name", "without", "with_it", "definition"),
    [
        (
            "execution/book",
            {},
            {"portfolio__limits": "[{kind: factor_exposure, bands: {beta: 0.1}}]"},
            "quant_assets.portfolio.limits.factor_exposure.FactorExposure",
        ),
        (
            "execution/equal_weight_book",
            {},
            {"execution__cost_terms": "[{kind: sales_fee}]"},
            "quant_assets.execution.trading.cost_terms.sales_fee.SalesFee",
        ),
        (
            "regimes/hmm_fits",
            {"regimes__industry": "{kind: thresholds}"},
            {},
            "quant_assets.regimes.detectors.hmm.Hmm",
        ),
        (
            "regimes/market_regime",
            {"regimes__market": "{kind: hmm}"},
            {},
            "quant_assets.regimes.detectors.thresholds.Thresholds",
        ),
    ],
)
def test_a_limit_a_cost_and_a_detector_count_where_the_settings_name_them(
    calculation: Calculation, name: str, without: dict[str, str], with_it: dict[str, str], definition: str
) -> None:
    found = [{*reached(BY_NAME[name], _with(calculation, profile(**told))).definitions} for told in (without, with_it)]
    assert [definition in definitions for definitions in found] == [False, True]


def test_a_model_that_is_added_changes_the_code_of_no_other(
    calculation: Calculation, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = BY_NAME["alpha/model_fits"]
    before = reached(asset, calculation).digest
    monkeypatch.setitem(MODELS, "added", Added)
    code.forget()
    assert reached(asset, calculation).digest == before
    chosen = calculation.profile.alpha.model_copy(update={"models": (ModelSettings(kind="added"),)})
    other = _with(calculation, calculation.profile.model_copy(update={"alpha": chosen}))
    assert f"{__name__}.Added" in reached(asset, other).definitions


class Added:
    """A model that is no more than its entry."""

    settings = ModelSettings

    @staticmethod
    def fit(sample, parts, settings, min_rows, seed):
        return [len(part) for part in parts]


def test_the_mechanism_counts_by_the_methods_that_a_kind_of_asset_uses(calculation: Calculation) -> None:
    named = ("market/bars", "features/stock_features", "market/universe", "alpha/model_fits", "execution/book")
    found = {type(BY_NAME[name]): reached(BY_NAME[name], calculation).definitions for name in named}
    told = {
        kind: {name.rpartition(".")[2] for name in names if ".Calculation." in name} for kind, names in found.items()
    }
    assert {"_source"} <= told[Source]
    assert {"_time_series", "_segments", "call"} <= told[TimeSeries]
    assert {"_cross_sections", "_views", "call"} <= told[CrossSection]
    assert {"_fits", "_chain", "_independent"} <= told[ModelFit]
    assert {"steps", "_views"} <= told[Recursive]
    assert not told[CrossSection] & {"_source", "_time_series", "_segments", "_fits", "_chain", "steps", "compute"}
    for kind in (CrossSection, ModelFit, Recursive):
        assert "feature_store.readers.latest_versions" in found[kind]
    segments = {f"quant_assets.engine.segments.{name}" for name in ("segments_of", "stacked", "own_rows", "_restated")}
    assert segments <= {*found[TimeSeries]}
    assert not segments & {*found[CrossSection]}
    assert "quant_assets.engine.asset.ModelFit.previous_refit" in found[ModelFit]
    assert not any("feature_store.store" in name or "feature_store.writers" in name for name in found[ModelFit])


# -- properties --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asset", GRAPH, ids=lambda asset: asset.name)
def test_every_assets_code_is_reported_without_whole_modules(calculation: Calculation, asset: SessionAsset) -> None:
    found = reached(asset, calculation)
    own = asset.function or SimulatedMarket
    assert f"{own.__module__}.{own.__qualname__}" in found.definitions
    assert not [name for name in found.definitions if name.endswith(".*") or name.startswith("files of")]
    assert not [name for name in found.definitions if name.startswith("feature_store.code")]
    assert "feature_store.schemas.catalogue.DATASETS" not in found.definitions


@pytest.mark.parametrize("vendor", [FileDrop, RemoteMarket])
def test_the_code_of_every_vendor_is_reported(vendor: type) -> None:
    assert f"{vendor.__module__}.{vendor.__name__}" in code_identity(vendor).definitions


def attributes(node: ast.AST) -> Iterator[str]:
    return (n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute))


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_of_the_mechanism_leaves_out_no_method_that_it_uses(kind: type[SessionAsset]) -> None:
    """A method called on something else than `self` cannot be found by its text: the table must name it."""
    graph = code._graph("")
    roots = engine_roots(kind, Runner, Calculation)
    keys = graph.reached([key for root in roots for key in code.of_root(root)[1]])
    members = {(key.owner, key.name) for key in keys if isinstance(key, Member)}
    of_mechanism = [k for k in keys if isinstance(k, Member) and k.owner.__module__.startswith("quant_assets.engine")]
    used = set()
    for key in of_mechanism:
        value = inspect.getattr_static(key.holder, key.name, None)
        function = getattr(value, "fget", None) or getattr(value, "func", None) or value
        if inspect.isfunction(function):
            used |= {*attributes(ast.parse(textwrap.dedent(inspect.getsource(function))))}
    for owner in (kind, Window, DecisionClock):
        methods = {
            name for name, value in vars(owner).items() if inspect.isfunction(value) or isinstance(value, property)
        }
        wanted = {name for name in methods & used if not name.startswith("__")}
        assert wanted <= {name for kind_, name in members if kind_ is owner}, owner


def test_a_library_that_nobody_uses_makes_nothing_stale(
    calculation: Calculation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def patched(name: str) -> dict[str, str]:
        code.forget()
        real = code.library_versions
        monkeypatch.setattr(
            code, "library_versions", lambda m: {k: "99" if k == name else v for k, v in real(m).items()}
        )
        found = {asset.name: reached(asset, calculation).digest for asset in GRAPH}
        monkeypatch.undo()
        code.forget()
        return found

    before = patched("none")
    assert patched("duckdb") == patched("plotly") == before
    fits = {name for name, digest in patched("arch").items() if digest != before[name]}
    assert fits == {"regimes/dcc_fits"}
    assert {name for name, digest in patched("numpy").items() if digest != before[name]} == {*before}


def test_a_subclass_of_the_mechanism_counts_with_what_it_overrides(calculation: Calculation) -> None:
    class Other(Calculation):
        pass

    plain, chosen = BY_NAME["market/universe"], calculation.profile
    with pytest.raises(ValueError, match="define it at the top of the module"):
        code_of(plain, calculation.profile, Runner, Other)
    assert code_of(plain, chosen, Runner, Overriding).digest != code_of(plain, chosen, Runner).digest


class Overriding(Calculation):
    def call(self, asset, frames, **given):
        return tuple(rows.head(1) for rows in super().call(asset, frames, **given))


def test_a_vendor_that_passes_questions_on_counts_with_the_one_that_it_asks(calculation: Calculation) -> None:
    wrapped = vendor_classes(Wrapped(calculation.vendor), calculation.profile)
    assert wrapped[:2] == [Wrapped, SimulatedMarket]
    assert code_identity(*wrapped).digest != code_identity(SimulatedMarket).digest


def test_dagster_sees_the_code_that_the_runner_compares(calculation: Calculation) -> None:
    asset = BY_NAME["market/universe"]
    (spec,) = to_dagster("all", lambda _: [asset], calculation.profile).specs
    assert spec.code_version == identity(asset, calculation, Runner).parts["code"]


def test_a_runner_keeps_what_its_parts_are_digests_of(tmp_path: Path) -> None:
    runner = make_runner(tmp_path, profile())
    source = BY_NAME["market/bars"]
    run(runner, source, SESSIONS[:1])
    (stored,) = runner.store.partitions(source.dataset)
    texts = Texts(runner.store.layout.texts)
    found = CodeIdentity.from_text(texts.get(stored.parts["code"]) or "")
    assert differences(found, reached(source, runner.calculation)) == []
    for name, digest in stored.parts.items():
        if name.startswith("config:"):
            text = texts.get(digest)
            assert text is not None
            assert digest_of([text]) == digest
    assert json.loads(texts.get(stored.parts["config:vendor"]) or "")["n_symbols"] == 8


def test_a_changed_setting_is_reported_by_its_text(calculation: Calculation) -> None:
    asset, other = BY_NAME["risk/specific_risk"], _with(calculation, profile(risk__specific_shrinkage="0.9"))
    before, after = (identity(asset, each, Runner) for each in (calculation, other))
    assert {name for name in before.parts if before.parts[name] != after.parts[name]} == {"config:Risk"}
    texts = [json.loads(i.texts[i.parts["config:Risk"]]) for i in (before, after)]
    assert {k for k in texts[0] if texts[0][k] != texts[1][k]} == {"specific_shrinkage"}


def _with(calculation: Calculation, chosen: Profile) -> Calculation:
    return Calculation(chosen, calculation.clock, calculation.vendor)


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_function_that_no_module_defines_is_rejected(calculation: Calculation) -> None:
    namespace: dict[str, object] = {"__name__": __name__}
    exec("def made_by_nobody(bars): return bars", namespace)
    asset = replace(BY_NAME["market/universe"], function=namespace["made_by_nobody"])
    with pytest.raises(ValueError, match="does not say what made_by_nobody is"):
        identity(asset, calculation, Runner)
