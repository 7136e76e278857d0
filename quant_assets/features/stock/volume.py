"""How much is traded, when, and with which moves."""

import numpy as np

from feature_store import sessions as calendar
from quant_assets.features.stock.bars import Bars, log, ratio
from quant_assets.numerics.arrays import Array


def volume(bars: Bars) -> dict[str, Array]:
    """Dollar volume against its past and against returns, (T - first, N) each."""
    dollars, returns = bars["dollar_volume_usd"], bars.returns
    size = log(dollars)
    mean = {n: bars.mean(dollars, n) for n in (5, 21, 63, 252)}
    trend = bars.products(np.broadcast_to(_numbers(bars)[:, None], size.shape), size, 63)
    known = np.where(np.isnan(returns), np.nan, dollars)
    up = np.where(returns > 0, known, np.where(np.isnan(known), np.nan, 0.0))
    middle, half_range = (bars["high"] + bars["low"]) / 2.0, (bars["high"] - bars["low"]) / 2.0
    return {
        "volume_trend_5_63": log(ratio(mean[5], mean[63])),
        "volume_trend_21_252": log(ratio(mean[21], mean[252])),
        "volume_volatility_63": ratio(bars.std(dollars, 63), mean[63]),
        **{f"volume_z_{n}": _z(bars, size, n) for n in (63, 252)},
        "turnover_trend_63": ratio(trend.xy, trend.xx),
        "volume_concentration_21": ratio(bars.max(dollars, 21), bars.sum(dollars, 21)),
        **{f"volume_return_correlation_{n}": bars.correlation(returns, size, n) for n in (21, 63)},
        "volume_move_correlation_63": bars.correlation(np.abs(returns), size, 63),
        **{f"up_volume_fraction_{n}": np.minimum(ratio(bars.sum(up, n), bars.sum(known, n)), 1.0) for n in (21, 63)},
        "vwap_gap_1": bars.now(np.log(bars["close"] / bars["vwap"])),
        "adv_21_usd": mean[21],
        "log_adv_63": log(mean[63]),
        "close_location_21": bars.mean(np.clip(ratio(bars["close"] - middle, half_range), -1.0, 1.0), 21),
    }


def _numbers(bars: Bars) -> Array:
    """(T,) of each session in the exchange's calendar, and so the same wherever the window begins and ends."""
    begin = calendar.index_of(bars.sessions[0])
    return np.arange(begin, begin + len(bars.sessions), dtype=np.float64)


def _z(bars: Bars, x: Array, window: int) -> Array:
    """Less the mean of the window, per its standard deviation; NaN where the values do not differ."""
    mean, std = bars.mean(x, window), bars.std(x, window)
    return (bars.now(x) - mean) / np.where(std > 1e-12 * np.abs(mean), std, np.nan)
