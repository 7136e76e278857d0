"""Statistics of trailing windows over (sessions, entities) arrays; NaN is missing.

A window counts sessions, not observations. Each value is computed from its own window alone, row after row in one
order, so it is the same bits wherever the array begins. The inner loops run across entities, which the compiler
vectorizes without reordering any one entity's sum. Every function returns the rows from `first` on, (T - first, N);
those before it are read and not computed.
"""

import math
from typing import NamedTuple, TypeVar

import numpy as np

from quant_assets.numerics.arrays import Array, Mask
from quant_assets.numerics.compiled import njit

Rows = TypeVar("Rows", Array, Mask)


def min_observations(window: int, min_fraction: float) -> int:
    """Observations that a window needs; the tiny allowance keeps 0.7 * 10 at 7."""
    return max(1, math.ceil(window * min_fraction - 1e-9))


def window_count(x: Array, window: int, lag: int = 0, first: int = 0) -> Array:
    """Number of observed values in rows t-lag-window+1 .. t-lag; whole numbers, so differences are exact."""
    x, first = _reached(x, window + lag, first)
    count: Array = _window_count(np.ascontiguousarray(x), window, lag, first)
    return count


def window_sum(x: Array, window: int, min_count: int, first: int = 0) -> Array:
    """Sum of the observed values of rows t-window+1 .. t; NaN with fewer than `min_count`."""
    x, first = _reached(x, window, first)
    total = _window_sum(np.where(np.isnan(x), 0.0, x), window, first)
    return np.where(window_count(x, window, 0, first) >= min_count, total, np.nan)


def window_mean(x: Array, window: int, min_count: int, first: int = 0) -> Array:
    """Mean of the observed values of rows t-window+1 .. t; NaN with fewer than `min_count`."""
    return window_sum(x, window, min_count, first) / np.maximum(window_count(x, window, 0, first), 1.0)


def window_std(x: Array, window: int, min_count: int, first: int = 0) -> Array:
    """Sample standard deviation of the observed values of rows t-window+1 .. t; NaN with fewer than max(2,
    `min_count`).
    """
    x, first = _reached(x, window, first)
    squares = _window_powers(x, window_mean(x, window, max(2, min_count), first), window, 2, first)
    std: Array = np.sqrt(squares / np.maximum(window_count(x, window, 0, first) - 1.0, 1.0))
    return std


def window_skewness(x: Array, window: int, min_count: int, first: int = 0) -> Array:
    """Third central moment over the second to the power of 3/2, of rows t-window+1 .. t.

    NaN with fewer than max(3, `min_count`) observed values, or where they do not differ.
    """
    second, third = _moments(x, window, max(3, min_count), first, 3)
    skewness: Array = third / (second * np.sqrt(second))
    return skewness


def window_kurtosis(x: Array, window: int, min_count: int, first: int = 0) -> Array:
    """Fourth central moment over the square of the second, of rows t-window+1 .. t; NaN as for the skewness."""
    second, fourth = _moments(x, window, max(3, min_count), first, 4)
    kurtosis: Array = fourth / (second * second)
    return kurtosis


def _moments(x: Array, window: int, min_count: int, first: int, power: int) -> tuple[Array, Array]:
    """Second and another central moment; the second is NaN where the values do not differ."""
    x, first = _reached(x, window, first)
    mean, n = window_mean(x, window, min_count, first), np.maximum(window_count(x, window, 0, first), 1.0)
    second, other = (_window_powers(x, mean, window, p, first) / n for p in (2, power))
    # equal values leave a spread of a few ulps, whose ratio would be noise
    return np.where(np.sqrt(second) > 1e-12 * np.abs(mean), second, np.nan), other


def window_max(x: Array, window: int, min_count: int, first: int = 0) -> Array:
    """Largest observed value of rows t-window+1 .. t; NaN with fewer than `min_count`."""
    x, first = _reached(x, window, first)
    largest = _window_max(np.where(np.isnan(x), -np.inf, x), window, first)
    return np.where(window_count(x, window, 0, first) >= min_count, largest, np.nan)


def window_rank(x: Array, window: int, min_count: int, first: int = 0) -> Array:
    """Fraction of the observed values of rows t-window+1 .. t not above that of t; NaN with fewer than `min_count`."""
    x, first = _reached(x, window, first)
    below, n = _window_below(x, window, first), window_count(x, window, 0, first)
    return np.where((n >= min_count) & ~np.isnan(x[first:]), below, np.nan) / np.maximum(n, 1.0)


class Products(NamedTuple):
    """Mean products of two arrays about their means, and these means."""

    xy: Array
    xx: Array
    yy: Array
    x_mean: Array
    y_mean: Array


