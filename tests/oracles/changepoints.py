"""Run lengths of a series by definition: one density and one conjugate update a run and session, with SciPy's t."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]
Moments = tuple[float, float, float, float]  # mu, kappa, alpha, beta


def run_lengths(x: Array, hazard: float, prior: Moments, outlier_fraction: float = 0.0) -> Array:
    """(T, T + 1) probabilities after each observation; in the unit of probability, so for short series only."""
    runs: dict[int, tuple[float, Moments]] = {0: (1.0, prior)}
    rows = np.zeros((len(x), len(x) + 1))
    for t, value in enumerate(x):
        runs = {0: (hazard, prior)} | {
            r + 1: ((1 - hazard) * p, moments)
            for r, (p, moments) in _seen(value, runs, prior, outlier_fraction).items()
        }
        rows[t, list(runs)] = [p for p, _ in runs.values()]
    return rows


def _seen(
    value: float, runs: dict[int, tuple[float, Moments]], prior: Moments, outlier_fraction: float
) -> dict[int, tuple[float, Moments]]:
    if math.isnan(value):
        return runs
    after = {}
    for r, (p, moments) in runs.items():
        own = (1 - outlier_fraction) * density(value, moments)
        both = own + outlier_fraction * density(value, prior)
        after[r] = (p * both, updated(value, own / both, moments))
    total = sum(p for p, _ in after.values())
    return {r: (p / total, moments) for r, (p, moments) in after.items()}


def density(value: float, moments: Moments) -> float:
    mu, kappa, alpha, beta = moments
    return float(stats.t.pdf(value, 2 * alpha, mu, math.sqrt(beta * (kappa + 1) / (alpha * kappa))))


def updated(value: float, weight: float, moments: Moments) -> Moments:
    """The conjugate posterior after `weight` observations of one value (Murphy 2007, equations 85 to 89)."""
    mu, kappa, alpha, beta = moments
    mean = (kappa * mu + weight * value) / (kappa + weight)
    spread = kappa * weight * (value - mu) ** 2 / (2 * (kappa + weight))
    return mean, kappa + weight, alpha + weight / 2, beta + spread
