"""What every kind of trading cost promises: each entry of the registry goes through all of it."""

import numpy as np
import pytest

from configs.settings import Execution
from configs.settings.cost_terms import COST_TERM_SETTINGS, CostTermSettings
from quant_assets.execution.trading.cost_terms.protocol import CostParameters
from quant_assets.execution.trading.cost_terms.registry import COST_TERMS
from quant_assets.execution.trading.costs import trade_cost_usd

NAV = 1e7
PARAMETERS = CostParameters(np.array([2.0, 5.0, 9.0]), np.array([1e8, 1e7, 2e6]), np.array([0.01, 0.02, 0.04]))

pytestmark = pytest.mark.parametrize("kind", COST_TERMS)


def settings_of(kind: str) -> CostTermSettings:
    return COST_TERMS[kind].settings()


def rate(kind: str, trade_usd: np.ndarray) -> np.ndarray:
    return COST_TERMS[kind].rate(trade_usd, PARAMETERS, settings_of(kind))


# -- known values ------------------------------------------------------------------------------------------------------


def test_its_settings_name_it_and_profiles_know_them(kind: str) -> None:
    assert settings_of(kind).kind == kind
    assert COST_TERM_SETTINGS[kind] is COST_TERMS[kind].settings


def test_it_is_added_to_what_a_trade_costs_without_it(kind: str) -> None:
    trade = np.array([1e5, -2e5, 0.0])
    without, listed = Execution(), Execution(cost_terms=(settings_of(kind),))
    added = trade_cost_usd(trade, PARAMETERS, listed) - trade_cost_usd(trade, PARAMETERS, without)
    traded = PARAMETERS.at(np.array([0, 1]))
    own = np.abs(trade[:2]) * COST_TERMS[kind].rate(trade[:2], traded, settings_of(kind))
    assert added == pytest.approx([*own, 0.0], abs=1e-9)


# -- properties --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_its_rate_is_0_or_more_and_no_less_for_a_larger_trade(kind: str, sign: float) -> None:
    rates = np.array([rate(kind, np.full(3, sign * size)) for size in np.geomspace(1.0, 1e8, 30)])
    assert np.isfinite(rates).all()
    assert (rates >= 0).all()
    assert (np.diff(rates, axis=0) >= -1e-15).all()


@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("usual_trade", [1e-4, 1e-2])
def test_the_optimization_takes_no_less_than_it_costs(kind: str, sign: float, usual_trade: float) -> None:
    linear, quadratic = COST_TERMS[kind].majorant(NAV, PARAMETERS, usual_trade, settings_of(kind))
    assert (linear >= 0).all() and (quadratic >= 0).all()
    for x in np.geomspace(1e-6, 0.5, 30):
        of_nav = x * rate(kind, np.full(3, sign * x * NAV))
        assert (linear * x + quadratic * x**2 >= of_nav * (1 - 1e-12)).all()


def test_the_cost_of_a_trade_depends_on_its_own_stock_only(kind: str) -> None:
    trade = np.array([1e5, -2e5, 3e5])
    one = COST_TERMS[kind].rate(trade[1:2], PARAMETERS.at(np.array([1])), settings_of(kind))
    assert one.tobytes() == rate(kind, trade)[1:2].tobytes()


def test_an_unknown_stock_leaves_the_others_alone(kind: str) -> None:
    unknown = CostParameters(*(np.append(values, np.nan) for values in vars(PARAMETERS).values()))
    own, other = (COST_TERMS[kind].majorant(NAV, of, 1e-3, settings_of(kind)) for of in (PARAMETERS, unknown))
    for values, more in zip(own, other, strict=True):
        assert more[:3].tobytes() == values.tobytes()
