"""Which limits give way when a request is infeasible, in which order, and by how much."""

from dataclasses import replace

import numpy as np
import pytest

from quant_assets.portfolio.optimizer import Problem, solve
from tests.portfolio.problems import neutral, one_name

# --- known values ----------------------------------------------------------------------------------------------------


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
