"""What an order must pass before it is sent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.execution.trading.pretrade import Checked, pre_trade


def sent(
    orders: list[float],
    price: float | list[float] = 10.0,
    adv: float | list[float] = 1e9,
    may_trade: list[bool] | None = None,
    cash: float = 1e9,
    allowed: float = np.inf,
) -> Checked:
    n = len(orders)
    prices, volumes = np.broadcast_to(price, n).astype(float), np.broadcast_to(adv, n).astype(float)
    may = np.ones(n, dtype=bool) if may_trade is None else np.array(may_trade)
    return pre_trade(np.array(orders), prices, volumes, may, cash, allowed, 0.1)


# --- known values ----------------------------------------------------------------------------------------------------


def test_orders_within_every_limit_pass_untouched() -> None:
    checked = sent([10.0, -0.5, np.nan])
    assert checked.orders.tolist() == pytest.approx([10.0, -0.5, np.nan], nan_ok=True)
    assert not checked.cut.any()
    assert checked.rejected is None


def test_an_order_above_its_share_of_the_daily_volume_is_cut_to_it() -> None:
    checked = sent([150.0, -150.0, 99.0], adv=10_000.0)  # 1000 USD each: 100 shares
    assert checked.orders.tolist() == [100.0, -100.0, 99.0]
    assert checked.cut.tolist() == [True, True, False]


def test_an_order_of_unknown_volume_or_of_less_than_a_share_is_not_sent() -> None:
    checked = sent([5.0, 5.0], adv=[np.nan, 99.0])
    assert np.isnan(checked.orders).all()
    assert checked.cut.all()


def test_a_name_that_may_not_trade_has_no_order() -> None:
    checked = sent([5.0, 5.0], may_trade=[False, True])
    assert checked.orders.tolist() == pytest.approx([np.nan, 5.0], nan_ok=True)
    assert checked.cut.tolist() == [True, False]


def test_purchases_beyond_cash_and_sales_are_scaled_by_one_factor() -> None:
    checked = sent([100.0, 300.0, -50.0], cash=1500.0)  # 4000 USD of purchases from 2000
    assert checked.orders.tolist() == [50.0, 150.0, -50.0]
    assert checked.cut.tolist() == [True, True, False]


def test_a_sale_that_was_cut_pays_for_less() -> None:
    checked = sent([100.0, -100.0], adv=[1e9, 4000.0], cash=0.0)
    assert checked.orders.tolist() == [40.0, -40.0]


def test_sales_rounded_by_less_than_a_share_cut_nothing() -> None:
    assert sent([100.0, -99.0], cash=0.0).orders.tolist() == [100.0, -99.0]
    assert sent([100.0, -98.0], cash=0.0).orders.tolist() == [98.0, -98.0]


def test_without_cash_nothing_is_bought() -> None:
    assert np.isnan(sent([5.0], cash=-1.0).orders).all()


# --- properties ------------------------------------------------------------------------------------------------------

wishes = st.lists(st.tuples(st.integers(-1000, 1000), st.floats(0.5, 500), st.floats(1.0, 1e6)), min_size=1, max_size=8)


@given(wishes, st.floats(-1e4, 1e5))
def test_no_check_makes_an_order_larger_or_turns_it_round(rows: list[tuple], cash: float) -> None:
    orders, prices, volumes = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    checked = sent(orders.tolist(), prices, volumes, cash=cash)
    passed = np.nan_to_num(checked.orders)
    assert (np.abs(passed) <= np.abs(orders)).all()
    assert (passed * orders >= 0).all()
    assert (np.abs(passed) * prices <= 0.1 * volumes * (1 + 1e-12)).all()
    bought, sold = (np.maximum(side * passed, 0) @ prices for side in (1, -1))
    assert bought <= max(cash + sold, 0.0) + prices[passed < 0].sum() + 1e-6
    assert (checked.cut == (passed != orders)).all()


# --- refusals --------------------------------------------------------------------------------------------------------


def test_orders_that_come_to_more_than_was_decided_are_all_held_back() -> None:
    checked = sent([100.0, -100.0], allowed=1989.0)  # 2000 USD, less half a share each
    assert np.isnan(checked.orders).all()
    assert checked.rejected == "orders of 2000.00 USD are more than the 1989.00 USD that was decided"
    assert sent([100.0, -100.0], allowed=1991.0).rejected is None
