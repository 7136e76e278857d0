import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Market
from feature_store import sessions as calendar
from feature_store.schemas.market import ADJUSTED_BARS, ADJUSTED_BENCHMARKS
from quant_assets.market.adjustment import adjusted_bars
from tests.oracles.bundle import SHARED, bars_of, bundle_actions, needs
from tests.oracles.market import holder
from tests.oracles.panels import actions, assert_stored_as, bars, random_market, sessions
from tests.support.lookahead import assert_causal

MARKET = Market(max_gap_sessions=3)
KEEP = Market(max_gap_sessions=3, suspected_actions="keep")
DAYS = sessions(8)  # Friday 2015-01-02, then Monday to Friday, then Monday and Tuesday
NONE = actions([])


def one(frame: pl.DataFrame, day: dt.date) -> dict[str, float | None]:
    return frame.filter(event_date=day).row(0, named=True)


# known values


def test_a_dividend_is_part_of_the_return_on_its_ex_date():
    prices = bars([(DAYS[0], "A", 100.0, 100.0), (DAYS[1], "A", 98.0, 99.0)])
    row = one(adjusted_bars(prices, actions([(DAYS[1], "A", "cash_dividend", 1.0)]), DAYS, MARKET), DAYS[1])
    assert row["log_return"] == pytest.approx(0.0, abs=1e-15)  # 99 + 1 = 100
    assert row["overnight_log_return"] == pytest.approx(np.log(0.99))
    assert row["intraday_log_return"] == pytest.approx(np.log(99 / 98))
    assert (row["split_ratio"], row["dividend_usd"]) == (1.0, 1.0)


def test_a_seven_for_one_split_leaves_the_holder_as_rich():
    prices = bars([(DAYS[0], "AAPL", 700.0, 700.0), (DAYS[1], "AAPL", 100.0, 101.0)])
    row = one(adjusted_bars(prices, actions([(DAYS[1], "AAPL", "split", 7.0)]), DAYS, MARKET), DAYS[1])
    assert row["log_return"] == pytest.approx(np.log(1.01))
    assert row["split_ratio"] == 7.0


def test_split_and_dividend_of_one_ex_date_pay_on_the_new_shares():
    prices = bars([(DAYS[0], "A", 90.0, 90.0), (DAYS[1], "A", 30.0, 29.0)])
    both = actions([(DAYS[1], "A", "split", 3.0), (DAYS[1], "A", "cash_dividend", 1.0)])
    row = one(adjusted_bars(prices, both, DAYS, MARKET), DAYS[1])
    assert row["log_return"] == pytest.approx(0.0, abs=1e-15)  # 3 * (29 + 1) = 90


def test_actions_between_two_bars_multiply_in_order():
    prices = bars([(DAYS[0], "A", 100.0, 100.0), (DAYS[3], "A", 50.0, 50.0)])
    acts = actions(
        [(DAYS[1], "A", "cash_dividend", 4.0), (DAYS[2], "A", "split", 2.0), (DAYS[3], "A", "cash_dividend", 1.0)]
    )
    row = one(adjusted_bars(prices, acts, DAYS, MARKET), DAYS[3])
    # 1 share: 4 dollars; then 2 shares: 2 dollars; worth 100: 106 in all, 6 dollars on 2 shares
    assert row["log_return"] == pytest.approx(np.log(1.06))
    assert (row["split_ratio"], row["dividend_usd"]) == (2.0, 3.0)


def test_an_ex_date_on_a_weekend_acts_on_the_next_bar():
    prices = bars([(DAYS[0], "A", 10.0, 10.0), (DAYS[1], "A", 5.0, 5.0)])
    saturday = DAYS[0] + dt.timedelta(days=1)
    row = one(adjusted_bars(prices, actions([(saturday, "A", "split", 2.0)]), DAYS, MARKET), DAYS[1])
    assert row["log_return"] == pytest.approx(0.0, abs=1e-15)


