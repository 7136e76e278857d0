"""Optimal weights, or those of the least relaxed problem, or none."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import clarabel
import numpy as np

from quant_assets.numerics.arrays import Array
from quant_assets.portfolio.conic import ConicForm, Elastic
from quant_assets.portfolio.problem import Problem, constraint_violations, objective_terms, volatility_excess

__all__ = ["LADDER", "Problem", "Solution", "constraint_violations", "solve"]

Status = Literal["optimal", "relaxed", "infeasible", "unsolved"]
Rung = Literal["bounds", "turnover", "cash_floor", "exposures", "net", "gross"]

# What gives way, in this order, when a request is infeasible. Never: the budget, bounds of a name, a hard cap on
# volatility and the ceiling on cash.
LADDER: tuple[Rung, ...] = ("bounds", "turnover", "cash_floor", "exposures", "net", "gross")
# Room beside the least relaxation, so that the relaxed problem has an interior for the solver.
MARGIN_RELATIVE, MARGIN_ABSOLUTE = 1e-4, 1e-6


@dataclass(frozen=True)
class Solution:
    """What the solver found; weights are None unless it called the problem solved.

    Attributes:
        problem: the one that was solved, after relaxations.
        weights: (N,), or None.
        cash: 1 − Σw, or NaN.
        status: optimal; relaxed (solved after the steps in `relaxations`); infeasible; unsolved.
        objective: the maximized value, NaN without weights.
        terms: objective terms as they enter it: alpha, cash, risk, linear_cost, quadratic_cost, borrow,
            volatility_excess.
        duals: what the objective gains per unit of room: budget, turnover, gross, volatility, cash_floor,
            cash_ceiling, net_lower, net_upper (numbers), lower, upper, band_lower, band_upper (arrays); 0 where there
            is no such constraint.
        relaxations: one sentence a step of the ladder that was taken.
        detail: the solver's status.
        iterations: of the interior point method, all attempts together.
        volatility_excess: standard deviation over the horizon beyond a cap that may be exceeded at a price, or NaN.
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
    volatility_excess: float = np.nan


def solve(problem: Problem, ladder: tuple[Rung, ...] = LADDER) -> Solution:
    """The optimum, or the optimum of the least relaxed problem along `ladder`, or no weights.

    The ladder: trades of names outside their bounds stop counting as turnover (bounds); then the cap on turnover, the
    floor on cash, the bands on exposures, the bounds on Σw (net) and the cap on Σ|w| (gross) are widened, each only if
    those before it do not suffice. Deterministic: a fresh solver each time, one thread, no warm start (law 10).
    """
    first = _solve_once(problem)
    if first.status != "infeasible" or not ladder:
        return first
    relaxed, steps = _relax(problem, ladder)
    if relaxed is None:
        return replace(first, detail=f"{first.detail}; no step of the ladder {', '.join(ladder)} mends it")
    again = _solve_once(relaxed)
    status: Status = "relaxed" if again.status == "optimal" else again.status
    return replace(again, status=status, relaxations=steps, iterations=first.iterations + again.iterations)


def _relax(problem: Problem, ladder: tuple[Rung, ...]) -> tuple[Problem | None, tuple[str, ...]]:
    """The least relaxed feasible problem, giving up as little as possible of what stands late in the ladder.

    The first rung on which freeing it and all before it makes the request feasible is relaxed by its least amount, in
    sum over its limits; then, going back, each rung before it by the least amount that is still needed.
    """
    steps: list[str] = []
    if "bounds" in ladder:
        problem, sentences = _excuse_returns_to_bounds(problem)
        steps += sentences
        if sentences and _is_feasible(problem):
            return problem, tuple(steps)
    rungs = [rung for rung in ladder if rung != "bounds" and _has(problem, rung)]
    for k, rung in enumerate(rungs):
        widening = _minimal_relaxation(problem, rung, free=rungs[:k])
        if widening is None:
            continue
        problem, sentences = _widened_by(problem, rung, widening)
        steps += sentences
        for j in range(k - 1, -1, -1):
            widening = _minimal_relaxation(problem, rungs[j], free=rungs[:j])
            if (
                widening is not None and widening.max() > MARGIN_ABSOLUTE / 10
            ):  # below is what the solver leaves of a zero
                problem, sentences = _widened_by(problem, rungs[j], widening)
                steps += sentences
        return problem, tuple(steps)
    return None, ()


