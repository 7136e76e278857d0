"""The programme by a general-purpose solver on a dense covariance, trades split into buys and sells."""

import numpy as np
from scipy.optimize import minimize

from quant_assets.portfolio.problem import Problem


def objective(problem: Problem, weights: np.ndarray) -> float:
    """The maximized value, term by term as the formula reads, with the covariance multiplied out."""
    b = np.asarray(problem.exposures)
    covariance = b @ problem.factor_covariance @ b.T + np.diag(problem.specific_variance)
    value = 0.0
    l1, l2 = problem.per_name(problem.linear_cost), problem.per_name(problem.quadratic_cost)
    for i, w in enumerate(weights):
        trade = w - problem.previous[i]
        value += problem.alpha[i] * w - l1[i] * abs(trade) - l2[i] * trade**2
        for j, v in enumerate(weights):
            value -= problem.risk_aversion / 2 * w * covariance[i, j] * v
    return value + problem.cash_return * (1 - sum(weights))


def solve_slowly(problem: Problem) -> np.ndarray | None:
    """(N,) optimal weights by sequential quadratic programming, or None where it finds none."""
    n = problem.size
    b = np.asarray(problem.exposures)
    covariance = b @ problem.factor_covariance @ b.T + np.diag(problem.specific_variance)
    l1, l2 = problem.per_name(problem.linear_cost), problem.per_name(problem.quadratic_cost)
    scale = 100.0  # objectives of some basis points are below the solver's stopping rule

    def loss(x: np.ndarray) -> float:
        w = problem.previous + x[:n] - x[n:]
        gain = problem.alpha @ w + problem.cash_return * (1 - w.sum())
        risk = problem.risk_aversion / 2 * w @ covariance @ w
        return scale * (risk + l1 @ (x[:n] + x[n:]) + l2 @ (x[:n] - x[n:]) ** 2 - gain)

    def gradient(x: np.ndarray) -> np.ndarray:
        w = problem.previous + x[:n] - x[n:]
        g = problem.risk_aversion * covariance @ w + 2 * l2 * (x[:n] - x[n:]) - problem.alpha + problem.cash_return
        return scale * np.concatenate([g + l1, l1 - g])

    low, high = problem.cash_bounds
    signs = np.concatenate([np.ones(n), -np.ones(n)])
    held = np.hstack([np.eye(n), -np.eye(n)])
    room = [
        ("ineq", held, problem.previous - problem.lower),
        ("ineq", -held, problem.upper - problem.previous),
        ("ineq", -signs[None, :], 1 - problem.previous.sum() - low),
    ]
    if np.isfinite(high):
        room.append(("ineq", signs[None, :], high - 1 + problem.previous.sum()))
    if problem.turnover_cap is not None:
        counted = np.tile(problem.counted.astype(float), 2)
        room.append(("ineq", -counted[None, :], np.array([problem.turnover_cap])))
    constraints = [{"type": kind, "fun": lambda x, a=a, c=c: a @ x + c, "jac": lambda x, a=a: a} for kind, a, c in room]
    found = minimize(
        loss,
        np.full(2 * n, 1e-3),
        jac=gradient,
        bounds=[(0, None)] * (2 * n),
        constraints=constraints,
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-14},
    )
    return problem.previous + found.x[:n] - found.x[n:] if found.success else None
