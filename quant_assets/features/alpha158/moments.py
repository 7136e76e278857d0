"""Kernels of Alpha158 that need sums and squares: means, standard deviations, lines and correlations."""

import math

import numpy as np

from quant_assets.features.alpha158.lanes import (
    BETA,
    CORD,
    CORR,
    EPSILON,
    HAS_MOVE,
    HAS_PAIR,
    HAS_SHARES,
    LOG_SHARES,
    MA,
    MOVE,
    RATIO,
    RATIO_2,
    RATIOS,
    RESI,
    RSQR,
    SHARE_RATIO,
    SHARE_RATIO_2,
    SHARES,
    SPLIT,
    STD,
    TIE,
    VMA,
    VSTD,
    WVMA,
    Lanes,
    Request,
    Values,
)
from quant_assets.numerics.arrays import Array
from quant_assets.numerics.compiled import njit


@njit(error_model="numpy")
def trend(lanes: Lanes, request: Request, out: Values) -> None:
    """Mean, standard deviation, and the least squares line on the session's number, of gaps to the session's level."""
    windows, slot, n_lanes = request.windows, request.slot, lanes.bar.shape[1]
    sums = np.zeros((6, n_lanes))
    n, x, xx, y, yy, xy = sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]
    gap, w = np.empty(n_lanes), 0
    for k in range(windows[-1]):
        bar, level = lanes.bar[k], lanes.level[k]
        for i in range(n_lanes):
            n[i] += bar[i]
            x[i] += k * bar[i]
            xx[i] += k * k * bar[i]
        for i in range(n_lanes):
            gap[i] = bar[i] * (level[i] - 1.0)
        for i in range(n_lanes):
            y[i] += gap[i]
            yy[i] += gap[i] * gap[i]
            xy[i] += k * gap[i]
        if k + 1 == windows[w]:
            min_count = request.min_count[w]
            _mean(n, y, min_count, out[slot[MA], w])
            _std(n, y, yy, min_count, out[slot[STD], w])
            _line(n, x, xx, y, xy, min_count, out[slot[BETA], w], out[slot[RESI], w])
            _correlation(n, x, y, xx, yy, xy, min_count, out[slot[RSQR], w])
            _multiply_own(out[slot[RSQR], w])
            w += 1


@njit(error_model="numpy")
def _line(
    n: Array, age: Array, age_2: Array, y: Array, product: Array, min_count: int, slope: Values, rest: Values
) -> None:
    """Slope of y against time, and what is left of the newest y, which is 0, over the line."""
    for i in range(len(n)):
        beta = -(product[i] - age[i] * y[i] / n[i]) / (age_2[i] - age[i] * age[i] / n[i])
        slope[i] = beta if n[i] >= min_count else np.nan
    for i in range(len(n)):
        beta = -(product[i] - age[i] * y[i] / n[i]) / (age_2[i] - age[i] * age[i] / n[i])
        rest[i] = -(y[i] + beta * age[i]) / n[i] if n[i] >= min_count else np.nan


@njit(error_model="numpy")
def _multiply_own(x: Values) -> None:
    for i in range(len(x)):
        x[i] *= x[i]


@njit(error_model="numpy")
def levels_with_volume(lanes: Lanes, request: Request, out: Values) -> None:
    """Correlation of levels and the logarithm of shares, as gaps to the session's."""
    windows, n_lanes = request.windows, lanes.bar.shape[1]
    sums = np.zeros((6, n_lanes))
    n, x, xx, y, yy, xy = sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]
    room = np.empty((3, n_lanes))
    gap, more, scaled, w = room[0], room[1], room[2], 0
    own, splits = _at(lanes, LOG_SHARES, 0), (lanes.columns[SPLIT] != 1.0).any()
    for k in range(windows[-1]):
        bar, level, has = lanes.bar[k], lanes.level[k], _at(lanes, HAS_SHARES, k)
        size = _at(lanes, LOG_SHARES, k)
        if splits:
            scaled[:] = size
            _log_shares(lanes, k, scaled)
            size = scaled
        for i in range(n_lanes):
            gap[i] = bar[i] * has[i] * (level[i] - 1.0)
        for i in range(n_lanes):
            more[i] = bar[i] * has[i] * (size[i] - own[i])
        _add(n, bar, has)
        _add_with_square(x, xx, gap)
        _add_with_square(y, yy, more)
        _add(xy, gap, more)
        if k + 1 == windows[w]:
            _correlation(n, x, y, xx, yy, xy, max(2, request.min_count[w]), out[request.slot[CORR], w])
            w += 1


@njit(error_model="numpy")
def _log_shares(lanes: Lanes, k: int, out: Array) -> None:
    """Of one more than the shares at lag k, in shares of the session, where a split lies between."""
    multiple, shares = lanes.multiple[k], _at(lanes, SHARES, k)
    for i in range(len(out)):
        if multiple[i] != 1.0:
            out[i] = math.log(shares[i] * multiple[i] + 1.0)


