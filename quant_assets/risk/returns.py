"""Returns of given stocks over a window, dense."""

import datetime as dt

import numpy as np
import polars as pl

from quant_assets.numerics.arrays import Array
from quant_assets.numerics.panel import window, window_sessions


def window_returns(bars: pl.DataFrame, symbols: list[str], session: dt.date, length: int) -> Array:
    """(T, N) simple total returns from `log_return` of ADJUSTED_BARS; see `window_values`.

    A return after a gap covers the gap.
    """
    return np.asarray(np.expm1(window_values(bars, "log_return", symbols, session, length)))


def window_values(
    frame: pl.DataFrame, column: str, names: list[str], session: dt.date, length: int, key: str = "symbol"
) -> Array:
    """A column over the last `length` sessions up to and including `session`.

    Args:
        frame: rows by event_date and key, one for each.
        names: keys of the N columns, ascending; rows of others are left out.

    Returns:
        (T, N), NaN where there is no value.
    """
    rows = window(frame, session, length)
    days = window_sessions(session, length)
    # Rows come by date, so there are as many runs as sessions; a search for every row took half of the time.
    runs = rows["event_date"].rle().struct.unnest()
    row = np.repeat(np.searchsorted(np.array(days, dtype="datetime64[D]"), runs["value"].to_numpy()), runs["len"])
    place = rows[key].cast(pl.Enum(names), strict=False).to_physical()  # null where the name is not among them
    requested = place.is_not_null().to_numpy()
    values = np.full((len(days), len(names)), np.nan)
    values[row[requested], place.drop_nulls().to_numpy()] = rows[column].fill_null(np.nan).to_numpy()[requested]
    return values


def observations(x: Array) -> Array:
    """(N,) number of values that are not NaN in each column."""
    count: Array = (~np.isnan(x)).sum(axis=0)
    return count


def centred(x: Array) -> Array:
    """`x` less each column's mean of observed values; 0 where missing."""
    seen = ~np.isnan(x)
    mean = np.where(seen, x, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    return np.where(seen, x - mean, 0.0)


def sample_std(x: Array) -> Array:
    """(N,) sample standard deviation of each column's observed values; NaN with fewer than two."""
    count = observations(x)
    std: Array = np.sqrt((centred(x) ** 2).sum(axis=0) / np.where(count > 1, count - 1, np.nan))
    return std
