"""What trades cost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.settings import Execution
from quant_assets.execution.costs import impact_majorant, impact_rate, linear_rate, trade_cost_usd

# --- known values ----------------------------------------------------------------------------------------------------


def test_a_percent_of_the_daily_volume_at_two_percent_volatility_moves_the_price_by_twenty_basis_points() -> None:
    rate = impact_rate(np.array([1e5]), np.array([1e7]), np.array([0.02]), multiplier=1.0)
    assert rate == pytest.approx([0.002])  # 0.02 · sqrt(0.01)


def test_a_trade_pays_commission_half_the_spread_and_impact() -> None:
    execution = Execution(commission_bp=0.5, half_spread_bp=2.5, impact_multiplier=2.0)
    assert linear_rate(execution) == pytest.approx(3e-4)
    cost = trade_cost_usd(np.array([-1e5]), np.array([1e7]), np.array([0.02]), execution)
    assert cost == pytest.approx([1e5 * (3e-4 + 0.004)])


# --- properties ------------------------------------------------------------------------------------------------------


@given(st.floats(1e-6, 1.0), st.floats(1e-6, 1.0))
def test_the_majorant_is_never_below_the_law_and_touches_it_at_its_trade(trade: float, reference: float) -> None:
    nav, adv, volatility = 1e7, np.array([5e6]), np.array([0.02])

    def law(x: float) -> float:
        return x * impact_rate(np.array([x * nav]), adv, volatility, 1.0)[0]

    l1, l2 = impact_majorant(nav, adv, volatility, 1.0, reference)
    assert l1[0] * trade + l2[0] * trade**2 >= law(trade) * (1 - 1e-12)
    assert l1[0] * reference + l2[0] * reference**2 == pytest.approx(law(reference))


@given(st.floats(0, 1e8), st.floats(1.0, 3.0))
def test_two_trades_cost_no_more_than_one_of_their_size(trade: float, times: float) -> None:
    adv, volatility = np.array([5e6]), np.array([0.02])
    one, many = (trade_cost_usd(np.array([x]), adv, volatility, Execution())[0] for x in (trade, trade * times))
    assert many >= times * one * (1 - 1e-12)
