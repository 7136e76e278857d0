"""Corrections and their reach: `impact` says what two full rebuilds differ by, and `refresh` repairs it."""

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from feature_store import sessions
from feature_store.schemas.catalogue import DATASETS
from quant_assets.engine.runner import Runner
from quant_assets.operations.impact import impact
from quant_assets.operations.refresh import stale_spans
from tests.engine.market import contents, copy_store
from tests.operations.stored_market import DAY, DAYS, GRAPH, Stored, cells
from tests.support.arrivals import KINDS, Arrival, differing, differing_orders

# -- known values ------------------------------------------------------------------------------------------------------


def test_nothing_arrives_and_nothing_would_differ(stored: Stored) -> None:
    found = impact(stored.runner(), assets=GRAPH)
    assert found.differences == ()
    assert found.orders.height == 0


def test_one_corrected_bar_reaches_its_return_and_the_next_of_its_symbol_alone(stored: Stored) -> None:
    bar = stored.bar()
    (symbol,) = bar["symbol"]
    found = stored.what_if(bar)
    of = {name: [d for d in found.differences if d.dataset == name] for name in ("market/bars", "market/adjusted_bars")}
    assert [(d.session, d.changed, d.rows) for d in of["market/bars"]] == [(DAY, 1, 1)]
    returns = found.frame("market/adjusted_bars")
    assert set(returns["symbol"]) == {symbol}
    assert set(returns["event_date"]) == {DAY, sessions.shift(DAY, 1)}
    then, now = (
        returns.filter(pl.col("version") == version, pl.col("event_date") == DAY)
        for version in ("stored", "recomputed")
    )
    assert now["log_return"][0] - then["log_return"][0] == pytest.approx(np.log(1.05))


def test_a_mean_of_five_closes_is_reached_for_five_sessions(stored: Stored) -> None:
    found = stored.what_if(stored.bar())
    reached = [d.session for d in found.differences if d.dataset == "laws/mean_close"]
    assert reached == [sessions.shift(DAY, i) for i in range(5)]


def test_a_corrected_volume_does_not_reach_what_reads_no_volume(stored: Stored) -> None:
    bar = stored.bar(by=1.0).with_columns(pl.col("volume") + 1)
    reached = {d.dataset for d in stored.what_if(bar).differences}
    assert {"market/universe", "features/industry_returns"} <= reached  # by its dollar volume
    assert not {"laws/mean_close", "features/forward_returns"} & reached


# -- properties --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        "corrected bars",
        "amended bars",
        "late bars",
        "new bars",
        "split corporate_actions",
        "gone corporate_actions",
        "moved members",
        "another industries",
        "corrected macro",
    ],
)
def test_what_arrives_late_reaches_what_two_full_rebuilds_say(stored: Stored, kind: str, tmp_path: Path) -> None:
    arrival = stored.arrivals.of(kind, np.random.default_rng([3, list(KINDS).index(kind)]))
    before = contents(stored.runner().store, GRAPH)
    found, whole = stored.impact(arrival), stored.rebuilt(arrival, tmp_path / "rebuilt")
    store = stored.runner().store
    assert cells(found) == differing(store, whole, GRAPH), str(arrival)
    assert list(found.orders.iter_rows()) == differing_orders(store, whole), str(arrival)
    assert contents(store, GRAPH) == before  # nothing is written


def test_an_overlay_says_what_the_vendor_would(stored: Stored) -> None:
    bar = stored.bar()
    raw = stored.vendor.fetch(DATASETS["market/bars"], [DAY], stored.runner().store.clock.decision_time(DAY))
    row = raw.join(bar, on=["event_date", "symbol", "known_at"], how="semi")
    arrival = Arrival("corrected", "market/bars", row.update(bar, on=["event_date", "symbol"]).select(raw.columns), row)
    found = stored.what_if(bar)
    assert len(found.differences) > 20
    assert cells(found) == cells(stored.impact(arrival))


def test_a_row_taken_out_and_put_back_is_as_it_was(stored: Stored) -> None:
    bar = stored.bar(by=1.0)
    gone = stored.what_if(bar.with_columns(removed=True))
    assert [(d.removed, d.rows) for d in gone.differences if d.dataset == "market/bars"] == [(1, 1)]
    assert stored.what_if(bar).differences == ()


