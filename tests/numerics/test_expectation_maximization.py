import warnings

import numpy as np
import pytest
from hmmlearn.hmm import GaussianHMM
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

from quant_assets.numerics.arrays import Array
from quant_assets.numerics.expectation_maximization import Prior, expectation_maximization, fit, moves, of_data
from quant_assets.numerics.hidden_markov import filter_states, log_density, log_likelihood
from tests.oracles.hmm import simulated, sticky

PARAMETERS = ("mean", "variance", "initial", "transition")


def two_states(seed: int, n: int = 500) -> Array:
    return simulated(np.random.default_rng(seed), n, np.array([[-1.0], [1.0]]), np.ones((2, 1)), sticky(2, 0.97))[0]


# known values


@pytest.mark.parametrize("k", [2, 3])
def test_a_fit_finds_planted_states_of_two_signals_and_orders_them_by_the_first(k: int):
    mean = np.array([[1.5, 4.0], [-1.5, -4.0], [0.0, 0.0]])[:k]
    deviation = np.array([[0.4, 1.0], [0.6, 2.0], [0.3, 0.8]])[:k]
    signals, states = simulated(np.random.default_rng(1), 2000, mean, deviation, sticky(k, 0.97))
    model = fit(signals, k)
    order = np.argsort(mean[:, 0])
    assert model.converged
    np.testing.assert_allclose(model.mean, mean[order], atol=0.2)
    np.testing.assert_allclose(np.sqrt(model.variance), deviation[order], rtol=0.1)
    np.testing.assert_allclose(model.transition, sticky(k, 0.97), atol=0.02)
    filtered = filter_states(log_density(signals, model.mean, model.variance), model.transition, model.initial)
    assert (order[filtered.argmax(axis=1)] == states).mean() > 0.97


