"""Technical indicators on bars, seeded as TA-Lib seeds them.

Whole series of the bars of one symbol, oldest first, NaN until an indicator has the bars that it is seeded from. A
recursive one (RSI, ATR, MACD, ADX, the exponential average) depends on where the bars begin. STOCK_FEATURES takes the
same kernels on each session's own window (`indicators`).
"""

from collections.abc import Callable

import numpy as np

from quant_assets.features.stock.indicators import (
    adx_at,
    atr_at,
    cci_at,
    ema_at,
    macd_at,
    mean_and_std,
    mfi_at,
    place,
    rsi_at,
    stochastic_at,
    stochastic_mean_at,
)
from quant_assets.numerics.arrays import Array


def rsi(close: Array, n: int) -> Array:
    """Relative strength index, 0 to 100, by Wilder's averages, seeded with the mean of the first n changes."""
    return _series(lambda t: rsi_at(close[:t], n), len(close), n)


def ema(x: Array, n: int) -> Array:
    """Exponential average of span n, seeded with the mean of the first n."""
    return _series(lambda t: ema_at(x[:t], n), len(x), n - 1)


def atr(high: Array, low: Array, close: Array, n: int) -> Array:
    """Average true range by Wilder's average, seeded with the mean of the first n true ranges; in the price's unit."""
    return _series(lambda t: atr_at(high[:t], low[:t], close[:t], n), len(close), n)


def macd(close: Array, fast: int = 12, slow: int = 26, signal: int = 9) -> tuple[Array, Array, Array]:
    """Line, signal and histogram: the fast average is seeded on the last `fast` of the first `slow` bars."""
    seeded = slow + signal - 2
    line = _series(lambda t: macd_at(close[:t], fast, slow, signal)[0], len(close), seeded)
    average = _series(lambda t: macd_at(close[:t], fast, slow, signal)[1], len(close), seeded)
    return line, average, line - average


def bollinger(close: Array, n: int = 20, n_stds: float = 2.0) -> tuple[Array, Array, Array]:
    """Lower band, middle and upper band: the mean of n, and so many population standard deviations off it."""
    middle = _series(lambda t: mean_and_std(close[t - n : t])[0], len(close), n - 1)
    half = n_stds * _series(lambda t: mean_and_std(close[t - n : t])[1], len(close), n - 1)
    return middle - half, middle, middle + half


def obv(close: Array, volume: Array) -> Array:
    """On-balance volume, beginning with the first bar's own."""
    total: Array = np.cumsum(np.sign(np.diff(close, prepend=-np.inf)) * volume)
    return total


def directional(high: Array, low: Array, close: Array, n: int) -> tuple[Array, Array]:
    """Wilder's +DI and -DI, 0 to 100."""
    plus = _series(lambda t: adx_at(high[:t], low[:t], close[:t], n)[0], len(close), n)
    minus = _series(lambda t: adx_at(high[:t], low[:t], close[:t], n)[1], len(close), n)
    return plus, minus


def adx(high: Array, low: Array, close: Array, n: int) -> Array:
    """Wilder's average directional index, 0 to 100, seeded with the mean of the first n directional indices."""
    return _series(lambda t: adx_at(high[:t], low[:t], close[:t], n)[2], len(close), 2 * n - 1)


def mfi(high: Array, low: Array, close: Array, volume: Array, n: int) -> Array:
    """Money flow index, 0 to 100: flows on days on which the typical price rose over all that moved it."""
    typical = (high + low + close) / 3.0
    flow = typical * volume
    return _series(lambda t: mfi_at(typical[t - n - 1 : t], flow[t - n - 1 : t], n), len(close), n)


def cci(high: Array, low: Array, close: Array, n: int) -> Array:
    """Commodity channel index: the typical price less its mean, per 0.015 mean absolute deviations."""
    typical = (high + low + close) / 3.0
    return _series(lambda t: cci_at(typical[t - n : t]), len(close), n - 1)


def stochastic(high: Array, low: Array, close: Array, n: int = 14, smooth: int = 3) -> tuple[Array, Array]:
    """Slow %K and %D: the place of the close in the range of n, smoothed once and twice by means."""
    seeded = n + 2 * (smooth - 1) - 1
    k = _series(lambda t: stochastic_at(high[:t], low[:t], close[:t], n, smooth), len(close), seeded)
    d = _series(lambda t: stochastic_mean_at(high[:t], low[:t], close[:t], n, smooth), len(close), seeded)
    return k, d


def williams_r(high: Array, low: Array, close: Array, n: int) -> Array:
    """-100 at the lowest low of n, 0 at their highest high."""
    return _series(lambda t: place(high[t - n : t], low[t - n : t], close[t - 1]) - 100.0, len(close), n - 1)


def _series(value: Callable[[int], float], n_bars: int, seeded: int) -> Array:
    """(T,) the value of the first 1, 2, ... bars; NaN before the bar number `seeded`."""
    return np.array([value(t + 1) if t >= seeded else np.nan for t in range(n_bars)], dtype=np.float64)
