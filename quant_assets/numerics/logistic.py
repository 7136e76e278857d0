"""Logistic regression with a ridge penalty, by Newton's method."""

import numpy as np
from scipy.special import expit

from quant_assets.numerics.arrays import Array, Mask

MAX_STEPS = 100
TOLERANCE = 1e-10  # of a coefficient's step
HALVINGS = 30


def logistic_ridge(x: Array, outcome: Mask, penalty: float) -> Array:
    """(P + 1,) coefficients of the log odds, the intercept last: the maximum of log likelihood - penalty / 2 |b|^2.

    The intercept is not penalized. With a penalty above 0 the maximum is unique, whatever the columns, as long as both
    outcomes occur.

    Args:
        x: (n, P) without NaN.
        outcome: (n,) true where it came.
        penalty: above 0, in units of rows.

    Raises:
        ValueError: a penalty that is not above 0, or outcomes that are all the same.
    """
    if not penalty > 0:
        raise ValueError(f"penalty is {penalty}; pass a number above 0, as separable outcomes have no maximum without")
    if outcome.all() or not outcome.any():
        raise ValueError("all outcomes are the same, and the intercept would be infinite; pass both kinds")
    design = np.column_stack([x, np.ones(len(x))])
    ridge = np.append(np.full(x.shape[1], penalty), 0.0)
    coefficients = np.append(np.zeros(x.shape[1]), np.log(outcome.mean() / (1 - outcome.mean())))
    for _ in range(MAX_STEPS):
        fitted = expit(design @ coefficients)
        gradient = design.T @ (outcome - fitted) - ridge * coefficients
        curvature = design.T @ (design * (fitted * (1 - fitted))[:, None]) + np.diag(ridge)
        step = _damped(design, outcome, ridge, coefficients, np.linalg.solve(curvature, gradient))
        coefficients = coefficients + step
        if np.abs(step).max() < TOLERANCE:
            return coefficients
    raise ValueError(f"no maximum within {MAX_STEPS} steps; scale the columns to a standard deviation near one")


def _damped(design: Array, outcome: Mask, ridge: Array, coefficients: Array, step: Array) -> Array:
    """The step, halved until it does not lose: far from the maximum Newton's may overshoot."""
    before = _objective(design, outcome, ridge, coefficients)
    for _ in range(HALVINGS):
        if _objective(design, outcome, ridge, coefficients + step) >= before - TOLERANCE:
            break
        step = step / 2
    return step


def _objective(design: Array, outcome: Mask, ridge: Array, coefficients: Array) -> float:
    odds = design @ coefficients
    return float(np.sum(outcome * odds - np.logaddexp(0, odds)) - 0.5 * np.sum(ridge * coefficients**2))