def _excuse_returns_to_bounds(problem: Problem) -> tuple[Problem, list[str]]:
    outside = (problem.previous > problem.upper) | (problem.previous < problem.lower)
    excused = outside & problem.counted
    if problem.turnover_cap is None or not excused.any():
        return problem, []
    sentences = f"bounds: trades of {excused.sum()} names outside their bounds do not count as turnover"
    return replace(problem, forced=~problem.counted | excused), [sentences]


def _has(problem: Problem, rung: Rung) -> bool:
    present = {
        "turnover": problem.turnover_cap is not None,
        "cash_floor": problem.cash_bounds[0] > _min_cash(problem),
        "exposures": problem.bands is not None,
        "net": problem.net_bounds is not None,
        "gross": problem.gross_cap is not None,
    }
    return bool(present[rung])


def _widened_by(problem: Problem, rung: Elastic, widening: Array) -> tuple[Problem, list[str]]:
    """Only the limits that must give: a name that cannot trade in one industry leaves the bands of others alone."""
    needed = widening >= min(MARGIN_ABSOLUTE / 10, widening.max())
    relaxed = _widened(problem, rung, np.where(needed, widening * (1 + MARGIN_RELATIVE) + MARGIN_ABSOLUTE, 0.0))
    before, after = _limits(problem, rung), _limits(relaxed, rung)
    changed = [f"{name} from {before[name]:.6g} to {after[name]:.6g}" for name in before if before[name] != after[name]]
    return relaxed, [f"{rung}: {', '.join(changed)}"]


def _limits(problem: Problem, rung: Elastic) -> dict[str, float]:
    """The limits of a rung by name; of two-sided ones first the lower ends, then the upper ones."""
    if rung == "turnover":
        return {"cap": problem.turnover_cap or 0.0}
    if rung == "gross":
        return {"cap": problem.gross_cap or 0.0}
    if rung == "cash_floor":
        return {"floor": problem.cash_bounds[0]}
    if rung == "net":
        return dict(zip(("least", "largest"), problem.net_bounds or (), strict=True))
    ends = zip(("lower", "upper"), problem.band_limits, strict=True)
    return {f"{end} end of {problem.band_name(i)}": float(x) for end, limits in ends for i, x in enumerate(limits)}


def _widened(problem: Problem, rung: Elastic, by: Array) -> Problem:
    """The limits of a rung widened, each by its own amount."""
    values = np.array(list(_limits(problem, rung).values()))
    if rung == "turnover":
        return replace(problem, turnover_cap=float((values + by)[0]))
    if rung == "gross":
        return replace(problem, gross_cap=float((values + by)[0]))
    if rung == "cash_floor":
        low = max(float((values - by)[0]), _min_cash(problem))
        return replace(problem, cash_bounds=(low, problem.cash_bounds[1]))
    (lower, upper), (down, up) = np.split(values, 2), np.split(by, 2)
    if rung == "net":
        return replace(problem, net_bounds=(float((lower - down)[0]), float((upper + up)[0])))
    return replace(problem, band_lower=lower - down, band_upper=upper + up)


def _min_cash(problem: Problem) -> float:
    """Where the floor on cash ends: no step of the ladder borrows, whatever else that would make feasible."""
    return float(min(problem.cash_bounds[0], 0.0, 1.0 - problem.previous.sum()))


def _minimal_relaxation(problem: Problem, rung: Elastic, free: Sequence[Elastic]) -> Array | None:
    """Least widening in sum of a rung's limits, those in `free` unbounded, that makes it feasible; None if none."""
    for freed in free:
        problem = _widened(problem, freed, np.full(len(_limits(problem, freed)), np.inf))
    form = ConicForm(problem, elastic=rung)
    raw, tolerance = form.run()
    if tolerance is None:
        return None
    widening = form.widening(np.asarray(raw.x))
    if rung == "cash_floor" and widening[0] > problem.cash_bounds[0] - _min_cash(problem) + MARGIN_ABSOLUTE:
        return None
    return widening


def _is_feasible(problem: Problem) -> bool:
    return _solve_once(problem).status == "optimal"


def _solve_once(problem: Problem) -> Solution:
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
        volatility_excess=volatility_excess(problem, weights),
    )
