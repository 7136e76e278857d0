"""Models by horizon: fits on matured labels, their worth out of fold, and what they say of a session."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from configs.settings import Alpha, Features, ModelSettings
from feature_store.schemas.alpha import MODEL_FITS, PREDICTIONS
from quant_assets.alpha.models.protocol import Model, Term
from quant_assets.alpha.models.registry import MODELS
from quant_assets.alpha.training.samples import Sample, calibration, design, samples, score_names
from quant_assets.numerics.arrays import Array

CALIBRATION, RESIDUAL_VARIANCE = "calibration", "residual_variance"
TERM = ("term", "coefficient", "text")

StoredTerm = tuple[str, float | None, str | None, int]  # term, coefficient, text, rows


def model_fits(
    scores: pl.DataFrame, labels: pl.DataFrame, session: dt.date, settings: Alpha, features: Features, seed: int
) -> pl.DataFrame:
    """Every model of every horizon in force from the refit `session` on, and what its scores were worth out of fold.

    All models learn label_log from the labelled rows of the window, each in its own way (`alpha.models`).

    The calibration belongs to the scores of a second fit that has not seen what it is evaluated on: fitted on the first
    sessions of the window (`training.split` purges those whose labels reach into the rest) and evaluated on all rows of
    the rest, the latest `calibration_fraction` of the sessions. The models in force are those of the whole window.

    Args:
        scores: rows of STOCK_SCORES.
        labels: rows of LABELS known at the session, so matured; the others are absent, and rejected if not.
        session: the refit; event_dates of the last `lookback_sessions` up to it are used.
        settings: models, window, and the calibration's fraction and cap.
        features: `horizons`, `scored`.
        seed: of the models' random draws.

    Returns:
        Rows of MODEL_FITS per model and horizon: the model's own terms; `calibration` and
        `residual_variance`, whose `n_rows` are the held-out ones. With fewer than `min_rows` training rows a model is
        null and so is its calibration; with fewer before the held-out part, only the calibration is.

    Raises:
        ValueError: a label that matures after the session.
    """
    rows = [
        (session, model.kind, sample.horizon, term, session, coefficient, text, n_rows, sample.last_label())
        for sample in samples(scores, labels, session, settings, features)
        for model in settings.models
        for term, coefficient, text, n_rows in _terms(model, sample, settings, seed)
    ]
    return pl.DataFrame(rows, schema=MODEL_FITS.computed_schema, orient="row")


def _terms(settings: ModelSettings, sample: Sample, alpha: Alpha, seed: int) -> Iterator[StoredTerm]:
    """Of one model and horizon: the terms of its fit, and what its scores were worth out of fold."""
    model = MODELS[settings.kind]
    fit, early = model.fit(sample, (sample.labelled, sample.first), settings, alpha.min_rows, seed)
    yield from ((name, term.coefficient, term.text, fit.n_rows) for name, term in fit.terms.items())
    held_out = sample.rows(sample.held_out)
    usable = fit.exists and early.exists
    score = model.predict(early.terms, sample.features[held_out], sample.names) if usable else None
    yield from _worth(score, sample.simple[held_out], alpha)


def _worth(out_of_fold: Array | None, simple: Array, settings: Alpha) -> Iterator[StoredTerm]:
    """The calibration's terms; null without scores."""
    worth = (None, None) if out_of_fold is None else calibration(out_of_fold, simple, settings.calibration_cap)
    for term, value in zip((CALIBRATION, RESIDUAL_VARIANCE), worth, strict=True):
        yield term, value, None, len(simple)


def predictions(scores: pl.DataFrame, fits: pl.DataFrame, session: dt.date, features: Features) -> pl.DataFrame:
    """Scores of the session under every model in force, and what they are worth.

    Args:
        scores: rows of STOCK_SCORES.
        fits: rows of MODEL_FITS in force on the session; without any, nothing is predicted.
        session: the partition.
        features: `scored`.

    Returns:
        Rows of PREDICTIONS, one a stock, model and horizon, sorted by them. A null score enters as it did in the fit; a
        stock without any score is not predicted (null), nor is any stock while a model is null (for alpha and variance:
        its calibration). The variance is one number for all stocks of a model and horizon.
    """
    today = scores.filter(event_date=session).sort("symbol")
    names = score_names(features)
    x = design(today, names)
    in_force = fits.filter(event_date=session).partition_by("model", "horizon_sessions", as_dict=True)
    columns = list(PREDICTIONS.computed_schema)
    found = [
        _predicted(MODELS[model], today, x, names, terms)
        .with_columns(model=pl.lit(model, pl.String), horizon_sessions=pl.lit(horizon, pl.Int32))
        .select(columns)
        for (model, horizon), terms in in_force.items()
    ]
    nothing = PREDICTIONS.empty().select(columns)
    return pl.concat([nothing, *found]).sort("symbol", "model", "horizon_sessions")


def _predicted(
    model: type[Model[Any]], today: pl.DataFrame, x: Array, names: tuple[str, ...], rows: pl.DataFrame
) -> pl.DataFrame:
    """event_date, symbol and what one model predicts over one horizon."""
    terms = {name: Term(coefficient, text) for name, coefficient, text in rows.select(*TERM).iter_rows()}
    score = np.where(np.isnan(x).all(axis=1), np.nan, model.predict(terms, x, names))
    slope, square = (_nan(terms[term].coefficient) for term in (CALIBRATION, RESIDUAL_VARIANCE))
    # labels that never differ leave no error, and no variance that anything could be weighed by
    variance = np.where(np.isnan(score), np.nan, square if square > 0 else np.nan)
    values = {"score": score, "alpha": slope * score, "variance": variance}
    return today.select("event_date", "symbol").with_columns(
        *(pl.Series(name, value, nan_to_null=True) for name, value in values.items()),
        fit_session=pl.lit(rows["fit_session"].max(), pl.Date),
    )


def _nan(value: float | None) -> float:
    return float("nan") if value is None else value
