"""Features standardized within the industry, across the session's universe."""

import datetime as dt

import numpy as np
import polars as pl
from numpy.typing import NDArray

from configs.settings import Features
from feature_store.schemas.features import SCORED
from quant_assets.features.panel import Array, Positions

UNKNOWN = "Unknown"


def stock_scores(
    features: pl.DataFrame,
    universe: pl.DataFrame,
    industries: pl.DataFrame,
    session: dt.date,
    settings: Features,
) -> pl.DataFrame:
    """Winsorized features of the tradable universe, standardized within the industry, across symbols.

    Args:
        features: rows of STOCK_FEATURES.
        universe: rows of UNIVERSE; tradable ones are scored.
        industries: rows of INDUSTRIES; a symbol without one is "Unknown".
        session: only its rows are used.
        settings: `winsorize_quantiles`, `min_industry`.

    Returns:
        Rows of STOCK_SCORES, sorted by symbol, one for each tradable security.
    """
    tradable = with_industry(tradable_on(universe, session), industries)
    known = tradable.join(
        features.filter(event_date=session), on=["event_date", "symbol"], how="left", maintain_order="left"
    )
    x = winsorize(known.select(SCORED).to_numpy(), settings.winsorize_quantiles)
    scores = standardize_within(x, known["industry"].to_numpy(), settings.min_industry)
    named = {f"z_{name}": scores[:, i] for i, name in enumerate(SCORED)}
    return known.select("event_date", "symbol", "industry").hstack(pl.DataFrame(named, nan_to_null=True))


def tradable_on(universe: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """event_date and symbol of the session's tradable securities, sorted by symbol."""
    chosen = universe.filter(pl.col("event_date") == session, pl.col("tradable"))
    return chosen.select("event_date", "symbol").sort("symbol")


def with_industry(frame: pl.DataFrame, industries: pl.DataFrame) -> pl.DataFrame:
    """`frame` with the industry that was in force on each row's event_date, "Unknown" where there was none."""
    published = industries.select("event_date", "symbol", "industry")
    joined = frame.join(published, on=["event_date", "symbol"], how="left", maintain_order="left")
    return joined.with_columns(pl.col("industry").fill_null(UNKNOWN))


def winsorize(x: Array, quantiles: tuple[float, float]) -> Array:
    """(N, F) `x` with values beyond the two quantiles of their column moved there; NaN stays.

    Quantiles interpolate linearly between the observed values, as NumPy's do.
    """
    if not len(x):
        return x
    ascending = np.sort(x, axis=0)  # NaN last
    last = np.maximum(np.count_nonzero(~np.isnan(x), axis=0) - 1, 0)
    low, high = (_at(ascending, last * q) for q in quantiles)
    return np.clip(x, low, high)


def _at(ascending: Array, position: Array) -> Array:
    """(F,) value of each column between the rows around its position."""
    below = np.floor(position).astype(np.int64)
    columns = np.arange(ascending.shape[1])
    lower, upper = ascending[below, columns], ascending[np.ceil(position).astype(np.int64), columns]
    value: Array = lower + (upper - lower) * (position - below)
    return value


def standardize_within(x: Array, group: NDArray[np.object_], least: int) -> Array:
    """(N, F) `x` less the mean of its group, per sample deviation of its group; NaN stays.

    A group with fewer than `least` values of a column, or no spread among them, is measured against all rows; where
    those too are fewer or do not differ, NaN.

    Args:
        x: (N, F); rows of one group are added in their order.
        group: (N,) names.
    """
    if not len(x):
        return x
    order = np.argsort(group, kind="stable")
    ordered = x[order]
    starts = np.flatnonzero(np.r_[True, group[order][1:] != group[order][:-1]])
    sizes = np.diff(np.r_[starts, len(x)])
    own_mean, own_deviation = _moments(ordered, starts, sizes, least)
    mean, deviation = _moments(ordered, starts[:1], np.array([len(x)]), least)
    alone = np.isnan(own_deviation)
    centre = np.repeat(np.where(alone, mean, own_mean), sizes, axis=0)
    scale = np.repeat(np.where(alone, deviation, own_deviation), sizes, axis=0)
    scores = np.empty_like(x)
    scores[order] = (ordered - centre) / scale
    return scores


def _moments(x: Array, starts: Positions, sizes: Positions, least: int) -> tuple[Array, Array]:
    """(G, F) mean and sample deviation of each group; both NaN with fewer than `least` values or no spread."""
    seen = ~np.isnan(x)
    n = np.add.reduceat(seen.astype(np.float64), starts, axis=0)
    enough = n >= max(2, least)
    mean = np.add.reduceat(np.where(seen, x, 0.0), starts, axis=0) / np.where(enough, n, np.nan)
    gaps = np.where(seen, x - np.repeat(mean, sizes, axis=0), 0.0)
    deviation = np.sqrt(np.add.reduceat(gaps * gaps, starts, axis=0) / np.maximum(n - 1.0, 1.0))
    # equal values leave a spread of a few ulps, whose scores would be noise
    spread = deviation > 1e-12 * np.abs(mean)
    return np.where(spread, mean, np.nan), np.where(spread, deviation, np.nan)
