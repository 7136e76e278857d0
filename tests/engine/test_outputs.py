"""Several datasets of one function: computed once where they are run together, alone where one is asked for."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
import pytest

from quant_assets.engine.access_guard import guarded
from quant_assets.engine.asset import CrossSection, ModelFit, Recursive, SessionAsset, rests_on, run_together, same
from quant_assets.engine.lookahead_checks import check_run
from quant_assets.engine.recomputation import Recomputation
from quant_assets.engine.runner import Runner
from quant_assets.graph import core_assets
from tests.engine.assets import mean_close
from tests.engine.changes import BARS_ASSET, DAYS, MEAN, runner_on
from tests.engine.market import contents, failures, forget, run, valued

CALLS: Counter[str] = Counter()
SUM, LEFT = valued("outputs/sum"), valued("outputs/left")
HELD, SAID = valued("outputs/held"), valued("outputs/said")
FITTED, TOLD = valued("outputs/fitted"), valued("outputs/told")


@dataclass(frozen=True)
class Means:
    """Inputs as a record."""

    means: pl.DataFrame


@dataclass(frozen=True)
class Others:
    others: pl.DataFrame


def split(inputs: Means, session: dt.date) -> tuple[pl.DataFrame, pl.DataFrame]:
    whole = pl.col("value").floor()
    means = inputs.means.select("event_date", "symbol", "value")
    return means.with_columns(value=whole), means.with_columns(value=pl.col("value") - whole)


def hold(inputs: Means, state: pl.DataFrame | None, session: dt.date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The sum so far, and by how much it grew."""
    means = inputs.means.select("event_date", "symbol", "value")
    before = means.clear() if state is None else state
    both = means.join(before.select("symbol", before="value"), on="symbol", how="left")
    total = both.select("event_date", "symbol", value=pl.col("value") + pl.col("before").fill_null(0))
    return total, means


def fit(inputs: Means, session: dt.date) -> tuple[pl.DataFrame, pl.DataFrame]:
    means = inputs.means.select("event_date", "symbol", "value")
    return means, means.with_columns(value=-pl.col("value"))


def one(means: pl.DataFrame) -> pl.DataFrame:
    return means


def of_others(inputs: Others) -> pl.DataFrame:
    return inputs.others


