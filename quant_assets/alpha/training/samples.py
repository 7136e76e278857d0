"""What models are fitted and evaluated on: scores once, labels by horizon, and which sessions are held out."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from configs.settings import Alpha, Features
from feature_store import sessions as calendar
from quant_assets.features.scores import scored
from quant_assets.numerics.arrays import Array, Index, Mask
from quant_assets.numerics.compiled import njit
from quant_assets.numerics.panel import window
from quant_assets.numerics.purged_splits import WalkForward


@dataclass(frozen=True)
class Sample:
    """Scores of a window with the labels of one horizon.

    Attributes:
        horizon: sessions.
        sessions: the S event_dates with a score, ascending.
        edges: (S + 1,) rows of sessions[s] are edges[s] up to edges[s + 1], by symbol.
        names: P columns of STOCK_SCORES.
        features: (n, P) scores, C-contiguous, NaN where null; the same array for all horizons.
        log, simple: (n,) labels, NaN where there is none.
        labelled: (S,) true where a row has a label.
        first, held_out: (S,) the sessions that train for the calibration, and those that it is evaluated on.
    """

    horizon: int
    sessions: list[dt.date]
    edges: Index
    names: tuple[str, ...]
    features: Array
    log: Array
    simple: Array
    labelled: Mask
    first: Mask
    held_out: Mask

    def rows(self, selected: Mask) -> Index:
        """Indices of the labelled rows of the chosen sessions, ascending."""
        return np.flatnonzero(np.repeat(selected, np.diff(self.edges)) & ~np.isnan(self.log))

    def last_label(self) -> dt.date | None:
        """Latest event_date of a label."""
        return self.sessions[np.flatnonzero(self.labelled)[-1]] if self.labelled.any() else None


def samples(
    scores: pl.DataFrame, labels: pl.DataFrame, session: dt.date, settings: Alpha, features: Features
) -> Iterator[Sample]:
    """One sample a horizon, in the order of `features.horizons`, of the last `lookback_sessions` up to the session.

    Rows without any score are left out, and those without a label train nothing.

    Raises:
        ValueError: a label of one of the horizons that matures after the session.
    """
    names = score_names(features)
    any_score = pl.any_horizontal(pl.col(names).is_not_null())
    known = window(scores, session, settings.lookback_sessions).filter(any_score).sort("event_date", "symbol")
    x = design(known, names)
    keys = known.select("event_date", "symbol")
    days = keys["event_date"].unique().sort()
    starts = np.searchsorted(keys["event_date"].to_physical().to_numpy(), days.to_physical().to_numpy())
    edges = np.append(starts, len(keys)).astype(np.int64)
    day = np.repeat(np.arange(len(days)), np.diff(edges))
    recent = window(labels, session, settings.lookback_sessions).drop_nulls(["label_log", "label_simple"])
    for horizon in features.horizons:
        matured = recent.filter(pl.col("horizon_sessions") == horizon)
        _require_matured(matured, session, horizon)
        aligned = keys.join(matured, on=["event_date", "symbol"], how="left", maintain_order="left")
        log, simple = (np.array(aligned[name].to_numpy()) for name in ("label_log", "label_simple"))
        labelled = np.isin(np.arange(len(days)), day[~np.isnan(log)])
        first, held_out = _parts(days.to_list(), labelled, settings.calibration_fraction, horizon)
        yield Sample(horizon, days.to_list(), edges, names, x, log, simple, labelled, first, held_out)


def score_names(features: Features) -> tuple[str, ...]:
    """Columns of STOCK_SCORES that the models learn from: of the features that are scored."""
    return tuple(f"z_{name}" for name in scored(features))


def design(scores: pl.DataFrame, names: Sequence[str]) -> Array:
    """(n, P) scores, C-contiguous, NaN where null."""
    return np.array(scores.select(names).to_numpy(order="c"), dtype=np.float64, copy=None)


def _parts(days: list[dt.date], labelled: Mask, holdout_fraction: float, horizon: int) -> tuple[Mask, Mask]:
    """`split` of the labelled days, as masks over all days."""
    first, held_out = np.zeros_like(labelled), np.zeros_like(labelled)
    at = np.flatnonzero(labelled)
    first[at], held_out[at] = split([days[i] for i in at], holdout_fraction, horizon)
    return first, held_out


def split(event_dates: list[dt.date], holdout_fraction: float, horizon: int) -> tuple[Mask, Mask]:
    """Which sessions train and which are held out: the latest `holdout_fraction`, at least one, and what its labels do
    not touch.

    A training session t is kept only if its label's interval [t+1, t+horizon] ends by the first held-out session, whose
    own labels begin on the session after; so the two are at least `horizon` sessions apart. So does a model in force
    stand to its first prediction: fitted on labels that have matured by the refit, used from that session on.

    Args:
        event_dates: ascending.
        holdout_fraction: of the sessions.
        horizon: sessions of the exchange.
    """
    first, held_out = np.zeros(len(event_dates), dtype=np.bool_), np.zeros(len(event_dates), dtype=np.bool_)
    if len(event_dates) > 1:
        split_by_time = WalkForward(min(len(event_dates) - 1, max(1, round(holdout_fraction * len(event_dates)))))
        (parts,) = split_by_time.split(event_dates, [calendar.shift(day, horizon) for day in event_dates])
        first[parts[0]], held_out[parts[1]] = True, True
    return first, held_out


def calibration(score: Array, simple: Array, cap: float) -> tuple[float | None, float | None]:
    """Slope of the simple label on the out-of-fold score, and the mean square of what it leaves.

    The slope goes through the origin and is held between 0 (a score that points the wrong way is worth nothing) and
    `cap`. The mean square is of the label less slope times score: the variance of the error over the horizon.

    Returns:
        None, None without rows or where every score is 0.
    """
    slope, variance = _calibration(score, simple, cap)
    return (None, None) if np.isnan(slope) else (slope, variance)


@njit()
def _calibration(score: Array, simple: Array, cap: float) -> tuple[float, float]:
    """In row order; NaN where the slope is not defined."""
    squares, products, errors = 0.0, 0.0, 0.0
    for i in range(len(score)):
        squares += score[i] * score[i]
        products += score[i] * simple[i]
    if not squares > 0:
        return np.nan, np.nan
    slope = min(max(products / squares, 0.0), cap)
    for i in range(len(score)):
        error = simple[i] - slope * score[i]
        errors += error * error
    return slope, errors / len(score)


def _require_matured(labels: pl.DataFrame, session: dt.date, horizon: int) -> None:
    unripe = labels.filter(pl.col("event_date") > calendar.shift(session, -horizon))
    if len(unripe):
        raise ValueError(
            f"a label of {unripe['event_date'][0]} over {horizon} sessions has not matured by {session}; "
            f"pass labels as known at {session}"
        )
