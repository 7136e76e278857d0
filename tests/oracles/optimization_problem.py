"""The programme as it reads, on a dense covariance, given to CVXPY."""

import contextlib
import warnings

import cvxpy as cp
import numpy as np

from quant_assets.portfolio.problem import Problem

TOLERANCES = (1e-11, 1e-10, 1e-9, 1e-8)


def covariance_of(problem: Problem) -> np.ndarray:
    b = problem.exposures.toarray() if hasattr(problem.exposures, "toarray") else np.asarray(problem.exposures)
    return b @ problem.factor_covariance @ b.T + np.diag(problem.specific_variance)


def objective(problem: Problem, weights: np.ndarray) -> float:
    """The maximized value, term by term as the formula reads, with the covariance multiplied out."""
    covariance = covariance_of(problem)
    value, variance = 0.0, 0.0
    l1, l2, fee = (problem.per_name(x) for x in (problem.linear_cost, problem.quadratic_cost, problem.borrow_cost))
    for i, w in enumerate(weights):
        trade = w - problem.previous[i]
        value += problem.alpha[i] * w - l1[i] * abs(trade) - l2[i] * trade**2
        value -= fee[i] * -w if w < 0 else 0.0
        for j, v in enumerate(weights):
            variance += w * covariance[i, j] * v
    value -= problem.risk_aversion / 2 * variance
    if problem.volatility_penalty is not None and np.sqrt(variance) > problem.volatility_cap:
        value -= problem.volatility_penalty * (np.sqrt(variance) - problem.volatility_cap)
    return value + problem.cash_return * (1 - sum(weights))


def solve_slowly(problem: Problem) -> np.ndarray | None:
    """(N,) optimal weights, at the tightest tolerance that CVXPY calls optimal; None where it finds none."""
    w = cp.Variable(problem.size)
    trade, cash = w - problem.previous, 1 - cp.sum(w)
    covariance = covariance_of(problem)
    values, vectors = np.linalg.eigh(covariance)
    volatility = cp.norm((vectors * np.sqrt(np.maximum(values, 0))).T @ w)
    gain = problem.alpha @ w + problem.cash_return * cash
    gain -= problem.risk_aversion / 2 * cp.quad_form(w, cp.psd_wrap(covariance))
    gain -= problem.per_name(problem.linear_cost) @ cp.abs(trade)
    gain -= problem.per_name(problem.quadratic_cost) @ cp.square(trade)
    gain -= problem.per_name(problem.borrow_cost) @ cp.neg(w)
    limits = [w >= problem.lower, w <= problem.upper, cash >= problem.cash_bounds[0]]
    if np.isfinite(problem.cash_bounds[1]):
        limits.append(cash <= problem.cash_bounds[1])
    if problem.net_bounds is not None:
        limits += [cp.sum(w) >= problem.net_bounds[0], cp.sum(w) <= problem.net_bounds[1]]
    if problem.gross_cap is not None:
        limits.append(cp.norm1(w) <= problem.gross_cap)
    if problem.turnover_cap is not None:
        limits.append(problem.counted.astype(float) @ cp.abs(trade) <= problem.turnover_cap)
    if problem.bands is not None:
        held, (low, high) = problem.bands @ w, problem.band_limits
        limits += [held[np.isfinite(low)] >= low[np.isfinite(low)], held[np.isfinite(high)] <= high[np.isfinite(high)]]
    if problem.volatility_penalty is not None:
        gain -= problem.volatility_penalty * cp.pos(volatility - problem.volatility_cap)
    elif problem.volatility_cap is not None:
        limits.append(volatility <= problem.volatility_cap)
    optimization_problem = cp.Problem(cp.Maximize(gain), limits)
    for tolerance in TOLERANCES:
        stop = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), tolerance)
        with contextlib.suppress(cp.SolverError), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Solution may be inaccurate")  # then the next tolerance is tried
            optimization_problem.solve(solver=cp.CLARABEL, **stop)
        if optimization_problem.status == cp.OPTIMAL:
            return w.value
    return None
