"""Ridge and its calibration on copied rows, with scikit-learn."""

import numpy as np
import polars as pl
from sklearn.linear_model import Ridge

from configs.settings import Alpha
from feature_store import sessions as calendar
from quant_assets.alpha.ridge import FEATURES


def fit(scores: pl.DataFrame, labels: pl.DataFrame, settings: Alpha) -> tuple[list[float], float]:
    """Coefficients with the intercept last, and the calibration."""
    rows = labels.join(scores, on=["event_date", "symbol"]).drop_nulls("label_log")
    days = sorted(rows["event_date"].unique())
    held = days[-max(1, round(settings.calibration_share * len(days))) :]
    train = [day for day in days if day < held[0] and calendar.shift(day, settings.horizon_sessions) <= held[0]]
    early, late = rows.filter(pl.col("event_date").is_in(train)), rows.filter(pl.col("event_date").is_in(held))
    score = _model(early, settings).predict(_x(late))
    simple = late["label_simple"].to_numpy()
    slope = float(np.clip((score * simple).sum() / (score**2).sum(), 0, settings.calibration_cap))
    model = _model(rows, settings)
    return [*model.coef_.tolist(), float(model.intercept_)], slope


def _model(rows: pl.DataFrame, settings: Alpha) -> Ridge:
    # scikit-learn centres the features, and so leaves the intercept unpenalized as well
    return Ridge(alpha=settings.ridge_penalty).fit(_x(rows), rows["label_log"].to_numpy())


def _x(rows: pl.DataFrame) -> np.ndarray:
    return rows.select(pl.col(FEATURES).fill_null(0.0)).to_numpy()
