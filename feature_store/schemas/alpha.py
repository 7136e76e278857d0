"""Models of future relative returns and their predictions."""

from collections.abc import Sequence

import polars as pl

from feature_store.dataset import Column, Dataset, key, number
from feature_store.schemas.features import HORIZON
from feature_store.schemas.market import SYMBOL

MODEL_FITS = Dataset(
    name="alpha/model_fits",
    key=("model", "horizon_sessions", "term"),
    version=2,
    description="Models in force on the session, and what their out-of-fold scores were worth.",
    columns=(
        key("model", "ridge or lightgbm"),
        HORIZON,
        key("term", "feature, intercept, trees, calibration or residual_variance"),
        Column("fit_session", pl.Date(), "session", "the refit this comes from", nullable=False),
        number(
            "coefficient",
            "log label per standard deviation | simple per log | simple squared",
            "null where the fit had too few rows, and for trees",
        ),
        Column("text", pl.String(), "LightGBM's own format", "of the term `trees`; null elsewhere"),
        Column("n_rows", pl.Int32(), "count", "training rows; held-out ones of calibration", nullable=False),
        Column("last_label", pl.Date(), "session", "latest event_date of a label used"),
    ),
)

EXPECTED_RETURN = ("alpha", "variance")  # what of a prediction is merged
_EXPECTED_RETURN = (
    number("alpha", "simple, over the horizon", "calibrated expected relative return"),
    number("variance", "simple squared, over the horizon", "of the out-of-fold error", above=0),
)

PREDICTIONS = Dataset(
    name="alpha/predictions",
    key=("symbol", "model", "horizon_sessions"),
    version=2,
    description="Prediction of each model in force for each tradable stock and horizon.",
    columns=(
        SYMBOL,
        key("model", "ridge or lightgbm"),
        HORIZON,
        number("score", "log, over the horizon", "predicted industry-relative return"),
        *_EXPECTED_RETURN,
        Column("fit_session", pl.Date(), "session", "refit in force"),
    ),
)


def strategy_dataset(name: str, description: str, columns: Sequence[Column] = (), version: int = 1) -> Dataset:
    """A dataset of a plugin's strategy: one expected relative return a stock and horizon.

    Args:
        name: slice/name; the second part names the strategy where predictions are shown.
        columns: values of its own beside alpha and variance.
    """
    return Dataset(name, ("symbol", "horizon_sessions"), (SYMBOL, HORIZON, *_EXPECTED_RETURN, *columns), description,
                   version=version)  # fmt: skip


COMBINED = Dataset(
    name="alpha/combined",
    key=("symbol",),
    version=2,
    description="One expected relative return a stock: models and horizons merged by inverse variance, neutralized.",
    columns=(
        SYMBOL,
        number("alpha", "simple, over the horizon of the optimization", "after neutralization against the risk model"),
        number("raw_alpha", "simple, over the horizon of the optimization", "before neutralization"),
        number("variance", "simple squared, over the horizon of the optimization", "of the merged error", above=0),
        Column("n_predictions", pl.Int32(), "count", "models and horizons merged", nullable=False, at_least=0),
        Column("in_blackout", pl.Boolean(), "flag", "near an earnings announcement: no alpha; null without a blackout"),
    ),
)
