"""The command line from end to end: what it stores, prints and rejects, and what it leaves behind."""

import datetime as dt
import json
import os
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import polars as pl
import pytest

from feature_store import sessions
from feature_store.decision_time import DecisionClock
from feature_store.schemas.catalogue import DATASETS
from quant_assets.engine.computation import Calculation
from quant_assets.engine.runner import Runner
from quant_assets.graph import core_assets
from quant_assets.operations.status import diff_rows
from quant_assets.reporting.orders.explanation import explain
from quant_resources.home import Home
from quant_resources.vendors.registry import make_vendor
from tests.cli.homes import ALL, generations, main_account, remembered, rows_of, store_of
from tests.support.gates import OpenGate
from tests.support.tiny import FIRST, LAST, SETTINGS, asof, setting

# -- known values ------------------------------------------------------------------------------------------------------


def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    assert asof(tmp_path, "--version").out == f"asof {version('asof')}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_backfill_on_a_fresh_home_stores_every_session_of_every_dataset(stored_home: Path) -> None:
    store = store_of(stored_home)
    assert {name: store.sessions(name) for name in DATASETS} == dict.fromkeys(DATASETS, ALL)
    assert remembered(stored_home) == {"profile": "demo", "data": None, "overrides": SETTINGS}


def test_it_goes_from_bars_to_orders_fills_and_money(stored_home: Path) -> None:
    store = store_of(stored_home)
    orders = store.read("execution/orders", LAST)
    fills = store.read("execution/book", LAST).filter(pl.col("fill_shares").abs() > 0)
    assert orders.height > 0
    assert fills.height > 0
    assert main_account(store)["event_date"].to_list() == ALL


def test_the_same_sessions_through_dagster_and_without_it_are_the_same(stored_home: Path, tmp_path: Path) -> None:
    home = Home(stored_home)
    clock = DecisionClock(home.profile.decision_minutes_before_open)
    alone = replace(home, folder=tmp_path)
    alone.remember(home.choice())
    calculation = Calculation(home.profile, clock, make_vendor(home.profile))
    runner = Runner(alone.open_store(), calculation, gate=OpenGate())
    for asset in core_assets():
        for _ in runner.run(asset, ALL):
            pass
    rows = diff_rows(store_of(stored_home), alone.open_store(), None, None, [])
    assert {row["dataset"]: row["equal"] for row in rows} == dict.fromkeys(sorted(DATASETS), len(ALL))


def test_a_repeated_run_writes_nothing_and_the_demo_prints_what_was_earned(home: Path) -> None:
    before = generations(home)
    answer = asof(home, "demo")
    assert answer.code == 0
    assert generations(home) == before
    nav = main_account(store_of(home))["nav_usd"][-1]
    assert f"{nav:,.0f}" in answer.out
    assert f"orders of {LAST}" in answer.out
    assert remembered(home) == {"profile": "demo", "data": None, "overrides": SETTINGS}


def test_a_selection_first_stores_the_earlier_sessions_that_it_needs_and_says_so(tmp_path: Path) -> None:
    start, first, last = dt.date(2016, 12, 28), dt.date(2017, 1, 4), dt.date(2017, 1, 5)
    settings = setting(SETTINGS | {"history.start": str(start)})
    span = ("--select", "features", "--from", first, "--to", last)
    answer = asof(tmp_path, "backfill", *settings, *span)
    assert answer.code == 0, answer.out
    assert f"{start} to {sessions.shift(first, -1)} (needed by the range)" in answer.out
    store = store_of(tmp_path)
    wide, narrow = sessions.between(start, last), sessions.between(first, last)
    assert store.sessions("market/adjusted_bars") == wide
    assert store.sessions("features/stock_scores") == narrow
    assert store.sessions("execution/book") == []
    again = asof(tmp_path, "backfill", "--select", "features/stock_scores", *span[2:])
    assert again.code == 0
    assert again.out.startswith("nothing to do: 18 assets, 2 sessions"), again.out


