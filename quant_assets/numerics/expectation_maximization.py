"""EM of Gaussian hidden Markov models with diagonal covariances, under priors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quant_assets.numerics.arrays import Array
from quant_assets.numerics.compiled import njit
from quant_assets.numerics.hidden_markov import (
    expected_states,
    log_density,
    log_likelihood,
    ordered,
    stationary,
    sticky,
)

PSEUDO_TRANSITIONS = 0.5  # per pair of states
START_DURATION = 20.0  # of a state, in sessions, where EM starts
ROUNDING = 1e-9  # a standard deviation of less, relative to the largest value, is noise of the arithmetic


@dataclass(frozen=True)
class Prior:
    """What is known before the data, as pseudo-observations.

    Attributes:
        variance: (D,) of each signal; every state has one pseudo-observation of it, so that none collapses.
        transition: (K, K) pseudo-transitions: none is impossible because a window did not show it.
        mean: (K, D) of each state.
        mean_weight: pseudo-observations of `mean`.
        tied: one variance for all states.
    """

    variance: Array
    transition: Array
    mean: Array
    mean_weight: float = 0.0
    tied: bool = False


def of_data(signals: Array, n_states: int) -> Prior:
    """The weakest prior that keeps every state a spread and every transition possible."""
    mean = np.zeros((n_states, signals.shape[1]))
    return Prior(signals.var(axis=0), np.full((n_states, n_states), PSEUDO_TRANSITIONS), mean)


@dataclass(frozen=True)
class Ended:
    """Where EM ended.

    Attributes:
        mean, variance: (K, D), in the units of the signals.
        transition: (K, K), rows sum to 1.
        posterior: (T, K) smoothed probabilities: hindsight within the window.
        settled: the likelihood had settled before the last iteration.
    """

    mean: Array
    variance: Array
    transition: Array
    posterior: Array
    settled: bool
    n_iterations: int


def expectation_maximization(
    signals: Array,
    mean: Array,
    variance: Array,
    transition: Array,
    prior: Prior,
    max_iterations: int,
    tolerance: float,
) -> Ended:
    """EM from one start, to the maximum a posteriori.

    Args:
        signals: (T, D); NaN where one was not observed: the session then says nothing.
        mean, variance: (K, D) to start from.
        transition: (K, K) to start from.
        prior: weighed against the data.
        max_iterations: after which it is stopped.
        tolerance: it ends when the log likelihood moves by less, nats.

    Source: Baum, Petrie, Soules and Weiss (1970), Annals of Mathematical Statistics 41(1).
    """
    signals = np.ascontiguousarray(signals)
    before, settled, iteration = -math.inf, False, 0
    while not settled and iteration < max_iterations:
        posterior, counts, evidence = expected_states(log_density(signals, mean, variance), transition)
        mean, variance = _maximized(signals, posterior, mean, variance, prior)
        transition = (counts + prior.transition) / (counts + prior.transition).sum(axis=1, keepdims=True)
        settled, before, iteration = abs(evidence - before) < tolerance, evidence, iteration + 1
    return Ended(mean, variance, transition, posterior, settled, iteration)


def _maximized(signals: Array, posterior: Array, mean: Array, variance: Array, prior: Prior) -> tuple[Array, Array]:
    """(K, D) means and variances of the highest expected posterior density."""
    weight, first, second = _moments(signals, posterior, np.ascontiguousarray(mean))
    shift = (first + prior.mean_weight * (prior.mean - mean)) / (weight + prior.mean_weight)
    spread = second - 2 * shift * first + shift**2 * weight
    if prior.tied:
        return mean + shift, np.broadcast_to(
            (spread.sum(axis=0) + prior.variance) / (weight.sum(axis=0) + 1.0), variance.shape
        )
    return mean + shift, (spread + prior.variance) / (weight + 1.0)


@njit(error_model="numpy")
def _moments(signals: Array, posterior: Array, mean: Array) -> tuple[Array, Array, Array]:
    """(K, D) weight, and sums of the distance to the mean and of its square."""
    (n, d), k = signals.shape, len(mean)
    weight, first, second = np.zeros((k, d)), np.zeros((k, d)), np.zeros((k, d))
    for t in range(n):
        if np.isnan(signals[t]).any():
            continue
        for j in range(k):
            for i in range(d):
                gap = signals[t, i] - mean[j, i]
                weight[j, i] += posterior[t, j]
                first[j, i] += posterior[t, j] * gap
                second[j, i] += posterior[t, j] * gap * gap
    return weight, first, second


# -- a model of any signals, from several starts -----------------------------------------------------------------------


@dataclass(frozen=True)
class HmmFit:
    """A Gaussian hidden Markov model of K states and D signals; states ordered by the mean of the first signal.

    Attributes:
        mean, variance: (K, D), units of the signals, and squared.
        initial: (K,) stationary probabilities of `transition`, since a window begins anywhere in a state's life.
        transition: (K, K), rows sum to 1; [i, j] is P(j at t+1 | i at t).
        log_likelihood: nats, of the signals it was fitted to, under exactly these parameters.
        converged: False where EM reached its last iteration first.
        n_iterations: of EM, from the start that won.
    """

    mean: Array
    variance: Array
    initial: Array
    transition: Array
    log_likelihood: float
    converged: bool
    n_iterations: int


def fit(
    signals: Array,
    n_states: int,
    max_iterations: int = 100,
    tolerance: float = 1e-2,
    variance_floor: float = 1e-3,
    random_starts: int = 0,
    rng: np.random.Generator | None = None,
) -> HmmFit:
    """Gaussian hidden Markov model with diagonal covariances by EM: the best of several starts.

    The first start is fixed by the data: the observations, sorted by the first signal, fall into `n_states` groups of
    equal size, whose moments start the states. Every other start takes as many observations drawn by `rng` for its
    means and the variance of the whole. The highest log likelihood wins; starts that end within `tolerance` of each
    other have found the same, and the first of them is kept.

    No state can collapse on a few observations: each variance is shrunk by one pseudo-observation of the signal's own
    variance, and raised to the floor.

    Args:
        signals: (T, D), or (T,) for one signal, without NaN.
        n_states: K.
        max_iterations: of EM; reaching it is reported in `converged`.
        tolerance: EM ends when the log likelihood moves by less, nats.
        variance_floor: fraction of each signal's variance; smaller variances of a state are raised to it.
        random_starts: starts beside the first.
        rng: draws them.

    Returns:
        Parameters in the units of the signals, and the log likelihood under exactly these parameters.

    Raises:
        ValueError: NaN or infinite signals, a signal that never moves, fewer than 10 observations a state, or random
            starts without `rng`.
    """
    signals = np.reshape(np.asarray(signals, dtype=np.float64), (len(signals), -1))
    _require_observations(signals, n_states)
    if random_starts and rng is None:
        raise ValueError(f"{random_starts} random starts need an rng; pass np.random.default_rng(seed)")
    centre, scale = signals.mean(axis=0), signals.std(axis=0)
    standardized = (signals - centre) / scale
    starts = [_sorted_groups(standardized, n_states, variance_floor)]
    if rng is not None:
        starts += [_drawn(standardized, n_states, rng) for _ in range(random_starts)]
    transition, prior = sticky(n_states, START_DURATION), of_data(standardized, n_states)
    runs = [
        expectation_maximization(standardized, *start, transition, prior, max_iterations, tolerance) for start in starts
    ]
    ended = [_in_order(run, signals, centre, scale, variance_floor) for run in runs]
    best = ended[0]
    for other in ended[1:]:
        best = other if other.log_likelihood > best.log_likelihood + tolerance else best
    return best


def _in_order(ended: Ended, signals: Array, centre: Array, scale: Array, variance_floor: float) -> HmmFit:
    """The fitted model in the signals' units, states by the mean of the first signal."""
    order = np.argsort(ended.mean[:, 0], kind="stable")
    mean = centre + scale * ended.mean[order]
    variance = scale**2 * np.maximum(ended.variance[order], variance_floor)
    transition = ordered(ended.transition, order)
    initial = stationary(transition)
    evidence = log_likelihood(log_density(signals, mean, variance), transition, initial)
    return HmmFit(mean, variance, initial, transition, evidence, ended.settled, ended.n_iterations)


