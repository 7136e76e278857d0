"""Slopes through sums of sessions, judged by blocks that do not overlap."""

import numpy as np
import pytest
from scipy.stats import t as student_t
from statsmodels.regression.linear_model import OLS

from quant_assets.numerics.block_slope import block_slope

# -- known values ------------------------------------------------------------------------------------------------------


def test_blocks_of_one_session_are_a_regression_with_robust_errors() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(80, 5)), rng.normal(size=(80, 5))
    found = block_slope((x * y).sum(axis=1), (x * x).sum(axis=1), 1)
    groups = np.repeat(np.arange(80), 5)  # one cluster a session
    options = {"groups": groups, "use_correction": False}
    fitted = OLS(y.ravel(), x.ravel()).fit(cov_type="cluster", cov_kwds=options)
    assert found.slope == pytest.approx(fitted.params[0])
    assert found.t == pytest.approx(fitted.tvalues[0] * np.sqrt(79 / 80))
    assert found.n_blocks == 80


def test_offsets_are_judged_one_by_one() -> None:
    rng = np.random.default_rng(4)
    xy, xx = rng.normal(size=31), rng.uniform(1, 2, 31)
    xy[7] = np.nan
    found = block_slope(xy, xx, 3)
    each = [block_slope(xy[o::3], xx[o::3], 1) for o in range(3)]
    known = np.isfinite(xy)
    assert found.slope == pytest.approx(xy[known].sum() / xx[known].sum())
    assert found.t == pytest.approx(np.mean([one.t for one in each]))
    assert found.n_blocks == min(one.n_blocks for one in each) == 9


def test_the_needed_t_is_students() -> None:
    ones = np.ones(21)
    assert block_slope(ones, ones, 1).needed_t(0.05) == pytest.approx(student_t.ppf(0.975, 20))
    assert block_slope(ones[:1], ones[:1], 1).needed_t(0.05) == float("inf")


# -- properties --------------------------------------------------------------------------------------------------------


def test_outcomes_that_overlap_pass_by_chance_no_oftener_than_the_level_says() -> None:
    rng = np.random.default_rng(5)
    passed = 0
    for _ in range(200):
        x = np.cumsum(rng.normal(size=440)) / 20  # as slow as a regime
        y = np.convolve(rng.normal(size=460), np.ones(21), "valid")
        about = x - x.mean()
        found = block_slope(about * (y - y.mean()), about**2, 21)
        passed += abs(found.t) > found.needed_t(0.05)
    assert passed <= 0.05 * 200 + 3 * np.sqrt(200 * 0.05 * 0.95)


def test_without_spread_there_is_neither_slope_nor_t() -> None:
    found = block_slope(np.zeros(10), np.zeros(10), 2)
    assert np.isnan(found.slope)
    assert np.isnan(found.t)


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_horizon_below_one_is_rejected() -> None:
    with pytest.raises(ValueError, match="horizon 0"):
        block_slope(np.zeros(3), np.zeros(3), 0)
