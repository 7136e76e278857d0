"""The command line from end to end: what it stores, says and refuses, and what it leaves behind."""

import datetime as dt
import functools
import json
import os
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import polars as pl
import pytest
import yaml

from feature_store import files, sessions
from feature_store.dataset import Grade
from feature_store.decision_time import DecisionClock
from feature_store.describing import NewPartition, Provenance
from feature_store.hashing import content_hashes
from feature_store.layout import FOOTER, read_footer
from feature_store.schemas.catalogue import DATASETS
from feature_store.store import Store
from quant_assets.engine.computation import Calculation
from quant_assets.engine.runner import Runner
from quant_assets.graph import core_assets
from quant_assets.operations import certify
from quant_assets.operations.status import diff_rows
from quant_assets.reporting.orders.explanation import explain
from quant_resources.home import Home
from quant_resources.vendors.registry import make_vendor
from tests.support.tiny import FIRST, LAST, SETTINGS, SHORT, Answer, asof, copy_of, setting

ALL = sessions.between(FIRST, LAST)


def store_of(home: Path) -> Store:
    return Store(home / "store")


def generations(home: Path) -> dict[str, list[tuple[dt.date, int, str]]]:
    store = store_of(home)
    return {name: [(p.session, p.generation, p.content_hash) for p in store.partitions(name)] for name in DATASETS}


def rows_of(answer: Answer) -> dict[str, dict[str, object]]:
    """Rows of a table printed as JSON, by dataset."""
    return {row["dataset"]: row for row in json.loads(answer.out)}


def remembered(home: Path) -> dict[str, object] | None:
    path = home / "asof.yaml"
    return yaml.safe_load(path.read_text()) if path.exists() else None


def main_account(store: Store) -> pl.DataFrame:
    """P&L of the book that orders are sent from."""
    return store.read("backtest/pnl", LAST).filter(book="main")


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
    runner = Runner(alone.open_store(), Calculation(home.profile, clock, make_vendor(home.profile)))
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


def test_status_counts_what_is_stored_missing_stale_and_failed(home: Path) -> None:
    store = store_of(home)
    store.record_check_results([("market/members", LAST, "contract", False, "made up")])
    gone = store.partitions("market/industries", LAST, LAST)[0]
    with store.index.transaction() as connection:
        store.index.remove(connection, gone)
    answer = asof(home, "status", "--json")
    rows = rows_of(answer)
    assert answer.code == 1  # something failed
    assert list(rows) == [asset.name for asset in core_assets()]
    assert rows["market/bars"] | {"rows": 0} == {
        "dataset": "market/bars", "stored": 34, "missing": 0, "stale": 0, "adopted": 0, "failed": 0,
        "first": str(FIRST), "last": str(LAST), "rows": 0,
    }  # fmt: skip
    assert {name for name, row in rows.items() if row["failed"]} == {"market/members"}
    assert {name for name, row in rows.items() if row["missing"]} == {"market/industries"}
    assert {name for name, row in rows.items() if row["stale"]} == {
        "features/stock_scores", "features/industry_returns", "features/labels", "risk/exposures"
    }  # fmt: skip
    assert "market/members" in asof(home, "status").out


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


def test_certify_recomputes_stored_sessions_of_every_asset(home: Path) -> None:
    answer = asof(home, "certify", "--sessions", 1, "--json")
    rows = rows_of(answer)
    assert answer.code == 0
    assert {name: (row["checked"], row["stale"], row["differ"]) for name, row in rows.items()} == dict.fromkeys(
        DATASETS, (1, 0, 0)
    )
    every = rows_of(asof(home, "certify", "--all", "--select", "market/universe", "--json"))
    assert every["market/universe"]["checked"] == len(ALL)


def test_two_equal_stores_do_not_differ_and_another_seed_does(stored_home: Path, home: Path, tmp_path: Path) -> None:
    same = asof(home, "diff", stored_home, home / "store", "--json")
    assert same.code == 0
    assert {row["equal"] for row in json.loads(same.out)} == {len(ALL)}

    other = tmp_path / "other"
    words = ("--select", "market/bars", "--from", FIRST, "--to", ALL[2])
    assert asof(other, "backfill", *setting(SETTINGS | {"seed": "8"}), *words).code == 0
    found = asof(home, "diff", stored_home, other, *words[2:], "--select", "market/bars", "--json")
    (row,) = json.loads(found.out)
    assert found.code == 1
    assert (row["differ"], row["equal"], row["first_difference"]) == (3, 0, str(FIRST))
    one_sided = asof(home, "diff", stored_home, other, "--select", "market/bars", "--json")
    assert one_sided.code == 1
    assert json.loads(one_sided.out)[0]["only_a"] == len(ALL) - 3


