"""Kernels of Alpha158, where consecutive sessions of one symbol are computed side by side.

Every sum runs newest first, one lag after the other, for all sessions in one plain loop that the compiler vectorizes
without reordering any one session's sum: a value has the same bits in whatever company it is computed. Such a loop
writes few arrays, since the compiler gives up on more.

Levels are built backward from the session, whose close is 1, and volumes are in its shares. Sums are of gaps to the
session's own value, which leaves their squares exact where all values lie close together.

Compiled functions call those of their own file only: Numba's cache would not notice a change in another.
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


# -- loops over lanes --------------------------------------------------------------------------------------------------


@njit(error_model="numpy")
def _at(lanes: Lanes, column: int, k: int) -> Array:
    """(L,) a column at lag k."""
    reach, n = lanes.bar.shape[0] - 1, lanes.bar.shape[1]
    return lanes.columns[column, reach - k : reach - k + n]


@njit(error_model="numpy")
def _multiply(x: Array, y: Array) -> None:
    for i in range(len(x)):
        x[i] *= y[i]


@njit(error_model="numpy")
def _product(x: Array, y: Array, out: Array) -> None:
    for i in range(len(x)):
        out[i] = x[i] * y[i]


@njit(error_model="numpy")
def _add(total: Array, bar: Array, x: Array) -> None:
    for i in range(len(total)):
        total[i] += bar[i] * x[i]


@njit(error_model="numpy")
def _add_scaled(total: Array, bar: Array, scale: Array, x: Array) -> None:
    for i in range(len(total)):
        total[i] += bar[i] * (scale[i] * x[i])


@njit(error_model="numpy")
def _add_with_square(total: Array, squares: Array, x: Array) -> None:
    for i in range(len(total)):
        total[i] += x[i]
        squares[i] += x[i] * x[i]


@njit(error_model="numpy")
def _where_known(n: Array, x: Array, min_count: int, out: Values) -> None:
    for i in range(len(n)):
        out[i] = x[i] if n[i] >= min_count else np.nan


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


@njit(error_model="numpy")
def _fraction_of_way(n: Array, up: Array, down: Array, part: Array, min_count: int, out: Values) -> None:
    """Part of the whole way."""
    for i in range(len(n)):
        out[i] = part[i] / (up[i] + down[i] + EPSILON) if n[i] >= min_count else np.nan


# -- families ----------------------------------------------------------------------------------------------------------


@njit(error_model="numpy")
def _past(lanes: Lanes, request: Request, out: Values) -> None:
    for w in range(len(request.windows)):
        k, roc = request.windows[w], out[request.slot[ROC], w]
        for i in range(len(roc)):
            roc[i] = lanes.level[k, i] if lanes.bar[k, i] > 0 else np.nan


@njit(error_model="numpy")
def _trend(lanes: Lanes, request: Request, out: Values) -> None:
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
def _multiply_own(x: Values) -> None:
    for i in range(len(x)):
        x[i] *= x[i]


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
def _extremes(lanes: Lanes, request: Request, out: Values) -> None:
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
def _quantiles(lanes: Lanes, request: Request, out: Values) -> None:
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
def _rank(lanes: Lanes, request: Request, out: Values) -> None:
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
def _log_shares(lanes: Lanes, k: int, out: Array) -> None:
    """Of one more than the shares at lag k, in shares of the session, where a split lies between."""
    multiple, shares = lanes.multiple[k], _at(lanes, SHARES, k)
    for i in range(len(out)):
        if multiple[i] != 1.0:
            out[i] = math.log(shares[i] * multiple[i] + 1.0)


@njit(error_model="numpy")
def _levels_with_shares(lanes: Lanes, request: Request, out: Values) -> None:
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
def _changes_with_shares(lanes: Lanes, request: Request, out: Values) -> None:
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
def _counts(lanes: Lanes, request: Request, out: Values) -> None:
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
def _price_moves(lanes: Lanes, request: Request, out: Values) -> None:
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
def _shares(lanes: Lanes, request: Request, out: Values) -> None:
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
def _moves(lanes: Lanes, request: Request, out: Values) -> None:
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
def _share_moves(lanes: Lanes, request: Request, out: Values) -> None:
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


KERNELS = {
    _past: (ROC,),
    _trend: (MA, STD, BETA, RSQR, RESI),
    _extremes: (MAX, MIN, RSV, IMAX, IMIN, IMXD),
    _quantiles: (QTLU, QTLD),
    _rank: (RANK,),
    _levels_with_shares: (CORR,),
    _changes_with_shares: (CORD,),
    _counts: (CNTP, CNTN, CNTD),
    _price_moves: (SUMP, SUMN, SUMD),
    _shares: (VMA, VSTD),
    _moves: (WVMA,),
    _share_moves: (VSUMP, VSUMN, VSUMD),
}
"""Which families each writes: those that need the same sums."""
