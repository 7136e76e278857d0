"""Costs that the settings list beside commission, spread and impact."""

import numpy as np
import pytest

from configs.settings import Execution
from configs.settings.cost_terms import SalesFeeSettings
from quant_assets.execution.trading.cost_terms import registry
from quant_assets.execution.trading.cost_terms.protocol import CostParameters
from quant_assets.execution.trading.cost_terms.sales_fee import SalesFee
from quant_assets.execution.trading.costs import trade_cost_usd

PARAMETERS = CostParameters(np.array([2.0, 5.0]), np.array([1e8, 1e7]), np.array([0.01, 0.02]))
LISTED = Execution(cost_terms=(SalesFeeSettings(fee_bp=2.0),))


class Negative(SalesFee):
    """A cost that pays."""

    @staticmethod
    def rate(trade_usd, parameters, settings):
        return np.full(len(trade_usd), -1e-4)


# -- known values ------------------------------------------------------------------------------------------------------


def test_sales_pay_the_fee_and_purchases_do_not() -> None:
    trade = np.array([1e5, -1e5])
    added = trade_cost_usd(trade, PARAMETERS, LISTED) - trade_cost_usd(trade, PARAMETERS, Execution())
    assert added == pytest.approx([0.0, 20.0])


def test_without_listed_costs_every_bit_is_as_before() -> None:
    trade = np.array([12345.678, -98765.4321])
    impact = 1.0 * PARAMETERS.volatility_daily * np.sqrt(np.abs(trade) / PARAMETERS.adv_usd)
    expected = np.abs(trade) * ((0.5 + PARAMETERS.half_spread_bp) * 1e-4 + impact)
    assert trade_cost_usd(trade, PARAMETERS, Execution()).tobytes() == expected.tobytes()


def test_majorants_add_up() -> None:
    linear, quadratic = registry.majorant(1e7, PARAMETERS, 1e-3, LISTED)
    assert linear == pytest.approx([2e-4, 2e-4])
    assert quadratic.tolist() == [0.0, 0.0]


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_negative_cost_is_an_error_that_names_the_term(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.COST_TERMS, "sales_fee", Negative)
    with pytest.raises(ValueError, match=r"sales_fee gives -0\.0001; costs are 0 or more"):
        trade_cost_usd(np.array([1.0, 1.0]), PARAMETERS, LISTED)


def test_another_cost_of_the_same_kind_is_not_added() -> None:
    with pytest.raises(ValueError, match="'sales_fee' is that of SalesFee; rename Negative's"):
        registry.add_cost_term(Negative)
