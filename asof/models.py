"""The platform's models as scikit-learn estimators: `fit`, `predict`, `score`; they work in `cross_val_score`."""

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from asof.arrays import Array, Numbers, checked
from configs.settings import Alpha
from quant_assets.alpha.models import lightgbm, ridge
from quant_assets.alpha.training.samples import Sample

__all__ = ["LightGBM", "Ridge"]


class Ridge(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Ridge regression whose sums run in row order; a missing feature counts as 0, the mean of a standardized one.

    Args:
        penalty: added to the diagonal of X'X, but for the intercept's.

    Attributes:
        coef_: (P,) after `fit`.
        intercept_: after `fit`.
    """

    def __init__(self, penalty: float = 100.0) -> None:
        self.penalty = penalty

    def fit(self, X: Numbers, y: Numbers) -> "Ridge":
        """From (n, P) features, NaN where missing, and (n,) labels."""
        features, label = checked(missing=("X",), X=(X, "n P"), y=(y, "n"))
        sums = ridge.moments(_sample(features, label))
        *slopes, self.intercept_ = ridge.ridge(sums.gram[0], sums.log[0], self.penalty)
        self.coef_ = np.array(slopes)
        self.n_features_in_ = len(slopes)
        return self

    def predict(self, X: Numbers) -> Array:
        """(n,) labels expected from (n, P) features."""
        check_is_fitted(self)
        features, slopes = checked(missing=("X",), X=(X, "n P"), coef_=(self.coef_, "P"))
        predicted: Array = ridge.linear(features, np.append(slopes, self.intercept_))
        return predicted


class LightGBM(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Boosted trees by LightGBM: deterministic, one thread; a missing feature stays missing.

    Args:
        tree_count: boosting rounds.
        tree_leaves: of each tree.
        learning_rate: shrinkage of each round.
        min_rows: of a leaf.
        seed: of LightGBM's own draws.
    """

    def __init__(
        self,
        tree_count: int = 50,
        tree_leaves: int = 15,
        learning_rate: float = 0.1,
        min_rows: int = 200,
        seed: int = 0,
    ) -> None:
        self.tree_count = tree_count
        self.tree_leaves = tree_leaves
        self.learning_rate = learning_rate
        self.min_rows = min_rows
        self.seed = seed

    def fit(self, X: Numbers, y: Numbers) -> "LightGBM":
        """From (n, P) features, NaN where missing, and (n,) labels."""
        features, label = checked(missing=("X",), X=(X, "n P"), y=(y, "n"))
        names = tuple(f"feature_{i}" for i in range(features.shape[1]))
        self.booster_ = lightgbm.grow(features, label, names, self._settings(), self.seed)
        self.n_features_in_ = len(names)
        return self

    def predict(self, X: Numbers) -> Array:
        """(n,) labels expected from (n, P) features."""
        check_is_fitted(self)
        (features,) = checked(missing=("X",), X=(X, f"n {self.n_features_in_}"))
        return lightgbm.predict(self.booster_, features)

    def _settings(self) -> Alpha:
        return Alpha(
            tree_count=self.tree_count,
            tree_leaves=self.tree_leaves,
            tree_learning_rate=self.learning_rate,
            tree_min_rows=self.min_rows,
        )


def _sample(features: Array, label: Array) -> Sample:
    """All rows as one session."""
    every, edges = np.ones(1, dtype=np.bool_), np.array([0, len(label)], dtype=np.int64)
    names = tuple(f"feature_{i}" for i in range(features.shape[1]))
    return Sample(1, [], edges, names, features, label, label, every, every, ~every)
