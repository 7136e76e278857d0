import json

import numpy as np
import pytest
from hmmlearn.hmm import GaussianHMM
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.numerics import hidden_markov
from quant_assets.numerics.arrays import Array
from quant_assets.numerics.hidden_markov import (
    expected_states,
    filter_states,
    last_states,
    log_density,
    log_likelihood,
    stationary,
)
from tests.oracles.bundle import SHARED, needs
from tests.oracles.hmm import filtered_by_paths
from tests.support.lookahead import assert_stream_equals_batch

STICKY = np.array([[0.9, 0.1], [0.1, 0.9]])
EVEN = np.array([0.5, 0.5])


def random_models(seed: int, k: int, n: int) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 3, (n, k)), rng.dirichlet(np.ones(k), size=k), rng.dirichlet(np.ones(k))


# known values: the filter


def test_two_agreeing_observations_sharpen_the_filter():
    p = filter_states(np.log([[0.75, 0.25]] * 2), STICKY, EVEN)
    assert p == pytest.approx(np.array([[0.75, 0.25], [0.875, 0.125]]))  # 0.7·3 : 0.3·1


def test_nothing_observed_moves_the_probabilities_by_the_transition_alone():
    p = filter_states(np.zeros((3, 2)), STICKY, np.array([1.0, 0.0]))
    assert p == pytest.approx(np.array([[1.0, 0.0], [0.9, 0.1], [0.82, 0.18]]))


def test_a_state_of_vanishing_probability_can_still_win():
    transition, initial = np.array([[1 - 1e-300, 1e-300], [0.5, 0.5]]), np.array([1.0, 0.0])
    p = filter_states(np.array([[0.0, 0.0], [-2000.0, 0.0]]), transition, initial)
    assert p[1] == pytest.approx([0.0, 1.0])


@pytest.mark.shared
@needs("reference/hmm_filter.json")
@pytest.mark.parametrize("case", ["A", "C"])
def test_the_filter_is_hmmlearns_prefix_by_prefix_even_37_sigma_out(case: str):
    reference = json.loads((SHARED / "reference/hmm_filter.json").read_text())
    model, expected = reference["A"], reference[case]
    signals = np.array(expected["x"])[:, None]
    mean, variance = np.array(model["means"]).reshape(-1, 1), np.array(model["variances"]).reshape(-1, 1)
    density = log_density(signals, mean, variance)
    transition, initial = np.array(model["transmat"]), np.array(model["startprob"])
    filtered = filter_states(density, transition, initial)
    tolerance = reference["tolerance"]
    np.testing.assert_allclose(filtered, expected["filtered"], rtol=0, atol=tolerance["filtered"]["abs"])
    assert log_likelihood(density, transition, initial) == pytest.approx(
        expected["loglik"], rel=tolerance["loglik"]["rel"]
    )


def test_the_density_of_two_signals_is_the_product_of_theirs_and_nothing_where_one_is_missing():
    signals, mean, variance = np.array([[0.0, 2.0], [np.nan, 2.0]]), np.array([[1.0, 2.0]]), np.array([[4.0, 9.0]])
    density = log_density(signals, mean, variance)
    assert density[0] == pytest.approx(-0.5 * (np.log(2 * np.pi * 4) + 0.25 + np.log(2 * np.pi * 9)))
    assert density[1] == 0.0


def test_stationary_probabilities_of_two_states():
    assert stationary(np.array([[0.9, 0.1], [0.3, 0.7]])) == pytest.approx([0.75, 0.25])


# properties


@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 6))
@settings(max_examples=25, deadline=None)
def test_the_filter_sums_over_all_paths(seed: int, k: int, n: int):
    model = random_models(seed, k, n)
    slow, evidence = filtered_by_paths(*model)
    np.testing.assert_allclose(filter_states(*model), slow, atol=1e-12)
    assert log_likelihood(*model) == pytest.approx(evidence)


@given(st.integers(0, 10**6), st.integers(1, 3))
@settings(max_examples=15, deadline=None)
def test_feeding_one_observation_at_a_time_gives_the_same_filter(seed: int, k: int):
    xs, transition, initial = random_models(seed, k, 30)

    def step(predicted: Array | None, x: Array) -> tuple[Array, Array]:
        filtered = filter_states(x[None, :], transition, initial if predicted is None else predicted)[0]
        return filtered @ transition, filtered

    assert_stream_equals_batch(step, lambda x: filter_states(x, transition, initial), xs)


