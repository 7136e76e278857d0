"""Where a stock's total return index stands against its own past, and in which state that puts it."""

import numpy as np

from quant_assets.features.stock.bars import Bars, ratio
from quant_assets.features.stock.paths import path_features
from quant_assets.numerics.arrays import Array


def trend(bars: Bars) -> dict[str, Array]:
    """Gaps, crosses, slopes and states, (T - first, N) each."""
    gap = {n: bars.over_mean(n) for n in (10, 20, 50, 100, 200)}
    cross = {(fast, slow): gap[slow] - gap[fast] for fast, slow in ((10, 50), (20, 100), (50, 200))}
    return {
        **{f"ma_gap_{n}": values for n, values in gap.items()},
        **{f"ma_cross_{fast}_{slow}": values for (fast, slow), values in cross.items()},
        "high_gap_252": bars.over_highest(252),
        **{f"efficiency_{n}": efficiency(bars, n) for n in (21, 63)},
        **path_features(bars.chain, bars.first, bars.min_count),
        "above_ma_200": above(gap[200]),
        "ma_50_above_200": above(cross[50, 200]),
        "above_ma_50_fraction_63": bars.mean(above(bars.before(63).over_mean(50)), 63),
    }


def efficiency(bars: Bars, window: int) -> Array:
    """Distance over the length of the way, 0 to 1; NaN where nothing moved.

    Source: Kaufman (1995), Smarter Trading.
    """
    distance = np.abs(bars.total(bars.returns, window))
    way = bars.total(np.abs(bars.returns), window)
    return np.minimum(ratio(distance, way), 1.0)


def above(gap: Array) -> Array:
    """1 where the gap is positive, else 0; NaN where it is not known."""
    return np.where(np.isnan(gap), np.nan, gap > 0)
