"""From weights to whole shares, and the orders of a session."""

import datetime as dt

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from feature_store.schemas.execution import BOOK, ORDERS
from quant_assets.execution.trading.orders import order_shares, orders
from tests.execution.markets import frame

DAY = dt.date(2016, 1, 4)
AT = dt.datetime(2016, 1, 5, 14, tzinfo=dt.UTC)


def sized(target: float, held: float, price: float = 10.0, nav: float = 1e6, min_trade: float = 0.001) -> float:
    return order_shares(np.array([target]), np.array([held]), np.array([price]), nav, min_trade)[0]


# --- known values ----------------------------------------------------------------------------------------------------


def test_shares_are_whole_and_rounded_towards_no_trade() -> None:
    assert sized(0.0200049, 0.0) == 2000.0
    assert sized(0.0100049, 2000.0) == -999.0


def test_the_last_digit_of_a_solver_costs_no_share() -> None:
    assert sized(0.02 - 1e-12, 0.0) == 2000.0


def test_trades_below_the_least_size_are_not_sent() -> None:
    assert np.isnan(sized(0.0209, 2000.0))  # 90 shares, 9 bp
    assert sized(0.0211, 2000.0) == 110.0


def test_an_exit_is_whole_whatever_its_size_and_fraction() -> None:
    assert sized(0.0, 0.75) == -0.75
    assert sized(1e-9, 150.5) == -150.5


def test_fractions_stay_until_the_exit() -> None:
    assert sized(0.01, 1500.5) == -500.0


def test_a_short_is_sold_into_rounded_towards_no_trade_and_bought_back_whole() -> None:
    assert sized(-0.0200049, 0.0) == -2000.0
    assert sized(-0.01, -2000.5) == 1000.0
    assert sized(0.0, -150.5) == 150.5
    assert sized(-0.01, 500.0) == -1500.0


def test_an_order_says_side_size_reference_and_when_it_was_decided() -> None:
    rows = [
        {"symbol": "A", "price_usd": 100.0, "reference_price_usd": 50.0, "order_shares": -20.0},
        {"symbol": "B", "price_usd": 10.0, "reference_price_usd": 10.0, "order_shares": 7.0},
        {"symbol": "C", "price_usd": 10.0},
    ]
    sent = orders(frame(BOOK, [row | {"event_date": DAY} for row in rows]), DAY, AT)
    assert sent.drop("event_date", "decided_at").rows() == [
        ("A", "2016-01-04-A", "sell", 20.0, 50.0, 1000.0),
        ("B", "2016-01-04-B", "buy", 7.0, 10.0, 70.0),
    ]
    assert sent["decided_at"].to_list() == [AT, AT]
    assert dict(sent.schema) == ORDERS.computed_schema


# --- properties ------------------------------------------------------------------------------------------------------


@given(st.floats(-0.1, 0.1), st.integers(-20_000, 20_000), st.floats(1, 1000))
def test_neither_target_nor_holding_is_overshot(target: float, held: int, price: float) -> None:
    sent = np.nan_to_num(sized(target, float(held), price, min_trade=0.0))
    after, wanted = held + sent, target * 1e6 / price
    assert sent == 0 or (sent > 0) == (wanted > held)
    if after:
        assert min(held, wanted) - 1e-2 <= after <= max(held, wanted) + 1e-2


# --- refusals --------------------------------------------------------------------------------------------------------


def test_a_session_without_orders_has_an_empty_frame_of_the_right_types() -> None:
    sent = orders(pl.DataFrame(schema=BOOK.schema), DAY, AT)
    assert sent.is_empty()
    assert dict(sent.schema) == ORDERS.computed_schema
