"""The example under `examples/`, copied to a folder outside of the repository, from its first session to its orders."""

import inspect
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from feature_store.schemas.alpha import COMBINED
from quant_assets.definitions import build
from quant_resources.home import Home
from tests.alpha.models import test_conformance as models
from tests.plugins.packages import EXAMPLE, REPOSITORY, SETTINGS, package
from tests.portfolio.limits import test_conformance as limits
from tests.support import tiny

OWN = {"my_research/path_efficiency", "my_research/straight_trends"}
SHORT = {
    "plugin_settings.my_research.window": "10",
    "portfolio.limits.0.max_weight": "0.5",
}  # of the tiny market's few sessions


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, copied; its home beside it, stored by `asof backfill` in worker processes."""
    folder = tmp_path_factory.mktemp("elsewhere")
    shutil.copytree(EXAMPLE, folder / "mine", ignore=shutil.ignore_patterns("__pycache__"))
    profile = folder / "mine" / "my_research.yaml"
    chosen = tiny.setting(SETTINGS | SHORT)
    answer = tiny.asof(folder / "home", "backfill", "--profile", profile, "--workers", 2, *chosen)
    assert answer.code == 0, answer.out + answer.err
    return folder


@pytest.fixture(scope="module")
def home(folder: Path) -> Home:
    return Home(folder / "home")


def rows(home: Home, *command: object) -> list[dict[str, object]]:
    answer = tiny.asof(home.folder, *command, "--json")
    assert answer.code == 0, answer.out + answer.err
    return json.loads(answer.out)


def an_order(home: Home) -> str:
    store = home.open_store()
    day = [p.session for p in store.partitions("execution/orders") if p.rows][-1]
    return str(store.read("execution/orders", day, day, day)["order_id"][0])


# -- known values ------------------------------------------------------------------------------------------------------


def test_its_strategy_and_model_reach_the_expected_returns_that_are_traded(home: Home) -> None:
    store = home.open_store()
    assert set(store.read("alpha/model_fits", tiny.LAST)["model"]) == {"ridge", "marginal"}
    traded = store.read(COMBINED, tiny.LAST, tiny.LAST, tiny.LAST)
    own = store.read("my_research/straight_trends", tiny.LAST, tiny.LAST, tiny.LAST)
    counted = traded.join(own, on="symbol", how="left").select(
        "n_predictions", expected=pl.lit(2) + pl.col("alpha_right").is_not_null()
    )
    assert own.height > 1
    assert counted["n_predictions"].to_list() == counted["expected"].to_list()


def test_an_order_is_explained_by_what_the_plugin_brings(home: Home) -> None:
    order = an_order(home)
    (found,) = [json.loads(tiny.asof(home.folder, "explain", order, "--json").out)]
    assert {"ridge", "marginal", "my_research/straight_trends"} == {m["model"] for m in found["alpha"]["by_model"]}
    assert {i["dataset"] for i in found["inputs"]} >= OWN
    shown = " ".join(tiny.asof(home.folder, "explain", order).out.split())
    assert "my_research/straight_trends" in shown
    assert "my_research/path_efficiency" in shown


def test_its_limit_bounds_the_target_weights_and_is_reported(home: Home) -> None:
    limit = home.profile.portfolio.limits[0]
    rows = home.open_store().read("portfolio/diagnostics", tiny.LAST).filter(limit="volatile_stocks")
    solved = rows.drop_nulls("value")
    assert solved.height > 0
    assert (solved["upper"] >= limit.max_weight).all()
    assert (solved["value"] <= solved["upper"] + 1e-6).all()


def test_every_command_knows_its_datasets(home: Home) -> None:
    status = {row["dataset"]: row for row in rows(home, "status")}
    assert all(status[name]["stored"] == status["market/bars"]["stored"] for name in OWN)
    (efficiency,) = rows(
        home, "sql", "SELECT min(efficiency) AS least, max(efficiency) AS most FROM my_research.path_efficiency"
    )
    assert -1.0 <= efficiency["least"] < efficiency["most"] <= 1.0
    keys = {key.to_user_string() for key in build(home).resolve_asset_graph().get_all_asset_keys()}
    assert keys >= OWN


def test_certify_judges_its_datasets(home: Home) -> None:
    found = {row["dataset"]: row for row in rows(home, "certify", "--select", "my_research", "--sessions", 8)}
    assert found.keys() == OWN
    assert {(row["checked"], row["differ"]) for row in found.values()} == {(8, 0)}


# -- properties --------------------------------------------------------------------------------------------------------


def due(found: dict[str, object]) -> set[str]:
    return {str(row["dataset"]) for row in found["datasets"]}


def test_a_setting_of_its_own_makes_stale_what_reads_it_and_nothing_else(home: Home) -> None:
    answer = tiny.asof(home.folder, "plan", "--set", "plugin_settings.my_research.alpha_bp=55", "--json")
    stale = due(json.loads(answer.out))
    assert stale >= {"my_research/straight_trends", "alpha/combined", "execution/book"}
    assert not stale & {"my_research/path_efficiency", "alpha/model_fits", "alpha/predictions", "features/stock_scores"}
    assert "plugin_settings.my_research.alpha_bp 40.0 -> 55.0" in answer.out


def promises_of(suite: ModuleType) -> Iterator[Callable[[str], None]]:
    """Tests of a conformance suite that ask for nothing but the kind."""
    for name, test in vars(suite).items():
        if name.startswith("test_") and [*inspect.signature(test).parameters] == ["kind"]:
            yield test


@pytest.mark.parametrize(("suite", "kind"), [(models, "marginal"), (limits, "volatile_stocks")])
def test_its_model_and_limit_keep_what_the_platforms_promise(home: Home, suite: ModuleType, kind: str) -> None:
    assert home.profile.plugins == ("my_research",)
    checked = [test(kind) for test in promises_of(suite)]
    assert len(checked) >= 3


@pytest.fixture
def edited(folder: Path, tmp_path: Path) -> Iterator[Path]:
    """The example and its home, to be edited."""
    shutil.copytree(folder, tmp_path / "copy")
    kept = tmp_path / "copy" / "home" / "asof.yaml"
    kept.write_text(kept.read_text().replace(str(folder), str(tmp_path / "copy")))
    yield tmp_path / "copy"


def plan_of(folder: Path) -> dict[str, object]:
    """In a process of its own, as after an edit."""
    command = [sys.executable, "-m", "quant_assets.cli.app", "plan", "--json"]
    environment = os.environ | {"ASOF_HOME": str(folder / "home"), "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=True)
    return json.loads(done.stdout)


def test_an_edit_of_its_code_makes_stale_exactly_what_it_touches(edited: Path) -> None:
    own = edited / "mine" / "my_research"
    features, strategy = own / "features.py", own / "strategy.py"
    features.write_text(features.read_text().replace("# window_sum adds", "# A comment moves nothing: window_sum adds"))
    strategy.write_text(strategy.read_text().replace("1e-4", "1.1e-4"))
    stale = due(plan_of(edited))
    assert stale >= {"my_research/straight_trends", "alpha/combined", "execution/book"}
    assert not {name for name in stale if name.partition("/")[0] in ("market", "features", "regimes", "risk")}
    assert not stale & {"my_research/path_efficiency", "alpha/model_fits", "alpha/predictions"}


def test_an_edit_of_its_model_makes_stale_the_fits_of_a_profile_that_names_it(edited: Path) -> None:
    model = edited / "mine" / "my_research" / "model.py"
    model.write_text(model.read_text().replace("1.0 - settings.shrinkage", "0.9 - settings.shrinkage"))
    stale = due(plan_of(edited))
    assert stale >= {"alpha/model_fits", "alpha/predictions", "alpha/combined"}
    assert not stale & OWN


# -- rejections --------------------------------------------------------------------------------------------------------

PEEKING = """
def tomorrow(bars, sessions, first):
    ahead = bars.sort("symbol", "event_date").with_columns(value=pl.col("log_return").shift(-1).over("symbol"))
    return ahead.filter(pl.col("event_date") >= first).select("event_date", "symbol", "value")

