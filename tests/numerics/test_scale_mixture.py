"""The density of returns and ranges against SciPy and against an integral, and EM against SciPy's own optimizer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import digamma
from scipy.stats import chi2, gamma, norm
from scipy.stats import t as student

from quant_assets.numerics.hidden_markov import expected_states
from quant_assets.numerics.scale_mixture import ScaleMixture, _digamma, fit_scale_mixture, log_densities

MODEL = ScaleMixture(np.array([0.1, -0.2]), np.array([0.5, 3.0]), 5.0, 0.9, 7.0, np.array([[0.98, 0.02], [0.03, 0.97]]))


def simulated(seed: int, n: int, model: ScaleMixture = MODEL) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns, ranges and states of the model itself."""
    rng = np.random.default_rng(seed)
    states = np.zeros(n, dtype=np.int64)
    for t in range(1, n):
        states[t] = rng.choice(2, p=model.transition[states[t - 1]])
    scale = model.variance[states] * model.degrees / rng.chisquare(model.degrees, n)
    shape = model.range_degrees / 2
    ranges = model.range_ratio * scale * rng.gamma(shape, 1 / shape, n)
    return rng.normal(model.mean[states], np.sqrt(scale)), ranges, states


# -- known values ------------------------------------------------------------------------------------------------------


def test_a_return_alone_is_a_student_t() -> None:
    returns = np.array([-3.0, 0.0, 0.4, np.nan])
    density = log_densities(returns, np.full(4, np.nan), MODEL)
    for k in range(2):
        expected = student.logpdf(returns[:3], 5.0, MODEL.mean[k], np.sqrt(MODEL.variance[k]))
        np.testing.assert_allclose(density[:3, k], expected)
    assert (density[3] == 0).all()


def test_a_return_and_a_range_share_the_scale_of_their_session() -> None:
    r, x = 0.7, 0.4
    for k in range(2):

        def joint(z: float, k: int = k) -> float:
            s = MODEL.variance[k] * MODEL.degrees / z
            shape = MODEL.range_degrees / 2
            of_range = gamma.pdf(x, shape, scale=MODEL.range_ratio * s / shape)
            return float(norm.pdf(r, MODEL.mean[k], np.sqrt(s)) * of_range * chi2.pdf(z, MODEL.degrees))

        expected = np.log(quad(joint, 0, 200, limit=200)[0])
        assert log_densities(np.array([r]), np.array([x]), MODEL)[0, k] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("with_ranges", [False, True])
def test_em_finds_what_made_the_data(with_ranges: bool) -> None:
    returns, ranges, states = simulated(1, 6000)
    observed = ranges if with_ranges else np.full_like(ranges, np.nan)
    start = ScaleMixture(np.zeros(2), np.array([0.3, 1.5]), 8.0, 1.5, 7.0, np.array([[0.9, 0.1], [0.1, 0.9]]))
    ended = fit_scale_mixture(returns, observed, start, np.ones((2, 2)), 500, 1e-4)
    assert ended.settled
    np.testing.assert_allclose(ended.model.variance, MODEL.variance, rtol=0.12)
    np.testing.assert_allclose(ended.model.mean, MODEL.mean, atol=0.12)
    np.testing.assert_allclose(ended.model.transition, MODEL.transition, atol=0.01)
    assert ended.model.degrees == pytest.approx(5.0, rel=0.25)
    assert ended.model.range_ratio == pytest.approx(0.9 if with_ranges else 1.5, rel=0.05)
    assert (ended.posterior.argmax(axis=1) == states).mean() > (0.97 if with_ranges else 0.93)


# -- properties --------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10**6), st.floats(0, 0.5))
@settings(max_examples=8, deadline=None)
def test_no_iteration_makes_the_posterior_less_likely(seed: int, holes: float) -> None:
    returns, ranges, _ = simulated(seed, 150)
    rng = np.random.default_rng(seed)
    ranges = np.where(rng.random(150) < holes, np.nan, ranges)
    start = ScaleMixture(np.zeros(2), np.array([0.4, 2.0]), 6.0, 1.0, 7.0, np.array([[0.9, 0.1], [0.1, 0.9]]))
    pseudo = np.full((2, 2), 0.5)

    def posterior(model: ScaleMixture) -> float:
        evidence = expected_states(log_densities(returns, ranges, model), model.transition)[2]
        prior = -0.5 * (np.log(model.variance) + returns.var() / model.variance).sum()
        return float(evidence + prior + (pseudo * np.log(model.transition)).sum())

    model, before = start, posterior(start)
    for _ in range(15):
        model = fit_scale_mixture(returns, ranges, model, pseudo, 1, 0.0).model
        assert posterior(model) >= before - 1e-6
        before = posterior(model)


@given(st.floats(0.05, 100))
def test_digamma_is_scipys(x: float) -> None:
    assert _digamma(x) == pytest.approx(digamma(x), abs=1e-8)
