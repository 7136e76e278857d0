"""Kernels of Alpha158 that count and add up rises and falls, of prices and of volumes."""

import numpy as np

from quant_assets.features.alpha158.lanes import (
    CNTD,
    CNTN,
    CNTP,
    EPSILON,
    FALL,
    FEWER,
    GAIN,
    HAS_CHANGE,
    HAS_RATIO,
    LOSS,
    MORE,
    RISE,
    SUMD,
    SUMN,
    SUMP,
    VSUMD,
    VSUMN,
    VSUMP,
    Lanes,
    Request,
    Values,
)
from quant_assets.numerics.arrays import Array
from quant_assets.numerics.compiled import njit


@njit(error_model="numpy")
def counts(lanes: Lanes, request: Request, out: Values) -> None:
    """Shares of sessions that rose and fell."""
    windows, slot, n_lanes = request.windows, request.slot, lanes.bar.shape[1]
    sums = np.zeros((3, n_lanes))
    n, rises, falls, w = sums[0], sums[1], sums[2], 0
    for k in range(windows[-1]):
        bar = lanes.bar[k]
        _add(n, bar, _at(lanes, HAS_RATIO, k))
        _add(rises, bar, _at(lanes, RISE, k))
        _add(falls, bar, _at(lanes, FALL, k))
        if k + 1 == windows[w]:
            _where_known(n, rises / n, request.min_count[w], out[slot[CNTP], w])
            _where_known(n, falls / n, request.min_count[w], out[slot[CNTN], w])
            _where_known(n, (rises - falls) / n, request.min_count[w], out[slot[CNTD], w])
            w += 1


@njit(error_model="numpy")
def price_moves(lanes: Lanes, request: Request, out: Values) -> None:
    """Shares of the way of the price that went up and down."""
    windows, slot, n_lanes = request.windows, request.slot, lanes.bar.shape[1]
    sums = np.zeros((3, n_lanes))
    n, up, down, w = sums[0], sums[1], sums[2], 0
    for k in range(windows[-1]):
        bar, level = lanes.bar[k], lanes.level[k]
        _add(n, bar, _at(lanes, HAS_RATIO, k))
        _add_scaled(up, bar, level, _at(lanes, GAIN, k))
        _add_scaled(down, bar, level, _at(lanes, LOSS, k))
        if k + 1 == windows[w]:
            _fraction_of_way(n, up, down, up, request.min_count[w], out[slot[SUMP], w])
            _fraction_of_way(n, up, down, down, request.min_count[w], out[slot[SUMN], w])
            _fraction_of_way(n, up, down, up - down, request.min_count[w], out[slot[SUMD], w])
            w += 1


@njit(error_model="numpy")
def volume_moves(lanes: Lanes, request: Request, out: Values) -> None:
    """Shares of the way of volume that went up and down."""
    windows, slot, n_lanes = request.windows, request.slot, lanes.bar.shape[1]
    sums = np.zeros((3, n_lanes))
    n, up, down, w = sums[0], sums[1], sums[2], 0
    for k in range(windows[-1]):
        bar, multiple = lanes.bar[k], lanes.multiple[k]
        _add(n, bar, _at(lanes, HAS_CHANGE, k))
        _add_scaled(up, bar, multiple, _at(lanes, MORE, k))
        _add_scaled(down, bar, multiple, _at(lanes, FEWER, k))
        if k + 1 == windows[w]:
            _fraction_of_way(n, up, down, up, request.min_count[w], out[slot[VSUMP], w])
            _fraction_of_way(n, up, down, down, request.min_count[w], out[slot[VSUMN], w])
            _fraction_of_way(n, up, down, up - down, request.min_count[w], out[slot[VSUMD], w])
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
def _add_scaled(total: Array, bar: Array, scale: Array, x: Array) -> None:
    for i in range(len(total)):
        total[i] += bar[i] * (scale[i] * x[i])


@njit(error_model="numpy")
def _where_known(n: Array, x: Array, min_count: int, out: Values) -> None:
    for i in range(len(n)):
        out[i] = x[i] if n[i] >= min_count else np.nan


@njit(error_model="numpy")
def _fraction_of_way(n: Array, up: Array, down: Array, part: Array, min_count: int, out: Values) -> None:
    """Part of the whole way."""
    for i in range(len(n)):
        out[i] = part[i] / (up[i] + down[i] + EPSILON) if n[i] >= min_count else np.nan