def test_a_special_dividend_adds_to_the_usual_one():
    prices = bars([(DAYS[0], "A", 100.0, 100.0), (DAYS[1], "A", 90.0, 89.0)])
    both = actions([(DAYS[1], "A", "cash_dividend", 1.0), (DAYS[1], "A", "special_dividend", 10.0)])
    row = one(adjusted_bars(prices, both, DAYS, MARKET), DAYS[1])
    assert row["log_return"] == pytest.approx(0.0, abs=1e-15)
    assert row["dividend_usd"] == 11.0


def test_a_spin_off_counts_as_its_published_worth():
    prices = bars([(DAYS[0], "A", 90.0, 90.0), (DAYS[1], "A", 20.0, 25.0)])
    acts = actions([(DAYS[1], "A", "spin_off", 0.5, 5.0, "KID"), (DAYS[1], "A", "split", 3.0)])
    row = one(adjusted_bars(prices, acts, DAYS, MARKET), DAYS[1])
    assert row["log_return"] == pytest.approx(0.0, abs=1e-15)  # 3 * (25 + 5) = 90
    assert (row["split_ratio"], row["dividend_usd"]) == (3.0, 5.0)


def test_a_spin_off_without_a_published_worth_is_no_loss_but_unknown():
    prices = bars([(DAYS[0], "A", 90.0, 90.0), (DAYS[1], "A", 60.0, 61.0), (DAYS[2], "A", 61.0, 62.0)])
    acts = actions([(DAYS[1], "A", "spin_off", 0.5, None, "KID")])
    frame = adjusted_bars(prices, acts, DAYS, MARKET)
    since_previous = ["log_return", "overnight_log_return", "split_ratio", "dividend_usd"]
    assert frame.filter(event_date=DAYS[1]).select(since_previous).row(0) == (None,) * 4
    assert one(frame, DAYS[1])["intraday_log_return"] == pytest.approx(np.log(61 / 60))
    assert one(frame, DAYS[2])["log_return"] == pytest.approx(np.log(62 / 61))


def test_what_looks_like_an_unrecorded_split_is_left_out_or_kept_as_the_settings_say():
    prices = bars([(DAYS[0], "A", 101.0, 100.0), (DAYS[1], "A", 50.0, 51.0)])
    left, kept = (one(adjusted_bars(prices, NONE, DAYS, m), DAYS[1]) for m in (MARKET, KEEP))
    assert [left[name] for name in ("log_return", "overnight_log_return", "split_ratio", "dividend_usd")] == [None] * 4
    assert left["intraday_log_return"] == pytest.approx(np.log(51 / 50))
    assert kept["log_return"] == pytest.approx(np.log(0.51))
    recorded = adjusted_bars(prices, actions([(DAYS[1], "A", "split", 2.0)]), DAYS, MARKET)
    assert one(recorded, DAYS[1])["log_return"] == pytest.approx(np.log(1.02))


def test_what_the_last_session_cannot_see_withdrawals_endings_and_tickers_do_nothing():
    prices = bars([(DAYS[0], "A", 10.0, 10.0), (DAYS[1], "A", 11.0, 11.0)])
    acts = actions(
        [
            (DAYS[7], "A", "split", -2.0),
            (DAYS[1], "A", "cash_dividend", None),
            (DAYS[1], "A", "spin_off", None),
            (DAYS[1], "A", "delisting", -1.0),
            (DAYS[1], "A", "merger", 2.0, 5.0, "B"),
            (DAYS[1], "A", "symbol_change", 1.0, None, "B"),
        ]
    )
    assert_frame_equal(
        adjusted_bars(prices, acts, DAYS[:2], MARKET), adjusted_bars(prices, NONE, DAYS[:2], MARKET), check_exact=True
    )