def _sorted_groups(standardized: Array, n_states: int, variance_floor: float) -> tuple[Array, Array]:
    """(K, D) means and variances of groups of equal size, sorted by the first signal."""
    groups = [standardized[g] for g in np.array_split(np.argsort(standardized[:, 0], kind="stable"), n_states)]
    mean = np.array([group.mean(axis=0) for group in groups])
    variance = np.array([np.maximum(group.var(axis=0), variance_floor) for group in groups])
    return mean, variance


def _drawn(standardized: Array, n_states: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """(K, D) means from different observations, and the variances of the whole."""
    mean: Array = standardized[rng.choice(len(standardized), n_states, replace=False)]
    return mean, np.ones_like(mean)


def moves(signals: Array) -> bool:
    """Whether every signal of (T, D) has a spread beyond rounding."""
    return bool((signals.std(axis=0) > ROUNDING * np.abs(signals).max(axis=0)).all())


def _require_observations(signals: Sequence[float] | Array, n_states: int) -> None:
    signals = np.asarray(signals)
    if not np.isfinite(signals).all():
        raise ValueError("signals hold NaN or infinities; drop sessions without a signal before fitting")
    if len(signals) < 10 * n_states:
        raise ValueError(f"{len(signals)} observations cannot carry {n_states} states; pass at least {10 * n_states}")
    if not moves(signals):
        raise ValueError("a signal never moves and has no states; leave it out")
