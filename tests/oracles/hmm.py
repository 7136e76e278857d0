"""Hidden Markov models by definition: every path of states summed, and signals simulated from planted states."""

from itertools import product

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def filtered_by_paths(log_likelihood: Array, transition: Array, initial: Array) -> tuple[Array, float]:
    """(T, K) filtered probabilities and the log likelihood, over all K**T paths."""
    n, k = log_likelihood.shape
    filtered = np.zeros((n, k))
    for t in range(n):
        for path in product(range(k), repeat=t + 1):
            weight = initial[path[0]] * np.exp(log_likelihood[0, path[0]])
            for s in range(1, t + 1):
                weight *= transition[path[s - 1], path[s]] * np.exp(log_likelihood[s, path[s]])
            filtered[t, path[-1]] += weight
    return filtered / filtered.sum(axis=1, keepdims=True), float(np.log(filtered[-1].sum()))


def simulated(
    rng: np.random.Generator, n: int, mean: Array, deviation: Array, transition: Array
) -> tuple[Array, NDArray[np.int64]]:
    """(T, D) signals of a planted model, and the (T,) states they came from; mean and deviation are (K, D)."""
    states = np.zeros(n, dtype=np.int64)
    for t in range(1, n):
        states[t] = rng.choice(len(mean), p=transition[states[t - 1]])
    return rng.normal(mean[states], deviation[states]), states


def sticky(k: int, stay: float) -> Array:
    """(K, K) transition that stays with one probability and leaves to the others alike."""
    return np.where(np.eye(k, dtype=bool), stay, (1 - stay) / max(k - 1, 1))