def test_what_is_read_is_what_was_known_at_the_date_or_the_moment(stored_home: Path) -> None:
    bars = store_of(stored_home).versions("market/bars", FIRST, LAST)
    row = (
        bars.filter(pl.len().over("event_date", "symbol") > 1).sort("event_date", "symbol", "known_at").rows(named=True)
    )
    first, corrected = row[0], row[1]
    day = first["event_date"]

    def close(as_of: object) -> float:
        answer = asof(stored_home, "read", "market/bars", "--as-of", as_of, "--from", day, "--to", day, "--json")
        found = {r["symbol"]: r["close"] for r in json.loads(answer.out)}
        return found[first["symbol"]]

    just_after = corrected["known_at"].isoformat()
    just_before = (corrected["known_at"] - dt.timedelta(microseconds=1)).isoformat()
    assert first["close"] != corrected["close"]
    assert close(first["session"]) == close(just_before) == first["close"]
    assert close(corrected["session"]) == close(just_after) == corrected["close"]
    decided = DecisionClock().decision_time(first["session"])
    assert close(decided.isoformat()) == first["close"]


def test_people_and_programs_read_the_same_rows(stored_home: Path) -> None:
    words = ("read", "market/universe", "--as-of", LAST, "--from", LAST, "--columns", "tradable")
    people, programs = asof(stored_home, *words), asof(stored_home, *words, "--json")
    expected = store_of(stored_home).read("market/universe", LAST, first=LAST, columns=["tradable"])
    assert json.loads(programs.out) == json.loads(expected.write_json())
    assert f"{expected.height} rows" in people.out
    assert all(symbol in people.out for symbol in expected["symbol"])
    few = asof(stored_home, *words, "--rows", 1)
    assert sum(symbol in few.out for symbol in expected["symbol"]) == 1


def test_an_order_says_whether_todays_execution_settings_are_those_of_its_book(home: Path) -> None:
    order = store_of(home).read("execution/orders", LAST, first=LAST)["order_id"][0]
    assert explain(Home(home), order)["provenance"]["costs_by_its_settings"]
    profile = Home(home).profile
    costly = profile.model_copy(update={"execution": profile.execution.model_copy(update={"commission_bp": 9.0})})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Home, "profile", costly)
        assert not explain(Home(home), order)["provenance"]["costs_by_its_settings"]


def test_another_setting_makes_the_book_stale_and_a_backfill_stores_its_next_generation(home: Path) -> None:
    before, written = generations(home), dt.datetime.now(dt.UTC)
    old = store_of(home).read("portfolio/target_weights", LAST)
    refused = asof(home, "backfill", "--set", "portfolio.weight_cap=0.05", "--select", "market/members", "--from", LAST)
    assert refused.code == 0, refused.out
    stale = {name: row["stale"] for name, row in rows_of(asof(home, "status", "--json")).items() if row["stale"]}
    # its projections are functions of what it holds: they follow once that differs
    told = ["execution/book", "execution/shuffled_book", "portfolio/diagnostics", "portfolio/optimization"]
    assert stale == dict.fromkeys(told, 34)

    selected = [word for name in ("execution", "portfolio", "backtest") for word in ("--select", name)]
    assert asof(home, "backfill", *selected).code == 0
    after = generations(home)
    assert {name for name in DATASETS if after[name] != before[name]} == {
        *told, "execution/orders", "portfolio/target_weights", "backtest/attribution", "backtest/pnl",
    }  # fmt: skip
    assert {generation for _, generation, _ in after["execution/book"]} == {2}
    assert all(row["stale"] == 0 for row in rows_of(asof(home, "status", "--json")).values())

    store = store_of(home)
    assert store.read("portfolio/target_weights", LAST, written_before=written).equals(old)
    assert not store.read("portfolio/target_weights", LAST).equals(old)
    assert [p.generation for p in store.history("execution/book", LAST)] == [1, 2]
    decided = store.read("execution/book", LAST, first=LAST).filter(pl.col("alpha").is_not_null())
    assert decided["target_weight"].max() == pytest.approx(0.05, abs=1e-6)
    assert old.filter(pl.col("symbol") != "USD")["target_weight"].max() > 0.06


def test_the_ui_is_dagsters_on_the_home(stored_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[list[str], str, str]] = []
    monkeypatch.setattr(
        os, "execv", lambda _, words: started.append((words[1:], os.environ["ASOF_HOME"], os.environ["DAGSTER_HOME"]))
    )
    assert asof(stored_home, "ui", "--port", "3001").code == 0
    words = ["-m", "quant_resources.dagster.ui", "-m", "quant_assets.definitions", "--port", "3001"]
    assert started == [(words, str(stored_home), str(stored_home / "dagster"))]


