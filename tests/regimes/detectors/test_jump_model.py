"""The path of a jump model against every path there is, its online inference, and what it makes of planted states."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.settings import JumpModelSettings
from quant_assets.regimes.detectors.jump_model import JumpModel, best_path, fit, online_costs, state_fit
from quant_assets.regimes.detectors.protocol import StateParameters
from tests.oracles.regime_markets import planted_market
from tests.support.lookahead import assert_stream_equals_batch

SETTINGS = JumpModelSettings()


def costs(seed: int, n: int, k: int) -> np.ndarray:
    return np.random.default_rng(seed).exponential(1.0, (n, k))


def cost_of(path: tuple[int, ...], of: np.ndarray, penalty: float) -> float:
    switches = sum(a != b for a, b in itertools.pairwise(path))
    return float(of[np.arange(len(path)), path].sum() + penalty * switches)


# -- known values ------------------------------------------------------------------------------------------------------


def test_a_penalty_of_nothing_takes_the_nearest_and_one_beyond_all_never_switches() -> None:
    of = costs(1, 30, 3)
    np.testing.assert_array_equal(best_path(of, 0.0)[0], of.argmin(axis=1))
    states, total = best_path(of, 1e6)
    assert set(states) == {of.sum(axis=0).argmin()}
    assert total == pytest.approx(of.sum(axis=0).min())


def test_planted_states_are_found_with_and_without_ranges() -> None:
    market = planted_market(3, 1200, (0.9, 2.5))
    nothing = np.full(1200, np.nan)
    for ranges, expected in ((nothing, 0.75), (0.5 * np.log(market.ranges), 0.93)):
        signals = np.column_stack([np.sqrt(np.abs(market.returns)), ranges, nothing])
        result = state_fit("volatility", signals, SETTINGS, np.random.default_rng(1))
        assert result is not None
        assert (result.posterior.argmax(axis=1) == market.volatile).mean() > expected
        assert np.isnan(result.mean[:, 2]).all()
        assert result.mean[0, 0] < result.mean[1, 0]


@pytest.mark.parametrize(("penalty", "objective"), [(3.0, 658.4053380532608), (20.0, 857.1755262745328)])
def test_the_objective_is_that_of_its_authors_package(penalty: float, objective: float) -> None:
    # jumpmodels 0.1.1, JumpModel(n_components=2, jump_penalty=penalty, random_state=0, n_init=10) on the same features;
    # its paths, fitted and online, are ours on every session too.
    market = planted_market(0, 1000, (0.9, 2.5))
    x = np.column_stack([np.sqrt(np.abs(market.returns)), 0.5 * np.log(market.ranges)])
    settings_ = SETTINGS.model_copy(update={"jump_penalty": penalty})
    result = fit((x - x.mean(axis=0)) / x.std(axis=0), settings_, np.random.default_rng(1))
    assert result.objective == pytest.approx(objective, rel=1e-12)


def test_what_a_fit_minimizes_is_what_its_means_and_its_path_cost() -> None:
    x = np.random.default_rng(2).normal(np.repeat([-1.0, 1.0, -1.0], 40), 0.5)[:, None]
    result = fit(x, SETTINGS, np.random.default_rng(1))
    squares = 0.5 * ((x - result.mean[result.states]) ** 2).sum()
    assert result.objective == pytest.approx(squares + 2 * SETTINGS.jump_penalty)
    assert result.converged
    assert result.mean[:, 0] == pytest.approx([-1.0, 1.0], abs=0.2)


# -- properties --------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 3), st.floats(0, 3))
@settings(max_examples=40, deadline=None)
def test_no_path_costs_less(seed: int, n: int, k: int, penalty: float) -> None:
    of = costs(seed, n, k)
    states, total = best_path(of, penalty)
    every = [cost_of(path, of, penalty) for path in itertools.product(range(k), repeat=n)]
    assert total == pytest.approx(min(every))
    assert cost_of(tuple(states), of, penalty) == pytest.approx(total)


@given(st.integers(0, 10**6), st.floats(0, 3))
@settings(max_examples=10, deadline=None)
def test_feeding_one_session_at_a_time_gives_the_same_costs(seed: int, penalty: float) -> None:
    def step(before: np.ndarray | None, now: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        reached = now if before is None else now + np.minimum(before, before.min() + penalty)
        return reached, reached

    assert_stream_equals_batch(step, lambda of: online_costs(of, penalty), costs(seed, 30, 3), atol=0.0)


def test_what_costs_alike_is_uncertain_and_a_single_wild_session_is_no_switch() -> None:
    parameters = StateParameters(
        np.array([[[-1.0], [1.0]]]), np.ones((1, 2, 1)), np.full((1, 1), np.nan), np.full((1, 2), 0.5),
        np.array([[[0.99, 0.01], [0.01, 0.99]]]),
    )  # fmt: skip
    even = JumpModel.probabilities("trend", np.zeros((1, 5, 1)), parameters, SETTINGS)
    np.testing.assert_allclose(even, [[0.5, 0.5]])
    calm = np.full((1, 20, 1), -1.0)
    calm[0, -1] = 1.5
    assert JumpModel.probabilities("trend", calm, parameters, SETTINGS)[0, 1] < 0.5
    calm[0, -4:] = 1.5
    assert JumpModel.probabilities("trend", calm, parameters, SETTINGS)[0, 1] > 0.5


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_states_need_parameters() -> None:
    with pytest.raises(ValueError, match="pass those in force"):
        JumpModel.probabilities("trend", np.zeros((1, 5, 1)), None, SETTINGS)
