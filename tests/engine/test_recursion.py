"""A recursive asset goes on from what the session before holds, and stops where a step comes out as it is stored."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quant_assets.engine.asset import Recursive, same
from quant_assets.engine.lookahead_checks import Checker
from quant_assets.engine.recomputation import Recomputation
from quant_assets.engine.runner import Runner
from tests.engine.changes import BARS_ASSET, DAYS, MEAN, RANKS, run_chain, runner_on
from tests.engine.market import contents, copy_store, run, valued

PLANTED: dict[dt.date, float] = {}
GIVEN = "changes/given"


def given_values(means: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """What a test plants, the same for every symbol: a stand-in for an input that was corrected."""
    return means.select("event_date", "symbol", value=pl.lit(PLANTED.get(session, 0.0)))


def forgetful(given: pl.DataFrame, state: pl.DataFrame | None, session: dt.date) -> pl.DataFrame:
    """The planted value, and a tenth of what was, in whole numbers: what happened is forgotten after some sessions."""
    before = given.clear() if state is None else state
    both = given.join(before.select("symbol", before="value"), on="symbol", how="left")
    value = (pl.col("value") + pl.col("before").fill_null(0) / 10).floor()
    return both.select(pl.lit(session, pl.Date).alias("event_date"), "symbol", value=value)


INPUT = replace(RANKS, dataset=valued(GIVEN), function=given_values)
FORGETS = Recursive(valued("changes/forgets"), forgetful, {"given": same(INPUT.dataset)})
WALKED = (BARS_ASSET, MEAN, INPUT, FORGETS)


def planted(values: dict[dt.date, float]) -> None:
    PLANTED.clear()
    PLANTED.update(values)


@pytest.fixture(autouse=True)
def nothing_planted() -> Iterator[None]:
    planted({})
    yield
    planted({})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stored with nothing planted."""
    folder = tmp_path_factory.mktemp("walks") / "whole"
    planted({})
    run_chain(runner_on(folder, WALKED), WALKED)
    return folder


@pytest.fixture
def runner(whole: Path, tmp_path: Path) -> Runner:
    return runner_on(copy_store(whole, tmp_path / "copy"), WALKED)


def store_given(runner: Runner, values: dict[dt.date, float]) -> None:
    """As a correction would: under another fingerprint."""
    planted(values)
    other = replace(INPUT, dataset=INPUT.dataset, inputs={"means": same(MEAN.dataset, ())})
    run(runner, other, DAYS)


def walked(runner: Runner) -> list[dt.date]:
    return [o.session for o in run(runner, FORGETS, DAYS) if not o.skipped]


def as_from_scratch(runner: Runner, folder: Path) -> dict:
    fresh = runner_on(folder, WALKED)
    for asset in WALKED:
        run(fresh, asset, DAYS)
    return contents(fresh.store, [FORGETS])


# -- known values ------------------------------------------------------------------------------------------------------


def test_a_change_is_followed_until_a_step_comes_out_as_stored(runner: Runner) -> None:
    store_given(runner, {DAYS[4]: 100.0})
    # 100, 10, 1, and then 0 as it was
    assert walked(runner) == DAYS[4:8]
    assert walked(runner) == []


def test_a_change_that_the_step_does_not_feel_ends_where_it_began(runner: Runner) -> None:
    store_given(runner, {DAYS[4]: 0.25})
    assert walked(runner) == [DAYS[4]]


def test_two_changes_are_walked_apart(runner: Runner) -> None:
    store_given(runner, {DAYS[2]: 10.0, DAYS[9]: 1.0})
    assert walked(runner) == [*DAYS[2:5], *DAYS[9:11]]


def test_what_rests_on_another_state_is_not_current(runner: Runner) -> None:
    """A session whose predecessor was replaced by hand."""
    store_given(runner, {DAYS[4]: 100.0})
    run(runner, FORGETS, DAYS[4:5])
    expected = runner.expected(FORGETS, DAYS)
    stored = {p.session: p.fingerprint for p in runner.store.partitions(FORGETS.dataset)}
    assert [t for t in DAYS if stored[t] != expected[t].fingerprint] == [DAYS[5]]
    assert Checker(runner).recompute(FORGETS, DAYS[5]) is None


# -- properties --------------------------------------------------------------------------------------------------------

values = st.dictionaries(st.sampled_from(DAYS), st.sampled_from([0.5, 1.0, 10.0, 123.0]), max_size=4)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=values, parts=st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_what_is_stored_is_what_a_walk_from_the_start_would_store(
    whole: Path, tmp_path_factory: pytest.TempPathFactory, changes: dict[dt.date, float], parts: Sequence[int]
) -> None:
    """However the range is cut into runs."""
    folder = tmp_path_factory.mktemp("walk")
    runner = runner_on(copy_store(whole, folder / "copy"), WALKED)
    store_given(runner, changes)
    begin = 0
    for size in [*parts, len(DAYS)]:
        run(runner, FORGETS, DAYS[begin : begin + size])
        begin = min(begin + size, len(DAYS) - 1)
    run(runner, FORGETS, DAYS)
    assert contents(runner.store, [FORGETS]) == as_from_scratch(runner, folder / "fresh")
    expected = runner.expected(FORGETS, DAYS)
    assert all(p.fingerprint == expected[p.session].fingerprint for p in runner.store.partitions(FORGETS.dataset))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=values)
def test_a_recomputation_says_what_a_run_stores(
    whole: Path, tmp_path_factory: pytest.TempPathFactory, changes: dict[dt.date, float]
) -> None:
    runner = runner_on(copy_store(whole, tmp_path_factory.mktemp("walk") / "copy"), WALKED)
    store_given(runner, changes)
    before = contents(runner.store, [FORGETS])
    foreseen = Recomputation(runner)
    foreseen.add(FORGETS)
    run(runner, FORGETS, DAYS)
    after = contents(runner.store, [FORGETS])
    differing = {t: after[FORGETS.name, t] for t in DAYS if after[FORGETS.name, t] != before[FORGETS.name, t]}
    assert {t: p.content_hash for t, p in foreseen.overlay.replaced(FORGETS.dataset).items()} == differing
