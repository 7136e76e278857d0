"""Markets with planted regimes: Student-t returns, ranges of intraday paths, and the filter of whoever knows it all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from quant_assets.numerics.hidden_markov import filter_states, sticky

Array = NDArray[np.float64]
Index = NDArray[np.int64]
DEGREES = 5.0
UNIT = np.sqrt((DEGREES - 2) / DEGREES)  # scale of a Student-t of standard deviation 1
STEPS = 78  # of an intraday path: five minutes each
PARKINSON = 4 * np.log(2)
DRIFTS = (-0.15, 0.0, 0.10)  # percent a session, of bear, sideways and bull


@dataclass(frozen=True)
class PlantedMarket:
    """One industry, in percent.

    Attributes:
        volatile: (T,) 0 calm, 1 volatile.
        trend: (T,) 0 bear, 1 sideways, 2 bull.
        returns: (T,)
        ranges: (T,) Parkinson's variance of each session's path.
    """

    volatile: Index
    trend: Index
    returns: Array
    ranges: Array


def planted_market(
    seed: int,
    n_sessions: int,
    levels: tuple[float, float],
    mean_duration: float = 60.0,
    drifts: tuple[float, ...] = DRIFTS,
) -> PlantedMarket:
    """A market whose states of volatility and of trend are chains of their own.

    A session's scale is that of its state times the root of an inverse gamma, so that returns are Student-t of 5
    degrees; its path is Brownian of that scale.

    Args:
        levels: standard deviation a session of each state, percent.
    """
    rng = np.random.default_rng(seed)
    volatile, trend = (_chain(rng, n_sessions, k, mean_duration) for k in (2, len(drifts)))
    scale = np.array(levels)[volatile] * UNIT * np.sqrt(DEGREES / rng.chisquare(DEGREES, n_sessions))
    steps = rng.normal(size=(n_sessions, STEPS)) * (scale / np.sqrt(STEPS))[:, None]
    path = np.cumsum(steps + np.array(drifts)[trend][:, None] / STEPS, axis=1)
    reach = np.maximum(path.max(axis=1), 0) - np.minimum(path.min(axis=1), 0)
    return PlantedMarket(volatile, trend, path[:, -1], reach**2 / PARKINSON)


def _chain(rng: np.random.Generator, n: int, k: int, mean_duration: float) -> Index:
    transition, draws = np.cumsum(sticky(k, mean_duration), axis=1), rng.random(n)
    states = np.empty(n, dtype=np.int64)
    states[0] = int(draws[0] * k)
    for t in range(1, n):
        states[t] = min(int(np.searchsorted(transition[states[t - 1]], draws[t])), k - 1)
    return states


def bayes_filter(
    returns: Array, levels: tuple[float, float], mean_duration: float = 60.0, drifts: tuple[float, ...] = DRIFTS
) -> tuple[Array, Array]:
    """(T, 2) and (T, 3) probabilities of volatility and trend under the parameters that made the returns."""
    density = np.stack([student.logpdf(returns, DEGREES, m, s * UNIT) for s in levels for m in drifts], axis=1)
    transition = np.kron(sticky(2, mean_duration), sticky(len(drifts), mean_duration))
    k = len(transition)
    both = filter_states(density, transition, np.full(k, 1 / k)).reshape(len(returns), 2, -1)
    return both.sum(axis=2), both.sum(axis=1)
