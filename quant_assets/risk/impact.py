"""The square-root law of market impact."""

import numpy as np

from quant_assets.numerics.arrays import Array


def impact_rate(trade_usd: Array, adv_usd: Array, volatility_daily: Array, multiplier: float) -> Array:
    """Square-root law: Y σ sqrt(|trade| / ADV), as a fraction of the traded value.

    Args:
        trade_usd: (N,) value traded, either sign.
        adv_usd: (N,) mean daily dollar volume, above 0.
        volatility_daily: (N,) standard deviation of daily simple returns.
        multiplier: Y, about 1.

    Source: Tóth et al. (2011), Physical Review X 1, 021006; Almgren et al. (2005), Risk 18(7), for the 3/2 power of
    the cost in money.
    """
    return np.asarray(multiplier * volatility_daily * np.sqrt(np.abs(trade_usd) / adv_usd))


def impact_majorant(
    nav_usd: float, adv_usd: Array, volatility_daily: Array, multiplier: float, reference_trade: float
) -> tuple[Array, Array]:
    """Linear and quadratic costs (l1, l2) that are nowhere below the square-root law and touch it at one trade.

    A trade of x (fraction of NAV) costs k x^1.5 of NAV with k = Y σ sqrt(NAV / ADV). Since sqrt(x x0) ≤ (x + x0) / 2,
    k x^1.5 ≤ k (sqrt(x0)/2 · x + x² / (2 sqrt(x0))), with equality at x0 and at 0.

    Args:
        reference_trade: x0, the usual trade as a fraction of NAV, above 0.
    """
    k = multiplier * volatility_daily * np.sqrt(nav_usd / adv_usd)
    root = np.sqrt(reference_trade)
    return np.asarray(k * root / 2), np.asarray(k / (2 * root))
