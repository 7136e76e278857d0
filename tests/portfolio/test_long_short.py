"""Optimization of books that may be short."""

from dataclasses import replace

import numpy as np
import pytest

from quant_assets.portfolio.optimizer import Problem, constraint_violations, solve
from quant_assets.portfolio.problem import volatility_excess
from tests.oracles.optimization_problem import objective, solve_slowly
from tests.portfolio.problems import neutral


def long_short(seed: int) -> Problem:
    """Names that may be long, short, or either, everything that can be limited limited."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(6, 14))
    one_sided = np.where(rng.uniform(size=n) < 0.2, rng.choice([-1, 1], n), 0)
    lower = np.where(one_sided > 0, 0.0, -rng.uniform(0.05, 0.3, n))
    upper = np.where(one_sided < 0, 0.0, rng.uniform(0.05, 0.3, n))
    bands = np.zeros((3, n))
    bands[np.arange(n) % 3, np.arange(n)] = 1.0
    return replace(
        long_only_of(rng, n),
        lower=lower,
        upper=upper,
        previous=np.clip(rng.normal(0, 0.05, n), lower, upper),
        borrow_cost=rng.uniform(0, 0.004, n) if seed % 2 else float(rng.uniform(0, 0.004)),
        net_bounds=(-0.05, 0.05) if seed % 3 else (0.0, 0.0),
        gross_cap=float(rng.uniform(0.4, 1.2)),
        turnover_cap=float(rng.uniform(0.2, 1.0)),
        bands=bands,
        band_lower=np.array([-0.05, -np.inf, 0.0]),
        band_upper=np.array([0.05, 0.1, 0.0]),
        band_names=("odd", "even", "flat"),
        volatility_cap=float(rng.uniform(0.001, 0.02)),
        volatility_penalty=float(rng.uniform(0.02, 0.3)),
    )


def long_only_of(rng: np.random.Generator, n: int) -> Problem:
    root = rng.normal(0, 0.03, (4, 4))
    return Problem(
        alpha=rng.normal(0, 0.01, n),
        exposures=rng.normal(0, 1, (n, 4)),
        factor_covariance=root @ root.T,
        specific_variance=rng.uniform(0.002, 0.02, n),
        risk_aversion=float(rng.uniform(2, 12)),
        previous=np.zeros(n),
        lower=np.zeros(n),
        upper=np.full(n, 0.3),
        linear_cost=rng.uniform(0, 0.001, n),
        quadratic_cost=rng.uniform(0, 0.02, n),
        cash_return=float(rng.uniform(0, 0.003)),
    )


# --- known values ----------------------------------------------------------------------------------------------------


def test_a_short_earns_on_a_negative_alpha_and_pays_its_fee() -> None:
    solution = solve(neutral())
    assert solution.weights == pytest.approx([0.25, -0.25], abs=1e-6)  # ±0.05 / (5 · 0.04)
    dear = solve(neutral(borrow_cost=np.array([0.01, 0.01])))
    assert dear.weights == pytest.approx([0.235, -0.215], abs=1e-6)  # 0.25 and −0.20, moved to a net of 0.02
    assert dear.terms["borrow"] == pytest.approx(-0.01 * 0.215, abs=1e-8)


def test_a_fee_above_the_alpha_leaves_the_name_unsold() -> None:
    solution = solve(neutral(borrow_cost=0.06, net_bounds=None))
    assert solution.weights == pytest.approx([0.25, 0.0], abs=1e-6)


def test_a_name_that_can_only_be_short_pays_its_fee_too() -> None:
    solution = solve(neutral(borrow_cost=0.01, net_bounds=None, upper=np.array([0.5, 0.0])))
    assert solution.weights == pytest.approx([0.25, -0.20], abs=1e-6)
    assert solution.terms["borrow"] == pytest.approx(-0.002, abs=1e-8)


def test_gross_weight_is_capped() -> None:
    solution = solve(neutral(gross_cap=0.3))
    assert solution.weights == pytest.approx([0.15, -0.15], abs=1e-6)
    assert solution.duals["gross"] == pytest.approx(0.05 - 0.2 * 0.15, abs=1e-5)


def test_all_that_is_wanted_long_nets_to_the_bound() -> None:
    solution = solve(neutral(alpha=np.array([0.05, 0.04])))
    assert solution.weights.sum() == pytest.approx(0.02, abs=1e-8)
    assert solution.cash == pytest.approx(0.98, abs=1e-8)
    assert solution.duals["net_upper"] > 0.01
    assert solution.duals["net_lower"] == pytest.approx(0.0, abs=1e-6)


def test_exactly_dollar_neutral_has_one_multiplier_for_both_sides() -> None:
    solution = solve(neutral(alpha=np.array([0.05, 0.04]), net_bounds=(0.0, 0.0)))
    assert solution.weights.sum() == pytest.approx(0.0, abs=1e-9)
    assert solution.duals["net_upper"] == pytest.approx(0.045, abs=1e-6)
    assert solution.duals["net_lower"] == 0.0


@pytest.mark.parametrize("seed", range(12))
def test_long_and_short_the_optimum_is_that_of_cvxpy(seed: int) -> None:
    problem = long_short(seed)
    solution, slow = solve(problem), solve_slowly(problem)
    assert solution.status == "optimal"
    assert solution.weights == pytest.approx(slow, abs=1e-5)
    assert solution.objective == pytest.approx(objective(problem, slow), abs=1e-7)
    assert solution.objective == pytest.approx(objective(problem, solution.weights), abs=1e-12)
    assert max(constraint_violations(problem, solution.weights).values()) < 1e-8
    assert solution.volatility_excess == pytest.approx(volatility_excess(problem, slow), abs=1e-6)


def test_the_dozen_long_and_short_programmes_make_every_limit_bind_somewhere() -> None:
    duals = [solve(long_short(seed)).duals for seed in range(12)]
    for name in ("turnover", "gross", "volatility", "net_lower", "net_upper", "band_lower", "band_upper", "lower"):
        assert max(np.max(dual[name]) for dual in duals) > 1e-4
    excess = [solve(long_short(seed)).volatility_excess for seed in range(12)]
    assert min(excess) < 1e-8
    assert max(excess) > 1e-3


# the limit that gives, what it is called among the duals, and a programme in which it binds
MOVED = {
    "turnover": ({"turnover_cap": 0.2}, lambda p, h: replace(p, turnover_cap=p.turnover_cap + h)),
    "gross": ({"gross_cap": 0.3}, lambda p, h: replace(p, gross_cap=p.gross_cap + h)),
    "volatility": ({"volatility_cap": 0.03}, lambda p, h: replace(p, volatility_cap=p.volatility_cap + h)),
    "net_upper": (
        {"alpha": np.array([0.05, 0.03])},
        lambda p, h: replace(p, net_bounds=(p.net_bounds[0], p.net_bounds[1] + h)),
    ),
    "net_lower": (
        {"alpha": np.array([-0.05, -0.03])},
        lambda p, h: replace(p, net_bounds=(p.net_bounds[0] - h, p.net_bounds[1])),
    ),
    "cash_floor": (
        {"alpha": np.array([0.05, 0.03]), "net_bounds": None, "cash_bounds": (0.8, np.inf)},
        lambda p, h: replace(p, cash_bounds=(p.cash_bounds[0] - h, np.inf)),
    ),
    "cash_ceiling": (
        {"alpha": np.array([-0.05, -0.03]), "net_bounds": None, "cash_bounds": (0.0, 0.9)},
        lambda p, h: replace(p, cash_bounds=(0.0, p.cash_bounds[1] + h)),
    ),
    "band_upper": (
        {"bands": np.array([[1.0, -1.0]]), "band_upper": np.array([0.2])},
        lambda p, h: replace(p, band_upper=p.band_upper + h),
    ),
    "band_lower": (
        {"bands": np.array([[-1.0, 1.0]]), "band_lower": np.array([-0.2])},
        lambda p, h: replace(p, band_lower=p.band_lower - h),
    ),
    "lower": ({"lower": np.array([-0.5, -0.1])}, lambda p, h: replace(p, lower=p.lower - h)),
    "upper": ({"upper": np.array([0.1, 0.5])}, lambda p, h: replace(p, upper=p.upper + h)),
}


@pytest.mark.parametrize("name", MOVED)
def test_a_dual_is_what_the_objective_gains_when_its_limit_gives_way(name: str) -> None:
    changes, move = MOVED[name]
    problem, h = neutral(**changes), 1e-4
    gain = (solve(move(problem, h)).objective - solve(move(problem, -h)).objective) / (2 * h)
    dual = np.sum(solve(problem).duals[name])
    assert gain > 1e-3
    assert dual == pytest.approx(gain, abs=1e-5)


def test_a_fixed_name_says_to_which_side_it_would_go() -> None:
    solution = solve(neutral(lower=np.array([0.1, -0.5]), upper=np.array([0.1, 0.5]), net_bounds=None))
    assert solution.duals["upper"][0] == pytest.approx(0.05 - 0.2 * 0.1, abs=1e-6)
    assert solution.duals["lower"][0] == 0.0