# -- refusals ----------------------------------------------------------------------------------------------------------

IN_RANGE = ("--from", FIRST, "--to", FIRST)


@pytest.mark.parametrize(
    ("words", "named", "fix"),
    [
        (("backfill", "--profile", "sp50"), "sp50", "did you mean sp500"),
        (("backfill", "--profile", "nowhere.yaml"), "nowhere.yaml", "pass a path that exists"),
        (("backfill", "--set", "portfolio.wieght_cap=0.1"), "wieght_cap", "did you mean weight_cap"),
        (("backfill", "--set", "portfolio.weight_cap=2"), "portfolio.weight_cap=2", "less than or equal to 1"),
        (("backfill", "--set", "weight_cap"), "--set weight_cap", "KEY=VALUE"),
        (("backfill", "--set", "seed=8", "--select", "feature", *IN_RANGE), "feature", "features"),
        (("backfill", "--set", "seed=8", "--from", "2016-13-01"), "2016-13-01", "YYYY-MM-DD"),
        (("backfill", "--set", "seed=8", "--from", "yesterday"), "yesterday", "YYYY-MM-DD"),
        (("backfill", "--set", "seed=8", "--from", "1980-01-02"), "1980-01-02", "from 1990-01-02"),
        (("backfill", "--set", "seed=8", "--to", "2090-01-02"), "2090-01-02", "from 1990-01-02"),
        (("backfill", "--set", "seed=8", "--to", "2034-01-04"), "2034-01-04", "--set history.end=2034-01-04"),
        (("backfill", "--set", "history.end=2034-12-29", "--to", "2034-01-04"), "2034-01-04", "the last session"),
        (("backfill", "--set", "seed=8", "--from", "2016-11-30"), "2016-11-30", "history.start"),
        (("backfill", "--from", "2016-12-24", "--to", "2016-12-26"), "2016-12-24", "no trading session"),
        (("backfill", "--from", "2017-01-05", "--to", "2017-01-04"), "2017-01-05", "no trading session"),
        (("backfill", "--profile", "files", "--data", "/no/such/folder"), "demo", "ASOF_HOME"),
        (("backfill", "--profile", "sp500"), "demo", "set ASOF_HOME to another folder for profile sp500"),
        (("backfill", "--data", "/no/such/folder"), "/no/such/folder", "--profile files"),
        (("read", "market/bar", "--as-of", LAST), "market/bar", "market/bars"),
        (("read", "market/bars", "--as-of", "20170"), "20170", "YYYY-MM-DD"),
        (("read", "market/bars", "--as-of", "1980-01-02"), "1980-01-02", "from 1990-01-02"),
        (("read", "market/bars", "--as-of", "2017-01-20T14:00"), "2017-01-20T14:00", "+00:00"),
        (("read", "market/bars", "--as-of", LAST, "--columns", "clse"), "clse", "close"),
        (("certify", "--select", "feature"), "feature", "features"),
        (("diff", "nowhere", "nowhere"), "nowhere", "holds no store"),
    ],
)  # fmt: skip
def test_a_wrong_word_is_rejected_in_one_line_with_the_fix_and_nothing_is_remembered(
    stored_home: Path, words: tuple[str, ...], named: str, fix: str
) -> None:
    before = remembered(stored_home)
    answer = asof(stored_home, *words)
    assert answer.code == 2, answer
    assert answer.err.startswith("asof: ")
    assert answer.err.count("\n") == 1, answer.err
    assert named in answer.err
    assert fix in answer.err
    assert answer.out == ""
    assert remembered(stored_home) == before


@pytest.mark.parametrize("words", [
    ("backfill", "--profile", "files", "--data", "no_such_folder"),
    ("backfill", "--profile", "files"),
    ("backfill", "--set", "portfolio.weight_cap=7"),
    ("read", "market/bars", "--as-of", "2017-01-20"),
    ("status",),
    ("certify",),
    ("verify",),
])  # fmt: skip
def test_a_rejected_command_leaves_a_fresh_home_fresh(tmp_path: Path, words: tuple[str, ...]) -> None:
    answer = asof(tmp_path / "home", *words)
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    assert not (tmp_path / "home").exists()
