"""The states of trend and of volatility that are planted, and those that are not there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import polygamma

from configs.settings import HmmSettings
from quant_assets.regimes.detectors.hmm import RANGE_DEGREES, Hmm, state_fit
from quant_assets.regimes.detectors.protocol import StateFit, StateParameters
from tests.oracles.regime_markets import planted_market

SETTINGS = HmmSettings()


def fitted(aspect: str, signals: np.ndarray, settings: HmmSettings = SETTINGS, seed: int = 1) -> StateFit:
    result = state_fit(aspect, signals, settings, np.random.default_rng(seed))
    assert result is not None
    return result


def last(aspect: str, signals: np.ndarray, fit: StateFit) -> np.ndarray:
    names = ("mean", "variance", "degrees", "initial", "transition")
    parameters = StateParameters(*(getattr(fit, name)[None] for name in names))
    return Hmm.probabilities(aspect, signals[None], parameters, SETTINGS)[0]


def volatility_signals(seed: int, n: int = 1200, levels: tuple[float, float] = (0.9, 2.5)) -> tuple:
    """(T, 3) signals of a planted market, with a fund's range and none of members, and its volatile sessions."""
    market = planted_market(seed, n, levels)
    signals = np.column_stack([market.returns, market.ranges, np.full(n, np.nan)])
    return signals, market.volatile


# -- known values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("with_ranges", [False, True])
def test_planted_volatilities_are_found_through_fat_tails_and_no_third(with_ranges: bool) -> None:
    signals, volatile = volatility_signals(3)
    signals[:, 1] = signals[:, 1] if with_ranges else np.nan
    fit = fitted("volatility", signals)
    assert fit.mean.shape == (2, 3)
    assert np.sqrt(fit.variance[1, 0] / fit.variance[0, 0]) == pytest.approx(2.5 / 0.9, rel=0.15)
    assert (fit.posterior.argmax(axis=1) == volatile).mean() > 0.93
    assert np.isnan(fit.mean[:, 2]).all()
    assert np.isfinite(fit.mean[:, 1]).all() == with_ranges


def test_the_range_that_the_window_has_more_of_counts_the_funds_where_alike() -> None:
    signals, _ = volatility_signals(4)
    signals[:, 2] = 2 * signals[:, 1]
    assert np.isnan(fitted("volatility", signals).mean[0]).tolist() == [False, False, True]
    signals[:100, 1] = np.nan
    assert np.isnan(fitted("volatility", signals).mean[0]).tolist() == [False, True, False]


def test_one_wild_session_is_no_crisis_and_five_are() -> None:
    signals, _ = volatility_signals(5)
    fit = fitted("volatility", signals)
    quiet = np.tile([[0.3, 0.2, np.nan]], (60, 1))
    wild = quiet.copy()
    wild[-1] = [-4.0, 10.0, np.nan]
    assert last("volatility", quiet, fit)[1] < 0.01
    assert last("volatility", wild, fit)[1] < 0.5
    wild[-5:] = [-4.0, 10.0, np.nan]
    assert last("volatility", wild, fit)[1] > 0.95


def test_a_fit_takes_a_third_state_where_there_is_one() -> None:
    rng = np.random.default_rng(6)
    levels = np.repeat(np.tile([0.5, 1.2, 4.0], 6), 60)
    returns = levels * rng.standard_t(6, len(levels))
    nothing = np.full_like(returns, np.nan)
    assert len(fitted("volatility", np.column_stack([returns, nothing, nothing])).mean) == 3


def test_planted_drifts_order_the_trend_and_noise_leaves_the_prior() -> None:
    rng = np.random.default_rng(7)
    drift = np.repeat(np.tile([-0.4, 0.0, 0.4], 10), 60)
    planted = fitted("trend", rng.normal(drift, 1.0)[:, None])
    assert planted.mean[:, 0] == pytest.approx([-0.25, 0.0, 0.25], abs=0.1)
    assert np.ptp(planted.variance) == 0
    noise = fitted("trend", rng.normal(0.0, 1.0, (1800, 1)))
    assert np.abs(noise.mean[:, 0] - [-0.08, 0.0, 0.08]).max() < 0.06
    assert 1 / (1 - np.diag(noise.transition)) == pytest.approx([60, 60, 60], rel=0.5)


def test_the_degrees_of_a_range_are_those_of_a_brownian_path() -> None:
    rng = np.random.default_rng(8)
    path = np.cumsum(rng.normal(size=(4000, 1000)), axis=1)
    squared = (np.maximum(path.max(axis=1), 0) - np.minimum(path.min(axis=1), 0)) ** 2
    assert np.log(squared).var() == pytest.approx(polygamma(1, RANGE_DEGREES / 2), rel=0.08)


# -- properties --------------------------------------------------------------------------------------------------------


@given(st.floats(0.2, 5.0))
@settings(max_examples=5, deadline=None)
def test_the_level_of_prices_volatility_moves_the_parameters_and_no_probability(scale: float) -> None:
    signals, _ = volatility_signals(9, 400)
    scaled = signals * [scale, scale**2, scale**2]
    one, other = fitted("volatility", signals), fitted("volatility", scaled)
    np.testing.assert_allclose(other.variance[:, 0], scale**2 * one.variance[:, 0], rtol=1e-6)
    np.testing.assert_allclose(last("volatility", scaled, other), last("volatility", signals, one), atol=1e-6)


def test_more_starts_are_never_worse() -> None:
    signals, _ = volatility_signals(10, 400)
    fits = [fitted("volatility", signals, SETTINGS.model_copy(update={"random_starts": n})) for n in (0, 3)]
    assert fits[1].log_likelihood >= fits[0].log_likelihood - 0.5


def test_sessions_without_any_signal_move_the_states_by_the_transition_alone() -> None:
    signals, _ = volatility_signals(11, 400)
    fit = fitted("volatility", signals)
    blind = np.vstack([signals, np.full((3, 3), np.nan)])
    moved = last("volatility", signals, fit) @ np.linalg.matrix_power(fit.transition, 3)
    np.testing.assert_allclose(last("volatility", blind, fit), moved, atol=1e-12)


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_returns_that_never_move_have_no_parameters() -> None:
    assert state_fit("volatility", np.tile([[0.0, 1.0, 1.0]], (300, 1)), SETTINGS, np.random.default_rng(1)) is None


def test_a_session_that_never_left_its_price_has_no_range() -> None:
    signals, _ = volatility_signals(12, 400)
    flat, absent = signals.copy(), signals.copy()
    flat[::7, 1], absent[::7, 1] = 0.0, np.nan
    np.testing.assert_array_equal(fitted("volatility", flat).variance, fitted("volatility", absent).variance)