PLUGIN = Plugin(name="peeking", assets=[asset("peeking/tomorrow", tomorrow), asset("peeking/today")])
"""
NEWS = """
import datetime as dt
from feature_store.dataset import Grade

TONE = Dataset("news/tone", ("symbol",), (SYMBOL, number("tone", "ratio", "of the news")), "Tone.", True, 1, Events())

class News:
    def fetch(self, dataset, sessions, until):
        rows = [(day, "S0000", 0.5, dt.datetime.combine(day, dt.time(21), dt.UTC)) for day in sessions]
        schema = ["event_date", "symbol", "tone", "known_at"]
        return pl.DataFrame(rows, schema=schema, orient="row", schema_overrides={"known_at": pl.Datetime("us", "UTC")})

    def parse(self, dataset, raw, sessions):
        grade = pl.lit(int(Grade.DATED), pl.Int8)
        return raw.filter(pl.col("event_date").is_in(sessions)).with_columns(session="event_date", grade=grade)

    def left_out(self, dataset, raw, sessions):
        return {}

def mood(tone, session):
    return tone.filter(event_date=session).select("event_date", "symbol", value="tone")

MOOD = CrossSection(values("news/mood"), mood, {"tone": trailing(TONE, 2)})
PLUGIN = Plugin(name="news", assets=[Source(TONE), MOOD], feed=lambda profile, raw: News())
"""


def test_a_plugin_that_looks_ahead_is_caught_and_one_with_sources_of_its_own_is_not(tmp_path: Path) -> None:
    shutil.copy(EXAMPLE / "my_research.yaml", tmp_path)
    package(tmp_path, "peeking", PEEKING)
    package(tmp_path, "news", NEWS)
    chosen = tiny.setting(
        SETTINGS | {"plugins": "[peeking, news]", "plugin_settings": "{}", "alpha": "{}", "portfolio": "{}"}
    )
    selected = ("--select", "peeking", "--select", "news")
    answer = tiny.asof(tmp_path / "home", "backfill", "--profile", tmp_path / "my_research.yaml", *chosen, *selected)
    assert answer.code == 1
    assert "check no_lookahead of peeking/tomorrow fails" in answer.out
    assert answer.out.count(" fails: ") == 1
    certified = tiny.asof(tmp_path / "home", "certify", *selected, "--json")
    found = {row["dataset"]: row for row in json.loads(certified.out)}
    assert certified.code == 1
    assert found["peeking/tomorrow"]["differ"] > 0
    assert {name for name, row in found.items() if row["checked"] and not row["differ"]} == {
        "peeking/today", "news/tone", "news/mood",
    }  # fmt: skip
    store = Home(tmp_path / "home").open_store()
    assert store.sessions("news/mood") == store.sessions("market/bars")[-len(store.sessions("news/mood")) :]
    assert set(store.read("news/mood", tiny.LAST)["value"]) == {0.5}
