"""A vendor is asked again: what it says otherwise of stored sessions is found and kept as a failure, never stored."""

import datetime as dt
from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
import pytest

from configs.settings import Profile
from feature_store.dataset import Dataset
from feature_store.schemas.market import BARS, CORPORATE_ACTIONS, MEMBERS
from quant_assets.engine.asset import Source
from quant_assets.engine.lookahead_checks import record
from quant_assets.engine.runner import Runner
from quant_assets.operations.vendor_drift import CHECK, drifts, due_sessions, results_of
from quant_resources.vendors.protocol import Vendor
from quant_resources.vendors.registry import make_vendor
from tests.engine.leaks import LiesInItsPayload, Wrapped
from tests.engine.market import SESSIONS, contents, make_runner, profile, run

STORED, TARGETS = SESSIONS[:30], SESSIONS[4:8]
SOURCES = [Source(dataset) for dataset in (BARS, CORPORATE_ACTIONS, MEMBERS)]


class Otherwise(Wrapped):
    """Says of every row what `change` makes of it."""

    def __init__(self, inner: Vendor, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
        super().__init__(inner)
        self._change = change

    def parse(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> pl.DataFrame:
        return self._change(self.inner.parse(dataset, raw, sessions))


@pytest.fixture(scope="module")
def chosen() -> Profile:
    return profile()


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory, chosen: Profile) -> Runner:
    """Sources of a few weeks; no test changes what is stored."""
    found = make_runner(tmp_path_factory.mktemp("drift") / "store", chosen)
    for source in SOURCES:
        run(found, source, STORED)
    return found


def first_symbol(rows: pl.DataFrame) -> pl.Expr:
    return (pl.col("symbol") == rows["symbol"].min()) & (pl.col("event_date") == pl.col("session"))


# -- known values ------------------------------------------------------------------------------------------------------


def test_a_vendor_that_adjusts_its_history_in_silence_differs_in_every_row(runner: Runner, chosen: Profile) -> None:
    halved = Otherwise(make_vendor(chosen), lambda rows: rows.with_columns(pl.col("close") / 2))
    found = drifts(runner, SOURCES[0], TARGETS, halved)
    rows = {p.session: p.rows for p in runner.store.partitions(BARS, TARGETS[0], TARGETS[-1])}
    assert {drift.session: drift.changed for drift in found} == rows
    assert all(drift.added == drift.gone == 0 for drift in found)
    assert "close of 2015-11-06, " in found[0].example
    assert "Nothing was stored" in str(found[0])


def test_one_row_that_is_changed_taken_back_or_added_is_found_alone(runner: Runner, chosen: Profile) -> None:
    def changed(rows: pl.DataFrame) -> pl.DataFrame:
        one = first_symbol(rows) & (pl.col("session") == TARGETS[1])
        return rows.with_columns(volume=pl.when(one).then(pl.col("volume") + 1).otherwise("volume"))

    def gone(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.filter(~(first_symbol(rows) & (pl.col("session") == TARGETS[1])))

    def added(rows: pl.DataFrame) -> pl.DataFrame:
        one = rows.filter(first_symbol(rows) & (pl.col("session") == TARGETS[1]))
        return pl.concat([rows, one.with_columns(symbol=pl.lit("NEW"))])

    vendors = [Otherwise(make_vendor(chosen), of) for of in (changed, gone, added)]
    counts = [
        [(d.session, d.changed, d.added, d.gone) for d in drifts(runner, SOURCES[0], TARGETS, vendor)]
        for vendor in vendors
    ]
    assert counts == [[(TARGETS[1], 1, 0, 0)], [(TARGETS[1], 0, 0, 1)], [(TARGETS[1], 0, 1, 0)]]


def test_a_member_that_is_taken_out_of_an_old_list_is_found(runner: Runner, chosen: Profile) -> None:
    survivors = Otherwise(make_vendor(chosen), lambda rows: rows.filter(~first_symbol(rows)))
    found = drifts(runner, SOURCES[2], TARGETS, survivors)
    assert [(d.session, d.gone) for d in found] == [(t, 1) for t in TARGETS]


# -- properties --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES, ids=[s.name for s in SOURCES])
def test_a_vendor_that_says_what_it_said_does_not_differ(runner: Runner, chosen: Profile, source: Source) -> None:
    assert drifts(runner, source, TARGETS, make_vendor(chosen)) == []


def test_a_correction_that_came_as_one_is_no_drift(runner: Runner, chosen: Profile) -> None:
    """The vendor only has the corrected value by now; the store learned it later, as a later row."""
    late = runner.store.versions(BARS, STORED[0], STORED[-1], list(BARS.schema))
    late = late.filter(pl.col("event_date") < pl.col("session"), pl.col("event_date").is_in(STORED[:8]))
    assert late.height > 0
    corrected = LiesInItsPayload(make_vendor(chosen), STORED[:8])
    found = drifts(runner, SOURCES[0], STORED[:8], corrected)
    assert {d.session for d in found} & {*late["event_date"]} == set()


def test_sessions_are_requested_once_the_latest_first_and_one_more_by_chance(runner: Runner) -> None:
    quality = runner.profile.quality
    now = runner.calculation.clock.decision_time(STORED[19]) + dt.timedelta(days=quality.vendor_age_days)
    rng = np.random.default_rng(3)
    latest, before = STORED[20 - quality.vendor_sessions : 20], STORED[20 - 2 * quality.vendor_sessions : 20]
    first = [s for span in due_sessions(runner, SOURCES[1], now, rng) for s in span]
    assert {*latest} <= {*first}
    assert len({*first} - {*latest}) <= 1
    record(runner, SOURCES[1], results_of(latest, []))
    second = [s for span in due_sessions(runner, SOURCES[1], now, rng) for s in span]
    assert {*before} - {*latest} <= {*second}
    assert len({*second} - {*before}) <= 1
    assert due_sessions(runner, SOURCES[1], now - dt.timedelta(days=365), rng) == []


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_drift_is_a_failed_check_that_stays_and_changes_nothing(runner: Runner, chosen: Profile) -> None:
    before = contents(runner.store, SOURCES)
    halved = Otherwise(make_vendor(chosen), lambda rows: rows.with_columns(pl.col("close") / 2))
    found = drifts(runner, SOURCES[0], TARGETS[:1], halved)
    record(runner, SOURCES[0], results_of(TARGETS[:2], found))
    record(runner, SOURCES[0], results_of(TARGETS[:1], []))  # a later answer hides nothing
    kept = {session: (passed, detail) for session, passed, detail in runner.store.check_results(BARS, CHECK)}
    assert [kept[t][0] for t in TARGETS[:2]] == [False, True]
    assert "the vendor now says otherwise" in kept[TARGETS[0]][1]
    assert contents(runner.store, SOURCES) == before
