import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.settings import LightGbmSettings
from feature_store import sessions as calendar
from quant_assets.alpha.models.lightgbm import TREES, LightGbm, grow, parsed, predict, text_of, training_rows
from quant_assets.alpha.models.protocol import Term
from quant_assets.alpha.training.samples import samples
from tests.alpha.markets import ALPHA, DAYS, FEATURES, HORIZONS, LIGHTGBM, SESSION, market


def rows(seed: int, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = np.where(rng.random((n, len(FEATURES))) < 0.1, np.nan, rng.normal(size=(n, len(FEATURES))))
    return x, np.nan_to_num(x[:, 0]) * (np.nan_to_num(x[:, 1]) > 0) + rng.normal(size=n)


# known values


def test_one_split_by_hand():
    x = np.full((40, len(FEATURES)), np.nan)
    x[:, 0] = np.repeat([-1.0, 1.0], 20)
    stump = LightGbmSettings(trees=1, tree_leaves=2, learning_rate=1.0, min_leaf_rows=5)
    grown = grow(x, np.repeat([2.0, 6.0], 20), FEATURES, stump, 7)
    assert predict(parsed(text_of(grown)), x[[0, 39]]) == pytest.approx([2.0, 6.0])


def test_a_missing_score_goes_where_the_missing_ones_of_the_fit_went():
    x = np.zeros((60, len(FEATURES)))
    x[:, 0] = np.repeat([-1.0, 1.0, np.nan], 20)
    stump = LightGbmSettings(trees=1, tree_leaves=2, learning_rate=1.0, min_leaf_rows=5)
    grown = grow(x, np.repeat([2.0, 6.0, 6.0], 20), FEATURES, stump, 7)
    assert predict(parsed(text_of(grown)), x[[0, 25, 45]]) == pytest.approx([2.0, 6.0, 6.0])


def test_the_text_names_the_features_and_nothing_of_the_run():
    text = text_of(grow(*rows(1), FEATURES, LIGHTGBM, 2**32 - 1))
    assert text.startswith("tree\nversion=")
    assert text.endswith("\nend of trees\n")
    assert f"feature_names={' '.join(FEATURES)}\n" in text
    assert "seed" not in text and "threads" not in text and "parameters" not in text


def test_every_so_many_sessions_of_the_exchange_train():
    scores, labels = market(2, n_symbols=3, nulls=0.0)
    sample = next(samples(scores, labels, SESSION, ALPHA, HORIZONS))
    chosen = {sample.sessions[row // 3] for row in training_rows(sample, sample.labelled, 4)}
    assert chosen == {day for day in DAYS[:55] if calendar.index_of(day) % 4 == 0}


# properties


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_the_text_predicts_the_same_bits_as_the_trees_that_were_grown(seed: int):
    x, y = rows(seed)
    grown = grow(x, y, FEATURES, LIGHTGBM, seed)
    assert predict(parsed(text_of(grown)), x).tobytes() == grown.predict(x, num_threads=1).tobytes()


def test_the_same_rows_give_the_same_text_whatever_the_seed_or_the_threads_around():
    x, y = rows(3)
    text = text_of(grow(x, y, FEATURES, LIGHTGBM, 1))
    again = text_of(grow(x.copy(), y.copy(), FEATURES, LIGHTGBM, 2))
    assert text_of(grow(x, y, FEATURES, LIGHTGBM, 1)) == again == text
    many = lightgbm.train({"num_threads": 2, "verbosity": -1}, lightgbm.Dataset(x, y), 2)
    assert predict(parsed(text_of(many)), x).tobytes() == many.predict(x, num_threads=1).tobytes()
    assert text_of(grow(x, y, FEATURES, LIGHTGBM, 1)) == text


def test_a_prediction_depends_on_its_own_row_only():
    x, y = rows(4)
    trees = parsed(text_of(grow(x, y, FEATURES, LIGHTGBM, 1)))
    assert predict(trees, x[7:8])[0] == predict(trees, x)[7]


def test_rows_of_one_kind_give_their_mean():
    grown = grow(np.zeros((60, len(FEATURES))), np.arange(60.0), FEATURES, LIGHTGBM, 1)
    assert predict(parsed(text_of(grown)), np.ones((2, len(FEATURES)))) == pytest.approx([29.5, 29.5])


# refusals


def test_trees_of_other_features_are_rejected():
    text = text_of(grow(*rows(5), FEATURES, LIGHTGBM, 1))
    others = (*FEATURES[1:], FEATURES[0])
    with pytest.raises(ValueError, match="refit the model"):
        LightGbm.predict({TREES: Term(text=text)}, rows(5)[0], others)


def test_a_damaged_text_is_an_error_that_says_what_to_do():
    text = text_of(grow(*rows(5), FEATURES, LIGHTGBM, 1))
    with pytest.raises(ValueError, match=r"alpha/model_fits .*asof verify"):
        parsed(text[: len(text) // 2])