@given(st.integers(0, 10**6), st.integers(1, 29))
@settings(max_examples=15, deadline=None)
def test_the_filter_never_sees_tomorrow(seed: int, cut: int):
    xs, transition, initial = random_models(seed, 3, 30)
    np.testing.assert_array_equal(
        filter_states(xs[:cut], transition, initial), filter_states(xs, transition, initial)[:cut]
    )


@given(st.integers(0, 10**6), st.floats(-700, 700))
@settings(max_examples=15, deadline=None)
def test_probabilities_sum_to_one_and_ignore_a_constant(seed: int, constant: float):
    xs, transition, initial = random_models(seed, 3, 20)
    p = filter_states(xs, transition, initial)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(filter_states(xs + constant, transition, initial), p, atol=1e-9)


@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 2), st.integers(1, 20))
@settings(max_examples=20, deadline=None)
def test_many_series_at_once_are_each_the_last_row_of_its_own_filter(seed: int, k: int, d: int, n: int):
    rng = np.random.default_rng(seed)
    signals = np.where(rng.random((4, n, d)) < 0.1, np.nan, rng.normal(0, 2, (4, n, d)))
    mean, variance = rng.normal(0, 1, (4, k, d)), rng.uniform(0.1, 2, (4, k, d))
    transition, initial = rng.dirichlet(np.ones(k), size=(4, k)), rng.dirichlet(np.ones(k), size=4)
    together = last_states(signals, mean, variance, transition, initial)
    for i in range(4):
        one = filter_states(log_density(signals[i], mean[i], variance[i]), transition[i], initial[i])
        np.testing.assert_array_equal(together[i], one[-1])


@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(2, 30))
@settings(max_examples=15, deadline=None)
def test_what_is_expected_over_a_window_is_hmmlearns_forward_and_backward_pass(seed: int, k: int, n: int):
    density, transition, _ = random_models(seed, k, n)
    model = GaussianHMM(k, implementation="log")
    model.startprob_, model.transmat_ = np.full(k, 1 / k), transition
    model._compute_log_likelihood, model._check = lambda x: density, lambda: None
    evidence, posterior = model.score_samples(np.zeros((n, 1)))
    smoothed, counts, total = expected_states(density, transition)
    np.testing.assert_allclose(smoothed, posterior, atol=1e-10)
    assert total == pytest.approx(evidence)
    assert counts.sum() == pytest.approx(n - 1)
    np.testing.assert_allclose(counts.sum(axis=1), smoothed[:-1].sum(axis=0), atol=1e-9)
    np.testing.assert_allclose(counts.sum(axis=0), smoothed[1:].sum(axis=0), atol=1e-9)


def test_states_last_as_long_as_they_are_made_to():
    chain = hidden_markov.sticky(3, 60.0)
    np.testing.assert_allclose(1 / (1 - np.diag(chain)), 60.0)
    np.testing.assert_allclose(chain.sum(axis=1), 1.0)


# refusals


def test_a_transposed_transition_is_refused_with_the_mend():
    with pytest.raises(ValueError, match="transpose"):
        filter_states(np.zeros((2, 2)), np.array([[0.9, 0.2], [0.1, 0.8]]), EVEN)
    with pytest.raises(ValueError, match="transpose"):
        last_states(np.zeros((1, 2, 1)), np.zeros((1, 2, 1)), np.ones((1, 2, 1)), np.full((1, 2, 2), 0.7), EVEN[None])


@pytest.mark.parametrize(
    ("log_density_", "transition", "initial", "message"),
    [
        (np.zeros((2, 3)), STICKY, EVEN, "do not fit"),
        (np.zeros((2, 2)), np.array([[1.5, -0.5], [0.5, 0.5]]), EVEN, "0 or more"),
        (np.zeros((2, 2)), STICKY, np.array([0.5, 0.6]), "sum to 1"),
        (np.array([[0.0, 0.0], [np.nan, 0.0]]), STICKY, EVEN, "row 1 holds NaN"),
        (np.array([[0.0, 0.0], [-np.inf, -np.inf]]), STICKY, EVEN, "observation 1 is impossible"),
        (np.array([[-np.inf, 0.0]]), np.eye(2), np.array([1.0, 0.0]), "observation 0 is impossible"),
    ],
)
def test_what_is_no_hidden_markov_model_is_refused(
    log_density_: Array, transition: Array, initial: Array, message: str
):
    with pytest.raises(ValueError, match=message):
        filter_states(log_density_, transition, initial)
