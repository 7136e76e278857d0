"""Costs and price impact of trading, estimated from daily bars."""

import math

import numpy as np

from configs.settings import Features
from quant_assets.features.stock.bars import Bars, lagged, log, ratio
from quant_assets.numerics.arrays import Array
from quant_assets.numerics.units import BASIS_POINT


def price_impact(returns: Array, dollars: Array) -> Array:
    """|log return| per million dollars traded.

    Source: Amihud (2002), Journal of Financial Markets 5.
    """
    # Volume is zero on a halt, and Amihud's ratio would call the stock infinitely illiquid.
    return ratio(np.abs(returns), dollars) * 1e6


def corwin_schultz(high: Array, low: Array, high_before: Array, low_before: Array) -> Array:
    """Proportional spread from the highs and lows of two sessions in a row; at least 0.

    Args:
        high, low: log, per close of the session before; so are `high_before`, `low_before`, its own.

    A session that traded wholly above or below the close before it is moved there: the night is no spread.

    Source: Corwin and Schultz (2012), Journal of Finance 67(2).
    """
    shift = np.maximum(low, 0.0) + np.minimum(high, 0.0)
    high, low = high - shift, low - shift
    beta = (high - low) ** 2 + (high_before - low_before) ** 2
    gamma = (np.maximum(high, high_before) - np.minimum(low, low_before)) ** 2
    k = 3.0 - 2.0 * math.sqrt(2.0)
    alpha = (np.sqrt(2.0 * beta) - np.sqrt(beta)) / k - np.sqrt(gamma / k)
    spread: Array = np.maximum(2.0 * np.tanh(alpha / 2.0), 0.0)  # 2 (e^a - 1) / (e^a + 1)
    return spread


def abdi_ranaldo(middle: Array, middle_before: Array) -> Array:
    """Log spread of two sessions in a row; at least 0.

    Args:
        middle, middle_before: mean of log high and log low, per close of the session before.

    Source: Abdi and Ranaldo (2017), Review of Financial Studies 30(12), corrected over two sessions.
    """
    spread: Array = np.sqrt(np.maximum(4.0 * middle_before * middle, 0.0))
    return spread


def roll(covariance: Array) -> Array:
    """Log spread from the covariance of neighbouring returns; 0 where that is not negative.

    Source: Roll (1984), Journal of Finance 39(4).
    """
    spread: Array = 2.0 * np.sqrt(np.maximum(-covariance, 0.0))
    return spread


def liquidity(bars: Bars, settings: Features) -> dict[str, Array]:
    """Impact, spreads and activity, (T - first, N) each."""
    returns, dollars = bars.returns, bars["dollar_volume_usd"]
    impact = price_impact(returns, dollars)
    amihud = {n: bars.mean(impact, n) for n in (21, 63, 252)}
    moved = np.where(np.isnan(returns), np.nan, np.abs(returns))
    still = np.where(np.isnan(returns), np.nan, moved <= settings.zero_return_bp * BASIS_POINT)
    traded = np.where(np.isnan(returns), np.nan, dollars / 1e6)
    nights, days = (bars.mean(bars[f"{part}_log_return"] ** 2, 63) for part in ("overnight", "intraday"))
    return {
        **{f"amihud_{n}": values for n, values in amihud.items()},
        "amihud_trend_21_252": log(ratio(amihud[21], amihud[252])),
        # least squares through the origin: sum of r sign(r) root d over sum of d
        "price_impact_slope_63": ratio(bars.mean(moved * np.sqrt(traded), 63), bars.mean(traded, 63)),
        **_spreads(bars),
        "zero_return_fraction_63": bars.mean(still, 63),
        "high_low_range_21": bars.mean(np.log(bars["high"] / bars["low"]), 21),
        "overnight_fraction_63": ratio(nights, nights + days),
    }


def _spreads(bars: Bars) -> dict[str, Array]:
    """Of sessions in a row, per close of the first of them."""
    returns = bars.returns
    high, low = (np.log(bars[name] / bars["close"]) for name in ("high", "low"))
    before = lagged(high), lagged(low)
    pairs = corwin_schultz(returns + high, returns + low, *before)
    middles = abdi_ranaldo(returns + (high + low) / 2.0, (before[0] + before[1]) / 2.0)
    return {
        "corwin_schultz_21": bars.mean(pairs, 21),
        "abdi_ranaldo_21": bars.mean(middles, 21),
        "roll_63": roll(bars.products(returns, lagged(returns), 63).xy),
    }
