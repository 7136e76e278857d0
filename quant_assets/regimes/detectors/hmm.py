"""Gaussian hidden Markov models: fitted by hmmlearn, filtered forward by us."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import polars as pl

from configs.settings.detectors import DetectorSettings, HmmSettings
from quant_assets.numerics.arrays import Array
from quant_assets.numerics.compiled import njit
from quant_assets.regimes.detectors.protocol import Aspect, StateFit, StateParameters

if TYPE_CHECKING:
    from quant_assets.numerics.expectation_maximization import Ended


PERCENT = 100.0
PERSISTENCE = 0.95  # where EM starts: states last 20 sessions
ROUNDING = 1e-9  # a standard deviation of less, relative to the largest value, is noise of the arithmetic


class Hmm:
    """Two Gaussian hidden Markov models, of trend and of volatility; see `detectors.protocol`.

    `trend` sees the mean return of 10 sessions and the gap to the mean of 50, in percent; `volatility` the log of the
    volatility of 10 sessions. The labels of the states are those of the window: in a window without a crisis, "crisis"
    is the most volatile part of it.
    """

    settings: ClassVar[type[DetectorSettings]] = HmmSettings
    signals: ClassVar[Mapping[Aspect, tuple[pl.Expr, ...]]] = {
        "trend": (pl.col("return_10") * PERCENT, pl.col("ma_gap_50") * PERCENT),
        "volatility": (pl.col("volatility_10").log(),),
    }
    is_fitted: ClassVar[bool] = True

    @staticmethod
    def probabilities(
        aspect: Aspect, signals: Array, parameters: StateParameters | None, settings: HmmSettings
    ) -> Array:
        if parameters is None:
            raise ValueError("a hidden Markov model filters under parameters; pass those in force")
        return last_states(signals, parameters.mean, parameters.variance, parameters.transition, parameters.initial)


def state_fit(aspect: Aspect, signals: Array, settings: HmmSettings, rng: np.random.Generator) -> StateFit | None:
    """Parameters of one series, from (T, D) signals without NaN; None where a signal never moves."""
    if not moves(signals):
        return None
    counts = (settings.n_states, settings.max_iterations)
    best = fit(signals, *counts, settings.tolerance, settings.variance_floor, settings.random_starts, rng)
    return StateFit(best.mean, best.variance, best.initial, best.transition, best.log_likelihood, best.converged)


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


# -- the filter --------------------------------------------------------------------------------------------------------


def filter_states(log_likelihood: Array, transition: Array, initial: Array) -> Array:
    """Filtered state probabilities of a hidden Markov model.

    Args:
        log_likelihood: (T, K) log density of observation t under state k; zeros where nothing was observed.
        transition: (K, K), rows sum to 1; [i, j] is P(j at t+1 | i at t).
        initial: (K,) probabilities before the first observation.

    Returns:
        (T, K); row t conditions on observations 0..t, never on t+1..T.

    Raises:
        ValueError: probabilities that do not sum to 1, shapes that do not fit, a NaN or an impossible observation.

    Source: Hamilton (1989), Econometrica 57(2).
    """
    return _checked_filter(log_likelihood, transition, initial)[0]


def log_likelihood(log_density: Array, transition: Array, initial: Array) -> float:
    """Log probability of all observations, in nats; arguments as for `filter_states`."""
    return float(_checked_filter(log_density, transition, initial)[1].sum())


def log_density(signals: Array, mean: Array, variance: Array) -> Array:
    """(T, K) log density of (T, D) signals under K states with diagonal covariance; zeros where any signal is NaN."""
    density: Array = _log_density(*(np.ascontiguousarray(x, dtype=np.float64) for x in (signals, mean, variance)))
    return density


def last_states(signals: Array, mean: Array, variance: Array, transition: Array, initial: Array) -> Array:
    """Filtered probabilities after the last observation of N series, each under its own model.

    Args:
        signals: (N, T, D); a session with a NaN moves the probabilities by the transition alone.
        mean, variance: (N, K, D).
        transition: (N, K, K).
        initial: (N, K).

    Returns:
        (N, K); a series' row depends on nothing of the others.
    """
    _require_stochastic(transition)
    probabilities: Array = _last_states(
        *(np.ascontiguousarray(x, dtype=np.float64) for x in (signals, mean, variance, transition, initial))
    )
    return probabilities


def _checked_filter(log_likelihood: Array, transition: Array, initial: Array) -> tuple[Array, Array]:
    """Filtered (T, K) probabilities and (T,) log predictive densities."""
    _require_shapes(log_likelihood, transition, initial)
    _require_stochastic(transition)
    _require_probabilities(initial)
    _require_no_nan(log_likelihood)
    filtered, evidence = _filter(
        np.ascontiguousarray(log_likelihood), np.ascontiguousarray(transition), np.ascontiguousarray(initial)
    )
    if not np.isfinite(evidence).all():
        t = int(np.flatnonzero(~np.isfinite(evidence))[0])
        raise ValueError(f"observation {t} is impossible under every reachable state; widen a variance or a transition")
    return filtered, evidence


@njit()
def _filter(log_likelihood: Array, transition: Array, initial: Array) -> tuple[Array, Array]:
    n, k = log_likelihood.shape
    filtered, evidence = np.empty((n, k)), np.empty(n)
    predicted, joint = initial.astype(np.float64), np.empty(k)
    for t in range(n):  # each row needs the one before
        # In logs, so that a state of tiny probability can still win; subtracting the largest avoids underflow.
        for j in range(k):
            joint[j] = np.log(predicted[j]) + log_likelihood[t, j] if predicted[j] > 0 else -np.inf
        top = joint.max()
        if not np.isfinite(top):
            evidence[t:] = top
            filtered[t:] = np.nan
            break
        total = 0.0
        for j in range(k):
            filtered[t, j] = np.exp(joint[j] - top)
            total += filtered[t, j]
        evidence[t] = top + np.log(total)
        for j in range(k):
            filtered[t, j] /= total
        for j in range(k):
            predicted[j] = 0.0
            for i in range(k):
                predicted[j] += filtered[t, i] * transition[i, j]
    return filtered, evidence


@njit()
def _log_density(signals: Array, mean: Array, variance: Array) -> Array:
    (n, d), k = signals.shape, len(mean)
    density = np.zeros((n, k))
    for t in range(n):
        if np.isnan(signals[t]).any():
            continue
        for j in range(k):
            for i in range(d):
                gap = signals[t, i] - mean[j, i]
                density[t, j] -= 0.5 * (np.log(2 * np.pi * variance[j, i]) + gap * gap / variance[j, i])
    return density


@njit()
def _last_states(signals: Array, mean: Array, variance: Array, transition: Array, initial: Array) -> Array:
    last = np.empty(initial.shape)
    for i in range(len(signals)):
        density = _log_density(signals[i], mean[i], variance[i])
        last[i] = _filter(density, transition[i], initial[i])[0][-1]
    return last


# -- the fit -----------------------------------------------------------------------------------------------------------


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
    # hmmlearn brings scikit-learn: a second or two that filtering and every other command can do without
    from quant_assets.numerics.expectation_maximization import expectation_maximization  # noqa: PLC0415

    signals = np.reshape(np.asarray(signals, dtype=np.float64), (len(signals), -1))
    _require_observations(signals, n_states)
    if random_starts and rng is None:
        raise ValueError(f"{random_starts} random starts need an rng; pass np.random.default_rng(seed)")
    # EM on raw returns is swamped by hmmlearn's own variance prior; in units of the standard deviation, the prior is
    # the data's.
    centre, scale = signals.mean(axis=0), signals.std(axis=0)
    standardized = (signals - centre) / scale
    starts = [_sorted_groups(standardized, n_states, variance_floor)]
    if rng is not None:
        starts += [_drawn(standardized, n_states, rng) for _ in range(random_starts)]
    transition = sticky(n_states)
    ended = [
        _in_order(
            expectation_maximization(standardized, *start, transition, max_iterations, tolerance),
            signals, centre, scale, variance_floor,
        )
        for start in starts
    ]  # fmt: skip
    best = ended[0]
    for other in ended[1:]:
        best = other if other.log_likelihood > best.log_likelihood + tolerance else best
    return best


def _in_order(ended: "Ended", signals: Array, centre: Array, scale: Array, variance_floor: float) -> HmmFit:
    """The fitted model in the signals' units, states by the mean of the first signal."""
    order = np.argsort(ended.mean[:, 0], kind="stable")
    mean = centre + scale * ended.mean[order]
    variance = scale**2 * np.maximum(ended.variance[order], variance_floor)
    transition = ended.transition[np.ix_(order, order)]
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