@njit(error_model="numpy")
def changes_with_volume(lanes: Lanes, request: Request, out: Values) -> None:
    """Correlation of the ratios of neighbouring sessions."""
    windows, n_lanes = request.windows, lanes.bar.shape[1]
    sums = np.zeros((6, n_lanes))
    n, x, xx, y, yy, xy = sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]
    w = 0
    for k in range(windows[-1]):
        bar = lanes.bar[k]
        _add(n, bar, _at(lanes, HAS_PAIR, k))
        _add(x, bar, _at(lanes, RATIO, k))
        _add(y, bar, _at(lanes, SHARE_RATIO, k))
        _add(xx, bar, _at(lanes, RATIO_2, k))
        _add(yy, bar, _at(lanes, SHARE_RATIO_2, k))
        _add(xy, bar, _at(lanes, RATIOS, k))
        if k + 1 == windows[w]:
            _correlation(n, x, y, xx, yy, xy, max(2, request.min_count[w]), out[request.slot[CORD], w])
            w += 1


@njit(error_model="numpy")
def volumes(lanes: Lanes, request: Request, out: Values) -> None:
    """Mean and standard deviation of shares, in those of the session; NaN where it has none."""
    windows, slot, n_lanes = request.windows, request.slot, lanes.bar.shape[1]
    sums = np.zeros((5, n_lanes))
    n, y, yy, per_own, more, w = sums[0], sums[1], sums[2], sums[3], sums[4], 0
    own = _at(lanes, SHARES, 0)
    for i in range(n_lanes):
        per_own[i] = 1.0 / own[i] if own[i] > 0 else np.nan
    for k in range(windows[-1]):
        bar, multiple, shares, has = lanes.bar[k], lanes.multiple[k], _at(lanes, SHARES, k), _at(lanes, HAS_SHARES, k)
        for i in range(n_lanes):
            more[i] = bar[i] * has[i] * (multiple[i] * shares[i] * per_own[i] - 1.0)
        _add(n, bar, has)
        _add_with_square(y, yy, more)
        if k + 1 == windows[w]:
            _mean(n, y, request.min_count[w], out[slot[VMA], w])
            _std(n, y, yy, request.min_count[w], out[slot[VSTD], w])
            w += 1


@njit(error_model="numpy")
def weighted_moves(lanes: Lanes, request: Request, out: Values) -> None:
    """Standard deviation over mean of the size of each move, weighed by the shares that made it."""
    windows, n_lanes = request.windows, lanes.bar.shape[1]
    sums = np.zeros((4, n_lanes))
    n, y, yy, weighed, w = sums[0], sums[1], sums[2], sums[3], 0
    for k in range(windows[-1]):
        bar, multiple, move = lanes.bar[k], lanes.multiple[k], _at(lanes, MOVE, k)
        for i in range(n_lanes):
            weighed[i] = bar[i] * multiple[i] * move[i]
        _add(n, bar, _at(lanes, HAS_MOVE, k))
        _add_with_square(y, yy, weighed)
        if k + 1 == windows[w]:
            wvma = out[request.slot[WVMA], w]
            _std(n, y, yy, request.min_count[w], wvma)
            for i in range(n_lanes):
                wvma[i] = wvma[i] / (y[i] / n[i] + EPSILON)
            w += 1


@njit(error_model="numpy")
def _at(lanes: Lanes, column: int, k: int) -> Array:
    """(L,) a column at lag k."""
    reach, n = lanes.bar.shape[0] - 1, lanes.bar.shape[1]
    return lanes.columns[column, reach - k : reach - k + n]


@njit(error_model="numpy")
def _add(total: Array, bar: Array, x: Array) -> None:
    for i in range(len(total)):
        total[i] += bar[i] * x[i]


@njit(error_model="numpy")
def _add_with_square(total: Array, squares: Array, x: Array) -> None:
    for i in range(len(total)):
        total[i] += x[i]
        squares[i] += x[i] * x[i]


@njit(error_model="numpy")
def _mean(n: Array, total: Array, min_count: int, out: Values) -> None:
    """One more than the mean of gaps to 1."""
    for i in range(len(n)):
        out[i] = 1.0 + total[i] / n[i] if n[i] >= min_count else np.nan


@njit(error_model="numpy")
def _std(n: Array, total: Array, squares: Array, min_count: int, out: Values) -> None:
    for i in range(len(n)):
        spread = squares[i] - total[i] * total[i] / n[i]
        spread = 0.0 if spread < 0.0 else spread
        out[i] = math.sqrt(spread / (n[i] - 1.0)) if n[i] >= min_count else np.nan


@njit(error_model="numpy")
def _correlation(n: Array, x: Array, y: Array, xx: Array, yy: Array, xy: Array, min_count: int, out: Values) -> None:
    """NaN where one does not differ, but for rounding."""
    for i in range(len(n)):
        x_spread, y_spread = xx[i] - x[i] * x[i] / n[i], yy[i] - y[i] * y[i] / n[i]
        r = (xy[i] - x[i] * y[i] / n[i]) / math.sqrt(x_spread * y_spread)
        known = n[i] >= min_count and x_spread > TIE * xx[i] and y_spread > TIE * yy[i]
        r = 1.0 if r > 1.0 else r
        r = -1.0 if r < -1.0 else r
        out[i] = r if known else np.nan