def test_a_correction_that_came_later_touches_nothing_before_its_session(stored: Stored) -> None:
    learned = sessions.shift(DAY, 4)
    bar = stored.bar().with_columns(
        known_at=pl.lit(sessions.closes_at(learned) + dt.timedelta(minutes=90)).cast(pl.Datetime("us", "UTC"))
    )
    found = stored.what_if(bar)
    assert min(d.session for d in found.differences) == learned
    assert {d.dataset for d in found.differences} > {"market/bars", "market/adjusted_bars", "market/universe"}
    restated = found.frame("market/adjusted_bars").filter(pl.col("session") == learned)
    assert DAY in restated["event_date"].to_list()


def test_bounds_hold_what_refreshing_those_sessions_alone_would_change(stored: Stored, tmp_path: Path) -> None:
    arrival = stored.arrivals.of("corrected bars", np.random.default_rng(5))
    day = stored.learned(arrival)
    last = min(sessions.shift(day, 3), DAYS[-1])
    runner = stored.runner(arrival, copy_store(stored.folder, tmp_path / "copy"))
    found = stored.impact(arrival, first=day, last=last)
    assert {d.session for d in found.differences} == set(sessions.between(day, last))
    refreshed(runner, day, last)
    assert cells(found) == differing(stored.runner().store, runner.store, GRAPH)


def test_a_refresh_that_was_killed_is_taken_up_and_stores_what_a_rebuild_does(stored: Stored, tmp_path: Path) -> None:
    arrival = stored.arrivals.of("corrected bars", np.random.default_rng(6))
    runner = stored.runner(arrival, copy_store(stored.folder, tmp_path / "copy"))
    refreshed(runner, None, None, killed_after=len(GRAPH) // 2)
    refreshed(runner, None, None)
    assert contents(runner.store, GRAPH) == contents(stored.rebuilt(arrival, tmp_path / "rebuilt"), GRAPH)
    assert stale_spans(runner, GRAPH, None, None) == []
    assert impact(runner, assets=GRAPH).differences == ()


def refreshed(runner: Runner, first: dt.date | None, last: dt.date | None, killed_after: int | None = None) -> None:
    """As `asof refresh` does, without Dagster."""
    by_name = {asset.name: asset for asset in GRAPH}
    for name, (begin, end) in stale_spans(runner, GRAPH, first, last)[:killed_after]:
        for _ in runner.run(by_name[name], sessions.between(begin, end)):
            pass


def test_a_half_refreshed_store_says_what_is_left(stored: Stored, tmp_path: Path) -> None:
    arrival = stored.arrivals.of("corrected bars", np.random.default_rng(6))
    whole = stored.impact(arrival)
    runner = stored.runner(arrival, copy_store(stored.folder, tmp_path / "copy"))
    refreshed(runner, None, None, killed_after=len(GRAPH) // 2)
    stale = {d.dataset for d in impact(runner, assets=GRAPH).differences}
    done = {name for name, _ in stale_spans(stored.runner(arrival), GRAPH, None, None)[: len(GRAPH) // 2]}
    left = {key: hashes for key, hashes in cells(whole).items() if key[0] not in done}
    assert left
    assert stale.isdisjoint(done)
    assert cells(impact(runner, assets=GRAPH)) == left


def test_sessions_that_are_not_stored_are_not_refreshed(stored: Stored, tmp_path: Path) -> None:
    """Stored with a gap, before the correction came and then asked again."""
    arrival = stored.arrivals.of("corrected bars", np.random.default_rng(6))
    day = stored.learned(arrival)
    bars = next(asset for asset in GRAPH if asset.name == "market/bars")
    i = DAYS.index(day)
    spans = DAYS[: i + 2], DAYS[i + 5 :]
    runner = stored.runner(None, tmp_path / "gap")
    for span in spans:
        for _ in runner.run(bars, span):
            pass
    asked = stored.runner(arrival, tmp_path / "gap")
    assert stale_spans(asked, [bars], None, None) == [
        (bars.name, (day, DAYS[i + 1])),
        (bars.name, (DAYS[i + 5], DAYS[-1])),
    ]
