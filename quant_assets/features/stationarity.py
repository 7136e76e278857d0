"""A feature against its own trailing values, for models that take its level for the same thing at all times."""

import datetime as dt

import numpy as np
import polars as pl

from configs.settings import Features, Stationary
from feature_store.schemas.features import STATIONARY_FEATURES
from feature_store.schemas.stock_features import FEATURES
from quant_assets.numerics.arrays import Array
from quant_assets.numerics.compiled import njit
from quant_assets.numerics.panel import panel
from quant_assets.numerics.rolling import min_observations, window_mean, window_rank, window_std

NO_SPREAD = 1e-12  # of the mean: equal values leave a spread of a few ulps, whose scores would be noise


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


def read_of(settings: Features) -> tuple[str, ...]:
    """The features that are made stationary, and those that they are neutralized against.

    Raises:
        ValueError: a name that no feature has, or a feature that is neutralized against itself.
    """
    names, every = named(settings), tuple(feature.name for feature in FEATURES)
    for name, of in settings.stationary.items():
        if unknown := {*of.against} - {*every}:
            raise ValueError(f"features.stationary.{name}.against names {sorted(unknown)}; choose among {every}")
        if name in of.against:
            raise ValueError(f"features.stationary.{name}.against names {name} itself; leave it out")
    return tuple(dict.fromkeys((*names, *(other for of in settings.stationary.values() for other in of.against))))


def reach(settings: Features) -> int:
    """Sessions that the longest window looks back on, the session itself included."""
    return max((of.sessions for of in settings.stationary.values()), default=0) + 1


def stationary_features(
    features: pl.DataFrame, sessions: list[dt.date], first: dt.date, settings: Features
) -> pl.DataFrame:
    """The features that `settings.stationary` names, each by its own method, along time.

    Args:
        features: rows of STOCK_FEATURES, with the columns that `read_of` says at least.
        sessions: the window, ascending; a value is exact once `reach` of them have passed.
        first: the first session that is due.
        settings: `stationary`, `min_observations_fraction`.

    Returns:
        Rows of STATIONARY_FEATURES, one for each of `features` from `first` on; none where no feature is named. Null
        where the feature is, and with fewer than `min_observations_fraction` of its window.
    """
    columns = STATIONARY_FEATURES.computed_schema
    if not settings.stationary:
        return pl.DataFrame(schema=columns)
    where, is_due = panel(features, sessions), features["event_date"] >= first
    dense = {name: where.dense(features[name]) for name in read_of(settings)}
    begin = sessions.index(first) if first in sessions else 0
    made = [
        where.flat(_made([dense[each] for each in (name, *of.against)], of, settings.min_observations_fraction, begin))
        .alias(name)
        for name, of in settings.stationary.items()
    ]  # fmt: skip
    kept = features.select("event_date", "symbol").with_columns(made)
    rest = [pl.lit(None, dtype).alias(name) for name, dtype in columns.items() if name not in kept.columns]
    return kept.with_columns(rest).select(*columns).filter(is_due)


def stationary(x: Array, of: Stationary, min_fraction: float) -> Array:
    """(T, N) `x` against rows t-n+1 .. t, where n is the number of sessions.

    difference: less the value of n sessions before. normalize: less the window's mean, per its standard deviation.
    rank: fraction of the window's values that are not above it.
    """
    n, min_count = of.sessions, min_observations(of.sessions, min_fraction)
    if of.method == "difference":
        before: Array = np.vstack([np.full((min(n, len(x)), x.shape[1]), np.nan), x[:-n]])
        return x - before
    if of.method == "rank":
        return window_rank(x, n, min_count)
    mean, std = window_mean(x, n, min_count), window_std(x, n, min_count)
    score: Array = (x - mean) / np.where(std > NO_SPREAD * np.abs(mean), std, np.nan)
    return score


def neutralized(x: Array, of: Stationary, min_fraction: float, first: int = 0) -> Array:
    """(T, N) the first of (F, T, N) features of each column, without the trends that it shares with the others.

    Mean, standard deviation and the principal components of the features' correlations are those of rows t-n .. t-1,
    which are over when t is looked at; row t, in standard deviations, is then taken without its part along the first
    `components` of them. A row counts where all features are known; NaN where row t is not, or one of the features does
    not vary.

    Args:
        first: rows before it are left NaN.
    """
    if of.components >= len(x):
        raise ValueError(f"{of.components} components of {len(x)} features leave nothing")
    # no fewer than features and one more, or the components fit them exactly
    min_count = max(min_observations(of.sessions, min_fraction), len(x) + 1)
    residual: Array = _neutralized(np.ascontiguousarray(x), of.sessions, min_count, of.components, first)
    return residual


def _made(group: list[Array], of: Stationary, min_fraction: float, first: int) -> Array:
    if of.method == "neutralize":
        return neutralized(np.stack(group), of, min_fraction, first)
    return stationary(group[0], of, min_fraction)


@njit()
def _neutralized(x: Array, window: int, min_count: int, components: int, first: int) -> Array:
    n_features, n_rows, n_columns = x.shape
    out = np.full((n_rows, n_columns), np.nan)
    past, today = np.empty((n_features, window)), np.empty(n_features)
    for i in range(n_columns):
        known = np.ones(n_rows, dtype=np.bool_)
        for f in range(n_features):
            known &= ~np.isnan(x[f, :, i])
        for t in range(first, n_rows):
            n = 0
            for s in range(max(0, t - window), t):
                if known[s]:
                    past[:, n] = x[:, s, i]
                    n += 1
            if n < min_count or not known[t]:
                continue
            varies = True
            for f in range(n_features):
                mean, squares = past[f, :n].sum() / n, 0.0
                for k in range(n):
                    past[f, k] -= mean
                    squares += past[f, k] * past[f, k]
                std = np.sqrt(squares / (n - 1))
                varies = varies and std > NO_SPREAD * abs(mean)
                if varies:
                    past[f, :n] /= std
                    today[f] = (x[f, t, i] - mean) / std
            if varies:
                out[t, i] = _left_of(past[:, :n], today, components)
    return out


@njit()
def _left_of(past: Array, today: Array, components: int) -> float:
    """The first of today's values, without their part along the first principal components of past ones."""
    n_features, n = past.shape
    together = np.zeros((n_features, n_features))
    for f in range(n_features):
        for g in range(f + 1):
            for k in range(n):
                together[f, g] += past[f, k] * past[g, k]
            together[f, g] /= n - 1
            together[g, f] = together[f, g]
    axes = np.linalg.eigh(together)[1]  # ascending
    left: float = today[0]
    for k in range(n_features - components, n_features):
        along = 0.0
        for f in range(n_features):
            along += axes[f, k] * today[f]
        left -= along * axes[0, k]
    return left
