import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.numerics.arrays import Array
from quant_assets.regimes.detectors.bocpd import (
    BreakPath,
    NormalInverseGamma,
    RunLengths,
    _log_gamma_ratio,
    beginning,
    break_probability,
    filter_breaks,
    run_length_posterior,
    severity,
)
from tests.oracles.bundle import SHARED, needs
from tests.oracles.changepoints import run_lengths

UNIT = NormalInverseGamma(0.0, 0.25, 2.0, 2.0)
HAZARD = 1 / 90
COLUMNS = ("break_probability", "run_length", "expected_run_length", "level", "predictive_scale", "degrees_of_freedom")


def two_levels(seed: int, n: int = 80, jump: float = 4.0) -> Array:
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(0, 1, n), rng.normal(jump, 1, n)])


def moments(prior: NormalInverseGamma) -> tuple[float, float, float, float]:
    return prior.mean, prior.mean_weight, prior.shape, prior.scale


# -- known values ------------------------------------------------------------------------------------------------------


@pytest.mark.shared
@needs("reference/bocpd_nig.json")
def test_run_lengths_of_the_nile_are_those_of_three_packages():
    reference = json.loads((SHARED / "reference/bocpd_nig.json").read_text())
    nile, tolerance = reference["nile"], reference["tolerance"]
    p = nile["params"]
    prior = NormalInverseGamma(p["mu"], p["kappa"], p["alpha"], p["beta"])
    posterior = run_length_posterior(np.array(nile["x"]), 1 / p["lam"], prior)
    for t, row in nile["rows"].items():
        np.testing.assert_allclose(posterior[int(t) - 1, : len(row)], row, rtol=0, atol=tolerance["rows"]["abs"])
    for within, expected in nile["prob_run_length_le_w"].items():
        found = break_probability(posterior, int(within))
        np.testing.assert_allclose(found, expected[1:], rtol=0, atol=tolerance["rows"]["abs"])
    path, _ = filter_breaks(np.array(nile["x"]), 1 / p["lam"], prior, 10)
    assert path.run_length.tolist() == nile["map_run_length"][1:]
    rel = tolerance["expected_run_length"]["rel"]
    np.testing.assert_allclose(path.expected_run_length, nile["expected_run_length"][1:], rtol=rel)


def test_one_observation_by_hand():
    posterior = run_length_posterior(np.array([0.3]), 0.1, UNIT)
    assert posterior.tolist() == [[0.1, 0.9]]  # there was no other run
    path, state = filter_breaks(np.array([0.3]), 0.1, UNIT, 5)
    assert path.level[0] == pytest.approx(0.3 / 1.25)
    np.testing.assert_allclose(state.statistics[:, 1], [0.24, 1.25, 2.5, 2 + 0.5 * 0.25 * 0.09 / 1.25])


def test_a_jump_is_seen_within_five_sessions_and_dated():
    path, _ = filter_breaks(two_levels(1), HAZARD, UNIT, 15, 0.02, 1e-6)
    before, after = path.break_probability[40:80], path.break_probability[84]
    assert before.max() < 0.5
    assert after > 0.95
    assert abs(path.run_length[100] - 21) <= 1
    shift, moved = severity(path, 15)
    assert shift[88] == pytest.approx(4, abs=1)
    assert moved[75] < 0.5
    assert moved[88] > 0.95
    assert np.isnan(moved[:15]).all()


def test_the_severity_of_one_scale_of_a_t_with_four_degrees_is_known():
    still = np.zeros(2)
    path = BreakPath(still, still, still, np.array([0.0, 1.0]), np.ones(2), np.full(2, 4.0))
    shift, moved = severity(path, 1)
    assert shift[1] == 1.0
    assert moved[1] == pytest.approx(0.626099, abs=1e-6)  # 1 - 2 * 0.186950, from tables of t


def test_the_series_of_gamma_ratios_meets_the_library():
    for a in (9.99, 10.0, 10.5, 50.0):
        assert _log_gamma_ratio(a) == pytest.approx(math.lgamma(a + 0.5) - math.lgamma(a), abs=1e-11)


# -- properties --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outlier_fraction", [0.0, 0.05])
def test_the_filter_is_its_definition(outlier_fraction: float):
    x = two_levels(2, 30)
    x[[5, 6, 40]] = np.nan
    prior = NormalInverseGamma(0.5, 0.3, 1.5, 2.5)
    ours = run_length_posterior(x, 0.05, prior, outlier_fraction)
    np.testing.assert_allclose(ours, run_lengths(x, 0.05, moments(prior), outlier_fraction), rtol=0, atol=1e-12)


