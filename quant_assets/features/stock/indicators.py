"""Technical indicators, seeded as TA-Lib seeds them, on each session's own window; and those that weigh by volume.

A kernel takes the bars of one symbol, oldest first, and gives its value at the last of them (`technical` gives series).

Prices are total return levels built backward from the session, whose close is 1, so that a split or a dividend is no
move and statistics of prices are fractions of the session's close. Volumes are in the session's shares. A recursion
begins where its window does, long enough ago that the beginning is forgotten: ten half-lives.

Compiled functions call those of their own file only: Numba's cache would not notice a change in another.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from quant_assets.features.stock.indicator_windows import INDICATORS
from quant_assets.features.stock.paths import Chain, over_rows
from quant_assets.numerics.arrays import Array, Index
from quant_assets.numerics.compiled import njit

TIE = 1e-12  # of a price: moves on whole cents are equal but for the rounding of chained prices


class Window(NamedTuple):
    """The bars of one symbol in the last W sessions, oldest first, at the end of arrays of length W.

    Attributes:
        high, low, close, typical: total return levels, per close of the session.
        row: number of the session.
        shares: of the session, traded; NaN where not known, and so flow and signed.
        flow: dollars at the typical price.
        signed: shares with the sign of the return.
        begin: (W + 1,) [n] is the position of the first bar of the last n sessions.
    """

    high: Array
    low: Array
    close: Array
    typical: Array
    row: Array
    shares: Array
    flow: Array
    signed: Array
    begin: Index


def indicators(chain: Chain, first: int, min_count: Callable[[int], int], n_stds: float) -> dict[str, Array]:
    """(T - first, N) each; NaN with fewer than `min_count(window)` bars."""
    windows = np.array(list(INDICATORS.values()), dtype=np.int64)
    needed = np.array([min_count(n) for n in windows], dtype=np.int64)
    return over_rows(_indicators, tuple(INDICATORS), chain, first, windows, needed, n_stds)


@njit()
def _indicators(chain: Chain, first: int, n_features: int, windows: Index, min_count: Index, n_stds: float) -> Array:
    n_symbols, n_sessions = chain.present.shape
    out = np.full((n_features, n_sessions - first, n_symbols), np.nan)
    longest = windows.max()
    of, first_bar = np.empty((8, longest)), np.empty(longest + 1, dtype=np.int64)
    bars = Window(of[0], of[1], of[2], of[3], of[4], of[5], of[6], of[7], first_bar)
    for i in range(n_symbols):
        for t in range(first, n_sessions):
            if chain.present[i, t]:
                _fill_window(chain, i, t, bars)
                begin = bars.begin[windows]
                for f, value in enumerate(_values(bars, begin, min_count, n_stds)):
                    if longest - begin[f] >= min_count[f]:
                        out[f, t - first, i] = value
    return out


@njit()
def _fill_window(chain: Chain, i: int, t: int, bars: Window) -> None:
    """Fill `bars` with those of symbol i up to row t, back to where its history begins."""
    window = len(bars.close)
    k, level, multiple, reached = window, 1.0, 1.0, True
    bars.begin[0] = window
    for back in range(window):
        s = t - back
        reached = reached and s >= 0
        if reached and chain.present[i, s]:
            k -= 1
            bars.close[k], bars.row[k] = level, s
            bars.high[k], bars.low[k] = level * chain.high[i, s], level * chain.low[i, s]
            bars.typical[k] = (bars.high[k] + bars.low[k] + level) / 3.0
            bars.shares[k] = chain.shares[i, s] * multiple
            # in dollars as they were paid: a split does not change them
            bars.flow[k] = chain.shares[i, s] * chain.close[i, s] * (chain.high[i, s] + chain.low[i, s] + 1.0) / 3.0
            bars.signed[k] = bars.shares[k] * np.sign(chain.returns[i, s])
            level *= chain.shrink[i, s]
            multiple *= chain.split[i, s]
            reached = chain.onward[i, s]
        bars.begin[back + 1] = k


@njit()
def _values(bars: Window, begin: Index, min_count: Index, n_stds: float) -> tuple[float, ...]:
    """In the order of INDICATORS."""
    high, low, close, typical = bars.high, bars.low, bars.close, bars.typical
    wilder = begin[1]
    line, signal = macd_at(close[begin[6] :], 12, 26, 9)
    plus, minus, _ = adx_at(high[wilder:], low[wilder:], close[wilder:], 14)
    _, _, index = adx_at(high[begin[9] :], low[begin[9] :], close[begin[9] :], 14)
    mean, std = mean_and_std(close[begin[17] :])
    half = n_stds * std
    return (
        rsi_at(close[begin[0] :], 7),
        rsi_at(close[wilder:], 14),
        rsi_at(close[begin[2] :], 28),
        -np.log(ema_at(close[begin[3] :], 10)),
        -np.log(ema_at(close[begin[4] :], 20)),
        -np.log(ema_at(close[begin[5] :], 50)),
        line,
        signal,
        line - signal,
        index,
        plus - minus,
        atr_at(high[wilder:], low[wilder:], close[wilder:], 14),
        aroon_at(high[begin[12] :], low[begin[12] :], bars.row[begin[12] :], 25),
        cci_at(typical[begin[13] :]),
        stochastic_at(high[begin[14] :], low[begin[14] :], close[begin[14] :], 14, 3),
        stochastic_mean_at(high[begin[15] :], low[begin[15] :], close[begin[15] :], 14, 3),
        place(high[begin[16] :], low[begin[16] :], 1.0) - 100.0,
        (1.0 - mean) / half if std > 1e-12 * mean else np.nan,
        2.0 * half / mean,
        mfi_at(typical[begin[19] :], bars.flow[begin[19] :], min_count[19] - 1),
        money_flow(bars, begin[20], min_count[20]),
        obv_slope(bars, begin[21], min_count[21]),
        obv_slope(bars, begin[22], min_count[22]),
    )


@njit()
def money_flow(bars: Window, begin: int, min_count: int) -> float:
    """Chaikin's: the place of the close in its range, -1 to 1, by the shares traded; 0 where high and low are one."""
    weighed, shares, seen = 0.0, 0.0, 0
    for k in range(begin, len(bars.close)):
        if not np.isnan(bars.shares[k]):
            seen += 1
            shares += bars.shares[k]
            if bars.high[k] > bars.low[k]:
                place = (2.0 * bars.close[k] - bars.high[k] - bars.low[k]) / (bars.high[k] - bars.low[k])
                weighed += place * bars.shares[k]
    return min(1.0, max(-1.0, weighed / shares)) if seen >= min_count and shares > 0 else np.nan


