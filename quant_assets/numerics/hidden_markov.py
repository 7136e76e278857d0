"""Hidden Markov models: states filtered forward, expected over a window, and the chain that moves between them."""

import math

import numpy as np

from quant_assets.numerics.arrays import Array, Index
from quant_assets.numerics.compiled import njit


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
    """Filtered probabilities after the last observation of N series, each under its own Gaussian model.

    Args:
        signals: (N, T, D); a session with a NaN moves the probabilities by the transition alone.
        mean, variance: (N, K, D).
        transition: (N, K, K).
        initial: (N, K).

    Returns:
        (N, K); a series' row depends on nothing of the others.
    """
    models = zip(signals, mean, variance, transition, initial, strict=True)
    return np.stack([filter_states(log_density(x, m, v), p, first)[-1] for x, m, v, p, first in models])


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


# -- the chain --------------------------------------------------------------------------------------------------------


def stationary(transition: Array) -> Array:
    """(K,) probabilities p with p = p @ transition, for a chain in which every state can be reached."""
    k = len(transition)
    equations = np.vstack([transition.T - np.eye(k), np.ones(k)])
    solution = np.linalg.lstsq(equations, np.append(np.zeros(k), 1.0), rcond=None)[0]
    positive = np.clip(solution, 0.0, 1.0)
    probabilities: Array = positive / positive.sum()
    return probabilities


def sticky(n_states: int, mean_duration: float) -> Array:
    """(K, K) transition of states that last `mean_duration` steps and leave for all others alike."""
    leave = 1.0 / (mean_duration * max(n_states - 1, 1))
    return np.where(np.eye(n_states, dtype=bool), 1.0 - leave * (n_states - 1), leave)


def ordered(transition: Array, order: Index) -> Array:
    """The same chain, its states numbered anew."""
    renumbered: Array = transition[np.ix_(order, order)]
    return renumbered


# -- expectation over a window: hindsight within it, for fits ----------------------------------------------------------


def expected_states(log_density: Array, transition: Array) -> tuple[Array, Array, float]:
    """Smoothed probabilities, expected transitions and log likelihood of a window; every state may begin it alike.

    What is smoothed has seen the whole window: it serves fits, and is never a state of a session.

    Args:
        log_density: (T, K) of each observation under each state.
        transition: (K, K), rows sum to 1.

    Returns:
        (T, K), rows sum to 1; (K, K) counts, which sum to T - 1; nats.
    """
    posterior, counts = np.empty_like(log_density), np.zeros_like(transition)
    evidence = _expected(np.ascontiguousarray(log_density), np.ascontiguousarray(transition), posterior, counts)
    return posterior, counts, float(evidence)


@njit(error_model="numpy")
def _expected(log_density: Array, transition: Array, posterior: Array, counts: Array) -> float:
    n, k = log_density.shape
    evidence, density, forward = 0.0, np.empty((n, k)), np.empty((n, k))
    predicted, scaling = np.full(k, 1.0 / k), np.empty(n)
    for t in range(n):
        # The largest is taken out, so that no observation is too far out for scaled probabilities.
        top, total = log_density[t, 0], 0.0
        for j in range(1, k):
            top = max(top, log_density[t, j])
        for j in range(k):
            density[t, j] = math.exp(log_density[t, j] - top)
            forward[t, j] = predicted[j] * density[t, j]
            total += forward[t, j]
        scaling[t] = total
        evidence += top + math.log(total)
        for j in range(k):
            forward[t, j] /= total
        for j in range(k):
            predicted[j] = 0.0
            for i in range(k):
                predicted[j] += forward[t, i] * transition[i, j]
    backward, ahead = np.ones(k), np.empty(k)
    posterior[n - 1] = forward[n - 1]
    for t in range(n - 2, -1, -1):
        for j in range(k):
            ahead[j] = backward[j] * density[t + 1, j] / scaling[t + 1]
        for i in range(k):
            backward[i] = 0.0
            for j in range(k):
                flow = transition[i, j] * ahead[j]
                backward[i] += flow
                counts[i, j] += forward[t, i] * flow
            posterior[t, i] = forward[t, i] * backward[i]
    return evidence


# -- checks -----------------------------------------------------------------------------------------------------------


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
