"""Exponential averages over a window of ten half-lives."""

import math

import numpy as np

from quant_assets.numerics.arrays import Array

HALF_LIVES = 10  # after which an observation weighs a thousandth, and is left out


def smoothing_sessions(half_life: float) -> int:
    """Length of the window, the session itself included."""
    return math.floor(HALF_LIVES * half_life) + 1


def smoothed(values: Array, half_life: float, last: int) -> Array:
    """Averages of the last `last` sessions of (T, ...), newest weighing most, over the rows without NaN.

    Each session's sum is taken in one order, its own value first, so that it is the same bits in any window.

    Args:
        values: (T, ...) or (T, ..., K); a row is what shares the first axes but the last, and lacks a value if any of
            the last axis is NaN. Pass (T, N, 1) for plain numbers.
        half_life: in sessions.

    Returns:
        (last, ...); NaN where no row of the window has a value.
    """
    reach = smoothing_sessions(half_life)
    missing = np.full((max(0, last + reach - 1 - len(values)), *values.shape[1:]), np.nan)
    long = np.concatenate([missing, values])
    exists = np.logical_and.reduce(~np.isnan(long), axis=-1)
    filled = np.where(exists[..., None], long, 0.0)
    total, weights = np.zeros((last, *values.shape[1:])), np.zeros((last, *values.shape[1:-1]))
    end = len(long)
    for age in range(reach):
        rows = slice(end - last - age, end - age)
        weight = exists[rows] * 0.5 ** (age / half_life)
        total += weight[..., None] * filled[rows]
        weights += weight
    average: Array = total / np.where(weights > 0, weights, np.nan)[..., None]
    return average
