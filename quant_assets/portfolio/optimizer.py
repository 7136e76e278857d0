"""Optimal weights, or those of the least relaxed programme, or none."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import clarabel
import numpy as np

from quant_assets.portfolio.conic import ConicForm, Elastic
from quant_assets.portfolio.problem import Array, Problem, constraint_violations, objective_terms

__all__ = ["LADDER", "Problem", "Solution", "constraint_violations", "solve"]

Status = Literal["optimal", "relaxed", "infeasible", "unsolved"]
Rung = Literal["bounds", "turnover", "cash_floor", "exposures"]

# What gives way, in this order, when a request is infeasible. Never: the budget, bounds of a name, the cap on
# volatility and the ceiling on cash.
LADDER: tuple[Rung, ...] = ("bounds", "turnover", "cash_floor", "exposures")
# Room beside the least relaxation, so that the relaxed programme has an interior for the solver to walk through.
MARGIN_RELATIVE, MARGIN_ABSOLUTE = 1e-4, 1e-6


@dataclass(frozen=True)
class Solution:
    """What the solver found; weights are None unless it called the programme solved.

    Attributes:
        problem: the programme that was solved, after relaxations.
        weights: (N,), or None.
        cash: 1 − Σw, or NaN.
        status: optimal; relaxed (solved after the steps in `relaxations`); infeasible; unsolved.
        objective: the maximized value, NaN without weights.
        terms: objective terms as they enter it: alpha, cash, risk, linear_cost, quadratic_cost.
        duals: what the objective gains per unit of room: budget, turnover, volatility, cash_floor, cash_ceiling
            (numbers), lower, upper, band_lower, band_upper (arrays); 0 where there is no such constraint.
        relaxations: one sentence a step of the ladder that was taken.
        detail: what the solver said.
        iterations: of the interior point method, all attempts together.
    """

    problem: Problem
    weights: Array | None
    cash: float
    status: Status
    objective: float
    terms: dict[str, float]
    duals: dict[str, Any]
    relaxations: tuple[str, ...]
    detail: str
    iterations: int


def solve(problem: Problem, ladder: tuple[Rung, ...] = LADDER) -> Solution:
    """The optimum, or the optimum of the least relaxed programme along `ladder`, or no weights.

    Deterministic: a fresh solver each time, one thread, no warm start (law 10).
    """
    found = _solve_as_asked(problem)
    if found.status != "infeasible" or not ladder:
        return found
    relaxed, steps = _relax(problem, ladder)
    if relaxed is None:
        return replace(found, detail=f"{found.detail}; no step of the ladder {', '.join(ladder)} mends it")
    again = _solve_as_asked(relaxed)
    status: Status = "relaxed" if again.status == "optimal" else again.status
    return replace(again, status=status, relaxations=steps, iterations=found.iterations + again.iterations)


def _relax(problem: Problem, ladder: tuple[Rung, ...]) -> tuple[Problem | None, tuple[str, ...]]:
    """The least relaxed feasible programme, giving up as little as possible of what stands late in the ladder.

    The first rung on which freeing it and all before it makes the request feasible is relaxed by its least amount;
    then, going back, each rung before it by the least amount that is still needed.
    """
    steps: list[str] = []
    if "bounds" in ladder:
        problem, said = _excuse_returns_to_bounds(problem)
        steps += said
        if said and _is_feasible(problem):
            return problem, tuple(steps)
    rungs = [rung for rung in ladder if rung != "bounds" and _has(problem, rung)]
    for k, rung in enumerate(rungs):
        least = _least_relaxation(problem, rung, free=rungs[:k])
        if least is None:
            continue
        problem, said = _widened_by(problem, rung, least)
        steps += said
        for j in range(k - 1, -1, -1):
            least = _least_relaxation(problem, rungs[j], free=rungs[:j])
            if least is not None and least > MARGIN_ABSOLUTE / 10:  # below is what the solver leaves of a zero
                problem, said = _widened_by(problem, rungs[j], least)
                steps += said
        return problem, tuple(steps)
    return None, ()


def _excuse_returns_to_bounds(problem: Problem) -> tuple[Problem, list[str]]:
    outside = (problem.previous > problem.upper) | (problem.previous < problem.lower)
    excused = outside & problem.counted
    if problem.turnover_cap is None or not excused.any():
        return problem, []
    said = f"bounds: trades of {excused.sum()} names outside their bounds do not count as turnover"
    return replace(problem, forced=~problem.counted | excused), [said]


def _has(problem: Problem, rung: Rung) -> bool:
    present = {
        "turnover": problem.turnover_cap is not None,
        "cash_floor": np.isfinite(problem.cash_bounds[0]),
        "exposures": problem.bands is not None,
    }
    return bool(present[rung])


def _widened_by(problem: Problem, rung: Elastic, least: float) -> tuple[Problem, list[str]]:
    by = least * (1 + MARGIN_RELATIVE) + MARGIN_ABSOLUTE
    relaxed = _widened(problem, rung, by)
    said = {
        "turnover": f"turnover: cap raised from {problem.turnover_cap} to {relaxed.turnover_cap}",
        "cash_floor": f"cash_floor: lowered from {problem.cash_bounds[0]} to {relaxed.cash_bounds[0]}",
        "exposures": f"exposures: bands widened by {by} on each side",
    }
    return relaxed, [said[rung]]


def _widened(problem: Problem, rung: Elastic, by: float) -> Problem:
    if rung == "turnover":
        assert problem.turnover_cap is not None
        return replace(problem, turnover_cap=problem.turnover_cap + by)
    if rung == "cash_floor":
        low, high = problem.cash_bounds
        return replace(problem, cash_bounds=(low - by, high))
    lower, upper = problem.band_lower, problem.band_upper
    return replace(
        problem,
        band_lower=None if lower is None else lower - by,
        band_upper=None if upper is None else upper + by,
    )


def _least_relaxation(problem: Problem, rung: Elastic, free: Sequence[Elastic]) -> float | None:
    """Smallest widening of one rung, those in `free` unbounded, that makes the programme feasible; None if none."""
    for freed in free:
        problem = _widened(problem, freed, np.inf)
    raw, tolerance = ConicForm(problem, elastic=rung).run()
    return None if tolerance is None else max(float(raw.x[-1]), 0.0)


def _is_feasible(problem: Problem) -> bool:
    return _solve_as_asked(problem).status == "optimal"


def _solve_as_asked(problem: Problem) -> Solution:
    form = ConicForm(problem)
    raw, tolerance = form.run()
    detail = f"Clarabel {clarabel.__version__}: {raw.status}"
    nothing = Solution(problem, None, np.nan, "unsolved", np.nan, {}, {}, (), detail, raw.iterations)
    if tolerance is None:
        infeasible = str(raw.status) in {"PrimalInfeasible", "AlmostPrimalInfeasible"}
        return replace(nothing, status="infeasible" if infeasible else "unsolved")
    weights = np.clip(raw.x[: problem.size], problem.lower, problem.upper)
    terms = objective_terms(problem, weights)
    return replace(
        nothing,
        weights=weights,
        cash=float(1.0 - weights.sum()),
        status="optimal",
        objective=float(sum(terms.values())),
        terms=terms,
        duals=form.duals(np.asarray(raw.z)),
        detail=f"{detail} at {tolerance:g}",
    )