def sticky(n_states: int) -> Array:
    """(K, K) transition that EM starts from."""
    leave = (1.0 - PERSISTENCE) / max(n_states - 1, 1)
    return np.where(np.eye(n_states, dtype=bool), 1.0 - leave * (n_states - 1), leave)


def stationary(transition: Array) -> Array:
    """(K,) probabilities p with p = p @ transition, for a chain in which every state can be reached."""
    k = len(transition)
    equations = np.vstack([transition.T - np.eye(k), np.ones(k)])
    solution = np.linalg.lstsq(equations, np.append(np.zeros(k), 1.0), rcond=None)[0]
    positive = np.clip(solution, 0.0, 1.0)
    probabilities: Array = positive / positive.sum()
    return probabilities


# -- refusals ----------------------------------------------------------------------------------------------------------


def moves(signals: Array) -> bool:
    """Whether every signal of (T, D) has a spread beyond rounding."""
    return bool((signals.std(axis=0) > ROUNDING * np.abs(signals).max(axis=0)).all())


def _require_shapes(log_likelihood: Array, transition: Array, initial: Array) -> None:
    k = len(initial)
    if transition.shape != (k, k) or log_likelihood.ndim != 2 or log_likelihood.shape[1] != k:
        raise ValueError(
            f"log_likelihood {log_likelihood.shape}, transition {transition.shape} and initial {initial.shape} "
            "do not fit; pass (T, K), (K, K) and (K,)"
        )


def _require_stochastic(transition: Array) -> None:
    sums = transition.sum(axis=-1)
    if not np.allclose(sums, 1.0):
        raise ValueError(f"transition rows sum to {sums}, not 1; pass P[i, j] = P(j | i), not its transpose")
    if (transition < 0).any():
        raise ValueError(f"transition holds {transition.min()}; probabilities are 0 or more")


def _require_probabilities(initial: Array) -> None:
    if not np.isclose(initial.sum(), 1.0) or (initial < 0).any():
        raise ValueError(f"initial is {initial}; pass probabilities that sum to 1")


def _require_no_nan(log_likelihood: Array) -> None:
    rows = np.flatnonzero(np.isnan(log_likelihood).any(axis=1))
    if len(rows):
        raise ValueError(f"log_likelihood row {rows[0]} holds NaN; pass zeros where nothing was observed")


def _require_observations(signals: Sequence[float] | Array, n_states: int) -> None:
    signals = np.asarray(signals)
    if not np.isfinite(signals).all():
        raise ValueError("signals hold NaN or infinities; drop sessions without a signal before fitting")
    if len(signals) < 10 * n_states:
        raise ValueError(f"{len(signals)} observations cannot carry {n_states} states; pass at least {10 * n_states}")
    if not moves(signals):
        raise ValueError("a signal never moves and has no states; leave it out")
