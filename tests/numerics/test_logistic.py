import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from quant_assets.numerics.arrays import Array, Mask
from quant_assets.numerics.logistic import logistic_ridge


def sample(seed: int, n: int = 400) -> tuple[Array, Mask]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    return x, rng.random(n) < expit(x @ np.array([1.0, -0.5, 0.0]) - 1.0)


# -- known values ------------------------------------------------------------------------------------------------------


def test_without_features_the_intercept_is_the_log_odds():
    y = np.arange(10) < 2
    assert logistic_ridge(np.zeros((10, 1)), y, 1.0) == pytest.approx([0.0, np.log(0.25)])


@pytest.mark.parametrize("penalty", [0.1, 50.0])
def test_the_coefficients_are_scikit_learns(penalty: float):
    x, y = sample(1)
    theirs = LogisticRegression(C=1 / penalty, tol=1e-12, max_iter=1000).fit(x, y)
    np.testing.assert_allclose(
        logistic_ridge(x, y, penalty), [*theirs.coef_[0], theirs.intercept_[0]], rtol=0, atol=1e-6
    )


# -- properties --------------------------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(1e-3, 100))
def test_the_gradient_is_zero_at_the_maximum(seed: int, penalty: float):
    x, y = sample(seed, 60)
    if y.all() or not y.any():
        return
    b = logistic_ridge(x, y, penalty)
    gap = y - expit(x @ b[:-1] + b[-1])
    np.testing.assert_allclose(x.T @ gap, penalty * b[:-1], atol=1e-6)
    assert gap.sum() == pytest.approx(0, abs=1e-6)


def test_outcomes_that_a_column_separates_have_a_maximum_too():
    x = np.linspace(-5, 5, 40)[:, None]
    b = logistic_ridge(x, x[:, 0] > 0, 1e-3)
    assert np.isfinite(b).all()
    assert b[0] > 3


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_one_kind_of_outcome_and_no_penalty_are_rejected():
    x, y = sample(1)
    with pytest.raises(ValueError, match="all outcomes are the same"):
        logistic_ridge(x, np.ones(len(x), dtype=bool), 1.0)
    with pytest.raises(ValueError, match="penalty is 0"):
        logistic_ridge(x, y, 0.0)
