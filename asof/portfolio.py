"""Optimal portfolios under limits and constraints of one's own, each limit evaluated again outside the solver."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from asof.arrays import Array, Numbers, checked
from asof.risk import RiskModel
from quant_assets.portfolio import optimizer
from quant_assets.portfolio.optimizer import Solution, constraint_violations
from quant_assets.portfolio.problem import Problem

__all__ = ["Constraint", "Problem", "RiskModel", "Solution", "constrained", "constraint_violations", "problem", "solve"]


@dataclass(frozen=True)
class Constraint:
    """A linear constraint: lower ≤ coefficients · w ≤ upper.

    Attributes:
        name: what results and messages call it.
        coefficients: (N,), one a stock.
        lower, upper: infinite where a side is open.
    """

    name: str
    coefficients: Numbers
    lower: float = -np.inf
    upper: float = np.inf


def problem(
    alpha: Numbers,
    risk: RiskModel | Numbers,
    *,
    risk_aversion: float = 8.0,
    previous: Numbers | None = None,
    lower: Numbers = 0.0,
    upper: Numbers = 1.0,
    linear_cost: Numbers = 0.0,
    quadratic_cost: Numbers = 0.0,
    cash: tuple[float, float] = (0.0, 0.0),
    turnover_cap: float | None = None,
    gross_cap: float | None = None,
    volatility_cap: float | None = None,
    constraints: Sequence[Constraint] = (),
) -> Problem:
    """The trade-off of expected return against risk and costs over N stocks; all over one horizon.

        maximize  alpha'w − γ/2 w'Σw − Σ l1|w − w0| − Σ l2(w − w0)²

    Args:
        alpha: (N,) expected simple returns.
        risk: (N, N) covariance, or a `RiskModel`, whose variances are annual: then `alpha` is annual too.
        risk_aversion: γ.
        previous: (N,) w0, weights before the trade; nothing by default.
        lower, upper: bounds of the weights, for all or (N,).
        linear_cost, quadratic_cost: l1 and l2, for all or (N,).
        cash: bounds of 1 − Σw; fully invested by default.
        turnover_cap: of Σ|w − w0|.
        gross_cap: of Σ|w|.
        volatility_cap: of the standard deviation over the horizon.
        constraints: one's own.

    Raises:
        ValueError: names the argument, its shape and the expected one; or a value that makes no concave problem.
    """
    (expected,) = checked(alpha=(alpha, "N"))
    n = len(expected)
    exposures, factors, specific = _risk(risk, expected)
    each: dict[str, Numbers] = {
        "previous": np.zeros(n) if previous is None else previous,
        "lower": lower,
        "upper": upper,
        "linear_cost": linear_cost,
        "quadratic_cost": quadratic_cost,
    }
    arrays: dict[str, Any] = {name: _each(value, name, expected) for name, value in each.items()}
    unbounded = Problem(
        alpha=expected,
        exposures=exposures,
        factor_covariance=factors,
        specific_variance=specific,
        risk_aversion=risk_aversion,
        cash_bounds=cash,
        turnover_cap=turnover_cap,
        gross_cap=gross_cap,
        volatility_cap=volatility_cap,
        **arrays,
    )
    return constrained(unbounded, *constraints)


def constrained(problem: Problem, *constraints: Constraint) -> Problem:
    """The problem under further constraints.

    Raises:
        ValueError: coefficients that are not one a stock, ends that are turned round, or a name twice.
    """
    if not constraints:
        return problem
    rows = [_coefficients(constraint, problem) for constraint in constraints]
    before = () if problem.bands is None else tuple(problem.band_name(i) for i in range(problem.bands.shape[0]))
    names = (*before, *(constraint.name for constraint in constraints))
    if len(set(names)) < len(names):
        raise ValueError(f"constraints: two have one name among {', '.join(names)}; name each differently")
    lower, upper = problem.band_limits
    added = sparse.csr_array(np.array(rows))
    return replace(
        problem,
        bands=added if problem.bands is None else sparse.vstack([sparse.csr_array(problem.bands), added], format="csr"),
        band_lower=np.append(lower, [constraint.lower for constraint in constraints]),
        band_upper=np.append(upper, [constraint.upper for constraint in constraints]),
        band_names=names,
    )


def solve(problem: Problem, *, relax: bool = False) -> Solution:
    """The optimal weights; `weights` is None and `status` "infeasible" where no weights keep all limits.

    Args:
        relax: where no weights keep all limits, widen by the smallest amount, in this order: turnover, cash,
            constraints, net and gross; `relaxations` says what was widened.
    """
    return optimizer.solve(problem, optimizer.LADDER if relax else ())


def _risk(risk: RiskModel | Numbers, alpha: Array) -> tuple[object, Array, Array]:
    """Exposures, factor covariance and specific variance."""
    if isinstance(risk, RiskModel):
        _, loadings, factors, specific = checked(
            alpha=(alpha, "N"),
            exposures=(risk.exposures, "N K"),
            factor_covariance=(risk.factor_covariance, "K K"),
            specific_variance=(risk.specific_variance, "N"),
        )
        return loadings, factors, specific
    _, total = checked(alpha=(alpha, "N"), risk=(risk, "N N"))
    return sparse.eye_array(len(total), format="csr"), total, np.zeros(len(total))


def _each(value: Numbers, name: str, alpha: Array) -> Array:
    return _per_stock(np.full(len(alpha), value) if np.ndim(value) == 0 else value, name, alpha)


def _coefficients(constraint: Constraint, problem: Problem) -> Array:
    return _per_stock(constraint.coefficients, f"coefficients of {constraint.name}", problem.alpha)


def _per_stock(values: Numbers, name: str, alpha: Array) -> Array:
    arguments: dict[str, Any] = {"alpha": (alpha, "N"), name: (values, "N")}
    return checked(**arguments)[1]
