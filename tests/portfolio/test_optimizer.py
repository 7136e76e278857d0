"""The programme: known optima, properties against a slow twin, refusals."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.portfolio.optimizer import Problem, constraint_violations, solve
from tests.oracles.programme import objective, solve_slowly

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "optimizer.json"
needs_reference = pytest.mark.skipif(not REFERENCE.exists(), reason=f"{REFERENCE} is not there")


def one_name(**changes) -> Problem:
    """One stock of variance 0.04, γ 5, alpha 0.05: without limits and costs w = 0.05 / (5 · 0.04) = 0.25."""
    base = {
        "alpha": np.array([0.05]),
        "exposures": np.zeros((1, 1)),
        "factor_covariance": np.eye(1),
        "specific_variance": np.array([0.04]),
        "risk_aversion": 5.0,
        "previous": np.zeros(1),
        "lower": np.zeros(1),
        "upper": np.ones(1),
    }
    return Problem(**(base | changes))


def random_problem(seed: int) -> Problem:
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
    )


problems = st.integers(0, 10_000).map(random_problem)


# --- known values ----------------------------------------------------------------------------------------------------


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


def test_a_first_day_from_cash_needs_no_relaxation_while_cash_is_allowed() -> None:
    solution = solve(one_name(turnover_cap=0.1))
    assert (solution.status, solution.relaxations) == ("optimal", ())
    assert solution.weights == pytest.approx([0.1], abs=1e-6)


def test_a_first_day_that_must_be_invested_raises_the_turnover_cap_to_what_it_takes() -> None:
    solution = solve(one_name(turnover_cap=0.1, cash_bounds=(0.0, 0.0)))
    assert solution.status == "relaxed"
    assert solution.weights == pytest.approx([1.0], abs=1e-6)
    assert len(solution.relaxations) == 1
    assert solution.relaxations[0].startswith("turnover: cap raised from 0.1 to 1.000")
    assert solution.problem.turnover_cap == pytest.approx(1.0, abs=1e-3)


def test_trades_back_to_a_bound_are_excused_before_the_cap_is_raised() -> None:
    solution = solve(one_name(turnover_cap=0.1, previous=np.array([0.6]), upper=np.array([0.2])))
    assert solution.status == "relaxed"
    assert solution.relaxations == ("bounds: trades of 1 names outside their bounds do not count as turnover",)
    assert solution.weights == pytest.approx([0.2], abs=1e-6)


def test_forced_trades_do_not_count_as_turnover() -> None:
    forced = one_name(turnover_cap=0.1, previous=np.array([0.6]), upper=np.zeros(1), forced=np.array([True]))
    solution = solve(forced)
    assert (solution.status, solution.relaxations) == ("optimal", ())
    assert solution.weights == pytest.approx([0.0], abs=1e-9)


def test_a_cash_floor_that_frozen_names_do_not_leave_is_lowered() -> None:
    frozen = one_name(previous=np.array([0.99]), lower=np.array([0.99]), upper=np.array([0.99]), turnover_cap=0.1)
    solution = solve(replace(frozen, cash_bounds=(0.05, np.inf)))
    assert solution.status == "relaxed"
    assert [step.split(":")[0] for step in solution.relaxations] == ["cash_floor"]
    assert solution.problem.cash_bounds[0] == pytest.approx(0.01, abs=1e-5)
    assert solution.weights == pytest.approx([0.99])


def test_bands_give_way_last_and_by_the_least() -> None:
    banded = one_name(turnover_cap=0.1, bands=np.ones((1, 1)), band_lower=np.array([0.5]), upper=np.array([0.3]))
    solution = solve(banded)
    assert solution.status == "relaxed"
    assert [step.split(":")[0] for step in solution.relaxations] == ["exposures", "turnover"]
    assert solution.problem.band_lower == pytest.approx(np.array([0.3]), abs=1e-4)
    assert solution.weights == pytest.approx([0.3], abs=1e-4)


def test_no_step_is_taken_that_the_caller_did_not_allow() -> None:
    solution = solve(one_name(turnover_cap=0.1, cash_bounds=(0.0, 0.0)), ladder=("cash_floor",))
    assert (solution.status, solution.weights) == ("infeasible", None)
    assert "no step of the ladder cash_floor mends it" in solution.detail


def test_violations_are_measured_constraint_by_constraint() -> None:
    problem = one_name(turnover_cap=0.1, volatility_cap=0.1, bands=np.ones((1, 1)), band_upper=np.array([0.5]))
    broken = constraint_violations(problem, np.array([1.5]))
    assert broken == pytest.approx(
        {
            "lower": 0.0,
            "upper": 0.5,
            "cash_floor": 0.5,
            "cash_ceiling": 0.0,
            "turnover": 1.4,
            "band_lower": 0.0,
            "band_upper": 1.0,
            "volatility": 0.2,
        }
    )


# --- properties ------------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(problems)
def test_the_optimum_is_that_of_a_slow_solver(problem: Problem) -> None:
    solution = solve(problem)
    assert solution.status == "optimal"
    assert solution.objective == pytest.approx(objective(problem, solution.weights), abs=1e-12)
    slow = solve_slowly(problem)
    if slow is not None and max(constraint_violations(problem, slow).values()) < 1e-9:
        assert solution.objective >= objective(problem, slow) - 1e-8
        assert solution.weights == pytest.approx(slow, abs=2e-3)


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


# --- refusals --------------------------------------------------------------------------------------------------------


def test_an_alpha_that_is_not_a_number_is_refused_with_the_mend() -> None:
    with pytest.raises(ValueError, match="alpha is not finite; leave a name without it out"):
        one_name(alpha=np.array([np.nan]))


def test_bounds_turned_round_are_refused() -> None:
    with pytest.raises(ValueError, match=r"lower bounds above upper ones at \[0\]"):
        one_name(lower=np.array([2.0]))


@pytest.mark.parametrize(
    "wrong", [{"specific_variance": np.array([-0.1])}, {"linear_cost": -0.1}, {"risk_aversion": np.nan}]
)
def test_what_would_not_be_concave_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"not concave|not finite"):
        one_name(**wrong)


def test_a_shape_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"exposures has shape \(2, 1\), not \(1, 1\)"):
        one_name(exposures=np.zeros((2, 1)))


def test_an_asymmetric_factor_covariance_is_refused() -> None:
    with pytest.raises(ValueError, match="not symmetric"):
        one_name(exposures=np.zeros((1, 2)), factor_covariance=np.array([[1.0, 0.2], [0.1, 1.0]]))