def window_products(x: Array, y: Array, window: int, min_count: int, first: int = 0) -> Products:
    """Of the rows t-window+1 .. t in which both are observed; NaN with fewer than max(3, `min_count`) of them."""
    both = ~np.isnan(x) & ~np.isnan(y)
    (x, at), (y, _) = (_reached(np.where(both, z, np.nan), window, first) for z in (x, y))
    x_mean, y_mean = (window_mean(z, window, max(3, min_count), at) for z in (x, y))
    x_filled, y_filled = (np.where(np.isnan(x), 0.0, z) for z in (x, y))
    sums = _window_products(x_filled, y_filled, ~np.isnan(x), x_mean, y_mean, window, at)
    n = np.maximum(window_count(x, window, 0, at), 1.0)
    return Products(sums[0] / n, sums[1] / n, sums[2] / n, x_mean, y_mean)


def window_correlation(x: Array, y: Array, window: int, min_count: int, first: int = 0) -> Array:
    """Of the rows t-window+1 .. t in which both are observed; NaN where one does not differ, or as in `Products`."""
    products = window_products(x, y, window, min_count, first)
    # what does not differ leaves a spread of a few ulps of its level
    xx, yy = (
        np.where(square > 1e-24 * mean * mean, square, np.nan)
        for square, mean in ((products.xx, products.x_mean), (products.yy, products.y_mean))
    )
    correlation: Array = np.clip(products.xy / np.sqrt(xx * yy), -1.0, 1.0)
    return correlation


def total_return(returns: Array, present: Mask, window: int, min_count: int, lag: int = 0, first: int = 0) -> Array:
    """Log return over rows t-lag-window+1 .. t-lag; NaN with fewer than `min_count` observed.

    A row that is present without a return begins a new history (the first bar, or one after a gap too long): what lies
    before it stands in no known proportion to what follows and does not enter. A row that is absent is covered by the
    return of the next one.

    Args:
        returns: (T, N) one-step log returns.
        present: (T, N), true where there is a row.
    """
    (returns, at), (present, _) = _reached(returns, window + lag, first), _reached(present, window + lag, first)
    total, observed = _chained_sum(*_steps(returns, present), window, lag, at)
    return np.where(observed >= min_count, total, np.nan)


def index_over_mean(returns: Array, present: Mask, window: int, min_count: int, first: int = 0) -> Array:
    """Log of the total return index of row t over its mean of rows t-window+1 .. t.

    The index has a level where a row is present, as far back as `total_return` reaches; NaN with fewer than `min_count`
    levels, or where row t itself has none. It is built backward from row t, whose level is 1.
    """
    (returns, at), (present, _) = _reached(returns, window, first), _reached(present, window, first)
    total, _, levels = _index_levels(*_index(returns, present), window, at)
    known = present[at:] & (levels >= min_count)
    gap: Array = -np.log(np.where(known, total, np.nan) / np.maximum(levels, 1.0))
    return gap


def index_over_highest(returns: Array, present: Mask, window: int, min_count: int, first: int = 0) -> Array:
    """Log of the total return index of row t over its highest of rows t-window+1 .. t, itself included.

    At most 0 by construction; levels as in `index_over_mean`.
    """
    (returns, at), (present, _) = _reached(returns, window, first), _reached(present, window, first)
    _, highest, levels = _index_levels(*_index(returns, present), window, at)
    known = present[at:] & (levels >= min_count)
    return 0.0 - np.log(np.where(known, highest, np.nan))  # not -log: that would make 0 a negative 0


def _steps(returns: Array, present: Mask) -> tuple[Array, Array, Array]:
    """Returns with 0 where there is none, and as 1 or 0 where one was observed and where none leads further back."""
    seen = ~np.isnan(returns)
    return np.where(seen, returns, 0.0), seen.astype(np.float64), (~present | seen).astype(np.float64)


def _index(returns: Array, present: Mask) -> tuple[Array, Array, Array]:
    """Level of row t-1 per level of row t, and as 1 or 0 where there is a level and where none leads further back."""
    step, _, onward = _steps(returns, present)
    return np.exp(-step), present.astype(np.float64), onward


def _reached(x: Rows, reach: int, first: int) -> tuple[Rows, int]:
    """The rows that those from `first` on look back on, and where `first` is among them."""
    begin = max(0, first - reach + 1)
    return x[begin:], first - begin


@njit()
def _window_count(x: Array, window: int, lag: int, first: int) -> Array:
    """Observed values of rows t-lag-window+1 .. t-lag, as far as they exist: what enters more and what leaves less."""
    out, count = np.zeros((len(x) - first, x.shape[1])), np.zeros(x.shape[1])
    for t in range(len(x)):
        enters, leaves = t - lag, t - lag - window
        for i in range(x.shape[1]):
            if enters >= 0 and not np.isnan(x[enters, i]):
                count[i] += 1.0
            if leaves >= 0 and not np.isnan(x[leaves, i]):
                count[i] -= 1.0
            if t >= first:
                out[t - first, i] = count[i]
    return out


