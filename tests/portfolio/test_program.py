"""From predictions to a programme, what it said, and the weights of a session."""

import datetime as dt
import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from configs.settings import Portfolio
from feature_store.schemas.portfolio import TARGET_WEIGHTS
from quant_assets.portfolio.inputs import AssetInputs, RiskForecast
from quant_assets.portfolio.optimizer import solve
from quant_assets.portfolio.problem import constraint_violations, objective_terms, variance
from quant_assets.portfolio.program import (
    describe,
    implied_returns,
    optimization_problem,
    target_weights,
)

DAY = dt.date(2016, 1, 4)
YEARS = 21 / 252  # of the horizon
INDUSTRIES = ["Energy", "Energy", "Materials", "Materials", "Utilities"]
EXPOSURES = np.array([[1, 0.5], [1, -0.5], [1, 0.0], [1, 1.0], [1, -1.0]])
NAMES = AssetInputs(
    alpha=np.array([0.01, 0.02, 0.0, 0.0, -0.01]),
    tilt=np.array([0.001, 0.001, 0.0, 0.0, -0.001]),
    industry=INDUSTRIES,
    exposures=sparse.csr_array(EXPOSURES),
    specific_variance_annual=np.array([0.04, 0.09, 0.05, 0.06, 0.03]),
    weight=np.array([0.1, 0.0, 0.03, 0.2, 0.1]),
    benchmark=np.array([0.25, 0.25, 0.25, 0.0, 0.25]),
    must_exit=np.array([False, False, False, True, False]),
    locked=np.array([False, False, True, False, False]),
    linear_cost=np.full(5, 3e-4),
    quadratic_cost=np.full(5, 0.1),
    borrow_rate_annual=np.array([0.012, 0.3, 0.012, 0.012, 0.0]),
    shortable=np.full(5, np.inf),
)
OUTLOOK = RiskForecast(
    factors=("market", "beta"),
    factor_covariance_annual=np.array([[0.03, 0.002], [0.002, 0.01]]),
    bands={"Energy": 0.02},
    volatility_target_annual=0.12,
    cash_rate_annual=0.036,
)
NEUTRAL = Portfolio(mode="dollar_neutral", short_cap=0.3, weight_cap=0.4, net_band=0.05, industry_band=0.5)
CASH_RETURN = 0.036 * 21 * 365 / 252 / 360


def spelled_out() -> np.ndarray:
    """Covariance over the horizon, multiplied out."""
    annual = EXPOSURES @ OUTLOOK.factor_covariance_annual @ EXPOSURES.T + np.diag(NAMES.specific_variance_annual)
    return annual * YEARS


def told(rows: list[dict]) -> dict[str, dict]:
    return {row["limit"]: row for row in rows}


# --- known values ----------------------------------------------------------------------------------------------------


def test_the_factor_form_is_the_covariance_over_the_horizon() -> None:
    problem = optimization_problem(NAMES, OUTLOOK, Portfolio())
    w = np.array([0.4, 0.3, 0.2, 0.1, 0.0])
    assert variance(problem, w) == pytest.approx(w @ spelled_out() @ w, rel=1e-12)


def test_leavers_are_sold_whole_without_counting_as_turnover_and_stayers_keep_their_weight() -> None:
    problem = optimization_problem(NAMES, OUTLOOK, Portfolio(weight_cap=0.05, turnover_cap=0.3, cash_floor=0.01))
    assert problem.lower.tolist() == [0.0, 0.0, 0.03, 0.0, 0.0]
    assert problem.upper.tolist() == [0.05, 0.05, 0.03, 0.0, 0.05]
    assert problem.forced.tolist() == [False, False, False, True, False]
    assert (problem.turnover_cap, problem.cash_bounds) == (0.3, (0.01, np.inf))
    assert (problem.net_bounds, problem.gross_cap) == (None, None)


def test_stocks_are_expected_to_earn_cash_the_implied_return_alpha_and_tilt() -> None:
    problem = optimization_problem(NAMES, OUTLOOK, Portfolio(risk_aversion=8.0))
    assert problem.cash_return == pytest.approx(CASH_RETURN)
    implied = 8.0 * spelled_out() @ NAMES.benchmark
    assert problem.alpha == pytest.approx(CASH_RETURN + implied + NAMES.alpha + NAMES.tilt)


