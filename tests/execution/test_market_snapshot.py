"""What the market says of each name, aligned."""

import numpy as np
import polars as pl
import pytest

from feature_store.schemas.market import BARS, CORPORATE_ACTIONS
from quant_assets.execution.market_snapshot import Exchange, MarketSnapshot, aligned, market_snapshot, received
from tests.execution.markets import DAYS, Market, frame

NAMES = ["A", "B", "C"]


def acting(*rows: tuple) -> pl.DataFrame:
    """(ex-date, symbol, action, value) and, where there are any, cash_usd and other_symbol."""
    keys = ("event_date", "symbol", "action", "value", "cash_usd", "other_symbol")
    return frame(CORPORATE_ACTIONS, [dict(zip(keys, row, strict=False)) for row in rows])


NO_ACTIONS, NO_BARS = acting(), frame(BARS, [])


def assert_alike(one: MarketSnapshot, other: MarketSnapshot) -> None:
    for name, value in vars(one).items():
        if isinstance(value, tuple):
            assert value == getattr(other, name)
        else:
            assert np.array_equal(value, getattr(other, name), equal_nan=value.dtype == float)


# --- known values ----------------------------------------------------------------------------------------------------


def test_prices_stand_in_the_order_of_the_names_and_gaps_are_nan() -> None:
    market = Market({"A": [(1.0, 2.0)] * 2, "B": [(3.0, 4.0), None], "Z": [(9.0, 9.0)] * 2})
    seen = market_snapshot(market.bars(1), NO_ACTIONS, NAMES, DAYS[1])
    assert seen.open.tolist() == pytest.approx([1.0, np.nan, np.nan], nan_ok=True)
    assert seen.close.tolist() == pytest.approx([2.0, np.nan, np.nan], nan_ok=True)


def test_actions_act_on_their_ex_date_and_the_next_split_is_known_ahead() -> None:
    known = acting(
        (DAYS[4], "A", "split", 3.0),
        (DAYS[5], "A", "split", 2.0),
        (DAYS[5], "B", "cash_dividend", 0.5),
        (DAYS[6], "C", "split", 7.0),
        (DAYS[7], "B", "split", 9.0),
    )
    seen = market_snapshot(NO_BARS, known, NAMES, DAYS[5])
    assert seen.split.tolist() == [2.0, 1.0, 1.0]
    assert seen.dividend.tolist() == [0.0, 0.5, 0.0]
    assert seen.next_split.tolist() == [1.0, 1.0, 7.0]


def test_a_dividend_of_the_day_of_a_split_is_per_new_share() -> None:
    same = acting((DAYS[5], "A", "cash_dividend", 0.5), (DAYS[5], "A", "split", 2.0))
    assert market_snapshot(NO_BARS, same, NAMES, DAYS[5]).dividend[0] == 0.5


def test_an_ex_date_without_trading_acts_at_the_next_session() -> None:
    friday, monday = DAYS[4], DAYS[5]
    weekend = acting((friday + (monday - friday) / 3, "A", "split", 2.0))
    assert market_snapshot(NO_BARS, weekend, NAMES, friday).next_split[0] == 2.0
    assert market_snapshot(NO_BARS, weekend, NAMES, monday).split[0] == 2.0


def test_a_delisting_is_announced_then_due() -> None:
    known = acting((DAYS[6], "A", "delisting", -0.4))
    for t, leaving, today, returned in ((4, False, False, np.nan), (5, True, False, np.nan), (6, True, True, -0.4)):
        seen = market_snapshot(NO_BARS, known, NAMES, DAYS[t])
        assert (bool(seen.leaving[0]), bool(seen.delisted_today[0])) == (leaving, today)
        assert seen.delisting[0] == pytest.approx(returned, nan_ok=True)
    later = market_snapshot(NO_BARS, known, NAMES, DAYS[7])
    assert (later.delisting[0], bool(later.delisted_today[0])) == (-0.4, False)


def test_a_special_dividend_adds_to_the_usual_one_of_its_day() -> None:
    both = acting((DAYS[5], "A", "cash_dividend", 0.5), (DAYS[5], "A", "special_dividend", 3.0))
    assert market_snapshot(NO_BARS, both, NAMES, DAYS[5]).dividend[0] == 3.5


def test_a_spin_off_gives_shares_of_the_other_on_its_ex_date_alone() -> None:
    known = acting((DAYS[5], "A", "spin_off", 0.25, 3.0, "B"))
    (exchange,) = market_snapshot(NO_BARS, known, NAMES, DAYS[5]).spin_offs
    assert exchange == Exchange(source=0, receives=1, shares=0.25, cash_usd=3.0)
    assert (
        market_snapshot(NO_BARS, known, NAMES, DAYS[4]).spin_offs
        == market_snapshot(NO_BARS, known, NAMES, DAYS[6]).spin_offs
        == ()
    )


