"""Volatility from open, high, low and close: what each session adds to its square, per session.

All are unbiased for a driftless random walk that is watched all day, and far less noisy than squared returns. Arrays
are of one shape; NaN is missing.
"""

import math

import numpy as np

from quant_assets.numerics.arrays import Array


def parkinson(high: Array, low: Array) -> Array:
    """Source: Parkinson (1980), Journal of Business 53(1)."""
    squared: Array = np.log(high / low) ** 2 / (4.0 * math.log(2.0))
    return squared


def garman_klass(open_: Array, high: Array, low: Array, close: Array) -> Array:
    """Source: Garman and Klass (1980), Journal of Business 53(1); the form without the night."""
    squared: Array = 0.5 * np.log(high / low) ** 2 - (2.0 * math.log(2.0) - 1.0) * np.log(close / open_) ** 2
    return squared


def rogers_satchell(open_: Array, high: Array, low: Array, close: Array) -> Array:
    """Free of the drift. Source: Rogers and Satchell (1991), Annals of Applied Probability 1(4)."""
    squared: Array = np.log(high / close) * np.log(high / open_) + np.log(low / close) * np.log(low / open_)
    return squared


def yang_zhang(overnight: Array, intraday: Array, mean_rogers_satchell: Array, window: int) -> Array:
    """Variance per session, nights included and free of the drift.

    Args:
        overnight, intraday: sample variances of the two parts of the return over the window.
        mean_rogers_satchell: over the window.
        window: sessions, at least 2.

    Source: Yang and Zhang (2000), Journal of Business 73(3).
    """
    weight = 0.34 / (1.34 + (window + 1) / (window - 1))
    return overnight + weight * intraday + (1.0 - weight) * mean_rogers_satchell
