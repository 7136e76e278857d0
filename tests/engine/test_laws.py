"""Laws 2 to 5 on a small market: whatever the way, the same content."""

import datetime as dt
import itertools
import random
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.settings import Profile
from feature_store import sessions
from feature_store.decision_time import end_of_day
from feature_store.errors import MissingSessionsError
from feature_store.schemas.market import ADJUSTED_BARS, BARS, CORPORATE_ACTIONS
from feature_store.writers import STEPS
from quant_assets.engine.asset import ModelFit, Recursive, SessionAsset, Source, TimeSeries
from quant_assets.engine.computation import Calculation
from quant_assets.engine.identity import settings_of
from quant_assets.engine.lookahead_checks import Checker
from quant_assets.engine.runner import Runner
from quant_assets.engine.workers import workers
from quant_assets.graph import core_assets
from quant_assets.market.adjustment import adjusted_bars
from tests.engine.assets import ASSETS, AVERAGE, MEAN_CLOSE, WARM, mean_close
from tests.engine.market import (
    SESSIONS,
    Contents,
    contents,
    copy_store,
    failures,
    forget,
    make_runner,
    profile,
    run,
    run_and_check,
)
from tests.oracles.market import holder

ROOT = Path(__file__).parent.parent.parent
GRAPH = core_assets()
EVERY = [*GRAPH, *ASSETS]
BY_NAME = {asset.name: asset for asset in EVERY}
ORDERLESS = [asset for asset in EVERY if not isinstance(asset, Recursive)]
TAIL = sessions.between(dt.date(2015, 12, 28), dt.date(2016, 1, 7))  # the year's edge, a split, refits
LATER = SESSIONS[32:55]


