"""What the market says of each name, aligned."""

import numpy as np
import polars as pl
import pytest

from feature_store.schemas.market import BARS, CORPORATE_ACTIONS
from quant_assets.execution.tape import aligned, tape
from tests.execution.markets import DAYS, Market, frame

NAMES = ["A", "B", "C"]


def acting(*rows: tuple) -> pl.DataFrame:
    """(ex-date, symbol, action, value)"""
    keys = ("event_date", "symbol", "action", "value")
    return frame(CORPORATE_ACTIONS, [dict(zip(keys, row, strict=True)) for row in rows])


NO_ACTIONS, NO_BARS = acting(), frame(BARS, [])

# --- known values ----------------------------------------------------------------------------------------------------


def test_prices_stand_in_the_order_of_the_names_and_gaps_are_nan() -> None:
    market = Market({"A": [(1.0, 2.0)] * 2, "B": [(3.0, 4.0), None], "Z": [(9.0, 9.0)] * 2})
    seen = tape(market.bars(1), NO_ACTIONS, NAMES, DAYS[1])
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
    seen = tape(NO_BARS, known, NAMES, DAYS[5])
    assert seen.split.tolist() == [2.0, 1.0, 1.0]
    assert seen.dividend.tolist() == [0.0, 0.5, 0.0]
    assert seen.next_split.tolist() == [1.0, 1.0, 7.0]


def test_a_dividend_of_the_day_of_a_split_is_per_new_share() -> None:
    same = acting((DAYS[5], "A", "cash_dividend", 0.5), (DAYS[5], "A", "split", 2.0))
    assert tape(NO_BARS, same, NAMES, DAYS[5]).dividend[0] == 0.5


def test_an_ex_date_without_trading_acts_at_the_next_session() -> None:
    friday, monday = DAYS[4], DAYS[5]
    weekend = acting((friday + (monday - friday) / 3, "A", "split", 2.0))
    assert tape(NO_BARS, weekend, NAMES, friday).next_split[0] == 2.0
    assert tape(NO_BARS, weekend, NAMES, monday).split[0] == 2.0


def test_a_delisting_is_announced_then_due() -> None:
    known = acting((DAYS[6], "A", "delisting", -0.4))
    for t, leaving, today, returned in ((4, False, False, np.nan), (5, True, False, np.nan), (6, True, True, -0.4)):
        seen = tape(NO_BARS, known, NAMES, DAYS[t])
        assert (bool(seen.leaving[0]), bool(seen.delisted_today[0])) == (leaving, today)
        assert seen.delisting[0] == pytest.approx(returned, nan_ok=True)
    later = tape(NO_BARS, known, NAMES, DAYS[7])
    assert (later.delisting[0], bool(later.delisted_today[0])) == (-0.4, False)


def test_a_withdrawn_action_does_nothing() -> None:
    seen = tape(NO_BARS, acting((DAYS[5], "A", "split", None)), NAMES, DAYS[5])
    assert seen.split.tolist() == [1.0, 1.0, 1.0]


# --- properties ------------------------------------------------------------------------------------------------------


def test_what_goes_ex_after_the_next_session_changes_nothing() -> None:
    near = acting((DAYS[5], "A", "split", 2.0))
    far = pl.concat([near, acting((DAYS[7], "A", "split", 3.0), (DAYS[9], "B", "delisting", -1.0))])
    one, other = (tape(NO_BARS, known, NAMES, DAYS[5]) for known in (near, far))
    for name in vars(one):
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True)


def test_no_names_give_empty_arrays() -> None:
    seen = tape(NO_BARS, NO_ACTIONS, [], DAYS[5])
    assert seen.close.size == 0
    assert aligned(NO_BARS, [], "open")[0].size == 0
