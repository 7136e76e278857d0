"""The programme: known optima, properties against a slow twin, refusals."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.portfolio.optimizer import Problem, constraint_violations, solve
from quant_assets.portfolio.problem import volatility_excess
from tests.oracles.optimization_problem import objective, solve_slowly

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
    assert solution.relaxations[0].startswith("turnover: cap from 0.1 to 1.000")
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


def test_no_step_of_the_ladder_borrows_to_dilute_what_cannot_be_sold() -> None:
    # a frozen holding of 0.3 may be a tenth of what is held at most: three times NAV would do, on borrowed money
    frozen, share = 0.3, 0.1
    problem = Problem(
        alpha=np.zeros(3),
        exposures=np.zeros((3, 1)),
        factor_covariance=np.eye(1),
        specific_variance=np.full(3, 0.01),
        risk_aversion=1.0,
        previous=np.array([frozen, 0.0, 0.0]),
        lower=np.array([frozen, 0.0, 0.0]),
        upper=np.array([frozen, 5.0, 5.0]),
        turnover_cap=0.5,
        bands=np.array([[1.0 - share, -share, -share]]),
        band_lower=np.array([-1.0]),
        band_upper=np.array([0.0]),
    )
    solution = solve(problem)
    assert solution.status == "relaxed"
    assert solution.cash >= -1e-6
    assert [step.split(":")[0] for step in solution.relaxations] == ["exposures", "turnover"]


def test_a_cash_floor_that_frozen_names_do_not_leave_is_lowered() -> None:
    frozen = one_name(previous=np.array([0.99]), lower=np.array([0.99]), upper=np.array([0.99]), turnover_cap=0.1)
    solution = solve(replace(frozen, cash_bounds=(0.05, np.inf)))
    assert solution.status == "relaxed"
    assert [step.split(":")[0] for step in solution.relaxations] == ["cash_floor"]
    assert solution.problem.cash_bounds[0] == pytest.approx(0.01, abs=1e-5)
    assert solution.weights == pytest.approx([0.99])


def test_bands_give_way_after_turnover_and_by_the_least() -> None:
    banded = one_name(turnover_cap=0.1, bands=np.ones((1, 1)), band_lower=np.array([0.5]), upper=np.array([0.3]))
    solution = solve(banded)
    assert solution.status == "relaxed"
    assert [step.split(":")[0] for step in solution.relaxations] == ["exposures", "turnover"]
    assert solution.problem.band_lower == pytest.approx(np.array([0.3]), abs=1e-4)
    assert solution.weights == pytest.approx([0.3], abs=1e-4)


def test_a_frozen_name_loosens_the_band_of_its_own_industry_alone() -> None:
    problem = solve(frozen_in_its_industry()).problem
    assert problem.band_upper == pytest.approx(np.array([0.4, 0.1]), abs=1e-4)
    assert (problem.band_upper[1], problem.band_lower.tolist()) == (0.1, [-0.1, -0.1])
    (step,) = solve(frozen_in_its_industry()).relaxations
    assert step == "exposures: upper end of industry:Energy from 0.1 to 0.400031"


def frozen_in_its_industry() -> Problem:
    """Three names, the first of 40 % cannot be traded; bands of 10 % around 0 for it and for the two others."""
    fixed = np.array([0.4, 0.0, 0.0])
    return Problem(
        alpha=np.array([0.0, 0.05, 0.04]),
        exposures=np.zeros((3, 1)),
        factor_covariance=np.eye(1),
        specific_variance=np.full(3, 0.04),
        risk_aversion=5.0,
        previous=fixed,
        lower=np.where(fixed > 0, fixed, 0.0),
        upper=np.where(fixed > 0, fixed, 0.5),
        bands=np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]),
        band_lower=np.full(2, -0.1),
        band_upper=np.full(2, 0.1),
        band_names=("industry:Energy", "industry:Utilities"),
    )


def neutral(**changes) -> Problem:
    """Two names that may be long or short, dollar neutral within 2 %."""
    base = {
        "alpha": np.array([0.05, -0.05]),
        "exposures": np.zeros((2, 1)),
        "specific_variance": np.array([0.04, 0.04]),
        "previous": np.zeros(2),
        "lower": np.full(2, -0.5),
        "upper": np.full(2, 0.5),
        "net_bounds": (-0.02, 0.02),
        "gross_cap": 2.0,
    }
    return one_name(**(base | changes))


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


def test_frozen_shorts_move_the_net_bound_by_the_least() -> None:
    """0.5 short cannot be traded, the other may be 0.3 long at most: Σw = −0.2."""
    stuck = neutral(
        previous=np.array([0.0, -0.5]), lower=np.array([-0.3, -0.5]), upper=np.array([0.3, -0.5]), turnover_cap=0.1
    )
    solution = solve(stuck)
    assert solution.status == "relaxed"
    assert [step.split(":")[0] for step in solution.relaxations] == ["net", "turnover"]
    assert solution.problem.net_bounds == (pytest.approx(-0.2, abs=1e-4), 0.02)
    assert solution.problem.turnover_cap == pytest.approx(0.3, abs=1e-4)
    assert solution.weights == pytest.approx([0.3, -0.5], abs=1e-4)


def test_gross_gives_way_after_everything_else() -> None:
    stuck = neutral(
        previous=np.array([0.0, -0.5]), lower=np.array([-0.5, -0.5]), upper=np.array([0.5, -0.5]), gross_cap=0.5
    )
    solution = solve(stuck)
    assert [step.split(":")[0] for step in solution.relaxations] == ["net"]  # net first: Σ|w| is 0.5 already
    more = solve(replace(stuck, gross_cap=0.3))
    assert [step.split(":")[0] for step in more.relaxations] == ["gross", "net"]
    assert more.problem.gross_cap == pytest.approx(0.5, abs=1e-4)
    assert more.weights == pytest.approx([0.0, -0.5], abs=1e-3)


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


def test_violations_of_a_long_and_short_book_are_measured_by_hand() -> None:
    problem = neutral(gross_cap=1.0, bands=np.eye(2), band_lower=np.array([-np.inf, -0.4]), volatility_cap=0.1)
    broken = constraint_violations(problem, np.array([0.5, -0.8]))
    told = {"lower": 0.3, "net": 0.28, "gross": 0.3, "band_lower": 0.4, "band_upper": 0.0}
    assert {name: broken[name] for name in told} == pytest.approx(told)
    assert broken["volatility"] == pytest.approx(np.sqrt(0.04 * 0.89) - 0.1)
    assert "volatility" not in constraint_violations(replace(problem, volatility_penalty=1.0), np.array([0.5, -0.8]))


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


def test_an_indefinite_factor_covariance_is_refused() -> None:
    with pytest.raises(ValueError, match="eigenvalue -1: the problem is not concave"):
        one_name(exposures=np.zeros((1, 2)), factor_covariance=np.array([[0.0, 1.0], [1.0, 0.0]]))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"net_bounds": (0.1, -0.1)}, r"net bounds \(0.1, -0.1\) turned round"),
        ({"gross_cap": -1.0}, "caps must be 0 or more"),
        ({"volatility_cap": np.nan}, "caps must be 0 or more"),
        ({"borrow_cost": -0.01}, "not concave"),
        ({"volatility_cap": 0.1, "volatility_penalty": -1.0}, "not concave"),
        ({"exposures": np.array([[np.inf]])}, "exposures is not finite"),
        (
            {"bands": np.ones((1, 1)), "band_lower": np.ones(1), "band_upper": np.zeros(1), "band_names": ("Energy",)},
            r"bands turned round: \['Energy'\]",
        ),
        ({"bands": np.ones((1, 1)), "band_names": ("Energy", "Materials")}, "2 band_names for 1 bands"),
    ],
)
def test_limits_that_no_book_can_have_are_refused(wrong: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        one_name(**wrong)