@pytest.fixture(scope="module")
def range_store(whole: Path, chosen: Profile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole graph and the test-only assets, each stored by one range run; never written to."""
    folder = copy_store(whole, tmp_path_factory.mktemp("laws") / "range")
    runner = make_runner(folder, chosen)
    for asset in ASSETS:
        run(runner, asset, SESSIONS)
    runner.store.index.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder


@pytest.fixture(scope="module")
def stored(range_store: Path, chosen: Profile) -> Contents:
    """What a range stores."""
    return contents(make_runner(range_store, chosen).store, EVERY)


@pytest.fixture(scope="module")
def again(range_store: Path, chosen: Profile, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """A copy to take sessions out of and store them again; each test leaves it whole."""
    return make_runner(copy_store(range_store, tmp_path_factory.mktemp("laws") / "again"), chosen)


def without(range_store: Path, folder: Path, gone: Sequence[dt.date], assets: Iterable[SessionAsset]) -> Path:
    """A copy of the store as it was before the sessions were stored."""
    copy_store(range_store, folder)
    store = make_runner(folder, profile()).store
    for asset in assets:
        forget(store, asset.dataset, gone)
    return folder


def differing(store_contents: Contents, expected: Contents) -> list[tuple[str, dt.date]]:
    return sorted(k for k in expected.keys() | store_contents.keys() if expected.get(k) != store_contents.get(k))


# -- law 5: a range is its days ----------------------------------------------------------------------------------------


def test_daily_runs_over_a_years_edge_store_what_one_range_stores(
    range_store: Path, stored: Contents, chosen: Profile, tmp_path: Path
) -> None:
    later = [s for s in SESSIONS if s >= TAIL[0]]
    daily = make_runner(without(range_store, tmp_path / "daily", later, EVERY), chosen)
    for day in TAIL:  # no later session is stored yet
        for asset in EVERY:
            (outcome,) = run(daily, asset, [day])
            assert not outcome.skipped
    expected = Contents({key: found for key, found in stored.items() if key[1] <= TAIL[-1]})
    assert differing(contents(daily.store, EVERY), expected) == []


@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_chunks_in_any_order_store_what_one_range_stores(again: Runner, stored: Contents, seed: int) -> None:
    rng = random.Random(seed)
    for asset in rng.sample(ORDERLESS, len(ORDERLESS) // 2):
        edges = [0, *sorted(rng.sample(range(1, len(LATER)), rng.randint(1, 2))), len(LATER)]
        chunks = [LATER[a:b] for a, b in itertools.pairwise(edges)]
        rng.shuffle(chunks)
        forget(again.store, asset.dataset, LATER)
        for chunk in chunks:
            run(again, asset, chunk)
    assert differing(contents(again.store, EVERY), stored) == []


def test_scattered_sessions_store_what_one_range_stores(again: Runner, stored: Contents) -> None:
    for asset in ORDERLESS:
        forget(again.store, asset.dataset, LATER[::6])
        run(again, asset, LATER[::6])
    assert differing(contents(again.store, EVERY), stored) == []


def test_the_path_in_parts_stores_what_one_walk_stores(again: Runner, stored: Contents) -> None:
    book = BY_NAME["execution/book"]
    forget(again.store, book.dataset, SESSIONS[30:])
    for part in (SESSIONS[30:33], SESSIONS[33:34], SESSIONS[34:]):
        run(again, book, part)
    assert differing(contents(again.store, EVERY), stored) == []


def test_two_processes_fit_what_one_fits(range_store: Path, stored: Contents, chosen: Profile, tmp_path: Path) -> None:
    fits = [asset for asset in EVERY if isinstance(asset, ModelFit)]
    folder = without(range_store, tmp_path / "pool", SESSIONS, fits)
    with workers(2) as pool:
        runner = make_runner(folder, chosen, pool=pool)
        for asset in fits:
            run(runner, asset, SESSIONS)
    assert differing(contents(runner.store, EVERY), stored) == []


def test_small_pieces_store_what_large_ones_store(
    again: Runner, stored: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quant_assets.engine.computation.PIECE_ROWS", 500)
    monkeypatch.setattr("quant_assets.engine.runner.CHUNK_ROWS", 300)
    monkeypatch.setattr("quant_assets.engine.runner.GROUP", 5)
    for asset in (a for a in EVERY if isinstance(a, TimeSeries)):
        forget(again.store, asset.dataset, LATER)
        run(again, asset, LATER)
    assert differing(contents(again.store, EVERY), stored) == []


class CrashError(Exception):
    pass


@settings(max_examples=6, deadline=None)
@given(
    name=st.sampled_from([asset.name for asset in EVERY]),
    at=st.sampled_from(STEPS),
    group=st.integers(1, 3),
)
def test_an_interrupted_run_repeated_stores_what_one_range_stores(
    range_store: Path, stored: Contents, chosen: Profile, again: Runner, name: str, at: str, group: int
) -> None:
    asset, gone = BY_NAME[name], SESSIONS[12:]  # groups of November, December and January
    forget(again.store, asset.dataset, gone)
    seen = 0

    def crash(reached: str) -> None:
        nonlocal seen
        seen += reached == at
        if seen == group:
            raise CrashError

    crashing = make_runner(again.store.layout.root, chosen, reached=crash)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(CrashError):
        patch.setattr("quant_assets.engine.runner.GROUP", 8)
        run(crashing, asset, gone)
    # opening settles what was announced
    repeated = make_runner(again.store.layout.root, chosen, datasets=[asset.dataset])
    outcomes = run(repeated, asset, gone)
    assert any(o.skipped for o in outcomes) == (group > 1 or at in ("linked", "renamed", "synced", "done"))
    assert differing(contents(repeated.store, EVERY), stored) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.engine.market import SESSIONS, make_runner, profile, run
from quant_assets.graph import core_assets
import quant_assets.engine.runner
quant_assets.engine.runner.GROUP = 8
seen = 0
def reached(step):
    global seen
    seen += step == sys.argv[3]
    if seen == 2:
        os.kill(os.getpid(), signal.SIGKILL)
asset = next(a for a in core_assets() if a.name == sys.argv[2])
run(make_runner(Path(sys.argv[1]), profile(), reached=reached), asset, SESSIONS[12:])
"""


@pytest.mark.parametrize(("name", "at"), [("execution/book", "renamed")])
def test_a_killed_run_repeated_stores_what_one_range_stores(
    range_store: Path, stored: Contents, chosen: Profile, tmp_path: Path, name: str, at: str
) -> None:
    asset = BY_NAME[name]
    folder = without(range_store, tmp_path / "killed", SESSIONS[12:], [asset])
    command = [sys.executable, "-c", KILLED, str(folder), name, at]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    runner = make_runner(folder, chosen)
    # 8 sessions of November and 22 of December, the group in flight
    assert sum(o.skipped for o in run(runner, asset, SESSIONS[12:])) == 30
    assert differing(contents(runner.store, EVERY), stored) == []
    assert runner.store.verify() == []


# -- law 5: segments and restatements ----------------------------------------------------------------------------------


def test_along_time_values_are_those_of_the_bars_as_known_at_each_session(range_store: Path, chosen: Profile) -> None:
    store = make_runner(range_store, chosen).store
    for t in SESSIONS[6:]:
        days = sessions.between(sessions.shift(t, -4), t)
        known = store.read(BARS, t, first=days[0], last=t).drop("known_at")
        alone = mean_close(known.sort("symbol", "event_date"), days).filter(event_date=t).sort("symbol")
        found = store.read(MEAN_CLOSE.dataset, t, first=t, last=t).drop("known_at")
        assert found.equals(alone.select(found.columns)), t


def test_restated_rows_give_at_every_session_what_the_bars_known_then_give(range_store: Path, chosen: Profile) -> None:
    store, reach = make_runner(range_store, chosen).store, chosen.market.restate_sessions
    restated = 0
    for t in SESSIONS:
        first = max(sessions.shift(t, -reach), SESSIONS[0])
        bars = store.read(BARS, t, first=SESSIONS[0]).drop("known_at")
        actions = store.read(CORPORATE_ACTIONS, t, first=SESSIONS[0]).drop("known_at")
        days = sessions.between(SESSIONS[0], t)
        truth = adjusted_bars(bars, actions, days, chosen.market).filter(pl.col("event_date") >= first)
        found = store.read(ADJUSTED_BARS, t, first=first, last=t)
        assert found.drop("known_at").equals(truth.sort("event_date", "symbol").select(found.columns[:-1])), t
        versions = store.versions(ADJUSTED_BARS, t, t)
        restated += versions.filter(pl.col("event_date") < t).height
    assert restated > 50


def test_returns_as_known_are_those_of_a_holder_told_day_by_day(range_store: Path, chosen: Profile) -> None:
    store = make_runner(range_store, chosen).store
    compared = 0
    for t in (dt.date(2015, 12, 28), dt.date(2015, 12, 30), dt.date(2016, 1, 15), dt.date(2016, 1, 21)):
        bars = store.read(BARS, t)
        actions = store.read(CORPORATE_ACTIONS, t)
        found = store.read(ADJUSTED_BARS, t, first=sessions.shift(t, -10), last=t)
        for row in found.drop_nulls("log_return").rows(named=True):
            own = bars.filter(symbol=row["symbol"])
            before = own.filter(pl.col("event_date") < row["event_date"]).row(-1, named=True)
            mine = actions.filter(symbol=row["symbol"])
            simple, shares, _ = holder(before["event_date"], before["close"], row["event_date"], row["close"], mine)
            assert pl.Series([simple]).log1p()[0] == pytest.approx(row["log_return"], abs=1e-12)
            assert shares == pytest.approx(row["split_ratio"])
            compared += 1
    assert compared > 200


def test_an_average_starts_at_the_first_session_of_its_year_less_the_window(range_store: Path, chosen: Profile) -> None:
    store = make_runner(range_store, chosen).store
    t, symbol = dt.date(2016, 1, 8), "S0003"
    days = sessions.between(sessions.shift(dt.date(2016, 1, 4), -9), t)
    known = store.read(ADJUSTED_BARS, t, first=days[0], last=t).filter(symbol=symbol)
    returns = dict(known.select("event_date", "log_return").rows())
    level = 0.0
    for day in days:
        level = level if returns.get(day) is None else 0.9 * level + 0.1 * returns[day]
    found = store.read(AVERAGE.dataset, t, first=t, last=t).filter(symbol=symbol)["value"].item()
    assert found == level


def test_a_chain_of_fits_restarts_cold_at_the_years_first_refit(range_store: Path, chosen: Profile) -> None:
    runner = make_runner(range_store, chosen)
    cold = replace(WARM, chained=False, function=without_previous)
    calculation = Calculation(chosen, runner.store.clock, runner.calculation.vendor)
    data = Checker(runner)._data
    first_of_year = dt.date(2016, 1, 4)
    value = {}
    for asset in (WARM, cold):
        frames = calculation.compute(asset, [first_of_year, dt.date(2016, 1, 11)], data)
        value[asset.chained] = {t: rows.sort("symbol")["value"].to_list() for t, rows in frames.items()}
    assert value[True][first_of_year] == value[False][first_of_year]
    assert value[True][dt.date(2016, 1, 11)] != value[False][dt.date(2016, 1, 11)]


def without_previous(bars: pl.DataFrame, session: dt.date, seed: int) -> pl.DataFrame:
    return WARM.function(bars, None, session, seed)


@pytest.mark.parametrize("asset", ASSETS, ids=lambda asset: asset.name)
def test_anchored_chained_and_segmented_assets_pass(again: Runner, asset: SessionAsset) -> None:
    forget(again.store, asset.dataset, SESSIONS)
    assert failures(run_and_check(again, asset, SESSIONS)) == []
    checker = Checker(again)
    results = [checker.recompute(asset, s) for s in (*TAIL[::3], SESSIONS[-1])]
    results += checker.scrambled(asset, TAIL[2], SESSIONS[-1])
    assert all(results)
    assert failures(results) == []


# -- law 4: generations and fingerprints -------------------------------------------------------------------------------


def test_a_second_run_of_the_same_day_writes_nothing(again: Runner) -> None:
    before = {path: path.stat().st_mtime_ns for path in again.store.layout.root.rglob("*.parquet")}
    for asset in EVERY:
        assert all(o.skipped for o in run(again, asset, SESSIONS[-1:]))
        assert all(o.skipped for o in run(again, asset, SESSIONS))
    assert {path: path.stat().st_mtime_ns for path in again.store.layout.root.rglob("*.parquet")} == before


def stale(runner: Runner, asset: SessionAsset) -> list[dt.date]:
    found = {p.session: p.fingerprint for p in runner.store.partitions(asset.dataset)}
    expected = runner.expected(asset, SESSIONS)
    return [s for s in SESSIONS if found[s] != expected[s].fingerprint]


def test_a_changed_setting_makes_stale_what_depends_on_it_and_nothing_else(
    whole: Path, tmp_path: Path, chosen: Profile
) -> None:
    folder = copy_store(whole, tmp_path / "changed")
    other = make_runner(folder, profile(risk__specific_shrinkage="0.9"))
    specific, book = BY_NAME["risk/specific_risk"], BY_NAME["execution/book"]
    derived = [asset for asset in GRAPH if not isinstance(asset, Source)]
    told = [asset for asset in derived if "specific_shrinkage" in settings_of(asset, chosen).get("Risk", "")]
    assert {a.name for a in derived if stale(other, a)} == {a.name for a in told} >= {specific.name}
    before = contents(other.store, told)
    old = {s: other.store.read(specific.dataset, s, first=s, last=s) for s in SESSIONS}

    for asset in told:
        assert not any(o.skipped for o in run(other, asset, SESSIONS))
    moved = differing(contents(other.store, told), before)
    assert {name for name, _ in moved} == {specific.name}  # the others do not look at this setting
    changed = sorted(s for _, s in moved)
    assert 0 < len(changed) < len(SESSIONS)
    # the books rest on their whole path: stale from the first change on
    assert stale(other, book) == [s for s in SESSIONS if s >= changed[0]]
    decided = {"execution/shuffled_book", *(dataset.name for dataset in book.datasets)}
    assert {a.name for a in derived if stale(other, a)} == decided
    assert all(o.skipped == (o.session < changed[0]) for o in run(other, book, SESSIONS))

    for s in changed:
        first, second = other.store.history(specific.dataset, s)
        assert (first.generation, second.generation) == (1, 2)
        assert first.parts != second.parts
        moment = second.written_at
        assert other.store.read(specific.dataset, s, first=s, last=s, written_before=moment).equals(old[s])
        assert not other.store.read(specific.dataset, s, first=s, last=s).equals(old[s])


def test_another_function_or_window_of_the_same_module_makes_an_asset_stale(again: Runner) -> None:
    window = MEAN_CLOSE.inputs["bars"]
    for other in (
        replace(MEAN_CLOSE, function=mean_close_of_another_kind),
        replace(MEAN_CLOSE, inputs={"bars": replace(window, length=6)}),
        replace(MEAN_CLOSE, inputs={"bars": replace(window, columns=("close",))}),
        replace(MEAN_CLOSE, restate_sessions=3),
        replace(MEAN_CLOSE, anchor="year"),
    ):
        assert stale(again, other) == SESSIONS
    assert stale(again, MEAN_CLOSE) == []


def mean_close_of_another_kind(bars: pl.DataFrame, sessions: list[dt.date]) -> pl.DataFrame:
    return mean_close(bars, sessions)


# -- law 3: knowledge travels ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asset", [a for a in EVERY if not isinstance(a, Source)], ids=lambda asset: asset.name)
def test_an_output_is_stamped_with_the_latest_knowledge_among_its_inputs(
    range_store: Path, chosen: Profile, asset: SessionAsset
) -> None:
    store = make_runner(range_store, chosen).store
    for t in (SESSIONS[0], TAIL[3], SESSIONS[-1]):
        end = asset.last_needed(t, chosen)
        moments = [
            store.versions(w.dataset, asset.first_needed(t, w, chosen), end)["known_at"].max()
            for w in asset.inputs.values()
        ]
        # an output of no rows at all, such as the book's target before any regime, rests on its session alone
        latest = max((m for m in moments if m is not None), default=end_of_day(t))
        stamps = store.versions(asset.dataset, t, t)["known_at"]
        assert set(stamps) <= {latest}
        assert latest <= store.clock.decision_time(t)


def test_a_fits_seed_is_that_of_its_refit(again: Runner, chosen: Profile) -> None:
    week = [p for p in again.store.partitions(WARM.dataset) if p.session.isocalendar()[:2] == (2016, 2)]
    assert len(week) == 5
    assert len({p.seeds["seed"] for p in week}) == 1


# -- law 2 and other refusals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asset", [a for a in EVERY if a.inputs], ids=lambda asset: asset.name)
def test_missing_input_sessions_are_refused_by_name(again: Runner, chosen: Profile, asset: SessionAsset) -> None:
    t, index = SESSIONS[-1], again.store.index
    for window in asset.inputs.values():
        first = asset.first_needed(t, window, chosen)
        (gone,) = again.store.partitions(window.dataset, first, first)
        with index.transaction() as connection:
            index.remove(connection, gone)
        with pytest.raises(MissingSessionsError, match=f"{window.dataset.name} .* 1 sessions .*{first}"):
            run(again, asset, [t])
        with index.transaction() as connection:
            index.insert_done(connection, [gone])
    assert all(o.skipped for o in run(again, asset, [t]))


def test_a_path_whose_day_before_is_missing_is_refused(range_store: Path, chosen: Profile, tmp_path: Path) -> None:
    book = BY_NAME["execution/book"]
    runner = make_runner(without(range_store, tmp_path / "gap", SESSIONS[30:], [book]), chosen)
    with pytest.raises(MissingSessionsError, match=f"execution/book .*{SESSIONS[31]}"):
        run(runner, book, SESSIONS[32:34])
    with pytest.raises(ValueError, match=f"add {SESSIONS[31]}"):
        run(runner, book, [SESSIONS[30], SESSIONS[32]])


def test_sessions_before_history_are_refused(again: Runner) -> None:
    with pytest.raises(ValueError, match=r"before history\.start"):
        run(again, BY_NAME["market/bars"], [dt.date(2015, 10, 30)])
