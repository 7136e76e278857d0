"""The platform's models as scikit-learn estimators: `fit`, `predict`, `score`; they work in `cross_val_score`."""

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from asof.arrays import Array, Numbers, checked
from configs.settings.models import LightGbmSettings, ModelSettings, RidgeSettings
from feature_store import sessions
from quant_assets.alpha.models import lightgbm, ridge
from quant_assets.alpha.models.protocol import Model
from quant_assets.alpha.training.samples import Sample

__all__ = ["LightGBM", "Ridge"]


class _Estimator(RegressorMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """A kind of model, fitted on all rows alike.

    Attributes:
        terms_: what the platform stores of the fit, after `fit`.
    """

    seed: int = 0

    @abstractmethod
    def _model(self) -> tuple[type[Model[Any]], ModelSettings]:
        """The kind, and its settings."""

    def fit(self, X: Numbers, y: Numbers) -> Self:
        """From (n, P) features, NaN where missing, and (n,) labels."""
        features, label = checked(missing=("X",), X=(X, "n P"), y=(y, "n"))
        if not len(label):
            raise ValueError("X has no rows, expected at least 1")
        model, settings = self._model()
        (fit,) = model.fit(_sample(features, label), [np.ones(1, dtype=np.bool_)], settings, 1, self.seed)
        self.terms_ = fit.terms
        self.n_features_in_ = features.shape[1]
        return self

    def predict(self, X: Numbers) -> Array:
        """(n,) labels expected from (n, P) features."""
        check_is_fitted(self)
        (features,) = checked(missing=("X",), X=(X, f"n {self.n_features_in_}"))
        return self._model()[0].predict(self.terms_, features, _names(features))


class Ridge(_Estimator):
    """Ridge regression whose sums run in row order; a missing feature counts as 0, the mean of a standardized one.

    Args:
        penalty: added to the diagonal of X'X, but for the intercept's.
    """

    def __init__(self, penalty: float = 100.0) -> None:
        self.penalty = penalty

    @property
    def coef_(self) -> Array:
        """(P,) coefficients, after `fit`."""
        check_is_fitted(self)
        return np.array([term.coefficient for name, term in self.terms_.items() if name != ridge.INTERCEPT])

    @property
    def intercept_(self) -> float | None:
        """Prediction where all features are 0, after `fit`."""
        check_is_fitted(self)
        return self.terms_[ridge.INTERCEPT].coefficient

    def _model(self) -> tuple[type[Model[Any]], ModelSettings]:
        return ridge.Ridge, RidgeSettings(penalty=self.penalty)


class LightGBM(_Estimator):
    """Boosted trees by LightGBM: deterministic, one thread; a missing feature stays missing.

    Args:
        trees: boosting rounds.
        tree_leaves: of each tree.
        learning_rate: shrinkage of each round.
        min_leaf_rows: of a leaf.
        seed: of LightGBM's own draws.
    """

    def __init__(
        self,
        trees: int = 50,
        tree_leaves: int = 15,
        learning_rate: float = 0.1,
        min_leaf_rows: int = 200,
        seed: int = 0,
    ) -> None:
        self.trees = trees
        self.tree_leaves = tree_leaves
        self.learning_rate = learning_rate
        self.min_leaf_rows = min_leaf_rows
        self.seed = seed

    def _model(self) -> tuple[type[Model[Any]], ModelSettings]:
        return lightgbm.LightGbm, LightGbmSettings(
            trees=self.trees,
            tree_leaves=self.tree_leaves,
            learning_rate=self.learning_rate,
            min_leaf_rows=self.min_leaf_rows,
            session_stride=1,
        )


def _sample(features: Array, label: Array) -> Sample:
    """All rows as one session."""
    every, edges = np.ones(1, dtype=np.bool_), np.array([0, len(label)], dtype=np.int64)
    day = [sessions.all_sessions()[0]]
    return Sample(1, day, edges, _names(features), features, label, label, every, every, ~every)


def _names(features: Array) -> tuple[str, ...]:
    return tuple(f"feature_{i}" for i in range(features.shape[1]))
