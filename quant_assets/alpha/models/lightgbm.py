"""Boosted trees of relative returns from scores, by LightGBM. A null score stays missing: each split places it.

LightGBM grows the trees; their text is read, checked and evaluated by `numerics.regression_trees`, to the same bits.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from configs.settings.models import LightGbmSettings, ModelSettings
from feature_store import sessions as calendar
from quant_assets.alpha.models.protocol import Fit, Term
from quant_assets.alpha.training.samples import Sample
from quant_assets.numerics.arrays import Array, Index, Mask
from quant_assets.numerics.regression_trees import END, Trees, predict, trees_of

if TYPE_CHECKING:
    import lightgbm

BINS = 63  # scores are winsorized z-scores: finer steps cost time and add no information
TREES = "trees"


class LightGbm:
    """Trees in LightGBM's own text; see `models.protocol`."""

    settings: ClassVar[type[ModelSettings]] = LightGbmSettings

    @staticmethod
    def fit(sample: Sample, parts: Sequence[Mask], settings: LightGbmSettings, min_rows: int, seed: int) -> list[Fit]:
        rows = [training_rows(sample, part, settings.session_stride) for part in parts]
        return [_fit(sample, of_part, settings, min_rows, seed) for of_part in rows]

    @staticmethod
    def predict(terms: Mapping[str, Term], features: Array, names: tuple[str, ...]) -> Array:
        text = terms[TREES].text
        if text is None or not len(features):
            return np.full(len(features), np.nan)
        trees = parsed(text)
        if trees.names != names:
            raise ValueError(f"the stored trees are of the features {trees.names}, not of {names}; refit the model")
        return predict(trees, features)


def _fit(sample: Sample, rows: Index, settings: LightGbmSettings, min_rows: int, seed: int) -> Fit:
    if len(rows) < min_rows:
        return Fit({TREES: Term()}, len(rows))
    grown = grow(sample.features[rows], sample.log[rows], sample.names, settings, seed)
    return Fit({TREES: Term(text=text_of(grown))}, len(rows))


def training_rows(sample: Sample, selected: Mask, stride: int) -> Index:
    """Labelled rows of every `stride`-th of the chosen sessions.

    Which they are is a property of the session itself, its number in the exchange's calendar, so that the choice does
    not move with the window's beginning.
    """
    numbers = np.array([calendar.index_of(day) for day in sample.sessions], dtype=np.int64)
    return sample.rows(selected & (numbers % stride == 0))


def grow(
    features: Array, label: Array, names: tuple[str, ...], settings: LightGbmSettings, seed: int
) -> "lightgbm.Booster":
    """Least-squares boosting: one thread, rows in the order given, all features, and no early stopping.

    Args:
        features: (n, P), NaN where missing.
        label: (n,) without NaN.
        names: P.
        settings: of the trees.
        seed: of LightGBM's own draws; with all rows and features in every tree there are none.
    """
    parameters = {
        "objective": "regression",
        "num_leaves": settings.tree_leaves,
        "learning_rate": settings.learning_rate,
        "min_data_in_leaf": settings.min_leaf_rows,
        "max_bin": BINS,
        "bin_construct_sample_cnt": len(features),
        "feature_pre_filter": False,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "seed": seed % 2**31,  # LightGBM's is a signed number of 32 bits
        "verbosity": -1,
    }
    import lightgbm  # noqa: PLC0415 -- brings scikit-learn: two seconds that only training is worth

    data = lightgbm.Dataset(features, label, feature_name=list(names), params=parameters)
    return lightgbm.train(parameters, data, settings.trees)


def text_of(booster: "lightgbm.Booster") -> str:
    """The trees in LightGBM's own format."""
    trees, end, _ = booster.model_to_string().partition(END)
    return str(trees + end)


@lru_cache(maxsize=16)
def parsed(text: str) -> Trees:
    """The trees of a text. Neighbouring sessions have the same one, and parsing costs more than predicting.

    Raises:
        ValueError: the text is damaged.
    """
    try:
        return trees_of(text)
    except ValueError as error:
        raise ValueError(
            f"alpha/model_fits holds a text of trees that cannot be used: {error}; run `asof verify`, then store the "
            "refit anew"
        ) from None