def test_a_premium_of_the_settings_takes_the_place_of_the_implied_returns() -> None:
    problem = optimization_problem(NAMES, OUTLOOK, Portfolio(market_premium_annual=0.06))
    assert problem.alpha == pytest.approx(CASH_RETURN + 0.005 + NAMES.alpha + NAMES.tilt)


def test_bands_lie_around_the_benchmark_and_are_those_of_the_views_where_there_are_any() -> None:
    problem = optimization_problem(NAMES, OUTLOOK, Portfolio(industry_band=0.05))
    assert problem.band_names == ("industry:Energy", "industry:Materials", "industry:Utilities")
    # half of the benchmark is Energy: half of what is invested is no bet; the two in the middle cannot be traded
    assert problem.bands.toarray().tolist() == [
        [0.5, 0.5, 0, 0, -0.5],
        [0, 0, 0, 0, 0],
        [-0.25, -0.25, 0, 0, 0.75],
    ]
    assert problem.band_upper == pytest.approx(np.array([0.02, 0.05, 0.05]))
    assert problem.band_lower == pytest.approx(-problem.band_upper)


def test_the_benchmark_of_what_can_be_traded_is_no_bet_at_any_size() -> None:
    every = replace(NAMES, locked=np.zeros(5, dtype=bool), must_exit=np.zeros(5, dtype=bool))
    problem = optimization_problem(every, OUTLOOK, Portfolio(industry_band=0.05))
    for invested in (0.0, 0.3, 1.0):
        assert problem.bands @ (invested * NAMES.benchmark) == pytest.approx(np.zeros(3))


def test_the_target_is_a_cap_over_the_horizon_that_may_be_exceeded_at_a_price() -> None:
    problem = optimization_problem(NAMES, OUTLOOK, Portfolio(volatility_penalty=0.7))
    assert problem.volatility_cap == pytest.approx(0.12 * np.sqrt(YEARS))
    assert problem.volatility_penalty == 0.7


def test_dollar_neutral_there_is_no_premium_and_everything_lies_around_zero() -> None:
    problem = optimization_problem(NAMES, OUTLOOK, NEUTRAL)
    assert problem.alpha == pytest.approx(CASH_RETURN + NAMES.alpha + NAMES.tilt)
    assert problem.lower.tolist() == [-0.3, -0.3, 0.03, 0.0, -0.3]
    assert problem.upper.tolist() == [0.4, 0.4, 0.03, 0.0, 0.4]
    assert (problem.net_bounds, problem.gross_cap) == ((-0.05, 0.05), 2.0)
    assert problem.band_upper == pytest.approx(np.array([0.02, 0.5, 0.5]))
    assert problem.band_lower == pytest.approx(-problem.band_upper)


def test_a_short_pays_its_fee_and_the_interest_that_its_proceeds_do_not_earn() -> None:
    problem = optimization_problem(NAMES, OUTLOOK, NEUTRAL)
    fees = np.array([0.012, 0.3, 0.012, 0.012, 0.0])
    assert problem.borrow_cost == pytest.approx((fees + 0.036) * 21 * 365 / 252 / 360)


def test_nobody_sells_short_what_nobody_lends() -> None:
    short = replace(
        NAMES, weight=np.array([-0.1, 0.0, 0.03, 0.2, -0.35]), shortable=np.array([0.0, 0.05, 0.0, 0.0, 0.0])
    )
    # the first is kept at most, of the second a twentieth is to be had, the last is beyond the cap anyway
    assert optimization_problem(short, OUTLOOK, NEUTRAL).lower.tolist() == [-0.1, -0.05, 0.03, 0.0, -0.3]
    assert optimization_problem(short, OUTLOOK, Portfolio()).lower.tolist() == [0.0, 0.0, 0.03, 0.0, 0.0]


