"""Models, splits and merges on copied rows, in loops, by scikit-learn, SciPy and statsmodels."""

import datetime as dt
import itertools

import numpy as np
import polars as pl
from lightgbm import LGBMRegressor
from scipy.stats import spearmanr
from sklearn.linear_model import Ridge
from statsmodels.regression.linear_model import WLS

from configs.settings import Alpha, Features, LightGbmSettings, RidgeSettings
from feature_store import sessions as calendar
from feature_store.schemas.risk import STYLES
from quant_assets.alpha.training.samples import score_names

FEATURES = score_names(Features())


def fit(
    scores: pl.DataFrame, labels: pl.DataFrame, horizon: int, model: str, settings: Alpha
) -> tuple[Ridge | LGBMRegressor, float, float]:
    """The model of one horizon, its calibration and its residual variance."""
    rows = labels.filter(horizon_sessions=horizon).join(scores, on=["event_date", "symbol"])
    rows = rows.drop_nulls("label_log").sort("event_date", "symbol")
    days = sorted(rows["event_date"].unique())
    held = days[-max(1, round(settings.calibration_fraction * len(days))) :]
    train = [day for day in days if day < held[0] and calendar.shift(day, horizon) <= held[0]]
    early, late = rows.filter(pl.col("event_date").is_in(train)), rows.filter(pl.col("event_date").is_in(held))
    (of_kind,) = (one for one in settings.models if one.kind == model)
    model_of = _ridge if model == "ridge" else _trees
    score = model_of(early, of_kind).predict(x(late, model))
    simple = late["label_simple"].to_numpy()
    slope = float(np.clip((score * simple).sum() / (score**2).sum(), 0, settings.calibration_cap))
    return model_of(rows, of_kind), slope, float(((simple - slope * score) ** 2).mean())


def x(rows: pl.DataFrame, model: str) -> np.ndarray:
    values = rows.select(FEATURES).to_numpy()
    return np.nan_to_num(values) if model == "ridge" else values


def _ridge(rows: pl.DataFrame, settings: RidgeSettings) -> Ridge:
    # scikit-learn centres the features, and so leaves the intercept unpenalized as well
    return Ridge(alpha=settings.penalty).fit(x(rows, "ridge"), rows["label_log"].to_numpy())


def _trees(rows: pl.DataFrame, settings: LightGbmSettings) -> LGBMRegressor:
    stride = settings.session_stride
    chosen = rows.filter([calendar.index_of(day) % stride == 0 for day in rows["event_date"]])
    trees = LGBMRegressor(
        n_estimators=settings.trees,
        num_leaves=settings.tree_leaves,
        learning_rate=settings.learning_rate,
        min_child_samples=settings.min_leaf_rows,
        max_bin=63,
        n_jobs=1,
        verbosity=-1,
    )
    return trees.fit(x(chosen, "lightgbm"), chosen["label_log"].to_numpy())


def leaks(session: int, label_end: int, test: list[tuple[int, int]], embargo: int) -> bool:
    """Whether a row would learn from a session that a test label speaks of, or from the embargo after the last.

    Sessions are whole numbers; `test` holds (session, label_end) of the rows of one block.
    """
    own = set(range(session + 1, label_end + 1))
    spoken_of = set(itertools.chain.from_iterable(range(s + 1, e + 1) for s, e in test))
    last = max(e for _, e in test)
    return bool(own & spoken_of) or last <= session < last + embargo


def rank_ic(scores: pl.DataFrame, labels: pl.DataFrame) -> dict[dt.date, float]:
    both = scores.join(labels, on=["event_date", "symbol"]).drop_nulls()
    return {
        day: float(spearmanr(part["score"].to_numpy(), part["label"].to_numpy()).statistic)
        for (day,), part in both.partition_by("event_date", as_dict=True).items()
    }


def merge(predictions: pl.DataFrame, horizon: int) -> dict[str, tuple[float, float, int]]:
    """raw_alpha, variance and count of each symbol with a prediction."""
    found: dict[str, tuple[float, float, int]] = {}
    for (symbol,), part in predictions.drop_nulls(["alpha", "variance"]).partition_by("symbol", as_dict=True).items():
        scaled = [
            (row["alpha"] * horizon / row["horizon_sessions"], row["variance"] * horizon / row["horizon_sessions"])
            for row in part.iter_rows(named=True)
        ]
        total = sum(1 / v for _, v in scaled)
        found[symbol] = (sum(a / v for a, v in scaled) / total, 1 / total, len(scaled))
    return found


def residual(rows: pl.DataFrame, values: str) -> np.ndarray:
    """Of a weighted regression on 1, all industries but the first, and the styles."""
    dummies = rows["industry"].to_dummies().to_numpy()[:, 1:]
    factors = np.column_stack([np.ones(len(rows)), dummies, rows.select(STYLES).to_numpy()])
    return WLS(rows[values].to_numpy(), factors, weights=rows["weight"].to_numpy()).fit().resid
