"""A feature along time: one stock's value rests on that stock's own past."""

import datetime as dt

import numpy as np
import polars as pl

from my_research.settings import MyResearch
from quant_assets.numerics.panel import panel
from quant_assets.numerics.rolling import window_sum


def path_efficiency(bars: pl.DataFrame, sessions: list[dt.date], first: dt.date, settings: MyResearch) -> pl.DataFrame:
    """Return over the sum of absolute returns, log, of the last `window` sessions (Kaufman's efficiency ratio).

    Args:
        bars: rows of ADJUSTED_BARS.
        sessions: of the bars, ascending.
        first: the first session that is asked for.

    Returns:
        Rows of PATH_EFFICIENCY, one for each bar from `first` on; null with fewer returns than the window.
    """
    paths = panel(bars, sessions)
    returns = paths.dense(bars["log_return"])
    # window_sum adds each window up anew: a sum that slides would remember where the range began
    moved = window_sum(returns, settings.window, settings.window)
    travelled = window_sum(np.abs(returns), settings.window, settings.window)
    efficiency = np.clip(moved / np.where(travelled > 0, travelled, np.nan), -1.0, 1.0)
    rows = bars.select("event_date", "symbol").with_columns(efficiency=paths.flat(efficiency))
    return rows.filter(pl.col("event_date") >= first)
