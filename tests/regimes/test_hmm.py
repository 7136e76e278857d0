import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Regimes
from feature_store.schemas.features import INDUSTRY_RETURNS
from feature_store.schemas.regimes import HMM_FITS, VOLATILITY_STATES
from quant_assets.regimes.hmm import (
    Array,
    filter_states,
    fit,
    hmm_fits,
    log_density,
    log_likelihood,
    stationary,
    volatility_states,
)
from tests.lookahead import assert_stream_equals_batch
from tests.oracles.bundle import SHARED, needs
from tests.oracles.hmm import filtered_by_paths
from tests.oracles.panels import assert_stored_as, sessions, stored

STICKY = np.array([[0.9, 0.1], [0.1, 0.9]])
EVEN = np.array([0.5, 0.5])
REGIMES = Regimes(lookback_sessions=120, min_observations=60, max_iterations=100)
DAYS = sessions(140)


def two_regimes(seed: int, n: int = 400, calm: float = 0.5, wild: float = 2.0) -> tuple[Array, Array]:
    """Percent returns of planted blocks of calm and wild sessions, and which were wild."""
    rng = np.random.default_rng(seed)
    is_wild = (np.arange(n) // 50) % 2 == 1
    return rng.normal(0.05, np.where(is_wild, wild, calm)), is_wild


def industry_frame(series: dict[str, list[float | None]]) -> pl.DataFrame:
    rows = [(DAYS[t], name, r, 5) for name, path in series.items() for t, r in enumerate(path)]
    return pl.DataFrame(rows, schema=stored(INDUSTRY_RETURNS), orient="row").sort("event_date", "industry")


def random_models(seed: int, k: int, n: int) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 3, (n, k)), rng.dirichlet(np.ones(k), size=k), rng.dirichlet(np.ones(k))


# known values


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
    density = log_density(np.array(expected["x"]), np.array(model["means"])[:, 0], np.array(model["variances"])[:, 0])
    transition, initial = np.array(model["transmat"]), np.array(model["startprob"])
    filtered = filter_states(density, transition, initial)
    tolerance = reference["tolerance"]
    np.testing.assert_allclose(filtered, expected["filtered"], rtol=0, atol=tolerance["filtered"]["abs"])
    assert log_likelihood(density, transition, initial) == pytest.approx(
        expected["loglik"], rel=tolerance["loglik"]["rel"]
    )


def test_stationary_probabilities_of_two_states():
    assert stationary(np.array([[0.9, 0.1], [0.3, 0.7]])) == pytest.approx([0.75, 0.25])


def test_a_fit_finds_planted_regimes_and_orders_them_by_variance():
    returns, is_wild = two_regimes(1)
    model = fit(returns, 2, max_iterations=200)
    assert model.converged
    assert np.sqrt(model.variance) == pytest.approx([0.5, 2.0], rel=0.15)
    assert model.transition.diagonal().min() > 0.9
    filtered = filter_states(log_density(returns, model.mean, model.variance), model.transition, model.initial)
    assert ((filtered[:, 1] > 0.5) == is_wild).mean() > 0.95


def test_a_fit_that_runs_out_of_iterations_says_so_and_keeps_its_parameters():
    returns, _ = two_regimes(2)
    model = fit(returns, 2, max_iterations=2)
    assert not model.converged
    assert model.n_iterations == 2
    assert np.isfinite(model.log_likelihood)


def test_a_series_that_never_moves_is_held_up_by_the_floor():
    model = fit(np.zeros(100), 2, variance_floor=0.01)
    assert model.variance == pytest.approx([0.01, 0.01])


def test_one_huge_return_does_not_get_a_state_without_width():
    returns = np.append(np.random.default_rng(5).normal(0, 1, 200), 40.0)
    model = fit(returns, 2, max_iterations=200)
    assert model.variance.min() > 0.1


def test_the_stored_likelihood_is_that_of_the_stored_parameters():
    returns, _ = two_regimes(3)
    model = fit(returns, 3)
    density = log_density(returns, model.mean, model.variance)
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
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    np.testing.assert_allclose(filter_states(xs + constant, transition, initial), p, atol=1e-9)


@given(st.integers(0, 10**6), st.integers(2, 3))
@settings(max_examples=6, deadline=None)
def test_a_fit_is_a_sane_pure_function_of_its_returns(seed: int, k: int):
    returns = np.random.default_rng(seed).standard_t(4, 150)
    model, again = fit(returns, k), fit(returns.copy(), k)
    for name in ("mean", "variance", "initial", "transition"):
        np.testing.assert_array_equal(getattr(model, name), getattr(again, name))
    assert (np.diff(model.variance) >= 0).all()
    np.testing.assert_allclose(model.transition.sum(axis=1), 1.0)
    np.testing.assert_allclose(model.initial @ model.transition, model.initial, atol=1e-9)
    assert (model.transition > 0).all()


