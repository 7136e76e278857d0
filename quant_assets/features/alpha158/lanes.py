"""Lanes of Alpha158: consecutive sessions of one symbol, which its kernels compute side by side.

Every sum runs newest first, one lag after the other, for all sessions in one plain loop that the compiler vectorizes
without reordering any one session's sum: a value has the same bits in whatever company it is computed. Such a loop
writes few arrays, since the compiler gives up on more.

Levels are built backward from the session, whose close is 1, and volumes are in its shares. Sums are of gaps to the
session's own value, which leaves their squares exact where all values lie close together.

Compiled functions call those of their own file only, since Numba's cache does not notice a change in another. Numbers
and records that kernels of other files take from this one are no exception: after reordering them, delete
`__pycache__`.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from feature_store.schemas.alpha158 import ROLLING
from quant_assets.numerics.arrays import Array, Index
from quant_assets.numerics.compiled import njit

TIE = 1e-12  # levels that are equal but for rounding are a tie, and values no further apart than it do not differ
EPSILON = 1e-12  # Qlib's, in the denominators

Values = NDArray[np.float32]

(
    ROC, MA, STD, BETA, RSQR, RESI, MAX, MIN, QTLU, QTLD, RANK, RSV, IMAX, IMIN, IMXD, CORR, CORD, CNTP, CNTN, CNTD,
    SUMP, SUMN, SUMD, VMA, VSTD, WVMA, VSUMP, VSUMN, VSUMD,
) = range(len(ROLLING))  # fmt: skip
"""Number of each family, in the order of ROLLING."""

(
    PRESENT, ONWARD, SHRINK, SPLIT, HIGH, LOW, HAS_SHARES, SHARES, LOG_SHARES, HAS_RATIO, RISE, FALL, GAIN, LOSS,
    HAS_PAIR, RATIO, SHARE_RATIO, RATIO_2, SHARE_RATIO_2, RATIOS, HAS_MOVE, MOVE, HAS_CHANGE, MORE, FEWER, N_COLUMNS,
) = range(26)  # fmt: skip
"""What `bar_columns` says of each bar."""


class Lanes(NamedTuple):
    """L consecutive sessions of one symbol, and what each sees at lag 0 .. K.

    Attributes:
        columns: (N_COLUMNS, K + L) of the symbol's sessions; that of lane l at lag k is at place K + l - k.
        bar: (K + 1, L) 1 where there is a bar and its history leads back to it.
        level: (K + 1, L) of the total return index.
        multiple: (K + 1, L) the session's shares for one share of then.
    """

    columns: Array
    bar: Array
    level: Array
    multiple: Array


class Request(NamedTuple):
    """Windows and families to compute of each lane.

    Attributes:
        windows, min_count: (W,) sessions, ascending, and the observations that each needs.
        slot: (families,) place of each family among the results; one after the last for those that are not requested.
        pairs, pair_ends: places to compare and exchange, one after the other, which order the bars of each window.
    """

    windows: Index
    min_count: Index
    slot: Index
    pairs: Index
    pair_ends: Index


@njit(error_model="numpy")
def _against(out: Array, ratio: float, gain: float, shares: float, before: float) -> None:
    """What a bar is against that of the session before."""
    out[HAS_RATIO], out[RISE], out[FALL] = 1.0, ratio > 0, ratio < 0
    out[GAIN], out[LOSS] = max(gain, 0.0), max(-gain, 0.0)
    if not np.isnan(shares):
        out[HAS_MOVE], out[MOVE] = 1.0, abs(ratio) * shares
    if not np.isnan(shares) and before > 0:
        share_ratio = math.log(shares / before + 1.0)
        out[HAS_PAIR], out[RATIO], out[SHARE_RATIO] = 1.0, ratio, share_ratio
        out[RATIO_2], out[SHARE_RATIO_2], out[RATIOS] = ratio * ratio, share_ratio * share_ratio, ratio * share_ratio
    if not np.isnan(shares - before):
        out[HAS_CHANGE], out[MORE], out[FEWER] = 1.0, max(shares - before, 0.0), max(before - shares, 0.0)


@njit(error_model="numpy")
def bar_columns(bars: Array, begin: Index, day: Index) -> Array:
    """(N_COLUMNS, bars) what the kernels take of each bar; 0 where it is missing, and a flag beside it says so.

    Of the bar: whether history leads further back, its level before per level now, new per old share since, high and
    low per close, the shares traded and the log of one more. Against the session before, where there was a bar: the
    return, whether it rose or fell, what was gained and lost per close; with the log of one more than the ratio of
    shares, and the products of the two; the size of the return times shares; the shares that were more and fewer.

    Args:
        bars: (6, bars) high, low, close, dollar volume, split ratio and log return, NaN where missing.
    """
    n = bars.shape[1]
    out = np.zeros((N_COLUMNS, n))
    for r in range(n):
        close, split, log_return = bars[2, r], bars[4, r], bars[5, r]
        shares = bars[3, r] / close
        out[PRESENT, r], out[SPLIT, r], out[SHRINK, r] = 1.0, 1.0, 1.0
        out[HIGH, r], out[LOW, r] = bars[0, r] / close, bars[1, r] / close
        if not np.isnan(shares):
            out[HAS_SHARES, r], out[SHARES, r], out[LOG_SHARES, r] = 1.0, shares, math.log(shares + 1.0)
        if np.isnan(log_return) or np.isnan(split):
            continue
        shrink = math.exp(-log_return)
        out[ONWARD, r], out[SHRINK, r], out[SPLIT, r] = 1.0, shrink, split
        if r > begin[r] and day[r] - day[r - 1] == 1:
            before = bars[3, r - 1] / bars[2, r - 1] * split
            _against(out[:, r], 1.0 / shrink - 1.0, 1.0 - shrink, shares, before)
    return out


@njit()
def place(values: Values, lane: Index, out: Values) -> None:
    for f in range(out.shape[0]):
        for w in range(out.shape[1]):
            if lane[-1] - lane[0] == len(lane) - 1:
                out[f, w] = values[f, w, lane[0] : lane[-1] + 1]
            else:
                for i in range(len(lane)):
                    out[f, w, i] = values[f, w, lane[i]]


@njit(error_model="numpy")
def lanes_of(columns: Array, begin: int, day: Index, first: int, last: int, reach: int) -> Lanes:
    """The sessions from that of the first row to that of the last."""
    n = day[last] - day[first] + 1
    dense = np.zeros((columns.shape[0], reach + n))
    dense[ONWARD], dense[SHRINK], dense[SPLIT] = 1.0, 1.0, 1.0
    row = last
    while row >= begin and day[row] >= day[first] - reach:
        row -= 1
    oldest, start = row + 1, reach + day[row + 1] - day[first]
    if last - oldest == day[last] - day[oldest]:  # a bar in every session
        dense[:, start:] = columns[:, oldest : last + 1]
    else:
        for c in range(columns.shape[0]):
            for r in range(oldest, last + 1):
                dense[c, reach + day[r] - day[first]] = columns[c, r]
    bar, level, multiple = np.ones((reach + 1, n)), np.ones((reach + 1, n)), np.ones((reach + 1, n))
    reached, splits = np.ones(n), (dense[SPLIT] != 1.0).any()
    gaps = (dense[PRESENT] * dense[ONWARD] != 1.0).any()
    bar[0] = dense[PRESENT, reach:]
    for k in range(1, reach + 1):
        here, later = reach - k, reach - k + 1
        _product(level[k - 1], dense[SHRINK, later : later + n], level[k])
        if gaps:
            _multiply(reached, dense[ONWARD, later : later + n])
            _product(reached, dense[PRESENT, here : here + n], bar[k])
        if splits:
            _product(multiple[k - 1], dense[SPLIT, later : later + n], multiple[k])
    return Lanes(dense, bar, level, multiple)


@njit(error_model="numpy")
def _multiply(x: Array, y: Array) -> None:
    for i in range(len(x)):
        x[i] *= y[i]


@njit(error_model="numpy")
def _product(x: Array, y: Array, out: Array) -> None:
    for i in range(len(x)):
        out[i] = x[i] * y[i]
