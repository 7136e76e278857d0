"""Fills at the open."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.settings import Execution
from quant_assets.execution.trading.cost_terms.protocol import CostParameters
from quant_assets.execution.trading.fills import fills_at_open

FREE = Execution(commission_bp=0, impact_multiplier=0)


def fill(
    orders: list, held: list, opens: list, cash: float, execution: Execution = FREE, spread: float = 0.0, **options
) -> tuple:
    n = len(orders)
    parameters = CostParameters(np.full(n, spread), np.full(n, 1e8), np.full(n, 0.01))
    return fills_at_open(np.array(orders), np.array(held), np.array(opens), cash, parameters, execution, **options)


# --- known values ----------------------------------------------------------------------------------------------------


def test_sales_pay_for_purchases_of_the_same_open() -> None:
    fills, _ = fill([-10.0, 5.0], [10.0, 0.0], [100.0, 200.0], cash=0.0)
    assert fills.tolist() == [-10.0, 5.0]


def test_purchases_beyond_cash_are_scaled_by_one_factor_and_rounded_down() -> None:
    fills, _ = fill([10.0, 30.0], [0.0, 0.0], [10.0, 10.0], cash=250.0)
    assert fills.tolist() == [6.0, 18.0]  # 250 / 400 of each: 6.25 and 18.75


def test_costs_are_paid_from_the_same_cash() -> None:
    fills, costs = fill([10.0], [0.0], [10.0], cash=100.0, spread=100.0)
    assert fills.tolist() == [9.0]  # 10 would take 101
    assert costs == pytest.approx([0.9])


def test_an_order_without_a_bar_lapses_and_no_order_is_no_fill() -> None:
    fills, costs = fill([10.0, np.nan], [0.0, 3.0], [np.nan, 50.0], cash=1e6)
    assert fills[0] == 0.0
    assert np.isnan(fills[1])
    assert costs.tolist() == [0.0, 0.0]


def test_nobody_sells_more_than_there_is() -> None:
    fills, _ = fill([-10.0, -1.0], [7.5, -2.0], [10.0, 10.0], cash=0.0)
    assert fills.tolist() == [-7.5, 0.0]


def test_a_short_sale_goes_below_nothing_and_pays_for_purchases() -> None:
    fills, _ = fill([-10.0, 20.0], [7.5, 0.0], [10.0, 5.0], cash=0.0, short_sales=True)
    assert fills.tolist() == [-10.0, 20.0]


def test_buying_back_a_short_is_a_purchase_and_scaled_like_any() -> None:
    fills, _ = fill([10.0, 10.0], [-10.0, 0.0], [10.0, 10.0], cash=100.0, short_sales=True)
    assert fills.tolist() == [5.0, 5.0]


def test_without_cash_nothing_is_bought() -> None:
    fills, _ = fill([10.0], [0.0], [10.0], cash=-5.0)
    assert fills.tolist() == [0.0]


# --- properties ------------------------------------------------------------------------------------------------------

sizes = st.lists(st.tuples(st.integers(-500, 500), st.integers(0, 500), st.floats(0.5, 500)), min_size=1, max_size=8)


@given(sizes, st.floats(0, 1e5), st.booleans())
def test_cash_never_turns_negative_by_purchases(rows: list[tuple], cash: float, short_sales: bool) -> None:
    orders, held, opens = (list(map(float, column)) for column in zip(*rows, strict=True))
    execution = Execution(commission_bp=1, impact_multiplier=1)
    fills, costs = fill(orders, held, opens, cash, execution, spread=5.0, short_sales=short_sales)
    assert cash - fills @ np.array(opens) - costs.sum() >= -1e-6
    assert short_sales or (np.array(held) + fills >= 0).all()
    assert (np.abs(fills) <= np.abs(orders)).all()
    assert (costs >= 0).all()
