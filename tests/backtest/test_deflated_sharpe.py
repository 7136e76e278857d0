"""How far a Sharpe ratio can be trusted."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quant_assets.backtest.deflated_sharpe import (
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    minimum_track_record_length,
    probabilistic_sharpe_ratio,
    variance_of_trials,
)

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "sharpe_inference.json"
needs_reference = pytest.mark.skipif(not REFERENCE.exists(), reason=f"{REFERENCE} is not there")


def cases(of: str) -> list[dict]:
    return json.loads(REFERENCE.read_text())[of] if REFERENCE.exists() else []


# --- known values ----------------------------------------------------------------------------------------------------


@needs_reference
@pytest.mark.shared
@pytest.mark.parametrize("case", cases("psr"))
def test_probabilistic_sharpe_ratios_of_reference(case: dict) -> None:
    found = probabilistic_sharpe_ratio(case["sr"], case["benchmark"], case["n"], case["skew"], case["kurt"])
    assert found == pytest.approx(case["psr"], abs=1e-9)


@needs_reference
@pytest.mark.shared
@pytest.mark.parametrize("case", cases("dsr"))
def test_deflated_sharpe_ratios_of_reference(case: dict) -> None:
    root = math.sqrt(case["periods"])
    variance = case["var_sr_annual"] / case["periods"]
    n = case["n_trials"]
    assert expected_maximum_sharpe(n, variance) == pytest.approx(case["sr0_per_period"], abs=1e-9)
    found = deflated_sharpe_ratio(case["sr_annual"] / root, case["T"], case["skew"], case["kurt"], n, variance)
    assert found == pytest.approx(case["dsr"], abs=1e-9)


@needs_reference
@pytest.mark.shared
@pytest.mark.parametrize("case", cases("min_trl"))
def test_minimum_track_records_of_reference(case: dict) -> None:
    root = math.sqrt(case["periods"])
    found = minimum_track_record_length(
        case["sr_annual"] / root, case["bench_annual"] / root, case["skew"], case["kurt"], case["alpha"]
    )
    assert found == pytest.approx(case["min_trl_obs"], abs=1e-9)


@pytest.mark.parametrize(("n_trials", "skewness", "kurtosis", "expected"), [(100, -3, 10, 0.9004), (88, 0, 3, 0.9505)])
def test_the_example_of_bailey_and_lopez_de_prado_2014(
    n_trials: int, skewness: float, kurtosis: float, expected: float
) -> None:
    """An annual Sharpe ratio of 2.5 over 1,250 of 250 daily returns a year; V = 1/2 a year."""
    found = deflated_sharpe_ratio(2.5 / math.sqrt(250), 1250, skewness, kurtosis, n_trials, 0.5 / 250)
    assert found == pytest.approx(expected, abs=5e-5)


def test_one_trial_leaves_the_probability_against_nothing() -> None:
    assert expected_maximum_sharpe(1, 0.3) == 0.0
    assert deflated_sharpe_ratio(0.1, 252, 0, 3, 1, 0.0) == probabilistic_sharpe_ratio(0.1, 0.0, 252, 0, 3)
    assert (variance_of_trials([0.1]), variance_of_trials([])) == (0.0, 0.0)
    assert variance_of_trials([0.1, 0.3]) == pytest.approx(0.02)


def test_the_expected_maximum_is_near_that_of_drawn_trials() -> None:
    drawn = np.random.default_rng(1).normal(0, 0.2, (20_000, 50)).max(axis=1).mean()
    assert expected_maximum_sharpe(50, 0.04) == pytest.approx(drawn, rel=0.02)


# --- properties ------------------------------------------------------------------------------------------------------

sharpes, moments = st.floats(-0.5, 0.5), st.tuples(st.floats(-1, 1), st.floats(2.5, 12))


@given(sharpes, moments, st.integers(2, 1000), st.floats(1e-6, 0.1))
def test_more_trials_never_make_a_sharpe_ratio_better(
    sharpe: float, moments: tuple, n_trials: int, variance: float
) -> None:
    one = deflated_sharpe_ratio(sharpe, 252, *moments, n_trials, variance)
    assert deflated_sharpe_ratio(sharpe, 252, *moments, n_trials + 1, variance) <= one
    assert one <= probabilistic_sharpe_ratio(sharpe, 0.0, 252, *moments)


@given(st.floats(0.01, 0.5), moments)
def test_a_track_record_of_the_minimum_length_is_just_significant(sharpe: float, moments: tuple) -> None:
    length = minimum_track_record_length(sharpe, 0.0, *moments)
    assert length is not None
    enough = math.ceil(length)
    assert probabilistic_sharpe_ratio(sharpe, 0.0, max(enough, 2), *moments) >= 0.95 - 1e-9
    if enough > 3:
        assert probabilistic_sharpe_ratio(sharpe, 0.0, enough - 1, *moments) <= 0.95


@given(st.floats(-0.5, 0.1), moments)
def test_no_length_proves_a_sharpe_ratio_below_its_benchmark(sharpe: float, moments: tuple) -> None:
    assert minimum_track_record_length(sharpe, 0.1, *moments) is None


# --- refusals --------------------------------------------------------------------------------------------------------


def test_a_kurtosis_in_excess_of_three_is_refused_with_the_mend() -> None:
    with pytest.raises(ValueError, match="3 for a normal"):
        probabilistic_sharpe_ratio(0.1, 0.0, 252, 0.0, 0.0)


@pytest.mark.parametrize(("n_trials", "variance"), [(0, 0.1), (5, -0.1), (5, math.nan)])
def test_impossible_trials_are_refused(n_trials: int, variance: float) -> None:
    with pytest.raises(ValueError, match="trials"):
        expected_maximum_sharpe(n_trials, variance)


def test_one_observation_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        probabilistic_sharpe_ratio(0.1, 0.0, 1, 0.0, 3.0)


@pytest.mark.parametrize("significance", [0.0, 0.5, 1.0])
def test_a_significance_that_is_none_is_refused(significance: float) -> None:
    with pytest.raises(ValueError, match="choose it between"):
        minimum_track_record_length(0.1, 0.0, 0.0, 3.0, significance)
