"""Faults of the simulated feed: corrections, halts, missing days, late files, duplicates."""

import polars as pl

from feature_store import sessions as calendar
from feature_store.schemas.market import BARS
from feature_store.schemas.quality import QUARANTINE
from quant_resources.vendors.simulated.vendor import SimulatedMarket
from tests.support.simulated import DAYS, START, everything, parsed, profile

# --- known values -----------------------------------------------------------------------------------------------------


def faulty(**changes: object) -> SimulatedMarket:
    return SimulatedMarket(profile(DAYS[300], n_symbols=16, correction_rate=0, late_rate=0, **changes))


def bars_of(market: SimulatedMarket) -> pl.DataFrame:
    return parsed(market, BARS, START, DAYS[300])


def test_corrections_come_within_a_week_and_fix_the_close() -> None:
    bars = everything(BARS).sort("symbol", "event_date", "known_at")
    versions = bars.filter(pl.struct("symbol", "event_date").is_duplicated())
    later = versions.with_columns(
        lag=pl.int_range(pl.len()).over("symbol", "event_date"),
        change=(pl.col("close") / pl.col("close").shift(1) - 1).over("symbol", "event_date"),
    ).filter(pl.col("lag") == 1)
    assert 0.01 < later.height / bars.height < 0.03
    assert later["change"].abs().min() > 0.004
    late = [calendar.index_of(s) - calendar.index_of(e) for s, e in later.select("session", "event_date").iter_rows()]
    assert 1 <= min(late) <= max(late) <= 8  # a late bar may be corrected too
    first = bars.unique(["symbol", "event_date"], keep="first", maintain_order=True)
    assert 0.01 < first.filter(pl.col("session") > pl.col("event_date")).height / bars.height < 0.03


def test_halts_are_some_sessions_without_a_bar() -> None:
    whole, halted = bars_of(faulty()), bars_of(faulty(faults__halts=0.01))
    gone = whole.join(halted, on=["symbol", "event_date"], how="anti")
    assert 0.01 < gone.height / whole.height < 0.1
    assert gone["symbol"].n_unique() > 10
    assert halted.equals(whole.join(halted.select("symbol", "event_date"), on=["symbol", "event_date"], how="semi"))


def test_a_missing_day_has_no_bars_at_all() -> None:
    whole, holed = bars_of(faulty()), bars_of(faulty(faults__missing_days=0.02))
    gone = whole.join(holed, on=["symbol", "event_date"], how="anti")
    assert 3 < gone["event_date"].n_unique() < 20
    assert not set(gone["event_date"]) & set(holed["event_date"])


def test_a_late_file_comes_whole_a_session_later() -> None:
    whole, late = bars_of(faulty()), bars_of(faulty(faults__late_files=0.05))
    moved = late.filter(pl.col("session") > pl.col("event_date"))
    days = moved["event_date"].unique()
    assert 5 < days.len() < 30
    assert moved.height == late.filter(pl.col("event_date").is_in(days.to_list())).height
    assert all(calendar.shift(d, 1) == s for d, s in moved.select("event_date", "session").unique().iter_rows())
    assert (
        late.height == whole.height - whole.filter(pl.col("event_date") == DAYS[300], pl.lit(DAYS[300] in days)).height
    )


def test_duplicates_are_quarantined_and_only_contradicting_ones_cost_a_bar() -> None:
    market = faulty(faults__duplicates=0.02)
    whole, good = bars_of(faulty()), bars_of(market)
    bad = parsed(market, QUARANTINE, START, DAYS[300])
    counts = dict(bad["rule"].value_counts().iter_rows())
    assert set(counts) == {"duplicate", "duplicate_conflicting"}
    assert 0.005 < counts["duplicate"] / whole.height < 0.015
    lost = whole.join(good, on=["symbol", "event_date"], how="anti")
    assert lost.height == counts["duplicate_conflicting"] / 2
    assert good.equals(whole.join(good.select("symbol", "event_date"), on=["symbol", "event_date"], how="semi"))
