"""What the states of a fit were like: how volatile, how lasting, and what else moved while they held."""

import numpy as np

from quant_assets.numerics.arrays import Array
from quant_assets.numerics.units import ANNUAL
from quant_assets.regimes.detectors.protocol import STATES_IN_ORDER, Aspect

NORMAL_CONSISTENCY = 1.4826  # a Gaussian's standard deviation over its median absolute value


def state_volatility(returns: Array, posterior: Array) -> Array:
    """(K,) root mean square of (T,) returns a session while each state held, annual; NaN for a state that never did."""
    weight = posterior.sum(axis=0)
    square = (posterior * np.where(np.isnan(returns), 0.0, returns)[:, None] ** 2).sum(axis=0)
    annual: Array = np.sqrt(square / np.where(weight > 0, weight, np.nan)) * ANNUAL
    return annual


def median_volatility(returns: Array) -> float:
    """Annual volatility by the median absolute return: half of the sessions may be wild before it says so."""
    return float(NORMAL_CONSISTENCY * np.nanmedian(np.abs(returns)) * ANNUAL)


def labels_of(aspect: Aspect, volatility: Array, crisis_from: float) -> list[str]:
    """A label for each of K states, which two of them may have alike.

    Trend goes by order: two states are bear and bull. Of volatility the first is calm; any other is a crisis where its
    level says so and turbulent otherwise, so that the wildest part of a quiet window is none.

    Args:
        volatility: (K,) annual, of the states in order; NaN is no crisis.
        crisis_from: annual volatility from which on it is a crisis.
    """
    labels = STATES_IN_ORDER[aspect]
    if aspect == "trend":
        return [labels[round(k * (len(labels) - 1) / (len(volatility) - 1))] for k in range(len(volatility))]
    return [labels[0], *(labels[2] if level >= crisis_from else labels[1] for level in volatility[1:])]


def durations(posterior: Array) -> Array:
    """(K,) mean length of the spells in which each state is the likeliest, in sessions; NaN for one that never is."""
    likeliest = posterior.argmax(axis=1)
    begins = np.append(True, likeliest[1:] != likeliest[:-1])
    k = posterior.shape[1]
    spells = np.bincount(likeliest[begins], minlength=k)
    return np.bincount(likeliest, minlength=k) / np.where(spells > 0, spells, np.nan)


def weighted_mean(values: Array, weights: Array) -> float | None:
    """Of (T,) values that are known; None without weight."""
    known = ~np.isnan(values) & (weights > 0)
    return float(np.average(values[known], weights=weights[known])) if known.any() else None


def weighted_correlation(x: Array, y: Array, weights: Array) -> float | None:
    """Of the sessions that have both; None where one of them has no spread."""
    known = ~np.isnan(x) & ~np.isnan(y) & (weights > 0)
    if not known.any():
        return None
    w = weights[known]
    x, y = (z[known] - np.average(z[known], weights=w) for z in (x, y))
    spread = np.sqrt((w * x * x).sum() * (w * y * y).sum())
    return float(np.clip((w * x * y).sum() / spread, -1.0, 1.0)) if spread > 0 else None
