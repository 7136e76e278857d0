"""From predictions to a programme, and the weights of a session."""

import datetime as dt
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from configs.settings import Portfolio
from feature_store.schemas.execution import BOOK, TARGET_WEIGHTS
from feature_store.schemas.regimes import VOLATILITY_STATES
from quant_assets.portfolio.problem import variance
from quant_assets.portfolio.weights import Names, programme, regime_risk_aversion, target_weights
from tests.execution.markets import frame

DAY = dt.date(2016, 1, 4)
NAMES = Names(
    alpha=np.array([0.01, 0.02, 0.0, 0.0]),
    volatility_annual=np.array([0.2, 0.3, 0.4, 0.5]),
    correlation=0.25,
    weight=np.array([0.1, 0.0, 0.03, 0.2]),
    leaves=np.array([False, False, False, True]),
    stays=np.array([False, False, True, False]),
    linear_cost=np.full(4, 3e-4),
    quadratic_cost=np.full(4, 0.1),
)


def states(rows: list[tuple]) -> pl.DataFrame:
    made = [{"industry": f"I{i}", "p_0": a, "p_1": b, "p_2": c} for i, (a, b, c) in enumerate(rows)]
    return frame(VOLATILITY_STATES, [row | {"event_date": DAY} for row in made])


# --- known values ----------------------------------------------------------------------------------------------------


def test_the_factor_form_is_the_constant_correlation_covariance_over_the_horizon() -> None:
    problem = programme(NAMES, 5.0, 0.0, Portfolio(horizon_sessions=21))
    sigma = NAMES.volatility_annual
    dense = np.where(np.eye(4) == 1, 1.0, 0.25) * np.outer(sigma, sigma) * 21 / 252
    w = np.array([0.4, 0.3, 0.2, 0.1])
    assert variance(problem, w) == pytest.approx(w @ dense @ w, rel=1e-12)


def test_leavers_are_sold_whole_without_counting_as_turnover_and_stayers_keep_their_weight() -> None:
    problem = programme(NAMES, 5.0, 0.0, Portfolio(weight_cap=0.05, turnover_cap=0.3, cash_floor=0.01))
    assert problem.lower.tolist() == [0.0, 0.0, 0.03, 0.0]
    assert problem.upper.tolist() == [0.05, 0.05, 0.03, 0.0]
    assert problem.forced.tolist() == [False, False, False, True]
    assert (problem.turnover_cap, problem.cash_bounds) == (0.3, (0.01, np.inf))


def test_stocks_are_expected_to_earn_cash_and_the_premium_besides_their_alpha() -> None:
    problem = programme(NAMES, 5.0, 0.036, Portfolio(horizon_sessions=21, market_premium_annual=0.06))
    cash = 0.036 * 21 * 365 / 252 / 360
    assert problem.cash_return == pytest.approx(cash)
    assert problem.alpha == pytest.approx(cash + 0.005 + NAMES.alpha)


def test_risk_aversion_grows_with_the_mean_probability_of_the_most_turbulent_state() -> None:
    chosen = Portfolio(risk_aversion=4.0, turbulent_risk_multiple=3.0)
    assert regime_risk_aversion(states([(1.0, 0.0, None)]), chosen) == 4.0
    assert regime_risk_aversion(states([(0.0, 1.0, None)] * 3), chosen) == 12.0
    assert regime_risk_aversion(states([(0.8, 0.2, None), (0.2, 0.2, 0.6)]), chosen) == pytest.approx(4 * 1.8)


def test_industries_without_a_state_are_left_out_and_none_gives_none() -> None:
    chosen = Portfolio(risk_aversion=4.0, turbulent_risk_multiple=2.0)
    assert regime_risk_aversion(states([(0.5, 0.5, None), (None, None, None)]), chosen) == 6.0
    assert regime_risk_aversion(states([(None, None, None)]), chosen) is None
    assert regime_risk_aversion(states([]), chosen) is None


def test_target_weights_show_what_is_held_and_what_is_wanted() -> None:
    rows = [
        {"symbol": "A", "shares": 10.0, "value_usd": 300.0, "target_weight": 0.5},
        {"symbol": "ENDED", "shares": 0.0, "value_usd": 0.0},
        {"symbol": "NEW", "shares": 0.0, "value_usd": 0.0, "target_weight": 0.1},
        {"symbol": "USD", "shares": 700.0, "value_usd": 700.0, "target_weight": 0.4},
    ]
    book = frame(BOOK, [row | {"event_date": DAY} for row in rows])
    weights = target_weights(book, DAY)
    assert weights["symbol"].to_list() == ["A", "NEW", "USD"]
    assert weights["weight"].to_list() == pytest.approx([0.3, 0.0, 0.7])
    assert weights["target_weight"].to_list() == [0.5, 0.1, 0.4]
    assert dict(weights.schema) == {name: TARGET_WEIGHTS.schema[name] for name in weights.columns}
    assert set(weights.columns) == set(TARGET_WEIGHTS.schema) - {"known_at"}


# --- properties ------------------------------------------------------------------------------------------------------


def test_a_longer_horizon_scales_variance_and_premium_alike() -> None:
    month, quarter = (programme(NAMES, 5.0, 0.0, Portfolio(horizon_sessions=h)) for h in (21, 63))
    w = np.full(4, 0.25)
    assert variance(quarter, w) == pytest.approx(3 * variance(month, w))
    assert quarter.alpha - NAMES.alpha == pytest.approx(3 * (month.alpha - NAMES.alpha))


# --- refusals --------------------------------------------------------------------------------------------------------


def test_a_name_without_a_volatility_is_refused() -> None:
    with pytest.raises(ValueError, match="specific_variance is not finite"):
        programme(replace(NAMES, volatility_annual=np.array([0.2, np.nan, 0.4, 0.5])), 5.0, 0.0, Portfolio())
