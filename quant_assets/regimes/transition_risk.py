"""The probability that an industry's regime changes: monthly fits, and what they say of a session."""

import datetime as dt
from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl
from scipy.special import expit

from configs.settings import Regimes
from configs.settings.transition_risk import TransitionRisk
from feature_store import sessions as calendar
from feature_store.schemas.transition_risk import FLIP_FITS, TRANSITION_RISK
from quant_assets.numerics.arrays import Array, Mask
from quant_assets.numerics.panel import window_sessions
from quant_assets.regimes.flip_features import HISTORY, NAMES, FlipInputs, flip_panel, flips
from quant_assets.regimes.flip_models import (
    Calibration,
    Logistic,
    calibrated,
    fit_logistic,
    grown_trees,
    logistic_odds,
    out_of_fold,
    probability,
    tree_odds,
)

INTERCEPT, TREES = "intercept", "trees"
STATES_READ = (
    "trend", "volatility", "p_bear", "p_sideways", "p_bull", "p_calm", "p_turbulent", "p_crisis", "contradiction",
)  # fmt: skip
Row = dict[str, object]


def fit_sessions(settings: Regimes) -> int:
    """Sessions that a fit reads: its window, and what its first rows reach back."""
    return settings.transition_risk.lookback_sessions + HISTORY - 1


def flip_fits(inputs: FlipInputs, session: dt.date, settings: Regimes, seed: int) -> pl.DataFrame:
    """Models in force from the refit `session` on, of a change of confirmed trend or volatility within the horizon.

    They learn from every `session_stride`-th session of the window whose outcome had matured by the refit, all
    industries together. Their mean log odds are calibrated on purged combinatorial folds.

    Args:
        inputs: the last `fit_sessions` up to the session are used.
        session: the refit.
        settings: `transition_risk`.
        seed: of LightGBM's own draws, of which it makes none.

    Returns:
        Rows of FLIP_FITS, sorted by model and term. None with fewer than `min_rows` rows or `min_flips` of either
        outcome.
    """
    chosen = settings.transition_risk
    days = window_sessions(session, fit_sessions(settings))
    panel = flip_panel(inputs, days)
    outcome = flips(panel.labels, chosen.horizon_sessions)
    trains = _trains(days, chosen)[:, None] & ~np.isnan(outcome)
    y = outcome[trains] == 1.0
    if len(y) < chosen.min_rows or min(y.sum(), (~y).sum()) < chosen.min_flips:
        return FLIP_FITS.empty().select(list(FLIP_FITS.computed_schema))
    x = panel.features[trains]
    labels = [(days[t], days[t + chosen.horizon_sessions]) for t in np.nonzero(trains)[0]]
    logistic, trees = fit_logistic(x, y, chosen.penalty), grown_trees(x, y, NAMES, chosen, seed)
    worth = calibrated(out_of_fold(x, y, labels, NAMES, chosen, seed), y)
    same = {"event_date": session, "fit_session": session, "n_rows": len(y), "n_flips": int(y.sum())}
    rows = [same | row for row in (*_of_logistic(logistic), *_of_trees(trees), *_of_calibration(worth))]
    return pl.DataFrame(rows, schema=FLIP_FITS.computed_schema).sort("model", "term")


def _trains(days: list[dt.date], settings: TransitionRisk) -> Mask:
    """(T,) the sessions of the window, without those that only its first rows reach back to, by their own numbers."""
    numbers = np.array([calendar.index_of(day) for day in days], dtype=np.int64)
    inside = np.arange(len(days)) >= min(HISTORY - 1, len(days))
    trains: Mask = inside & (numbers % settings.session_stride == 0)
    return trains


