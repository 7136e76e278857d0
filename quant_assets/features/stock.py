"""Features of one stock from its own past."""

import datetime as dt
import math

import numpy as np
import polars as pl

from configs.settings import Features
from quant_assets.features.panel import Array, panel
from quant_assets.features.rolling import (
    Flags,
    index_over_highest,
    index_over_mean,
    least_of,
    total_return,
    window_deviation,
    window_max,
    window_mean,
    window_skewness,
    window_sum,
)

SESSIONS_PER_YEAR = 252
ANNUAL = math.sqrt(SESSIONS_PER_YEAR)
LOOKBACK_SESSIONS = 252  # the longest window, the session itself included
BAR_COLUMNS = (
    "log_return",
    "overnight_log_return",
    "intraday_log_return",
    "high",
    "low",
    "dollar_volume_usd",
)


def stock_features(bars: pl.DataFrame, sessions: list[dt.date], settings: Features) -> pl.DataFrame:
    """Momentum, reversal, trend, volatility and liquidity of each stock, along time.

    A window counts sessions, not bars. A return after a gap covers the gap, so sums over the bars that exist are total
    returns; with fewer than `min_observations_share` of the window observed the feature is null. Total returns and
    index levels do not reach back across a bar without a return (a gap too long): what it earned is not known.

    Args:
        bars: rows of ADJUSTED_BARS, `BAR_COLUMNS` of them.
        sessions: the window, ascending; a value is exact once `LOOKBACK_SESSIONS` of it have passed, and the same bits
            wherever the window begins.
        settings: `min_observations_share`.

    Returns:
        Rows of STOCK_FEATURES, one for each bar.
    """
    where = panel(bars, sessions)
    dense = {name: where.dense(bars[name]) for name in BAR_COLUMNS}
    share = settings.min_observations_share
    features = {
        **_returns(dense, where.present(), share),
        **_trends(dense["log_return"], where.present(), share),
        **_volatilities(dense, share),
        **_liquidity(dense["log_return"], dense["dollar_volume_usd"], share),
    }
    return bars.select("event_date", "symbol").with_columns(
        where.flat(values).alias(name) for name, values in features.items()
    )


def _returns(bars: dict[str, Array], present: Flags, share: float) -> dict[str, Array]:
    """Reversal and momentum, (T, N) each."""

    def total(returns: Array, window: int, lag: int = 0) -> Array:
        return total_return(returns, present, window, least_of(window, share), lag)

    returns = bars["log_return"]
    return {
        "return_1": returns,
        "reversal_5": -total(returns, 5),
        "reversal_21": -total(returns, 21),
        "momentum_63": total(returns, 63),
        # close of t-126 to close of t-21: the returns of t-125 .. t-21
        "momentum_126_21": total(returns, 105, 21),
        "momentum_252_21": total(returns, 231, 21),
        "overnight_63": total(bars["overnight_log_return"], 63),
        "intraday_63": window_sum(bars["intraday_log_return"], 63, least_of(63, share)),
    }


def _trends(returns: Array, present: Flags, share: float) -> dict[str, Array]:
    """Where the total return index stands in its window, (T, N) each."""
    over_mean = {n: index_over_mean(returns, present, n, least_of(n, share)) for n in (20, 50, 200)}
    return {
        **{f"ma_gap_{n}": gap for n, gap in over_mean.items()},
        "high_gap_252": index_over_highest(returns, present, 252, least_of(252, share)),
        "rsi_14": relative_strength(returns, 14, least_of(14, share)),
    }


def _volatilities(bars: dict[str, Array], share: float) -> dict[str, Array]:
    """Spread and shape of the one-step returns, (T, N) each."""
    returns = bars["log_return"]
    deviation = {n: window_deviation(returns, n, least_of(n, share)) * ANNUAL for n in (21, 63, 252)}
    losses = window_mean(np.minimum(returns, 0.0) ** 2, 63, least_of(63, share))
    return {
        **{f"volatility_{n}": values for n, values in deviation.items()},
        "downside_volatility_63": np.sqrt(losses) * ANNUAL,
        "range_volatility_21": range_volatility(bars["high"], bars["low"], 21, least_of(21, share)) * ANNUAL,
        "skewness_63": window_skewness(returns, 63, least_of(63, share)),
        "max_return_21": window_max(returns, 21, least_of(21, share)),
    }


def _liquidity(returns: Array, dollars: Array, share: float) -> dict[str, Array]:
    """What is traded and what trading moves, (T, N) each."""
    impact = price_impact(returns, dollars)
    mean = {n: window_mean(dollars, n, least_of(n, share)) for n in (5, 21, 63)}
    return {
        "volume_trend_5_63": _log(_ratio(mean[5], mean[63])),
        "volume_volatility_63": _ratio(window_deviation(dollars, 63, least_of(63, share)), mean[63]),
        "amihud_21": window_mean(impact, 21, least_of(21, share)),
        "amihud_252": window_mean(impact, 252, least_of(252, share)),
        "adv_21_usd": mean[21],
        "log_adv_63": _log(mean[63]),
    }


def relative_strength(returns: Array, window: int, least: int) -> Array:
    """(T, N) gains per gains and losses of rows t-window+1 .. t, 0 to 100; NaN where nothing moved.

    Cutler's RSI: plain sums over the window. Wilder's recursive average never forgets where it began.
    """
    gains = window_sum(np.maximum(returns, 0.0), window, least)
    losses = window_sum(np.maximum(-returns, 0.0), window, least)
    return 100.0 * _ratio(gains, gains + losses)


def range_volatility(high: Array, low: Array, window: int, least: int) -> Array:
    """(T, N) volatility per session from the ranges of rows t-window+1 .. t.

    Source: Parkinson (1980), Journal of Business 53(1).
    """
    volatility: Array = np.sqrt(window_mean(np.log(high / low) ** 2, window, least) / (4.0 * math.log(2.0)))
    return volatility


def price_impact(returns: Array, dollars: Array) -> Array:
    """|log return| per million dollars traded.

    Source: Amihud (2002), Journal of Financial Markets 5.
    """
    # Volume is zero on a halt, and Amihud's ratio would call the stock infinitely illiquid.
    return _ratio(np.abs(returns), dollars) * 1e6


def _ratio(x: Array, y: Array) -> Array:
    """x over y; NaN where y is not positive."""
    ratio: Array = x / np.where(y > 0, y, np.nan)
    return ratio


def _log(x: Array) -> Array:
    """NaN where x is not positive."""
    log: Array = np.log(np.where(x > 0, x, np.nan))
    return log