INPUTS = {"means": same(MEAN.dataset, ("value",))}
PAIR: list[SessionAsset] = [CrossSection(d, split, INPUTS, outputs=(SUM, LEFT)) for d in (SUM, LEFT)]
STEPS: list[SessionAsset] = [Recursive(d, hold, INPUTS, outputs=(HELD, SAID)) for d in (HELD, SAID)]
FITS: list[SessionAsset] = [ModelFit(d, fit, INPUTS, outputs=(FITTED, TOLD)) for d in (FITTED, TOLD)]
ALL = [BARS_ASSET, MEAN, *PAIR, *STEPS, *FITS]
KINDS = {"cross section": (PAIR, "split"), "recursive": (STEPS, "hold"), "model fit": (FITS, "fit")}


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls are counted by who makes them: a function itself must leave nothing behind."""
    CALLS.clear()

    def counting(asset: str, function: Callable[..., object], arguments: Mapping[str, object]) -> object:
        CALLS[function.__name__] += 1
        return guarded(asset, function, arguments)

    monkeypatch.setattr("quant_assets.engine.access_profile.guarded", counting)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    found = runner_on(tmp_path / "store", ALL)
    for asset in (BARS_ASSET, MEAN):
        run(found, asset, DAYS)
    return found


def together(runner: Runner, assets: list[SessionAsset], days: list[dt.date] = DAYS) -> Counter[str]:
    """How many sessions of each were stored anew."""
    stored: Counter[str] = Counter()
    for asset, outcomes in runner.run_together(assets, days):
        stored[asset.name] += sum(not outcome.skipped for outcome in outcomes)
    return +stored


# -- known values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_assets_of_one_function_are_computed_once(runner: Runner, kind: str) -> None:
    assets, function = KINDS[kind]
    assert together(runner, assets) == {asset.name: len(DAYS) for asset in assets}
    refits = {asset.refit_session(t, runner.profile) for asset in FITS for t in DAYS if isinstance(asset, ModelFit)}
    assert CALLS[function] == (len(refits) if kind == "model fit" else len(DAYS))
    assert together(runner, assets) == {}


@pytest.mark.parametrize("kind", KINDS)
def test_each_alone_holds_what_both_together_do(runner: Runner, tmp_path: Path, kind: str) -> None:
    assets, _ = KINDS[kind]
    together(runner, assets)
    apart = runner_on(tmp_path / "apart", ALL)
    for asset in (BARS_ASSET, MEAN, *assets):
        for day in DAYS:
            run(apart, asset, [day])
    assert contents(apart.store, assets) == contents(runner.store, assets)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_missing_of_one_is_stored_and_the_other_left(runner: Runner, kind: str) -> None:
    assets, _ = KINDS[kind]
    together(runner, assets)
    before = contents(runner.store, assets)
    forget(runner.store, assets[1].dataset, DAYS[3:5])
    assert together(runner, assets) == {assets[1].name: 2}
    assert contents(runner.store, assets) == before


def test_the_assets_of_a_call_stand_together_and_after_what_holds_their_state() -> None:
    groups = [[asset.name for asset in group] for group in run_together(core_assets())]
    assert ["risk/factor_returns", "risk/specific_returns"] in [sorted(group) for group in groups]
    assert ["execution/book", "portfolio/diagnostics", "portfolio/optimization"] in groups
    order = [asset.name for asset in core_assets()]
    assert all(order.index(name) < order.index(asset.name) for asset in core_assets() for name in rests_on(asset))


# -- properties --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_checks_and_recomputations_take_each_by_itself(runner: Runner, kind: str) -> None:
    assets, _ = KINDS[kind]
    together(runner, assets)
    for asset in assets:
        assert failures(check_run(runner, asset, runner.store.partitions(asset.dataset), DAYS)) == []
    foreseen = Recomputation(runner)
    for asset in assets:
        foreseen.add(asset)
    assert foreseen.overlay.datasets() == []


def test_a_changed_state_is_followed_by_what_is_said_beside_it(runner: Runner) -> None:
    together(runner, STEPS)
    doubled = replace(MEAN, function=twice)
    run(runner, doubled, DAYS[5:6])
    foreseen = Recomputation(runner)
    for asset in STEPS:
        foreseen.add(asset)
    assert together(runner, STEPS) == {HELD.name: len(DAYS) - 5, SAID.name: len(DAYS) - 5}
    for asset in STEPS:
        now = {p.session: p.content_hash for p in runner.store.partitions(asset.dataset)}
        seen = foreseen.overlay.replaced(asset.dataset)
        assert {t: p.content_hash for t, p in seen.items()} == {t: now[t] for t in seen}
    assert len(foreseen.overlay.replaced(HELD)) == len(DAYS) - 5
    assert len(foreseen.overlay.replaced(SAID)) == 1  # what it said of the others did not change


def twice(bars: pl.DataFrame, sessions: list[dt.date]) -> pl.DataFrame:
    return mean_close(bars, sessions).with_columns(value=pl.col("value") * 2)


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_dataset_that_is_no_output_of_its_function_is_rejected() -> None:
    with pytest.raises(ValueError, match=r"outputs/held is none of the outputs \['outputs/sum', 'outputs/left'\]"):
        CrossSection(HELD, split, INPUTS, outputs=(SUM, LEFT))


def test_a_function_that_gives_fewer_frames_than_it_declares_is_rejected(runner: Runner) -> None:
    with pytest.raises(TypeError, match="outputs/sum: its function gives 1 frames, and 2 are declared"):
        run(runner, CrossSection(SUM, one, INPUTS, outputs=(SUM, LEFT)), DAYS[:1])


def test_a_record_whose_fields_are_no_inputs_is_rejected(runner: Runner) -> None:
    with pytest.raises(TypeError, match=r"takes Others, whose \['others'\] are not inputs"):
        run(runner, CrossSection(SUM, of_others, INPUTS), DAYS[:1])
