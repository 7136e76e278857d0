"""Models of future relative returns, and what they say."""

import polars as pl

from feature_store.dataset import Column, Dataset, key, number
from feature_store.schemas.market import SYMBOL

MODEL_FITS = Dataset(
    name="alpha/model_fits",
    key=("model", "term"),
    description="Coefficients in force on the session; the term `calibration` maps the score to a simple return.",
    columns=(
        key("model", "name"),
        key("term", "feature, intercept or calibration"),
        Column("fit_session", pl.Date(), "session", "the refit these coefficients come from", nullable=False),
        number("coefficient", "log label per deviation | simple per log", "null where the fit had too few rows"),
        Column("n_rows", pl.Int32(), "count", "training rows", nullable=False),
        Column("last_label", pl.Date(), "session", "latest event_date of a label used"),
    ),
)

PREDICTIONS = Dataset(
    name="alpha/predictions",
    key=("symbol",),
    description="What the model in force says of each tradable stock.",
    columns=(
        SYMBOL,
        number("score", "log, over the horizon", "predicted industry-relative return"),
        number("alpha", "simple, over the horizon", "calibrated expected relative return"),
        Column("fit_session", pl.Date(), "session", "refit in force"),
    ),
)
