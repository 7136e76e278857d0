"""How far a stock's returns spread, and in what shape."""

import math

import numpy as np

from quant_assets.features.stock import ranges
from quant_assets.features.stock.bars import Bars, lagged, log, ratio, root
from quant_assets.numerics.arrays import Array
from quant_assets.numerics.units import ANNUAL

NIGHT, DAY = "overnight_log_return", "intraday_log_return"


def volatility(bars: Bars) -> dict[str, Array]:
    """Spread and shape of the one-step returns and ranges, (T - first, N) each."""
    returns = bars.returns
    std = {n: bars.std(returns, n) for n in (5, 10, 21, 63, 126, 252)}
    losses = np.minimum(returns, 0.0) ** 2
    return {
        **{f"volatility_{n}": values * ANNUAL for n, values in std.items()},
        **{f"downside_volatility_{n}": np.sqrt(bars.mean(losses, n)) * ANNUAL for n in (63, 252)},
        **_ranges(bars),
        **{
            f"volatility_ratio_{fast}_{slow}": log(ratio(std[fast], std[slow]))
            for fast, slow in ((5, 21), (21, 63), (63, 252))
        },
        **_persistence(bars),
        **{f"skewness_{n}": bars.skewness(returns, n) for n in (63, 252)},
        **{f"kurtosis_{n}": bars.kurtosis(returns, n) for n in (63, 252)},
        "max_return_21": bars.max(returns, 21),
        "min_return_21": -bars.max(-returns, 21),
    }


def _ranges(bars: Bars) -> dict[str, Array]:
    """From open, high, low and close, and of the two parts of a return."""
    prices = tuple(bars[name] for name in ("open", "high", "low", "close"))
    park, garman, rogers = ranges.parkinson(*prices[1:3]), ranges.garman_klass(*prices), ranges.rogers_satchell(*prices)
    features: dict[str, Array] = {}
    for n in (21, 63):
        satchell, night, day = bars.mean(rogers, n), bars.std(bars[NIGHT], n), bars.std(bars[DAY], n)
        features |= {
            f"range_volatility_{n}": np.sqrt(bars.mean(park, n)) * ANNUAL,
            f"garman_klass_{n}": root(bars.mean(garman, n)) * ANNUAL,
            f"rogers_satchell_{n}": root(satchell) * ANNUAL,
            f"yang_zhang_{n}": root(ranges.yang_zhang(night**2, day**2, satchell, n)) * ANNUAL,
        }
    return features | {"overnight_volatility_63": night * ANNUAL, "intraday_volatility_63": day * ANNUAL}


def _persistence(bars: Bars) -> dict[str, Array]:
    """How volatility itself moves, and how returns follow on one another."""
    returns, size = bars.returns, np.abs(bars.returns)
    before, rank = bars.before(63), bars.before(252)
    fives = bars.before(126)
    squares, neighbours = bars.mean(returns**2, 63), bars.mean(size * lagged(size), 63)
    weekly = bars.std(fives.total(returns, 5), 126) ** 2
    return {
        "volatility_of_volatility_63": bars.std(log(before.std(returns, 21)), 63),
        "volatility_persistence_126": bars.correlation(size, lagged(size), 126),
        "volatility_percentile_252": bars.rank(rank.std(returns, 21), 252),
        # bipower variation does not see single jumps (Barndorff-Nielsen and Shephard 2004)
        "jump_fraction_63": 1.0 - ratio(0.5 * math.pi * neighbours, squares),
        **{f"autocorrelation_{n}": bars.correlation(returns, lagged(returns), n) for n in (63, 252)},
        "variance_ratio_5_126": ratio(weekly, 5.0 * bars.std(returns, 126) ** 2),
    }