def test_the_first_bar_and_a_bar_after_a_long_gap_know_nothing_of_a_holder():
    prices = bars([(DAYS[0], "A", 10.0, 10.5), (DAYS[3], "A", 11.0, 11.0), (DAYS[7], "A", 12.0, 12.0)])
    frame = adjusted_bars(prices, NONE, DAYS, MARKET)
    since_previous = ["log_return", "overnight_log_return", "split_ratio", "dividend_usd"]
    assert frame.select(pl.col(since_previous).is_null()).rows() == [(True,) * 4, (False,) * 4, (True,) * 4]
    assert frame["intraday_log_return"].to_list() == pytest.approx([np.log(1.05), 0.0, 0.0])


def test_dollar_volume_is_null_where_volume_is():
    prices = bars([(DAYS[0], "A", 10.0, 10.0), (DAYS[1], "A", 10.0, 20.0)])
    prices = prices.with_columns(volume=pl.Series([None, 300], dtype=pl.Int64))
    assert adjusted_bars(prices, NONE, DAYS, MARKET)["dollar_volume_usd"].to_list() == [None, 6000.0]


def test_prices_as_traded_pass_through():
    prices = bars([(DAYS[0], "A", 10.0, 12.0), (DAYS[1], "A", 6.0, 5.0)])
    frame = adjusted_bars(prices, actions([(DAYS[1], "A", "split", 2.0)]), DAYS, MARKET)
    columns = ["symbol", "event_date", "open", "high", "low", "close"]
    assert_frame_equal(frame.select(columns), prices.select(columns))


def test_no_bars_give_no_rows_of_the_right_schema():
    for dataset in (ADJUSTED_BARS, ADJUSTED_BENCHMARKS):
        assert_stored_as(adjusted_bars(bars([]), NONE, DAYS, MARKET), dataset)


# properties


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_every_return_is_that_of_a_holder_walking_the_calendar(seed: int):
    prices, acts, days = random_market(seed, 20, n_symbols=3)
    frame = adjusted_bars(prices, acts, days, KEEP)
    assert_stored_as(frame, ADJUSTED_BARS)
    previous: dict[str, dict[str, float]] = {}
    for row in frame.iter_rows(named=True):
        before = previous.get(row["symbol"])
        previous[row["symbol"]] = row
        if before is None or days.index(row["event_date"]) - days.index(before["event_date"]) > 3:
            assert row["log_return"] is None
            continue
        args = (before["event_date"], before["close"], row["event_date"])
        simple, shares, dividend = holder(*args, row["close"], acts.filter(symbol=row["symbol"]))
        overnight, _, _ = holder(*args, row["open"], acts.filter(symbol=row["symbol"]))
        if np.isnan(dividend):
            assert row["log_return"] is row["overnight_log_return"] is row["split_ratio"] is row["dividend_usd"] is None
            continue
        assert row["log_return"] == pytest.approx(np.log1p(simple), abs=1e-12)
        assert row["overnight_log_return"] == pytest.approx(np.log1p(overnight), abs=1e-12)
        assert row["split_ratio"] == pytest.approx(shares)
        assert row["dividend_usd"] == pytest.approx(dividend)
        # what a book does: shares times the ratio, then close and dividend for each
        holding = row["split_ratio"] * (row["close"] + row["dividend_usd"])
        assert holding == pytest.approx(before["close"] * np.exp(row["log_return"]))


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_later_bars_and_later_actions_change_nothing(seed: int):
    prices, acts, days = random_market(seed, 12)
    assert_causal(lambda p: adjusted_bars(p, acts, days, MARKET), prices)
    cut = days[6]
    early = pl.col("event_date") <= cut
    whole = adjusted_bars(prices, acts, days, MARKET).filter(early)
    assert_frame_equal(
        adjusted_bars(prices.filter(early), acts.filter(early), days[:7], MARKET), whole, check_exact=True
    )


