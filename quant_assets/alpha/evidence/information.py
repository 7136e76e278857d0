"""What one session says of many features at once: information coefficients, quantiles, and how fast they turn over.

Ranks are kept as dense codes: 0 for the lowest value, equal values share one, -1 is missing. From codes a correlation
of ranks is a count and no sort, whichever rows two columns have in common.
"""

import numpy as np
from numpy.typing import NDArray

from quant_assets.numerics.arrays import Array, Mask
from quant_assets.numerics.compiled import njit

Codes = NDArray[np.int16]

MIN_PAIRS = 3  # pairs of a correlation


def dense_ranks(x: Array) -> Codes:
    """(F, N) codes of (N, F) values within each column; NaN is missing."""
    order = np.argsort(x, axis=0, kind="stable")  # NaN last
    ascending = np.take_along_axis(x, order, axis=0)
    steps = np.zeros(x.shape, dtype=np.int64)
    steps[1:] = np.cumsum(ascending[1:] > ascending[:-1], axis=0)
    codes = np.empty(x.shape, dtype=np.int64)
    np.put_along_axis(codes, order, np.where(np.isnan(ascending), -1, steps), axis=0)
    return np.ascontiguousarray(codes.T.astype(np.int16))


def correlations(x: Array, y: Array) -> Array:
    """(F,) Pearson's of each column of (N, F) `x` with (N,) `y`, of the rows in which both are known.

    NaN with fewer than 3 of them or without spread.
    """
    known = ~np.isnan(x) & ~np.isnan(y)[:, None]
    n = np.maximum(known.sum(axis=0), 1)
    xs, ys = np.where(known, x, 0.0), np.where(known, y[:, None], 0.0)
    x_mean, y_mean = xs.sum(axis=0) / n, ys.sum(axis=0) / n
    dx, dy = np.where(known, xs - x_mean, 0.0), np.where(known, ys - y_mean, 0.0)
    xx, yy = (dx * dx).sum(axis=0), (dy * dy).sum(axis=0)
    # equal values leave a spread of a few ulps of their level
    varies = (xx > 1e-24 * n * x_mean**2) & (yy > 1e-24 * n * y_mean**2) & (n >= MIN_PAIRS)
    found: Array = np.where(varies, (dx * dy).sum(axis=0), np.nan) / np.sqrt(np.where(varies, xx * yy, 1.0))
    return found


@njit()
def rank_correlations(x: Codes, y: Codes) -> Array:
    """(F,) Spearman's of each row of (F, N) `x` with that of `y`, or with its only one.

    Of the columns in which both are known, ranked among these, equal values averaged. NaN as in `correlations`.
    """
    n_features, n_rows = x.shape
    found = np.full(n_features, np.nan)
    for f in range(n_features):
        a, b = x[f], y[f % len(y)]
        x_rank, y_rank, n = _average_ranks(a, b)
        if n < MIN_PAIRS:
            continue
        middle, xy, xx, yy = (n + 1) / 2, 0.0, 0.0, 0.0
        for i in range(n_rows):
            if a[i] >= 0 and b[i] >= 0:
                dx, dy = x_rank[a[i]] - middle, y_rank[b[i]] - middle
                xy += dx * dy
                xx += dx * dx
                yy += dy * dy
        if xx > 0 and yy > 0:
            found[f] = xy / np.sqrt(xx * yy)
    return found


@njit()
def _average_ranks(a: Codes, b: Codes) -> tuple[Array, Array, int]:
    """Rank of each code among the places in which both are known, from 1 on, and how many these are."""
    if not len(a):
        return np.zeros(1), np.zeros(1), 0
    x_rank, y_rank, n = np.zeros(a.max() + 2), np.zeros(b.max() + 2), 0
    for i in range(len(a)):
        if a[i] >= 0 and b[i] >= 0:
            x_rank[a[i]] += 1
            y_rank[b[i]] += 1
            n += 1
    for ranks in (x_rank, y_rank):
        below = 0.0
        for code in range(len(ranks)):
            count = ranks[code]
            ranks[code] = below + (count + 1) / 2
            below += count
    return x_rank, y_rank, n


@njit()
def quantiles(x: Codes, known: Mask, n_quantiles: int) -> Codes:
    """(F, N) quantile of each value among the known places, from 0 on; equal values share one, -1 is missing.

    None in a row with fewer values than quantiles.
    """
    found = np.full(x.shape, -1, dtype=np.int16)
    there = np.where(known, 0, -1).astype(np.int16)
    for f in range(len(x)):
        ranks, _, n = _average_ranks(x[f], there)
        if n < n_quantiles:
            continue
        for i in range(x.shape[1]):
            if x[f, i] >= 0 and known[i]:
                found[f, i] = int((ranks[x[f, i]] - 0.5) * n_quantiles / n)
    return found


@njit()
def quantile_means(placed: Codes, y: Array, n_quantiles: int) -> Array:
    """(F, Q) mean of (N,) `y` in each quantile of (F, N) `placed`; NaN where a quantile is empty."""
    total, n = np.zeros((len(placed), n_quantiles)), np.zeros((len(placed), n_quantiles))
    for f in range(len(placed)):
        for i in range(placed.shape[1]):
            if placed[f, i] >= 0 and not np.isnan(y[i]):
                total[f, placed[f, i]] += y[i]
                n[f, placed[f, i]] += 1
    return total / np.where(n > 0, n, np.nan)


@njit()
def replaced(now: Codes, before: Codes, quantile: int) -> Array:
    """(F,) fraction of a quantile of `now` that was not in it `before`, of those placed both times; NaN without any."""
    found = np.full(len(now), np.nan)
    for f in range(len(now)):
        n, came = 0, 0
        for i in range(now.shape[1]):
            if now[f, i] == quantile and before[f, i] >= 0:
                n += 1
                came += before[f, i] != quantile
        if n:
            found[f] = came / n
    return found
