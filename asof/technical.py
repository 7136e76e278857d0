"""Technical indicators on the bars of one symbol, oldest first, seeded as TA-Lib seeds them.

Whole series, (T,) each; NaN until an indicator has the bars that it is seeded from. Prices without gaps are needed:
leave out sessions without a bar.
"""

from asof.arrays import Array, Numbers, checked
from quant_assets.features.stock import technical

__all__ = [
    "adx",
    "atr",
    "bollinger",
    "cci",
    "directional",
    "ema",
    "macd",
    "mfi",
    "obv",
    "rsi",
    "stochastic",
    "williams_r",
]


def rsi(close: Numbers, n: int = 14) -> Array:
    """Relative strength index, 0 to 100, by Wilder's averages."""
    return technical.rsi(_one(close=close), _window(n=n))


def ema(x: Numbers, n: int = 20) -> Array:
    """Exponential average of span n, seeded with the mean of the first n."""
    return technical.ema(_one(x=x), _window(n=n))


def atr(high: Numbers, low: Numbers, close: Numbers, n: int = 14) -> Array:
    """Average true range by Wilder's average, in the price's unit."""
    return technical.atr(*_bars(high, low, close), _window(n=n))


def macd(close: Numbers, fast: int = 12, slow: int = 26, signal: int = 9) -> tuple[Array, Array, Array]:
    """Line, signal and histogram."""
    if not _window(fast=fast) < _window(slow=slow):
        raise ValueError(f"fast is {fast} and slow {slow}; the fast average is of fewer bars")
    return technical.macd(_one(close=close), fast, slow, _window(signal=signal))


def bollinger(close: Numbers, n: int = 20, width: float = 2.0) -> tuple[Array, Array, Array]:
    """Lower band, middle and upper band: the mean of n bars, and `width` population standard deviations off it."""
    return technical.bollinger(_one(close=close), _window(n=n), width)


def obv(close: Numbers, volume: Numbers) -> Array:
    """On-balance volume, beginning with the first bar's own."""
    prices, volumes = checked(close=(close, "T"), volume=(volume, "T"))
    return technical.obv(prices, volumes)


def directional(high: Numbers, low: Numbers, close: Numbers, n: int = 14) -> tuple[Array, Array]:
    """Wilder's +DI and −DI, 0 to 100."""
    return technical.directional(*_bars(high, low, close), _window(n=n))


def adx(high: Numbers, low: Numbers, close: Numbers, n: int = 14) -> Array:
    """Wilder's average directional index, 0 to 100."""
    return technical.adx(*_bars(high, low, close), _window(n=n))


def mfi(high: Numbers, low: Numbers, close: Numbers, volume: Numbers, n: int = 14) -> Array:
    """Money flow index, 0 to 100."""
    bars = _bars(high, low, close)
    _, volumes = checked(close=(close, "T"), volume=(volume, "T"))
    return technical.mfi(*bars, volumes, _window(n=n))


def cci(high: Numbers, low: Numbers, close: Numbers, n: int = 20) -> Array:
    """Commodity channel index."""
    return technical.cci(*_bars(high, low, close), _window(n=n))


def stochastic(high: Numbers, low: Numbers, close: Numbers, n: int = 14, smooth: int = 3) -> tuple[Array, Array]:
    """Slow %K and %D."""
    return technical.stochastic(*_bars(high, low, close), _window(n=n), _window(smooth=smooth))


def williams_r(high: Numbers, low: Numbers, close: Numbers, n: int = 14) -> Array:
    """−100 at the lowest low of n bars, 0 at their highest high."""
    return technical.williams_r(*_bars(high, low, close), _window(n=n))


def _one(**series: Numbers) -> Array:
    ((name, values),) = series.items()
    return checked(**{name: (values, "T")})[0]


def _bars(high: Numbers, low: Numbers, close: Numbers) -> tuple[Array, Array, Array]:
    highs, lows, closes = checked(high=(high, "T"), low=(low, "T"), close=(close, "T"))
    return highs, lows, closes


def _window(**length: int) -> int:
    ((name, n),) = length.items()
    if not isinstance(n, int) or n < 1:
        raise ValueError(f"{name} is {n!r}, expected a whole number of bars, at least 1")
    return n