@njit()
def obv_slope(bars: Window, begin: int, min_count: int) -> float:
    """Slope of on-balance volume over the mean of the shares traded; its level depends on where it begins."""
    end, n, shares, row_mean = len(bars.close), 0, 0.0, 0.0
    for k in range(begin, end):
        if not np.isnan(bars.shares[k]):
            n += 1
            shares += bars.shares[k]
            row_mean += bars.row[k] - bars.row[-1]
    if n < max(2, min_count) or not shares > 0:
        return np.nan
    level, xy, xx = 0.0, 0.0, 0.0
    for k in range(begin, end):
        if not np.isnan(bars.shares[k]):
            gap = bars.row[k] - bars.row[-1] - row_mean / n
            level += bars.signed[k]
            xy += gap * level  # the gaps add up to 0: the level's own mean does not matter
            xx += gap * gap
    return float(xy / xx / (shares / n))


@njit()
def rsi_at(close: Array, n: int) -> float:
    gain, loss, weight = 0.0, 0.0, 1.0 / n  # a product is several times as fast as a division
    for k in range(1, len(close)):
        change = close[k] - close[k - 1]
        fade = weight if k > n else 0.0
        gain += weight * max(change, 0.0) - fade * gain
        loss += weight * max(-change, 0.0) - fade * loss
    return 100.0 * gain / (gain + loss) if len(close) > n and gain + loss > 0 else np.nan


@njit()
def ema_at(x: Array, n: int) -> float:
    average, seed, weight = 0.0, 1.0 / n, 2.0 / (n + 1)
    for k in range(len(x)):
        average += seed * x[k] if k < n else weight * (x[k] - average)
    return average if len(x) >= n else np.nan


@njit()
def true_range(high: Array, low: Array, close: Array, k: int) -> float:
    return float(max(high[k], close[k - 1]) - min(low[k], close[k - 1]))


@njit()
def atr_at(high: Array, low: Array, close: Array, n: int) -> float:
    average, weight = 0.0, 1.0 / n
    for k in range(1, len(close)):
        average += weight * (true_range(high, low, close, k) - (average if k > n else 0.0))
    return average if len(close) > n else np.nan


@njit()
def macd_at(close: Array, fast: int, slow: int, signal: int) -> tuple[float, float]:
    """Line and signal."""
    quick, steady, average, line, seen = 0.0, 0.0, 0.0, np.nan, 0
    for k in range(len(close)):
        if k < slow:
            steady += close[k] / slow
            quick += close[k] / fast if k >= slow - fast else 0.0
        else:
            steady += 2.0 / (slow + 1) * (close[k] - steady)
            quick += 2.0 / (fast + 1) * (close[k] - quick)
        if k >= slow - 1:
            line = quick - steady
            average += line / signal if seen < signal else 2.0 / (signal + 1) * (line - average)
            seen += 1
    return line, average if seen >= signal else np.nan


