"""Scores and matured labels with a planted signal."""

from collections.abc import Callable

import numpy as np
import polars as pl

from configs.settings import Alpha, Features, LightGbmSettings, RidgeSettings
from feature_store.schemas.features import LABELS, STOCK_SCORES
from quant_assets.alpha.training.samples import score_names
from tests.oracles.panels import sessions, stored

RIDGE = RidgeSettings(penalty=10.0)
LIGHTGBM = LightGbmSettings(trees=20, tree_leaves=6, learning_rate=0.1, min_leaf_rows=20, session_stride=2)
KINDS = ("ridge", "lightgbm")
ALPHA = Alpha(
    lookback_sessions=100,
    min_rows=50,
    models=(RIDGE, LIGHTGBM),
    calibration_fraction=0.3,
)
HORIZONS = Features(horizons=(5, 10))
FEATURES = score_names(HORIZONS)
DAYS = sessions(60)
SESSION = DAYS[-1]

Signal = Callable[[np.ndarray], np.ndarray]


def linear(strength: float) -> Signal:
    """The first feature, null as 0."""
    return lambda z: strength * np.nan_to_num(z[:, 0])


LINEAR = linear(0.02)


def market(
    seed: int,
    signal: Signal = LINEAR,
    n_symbols: int = 8,
    slope: float = 1.0,
    nulls: float = 0.1,
    noise: float = 0.05,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Scores of every session, and the labels of 5 and 10 sessions that have matured by the last.

    Labels follow the signal of the features; those of 10 sessions twice as strongly, with the noise that goes with it.
    The simple label is `slope` times the log one.
    """
    rng = np.random.default_rng(seed)
    names = [f"S{i:02d}" for i in range(n_symbols)]
    n = len(DAYS) * n_symbols
    frame = pl.DataFrame([(day, name) for day in DAYS for name in names], schema=["event_date", "symbol"], orient="row")
    z = np.where(rng.random((n, len(FEATURES))) < nulls, np.nan, rng.normal(size=(n, len(FEATURES))))
    kinds = stored(STOCK_SCORES)
    blank = [pl.lit(None, kinds[name]).alias(name) for name in STOCK_SCORES.values[1:]]
    scores = frame.with_columns(pl.lit("x").alias("industry"), *blank).with_columns(
        *(pl.Series(f, z[:, i], nan_to_null=True) for i, f in enumerate(FEATURES))
    )
    labels = [_labels(frame, horizon, signal(z), slope, nulls, noise, rng) for horizon in HORIZONS.horizons]
    both = pl.concat(labels).sort("event_date", "symbol", "horizon_sessions")
    labels = both.select("event_date", *LABELS.key, "label_log", "label_simple")
    return scores.select(stored(STOCK_SCORES).keys()), labels


def _labels(
    frame: pl.DataFrame,
    horizon: int,
    signal: np.ndarray,
    slope: float,
    nulls: float,
    noise: float,
    rng: np.random.Generator,
) -> pl.DataFrame:
    periods = horizon / 5
    log = periods * signal + rng.normal(0, noise * np.sqrt(periods), len(frame))
    known = pl.Series(rng.random(len(frame)) >= nulls / 2)
    return frame.with_columns(
        horizon_sessions=pl.lit(horizon, pl.Int32),
        label_log=pl.when(known).then(pl.Series(log)),
        label_simple=pl.when(known).then(pl.Series(slope * log)),
    ).filter(pl.col("event_date") <= DAYS[-1 - horizon])


def coefficients(fits: pl.DataFrame, model: str, horizon: int = 5) -> dict[str, float | None]:
    return dict(fits.filter(model=model, horizon_sessions=horizon).select("term", "coefficient").iter_rows())
