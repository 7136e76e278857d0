"""What a stock returned, and how steadily."""

import math

import numpy as np

from quant_assets.features.stock.bars import Bars, ratio
from quant_assets.numerics.arrays import Array
from quant_assets.numerics.units import ANNUAL

MONTH = 21
MONTHS = 12


def momentum(bars: Bars) -> dict[str, Array]:
    """Returns over windows, their steadiness, and reversal, (T - first, N) each."""
    returns, total = bars.returns, bars.total
    past = {n: total(returns, n) for n in (5, 10, 15, 21, 42, 63, 126, 252)}
    rises, falls = _signs(returns)
    return {
        "return_1": bars.now(returns),
        **{f"momentum_{n}": past[n] for n in (42, 63, 126, 252)},
        # close of t-126 to close of t-21: the returns of t-125 .. t-21
        "momentum_126_21": total(returns, 105, 21),
        "momentum_252_21": total(returns, 231, 21),
        "momentum_252_126": total(returns, 126, 126),
        "acceleration_21": past[21] - total(returns, 21, 21),
        "acceleration_63": past[63] - total(returns, 63, 63),
        **{f"return_per_risk_{n}": per_risk(bars, n) for n in (63, 252)},
        **{f"up_fraction_{n}": bars.mean(rises, n) for n in (21, 63)},
        "months_up_12": _months_up(bars),
        "discreteness_252": np.sign(past[252]) * (bars.mean(falls, 252) - bars.mean(rises, 252)),
        **{f"overnight_{n}": total(bars["overnight_log_return"], n) for n in (21, 63)},
        **{f"intraday_{n}": bars.sum(bars["intraday_log_return"], n) for n in (21, 63)},
        "rsi_14": relative_strength(bars, 14),
        **{f"reversal_{n}": -past[n] for n in (5, 10, 15, 21)},
        "reversal_5_per_risk": -past[5] / (_spread(bars, 63) * math.sqrt(5.0)),
    }


def per_risk(bars: Bars, window: int) -> Array:
    """Annual mean over standard deviation of the returns; NaN where they do not differ."""
    sharpe: Array = ANNUAL * bars.mean(bars.returns, window) / _spread(bars, window)
    return sharpe


def relative_strength(bars: Bars, window: int) -> Array:
    """Gains per gains and losses, 0 to 100; NaN where nothing moved.

    Cutler's RSI: plain sums over the window, which know nothing of what was before it.
    """
    gains = bars.sum(np.maximum(bars.returns, 0.0), window)
    losses = bars.sum(np.maximum(-bars.returns, 0.0), window)
    return 100.0 * ratio(gains, gains + losses)


def _spread(bars: Bars, window: int) -> Array:
    """Deviation of the returns; NaN where they do not differ."""
    std = bars.std(bars.returns, window)
    # equal values leave a spread of a few ulps
    return np.where(std > 1e-12 * np.abs(bars.mean(bars.returns, window)), std, np.nan)


def _signs(returns: Array) -> tuple[Array, Array]:
    """1 where the return is above 0 and where it is below, else 0; NaN where it is missing."""
    missing = np.isnan(returns)
    return np.where(missing, np.nan, returns > 0), np.where(missing, np.nan, returns < 0)


def _months_up(bars: Bars) -> Array:
    """Share of the last twelve blocks of 21 sessions with a positive return, of those known; NaN with too few."""
    blocks = np.stack([bars.total(bars.returns, MONTH, MONTH * k) for k in range(MONTHS)])
    known = np.count_nonzero(~np.isnan(blocks), axis=0)
    fraction: Array = np.where(
        known >= bars.min_count(MONTHS), np.count_nonzero(blocks > 0, axis=0) / np.maximum(known, 1), np.nan
    )
    return fraction
