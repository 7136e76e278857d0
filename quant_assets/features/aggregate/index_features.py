"""Features of a total return index from its own past, for industries and the market alike."""

import numpy as np

from quant_assets.numerics.arrays import Array, Mask
from quant_assets.numerics.rolling import (
    index_over_highest,
    index_over_mean,
    min_observations,
    total_return,
    window_mean,
    window_std,
)
from quant_assets.numerics.units import ANNUAL

YEAR = 252
LOOKBACK_SESSIONS = 2 * YEAR - 1  # the oldest drawdown of the last year needs its own


def index_features(returns: Array, present: Mask, first: int, min_fraction: float) -> dict[str, Array]:
    """Returns, trend, drawdown and volatility by name, (T - first, N) each.

    Args:
        returns: (T, N) one-step log returns.
        present: (T, N), true where there is a row; a missing one is covered by the return of the next.
        first: the first row that is due; exact once `LOOKBACK_SESSIONS` rows lie before it.
        min_fraction: `min_observations_fraction`.
    """
    min_count = {n: min_observations(n, min_fraction) for n in (5, 10, 20, 21, 50, 63, 200, 231, YEAR)}
    before = max(0, first - YEAR + 1)
    drawdown = index_over_highest(returns, present, YEAR, min_count[YEAR], before)
    squares = window_mean(returns * returns, 10, min_count[10], first)
    return {
        "return_1": returns[first:],
        **{f"momentum_{n}": total_return(returns, present, n, min_count[n], 0, first) for n in (5, 10, 21, 63)},
        "momentum_252_21": total_return(returns, present, 231, min_count[231], 21, first),
        **{f"ma_gap_{n}": index_over_mean(returns, present, n, min_count[n], first) for n in (20, 50, 200)},
        "drawdown_252": drawdown[first - before :],
        "drawdown_z_252": against_own_past(drawdown, YEAR, min_count[YEAR], first - before),
        "volatility_10": np.sqrt(squares) * ANNUAL,
        **{f"volatility_{n}": window_std(returns, n, min_count[n], first) * ANNUAL for n in (21, 63, YEAR)},
    }


def against_own_past(x: Array, window: int, min_count: int, first: int) -> Array:
    """`x` less the mean of rows t-window+1 .. t, per their standard deviation, (T - first, N); NaN where they do not
    differ.
    """
    mean, std = window_mean(x, window, min_count, first), window_std(x, window, min_count, first)
    # equal values leave a spread of a few ulps, whose scores would be noise
    score: Array = (x[first:] - mean) / np.where(std > 1e-12 * np.abs(mean), std, np.nan)
    return score
