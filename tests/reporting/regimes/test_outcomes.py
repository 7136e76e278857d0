import numpy as np
import pytest

from quant_assets.regimes.confirmation import UNKNOWN
from quant_assets.reporting.regimes import hindsight
from quant_assets.reporting.regimes.outcomes import (
    changes_per_year,
    curves,
    later_return,
    later_volatility,
    transitions,
    worth,
)
from quant_assets.reporting.regimes.study import correlation_matrix

STATES = np.array([[0, 1], [0, 1], [1, UNKNOWN], [1, 1], [0, 0]])

# known values


def test_outcomes_begin_after_the_session_and_end_where_they_have_come() -> None:
    returns = np.array([[1.0], [2.0], [3.0], [4.0]])
    np.testing.assert_array_equal(later_return(returns, 2)[:, 0], [5.0, 7.0, np.nan, np.nan])
    expected = np.sqrt((4 + 9) / 2 * 252)
    assert later_volatility(returns, 2)[0, 0] == pytest.approx(expected)
    assert np.isnan(later_return(returns, 9)).all()


def test_transitions_count_pairs_that_are_known() -> None:
    rows = transitions(STATES, ("low", "high"))
    assert rows["from"].to_list() == ["low", "high"]
    assert rows["to high"].to_list() == pytest.approx([1 / 2, 2 / 4])  # low: 1 of 2; high: 1-1, 1-1, 1-0, 1-0
    assert rows["mean_life"].to_list() == pytest.approx([2.0, 2.0])
    assert rows["entries"].to_list() == [2.0, 1.0]
    assert transitions(STATES, ("low", "high", "never")).row(2)[1:4] == (None, None, None)


def test_changes_are_those_of_sessions_with_a_state() -> None:
    assert changes_per_year(STATES).tolist() == pytest.approx([2 * 252 / 5, 252 / 4])
    assert np.isnan(changes_per_year(np.full((3, 1), UNKNOWN))).all()


def test_a_state_is_worth_what_came_from_the_session_after_the_next_on() -> None:
    returns = np.array([[9.0, 9.0], [9.0, 9.0], [0.01, 0.03], [0.02, np.nan], [0.05, 0.05]])
    low, high = worth(STATES, ("low", "high"), returns, np.empty((5, 0))).rows(named=True)
    assert (low["sessions"], high["sessions"]) == (2, 2)  # low: the first two sessions of the first industry
    assert low["return_annual"] == pytest.approx(0.015 * 252)
    assert high["return_annual"] == pytest.approx((0.03 + 0.05) / 2 * 252)  # 0.03 of the second, 0.05 of the first
    assert (low["fraction"], high["fraction"]) == pytest.approx((4 / 9, 5 / 9))
    assert low["t"] == pytest.approx(0.015 / (np.std([0.01, 0.02], ddof=1) / np.sqrt(2)))


def test_a_probability_that_is_an_outcome_is_calibrated() -> None:
    rng = np.random.default_rng(1)
    wild = np.repeat(rng.random(60) < 0.5, 30)[:, None]
    returns = np.where(wild, 0.03, 0.005) * np.where(rng.random(wild.shape) < 0.5, -1, 1)
    ahead = np.where(np.isnan(later_volatility(returns)), np.nan, later_volatility(returns) >= 0.25)
    named = {"crisis": ahead, "turbulent": np.zeros_like(ahead), "bull": np.full_like(ahead, 0.5)}
    crisis, turbulent, bull = curves(named, returns)
    assert crisis.brier_skill == 1.0
    assert turbulent.brier_skill is not None
    assert turbulent.brier_skill < 1.0
    assert crisis.points.error == 0.0
    assert bull.slope is None  # it never moves
    assert crisis.n_independent == len(returns) // 21 - 1


def test_correlations_need_half_of_the_sessions() -> None:
    x = np.random.default_rng(1).normal(size=(20, 3))
    x[:, 1] = 2 * x[:, 0]
    x[:11, 2] = np.nan
    found = correlation_matrix(x)
    assert found[0, 1] == pytest.approx(1.0)
    assert np.isnan(found[2]).all()


def test_hindsight_finds_where_volatility_broke_and_times_what_was_detected() -> None:
    rng = np.random.default_rng(2)
    returns = np.concatenate([rng.normal(0, 0.005, 150), rng.normal(0, 0.03, 150)])
    ends = hindsight.segments(np.log(np.abs(returns) + hindsight.QUIET))
    assert len(ends) == 2
    assert abs(ends[0] - 150) <= 5
    detected = np.where(np.arange(300) < ends[0] + 8, 0, 2)
    found = hindsight.timing(returns, detected)
    assert found is not None
    assert (found.median_delay, found.missed_rate, found.false_alarms) == (8.0, 0.0, 0)


# refusals


def test_too_little_is_no_timing_and_a_constant_one_segment() -> None:
    assert hindsight.timing(np.zeros(30), np.zeros(30, dtype=int)) is None
    assert hindsight.segments(np.ones(100)) == [100]
