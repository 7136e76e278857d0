"""Features of one stock from its own past."""

import datetime as dt
import math

import numpy as np
import polars as pl
from numba import njit

from configs.settings import Features
from quant_assets.features.panel import Array, panel

SESSIONS_PER_YEAR = 252
LOOKBACK_SESSIONS = 252  # the longest window, the session itself included


def stock_features(bars: pl.DataFrame, sessions: list[dt.date], settings: Features) -> pl.DataFrame:
    """Reversal, momentum, volatility and liquidity of each stock, along time.

    A window counts sessions, not bars. A return after a gap covers the gap, so sums over the bars that exist are total
    returns; with fewer than `min_observations_share` of the window observed the feature is null.

    Args:
        bars: rows of ADJUSTED_BARS.
        sessions: the window, ascending; a value is exact once `LOOKBACK_SESSIONS` of it have passed, and the same bits
            wherever the window begins.
        settings: `min_observations_share`.

    Returns:
        Rows of STOCK_FEATURES, one for each bar.
    """
    where = panel(bars, sessions)
    returns, dollars = where.dense(bars["log_return"]), where.dense(bars["dollar_volume_usd"])
    features = _features(returns, dollars, settings.min_observations_share)
    return bars.select("event_date", "symbol").with_columns(
        where.flat(values).alias(name) for name, values in features.items()
    )


def _features(returns: Array, dollars: Array, share: float) -> dict[str, Array]:
    """Every feature by name, (T, N)."""
    annual = math.sqrt(SESSIONS_PER_YEAR)
    return {
        "return_1": returns,
        "reversal_5": -window_sum(returns, 5, 0, _least(5, share)),
        "reversal_21": -window_sum(returns, 21, 0, _least(21, share)),
        # close of t-252 to close of t-21: the returns of t-251 .. t-21
        "momentum_252_21": window_sum(returns, 231, 21, _least(231, share)),
        "volatility_21": window_deviation(returns, 21, _least(21, share)) * annual,
        "volatility_63": window_deviation(returns, 63, _least(63, share)) * annual,
        "amihud_21": window_mean(_price_impact(returns, dollars), 21, _least(21, share)),
        "adv_21_usd": window_mean(dollars, 21, _least(21, share)),
    }


def _least(window: int, share: float) -> int:
    """Observations that a window needs; the tiny allowance keeps 0.7 * 10 at 7."""
    return max(1, math.ceil(window * share - 1e-9))


def _price_impact(returns: Array, dollars: Array) -> Array:
    """|log return| per million dollars traded (Amihud, 2002, Journal of Financial Markets 5)."""
    # Volume is zero on a halt, and Amihud's ratio would call the stock infinitely illiquid.
    traded = np.where(dollars > 0, dollars, np.nan)
    impact: Array = np.abs(returns) / traded * 1e6
    return impact


def window_count(x: Array, window: int, lag: int = 0) -> Array:
    """(T, N) number of observed values in rows t-lag-window+1 .. t-lag; whole numbers, so differences are exact."""
    so_far = np.vstack([np.zeros((window + lag, x.shape[1])), np.cumsum(~np.isnan(x), axis=0, dtype=np.float64)])
    ends = np.arange(len(x)) + window
    return so_far[ends] - so_far[ends - window]


def window_sum(x: Array, window: int, lag: int, least: int) -> Array:
    """(T, N) sum of the observed values of rows t-lag-window+1 .. t-lag; NaN with fewer than `least`."""
    total = _window_sum(np.where(np.isnan(x), 0.0, x), window, lag)
    return np.where(window_count(x, window, lag) >= least, total, np.nan)


def window_mean(x: Array, window: int, least: int) -> Array:
    """(T, N) mean of the observed values of rows t-window+1 .. t; NaN with fewer than `least`."""
    return window_sum(x, window, 0, least) / np.maximum(window_count(x, window), 1.0)


def window_deviation(x: Array, window: int, least: int) -> Array:
    """(T, N) sample deviation of the observed values of rows t-window+1 .. t; NaN with fewer than max(2, `least`)."""
    least = max(2, least)
    squares = _window_squares(x, window_mean(x, window, least), window)
    deviation: Array = np.sqrt(squares / np.maximum(window_count(x, window) - 1.0, 1.0))
    return deviation


# Each value adds its own window, oldest row first, so it is the same wherever the array begins. The inner loop runs
# across symbols, which the compiler vectorizes without reordering any one symbol's sum.
@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _window_sum(x: Array, window: int, lag: int) -> Array:
    """(T, N) sum of rows t-lag-window+1 .. t-lag, as far as they exist."""
    out = np.zeros_like(x)
    for t in range(lag, len(x)):
        for s in range(max(0, t - lag - window + 1), t - lag + 1):
            for i in range(x.shape[1]):
                out[t, i] += x[s, i]
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _window_squares(x: Array, mean: Array, window: int) -> Array:
    """(T, N) sum of squares about the window's `mean` of rows t-window+1 .. t; NaN where the mean is."""
    out = np.zeros_like(x)
    for t in range(len(x)):
        for s in range(max(0, t - window + 1), t + 1):
            for i in range(x.shape[1]):
                gap = 0.0 if np.isnan(x[s, i]) else x[s, i] - mean[t, i]
                out[t, i] += gap * gap
        for i in range(x.shape[1]):
            if np.isnan(mean[t, i]):
                out[t, i] = np.nan
    return out