@njit()
def mean_and_std(x: Array) -> tuple[float, float]:
    """Mean and population standard deviation."""
    mean, squares = 0.0, 0.0
    for k in range(len(x)):
        mean += x[k]
    mean /= len(x)
    for k in range(len(x)):
        squares += (x[k] - mean) ** 2
    return mean, math.sqrt(squares / len(x))


@njit()
def adx_at(high: Array, low: Array, close: Array, n: int) -> tuple[float, float, float]:
    """+DI, -DI and ADX. Sums of the first n - 1 moves seed the averages, as TA-Lib has it."""
    plus, minus, ranges, index, weight = 0.0, 0.0, 0.0, 0.0, 1.0 / n
    for k in range(1, len(close)):
        up, down = high[k] - high[k - 1], low[k - 1] - low[k]
        fade = weight if k >= n else 0.0
        tie = TIE * high[k]
        plus += (up if up > down + tie and up > 0 else 0.0) - plus * fade
        minus += (down if down > up + tie and down > 0 else 0.0) - minus * fade
        ranges += true_range(high, low, close, k) - ranges * fade
        if k >= n and plus + minus > 0:
            strength = 100.0 * abs(plus - minus) / (plus + minus)
            index += weight * (strength - (index if k >= 2 * n else 0.0))
    known = len(close) > n and ranges > 0
    return (
        100.0 * plus / ranges if known else np.nan,
        100.0 * minus / ranges if known else np.nan,
        index if len(close) >= 2 * n else np.nan,
    )


@njit()
def mfi_at(typical: Array, flow: Array, min_count: int) -> float:
    """Of the changes between the bars; a flow that is not known does not count, and NaN with fewer than `min_count`."""
    up, down, seen = 0.0, 0.0, 0
    for k in range(1, len(typical)):
        if not np.isnan(flow[k]):
            seen += 1
            tie = TIE * typical[k]
            up += flow[k] if typical[k] > typical[k - 1] + tie else 0.0
            down += flow[k] if typical[k] < typical[k - 1] - tie else 0.0
    return 100.0 * (up / (up + down)) if seen >= min_count and up + down > 0 else np.nan


@njit()
def cci_at(typical: Array) -> float:
    mean, gaps = 0.0, 0.0
    for k in range(len(typical)):
        mean += typical[k]
    mean /= len(typical)
    for k in range(len(typical)):
        gaps += abs(typical[k] - mean)
    gaps /= len(typical)
    return (typical[-1] - mean) / (0.015 * gaps) if gaps > 1e-12 * mean else np.nan


@njit()
def place(high: Array, low: Array, close: float) -> float:
    """Of a close between the lowest low, 0, and the highest high, 100; NaN where they are one."""
    top, bottom = high[0], low[0]
    for k in range(1, len(high)):
        top, bottom = max(top, high[k]), min(bottom, low[k])
    # the close is chained, as they are, and may leave its own bar by an ulp
    return min(100.0, max(0.0, 100.0 * (close - bottom) / (top - bottom))) if top > bottom else np.nan


@njit()
def stochastic_at(high: Array, low: Array, close: Array, n: int, smooth: int) -> float:
    """Slow %K: the mean of the last places, each in the range of its own n bars, as far as there are so many."""
    total = 0.0
    for end in range(len(close) - smooth + 1, len(close) + 1):
        begin = max(0, end - n)
        total += place(high[begin:end], low[begin:end], close[end - 1]) if end > 0 else np.nan
    return total / smooth


@njit()
def stochastic_mean_at(high: Array, low: Array, close: Array, n: int, smooth: int) -> float:
    """%D: the mean of the last %K."""
    total = 0.0
    for end in range(len(close) - smooth + 1, len(close) + 1):
        total += stochastic_at(high[:end], low[:end], close[:end], n, smooth) if end > 0 else np.nan
    return total / smooth


@njit()
def aroon_at(high: Array, low: Array, row: Array, n: int) -> float:
    """Sessions from the lowest low to the highest high, of 100 per n; the later of equal ones."""
    top, bottom = len(high) - 1, len(low) - 1
    for k in range(len(high) - 2, -1, -1):
        top = k if high[k] > high[top] * (1.0 + TIE) else top
        bottom = k if low[k] < low[bottom] * (1.0 - TIE) else bottom
    return float(100.0 * (row[top] - row[bottom]) / n)
