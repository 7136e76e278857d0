"""Models of a change of regime: a logistic regression, boosted trees, and what they are worth out of fold."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import expit, logit

from configs.settings.transition_risk import TransitionRisk
from quant_assets.numerics.arrays import Array, Mask
from quant_assets.numerics.logistic import logistic_ridge
from quant_assets.numerics.purged_splits import CombinatorialPurged
from quant_assets.numerics.regression_trees import END, Trees, predict, trees_of

PLATT_PENALTY = 1e-3  # rows: next to none, so that outcomes which a score separates still have a maximum


@dataclass(frozen=True)
class Logistic:
    """
    Attributes:
        coefficients: (P + 1,) per standard deviation, the intercept last.
        mean, standard_deviation: (P,) of the features; 0 of one that never moves or is never there.
    """

    coefficients: Array
    mean: Array
    standard_deviation: Array


@dataclass(frozen=True)
class Calibration:
    """What the mean log odds of both models are worth, from rows that did not train them.

    Attributes:
        slope, intercept: log odds are intercept + slope times the mean; slope is 0 where the models foretell nothing.
        base_rate: frequency of a change.
        brier_skill: of the calibrated probabilities against the base rate, on the rows that they were calibrated on.
    """

    slope: float
    intercept: float
    base_rate: float
    brier_skill: float


def fit_logistic(features: Array, outcome: Mask, penalty: float) -> Logistic:
    """A missing feature counts as its mean."""
    count = np.maximum((~np.isnan(features)).sum(axis=0), 1)
    mean = np.nansum(features, axis=0) / count
    spread = np.sqrt(np.nansum((features - mean) ** 2, axis=0) / count)
    spread = np.where(spread > 1e-9 * np.maximum(np.abs(mean), 1e-9), spread, 0.0)
    unfitted = Logistic(np.zeros(len(mean) + 1), mean, spread)
    return Logistic(logistic_ridge(_standardized(features, unfitted), outcome, penalty), mean, spread)


def logistic_odds(model: Logistic, features: Array) -> Array:
    """(n,) log odds."""
    odds: Array = _standardized(features, model) @ model.coefficients[:-1] + model.coefficients[-1]
    return odds


def _standardized(features: Array, model: Logistic) -> Array:
    scale = np.where(model.standard_deviation > 0, model.standard_deviation, 1.0)
    z = np.where(model.standard_deviation > 0, (features - model.mean) / scale, 0.0)
    return np.where(np.isnan(z), 0.0, z)


def grown_trees(features: Array, outcome: Mask, names: Sequence[str], settings: TransitionRisk, seed: int) -> str:
    """Boosted trees of the log odds in LightGBM's own text: one thread, rows in the order given, no early stopping."""
    parameters = {
        "objective": "binary",
        "num_leaves": settings.tree_leaves,
        "learning_rate": settings.learning_rate,
        "min_data_in_leaf": settings.min_leaf_rows,
        "max_bin": 63,
        "bin_construct_sample_cnt": len(features),
        "feature_pre_filter": False,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "seed": seed % 2**31,
        "verbosity": -1,
    }
    import lightgbm  # noqa: PLC0415 -- brings scikit-learn: two seconds that only training is worth

    data = lightgbm.Dataset(features, outcome.astype(np.float64), feature_name=list(names), params=parameters)
    trees, end, _ = lightgbm.train(parameters, data, settings.trees).model_to_string().partition(END)
    return str(trees + end)


def tree_odds(text: str, features: Array) -> Array:
    """(n,) log odds."""
    return predict(_parsed(text), features) if len(features) else np.zeros(0)


@lru_cache(maxsize=32)
def _parsed(text: str) -> Trees:
    """Neighbouring sessions have the same trees, and parsing costs more than predicting."""
    return trees_of(text)


def out_of_fold(
    features: Array, outcome: Mask, days: Sequence[tuple[dt.date, dt.date]], names: Sequence[str],
    settings: TransitionRisk, seed: int,
) -> Array:  # fmt: skip
    """(n,) mean log odds of both models, each row by models that were fitted apart from it; NaN where none could be.

    Folds are purged combinatorial ones with an embargo of the horizon. A row is tested in several of them, by
    different models, and has the mean of theirs.

    Args:
        days: session and end of the label of each row.
    """
    total, count = np.zeros(len(outcome)), np.zeros(len(outcome))
    folds = CombinatorialPurged(settings.n_groups, settings.n_test_groups, settings.horizon_sessions)
    for train, test in folds.split([day for day, _ in days], [end for _, end in days]):
        if min(outcome[train].sum(), (~outcome[train]).sum()) >= settings.min_flips // 2:
            x, y = features[train], outcome[train]
            by_logistic = logistic_odds(fit_logistic(x, y, settings.penalty), features[test])
            by_trees = tree_odds(grown_trees(x, y, names, settings, seed), features[test])
            total[test] += (by_logistic + by_trees) / 2
            count[test] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def calibrated(odds: Array, outcome: Mask) -> Calibration | None:
    """Platt's two parameters of out-of-fold log odds; None where a kind of outcome is missing among them."""
    known = ~np.isnan(odds)
    x, y = odds[known], outcome[known]
    if not y.any() or y.all():
        return None
    slope, intercept = logistic_ridge(x[:, None], y, PLATT_PENALTY)
    base_rate = float(y.mean())
    if slope <= 0:  # worse than nothing: the frequency alone
        slope, intercept = 0.0, float(logit(base_rate))
    p = expit(intercept + slope * x)
    brier_skill = 1 - np.mean((p - y) ** 2) / np.mean((base_rate - y) ** 2)
    return Calibration(float(slope), float(intercept), base_rate, float(brier_skill))


def probability(calibration: Calibration, logistic: Array, trees: Array) -> Array:
    """(n,) calibrated probability from the log odds of both models."""
    p: Array = expit(calibration.intercept + calibration.slope * (logistic + trees) / 2)
    return p