def test_the_ui_is_dagsters_on_the_home(stored_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[list[str], str, str]] = []
    monkeypatch.setattr(
        os, "execv", lambda _, words: started.append((words[1:], os.environ["ASOF_HOME"], os.environ["DAGSTER_HOME"]))
    )
    assert asof(stored_home, "ui", "--port", "3001").code == 0
    words = ["-m", "dagster", "dev", "-m", "quant_assets.definitions", "--port", "3001"]
    assert started == [(words, str(stored_home), str(stored_home / "dagster"))]


# -- properties --------------------------------------------------------------------------------------------------------


def test_a_broken_file_is_set_aside_and_the_next_backfill_stores_it_again(home: Path) -> None:
    store, before = store_of(home), generations(home)
    day = dt.date(2016, 12, 30)
    broken = [store.partitions(name, day, day)[0] for name in ("features/stock_scores", "execution/book")]
    for partition in broken:
        for path in (store.layout.generation(partition), store.layout.part(partition)):
            path.write_bytes(path.read_bytes()[:-100])
    unreadable = asof(home, "read", "features/stock_scores", "--as-of", LAST, "--from", day, "--to", day)
    assert unreadable.code == 2
    assert "asof verify" in unreadable.err

    answer = asof(home, "verify")
    assert answer.code == 1
    for partition in broken:
        assert f"set aside: {partition.dataset} {day} generation 1" in answer.out
        assert (store.layout.broken / store.layout.generation(partition).relative_to(store.layout.generations)).exists()
    rows = rows_of(asof(home, "status", "--json"))
    assert {name for name, row in rows.items() if row["missing"]} == {p.dataset for p in broken}
    assert rows["execution/book"]["stale"] == len(sessions.between(day, LAST)) - 1  # what it rested on is gone

    words = ("--select", "features/stock_scores", "--select", "execution/book", "--from", day, "--to", day)
    assert asof(home, "backfill", *words).code == 0
    assert generations(home) == before
    assert asof(home, "verify").code == 0
    assert all(row["stale"] == 0 for row in rows_of(asof(home, "status", "--json")).values())


def scattered(store: Store, name: str, days: list[dt.date]) -> None:
    """These sessions once more, as another code would have stored them: each in a file of its own."""
    for day in days:
        (old,) = store.partitions(name, day, day)
        rows = store.versions(name, day, day).drop("session")
        store.write(name, [NewPartition(day, rows, Provenance("other", old.parts, Grade(old.grade)))])


def test_months_that_are_over_are_compacted_into_one_file_each(home: Path) -> None:
    store = Home(home).open_store()
    december = [day for day in ALL if day.month == 12]
    scattered(store, "features/stock_features", december[3:7])
    before = generations(home)
    seen = store.read("features/stock_features", LAST)
    words = ("compact", "--select", "features/stock_features", "--json")
    open_month = rows_of(asof(home, *words, "--before", "2016-12-31"))["features/stock_features"]
    assert open_month == {"dataset": "features/stock_features", "moved": 0, "files": 6, "files_after": 6}
    row = rows_of(asof(home, *words))["features/stock_features"]
    assert row == {
        "dataset": "features/stock_features",
        "moved": len(december),
        "files": 6,  # two packs of months, four of a session
        "files_after": 3,  # the four superseded generations stay in the first pack
    }
    assert generations(home) == before
    assert store.read("features/stock_features", LAST).equals(seen)
    assert asof(home, "verify").code == 0
    assert "features/stock_features" in asof(home, "compact").out