def test_what_the_programme_said_is_told_limit_by_limit() -> None:
    settings = Portfolio(weight_cap=0.4, turnover_cap=0.6, industry_band=0.3, cash_floor=0.02, volatility_penalty=0.001)
    asked = optimization_problem(NAMES, replace(OUTLOOK, volatility_target_annual=0.08), settings)
    solution = solve(asked)
    said = json.loads(json.dumps(describe(asked, solution, settings), allow_nan=False))
    w, limits = solution.weights, told(said["limits"])
    assert list(limits) == [
        "turnover",
        "volatility",
        "cash_floor",
        "gross",
        "net",
        "industry:Energy",
        "industry:Materials",
        "industry:Utilities",
        "lower",
        "upper",
    ]
    # the fourth name leaves, and does not count
    assert limits["turnover"]["value"] == pytest.approx(np.abs(w - NAMES.weight)[[0, 1, 2, 4]].sum())
    assert (limits["turnover"]["lower"], limits["turnover"]["upper"]) == (None, 0.6)
    assert limits["cash_floor"]["value"] == pytest.approx(1 - w.sum())
    assert (limits["cash_floor"]["lower"], limits["cash_floor"]["upper"]) == (0.02, None)
    assert limits["gross"]["value"] == pytest.approx(w.sum())
    assert (limits["net"]["lower"], limits["net"]["upper"], limits["net"]["violation"]) == (None, None, 0.0)
    assert limits["industry:Energy"]["value"] == pytest.approx(w[0] + w[1] - 0.5 * w[[0, 1, 4]].sum())
    assert limits["industry:Energy"]["upper"] == pytest.approx(0.02)
    annual = np.sqrt(w @ spelled_out() @ w / YEARS)
    assert limits["volatility"]["value"] == pytest.approx(annual)
    assert limits["volatility"]["upper"] == pytest.approx(0.08)
    assert limits["volatility"]["violation"] == pytest.approx(annual - 0.08)
    assert limits["volatility"]["violation"] > 0.005
    assert [name for name, row in limits.items() if row["relaxed"]] == ["volatility"]
    assert said["terms"] == pytest.approx(objective_terms(asked, w))
    assert said["controls"] == {
        "risk_aversion": 8.0,
        "turnover_cap": 0.6,
        "volatility_target_annual": pytest.approx(0.08),
        "volatility_penalty": 0.001,
        "turnover_penalty": 5e-4,
        "impact_multiple": 1.0,
    }
    assert (said["relaxations"], said["iterations"]) == ([], solution.iterations)


def test_the_dual_of_volatility_is_per_unit_of_annual_volatility() -> None:
    settings = Portfolio(weight_cap=0.4, turnover_cap=2.0, industry_band=0.9, volatility_penalty=5.0)
    target = replace(OUTLOOK, volatility_target_annual=0.1, bands={})

    def best(target_annual: float) -> float:
        return solve(
            optimization_problem(NAMES, replace(target, volatility_target_annual=target_annual), settings)
        ).objective

    asked = optimization_problem(NAMES, target, settings)
    row = told(describe(asked, solve(asked), settings)["limits"])["volatility"]
    assert row["relaxed"] is False
    assert row["dual"] == pytest.approx((best(0.1001) - best(0.0999)) / 0.0002, abs=1e-4)
    assert row["dual"] > 1e-3


def test_what_the_ladder_widened_is_measured_against_what_was_asked() -> None:
    settings = Portfolio(weight_cap=0.4, turnover_cap=0.05, cash_floor=0.9, industry_band=1.0)
    asked = optimization_problem(NAMES, replace(OUTLOOK, bands={}), settings)
    solution = solve(asked)
    limits = told(describe(asked, solution, settings)["limits"])
    assert solution.status == "relaxed"
    assert limits["turnover"]["upper"] == 0.05
    assert limits["turnover"]["relaxed"] is True
    assert limits["turnover"]["violation"] == pytest.approx(limits["turnover"]["value"] - 0.05)
    assert limits["turnover"]["violation"] > 0.01
    assert not any(row["violation"] > 1e-6 for row in limits.values() if not row["relaxed"])


def test_turnover_that_stopped_counting_counts_as_relaxed() -> None:
    settings = Portfolio(weight_cap=0.02, turnover_cap=0.1, industry_band=1.0)
    asked = optimization_problem(NAMES, replace(OUTLOOK, bands={}), settings)
    row = told(describe(asked, solve(asked), settings)["limits"])["turnover"]
    assert row["violation"] == pytest.approx(0.08, abs=1e-6)  # 0.1 → 0.02 twice, 0 → 0.02; the cap is 0.1
    assert row["relaxed"] is True


def test_a_programme_without_weights_has_controls_and_nothing_to_tell() -> None:
    asked = replace(optimization_problem(NAMES, OUTLOOK, Portfolio()), volatility_penalty=None, volatility_cap=1e-4)
    solution = solve(asked)
    said = describe(asked, solution, Portfolio())
    assert solution.status == "infeasible"
    assert (said["limits"], said["terms"], said["relaxations"]) == ([], {}, [])
    assert said["controls"]["volatility_penalty"] is None


