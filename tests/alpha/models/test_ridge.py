import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.alpha.models.ridge import linear, moments, ridge
from quant_assets.alpha.training.samples import Sample
from tests.oracles.panels import sessions


def sample(features: list[list[float]], label: list[float], rows_by_session: list[int]) -> Sample:
    days = sessions(len(rows_by_session))
    every = np.ones(len(days), dtype=np.bool_)
    edges = np.append(0, np.cumsum(rows_by_session)).astype(np.int64)
    y = np.array(label)
    return Sample(5, days, edges, ("x",), np.array(features), y, y, every, every, every)


# known values


def test_ridge_of_one_feature_by_hand():
    sums = moments(sample([[1.0], [-1.0], [1.0], [-1.0]], [3.0, 1.0, 3.0, 1.0], [4]))  # 2 + x
    assert sums.rows.tolist() == [4]
    assert ridge(sums.gram[0], sums.log[0], 0.0) == pytest.approx([1.0, 2.0])
    # 4 / (4 + 4); the intercept is not penalized
    assert ridge(sums.gram[0], sums.log[0], 4.0) == pytest.approx([0.5, 2.0])


def test_a_feature_that_is_never_seen_gets_nothing():
    sums = moments(sample([[np.nan, 0.0]] * 3, [1.0, 2.0, 3.0], [3]))
    assert ridge(sums.gram[0], sums.log[0], 0.0) == pytest.approx([0.0, 0.0, 2.0])


def test_moments_are_kept_session_by_session_and_rows_without_a_label_are_in_none():
    sums = moments(sample([[2.0], [3.0], [np.nan]], [5.0, np.nan, 7.0], [1, 2]))
    assert sums.rows.tolist() == [1, 1]
    assert sums.gram.tolist() == [[[4.0, 2.0], [2.0, 1.0]], [[0.0, 0.0], [0.0, 1.0]]]
    assert sums.log.tolist() == [[10.0, 5.0], [0.0, 7.0]]


def test_a_missing_score_adds_nothing():
    b = np.array([2.0, 10.0, 0.5])
    assert linear(np.array([[1.0, np.nan], [np.nan, np.nan], [1.0, -1.0]]), b).tolist() == [2.5, 0.5, -7.5]


# properties


@given(st.integers(0, 10**6), st.floats(0.0, 50.0))
@settings(max_examples=20, deadline=None)
def test_the_gradient_is_zero_at_the_ridge(seed: int, penalty: float):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    sums = moments(sample(x.tolist(), y.tolist(), [15, 25]))
    b = ridge(sums.gram.sum(axis=0), sums.log.sum(axis=0), penalty)
    error = y - x @ b[:-1] - b[-1]
    assert x.T @ error == pytest.approx(penalty * b[:-1], abs=1e-8)
    assert error.sum() == pytest.approx(0.0, abs=1e-8)