def test_a_run_leaves_one_file_of_a_month_that_is_over_and_a_broken_neighbour_does_not_stop_it(home: Path) -> None:
    store, before = store_of(home), generations(home)
    for damaged in (False, True):
        days = [dt.date(2016, 12, 29), dt.date(2016, 12, 30)]
        for day in days:
            path = store.layout.generation(store.partitions("market/bars", day, day)[0])
            if path.exists():
                path.write_bytes(path.read_bytes()[:-100])
        store.verify()
        missing = [day for day in ALL if day not in store.sessions("market/bars")]
        assert set(days) <= set(missing)
        first, *others = missing
        assert asof(home, "backfill", "--select", "market/bars", "--from", first, "--to", first).code == 0
        if damaged:
            path = store.layout.generation(store.partitions("market/bars", first, first)[0])
            path.write_bytes(path.read_bytes()[:-100])
        for day in others:
            assert asof(home, "backfill", "--select", "market/bars", "--from", day, "--to", day).code == 0
        assert store.count_files("market/bars") == (len(missing) + 1 if damaged else 2)
    store.verify()
    assert asof(home, "backfill", "--select", "market/bars", "--from", missing[0], "--to", missing[0]).code == 0
    assert store.count_files("market/bars") == 2
    assert generations(home) == before


def forged(store: Store, name: str, day: dt.date) -> None:
    """Another value under the old fingerprint, with a footer and an index that agree with it."""
    old = store.partitions(name, day, day)[0]
    path = store.layout.generation(old)
    rows, footers = files.rows_of(path), read_footer(path)
    parts = [rows.slice(p.place.offset, p.rows) for p in footers]
    by = [2.0 if p.session == day else 1.0 for p in footers]
    changed = [part.with_columns(pl.col(pl.Float64) * factor) for part, factor in zip(parts, by, strict=True)]
    hashes = [content_hashes(part, [0, part.height])[0] for part in changed]
    told = [replace(p, content_hash=h.content, column_hashes=h.columns) for p, h in zip(footers, hashes, strict=True)]
    path.write_bytes(files.encoded(pl.concat(changed), told, pack=old.place.file is not None))
    store.rebuild_index()


def overwritten(store: Store, name: str, day: dt.date) -> None:
    """Another value in the file, which nothing announces."""
    path = store.layout.generation(store.partitions(name, day, day)[0])
    frame = pl.read_parquet(path, hive_partitioning=False)
    footer = pl.read_parquet_metadata(path)[FOOTER]
    doubled = pl.col(pl.Float64) * pl.when(pl.col("session") == day).then(2.0).otherwise(1.0)
    frame.with_columns(doubled).write_parquet(path, metadata={FOOTER: footer})


@pytest.mark.parametrize("tamper", [forged, overwritten])
def test_certify_finds_a_value_that_was_tampered_with(home: Path, tamper: Callable[..., None]) -> None:
    tamper(store_of(home), "features/stock_features", LAST)
    answer = asof(home, "certify", "--all", "--select", "features/stock_features", "--json")
    row = rows_of(answer)["features/stock_features"]
    assert answer.code == 1
    assert row["differ"] == 1
    assert str(row["first_difference"]).startswith(str(LAST))
    assert rows_of(asof(home, "status", "--json"))["features/stock_features"]["failed"] > 0


