"""Markets with planted regimes: Student-t returns, ranges of intraday paths, and the filter of whoever knows it all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2
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


class RangeCeiling:
    """The filter of whoever knows the parameters and sees returns and ranges.

    Of a session's range R and return r the ratio |r| / R does not depend on the scale, but says how R came about. The
    density of log R about the logarithm of the state's level is taken from simulated paths of like ratio, whose log
    ranges are spread by the density of the logarithm of the scale. The drift is left out: a tenth of the volatility.
    """

    def __init__(self, n_paths: int = 40_000, n_bins: int = 12, seed: int = 99) -> None:
        rng = np.random.default_rng(seed)
        path = np.cumsum(rng.normal(size=(n_paths, STEPS)) / np.sqrt(STEPS), axis=1)
        reach = np.maximum(path.max(axis=1), 0) - np.minimum(path.min(axis=1), 0)
        ratio = np.abs(path[:, -1]) / reach
        self.edges = np.quantile(ratio, np.linspace(0, 1, n_bins + 1)[1:-1])
        self.grid = np.linspace(-6, 6, 601)
        bins = np.searchsorted(self.edges, ratio)
        self.tables = [self._density(np.log(reach[bins == b])) for b in range(n_bins)]

    def _density(self, log_reach: Array) -> Array:
        """Log density of log R on the grid, about the level of the state."""
        scales = np.linspace(-4, 6, 1001)
        inverse = (DEGREES - 2) * np.exp(-2 * scales)  # the chi-square of a scale
        density = chi2.pdf(inverse, DEGREES) * 2 * inverse
        count, edges = np.histogram(log_reach, bins=200, range=(-2, 2.5))
        centers = 0.5 * (edges[1:] + edges[:-1])
        spread = np.interp(self.grid[:, None] - centers, scales, density, left=0, right=0)
        return np.log(spread @ (count / count.sum()) + 1e-300)

    def states(self, market: PlantedMarket, levels: tuple[float, float], mean_duration: float = 60.0) -> Array:
        """(T, 2) probabilities of the states of volatility."""
        log_reach = 0.5 * np.log(market.ranges * PARKINSON)
        bins = np.searchsorted(self.edges, np.abs(market.returns) / np.exp(log_reach))
        tables = np.stack(self.tables)
        density = np.empty((len(log_reach), 2))
        for k, level in enumerate(levels):
            place = np.interp(log_reach - np.log(level), self.grid, np.arange(len(self.grid)))
            low = np.minimum(place.astype(np.int64), len(self.grid) - 2)
            part = place - low
            density[:, k] = (1 - part) * tables[bins, low] + part * tables[bins, low + 1]
        return filter_states(density, sticky(2, mean_duration), np.full(2, 0.5))
