"""Statistics of trailing windows over (sessions, entities) arrays; NaN is missing.

A window counts sessions, not observations. Each value is computed from its own window alone, row after row in one
order, so it is the same bits wherever the array begins. The inner loops run across entities, which the compiler
vectorizes without reordering any one entity's sum.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quant_assets.features.panel import Array

Flags = NDArray[np.bool_]


def least_of(window: int, share: float) -> int:
    """Observations that a window needs; the tiny allowance keeps 0.7 * 10 at 7."""
    return max(1, math.ceil(window * share - 1e-9))


def window_count(x: Array, window: int, lag: int = 0) -> Array:
    """(T, N) number of observed values in rows t-lag-window+1 .. t-lag; whole numbers, so differences are exact."""
    so_far = np.vstack([np.zeros((window + lag, x.shape[1])), np.cumsum(~np.isnan(x), axis=0, dtype=np.float64)])
    ends = np.arange(len(x)) + window
    return so_far[ends] - so_far[ends - window]


def window_sum(x: Array, window: int, least: int) -> Array:
    """(T, N) sum of the observed values of rows t-window+1 .. t; NaN with fewer than `least`."""
    total = _window_sum(np.where(np.isnan(x), 0.0, x), window)
    return np.where(window_count(x, window) >= least, total, np.nan)


def window_mean(x: Array, window: int, least: int) -> Array:
    """(T, N) mean of the observed values of rows t-window+1 .. t; NaN with fewer than `least`."""
    return window_sum(x, window, least) / np.maximum(window_count(x, window), 1.0)


def window_deviation(x: Array, window: int, least: int) -> Array:
    """(T, N) sample deviation of the observed values of rows t-window+1 .. t; NaN with fewer than max(2, `least`)."""
    squares = _window_powers(x, window_mean(x, window, max(2, least)), window, 2)
    deviation: Array = np.sqrt(squares / np.maximum(window_count(x, window) - 1.0, 1.0))
    return deviation


def window_skewness(x: Array, window: int, least: int) -> Array:
    """(T, N) third central moment over the second to the power of 3/2, of rows t-window+1 .. t.

    NaN with fewer than max(3, `least`) observed values, or where they do not differ.
    """
    mean, n = window_mean(x, window, max(3, least)), np.maximum(window_count(x, window), 1.0)
    second, third = (_window_powers(x, mean, window, power) / n for power in (2, 3))
    # equal values leave a spread of a few ulps, whose ratio would be noise
    spread = np.where(np.sqrt(second) > 1e-12 * np.abs(mean), second, np.nan)
    skewness: Array = third / (spread * np.sqrt(spread))
    return skewness


def window_max(x: Array, window: int, least: int) -> Array:
    """(T, N) largest observed value of rows t-window+1 .. t; NaN with fewer than `least`."""
    largest = _window_max(np.where(np.isnan(x), -np.inf, x), window)
    return np.where(window_count(x, window) >= least, largest, np.nan)


def total_return(returns: Array, present: Flags, window: int, least: int, lag: int = 0) -> Array:
    """(T, N) log return over rows t-lag-window+1 .. t-lag; NaN with fewer than `least` observed.

    A row that is present without a return begins a new history (the first bar, or one after a gap too long): what lies
    before it stands in no known proportion to what follows and does not enter. A row that is absent is covered by the
    return of the next one.

    Args:
        returns: (T, N) one-step log returns.
        present: (T, N), true where there is a row.
    """
    total, observed = _chained_sum(*_steps(returns, present), window, lag)
    return np.where(observed >= least, total, np.nan)


def index_over_mean(returns: Array, present: Flags, window: int, least: int) -> Array:
    """(T, N) log of the total return index of row t over its mean of rows t-window+1 .. t.

    The index has a level where a row is present, as far back as `total_return` reaches; NaN with fewer than `least`
    levels, or where row t itself has none. It is built backward from row t, whose level is 1.
    """
    total, _, levels = _index_levels(*_index(returns, present), window)
    known = present & (levels >= least)
    gap: Array = -np.log(np.where(known, total, np.nan) / np.maximum(levels, 1.0))
    return gap


def index_over_highest(returns: Array, present: Flags, window: int, least: int) -> Array:
    """(T, N) log of the total return index of row t over its highest of rows t-window+1 .. t, itself included.

    At most 0 by construction; levels as in `index_over_mean`.
    """
    _, highest, levels = _index_levels(*_index(returns, present), window)
    known = present & (levels >= least)
    return 0.0 - np.log(np.where(known, highest, np.nan))  # not -log: that would make 0 a negative 0


def _steps(returns: Array, present: Flags) -> tuple[Array, Array, Array]:
    """Returns with 0 where there is none, and as 1 or 0 where one was observed and where none leads further back."""
    seen = ~np.isnan(returns)
    return np.where(seen, returns, 0.0), seen.astype(np.float64), (~present | seen).astype(np.float64)


def _index(returns: Array, present: Flags) -> tuple[Array, Array, Array]:
    """Level of row t-1 per level of row t, and as 1 or 0 where there is a level and where none leads further back."""
    step, _, onward = _steps(returns, present)
    return np.exp(-step), present.astype(np.float64), onward


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _window_sum(x: Array, window: int) -> Array:
    """(T, N) sum of rows t-window+1 .. t, as far as they exist, oldest first."""
    out = np.zeros_like(x)
    for t in range(len(x)):
        for s in range(max(0, t - window + 1), t + 1):
            for i in range(x.shape[1]):
                out[t, i] += x[s, i]
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _window_max(x: Array, window: int) -> Array:
    """(T, N) largest of rows t-window+1 .. t, as far as they exist."""
    out = np.full_like(x, -np.inf)
    for t in range(len(x)):
        for s in range(max(0, t - window + 1), t + 1):
            for i in range(x.shape[1]):
                out[t, i] = max(out[t, i], x[s, i])
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _window_powers(x: Array, mean: Array, window: int, power: int) -> Array:
    """(T, N) sum of squares (or cubes) about the window's `mean` of rows t-window+1 .. t; NaN where the mean is."""
    out = np.zeros_like(x)
    for t in range(len(x)):
        for s in range(max(0, t - window + 1), t + 1):
            for i in range(x.shape[1]):
                gap = 0.0 if np.isnan(x[s, i]) else x[s, i] - mean[t, i]
                out[t, i] += gap * gap if power == 2 else gap * gap * gap
        for i in range(x.shape[1]):
            if np.isnan(mean[t, i]):
                out[t, i] = np.nan
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _chained_sum(step: Array, seen: Array, onward: Array, window: int, lag: int) -> tuple[Array, Array]:
    """(T, N) sum and number of the steps of rows t-lag .. t-lag-window+1, newest first, as far as they lead back."""
    total, count = np.zeros_like(step), np.zeros_like(step)
    reached = np.empty(step.shape[1])
    for t in range(lag, len(step)):
        reached[:] = 1.0
        for s in range(t - lag, max(-1, t - lag - window), -1):
            for i in range(step.shape[1]):
                total[t, i] += reached[i] * step[s, i]
                count[t, i] += reached[i] * seen[s, i]
                reached[i] *= onward[s, i]
    return total, count


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _index_levels(shrink: Array, present: Array, onward: Array, window: int) -> tuple[Array, Array, Array]:
    """(T, N) sum, highest and number of the levels of rows t .. t-window+1, newest first, where row t has level 1."""
    total, highest, count = np.zeros_like(shrink), np.ones_like(shrink), np.zeros_like(shrink)
    level, reached = np.empty(shrink.shape[1]), np.empty(shrink.shape[1])
    for t in range(len(shrink)):
        level[:], reached[:] = 1.0, 1.0
        for s in range(t, max(-1, t - window), -1):
            for i in range(shrink.shape[1]):
                known = reached[i] * present[s, i]
                total[t, i] += known * level[i]
                highest[t, i] = max(highest[t, i], known * level[i])
                count[t, i] += known
                reached[i] *= onward[s, i]
                level[i] *= shrink[s, i]
    return total, highest, count
