"""Returns and ranges of sessions whose own scale is drawn about that of a hidden state: density, and EM.

A session of state k has a scale s, whose square is sigma_k^2 times nu over a chi-square of nu degrees: its return is
Gaussian of variance s^2, and its range variance a gamma of mean c s^2 and d degrees. Integrated over s the return alone
is a Student-t of nu degrees and the range variance alone an F of d and nu; together they are not independent, since
one wild session makes both large. Without ranges this is a hidden Markov model of Student-t returns.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from quant_assets.numerics.arrays import Array, Index
from quant_assets.numerics.compiled import njit
from quant_assets.numerics.hidden_markov import expected_states, ordered

MIN_DEGREES, MAX_DEGREES = 2.1, 200.0  # of the scale: below, a variance hardly exists; above, the scale hardly moves
BISECTIONS = 40
Observed = tuple[Array, Array]
Parameters = tuple[Array, Array, float, float, float]
ASYMPTOTIC = 6.0  # from here on the series of the digamma function is exact to 1e-10


@dataclass(frozen=True)
class ScaleMixture:
    """A hidden Markov model of K states.

    Attributes:
        mean: (K,) of the return.
        variance: (K,) sigma^2: of the return of a session whose scale is the state's.
        degrees: nu, of the scale.
        range_ratio: c, mean of the range variance over s^2.
        range_degrees: d, of the range variance given the scale; a path's range is not its volatility.
        transition: (K, K), rows sum to 1.
    """

    mean: Array
    variance: Array
    degrees: float
    range_ratio: float
    range_degrees: float
    transition: Array


@dataclass(frozen=True)
class Ended:
    """Where EM ended.

    Attributes:
        model: its states by ascending variance.
        posterior: (T, K) smoothed probabilities: hindsight within the window.
        log_likelihood: nats, under the parameters of the iteration before the last.
        settled: the likelihood had settled before the last iteration.
    """

    model: ScaleMixture
    posterior: Array
    log_likelihood: float
    settled: bool
    n_iterations: int


def log_densities(returns: Array, ranges: Array, model: ScaleMixture) -> Array:
    """(T, K) log density of the observations of T sessions under each state.

    Args:
        returns: (T,); a session with NaN says nothing.
        ranges: (T,) range variances, above 0; NaN where the return speaks alone.
        model: K states.
    """
    return _densities(_observed(returns, ranges), _parameters(model))[0]


def fit_scale_mixture(
    returns: Array, ranges: Array, start: ScaleMixture, pseudo_transitions: Array, max_iterations: int, tolerance: float
) -> Ended:
    """EM from one start; every state has one pseudo-observation of the window's variance, so that none collapses.

    Args:
        returns, ranges: (T,), as of `log_densities`.
        start: where it starts; `range_degrees` stays.
        pseudo_transitions: (K, K), beside those of the window.
        max_iterations: after which it is stopped.
        tolerance: it ends when the log likelihood moves by less, nats.

    Source: Peel and McLachlan (2000), Statistics and Computing 10(4), for the weights of a Student-t.
    """
    observed, model = _observed(returns, ranges), start
    pseudo_variance = float(np.nanvar(returns))
    before, settled, iteration = -math.inf, False, 0
    while not settled and iteration < max_iterations:
        density, distance, precision = _densities(observed, _parameters(model))
        posterior, counts, evidence = expected_states(density, model.transition)
        transition = (counts + pseudo_transitions) / (counts + pseudo_transitions).sum(axis=1, keepdims=True)
        maximized = _maximized(observed, _parameters(model), posterior, distance, precision, pseudo_variance)
        model = ScaleMixture(*maximized, model.range_degrees, transition)
        settled, before, iteration = abs(evidence - before) < tolerance, evidence, iteration + 1
    order = np.argsort(model.variance, kind="stable")
    return Ended(in_order(model, order), posterior[:, order], before, settled, iteration)


def in_order(model: ScaleMixture, order: Index) -> ScaleMixture:
    """The same model, its states numbered anew."""
    return replace(
        model,
        mean=model.mean[order],
        variance=model.variance[order],
        transition=ordered(model.transition, order),
    )


def _observed(returns: Array, ranges: Array) -> Observed:
    return np.ascontiguousarray(returns, dtype=np.float64), np.ascontiguousarray(ranges, dtype=np.float64)


def _parameters(model: ScaleMixture) -> Parameters:
    return model.mean, model.variance, model.degrees, model.range_ratio, model.range_degrees


@njit(error_model="numpy")
def _densities(observed: Observed, parameters: Parameters) -> tuple[Array, Array, Array]:
    """(T, K) log density; log of 1 + Q / nu, where Q is the squared distance in the state's scale; its inverse."""
    returns, ranges = observed
    mean, variance, degrees, ratio, shape = parameters
    n, k = len(returns), len(mean)
    density, distance, precision = np.zeros((n, k)), np.zeros((n, k)), np.ones((n, k))
    alone = math.lgamma(0.5 * (degrees + 1)) - math.lgamma(0.5 * degrees) - 0.5 * math.log(degrees * math.pi)
    both = (
        math.lgamma(0.5 * (degrees + 1 + shape)) - math.lgamma(0.5 * degrees) - math.lgamma(0.5 * shape)
        - 0.5 * (1 + shape) * math.log(degrees) - 0.5 * math.log(math.pi) + 0.5 * shape * math.log(shape / ratio)
    )  # fmt: skip
    log_variance = np.log(variance)
    for t in range(n):
        if np.isnan(returns[t]):
            continue
        has_range = not np.isnan(ranges[t])
        count = 1.0 + shape if has_range else 1.0
        constant = both + (0.5 * shape - 1) * math.log(ranges[t]) if has_range else alone
        of_range = shape * ranges[t] / ratio if has_range else 0.0
        for j in range(k):
            gap = returns[t] - mean[j]
            far = 1.0 + (gap * gap + of_range) / (variance[j] * degrees)
            precision[t, j], distance[t, j] = 1.0 / far, math.log(far)
            density[t, j] = constant - 0.5 * count * log_variance[j] - 0.5 * (degrees + count) * distance[t, j]
    return density, distance, precision


