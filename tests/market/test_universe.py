import polars as pl
from polars.testing import assert_frame_equal

from configs.settings import Market
from feature_store.schemas.market import UNIVERSE
from quant_assets.market.universe import universe
from tests.oracles.panels import assert_stored_as, bars, members, sessions

DAYS = sessions(3)
TODAY = DAYS[2]
MEMBERS = members([(TODAY, "B", True), (TODAY, "A", True), (TODAY, "X.UNLINKED", False), (DAYS[1], "OLD", True)])
BARS = bars([(TODAY, "A", 1.0, 1.0), (DAYS[1], "B", 1.0, 1.0), (TODAY, "Z", 1.0, 1.0)])

# known values


def test_linked_members_of_the_session_enter_and_trade_with_a_bar_of_the_session():
    frame = universe(MEMBERS, BARS, TODAY, Market())
    assert frame.select("symbol", "tradable").rows() == [("A", True), ("B", False)]
    assert_stored_as(frame, UNIVERSE)


def test_by_bars_everything_with_a_bar_today_enters():
    frame = universe(MEMBERS, BARS, TODAY, Market(universe_source="bars"))
    assert frame.select("symbol", "tradable").rows() == [("A", True), ("Z", True)]


def test_an_empty_market_gives_an_empty_universe():
    for source in ("members", "bars"):
        frame = universe(members([]), bars([]), TODAY, Market(universe_source=source))
        assert frame.is_empty()
        assert_stored_as(frame, UNIVERSE)


# properties


def test_rows_of_other_days_change_nothing():
    today = pl.col("event_date") == TODAY
    assert_frame_equal(
        universe(MEMBERS.filter(today), BARS.filter(today), TODAY, Market()), universe(MEMBERS, BARS, TODAY, Market())
    )
