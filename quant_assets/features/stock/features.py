"""Features of one stock from its own past."""

import datetime as dt

import numpy as np
import polars as pl

from configs.settings import Features
from feature_store.schemas.feature import Feature
from feature_store.schemas.stock_features import FEATURES
from quant_assets.features.stock.anchored import volume_weighted
from quant_assets.features.stock.bars import Bars
from quant_assets.features.stock.indicators import indicators
from quant_assets.features.stock.liquidity import liquidity
from quant_assets.features.stock.momentum import momentum
from quant_assets.features.stock.seasonality import as_days, seasonality
from quant_assets.features.stock.trend import trend
from quant_assets.features.stock.volatility import volatility
from quant_assets.features.stock.volume import volume
from quant_assets.numerics.arrays import Array, Index
from quant_assets.numerics.panel import panel

LOOKBACK_SESSIONS = max(feature.lookback for feature in FEATURES)
BAR_COLUMNS = tuple(sorted({column for feature in FEATURES for column in feature.sources}))
ROUNDING = 1e-9
BLOCK = 128  # symbols at once: a year of a column of them fits the processor's nearer memory


def stock_features(bars: pl.DataFrame, sessions: list[dt.date], first: dt.date, settings: Features) -> pl.DataFrame:
    """Every feature that FEATURES declares, along time.

    A window counts sessions, not bars. A return after a gap covers the gap, so sums over the bars that exist are total
    returns; with fewer than `min_observations_fraction` of the window observed the feature is null. Total returns and
    index levels do not reach back across a bar without a return (a gap too long): what it earned is not known.

    Prices of different sessions meet as levels of the total return index inside the window, so that neither a split
    nor a dividend is a move; volume-weighted prices and volumes in today's shares, where only splits count.

    Args:
        bars: rows of ADJUSTED_BARS, `BAR_COLUMNS` of them.
        sessions: the window, ascending; a value is exact once `LOOKBACK_SESSIONS` of it have passed, and the same bits
            wherever the window begins.
        first: the first session that is due.
        settings: `min_observations_fraction` and the features' parameters.

    Returns:
        Rows of STOCK_FEATURES, one for each bar from `first` on.
    """
    due = bars.filter(pl.col("event_date") >= first)
    where, rows = panel(bars, sessions), panel(due, [day for day in sessions if day >= first])
    columns = {name: where.dense(bars[name]) for name in BAR_COLUMNS}
    begin = len(sessions) - len(rows.sessions)
    # symbols that end before `first` are left out of `rows`, and so out of its columns
    place = np.searchsorted(where.symbols, rows.symbols).astype(np.int64)
    values = {feature.name: np.empty(len(due)) for feature in FEATURES}
    for at in range(0, len(place), BLOCK):
        block = place[at : at + BLOCK]
        in_block = (rows.column >= at) & (rows.column < at + len(block))
        part = Bars(
            sessions,
            begin,
            np.ascontiguousarray(where.present()[:, block]),
            {name: np.ascontiguousarray(column[:, block]) for name, column in columns.items()},
            settings.min_observations_fraction,
        )
        for name, array in _features(part, settings).items():
            values[name][in_block] = array[rows.row[in_block], rows.column[in_block] - at]
    named = [pl.Series(feature.name, _bounded(values[feature.name], feature), nan_to_null=True) for feature in FEATURES]
    return due.select("event_date", "symbol").with_columns(named)


def _bounded(x: Array, feature: Feature) -> Array:
    """`x` with what rounding has put a few digits beyond the feature's bounds on them; what lies further off stays."""
    for bound, side in ((feature.at_least, -1.0), (feature.at_most, 1.0)):
        if bound is not None:
            beyond = side * (x - bound)
            x = np.where((beyond > 0) & (beyond <= ROUNDING * max(1.0, abs(bound))), bound, x)
    return x


def _features(bars: Bars, settings: Features) -> dict[str, Array]:
    """Every feature by name, (T - first, N)."""
    return {
        **momentum(bars),
        **trend(bars),
        **volatility(bars),
        **volume(bars),
        **liquidity(bars, settings),
        **seasonality(bars, settings.turn_of_month),
        **indicators(bars.chain, bars.first, bars.min_count, settings.bollinger_standard_deviations),
        **volume_weighted(bars.chain, bars.first, bars.min_count, _year_begin(bars), settings.avwap_slope_sessions),
    }


def _year_begin(bars: Bars) -> Index:
    """First row of each row's calendar year."""
    years = as_days(bars.sessions).astype("datetime64[Y]")
    return np.searchsorted(years, years).astype(np.int64)
