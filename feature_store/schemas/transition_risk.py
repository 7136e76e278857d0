"""How likely the regime of an industry is to change."""

import polars as pl

from feature_store.dataset import Column, Dataset, key, number

FLIP_MODELS = ("calibration", "lightgbm", "logistic")

FLIP_FITS = Dataset(
    name="regimes/flip_fits",
    key=("model", "term"),
    description="Models of a change of regime in force on the session, and what they were worth out of fold.",
    columns=(
        key("model", "logistic, lightgbm or calibration"),
        key("term", "feature, intercept or trees; slope, intercept, base_rate or brier_skill of the calibration"),
        Column("fit_session", pl.Date(), "session", "the refit this comes from", nullable=False),
        number("coefficient", "log odds per standard deviation", "of features; of the term itself elsewhere"),
        number("mean", "of the feature", "in the fit's window; null elsewhere"),
        number("standard_deviation", "of the feature", "in the fit's window; null elsewhere", at_least=0),
        Column("text", pl.String(), "LightGBM's own format", "of the term `trees`; null elsewhere"),
        Column("n_rows", pl.Int32(), "count", "labelled rows; out of fold of the calibration", nullable=False),
        Column("n_flips", pl.Int32(), "count", "of these that were followed by a change", nullable=False),
    ),
)

TRANSITION_RISK = Dataset(
    name="regimes/transition_risk",
    key=("industry",),
    description="Probability that an industry's confirmed trend or volatility changes within the horizon.",
    columns=(
        key("industry", "name as published by the session"),
        number("p_flip", "probability", "calibrated, of both models; null without a fit", at_least=0, at_most=1),
        number("p_flip_logistic", "probability", "of the logistic regression alone", at_least=0, at_most=1),
        number("p_flip_lightgbm", "probability", "of the boosted trees alone", at_least=0, at_most=1),
        number("base_rate", "probability", "frequency of a change in the fit's window", at_least=0, at_most=1),
        Column("fit_session", pl.Date(), "session", "refit in force"),
    ),
)
