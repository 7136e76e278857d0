"""Kernels of Alpha158 that compare a window's levels: extremes, quantiles and ranks."""

import numpy as np

from quant_assets.features.alpha158.lanes import (
    EPSILON,
    HIGH,
    IMAX,
    IMIN,
    IMXD,
    LOW,
    MAX,
    MIN,
    QTLD,
    QTLU,
    RANK,
    ROC,
    RSV,
    TIE,
    Lanes,
    Request,
    Values,
)
from quant_assets.numerics.arrays import Array
from quant_assets.numerics.compiled import njit


@njit(error_model="numpy")
def past(lanes: Lanes, request: Request, out: Values) -> None:
    for w in range(len(request.windows)):
        k, roc = request.windows[w], out[request.slot[ROC], w]
        for i in range(len(roc)):
            roc[i] = lanes.level[k, i] if lanes.bar[k, i] > 0 else np.nan


@njit(error_model="numpy")
def extremes(lanes: Lanes, request: Request, out: Values) -> None:
    """Highest and lowest, and where they lie: the oldest of equal ones, counted from 1 at the window's begin."""
    windows, slot, n_lanes = request.windows, request.slot, lanes.bar.shape[1]
    room = np.zeros((7, n_lanes))
    n, high, low, high_age, low_age, here, spare = room[0], room[1], room[2], room[3], room[4], room[5], room[6]
    low[:], w = np.inf, 0
    for k in range(windows[-1]):
        bar, level, top, bottom = lanes.bar[k], lanes.level[k], _at(lanes, HIGH, k), _at(lanes, LOW, k)
        for i in range(n_lanes):
            n[i] += bar[i]
        for i in range(n_lanes):
            here[i] = level[i] * top[i] if bar[i] > 0.0 else 0.0
        for i in range(n_lanes):
            high_age[i] += (k - high_age[i]) * (1.0 if here[i] >= high[i] * (1.0 - TIE) else 0.0)
        for i in range(n_lanes):
            spare[i] = here[i] if here[i] > high[i] else high[i]
        high, spare = spare, high
        for i in range(n_lanes):
            here[i] = level[i] * bottom[i] if bar[i] > 0.0 else np.inf
        for i in range(n_lanes):
            low_age[i] += (k - low_age[i]) * (1.0 if here[i] <= low[i] * (1.0 + TIE) else 0.0)
        for i in range(n_lanes):
            spare[i] = here[i] if here[i] < low[i] else low[i]
        low, spare = spare, low
        if k + 1 == windows[w]:
            min_count, length = request.min_count[w], float(windows[w])
            _where_known(n, high, min_count, out[slot[MAX], w])
            _where_known(n, low, min_count, out[slot[MIN], w])
            _where_known(n, (1.0 - low) / (high - low + EPSILON), min_count, out[slot[RSV], w])
            _where_known(n, (length - high_age) / length, min_count, out[slot[IMAX], w])
            _where_known(n, (length - low_age) / length, min_count, out[slot[IMIN], w])
            _where_known(n, (low_age - high_age) / length, min_count, out[slot[IMXD], w])
            w += 1


@njit(error_model="numpy")
def quantiles(lanes: Lanes, request: Request, out: Values) -> None:
    """Between two levels in proportion; what is missing stands last, as infinite."""
    windows, slot, n_lanes = request.windows, request.slot, lanes.bar.shape[1]
    ordered, n, pair, k = np.empty((windows[-1], n_lanes)), np.zeros(n_lanes), 0, 0
    for w in range(len(windows)):
        while k < windows[w]:
            bar, level, place = lanes.bar[k], lanes.level[k], ordered[k]
            for i in range(n_lanes):
                place[i] = level[i] if bar[i] > 0.0 else np.inf
            for i in range(n_lanes):
                n[i] += bar[i]
            k += 1
        while pair < request.pair_ends[w]:
            _exchange(ordered[request.pairs[pair, 0]], ordered[request.pairs[pair, 1]])
            pair += 1
        for i in range(n_lanes):
            if n[i] >= request.min_count[w]:
                out[slot[QTLU], w, i] = _quantile(ordered, i, int(n[i]), 0.8)
                out[slot[QTLD], w, i] = _quantile(ordered, i, int(n[i]), 0.2)


@njit(error_model="numpy")
def _exchange(x: Array, y: Array) -> None:
    for i in range(len(x)):
        a, b = x[i], y[i]
        x[i] = a if a <= b else b
        y[i] = b if a <= b else a


@njit(error_model="numpy")
def _quantile(ordered: Array, i: int, n: int, q: float) -> float:
    place = q * (n - 1)
    below = int(place)
    low, high = ordered[below, i], ordered[min(below + 1, n - 1), i]
    return float(low + (place - below) * (high - low))


@njit(error_model="numpy")
def rank(lanes: Lanes, request: Request, out: Values) -> None:
    """Share of levels below the session's, where half of those equal to it count as below, and it itself."""
    windows, n_lanes = request.windows, lanes.bar.shape[1]
    n, twice, w = np.zeros(n_lanes), np.ones(n_lanes), 0
    for k in range(windows[-1]):
        bar, level = lanes.bar[k], lanes.level[k]
        for i in range(n_lanes):
            n[i] += bar[i]
            # 2 where it is below, 1 where it is equal
            twice[i] += bar[i] * ((1.0 if level[i] <= 1.0 + TIE else 0.0) + (1.0 if level[i] < 1.0 - TIE else 0.0))
        if k + 1 == windows[w]:
            rank = out[request.slot[RANK], w]
            for i in range(n_lanes):
                rank[i] = 0.5 * twice[i] / n[i] if n[i] >= request.min_count[w] else np.nan
            w += 1


@njit(error_model="numpy")
def _at(lanes: Lanes, column: int, k: int) -> Array:
    """(L,) a column at lag k."""
    reach, n = lanes.bar.shape[0] - 1, lanes.bar.shape[1]
    return lanes.columns[column, reach - k : reach - k + n]


@njit(error_model="numpy")
def _where_known(n: Array, x: Array, min_count: int, out: Values) -> None:
    for i in range(len(n)):
        out[i] = x[i] if n[i] >= min_count else np.nan
