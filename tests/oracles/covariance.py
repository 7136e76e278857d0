"""Weighted moments entry by entry, and Ledoit and Wolf's shrinkage as their appendix B writes it."""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def weighted_covariance(x: Array, half_life: float, typical: Array) -> Array:
    """Entry by entry and row by row; a missing value has its typical variance and moves with nothing."""
    n_rows, k = x.shape
    weights = [0.5 ** ((n_rows - 1 - t) / half_life) for t in range(n_rows)]
    covariance = np.zeros((k, k))
    for i in range(k):
        for j in range(k):
            for t in range(n_rows):
                if not (math.isnan(x[t, i]) or math.isnan(x[t, j])):
                    covariance[i, j] += weights[t] * x[t, i] * x[t, j]
                elif i == j:
                    covariance[i, j] += weights[t] * typical[i]
    return covariance / sum(weights)


def weighted_rms(path: list[float], half_life: float) -> float:
    """Of one stock; NaN is a session without a residual."""
    pairs = [(0.5 ** (age / half_life), x) for age, x in enumerate(reversed(path)) if not math.isnan(x)]
    return math.sqrt(sum(w * x * x for w, x in pairs) / sum(w for w, _ in pairs))


def ledoit_wolf(y: Array) -> tuple[Array, float]:
    """Sample covariance (divisor T), target F, and pi, rho, gamma entry by entry."""
    n_rows, n = y.shape
    mean = y.mean(axis=0)
    d = [[float(v) for v in row] for row in y - mean]
    s = [[sum(d[t][i] * d[t][j] for t in range(n_rows)) / n_rows for j in range(n)] for i in range(n)]
    r = [[s[i][j] / math.sqrt(s[i][i] * s[j][j]) for j in range(n)] for i in range(n)]
    r_bar = 2 / ((n - 1) * n) * sum(r[i][j] for i in range(n) for j in range(i + 1, n))
    f = [[s[i][i] if i == j else r_bar * math.sqrt(s[i][i] * s[j][j]) for j in range(n)] for i in range(n)]

    def pi(i: int, j: int) -> float:
        return sum((d[t][i] * d[t][j] - s[i][j]) ** 2 for t in range(n_rows)) / n_rows

    def theta(k: int, i: int, j: int) -> float:
        return sum((d[t][k] ** 2 - s[k][k]) * (d[t][i] * d[t][j] - s[i][j]) for t in range(n_rows)) / n_rows

    pi_hat = sum(pi(i, j) for i in range(n) for j in range(n))
    off_diagonal = sum(
        r_bar / 2 * (math.sqrt(s[j][j] / s[i][i]) * theta(i, i, j) + math.sqrt(s[i][i] / s[j][j]) * theta(j, i, j))
        for i in range(n)
        for j in range(n)
        if i != j
    )
    rho_hat = sum(pi(i, i) for i in range(n)) + off_diagonal
    gamma_hat = sum((f[i][j] - s[i][j]) ** 2 for i in range(n) for j in range(n))
    delta = max(0.0, min((pi_hat - rho_hat) / gamma_hat / n_rows, 1.0))
    return delta * np.array(f) + (1 - delta) * np.array(s), delta