def test_a_spin_off_of_a_saturday_counts_in_the_shares_of_monday() -> None:
    friday, monday = DAYS[4], DAYS[5]
    saturday = friday + (monday - friday) / 3
    known = acting(
        (saturday, "A", "spin_off", 0.25, 3.0, "B"), (monday, "A", "split", 2.0), (monday, "B", "split", 10.0)
    )
    (exchange,) = market_snapshot(NO_BARS, known, NAMES, monday).spin_offs
    assert (exchange.shares, exchange.cash_usd) == (1.25, 1.5)  # 2 A now for 2.5 B, and 3 dollars


def test_a_merger_ends_a_name_on_its_ex_date_and_later_where_it_has_no_bar() -> None:
    known = acting((DAYS[6], "A", "merger", 0.5, None, "B"), (DAYS[7], "B", "split", 2.0))
    trading = Market({"A": [(1.0, 1.0)] * 12})
    for t, leaving, ends in ((4, False, False), (5, True, False), (6, True, True), (8, True, False)):
        seen = market_snapshot(trading.bars(t), known, NAMES, DAYS[t])
        assert (bool(seen.leaving[0]), bool(seen.mergers), bool(seen.merging[0])) == (leaving, ends, True)
    (late,) = market_snapshot(NO_BARS, known, NAMES, DAYS[8]).mergers
    assert (late.shares, np.isnan(late.cash_usd)) == (1.0, True)  # the acquirer's split since


def test_the_last_merger_known_of_a_name_stands() -> None:
    known = acting((DAYS[4], "A", "merger", 0.5, None, "B"), (DAYS[5], "A", "merger", 0.0, 10.0, "C"))
    (merger,) = market_snapshot(NO_BARS, known, NAMES, DAYS[5]).mergers
    assert (merger.receives, merger.shares, merger.cash_usd) == (2, 0.0, 10.0)


def test_a_change_of_the_ticker_does_nothing() -> None:
    one = market_snapshot(NO_BARS, acting((DAYS[5], "A", "symbol_change", 1.0, None, "C")), NAMES, DAYS[5])
    none = market_snapshot(NO_BARS, NO_ACTIONS, NAMES, DAYS[5])
    assert_alike(one, none)


def test_a_withdrawn_action_does_nothing() -> None:
    kinds = ("split", "special_dividend", "spin_off", "merger")
    withdrawn = acting(*((DAYS[5], "A", kind, None, 5.0, "B") for kind in kinds))
    assert_alike(
        market_snapshot(NO_BARS, withdrawn, NAMES, DAYS[5]), market_snapshot(NO_BARS, NO_ACTIONS, NAMES, DAYS[5])
    )


def test_shares_of_names_with_a_bar_may_be_received_by_holders_alone() -> None:
    bars = Market({"B": [(1.0, 1.0)] * 6, "C": [None] * 6, "D": [(1.0, 1.0)] * 6}).bars(5)
    known = acting(
        (DAYS[5], "A", "spin_off", 1.0, None, "B"),
        (DAYS[5], "Z", "spin_off", 1.0, None, "D"),
        (DAYS[3], "E", "merger", 1.0, None, "C"),
        (DAYS[3], "F", "merger", 1.0, None, "D"),
        (DAYS[3], "G", "spin_off", 1.0, None, "D"),
    )
    assert received(known, bars, ["A", "E"], DAYS[5]) == {"B"}
    assert received(known, bars, ["F"], DAYS[5]) == {"D"}
    assert received(known, bars, ["G"], DAYS[5]) == set()


# --- properties ------------------------------------------------------------------------------------------------------


def test_what_goes_ex_after_the_next_session_changes_nothing() -> None:
    near = acting((DAYS[5], "A", "split", 2.0))
    far = pl.concat(
        [
            near,
            acting(
                (DAYS[7], "A", "split", 3.0),
                (DAYS[9], "B", "delisting", -1.0),
                (DAYS[8], "C", "spin_off", 1.0, 2.0, "A"),
            ),
        ]
    )
    one, other = (market_snapshot(NO_BARS, known, NAMES, DAYS[5]) for known in (near, far))
    assert_alike(one, other)


def test_no_names_give_empty_arrays() -> None:
    seen = market_snapshot(NO_BARS, NO_ACTIONS, [], DAYS[5])
    assert seen.close.size == 0
    assert aligned(NO_BARS, [], "open")[0].size == 0