@njit(error_model="numpy")
def _maximized(
    observed: Observed,
    parameters: Parameters,
    posterior: Array,
    distance: Array,
    precision: Array,
    pseudo_variance: float,
) -> tuple[Array, Array, float, float]:
    """Means, variances, degrees of the scale and range ratio of the highest expected posterior density."""
    returns, ranges = observed
    mean, variance, degrees, ratio, shape = parameters
    n, k = posterior.shape
    new_mean, new_variance = np.empty(k), np.empty(k)
    sessions, log_precision, with_range, range_sum = 0.0, 0.0, 0.0, 0.0
    of_one, of_both = _digamma(0.5 * (degrees + 1.0)), _digamma(0.5 * (degrees + 1.0 + shape))
    for j in range(k):
        weight, first, second, count, ranged = 0.0, 0.0, 0.0, 1.0, pseudo_variance
        for t in range(n):
            if np.isnan(returns[t]):
                continue
            p, gap, has_range = posterior[t, j], returns[t] - mean[j], not np.isnan(ranges[t])
            m = 1.0 + shape if has_range else 1.0
            # Expected precision of the session in units of the state's, and expected logarithm of it.
            u = (degrees + m) / degrees * precision[t, j]
            logarithm = (of_both if has_range else of_one) - math.log(0.5 * degrees) - distance[t, j]
            sessions += p
            log_precision += p * (logarithm - u)
            weight += p * u
            first += p * u * gap
            second += p * u * gap * gap
            count += p * m
            if has_range:
                with_range += p
                range_sum += p * u * ranges[t] / variance[j]
                ranged += p * u * shape * ranges[t] / ratio
        shift = first / weight
        new_mean[j] = mean[j] + shift
        new_variance[j] = (second - shift * first + ranged) / count
    new_ratio = range_sum / with_range if with_range > 0 else ratio
    return new_mean, new_variance, _degrees(log_precision / sessions), new_ratio


@njit(error_model="numpy")
def _degrees(log_precision: float) -> float:
    """Degrees of freedom nu with log(nu / 2) - digamma(nu / 2) + 1 + the mean of E log lambda - E lambda = 0."""
    low, high = MIN_DEGREES, MAX_DEGREES
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        if math.log(0.5 * middle) - _digamma(0.5 * middle) + 1.0 + log_precision > 0:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@njit(error_model="numpy")
def _digamma(x: float) -> float:
    """Derivative of the logarithm of the gamma function, x > 0: recurrence, then the asymptotic series."""
    below = 0.0
    while x < ASYMPTOTIC:
        below -= 1.0 / x
        x += 1.0
    square = 1.0 / (x * x)
    series = square * (1 / 12 - square * (1 / 120 - square * (1 / 252 - square * (1 / 240 - square / 132))))
    return below + math.log(x) - 0.5 / x - series
