"""Features standardized across the session's universe."""

import datetime as dt

import numpy as np
import polars as pl

from configs.settings import Features
from feature_store.schemas.features import SCORED
from quant_assets.features.panel import Array

UNKNOWN = "Unknown"


def stock_scores(
    features: pl.DataFrame,
    universe: pl.DataFrame,
    industries: pl.DataFrame,
    session: dt.date,
    settings: Features,
) -> pl.DataFrame:
    """Winsorized and standardized features of the tradable universe, across symbols.

    Args:
        features: rows of STOCK_FEATURES.
        universe: rows of UNIVERSE; tradable ones are scored.
        industries: rows of INDUSTRIES; a symbol without one is "Unknown".
        session: only its rows are used.
        settings: `winsorize_deviations`, `min_cross_section`.

    Returns:
        Rows of STOCK_SCORES, sorted by symbol, one for each tradable security.
    """
    tradable = with_industry(tradable_on(universe, session), industries)
    known = tradable.join(
        features.filter(event_date=session), on=["event_date", "symbol"], how="left", maintain_order="left"
    )
    return known.select(
        "event_date",
        "symbol",
        "industry",
        *(_standardized(known[name], settings).alias(f"z_{name}") for name in SCORED),
    )


def tradable_on(universe: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """event_date and symbol of the session's tradable securities, sorted by symbol."""
    chosen = universe.filter(pl.col("event_date") == session, pl.col("tradable"))
    return chosen.select("event_date", "symbol").sort("symbol")


def with_industry(frame: pl.DataFrame, industries: pl.DataFrame) -> pl.DataFrame:
    """`frame` with the industry that was in force on each row's event_date, "Unknown" where there was none."""
    published = industries.select("event_date", "symbol", "industry")
    joined = frame.join(published, on=["event_date", "symbol"], how="left", maintain_order="left")
    return joined.with_columns(pl.col("industry").fill_null(UNKNOWN))


def _standardized(feature: pl.Series, settings: Features) -> pl.Series:
    """The scores of one feature; all null with fewer than `min_cross_section` values or no spread."""
    x = feature.fill_null(np.nan).to_numpy()
    seen = ~np.isnan(x)
    scores = np.full(len(x), np.nan)
    if seen.sum() >= settings.min_cross_section:
        scores[seen] = standardize(winsorize(x[seen], settings.winsorize_deviations))
    return pl.Series(scores, nan_to_null=True)


def winsorize(x: Array, deviations: float) -> Array:
    """`x` with values beyond `deviations` sample deviations of the mean moved to that bound, until none lies beyond.

    Once is not enough: a lone outlier among n values is clipped at a bound that it made itself, and would still stand
    sqrt(n) deviations out. Ten passes bound what skewed data cost.
    """
    for _ in range(10):
        centre, reach = x.mean(), deviations * x.std(ddof=1)
        clipped = np.clip(x, centre - reach, centre + reach)
        if np.array_equal(clipped, x):
            break
        x = clipped
    return x


def standardize(x: Array) -> Array:
    """`x` centred and scaled by its sample deviation; NaN where there is no spread."""
    spread = x.std(ddof=1)
    # equal values leave a spread of a few ulps, whose scores would be noise
    if not spread > 1e-12 * np.abs(x).max():
        return np.full_like(x, np.nan)
    scores: Array = (x - x.mean()) / spread
    return scores
