"""A feature against its own trailing values, for models that take its level for the same thing at all times."""

import datetime as dt

import numpy as np
import polars as pl

from configs.settings import Features, Stationary
from feature_store.schemas.features import STATIONARY_FEATURES
from quant_assets.features.panel import Array, panel
from quant_assets.features.rolling import least_of, window_deviation, window_mean, window_rank


def named(settings: Features) -> tuple[str, ...]:
    """The features that are made stationary.

    Raises:
        ValueError: a name that no scored feature has.
    """
    if unknown := {*settings.stationary} - {*STATIONARY_FEATURES.values}:
        raise ValueError(
            f"features.stationary names {sorted(unknown)}; choose among {tuple(STATIONARY_FEATURES.values)}"
        )
    return tuple(settings.stationary)


def reach(settings: Features) -> int:
    """Sessions that the longest window looks back on, the session itself included."""
    return max((of.sessions for of in settings.stationary.values()), default=0) + 1


def stationary_features(
    features: pl.DataFrame, sessions: list[dt.date], first: dt.date, settings: Features
) -> pl.DataFrame:
    """The features that `settings.stationary` names, each by its own method, along time.

    Args:
        features: rows of STOCK_FEATURES, with those features at least.
        sessions: the window, ascending; a value is exact once `reach` of them have passed.
        first: the first session that is wanted.
        settings: `stationary`, `min_observations_share`.

    Returns:
        Rows of STATIONARY_FEATURES, one for each of `features` from `first` on; none where no feature is named. Null
        where the feature is, and with fewer than `min_observations_share` of its window.
    """
    columns = {name: dtype for name, dtype in STATIONARY_FEATURES.schema.items() if name != "known_at"}
    if not settings.stationary:
        return pl.DataFrame(schema=columns)
    where, wanted = panel(features, sessions), features["event_date"] >= first
    made = [
        where.flat(stationary(where.dense(features[name]), of, settings.min_observations_share)).alias(name)
        for name, of in settings.stationary.items()
    ]
    rest = [pl.lit(None, dtype).alias(name) for name, dtype in columns.items() if name not in features.columns]
    return features.with_columns(*made).with_columns(rest).select(*columns).filter(wanted)


def stationary(x: Array, of: Stationary, share: float) -> Array:
    """(T, N) `x` against rows t-n+1 .. t, where n is the number of sessions.

    difference: less the value of n sessions before. normalize: less the window's mean, per its deviation. rank: share
    of the window's values that are not above it.
    """
    n, least = of.sessions, least_of(of.sessions, share)
    if of.method == "difference":
        before: Array = np.vstack([np.full((min(n, len(x)), x.shape[1]), np.nan), x[:-n]])
        return x - before
    if of.method == "rank":
        return window_rank(x, n, least)
    mean, deviation = window_mean(x, n, least), window_deviation(x, n, least)
    # equal values leave a spread of a few ulps, whose scores would be noise
    score: Array = (x - mean) / np.where(deviation > 1e-12 * np.abs(mean), deviation, np.nan)
    return score