@given(st.integers(0, 10**6), st.integers(1, 8))
@settings(max_examples=15, deadline=None)
def test_a_return_is_the_same_bits_wherever_the_window_begins(seed: int, start: int):
    prices, acts, days = random_market(seed, 16)
    sure = pl.col("event_date") >= days[start + MARKET.max_gap_sessions]
    later = prices.filter(pl.col("event_date") >= days[start])
    assert_frame_equal(
        adjusted_bars(later, acts, days[start:], MARKET).filter(sure),
        adjusted_bars(prices, acts, days, MARKET).filter(sure),
        check_exact=True,
    )


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_symbols_do_not_touch_one_another(seed: int):
    prices, acts, days = random_market(seed, 12)
    some = pl.col("symbol").is_in(["S1", "S3"])
    assert_frame_equal(
        adjusted_bars(prices.filter(some), acts.filter(some), days, MARKET),
        adjusted_bars(prices, acts, days, MARKET).filter(some),
        check_exact=True,
    )


@pytest.mark.shared
@needs("data/prices_daily.parquet")
@pytest.mark.parametrize(("symbol", "ex_date"), [("HLT", dt.date(2017, 1, 4)), ("LDOS", dt.date(2013, 9, 30))])
def test_a_dividend_beside_a_split_was_quoted_per_new_share(symbol: str, ex_date: dt.date):
    """Two reverse splits with a spin-off on the same day: per old share the holder would gain 58 % and 111 %."""
    days = calendar.between(calendar.shift(ex_date, -1), ex_date)
    prices = (
        pl.scan_parquet(SHARED / "data/prices_daily.parquet")
        .filter(pl.col("security_id") == symbol, pl.col("date").is_between(days[0], days[1]))
        .collect()
    )
    acts = bundle_actions()
    row = one(adjusted_bars(bars_of(prices), acts, days, Market()), ex_date)
    assert row["split_ratio"] < 1 < row["dividend_usd"]
    assert abs(row["log_return"]) < 0.1


@pytest.mark.shared
@needs("data/etf_prices_daily.parquet")
@pytest.mark.parametrize(("symbol", "published"), [("SPY", -0.368), ("RSP", -0.400)])
def test_benchmarks_lost_in_2008_what_their_sponsors_say(symbol: str, published: float):
    """Calendar-year total returns, with dividends: State Street and Invesco give -36.8 % and about -40 %."""
    days = calendar.between(dt.date(2007, 12, 31), dt.date(2008, 12, 31))
    prices = (
        pl.scan_parquet(SHARED / "data/etf_prices_daily.parquet")
        .filter(pl.col("security_id") == symbol, pl.col("date").is_between(days[0], days[-1]))
        .collect()
    )
    acts = bundle_actions()
    year = adjusted_bars(bars_of(prices), acts.filter(symbol=symbol), days, Market())["log_return"].sum()
    assert np.expm1(year) == pytest.approx(published, abs=0.002)


# refusals


def test_a_bar_outside_the_window_is_refused():
    with pytest.raises(ValueError, match="outside the window"):
        adjusted_bars(bars([(DAYS[5], "A", 1.0, 1.0)]), NONE, DAYS[:3], MARKET)


@pytest.mark.parametrize(
    ("action", "value"), [("split", 0.0), ("split", -2.0), ("cash_dividend", -0.1), ("special_dividend", -0.1)]
)
def test_an_impossible_action_is_refused_with_the_mend(action: str, value: float):
    with pytest.raises(ValueError, match="withdraw it with a null"):
        adjusted_bars(bars([(DAYS[1], "A", 1.0, 1.0)]), actions([(DAYS[1], "A", action, value)]), DAYS, MARKET)


def test_a_spin_off_of_negative_worth_is_refused():
    with pytest.raises(ValueError, match=r"spin_off of A on 2015-01-05 is -3\.0"):
        adjusted_bars(
            bars([(DAYS[1], "A", 1.0, 1.0)]), actions([(DAYS[1], "A", "spin_off", 0.5, -3.0, "B")]), DAYS, MARKET
        )
