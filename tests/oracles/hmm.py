"""Filtering by the definition: the probability of every path of states, summed."""

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
