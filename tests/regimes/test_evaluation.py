"""Delay, missed switches, false alarms, skill and calibration, by hand and against statsmodels and scikit-learn."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from quant_assets.regimes.evaluation import (
    brier_skill,
    calibration_slope,
    detections,
    log_score,
    pooled,
    reliability,
    skill,
)

TRUTH = np.array([0, 0, 0, 1, 1, 1, 1, 0, 0, 1, 1, 1])


def outcomes(seed: int = 1, n: int = 4000, stretch: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that overstate by `stretch` in logits, and what came."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(-0.5, 1.5, n)
    return 1 / (1 + np.exp(-stretch * logit)), rng.random(n) < 1 / (1 + np.exp(-logit))


# -- known values ------------------------------------------------------------------------------------------------------


def test_each_switch_has_its_delay_and_a_state_that_ended_first_is_missed() -> None:
    detected = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1])
    result = detections(TRUTH, detected)
    np.testing.assert_array_equal(result.delays, [2.0, np.nan, 0.0])
    assert result.missed_rate == pytest.approx(1 / 3)
    assert result.median_delay == 2.0
    assert result.false_alarms == 0


def test_a_detected_switch_into_a_state_that_does_not_hold_is_a_false_alarm() -> None:
    detected = np.array([0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 1, 1])  # alarms at 1 and 5; 2 and 6 put them right
    result = detections(TRUTH, detected)
    assert result.false_alarms == 2
    assert result.false_alarms_per_year == pytest.approx(2 * 252 / 12)
    np.testing.assert_array_equal(result.delays, [0.0, 0.0, 0.0])


def test_the_truth_detects_itself_and_silence_misses_all() -> None:
    assert detections(TRUTH, TRUTH).median_delay == 0.0
    silent = detections(TRUTH, np.full_like(TRUTH, 2))
    assert (silent.missed_rate, silent.median_delay, silent.false_alarms) == (1.0, np.inf, 0)
    still = detections(np.zeros(5, dtype=np.int64), np.zeros(5, dtype=np.int64))
    assert np.isnan([still.missed_rate, still.median_delay]).all()


def test_several_series_are_pooled_and_not_joined() -> None:
    one, two = detections(TRUTH, TRUTH), detections(1 - TRUTH, np.ones_like(TRUTH))
    both = pooled([one, two])
    assert len(both.delays) == 6
    assert both.n_sessions == 24
    assert both.missed_rate == pytest.approx(2 / 6)


def test_the_log_score_is_scikit_learns_log_loss() -> None:
    rng = np.random.default_rng(2)
    probabilities, truth = rng.dirichlet([1, 2, 3], 200), rng.integers(0, 3, 200)
    assert log_score(probabilities, truth) == pytest.approx(-log_loss(truth, probabilities, labels=[0, 1, 2]))


def test_what_is_called_impossible_and_happens_costs_28_nats() -> None:
    assert log_score(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(np.log(1e-12))


def test_skill_runs_from_the_base_rates_to_the_ceiling() -> None:
    assert skill(-0.6, -0.6, -0.2) == 0.0
    assert skill(-0.2, -0.6, -0.2) == 1.0
    assert skill(-0.3, -0.6, -0.2) == pytest.approx(0.75)
    assert skill(-0.8, -0.6, -0.2) == pytest.approx(-0.5)


def test_brier_skill_is_scikit_learns_score_against_that_of_the_frequency() -> None:
    probability, came = outcomes()
    base = brier_score_loss(came, np.full(len(came), came.mean()))
    assert brier_skill(probability, came) == pytest.approx(1 - brier_score_loss(came, probability) / base)
    assert brier_skill(np.full(len(came), came.mean()), came) == pytest.approx(0.0)


def test_the_reliability_curve_is_scikit_learns() -> None:
    probability, came = outcomes()
    curve = reliability(probability, came)
    frequency, mean = calibration_curve(came, probability, n_bins=10)
    np.testing.assert_allclose(curve.frequency, frequency)
    np.testing.assert_allclose(curve.probability, mean)
    assert curve.count.sum() == len(came)
    assert curve.error < 0.03
    empty = reliability(np.array([0.05, 1.0]), np.array([False, True]), 2)
    np.testing.assert_array_equal(empty.count, [1, 1])
    assert np.isnan(reliability(np.array([0.05]), np.array([False]), 2).frequency[1])


@pytest.mark.parametrize("stretch", [0.5, 1.0, 2.0])
def test_the_slope_is_that_of_statsmodels_logit_and_undoes_the_stretch(stretch: float) -> None:
    probability, came = outcomes(stretch=stretch)
    design = sm.add_constant(np.log(probability / (1 - probability)))
    expected = sm.Logit(came.astype(float), design).fit(disp=False).params[1]
    assert calibration_slope(probability, came) == pytest.approx(expected, rel=1e-6)
    assert calibration_slope(probability, came) * stretch == pytest.approx(1.0, abs=0.1)


# -- properties --------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40))
def test_delays_are_those_of_a_walk_through_the_sessions(states: list[tuple[int, int]]) -> None:
    truth, detected = (np.array(column) for column in zip(*states, strict=True))
    delays, alarms, waiting = [], 0, None
    for t in range(1, len(truth)):
        if truth[t] != truth[t - 1]:
            delays += [np.nan] if waiting is not None else []
            waiting = t
        if waiting is not None and detected[t] == truth[t]:
            delays.append(t - waiting)
            waiting = None
        alarms += detected[t] != detected[t - 1] and detected[t] != truth[t]
    delays += [np.nan] if waiting is not None else []
    result = detections(truth, detected)
    np.testing.assert_array_equal(result.delays, delays)
    assert result.false_alarms == alarms


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_ceiling_that_is_none_is_rejected() -> None:
    with pytest.raises(ValueError, match="not above the base rates"):
        skill(-0.5, -0.5, -0.5)


@pytest.mark.parametrize("of", [brier_skill, calibration_slope])
def test_outcomes_that_are_all_the_same_are_rejected(of) -> None:
    with pytest.raises(ValueError, match="are the same"):
        of(np.array([0.2, 0.3]), np.array([False, False]))


def test_series_of_different_lengths_are_rejected() -> None:
    for of in (detections, log_score, reliability, brier_skill):
        with pytest.raises(ValueError, match="pass the same, at least one"):
            of(np.zeros(3), np.zeros(2, dtype=np.int64))
    with pytest.raises(ValueError, match="pass the same, at least one"):
        detections(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


def test_slopes_that_do_not_exist_are_rejected() -> None:
    came = np.array([False, True, False, True])
    with pytest.raises(ValueError, match="never moves"):
        calibration_slope(np.full(4, 0.3), came)
    with pytest.raises(ValueError, match="separates"):
        calibration_slope(np.array([0.1, 0.9, 0.2, 0.8]), came)