def test_certify_finds_a_function_that_no_longer_gives_what_is_stored(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def off(asset, function):
        @functools.wraps(function)
        def other(**arguments):
            return function(**arguments).with_columns(pl.col(pl.Float64) + 1e-9)

        return replace(asset, function=other)

    (asset,) = (a for a in core_assets() if a.name == "risk/cost_parameters")
    monkeypatch.setattr(certify, "all_assets", lambda _: [off(asset, asset.function)])
    answer = asof(home, "certify", "--sessions", 2, "--select", "risk/cost_parameters")
    assert answer.code == 1
    assert "computed alone" in " ".join(answer.out.split())


def test_what_is_stale_is_not_judged_and_certify_says_so(home: Path) -> None:
    words = ("--select", "market/members", "--from", LAST)
    assert asof(home, "backfill", "--set", "portfolio.risk_aversion=4", *words).code == 0
    answer = asof(home, "certify", "--sessions", 2, "--select", "execution/book", "--json")
    assert answer.code == 1
    assert rows_of(answer)["execution/book"]["stale"] == 2


# -- refusals ----------------------------------------------------------------------------------------------------------

IN_RANGE = ("--from", FIRST, "--to", FIRST)


@pytest.mark.parametrize(
    ("words", "named", "mend"),
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
def test_a_wrong_word_is_refused_in_one_line_with_the_mend_and_nothing_is_remembered(
    stored_home: Path, words: tuple[str, ...], named: str, mend: str
) -> None:
    before = remembered(stored_home)
    answer = asof(stored_home, *words)
    assert answer.code == 2, answer
    assert answer.err.startswith("asof: ")
    assert answer.err.count("\n") == 1, answer.err
    assert named in answer.err
    assert mend in answer.err
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
def test_a_refused_command_leaves_a_fresh_home_fresh(tmp_path: Path, words: tuple[str, ...]) -> None:
    answer = asof(tmp_path / "home", *words)
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    assert not (tmp_path / "home").exists()


# -- refusals: drops of files ------------------------------------------------------------------------------------------

SYMBOLS = ("ACME", "BOLT", "CROW", "DUNE", "ELM")
GOOD_UNTIL, BAD = LAST, sessions.shift(LAST, 1)


def drop(last: dt.date) -> pl.DataFrame:
    """Bars of five made-up symbols, as a user would export them; no two move alike."""
    days = sessions.between(FIRST, last)
    rows = []
    for i, symbol in enumerate(SYMBOLS):
        close = 20.0 + 10 * i
        for t, day in enumerate(days):
            before, close = close, close * (1 + 0.01 * (((7 * t + 3 * i) * (t + i + 1)) % 9 - 4) / 4 + 0.001)
            rows.append((symbol, day, before, max(before, close) * 1.01, min(before, close) * 0.99, close, 900_000 + t))
    return pl.DataFrame(rows, schema=["symbol", "date", "open", "high", "low", "close", "volume"], orient="row")


@pytest.fixture(scope="module")
def own_prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home on five symbols from CSV, stored to the end by the command of docs/bring_your_own_prices.md."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "my_prices").mkdir()
    drop(GOOD_UNTIL).write_csv(folder / "my_prices" / "bars.csv")
    answer = asof(
        folder / "home", "backfill", "--profile", "files", "--data", folder / "my_prices",
        *setting(SHORT | {"history.start": str(FIRST)}), "--to", GOOD_UNTIL,
    )  # fmt: skip
    assert answer.code == 0, answer.out
    return folder


def test_five_symbols_from_a_csv_become_orders_and_money(own_prices: Path) -> None:
    store = store_of(own_prices / "home")
    assert store.read("market/universe", LAST, first=LAST)["symbol"].to_list() == list(SYMBOLS)
    assert store.read("execution/orders", LAST).height > 0
    account = main_account(store)
    assert account["event_date"].to_list() == ALL
    assert account["n_positions"][-1] > 0
    assert account["status"][-1] == "optimal"


def corrupt(folder: Path) -> None:
    (folder / "bars.parquet").write_bytes(b"PAR1 this is no Parquet file PAR1")


def changed(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        change(drop(BAD)).write_csv(folder / "bars.csv")

    return write


ACME = (pl.col("symbol") == "ACME") & (pl.col("date") == BAD)
FUTURE = sessions.shift(BAD, 5)


@pytest.mark.parametrize(("spoil", "said"), [
    pytest.param(corrupt, ["bars.parquet", "cannot be read as Parquet", "export it again"], id="corrupt Parquet"),
    pytest.param(changed(lambda f: f.drop("close")), ["bars.csv", "no column 'close'", "Rename"], id="missing column"),
    pytest.param(changed(lambda f: f.cast({"date": pl.String}).with_columns(
                     date=pl.when(pl.col("date") == str(BAD)).then(pl.lit("24/01/2017")).otherwise("date"))),
                 ["bars.csv", "24/01/2017", "YYYY-MM-DD"], id="date of another form"),
])  # fmt: skip
def test_a_bad_drop_is_refused_and_what_was_stored_stays(
    own_prices: Path, spoil: Callable[[Path], None], said: list[str]
) -> None:
    home, data = own_prices / "home", own_prices / "my_prices"
    before = generations(home)
    words = ("backfill", "--select", "market/bars", "--from", BAD, "--to", BAD)
    try:
        spoil(data)
        answer = asof(home, *words)
    finally:
        (data / "bars.parquet").unlink(missing_ok=True)
        drop(GOOD_UNTIL).write_csv(data / "bars.csv")
    lines = [text for text in answer.out.splitlines() if text.startswith("failed: ")]
    assert answer.code == 1
    assert {line.split(": ")[1] for line in lines} == {"market/bars", "market/quarantine"}
    assert all(part in line for part in said for line in lines), lines
    assert generations(home) == before
    assert asof(home, "read", "market/bars", "--as-of", LAST).code == 0


@pytest.mark.parametrize(("change", "said", "stored"), [
    pytest.param(lambda f: f.with_columns(low=pl.when(ACME).then(-1.0).otherwise("low")),
                 [f"ACME {BAD}", "low -1.0", "fix it"], SYMBOLS[1:], id="negative price"),
    pytest.param(lambda f: pl.concat([f, f.filter(ACME)]),
                 [f"ACME {BAD}", "stands more than once", "keep one"], SYMBOLS, id="duplicate row"),
    pytest.param(lambda f: pl.concat([f, f.filter(ACME).with_columns(pl.col("close") * 0.999)]),
                 [f"ACME {BAD}", "contradicts another row", "keep one"], SYMBOLS[1:], id="conflicting rows"),
    pytest.param(lambda f: f.with_columns(known_at=pl.col("date")).with_columns(
                     date=pl.when(ACME).then(FUTURE).otherwise("date")),
                 [f"ACME {FUTURE}", "a future date", "fix the date"], SYMBOLS[1:], id="future date"),
])  # fmt: skip
def test_a_bad_row_is_kept_out_by_name_the_good_ones_are_stored_and_a_mended_drop_makes_all_well(
    own_prices: Path, tmp_path: Path, change: Callable[[pl.DataFrame], pl.DataFrame], said: list[str],
    stored: tuple[str, ...],
) -> None:  # fmt: skip
    home, data = copy_of(own_prices / "home", tmp_path), own_prices / "my_prices"
    before = generations(home)
    words = ("backfill", "--select", "market/bars", "--from", BAD, "--to", BAD)
    try:
        changed(change)(data)
        answer = asof(home, *words)
        after = generations(home)
        again = asof(home, *words)
        drop(BAD).write_csv(data / "bars.csv")
        mended = asof(home, *words)
    finally:
        drop(GOOD_UNTIL).write_csv(data / "bars.csv")
    (line,) = (text for text in answer.out.splitlines() if text.startswith("check "))
    assert answer.code == again.code == 1  # a repeated run does not make it good
    assert line.startswith("check within_tolerance of market/quarantine fails: ")
    assert all(part in line for part in ["bars.csv", *said]), line
    assert {name: rows for name, rows in after.items() if rows != before[name]}.keys() == {
        "market/bars", "market/quarantine"
    }  # fmt: skip
    assert after["market/bars"][:-1] == before["market/bars"]
    assert mended.code == 0, mended.out
    assert store_of(home).read("market/bars", BAD, first=BAD)["symbol"].to_list() == list(SYMBOLS)
    first = store_of(home).history("market/bars", BAD)[0]
    assert first.rows == len(stored)


def test_more_tolerance_makes_a_failed_session_pass(own_prices: Path, tmp_path: Path) -> None:
    home, data = copy_of(own_prices / "home", tmp_path), own_prices / "my_prices"
    words = ("backfill", "--select", "market/quarantine", "--from", BAD, "--to", BAD)
    try:
        changed(lambda f: pl.concat([f, f.filter(ACME)]))(data)
        assert asof(home, *words).code == 1
        assert asof(home, *words, "--set", "quality.quarantine_tolerance=1").code == 0
    finally:
        drop(GOOD_UNTIL).write_csv(data / "bars.csv")


def test_the_next_good_drop_is_stored_as_if_nothing_had_happened(own_prices: Path, tmp_path: Path) -> None:
    home = copy_of(own_prices / "home", tmp_path)
    drop(BAD).write_csv(own_prices / "my_prices" / "bars.csv")
    words = ("--select", "market/universe", "--from", BAD, "--to", BAD)
    assert asof(home, "backfill", *words).code == 0
    assert store_of(home).read("market/bars", BAD, first=BAD)["symbol"].to_list() == list(SYMBOLS)
    assert store_of(home).sessions("market/universe") == [*ALL, BAD]