def test_the_stream_is_the_batch_bit_for_bit():
    x = two_levels(3)
    x[50] = np.nan
    whole, _ = filter_breaks(x, HAZARD, UNIT, 10, 0.02, 1e-6)
    state: RunLengths = beginning(UNIT)
    parts = []
    for value in x:
        path, state = filter_breaks(np.array([value]), HAZARD, UNIT, 10, 0.02, 1e-6, state)
        parts.append([getattr(path, name)[0] for name in COLUMNS])
    np.testing.assert_array_equal(np.array(parts).T, [getattr(whole, name) for name in COLUMNS])


def test_the_filter_never_sees_tomorrow():
    x = two_levels(4)
    whole = run_length_posterior(x, HAZARD, UNIT, 0.02, 1e-6)
    for cut in (1, 60, 85):
        np.testing.assert_array_equal(run_length_posterior(x[:cut], HAZARD, UNIT, 0.02, 1e-6), whole[:cut, : cut + 1])


@settings(max_examples=30, deadline=None)
@given(st.floats(-1e12, 1e12), st.integers(0, 5))
def test_one_outlier_however_far_out_is_no_break(value: float, seed: int):
    x = np.random.default_rng(seed).normal(0, 1, 121)
    x[100] = value
    before, after = run_length_posterior(x, HAZARD, UNIT, 0.05)[99:101]
    # all that is left out of the bound is what was thought of young segments before
    odds = HAZARD / (1 - HAZARD) / 0.05
    assert after[1] / (1 - HAZARD) <= odds / (1 + odds) + 1e-12
    path, _ = filter_breaks(x, HAZARD, UNIT, 15, 0.05, 1e-6)
    assert path.break_probability[100] < 0.5
    assert path.run_length[100] > 85 or before[86:].sum() < 0.5


def test_without_outliers_in_the_model_one_fires():
    x = np.random.default_rng(1).normal(0, 1, 121)
    x[100] = 30.0
    assert filter_breaks(x, HAZARD, UNIT, 15)[0].break_probability[100] > 0.9
    assert filter_breaks(x, HAZARD, UNIT, 15, 0.05)[0].break_probability[100] < 0.3


def test_probabilities_sum_to_one_and_a_new_segment_has_the_hazards():
    posterior = run_length_posterior(two_levels(5), HAZARD, UNIT, 0.02, 1e-6)
    np.testing.assert_allclose(posterior.sum(axis=1), 1, rtol=1e-13)
    np.testing.assert_array_equal(posterior[:, 0], HAZARD)


def test_dropping_improbable_run_lengths_moves_probabilities_by_little_and_keeps_few():
    x = np.concatenate([two_levels(seed, 200) for seed in range(3)])
    full, _ = filter_breaks(x, HAZARD, UNIT, 15, 0.02)
    short, state = filter_breaks(x, HAZARD, UNIT, 15, 0.02, 1e-8)
    np.testing.assert_allclose(short.break_probability, full.break_probability, rtol=0, atol=1e-4)
    assert len(state.run_length) < 300


@given(st.floats(-100, 100), st.floats(0.01, 100))
@settings(max_examples=20, deadline=None)
def test_units_do_not_matter(shift: float, scale: float):
    x, prior = two_levels(6, 40), NormalInverseGamma(shift, 0.25, 2.0, 2.0 * scale**2)
    ours = filter_breaks(shift + scale * x, HAZARD, prior, 15, 0.02)[0]
    unit = filter_breaks(x, HAZARD, UNIT, 15, 0.02)[0]
    np.testing.assert_allclose(ours.break_probability, unit.break_probability, atol=1e-6)


def test_sessions_without_an_observation_leave_the_hazard_alone():
    posterior = run_length_posterior(np.array([0.1, np.nan, np.nan]), 0.1, UNIT)
    assert posterior[2] == pytest.approx([0.1, 0.09, 0.081, 0.729])


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.array([1.0, np.inf]), HAZARD, UNIT, 5), "finite"),
        ((np.ones((2, 2)), HAZARD, UNIT, 5), "one series"),
        ((np.ones(2), 0.0, UNIT, 5), "hazard is 0"),
        ((np.ones(2), HAZARD, UNIT, 5, 1.0), "outlier_fraction is 1"),
        ((np.ones(2), HAZARD, UNIT, 5, 0.0, 0.5), "min_probability 0.5"),
    ],
)
def test_what_is_no_series_or_probability_is_rejected(arguments: tuple, message: str):
    with pytest.raises(ValueError, match=message):
        filter_breaks(*arguments)


def test_a_prior_without_weight_and_a_negative_window_are_rejected():
    with pytest.raises(ValueError, match="above 0"):
        NormalInverseGamma(0.0, 0.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="within is -1"):
        break_probability(np.ones((1, 2)), -1)
