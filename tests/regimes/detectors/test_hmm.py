import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

from quant_assets.numerics.arrays import Array
from quant_assets.numerics.expectation_maximization import _run
from quant_assets.regimes.detectors.hmm import (
    filter_states,
    fit,
    last_states,
    log_density,
    log_likelihood,
    moves,
    stationary,
)
from tests.oracles.bundle import SHARED, needs
from tests.oracles.hmm import filtered_by_paths, simulated, sticky
from tests.support.lookahead import assert_stream_equals_batch

STICKY = np.array([[0.9, 0.1], [0.1, 0.9]])
EVEN = np.array([0.5, 0.5])
PARAMETERS = ("mean", "variance", "initial", "transition")


def random_models(seed: int, k: int, n: int) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 3, (n, k)), rng.dirichlet(np.ones(k), size=k), rng.dirichlet(np.ones(k))


def two_states(seed: int, n: int = 500) -> Array:
    return simulated(np.random.default_rng(seed), n, np.array([[-1.0], [1.0]]), np.ones((2, 1)), sticky(2, 0.97))[0]


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


# known values: the fit


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


def test_an_observation_too_far_out_for_scaled_probabilities_is_fitted_in_logarithms():
    signals = np.random.default_rng(5).normal(0, 1, (1260, 2))
    signals[700] = 1e4
    standardized = (signals - signals.mean(axis=0)) / signals.std(axis=0)
    far = np.zeros((2, 2)), np.ones((2, 2))
    with pytest.raises(ValueError, match="underflow"):
        _run(standardized, *far, sticky(2, 0.95), 100, 0.01, "scaling")
    model = fit(signals, 2, random_starts=3, rng=np.random.default_rng(1))
    assert np.isfinite(model.log_likelihood)


def test_logarithms_and_scaled_probabilities_agree():
    standardized = two_states(5)
    start = np.array([[-1.0], [1.0]]), np.ones((2, 1))
    logs, scaled = (_run(standardized, *start, sticky(2, 0.95), 50, 1e-4, how) for how in ("log", "scaling"))
    for name in ("mean", "transition", "variance"):
        np.testing.assert_allclose(getattr(logs, name), getattr(scaled, name), rtol=1e-9)


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
