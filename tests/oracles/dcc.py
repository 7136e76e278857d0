"""DCC(1,1) as the formulas read, one inverse a session, and returns simulated from planted parameters."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def variances(x: Array, omega: float, alpha: float, beta: float, initial: float) -> list[float]:
    """One a session, and the forecast."""
    h = [initial]
    for value in x:
        h.append(omega + alpha * value**2 + beta * h[-1])
    return h


def correlations(residuals: Array, q_bar: Array, a: float, b: float) -> list[Array]:
    """R of each session, and the forecast."""
    ones = np.ones(len(q_bar))
    q = (1 - a - b) * q_bar + a * np.outer(ones, ones) + b * q_bar
    path = [normalized(q)]
    for e in residuals:
        q = (1 - a - b) * q_bar + a * np.outer(e, e) + b * q
        path.append(normalized(q))
    return path


def normalized(q: Array) -> Array:
    scale = np.diag(np.diag(q) ** -0.5)
    return scale @ q @ scale


def log_density(residuals: Array, path: list[Array]) -> Array:
    """(T,) of the correlations, beside that of the variances."""
    return np.array(
        [
            -0.5 * (np.linalg.slogdet(r)[1] + e @ np.linalg.inv(r) @ e - e @ e)
            for e, r in zip(residuals, path[:-1], strict=True)
        ]
    )


def simulated(
    rng: np.random.Generator, n_sessions: int, r_bar: Array, a: float, b: float, garch: tuple[float, float, float]
) -> Array:
    """(T, N) returns whose variances all follow one GARCH(1,1), omega, alpha, beta."""
    omega, alpha, beta = garch
    n = len(r_bar)
    q, h, e = r_bar.copy(), np.full(n, omega / (1 - alpha - beta)), np.zeros((n_sessions, n))
    returns = np.zeros((n_sessions, n))
    for t in range(n_sessions):
        e[t] = np.linalg.cholesky(normalized(q)) @ rng.normal(size=n)
        returns[t] = np.sqrt(h) * e[t]
        q = (1 - a - b) * r_bar + a * np.outer(e[t], e[t]) + b * q
        h = omega + alpha * returns[t] ** 2 + beta * h
    return returns