def test_target_weights_show_what_is_held_and_what_is_wanted() -> None:
    rows = [
        {"symbol": "A", "shares": 10.0, "value_usd": 300.0, "target_weight": 0.5},
        {"symbol": "ENDED", "shares": 0.0, "value_usd": 0.0},
        {"symbol": "NEW", "shares": 0.0, "value_usd": 0.0, "target_weight": 0.1},
        {"symbol": "USD", "shares": 700.0, "value_usd": 700.0, "target_weight": 0.4},
    ]
    weights = target_weights(pl.DataFrame(rows).with_columns(event_date=DAY), DAY)
    assert weights["symbol"].to_list() == ["A", "NEW", "USD"]
    assert weights["weight"].to_list() == pytest.approx([0.3, 0.0, 0.7])
    assert weights["target_weight"].to_list() == [0.5, 0.1, 0.4]
    assert dict(weights.schema) == {name: TARGET_WEIGHTS.schema[name] for name in weights.columns}
    assert set(weights.columns) == set(TARGET_WEIGHTS.schema) - {"known_at"}


# --- properties ------------------------------------------------------------------------------------------------------


def test_without_alpha_the_benchmark_is_the_optimum() -> None:
    free = np.zeros(5, dtype=bool)
    still = replace(
        NAMES,
        alpha=np.zeros(5),
        tilt=np.zeros(5),
        must_exit=free,
        locked=free,
        weight=np.zeros(5),
        benchmark=np.array([0.3, 0.2, 0.25, 0.05, 0.2]),
        linear_cost=np.zeros(5),
        quadratic_cost=np.zeros(5),
    )
    settings = Portfolio(weight_cap=0.5, turnover_cap=2.0)
    solution = solve(optimization_problem(still, replace(OUTLOOK, volatility_target_annual=1.0), settings))
    assert solution.weights == pytest.approx(still.benchmark, abs=2e-5)  # cash is at its floor, at no price


@given(st.integers(0, 10_000))
def test_the_gradient_at_the_benchmark_is_zero_under_its_implied_returns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, k = 6, 3
    root, exposures = rng.normal(0, 0.1, (k, k)), rng.normal(0, 1, (n, k))
    specific, b = rng.uniform(0.001, 0.1, n), rng.dirichlet(np.ones(n))
    implied = implied_returns(sparse.csr_array(exposures), root @ root.T, specific, 5.0, b)
    sigma = exposures @ root @ root.T @ exposures.T + np.diag(specific)
    assert implied == pytest.approx(5.0 * sigma @ b, rel=1e-9, abs=1e-12)


def test_a_longer_horizon_scales_variance_and_implied_returns_alike() -> None:
    month, quarter = (optimization_problem(NAMES, OUTLOOK, Portfolio(horizon_sessions=h)) for h in (21, 63))
    w = np.full(5, 0.2)
    assert variance(quarter, w) == pytest.approx(3 * variance(month, w))
    own = NAMES.alpha + NAMES.tilt
    assert quarter.alpha - own == pytest.approx(3 * (month.alpha - own))
    assert quarter.volatility_cap == pytest.approx(np.sqrt(3) * month.volatility_cap)
    assert quarter.borrow_cost == pytest.approx(3 * month.borrow_cost)


def test_dollar_neutral_the_book_nets_to_its_band_whatever_is_expected() -> None:
    keen = replace(
        NAMES, alpha=np.array([0.05, 0.04, 0.0, 0.0, 0.03]), weight=np.zeros(5), locked=np.zeros(5, dtype=bool)
    )
    settings = NEUTRAL.model_copy(update={"turnover_cap": 2.0})
    asked = optimization_problem(keen, replace(OUTLOOK, bands={}), settings)
    solution = solve(asked)
    assert solution.status == "optimal"
    assert solution.weights.sum() == pytest.approx(0.05, abs=1e-7)
    assert max(constraint_violations(asked, solution.weights).values()) < 1e-8
    row = told(describe(asked, solution, settings)["limits"])["net"]
    assert (row["lower"], row["upper"], row["value"]) == (-0.05, 0.05, pytest.approx(0.05, abs=1e-7))
    assert row["dual"] > 1e-3


# --- refusals --------------------------------------------------------------------------------------------------------


def test_a_name_without_a_specific_risk_is_refused() -> None:
    unknown = np.array([0.04, np.nan, 0.05, 0.06, 0.03])
    with pytest.raises(ValueError, match="is not finite"):
        optimization_problem(replace(NAMES, specific_variance_annual=unknown), OUTLOOK, Portfolio())
