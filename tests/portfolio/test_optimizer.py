"""The programme: known optima, properties against a slow twin, refusals."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.portfolio.optimizer import Problem, constraint_violations, solve
from tests.oracles.optimization_problem import objective, solve_slowly
from tests.portfolio.problems import one_name

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "optimizer.json"
needs_reference = pytest.mark.skipif(not REFERENCE.exists(), reason=f"{REFERENCE} is not there")


def random_problem(seed: int) -> Problem:
    """Long only, with a cap on turnover and, for every other seed, a cap on volatility."""
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(2, 6)), int(rng.integers(1, 4))
    upper = rng.uniform(0.2, 0.8, n)
    previous = np.minimum(rng.dirichlet(np.ones(n + 1))[:n] * rng.integers(0, 2, n), upper)
    root = rng.normal(0, 0.1, (k, k))
    return Problem(
        alpha=rng.normal(0.005, 0.01, n),
        exposures=rng.normal(0, 1, (n, k)),
        factor_covariance=root @ root.T,
        specific_variance=rng.uniform(0.001, 0.02, n),
        risk_aversion=float(rng.uniform(1, 10)),
        previous=previous,
        lower=np.zeros(n),
        upper=upper,
        linear_cost=rng.uniform(0, 0.002, n),
        quadratic_cost=rng.uniform(0, 0.01, n),
        cash_return=float(rng.uniform(0, 0.002)),
        cash_bounds=(float(rng.uniform(0, 0.1)), np.inf),
        turnover_cap=float(rng.uniform(0.1, 1.5)),
        forced=rng.uniform(size=n) < 0.2,
        volatility_cap=float(rng.uniform(0.005, 0.1)) if seed % 2 else None,
        volatility_penalty=float(rng.uniform(0.01, 0.5)) if seed % 2 else None,
    )


problems = st.integers(0, 10_000).map(random_problem)


def reference_cases() -> list:
    return json.loads(REFERENCE.read_text())["cases"] if REFERENCE.exists() else []


def of_reference(case: dict) -> Problem:
    given_ = {k: np.array(v) if isinstance(v, list) else v for k, v in case["inputs"].items()}
    return Problem(
        alpha=given_["mu"],
        exposures=given_["B"],
        factor_covariance=given_["F"],
        specific_variance=given_["d"],
        risk_aversion=given_["gamma"],
        previous=given_["w0"],
        lower=np.zeros(given_["N"]),
        upper=given_["ub"],
        linear_cost=given_["l1"],
        quadratic_cost=given_["l2"],
        cash_bounds=(0.0, 0.0),
        turnover_cap=given_["tau"],
        bands=given_["A"],
        band_lower=given_["bl"],
        band_upper=given_["bu"],
        volatility_cap=given_["vol_cap"],
    )


# --- known values ----------------------------------------------------------------------------------------------------


@needs_reference
@pytest.mark.shared
@pytest.mark.parametrize("case", reference_cases(), ids=lambda case: case["name"])
def test_optima_and_duals_agree_with_independent_software(case: dict) -> None:
    solution = solve(of_reference(case))
    assert solution.status == "optimal"
    assert solution.weights == pytest.approx(np.array(case["w"]), abs=2e-5)
    assert solution.objective == pytest.approx(case["objective"], abs=1e-7)
    assert max(constraint_violations(of_reference(case), solution.weights).values()) < 1e-7
    duals = {"budget": "budget", "turn": "turnover", "vol": "volatility"}
    for name, value in case["duals"].items():
        assert solution.duals[duals[name]] == pytest.approx(value, abs=1e-4)


@needs_reference
@pytest.mark.shared
@pytest.mark.parametrize("case", reference_cases(), ids=lambda case: case["name"])
def test_a_volatility_that_cannot_be_reached_is_reported_infeasible(case: dict) -> None:
    solution = solve(replace(of_reference(case), volatility_cap=0.05))
    assert (solution.status, solution.weights) == ("infeasible", None)


def test_without_limits_the_weight_is_alpha_over_risk_aversion_times_variance() -> None:
    solution = solve(one_name())
    assert solution.weights == pytest.approx([0.25], abs=1e-6)
    assert solution.cash == pytest.approx(0.75, abs=1e-6)
    assert solution.objective == pytest.approx(0.25 * 0.05 - 2.5 * 0.04 * 0.25**2, abs=1e-9)


def test_a_linear_cost_moves_the_target_of_a_buyer_and_of_a_seller_apart() -> None:
    buyer = solve(one_name(linear_cost=0.01))
    seller = solve(one_name(linear_cost=0.01, previous=np.array([0.9])))
    idle = solve(one_name(linear_cost=0.01, previous=np.array([0.28])))
    assert buyer.weights == pytest.approx([0.20], abs=1e-6)  # (0.05 − 0.01) / 0.2
    assert seller.weights == pytest.approx([0.30], abs=1e-6)  # (0.05 + 0.01) / 0.2
    assert idle.weights == pytest.approx([0.28], abs=1e-6)  # between the two nobody trades


def test_a_quadratic_cost_pulls_towards_what_is_held() -> None:
    solution = solve(one_name(quadratic_cost=0.1))
    assert solution.weights == pytest.approx([0.05 / (0.2 + 0.2)], abs=1e-6)


def test_cash_earns_its_return() -> None:
    solution = solve(one_name(cash_return=0.01))
    assert solution.weights == pytest.approx([0.20], abs=1e-6)  # (0.05 − 0.01) / 0.2
    assert solution.terms["cash"] == pytest.approx(0.008, abs=1e-8)


def test_the_volatility_cap_binds_where_it_says() -> None:
    solution = solve(one_name(volatility_cap=0.03))
    assert solution.weights == pytest.approx([0.15], abs=1e-6)  # 0.03 / 0.2
    assert solution.duals["volatility"] == pytest.approx((0.05 - 0.2 * 0.15) / 0.2, abs=1e-4)


def test_forced_trades_do_not_count_as_turnover() -> None:
    forced = one_name(turnover_cap=0.1, previous=np.array([0.6]), upper=np.zeros(1), forced=np.array([True]))
    solution = solve(forced)
    assert (solution.status, solution.relaxations) == ("optimal", ())
    assert solution.weights == pytest.approx([0.0], abs=1e-9)


def test_a_volatility_beyond_its_cap_is_bought_at_the_penalty() -> None:
    """At w the deviation is 0.2 w, and more weight gains 0.05 − 0.2 w at a price of 0.2 φ: w = (0.05 − 0.2 φ) / 0.2."""
    solution = solve(one_name(volatility_cap=0.01, volatility_penalty=0.1))
    assert solution.weights == pytest.approx([0.15], abs=1e-6)
    assert solution.volatility_excess == pytest.approx(0.02, abs=1e-7)
    assert solution.terms["volatility_excess"] == pytest.approx(-0.002, abs=1e-8)
    assert solution.duals["volatility"] == pytest.approx(0.1, abs=1e-6)
    assert solution.status == "optimal"


def test_a_dear_volatility_stays_at_its_cap() -> None:
    solution = solve(one_name(volatility_cap=0.03, volatility_penalty=1.0))
    assert solution.weights == pytest.approx([0.15], abs=1e-6)
    assert solution.volatility_excess == pytest.approx(0.0, abs=1e-8)
    assert solution.duals["volatility"] == pytest.approx(0.1, abs=1e-4)


def test_a_volatility_that_frozen_names_exceed_is_no_reason_to_stop() -> None:
    frozen = {"previous": np.array([0.9]), "lower": np.array([0.9]), "upper": np.array([0.9]), "volatility_cap": 0.01}
    assert solve(one_name(**frozen)).status == "infeasible"
    solution = solve(one_name(**frozen, volatility_penalty=1.0))
    assert (solution.status, solution.relaxations) == ("optimal", ())
    assert solution.volatility_excess == pytest.approx(0.17)


# --- properties ------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(problems)
def test_the_optimum_is_that_of_a_slow_solver(problem: Problem) -> None:
    solution = solve(problem)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(objective(problem, solution.weights), abs=1e-12)
    slow = solve_slowly(problem)
    assert solution.objective == pytest.approx(objective(problem, slow), abs=1e-7)
    assert solution.weights == pytest.approx(slow, abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(problems)
def test_limits_hold_to_a_millionth(problem: Problem) -> None:
    solution = solve(problem)
    assert max(constraint_violations(problem, solution.weights).values()) < 1e-6
    assert solution.weights.sum() + solution.cash == pytest.approx(1.0, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(problems, st.floats(0.0, 1.0), st.floats(0.0, 0.05))
def test_weights_that_break_a_limit_are_never_called_optimal(problem: Problem, ceiling: float, cap: float) -> None:
    tight = replace(problem, cash_bounds=(0.0, ceiling), turnover_cap=cap)
    solution = solve(tight)
    assert (solution.weights is None) == (solution.status not in {"optimal", "relaxed"})
    if solution.weights is not None:
        assert max(constraint_violations(solution.problem, solution.weights).values()) < 1e-6
        broken = max(constraint_violations(tight, solution.weights).values()) > 1e-6
        assert not (broken and solution.status == "optimal")
        assert bool(solution.relaxations) == (solution.status == "relaxed")


@settings(max_examples=20, deadline=None)
@given(problems)
def test_the_same_programme_gives_the_same_bits(problem: Problem) -> None:
    assert solve(problem).weights.tobytes() == solve(problem).weights.tobytes()


@settings(max_examples=20, deadline=None)
@given(problems)
def test_duals_are_what_the_objective_gains_by_room(problem: Problem) -> None:
    h = 1e-4
    wider, narrower = (replace(problem, turnover_cap=problem.turnover_cap + by) for by in (h, -h))
    gain = (solve(wider).objective - solve(narrower).objective) / (2 * h)
    one_sided = (solve(wider).objective - solve(problem).objective) / h
    dual = solve(problem).duals["turnover"]
    # concave in the cap: the dual lies between the gains to the right and to the left
    assert one_sided - 1e-4 <= dual <= 2 * gain - one_sided + 1e-4


def test_sparse_exposures_give_the_same_answer_as_dense_ones() -> None:
    from scipy import sparse

    problem = random_problem(1)
    assert solve(problem).weights == pytest.approx(
        solve(replace(problem, exposures=sparse.csr_array(problem.exposures))).weights, abs=1e-9
    )
