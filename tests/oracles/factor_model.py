"""Constrained regression by its first-order conditions, and betas stock by stock."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def constrained_least_squares(returns: Array, exposures: Array, weights: Array, constraint: Array) -> Array:
    """Stationary point of the Lagrangian: [2X'WX, C'; C, 0] (f, λ) = (2X'Wr, 0), with full rank."""
    k, c = exposures.shape[1], len(constraint)
    w = np.diag(weights)
    system = np.block([[2 * exposures.T @ w @ exposures, constraint.T], [constraint, np.zeros((c, c))]])
    right = np.concatenate([2 * exposures.T @ w @ returns, np.zeros(c)])
    return np.asarray(np.linalg.solve(system, right)[:k])


def betas(returns: Array, least: int) -> list[float]:
    """A straight line through each stock's pairs of market and own return."""
    market = np.array([row[~np.isnan(row)].mean() if (~np.isnan(row)).any() else np.nan for row in returns])
    slopes = []
    for i in range(returns.shape[1]):
        seen = ~np.isnan(returns[:, i])
        slopes.append(float(np.polyfit(market[seen], returns[seen, i], 1)[0]) if seen.sum() >= least else np.nan)
    return slopes