def test_a_fit_is_statsmodels_maximum_likelihood_but_for_its_priors():
    signals = two_states(4, 1000)
    ours = fit(signals, 2, max_iterations=1000, tolerance=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its optimizer
        theirs = MarkovRegression(signals[:, 0], k_regimes=2, switching_variance=True).fit(disp=False)
    constants, variances = (
        theirs.params[[theirs.model.param_names.index(f"{n}[{k}]") for k in (0, 1)]] for n in ("const", "sigma2")
    )
    order = np.argsort(constants)
    assert ours.mean[:, 0] == pytest.approx(constants[order], abs=0.01)
    assert ours.variance[:, 0] == pytest.approx(variances[order], rel=0.01)
    transition = theirs.regime_transition[:, :, 0].T[np.ix_(order, order)]
    np.testing.assert_allclose(ours.transition, transition, atol=0.01)
    assert 0 <= theirs.llf - ours.log_likelihood < 0.1


def test_the_best_start_wins():
    # The states differ in the second signal alone, and the first start sorts by the first.
    mean, deviation = np.array([[0.0, -3.0], [0.02, 3.0], [0.04, 0.0]]), np.array([[1.0, 0.5]] * 3)
    signals, _ = simulated(np.random.default_rng(4), 300, mean, deviation, sticky(3, 0.95))
    alone = fit(signals, 3)
    several = [fit(signals, 3, random_starts=n, rng=np.random.default_rng(8)) for n in (1, 5)]
    likelihoods = [model.log_likelihood for model in (alone, *several)]
    assert likelihoods == sorted(likelihoods)
    assert likelihoods[-1] > likelihoods[0] + 100


def test_starts_that_find_the_same_leave_the_first():
    signals = two_states(3)
    first, several = fit(signals, 2), fit(signals, 2, random_starts=3, rng=np.random.default_rng(1))
    for name in PARAMETERS:
        np.testing.assert_array_equal(getattr(first, name), getattr(several, name))


def test_a_fit_that_runs_out_of_iterations_says_so_and_keeps_its_parameters():
    model = fit(two_states(2), 2, max_iterations=2)
    assert not model.converged
    assert model.n_iterations == 2
    assert np.isfinite(model.log_likelihood)


def test_one_huge_observation_does_not_get_a_state_without_width():
    signals = np.append(np.random.default_rng(5).normal(0, 1, 200), 40.0)
    model = fit(signals, 2)
    assert model.variance.min() > 0.1


def test_a_state_of_repeated_values_is_held_up_by_the_floor():
    signals = np.append(np.zeros(300), np.random.default_rng(5).normal(5, 1, 100))
    model = fit(signals, 2, variance_floor=0.01)
    assert model.variance[0] == pytest.approx(0.01 * signals.var())


def test_an_observation_too_far_out_for_any_density_is_fitted():
    signals = np.random.default_rng(5).normal(0, 1, (1260, 2))
    signals[700] = 1e4
    assert np.isfinite(fit(signals, 2, random_starts=3, rng=np.random.default_rng(1)).log_likelihood)


def test_em_is_hmmlearns_under_the_same_prior():
    signals = simulated(
        np.random.default_rng(5), 400, np.array([[-1.0, 0.5], [1.0, 0.0]]), np.ones((2, 2)), sticky(2, 0.97)
    )[0]
    model = GaussianHMM(
        2, "diag", n_iter=20, tol=-np.inf, params="tmc", init_params="", covars_prior=1.0, covars_weight=2.0,
        transmat_prior=1.5,
    )  # fmt: skip
    model.startprob_, model.transmat_ = np.full(2, 0.5), sticky(2, 0.95)
    start = np.array([[-1.0, 0.0], [1.0, 0.0]]), np.ones((2, 2))
    model.means_, model.covars_ = (x.copy() for x in start)
    model.fit(signals)
    prior = Prior(np.ones(2), np.full((2, 2), 0.5), np.zeros((2, 2)))
    ours = expectation_maximization(signals, *start, sticky(2, 0.95), prior, 20, -1.0)
    for one, other in ((ours.mean, model.means_), (ours.variance, model._covars_), (ours.transition, model.transmat_)):
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_a_prior_of_the_mean_weighs_as_many_sessions_as_it_says():
    signals = np.random.default_rng(5).normal(1.0, 1.0, (300, 1))
    prior = Prior(np.ones(1), np.ones((1, 1)), np.zeros((1, 1)), 100.0, tied=True)
    ended = expectation_maximization(signals, np.zeros((1, 1)), np.ones((1, 1)), np.ones((1, 1)), prior, 3, -1.0)
    assert ended.mean[0, 0] == pytest.approx(300 * signals.mean() / 400)


def test_tied_states_have_one_variance_that_of_what_their_means_leave():
    signals = two_states(4)
    prior = of_data(signals, 2)
    tied = Prior(prior.variance, prior.transition, prior.mean, tied=True)
    start = np.array([[-1.0], [1.0]]), np.ones((2, 1)), sticky(2, 0.95)
    ended = expectation_maximization(signals, *start, tied, 200, 1e-6)
    assert ended.variance[0, 0] == ended.variance[1, 0] == pytest.approx(1.0, abs=0.15)
    assert ended.mean[:, 0] == pytest.approx([-1.0, 1.0], abs=0.2)


def test_the_units_of_the_signals_do_not_matter():
    signals = two_states(7)
    model, scaled = fit(signals, 2), fit(1e-4 * signals + 3.0, 2)
    np.testing.assert_allclose(scaled.mean, 1e-4 * model.mean + 3.0, rtol=1e-6)
    np.testing.assert_allclose(scaled.variance, 1e-8 * model.variance, rtol=1e-6)
    np.testing.assert_allclose(scaled.transition, model.transition, atol=1e-6)


def test_the_stored_likelihood_is_that_of_the_stored_parameters():
    signals = two_states(3)
    model = fit(signals, 3)
    density = log_density(signals, model.mean, model.variance)
    assert model.log_likelihood == log_likelihood(density, model.transition, model.initial)


# properties


@given(st.integers(0, 10**6), st.integers(2, 3), st.integers(1, 2))
@settings(max_examples=6, deadline=None)
def test_a_fit_is_a_sane_pure_function_of_its_signals_and_its_rng(seed: int, k: int, d: int):
    signals = np.random.default_rng(seed).standard_t(4, (150, d))
    model, again = (fit(s, k, random_starts=2, rng=np.random.default_rng(3)) for s in (signals, signals.copy()))
    for name in PARAMETERS:
        np.testing.assert_array_equal(getattr(model, name), getattr(again, name))
    assert (np.diff(model.mean[:, 0]) >= 0).all()
    assert (model.variance > 0).all()
    np.testing.assert_allclose(model.transition.sum(axis=1), 1.0)
    np.testing.assert_allclose(model.initial @ model.transition, model.initial, atol=1e-9)
    assert (model.transition > 0).all()


def test_a_column_is_a_vector():
    signals = two_states(9)
    np.testing.assert_array_equal(fit(signals, 2).mean, fit(signals[:, 0], 2).mean)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e6])
def test_rounding_is_no_movement(value: float):
    rng = np.random.default_rng(1)
    constant = np.full((100, 1), value)
    assert not moves(constant)
    assert not moves(constant * (1 + rng.uniform(-1e-15, 1e-15, constant.shape)))
    assert moves(constant + rng.normal(0, 1.0, constant.shape))


# refusals


@pytest.mark.parametrize(
    ("signals", "message"),
    [
        (np.append(np.arange(100.0), np.nan), "drop sessions without a signal"),
        (np.append(np.arange(100.0), -np.inf), "drop sessions without a signal"),
        (np.arange(19.0), "cannot carry 2 states"),
        (np.ones(100), "never moves"),
        (np.column_stack([np.arange(100.0), np.ones(100)]), "never moves"),
    ],
)
def test_signals_that_cannot_carry_states_are_refused_by_the_fit(signals: Array, message: str):
    with pytest.raises(ValueError, match=message):
        fit(signals, 2)


def test_random_starts_without_a_generator_are_refused():
    with pytest.raises(ValueError, match="need an rng"):
        fit(two_states(1), 2, random_starts=1)