def transition_risk(inputs: FlipInputs, fits: pl.DataFrame, session: dt.date, settings: Regimes) -> pl.DataFrame:
    """Probability of a change of each industry's confirmed trend or volatility within the horizon.

    Args:
        inputs: the last HISTORY sessions up to the session are used.
        fits: rows of FLIP_FITS in force on the session.
        session: the partition.
        settings: `transition_risk`.

    Returns:
        Rows of TRANSITION_RISK, sorted by industry, for every industry with states on the session; null without a fit
        or confirmed labels, and `p_flip` also without a calibration.
    """
    panel = flip_panel(inputs, window_sessions(session, HISTORY))
    today = inputs.states.filter(event_date=session).select("event_date", "industry").sort("industry")
    at = np.searchsorted(panel.industries, today["industry"].to_list())
    features, known = panel.features[-1][at], panel.is_known[-1][at]
    values = {name: np.where(known, p, np.nan) for name, p in _predicted(features, fits).items()}
    fitted = fits["fit_session"].max() if fits.height else None
    named = [pl.Series(name, values[name], nan_to_null=True) for name in values]
    rows = today.with_columns(*named, fit_session=pl.lit(fitted, pl.Date))
    return rows.select(list(TRANSITION_RISK.computed_schema))


def _predicted(features: Array, fits: pl.DataFrame) -> dict[str, Array]:
    nothing = np.full(len(features), np.nan)
    names = ("p_flip", "p_flip_logistic", "p_flip_lightgbm", "base_rate")
    if fits.is_empty():
        return dict.fromkeys(names, nothing)
    by_logistic = logistic_odds(_stored_logistic(fits), features)
    by_trees = tree_odds(fits.filter(model="lightgbm").item(0, "text"), features)
    worth = _stored_calibration(fits)
    both = nothing if worth is None else probability(worth, by_logistic, by_trees)
    base = nothing if worth is None else np.full(len(features), worth.base_rate)
    return dict(zip(names, (both, expit(by_logistic), expit(by_trees), base), strict=True))


# -- what is stored ----------------------------------------------------------------------------------------------------


def _of_logistic(model: Logistic) -> Iterator[Row]:
    moments = zip(NAMES, model.coefficients[:-1], model.mean, model.standard_deviation, strict=True)
    for name, coefficient, mean, spread in moments:
        yield {
            "model": "logistic",
            "term": name,
            "coefficient": float(coefficient),
            "mean": float(mean),
            "standard_deviation": float(spread),
        }
    yield {"model": "logistic", "term": INTERCEPT, "coefficient": float(model.coefficients[-1])}


def _of_trees(text: str) -> Iterator[Row]:
    yield {"model": "lightgbm", "term": TREES, "text": text}


def _of_calibration(worth: Calibration | None) -> Iterator[Row]:
    for term in ("slope", INTERCEPT, "base_rate", "brier_skill"):
        value = None if worth is None else float(getattr(worth, term))
        yield {"model": "calibration", "term": term, "coefficient": value}


def _stored_logistic(fits: pl.DataFrame) -> Logistic:
    """The regression of the rows, in the order of NAMES.

    Raises:
        ValueError: its features are not those of the code.
    """
    rows = {row["term"]: row for row in fits.filter(model="logistic").iter_rows(named=True)}
    if set(rows) != {*NAMES, INTERCEPT}:
        raise ValueError(f"the stored regression is of {sorted(rows)}, not of {sorted(NAMES)}; refit regimes/flip_fits")
    mean, spread = (np.array([rows[name][of] for name in NAMES]) for of in ("mean", "standard_deviation"))
    return Logistic(np.array([rows[name]["coefficient"] for name in (*NAMES, INTERCEPT)]), mean, spread)


def _stored_calibration(fits: pl.DataFrame) -> Calibration | None:
    terms: Mapping[str, float | None] = dict(fits.filter(model="calibration").select("term", "coefficient").iter_rows())
    values = [terms[term] for term in ("slope", INTERCEPT, "base_rate", "brier_skill")]
    return None if None in values else Calibration(*(float(value) for value in values if value is not None))
