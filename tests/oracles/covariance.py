"""Correlations pair by pair, and Ledoit and Wolf's shrinkage as their appendix B writes it."""

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def mean_pairwise_correlation(x: Array) -> float:
    """Mean over pairs of the ordinary correlation, for complete data."""
    n = x.shape[1]
    pairs = [np.corrcoef(x[:, i], x[:, j])[0, 1] for i in range(n) for j in range(i + 1, n)]
    return float(np.mean(pairs))


def mean_correlation_with_holes(x: Array) -> float:
    """Every pair weighs by its common rows; each column is standardized on its own observations."""
    total, weight = 0.0, 0
    for i in range(x.shape[1]):
        for j in range(x.shape[1]):
            common = np.flatnonzero(~np.isnan(x[:, i]) & ~np.isnan(x[:, j]))
            if i != j:
                a = (x[:, i] - np.nanmean(x[:, i])) / np.nanstd(x[:, i])
                b = (x[:, j] - np.nanmean(x[:, j])) / np.nanstd(x[:, j])
                total += float((a[common] * b[common]).sum())
                weight += len(common)
    return total / weight


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
