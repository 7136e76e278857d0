import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Market
from feature_store.schemas.companies import COMPANY_FINANCIALS
from feature_store.schemas.market import UNIVERSE
from quant_assets.market.universe import universe
from tests.oracles.market import tradable
from tests.oracles.panels import assert_stored_as, bars, members, random_market, sessions, stored

DAYS = sessions(3)
TODAY = DAYS[2]
MEMBERS = members([(TODAY, "B", True), (TODAY, "A", True), (TODAY, "X.UNLINKED", False), (DAYS[1], "OLD", True)])
BARS = bars([(DAYS[1], "A", 4.0, 2.0), (DAYS[1], "B", 1.0, 1.0), (TODAY, "A", 4.0, 4.0), (TODAY, "Z", 1.0, 1.0)])
BARS = BARS.sort("event_date", "symbol")  # as inputs arrive
OPEN = Market(min_price_usd=0.0, min_adv_usd=0.0)
NO_FIGURES = pl.DataFrame(schema=stored(COMPANY_FINANCIALS))


def told(frame: pl.DataFrame) -> list[tuple[object, ...]]:
    return frame.select("symbol", "tradable", "has_bar", "close_usd", "adv_usd").rows()


# known values


def test_linked_members_of_the_session_enter_and_trade_with_a_bar_of_the_session():
    frame = universe(MEMBERS, BARS, NO_FIGURES, TODAY, OPEN)
    assert told(frame) == [("A", True, True, 4.0, 3000.0), ("B", False, False, None, 1000.0)]
    assert_stored_as(frame, UNIVERSE)


def test_by_bars_everything_with_a_bar_today_enters():
    frame = universe(MEMBERS, BARS, NO_FIGURES, TODAY, OPEN.model_copy(update={"universe_source": "bars"}))
    assert told(frame) == [("A", True, True, 4.0, 3000.0), ("Z", True, True, 1.0, 1000.0)]


@pytest.mark.parametrize(("price", "adv", "good"), [(4.0, 3000.0, True), (4.01, 3000.0, False), (4.0, 3000.1, False)])
def test_a_floor_is_the_least_that_is_tradable(price: float, adv: float, good: bool):
    frame = universe(MEMBERS, BARS, NO_FIGURES, TODAY, Market(min_price_usd=price, min_adv_usd=adv))
    assert told(frame)[0] == ("A", good, True, 4.0, 3000.0)


def test_unknown_liquidity_trades_only_where_none_is_asked_for():
    quiet = BARS.with_columns(volume=pl.lit(None, pl.Int64))
    for floor, good in ((0.0, True), (0.01, False)):
        frame = universe(MEMBERS, quiet, NO_FIGURES, TODAY, Market(min_price_usd=0.0, min_adv_usd=floor))
        assert told(frame) == [("A", good, True, 4.0, None), ("B", False, False, None, None)]


def test_bars_without_a_volume_are_not_days_of_no_volume():
    day_without = pl.col("event_date") == TODAY
    volume = pl.when(~day_without).then("volume")
    assert told(universe(MEMBERS, BARS.with_columns(volume=volume), NO_FIGURES, TODAY, OPEN))[0][-1] == 2000.0
    volume = pl.when(day_without).then(0).otherwise("volume")
    assert told(universe(MEMBERS, BARS.with_columns(volume=volume), NO_FIGURES, TODAY, OPEN))[0][-1] == 1000.0


def test_a_capitalisation_is_that_of_the_company_and_null_where_there_is_none():
    rows = [{"event_date": TODAY, "symbol": "A", "market_cap_usd": 7e9}, {"event_date": TODAY, "symbol": "Q"}]
    financials = pl.DataFrame(rows, schema=stored(COMPANY_FINANCIALS))
    frame = universe(MEMBERS, BARS, financials, TODAY, OPEN)
    assert dict(frame.select("symbol", "market_cap_usd").iter_rows()) == {"A": 7e9, "B": None}
    assert told(frame) == told(universe(MEMBERS, BARS, NO_FIGURES, TODAY, OPEN))


def test_an_empty_market_gives_an_empty_universe():
    for source in ("members", "bars"):
        frame = universe(members([]), bars([]), NO_FIGURES, TODAY, Market(universe_source=source))
        assert frame.is_empty()
        assert_stored_as(frame, UNIVERSE)


def test_members_without_any_bars_are_listed_and_not_tradable():
    frame = universe(MEMBERS, bars([]), NO_FIGURES, TODAY, OPEN)
    assert told(frame) == [("A", False, False, None, None), ("B", False, False, None, None)]


# properties


@given(st.integers(0, 10**6), st.floats(20, 80), st.floats(2e4, 8e4))
@effort(max_examples=15, deadline=None)
def test_every_row_is_what_a_walk_over_the_bars_says(seed: int, price: float, adv: float):
    prices, _, days = random_market(seed, 6)
    day = days[-1]
    listed = members([(day, f"S{i}", i != 2) for i in range(5)])  # S4 has no bars at all
    settings = Market(min_price_usd=price, min_adv_usd=adv)
    frame = universe(listed, prices.sort("event_date", "symbol"), NO_FIGURES, day, settings)
    assert_stored_as(frame, UNIVERSE)
    oracle = tradable(day, {"S0", "S1", "S3", "S4"}, prices, price, adv)
    assert [row[0] for row in told(frame)] == list(oracle)
    for symbol, good, has_bar, close, mean in told(frame):
        assert (good, has_bar, close) == oracle[symbol][:3]
        assert mean == (None if oracle[symbol][3] is None else pytest.approx(oracle[symbol][3], rel=1e-12))


def test_members_of_other_days_and_other_names_change_nothing():
    today = pl.col("event_date") == TODAY
    own = pl.col("symbol").is_in(["A", "B"])
    assert_frame_equal(
        universe(MEMBERS.filter(today), BARS.filter(own), NO_FIGURES, TODAY, OPEN),
        universe(MEMBERS, BARS, NO_FIGURES, TODAY, OPEN),
        check_exact=True,
    )


def test_a_late_bar_of_yesterday_trades_nothing_today():
    late = bars([(DAYS[1], "LATE", 9.0, 9.0)])
    frame = universe(members([(TODAY, "LATE", True)]), late, NO_FIGURES, TODAY, OPEN)
    assert told(frame) == [("LATE", False, False, None, 9000.0)]


def test_the_mean_is_added_in_stored_order():
    """Neither the order of names nor their number moves a digit."""
    rng = np.random.default_rng(5)
    days = sessions(21, dt.date(2015, 1, 2))
    rows = [(day, f"S{i:03d}", 1.0, float(p)) for day in days for i, p in enumerate(rng.lognormal(3, 1, 200))]
    whole = bars(rows).sort("event_date", "symbol")
    every = members([(days[-1], f"S{i:03d}", True) for i in range(200)])
    frame = universe(every, whole, NO_FIGURES, days[-1], OPEN)
    one = universe(every.filter(symbol="S117"), whole, NO_FIGURES, days[-1], OPEN)
    assert_frame_equal(one, frame.filter(symbol="S117"), check_exact=True)
