"""Trees of LightGBM's text give LightGBM's bits, and a text that was changed gives an error or other whole trees."""

import random

import lightgbm
import numpy as np
import pytest

from quant_assets.numerics.regression_trees import END, ZERO, predict, trees_of

NAMES = ("a", "b", "c")


def grown(seed: int, **parameters: object) -> lightgbm.Booster:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(600, len(NAMES)))
    x[rng.random(x.shape) < 0.2] = np.nan
    x[rng.random(x.shape) < 0.2] = 0.0
    y = np.nan_to_num(x[:, 0]) * np.isnan(x[:, 1]) + rng.normal(size=len(x))
    options = {"num_leaves": 9, "min_data_in_leaf": 5, "verbosity": -1, "num_threads": 1, **parameters}
    return lightgbm.train(options, lightgbm.Dataset(x, y, feature_name=list(NAMES)), 12)


def text_of(booster: lightgbm.Booster) -> str:
    return booster.model_to_string().partition(END)[0] + END


def queries(seed: int, thresholds: np.ndarray) -> np.ndarray:
    """Rows with missing values, zeros, what LightGBM takes for zero, infinities and exact thresholds."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2000, len(NAMES)))
    for value in (np.nan, 0.0, -0.0, ZERO, -ZERO, np.nextafter(ZERO, 1), 1e-36, np.inf, -np.inf):
        x[rng.random(x.shape) < 0.05] = value
    return np.where(rng.random(x.shape) < 0.2, rng.choice(thresholds, size=x.shape), x)


# --- known values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "parameters",
    [{}, {"zero_as_missing": True}, {"use_missing": False}, {"num_leaves": 2}, {"min_data_in_leaf": 500}],
)  # fmt: skip
def test_the_sums_are_lightgbms_to_the_last_bit(parameters: dict[str, object]) -> None:
    booster = grown(1, **parameters)
    trees = trees_of(text_of(booster))
    x = queries(2, trees.threshold if len(trees.threshold) else np.zeros(1))
    assert predict(trees, x).tobytes() == booster.predict(x, num_threads=1).tobytes()


def test_no_rows_have_no_sums() -> None:
    assert predict(trees_of(text_of(grown(1))), np.zeros((0, 3))).shape == (0,)


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("num_leaves=9", "num_leaves=8"), ("num_leaves=9", "num_leaves=900000000"), ("num_leaves=9", "num_leaves=-1"),
        ("tree_sizes=", "tree_sizes=1 "), ("num_cat=0", "num_cat=1"), ("is_linear=0", "is_linear=1"),
        ("split_feature=", "split_feature=7 "), ("num_class=1", "num_class=2"), ("Tree=0", "Tree=1"),
        ("version=v4", "version=v9"), ("max_feature_idx=2", "max_feature_idx=99"), (END, "\n"),
        ("leaf_value=", "leaf_value=nan "), ("left_child=", "left_child=left "), ("tree_sizes=", "tree_sizes=-5 "),
        ("num_leaves=9", "num_leaves=9.5"), ("num_leaves=9", "num_leaves=1e300"),
    ],
)  # fmt: skip
def test_a_text_that_does_not_hold_what_it_says_is_rejected(old: str, new: str) -> None:
    text = text_of(grown(1))
    assert old in text
    with pytest.raises(ValueError, match="tree"):
        trees_of(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("line", "change"),
    [
        ("left_child", lambda v: [v[0], *[0] * (len(v) - 1)]), ("right_child", lambda v: [999, *v[1:]]),
        ("right_child", lambda v: [-999, *v[1:]]), ("split_feature", lambda v: [3, *v[1:]]),
        ("split_feature", lambda v: [-1, *v[1:]]), ("decision_type", lambda v: [1, *v[1:]]),
        ("decision_type", lambda v: [12, *v[1:]]), ("decision_type", lambda v: [-2, *v[1:]]),
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_trees_or_in_a_circle(line: str, change: object) -> None:
    text = text_of(grown(1))
    before = next(row for row in text.splitlines() if row.startswith(line))
    values = [int(value) for value in before.partition("=")[2].split()]
    after = f"{line}={' '.join(map(str, change(values)))}"  # type: ignore[operator]
    longer = len(after) - len(before)
    sizes = next(row for row in text.splitlines() if row.startswith("tree_sizes"))
    first, *others = sizes.partition("=")[2].split()
    changed = text.replace(sizes, f"tree_sizes={' '.join([str(int(first) + longer), *others])}")
    with pytest.raises(ValueError, match="leads to no node"):
        trees_of(changed.replace(before, after, 1))


def test_a_mutated_text_never_ends_the_process() -> None:
    text, rng = text_of(grown(1)), random.Random(5)
    x, rejected = queries(3, np.zeros(1))[:50], 0
    for _ in range(300):
        place, length = rng.randrange(len(text)), rng.randrange(1, 30)
        inserted = "".join(rng.choice("0123456789-=. \nainf") for _ in range(rng.randrange(length + 1)))
        try:
            assert np.isfinite(predict(trees_of(text[:place] + inserted + text[place + length :]), x)).all()
        except ValueError:
            rejected += 1
    assert rejected > 150


def test_another_number_of_features_is_rejected() -> None:
    with pytest.raises(ValueError, match="2 features where the trees have 3"):
        predict(trees_of(text_of(grown(1))), np.zeros((4, 2)))