def planted_industries() -> pl.DataFrame:
    energy, tech = (two_regimes(seed, len(DAYS))[0] / 100 for seed in (1, 2))
    holes = [None if t % 9 == 0 else float(r) for t, r in enumerate(tech)]
    return industry_frame({"Energy": energy.tolist(), "Tech": holes, "Young": [0.01] * 20})


def test_fits_and_states_of_industries_keep_their_schemas():
    returns, session = planted_industries(), DAYS[-1]
    fits = hmm_fits(returns, session, REGIMES, seed=1)
    assert_stored_as(fits, HMM_FITS)
    assert fits.select("industry", "state").rows() == [("Energy", 0), ("Energy", 1), ("Tech", 0), ("Tech", 1)]
    assert fits["n_observations"].unique().sort().to_list() == [107, 120]  # Tech lacks 13 of 120
    assert fits["to_2"].null_count() == 4
    assert_frame_equal(fits, hmm_fits(returns, session, REGIMES, seed=2))
    states = volatility_states(returns, fits, session, REGIMES)
    assert_stored_as(states, VOLATILITY_STATES)
    assert states["industry"].to_list() == ["Energy", "Tech"]
    assert (states["p_0"] + states["p_1"]).to_list() == pytest.approx([1.0, 1.0])
    assert states["p_2"].null_count() == 2


def test_only_the_trailing_window_speaks():
    returns, session = planted_industries(), DAYS[-1]
    first = DAYS[-REGIMES.lookback_sessions]
    cut = returns.filter(pl.col("event_date") >= first)
    fits = hmm_fits(cut, session, REGIMES, seed=1)
    assert_frame_equal(fits, hmm_fits(returns, session, REGIMES, seed=1), check_exact=True)
    assert_frame_equal(
        volatility_states(cut, fits, session, REGIMES), volatility_states(returns, fits, session, REGIMES)
    )


def test_later_returns_change_neither_fits_nor_states():
    returns, session = planted_industries(), DAYS[-20]
    past = returns.filter(pl.col("event_date") <= session)
    fits = hmm_fits(past, session, REGIMES, seed=1)
    assert_frame_equal(fits, hmm_fits(returns, session, REGIMES, seed=1), check_exact=True)
    assert_frame_equal(
        volatility_states(past, fits, session, REGIMES),
        volatility_states(returns, fits, session, REGIMES),
        check_exact=True,
    )


def test_the_states_of_an_industry_are_the_last_row_of_its_filter():
    returns, session = planted_industries(), DAYS[-1]
    fits = hmm_fits(returns, session, REGIMES, seed=1)
    model = fits.filter(industry="Energy")
    x = returns.filter(industry="Energy")["log_return"].tail(120).to_numpy() * 100
    density = log_density(x, model["mean"].to_numpy(), model["variance"].to_numpy())
    filtered = filter_states(density, model.select("to_0", "to_1").to_numpy(), model["initial"].to_numpy())
    states = volatility_states(returns, fits, session, REGIMES).filter(industry="Energy")
    assert states.select("p_0", "p_1").row(0) == pytest.approx(tuple(filtered[-1]), abs=1e-12)


def test_an_industry_without_a_fit_or_without_returns_has_no_state():
    returns, session = planted_industries(), DAYS[-1]
    fits = hmm_fits(returns, session, REGIMES, seed=1)
    assert volatility_states(returns.filter(industry="Tech"), fits, session, REGIMES)["industry"].to_list() == ["Tech"]
    assert volatility_states(returns, fits.clear(), session, REGIMES).is_empty()
    assert_stored_as(volatility_states(returns.clear(), fits, session, REGIMES), VOLATILITY_STATES)
    assert_stored_as(hmm_fits(returns.clear(), session, REGIMES, seed=1), HMM_FITS)


# refusals


def test_a_transposed_transition_is_refused_with_the_mend():
    with pytest.raises(ValueError, match="transpose"):
        filter_states(np.zeros((2, 2)), np.array([[0.9, 0.2], [0.1, 0.8]]), EVEN)


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


def test_missing_and_too_few_returns_are_refused_by_the_fit():
    with pytest.raises(ValueError, match="drop sessions without a return"):
        fit(np.append(np.zeros(100), np.nan), 2)
    with pytest.raises(ValueError, match="cannot carry 2 states"):
        fit(np.ones(19), 2)