@njit()
def _window_sum(x: Array, window: int, first: int) -> Array:
    """Sum of rows t-window+1 .. t, as far as they exist, oldest first."""
    out = np.zeros((len(x) - first, x.shape[1]))
    for t in range(first, len(x)):
        for s in range(max(0, t - window + 1), t + 1):
            for i in range(x.shape[1]):
                out[t - first, i] += x[s, i]
    return out


@njit()
def _window_max(x: Array, window: int, first: int) -> Array:
    """Largest of rows t-window+1 .. t, as far as they exist."""
    out = np.full((len(x) - first, x.shape[1]), -np.inf)
    for t in range(first, len(x)):
        for s in range(max(0, t - window + 1), t + 1):
            for i in range(x.shape[1]):
                out[t - first, i] = max(out[t - first, i], x[s, i])
    return out


@njit()
def _window_below(x: Array, window: int, first: int) -> Array:
    """Number of rows t-window+1 .. t that are not above row t."""
    out = np.zeros((len(x) - first, x.shape[1]))
    for t in range(first, len(x)):
        for s in range(max(0, t - window + 1), t + 1):
            for i in range(x.shape[1]):
                out[t - first, i] += 1.0 if x[s, i] <= x[t, i] else 0.0
    return out


@njit()
def _window_powers(x: Array, mean: Array, window: int, power: int, first: int) -> Array:
    """Sum of squares (cubes, fourth powers) about the window's `mean` of rows t-window+1 .. t; NaN where it is."""
    out = np.zeros((len(x) - first, x.shape[1]))
    for t in range(first, len(x)):
        for s in range(max(0, t - window + 1), t + 1):
            for i in range(x.shape[1]):
                gap = 0.0 if np.isnan(x[s, i]) else x[s, i] - mean[t - first, i]
                rest = 1.0 if power == 2 else gap if power == 3 else gap * gap
                out[t - first, i] += gap * gap * rest
        for i in range(x.shape[1]):
            if np.isnan(mean[t - first, i]):
                out[t - first, i] = np.nan
    return out


@njit()
def _window_products(
    x: Array, y: Array, both: Mask, x_mean: Array, y_mean: Array, window: int, first: int
) -> tuple[Array, Array, Array]:
    """Sums of products about the windows' means over the rows in which both are observed; NaN where a mean is."""
    shape = (len(x) - first, x.shape[1])
    xy, xx, yy = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for t in range(first, len(x)):
        at = t - first
        for s in range(max(0, t - window + 1), t + 1):
            for i in range(x.shape[1]):
                weight = 1.0 if both[s, i] else 0.0
                x_gap, y_gap = weight * (x[s, i] - x_mean[at, i]), weight * (y[s, i] - y_mean[at, i])
                xy[at, i] += x_gap * y_gap
                xx[at, i] += x_gap * x_gap
                yy[at, i] += y_gap * y_gap
    return xy, xx, yy


@njit()
def _chained_sum(step: Array, seen: Array, onward: Array, window: int, lag: int, first: int) -> tuple[Array, Array]:
    """Sum and number of the steps of rows t-lag .. t-lag-window+1, newest first, as far as they lead back."""
    shape = (len(step) - first, step.shape[1])
    total, count = np.zeros(shape), np.zeros(shape)
    reached = np.empty(step.shape[1])
    for t in range(max(lag, first), len(step)):
        reached[:] = 1.0
        for s in range(t - lag, max(-1, t - lag - window), -1):
            for i in range(step.shape[1]):
                total[t - first, i] += reached[i] * step[s, i]
                count[t - first, i] += reached[i] * seen[s, i]
                reached[i] *= onward[s, i]
    return total, count


@njit()
def _index_levels(shrink: Array, present: Array, onward: Array, window: int, first: int) -> tuple[Array, Array, Array]:
    """Sum, highest and number of the levels of rows t .. t-window+1, newest first, where row t has level 1."""
    shape = (len(shrink) - first, shrink.shape[1])
    total, highest, count = np.zeros(shape), np.ones(shape), np.zeros(shape)
    level, reached = np.empty(shrink.shape[1]), np.empty(shrink.shape[1])
    for t in range(first, len(shrink)):
        at = t - first
        level[:], reached[:] = 1.0, 1.0
        for s in range(t, max(-1, t - window), -1):
            for i in range(shrink.shape[1]):
                known = reached[i] * present[s, i]
                total[at, i] += known * level[i]
                highest[at, i] = max(highest[at, i], known * level[i])
                count[at, i] += known
                reached[i] *= onward[s, i]
                level[i] *= shrink[s, i]
    return total, highest, count
