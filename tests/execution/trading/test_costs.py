"""What trades cost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.settings import Execution
from feature_store.schemas.risk import COST_PARAMETERS
from quant_assets.execution.trading.cost_terms.protocol import CostParameters
from quant_assets.execution.trading.costs import cost_parameters_of, linear_rate, trade_cost_usd
from tests.execution.markets import DAYS, frame

# --- known values ----------------------------------------------------------------------------------------------------


def test_a_trade_pays_commission_half_the_spread_and_impact() -> None:
    execution = Execution(commission_bp=0.5, impact_multiplier=2.0)
    assert linear_rate(np.array([2.5, 4.5]), execution) == pytest.approx([3e-4, 5e-4])
    parameters = CostParameters(np.array([2.5, 4.5]), np.array([1e7, 1e7]), np.array([0.02, 0.02]))
    cost = trade_cost_usd(np.array([-1e5, 1e5]), parameters, execution)
    assert cost == pytest.approx([1e5 * (3e-4 + 0.004), 1e5 * (5e-4 + 0.004)])


def test_no_trade_costs_nothing_though_nothing_is_known_of_the_name() -> None:
    unknown = CostParameters(*(np.array([np.nan]) for _ in range(3)))
    assert trade_cost_usd(np.array([0.0]), unknown, Execution()).tolist() == [0.0]


def test_a_name_without_parameters_of_today_keeps_its_last_ones_whole() -> None:
    rows = [{"symbol": "A", "half_spread_bp": 3.0, "adv_usd": 1e6, "volatility_daily": 0.01, "event_date": DAYS[0]}]
    today = cost_parameters_of(frame(COST_PARAMETERS, rows), ["A", "B", "C"])
    assert today.known.tolist() == [True, False, False]
    last = CostParameters(np.array([9.0, 5.0, np.nan]), np.full(3, 2e6), np.full(3, 0.02))
    both = today.or_else(last)
    assert both.half_spread_bp.tolist() == pytest.approx([3.0, 5.0, np.nan], nan_ok=True)
    assert both.adv_usd.tolist() == [1e6, 2e6, 2e6]
    assert both.volatility_daily.tolist() == [0.01, 0.02, 0.02]


# --- properties ------------------------------------------------------------------------------------------------------


@given(st.just(0.0) | st.floats(1e-6, 1e8), st.floats(1.0, 3.0))
def test_two_trades_cost_no_more_than_one_of_their_size(trade: float, times: float) -> None:
    parameters = CostParameters(np.array([2.5]), np.array([5e6]), np.array([0.02]))
    one, many = (trade_cost_usd(np.array([x]), parameters, Execution())[0] for x in (trade, trade * times))
    assert many >= times * one * (1 - 1e-12)
