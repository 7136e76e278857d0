"""Splits that nobody recorded, found by a rule on the bar and those before it."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Market
from feature_store import sessions as calendar
from feature_store.schemas.market import BARS
from quant_assets.market.adjustment import adjusted_bars
from quant_assets.market.suspects import SPLITS, suspected_actions
from tests.oracles.bundle import SHARED, bundle_actions, bundle_bars, needs
from tests.oracles.panels import actions, random_market, sessions, stored

DAYS = sessions(6)
NONE = actions([])
MARKET = Market()


def quotes(*rows: tuple[float, float, float, float, int | None] | None, symbol: str = "A") -> pl.DataFrame:
    """BARS of consecutive sessions from (open, high, low, close, volume); None where there is no bar."""
    whole = [(DAYS[t], symbol, *row, None, None) for t, row in enumerate(rows) if row is not None]
    return pl.DataFrame(whole, schema=stored(BARS), orient="row")


USUAL = (100.0, 101.0, 99.0, 100.0, 1000)


def found(*rows: tuple, recorded: pl.DataFrame = NONE, settings: Market = MARKET) -> list[tuple]:
    frame = suspected_actions(quotes(*rows), recorded, DAYS, settings)
    return frame.select("event_date", "ratio", "split").rows()


# --- known values ----------------------------------------------------------------------------------------------------


def test_a_quiet_day_at_half_the_price_is_a_suspected_split():
    frame = suspected_actions(quotes(USUAL, (50.5, 51.0, 50.0, 50.5, 2000)), NONE, DAYS, MARKET)
    assert frame.rows() == [
        (DAYS[1], "A", pytest.approx(0.505), 2.0, "opened at 50.5 after a close of 100.0, as after a split of 2.0 new "
         "per old share"),
    ]  # fmt: skip


def test_a_reverse_split_is_found_as_well():
    assert found(USUAL, (1000.0, 1010.0, 990.0, 1000.0, 100)) == [(DAYS[1], pytest.approx(10.0), 0.1)]


@pytest.mark.parametrize(
    "bar",
    [
        (50.0, 52.0, 47.0, 50.0, 2000),  # swings by a tenth
        (50.0, 51.0, 49.0, 50.0, 6100),  # more than three times the dollars
        (45.0, 46.0, 44.5, 45.0, 2000),  # no simple ratio
        (70.0, 71.0, 69.0, 70.0, 2000),  # no large move
        (50.0, 51.0, 49.0, 50.0, None),  # nobody knows how many dollars
        (50.0, 50.0, 50.0, 50.0, 2000),  # one price shows no level
    ],
)
def test_without_all_of_its_signs_a_move_is_a_move(bar: tuple):
    assert found(USUAL, bar) == []


def test_a_recorded_split_leaves_nothing_to_suspect_and_one_that_the_price_does_not_show_is_suspected():
    split = actions([(DAYS[1], "A", "split", 2.0)])
    assert found(USUAL, (50.5, 51.0, 50.0, 50.5, 2000), recorded=split) == []
    assert found(USUAL, USUAL, recorded=split) == [(DAYS[1], pytest.approx(2.0), 0.5)]


def test_a_spin_off_of_unknown_worth_is_not_suspected_as_it_is_known():
    spun = actions([(DAYS[1], "A", "spin_off", 1.0, None, "B")])
    assert found(USUAL, (50.5, 51.0, 50.0, 50.5, 2000), recorded=spun) == []


def test_a_placeholder_may_hide_a_loud_day():
    placeholder = (100.0, 100.0, 100.0, 100.0)
    half = (50.5, 51.0, 50.0, 50.5, 2000)
    assert found(USUAL, (*placeholder, 1000), half) == [(DAYS[2], pytest.approx(0.505), 2.0)]
    assert found(USUAL, (*placeholder, 15_000), half) == []  # the day of the news
    assert found((*placeholder, 1000), half) == []  # nothing to compare with
    assert found((*placeholder, 1000), (*placeholder, 1000), half) == []


def test_a_bar_before_a_placeholder_counts_within_the_gap_alone():
    rows = (USUAL, None, (100.0, 100.0, 100.0, 100.0, 1000), None, (50.5, 51.0, 50.0, 50.5, 2000))
    assert found(*rows, settings=Market(max_gap_sessions=3)) == []
    assert found(*rows, settings=Market(max_gap_sessions=4)) == [(DAYS[4], pytest.approx(0.505), 2.0)]


def test_of_a_share_at_two_cents_every_move_is_a_simple_ratio():
    assert found((0.02, 0.021, 0.019, 0.02, 1000), (0.03, 0.031, 0.03, 0.03, 1000)) == []


def test_the_row_above_of_another_symbol_says_nothing():
    both = pl.concat([quotes(USUAL), quotes((50.5, 51.0, 50.0, 50.5, 2000), symbol="B")])
    assert suspected_actions(both, NONE, DAYS, MARKET).is_empty()


def test_no_bars_give_no_suspects():
    assert suspected_actions(quotes(), NONE, DAYS, MARKET).is_empty()


@pytest.mark.shared
@needs("data/known_price_anomalies.parquet")
def test_of_the_known_anomalies_17_are_found_none_of_them_a_real_fall_and_9_more_are_found_beside():
    """The whole bundle; `docs/adjustment.md` speaks of each."""
    first, last = dt.date(1999, 11, 1), dt.date(2018, 12, 31)
    files = ("prices_daily", "prices_daily_ext", "etf_prices_daily")
    acts, days = bundle_actions(), calendar.between(first, last)
    each = [suspected_actions(bundle_bars(first=first, last=last, file=file), acts, days, MARKET) for file in files]
    suspects = pl.concat(each).sort("event_date", "symbol")
    known = pl.read_parquet(SHARED / "data/known_price_anomalies.parquet")
    by_rule = suspects.select("symbol", "event_date", suspected="split")
    joined = known.join(by_rule, left_on=["security_id", "date"], right_on=["symbol", "event_date"], how="left")
    hits = joined.filter(pl.col("suspected").is_not_null())
    assert set(hits.select("security_id", pl.col("date").cast(pl.String)).rows()) == {
        ("ANTM", "2002-03-18"),
        ("ANTM", "2005-06-02"),
        ("ATI", "1999-12-02"),
        ("BJS", "2005-09-02"),
        ("DNB", "2000-10-03"),
        ("GENZ", "2001-04-30"),
        ("GENZ", "2001-05-01"),
        ("GENZ", "2001-05-07"),
        ("GENZ", "2001-05-08"),
        ("JAVA", "2007-11-12"),
        ("LEH", "2000-07-26"),
        ("LEH", "2000-07-27"),
        ("LEH", "2000-08-18"),
        ("SII", "2005-08-25"),
        ("TIE", "2003-02-18"),
        ("TRMB", "2007-02-26"),
        ("WST", "2004-09-30"),
    }
    real = joined.filter(pl.col("explanation").fill_null("").str.contains("real fall"))
    assert (real.height, real["suspected"].null_count()) == (21, 21)
    beside = suspects.join(known, left_on=["symbol", "event_date"], right_on=["security_id", "date"], how="anti")
    assert beside.select("symbol", pl.col("event_date").cast(pl.String)).rows() == [
        ("SO", "2001-04-03"),
        ("AMG", "2004-03-18"),
        ("CMCSA", "2004-08-03"),
        ("IRM", "2006-02-02"),
        ("IRM", "2006-02-03"),
        ("BF.B", "2012-08-13"),
        ("TMUS", "2013-05-01"),
        ("GTE", "2014-05-19"),
        ("RRD", "2016-10-03"),
    ]


# --- properties ------------------------------------------------------------------------------------------------------


@given(st.sampled_from([n for n in SPLITS if 0.1 <= n <= 10]), st.floats(-0.03, 0.03), st.floats(1, 500))
@effort(max_examples=40, deadline=None)
def test_every_simple_split_over_a_quiet_night_is_found(split: float, night: float, price: float):
    before = (price, price * 1.01, price * 0.99, price, 10**6)
    opened = price / split * np.exp(night)
    after = (opened, opened * 1.02, opened * 0.98, opened, int(10**6 * split))
    usable = min(price, opened) * MARKET.suspect_tolerance > 0.01
    assert bool(found(before, after)) == (usable and abs(np.log(price / opened)) >= np.log(MARKET.suspect_ratio))


@given(st.integers(0, 10**6))
@effort(max_examples=10, deadline=None)
def test_what_is_listed_is_what_is_left_out(seed: int):
    prices, acts, days = random_market(seed, 20)
    settings = Market(max_gap_sessions=3, suspect_range=0.5, suspect_tolerance=0.1)
    kept, left = (
        adjusted_bars(prices, acts, days, settings.model_copy(update={"suspected_actions": how}))
        for how in ("keep", "exclude")
    )
    gone = kept.filter(kept["log_return"].is_not_null() & left["log_return"].is_null())
    listed = suspected_actions(prices, acts, days, settings)
    assert_frame_equal(
        gone.select("event_date", "symbol").sort("event_date", "symbol"), listed.select("event_date", "symbol")
    )


@given(st.integers(0, 10**6), st.integers(1, 8))
@effort(max_examples=10, deadline=None)
def test_suspicion_reaches_back_no_further_than_a_gap(seed: int, start: int):
    prices, acts, days = random_market(seed, 20)
    settings = Market(max_gap_sessions=3, suspect_range=0.5, suspect_tolerance=0.1)
    sure = pl.col("event_date") >= days[start + 3]
    later = prices.filter(pl.col("event_date") >= days[start])
    assert_frame_equal(
        suspected_actions(later, acts, days[start:], settings).filter(sure),
        suspected_actions(prices, acts, days, settings).filter(sure),
        check_exact=True,
    )
