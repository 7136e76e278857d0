import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.risk.impact import impact_majorant, impact_rate

# known values


def test_a_percent_of_the_daily_volume_at_two_percent_volatility_moves_the_price_by_twenty_basis_points():
    rate = impact_rate(np.array([1e5, -1e5, 0.0]), np.full(3, 1e7), np.full(3, 0.02), multiplier=1.0)
    assert rate == pytest.approx([0.002, 0.002, 0.0])  # 0.02 · sqrt(0.01), for either side


# properties


@given(st.floats(1e-6, 1.0), st.floats(1e-6, 1.0))
def test_the_majorant_is_never_below_the_law_and_touches_it_at_its_trade(trade: float, reference: float):
    nav, adv, volatility = 1e7, np.array([5e6]), np.array([0.02])

    def law(x: float) -> float:
        return x * impact_rate(np.array([x * nav]), adv, volatility, 1.0)[0]

    l1, l2 = impact_majorant(nav, adv, volatility, 1.0, reference)
    assert l1[0] * trade + l2[0] * trade**2 >= law(trade) * (1 - 1e-12)
    assert l1[0] * reference + l2[0] * reference**2 == pytest.approx(law(reference))


@given(st.floats(1.0, 1e8), st.floats(1.0, 3.0))
def test_cost_in_money_grows_with_the_three_halves_power(trade: float, times: float):
    def cost(x: float) -> float:
        return x * impact_rate(np.array([x]), np.array([5e6]), np.array([0.02]), 1.0)[0]

    assert cost(times * trade) == pytest.approx(times**1.5 * cost(trade))
