"""Statistical jump models of trend and volatility: states that a session's features are close to, and seldom leave."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl

from configs.settings.detectors import DetectorSettings, JumpModelSettings
from quant_assets.numerics.arrays import Array, Index
from quant_assets.numerics.compiled import njit
from quant_assets.numerics.expectation_maximization import moves
from quant_assets.numerics.units import ANNUAL
from quant_assets.regimes.detectors.protocol import Aspect, StateFit, StateParameters

PERCENT = 100.0
SMALLEST_SPREAD = 1e-3  # within the states, of a signal's variance: what fits perfectly is still not known for certain
START_SESSIONS = 10  # whose mean sorts them into the groups that the fit starts from


class JumpModel:
    """Two statistical jump models, of trend and of volatility; see `detectors.protocol`.

    The path of states minimizes half the squared distance of each session's standardized signals to the mean of its
    state, and a penalty for every switch. `volatility` sees the square root of the absolute return and the logarithm of
    the range, that of the fund or else of the members; `trend` the returns of 21 and 63 sessions in units of their
    volatility. The state of a session is inferred online: by the best path that ends in it, from what was seen by then.

    A path has no probability of its own. The costs of the best paths to each state, over the mean squared distance
    within states, are taken for log densities, so that states whose costs are alike are uncertain.

    Source: Nystrup, Lindstroem and Madsen (2020), Expert Systems with Applications 150; Shu, Yu and Mulvey (2024),
    Journal of Asset Management 25.
    """

    settings: ClassVar[type[DetectorSettings]] = JumpModelSettings
    signals: ClassVar[Mapping[Aspect, tuple[pl.Expr, ...]]] = {
        "trend": tuple(pl.col(f"momentum_{n}") / (pl.col(f"volatility_{n}") * (n**0.5 / ANNUAL)) for n in (21, 63)),
        "volatility": (
            (pl.col("return_1").abs() * PERCENT).sqrt(),
            pl.col("range_volatility_1").log(),
            pl.col("member_range_volatility_1").log(),
        ),
    }
    is_fitted: ClassVar[bool] = True

    @staticmethod
    def probabilities(
        aspect: Aspect, signals: Array, parameters: StateParameters | None, settings: JumpModelSettings
    ) -> Array:
        if parameters is None:
            raise ValueError("a jump model infers its states under parameters; pass those in force")
        p = parameters
        models = zip(signals, p.mean, p.variance, p.transition, strict=True)
        return np.stack([_last_states(*model) for model in models])


@dataclass(frozen=True)
class JumpFit:
    """A path of states and the means that it goes with.

    Attributes:
        mean: (K, D) of the signals in each state, by the first signal.
        states: (T,) numbers of the states.
        objective: half the squared distances, and the penalties.
        converged: the path had settled before the last iteration.
    """

    mean: Array
    states: Index
    objective: float
    converged: bool


def state_fit(aspect: Aspect, signals: Array, settings: JumpModelSettings, rng: np.random.Generator) -> StateFit | None:
    """Parameters of one series, from (T, D) signals; None where the first signal never moves."""
    if not moves(signals[:, :1]):
        return None
    used = _used(aspect, signals)
    center, scale = np.nanmean(signals[:, used], axis=0), np.nanstd(signals[:, used], axis=0)
    fitted = fit((signals[:, used] - center) / scale, settings, rng)
    gaps = (signals[:, used] - center) / scale - fitted.mean[fitted.states]
    within = max(float(np.nanmean(gaps**2)), SMALLEST_SPREAD)
    mean, variance = (np.full((settings.n_states, signals.shape[1]), np.nan) for _ in range(2))
    mean[:, used], variance[:, used] = center + scale * fitted.mean, np.tile(within * scale**2, (settings.n_states, 1))
    transition = _chain(settings.n_states, settings.jump_penalty / within)
    initial = np.full(settings.n_states, 1.0 / settings.n_states)
    posterior = np.eye(settings.n_states)[fitted.states]
    none = np.full(signals.shape[1], np.nan)
    return StateFit(mean, variance, none, initial, transition, -fitted.objective, fitted.converged, posterior)


def fit(standardized: Array, settings: JumpModelSettings, rng: np.random.Generator) -> JumpFit:
    """The best of several descents, each of which moves the means to their sessions and the path to the means.

    Args:
        standardized: (T, D); a signal that is NaN says nothing.
        settings: states, penalty, starts and iterations.
        rng: draws the sessions that the random starts take for means.
    """
    drawn = [rng.choice(len(standardized), settings.n_states, replace=False) for _ in range(settings.random_starts)]
    starts = [_sorted_means(standardized, settings.n_states), *(standardized[rows] for rows in drawn)]
    fits = [_descent(standardized, np.nan_to_num(start), settings) for start in starts]
    return min(fits, key=lambda each: each.objective)


def _descent(standardized: Array, mean: Array, settings: JumpModelSettings) -> JumpFit:
    states, settled, iteration, objective = np.full(len(standardized), -1), False, 0, np.inf
    while not settled and iteration < settings.max_iterations:
        path, objective = best_path(costs_of(standardized, mean), settings.jump_penalty)
        settled, states, iteration = bool((path == states).all()), path, iteration + 1
        mean = _means(standardized, states, mean)
    order = np.argsort(mean[:, 0], kind="stable")
    return JumpFit(mean[order], np.argsort(order)[states], objective, settled)


@njit(error_model="numpy")
def _means(standardized: Array, states: Index, before: Array) -> Array:
    """(K, D) means of the sessions of each state; one that none is in stays where it is."""
    total, count = np.zeros(before.shape), np.zeros(before.shape)
    for t in range(len(states)):
        for d in range(before.shape[1]):
            if not np.isnan(standardized[t, d]):
                total[states[t], d] += standardized[t, d]
                count[states[t], d] += 1
    return np.where(count > 0, total / np.maximum(count, 1), before)


def _sorted_means(standardized: Array, n_states: int) -> Array:
    """(K, D) means of groups of equal size, sorted by the level of the first signal around each session."""
    stretch = np.arange(len(standardized)) // START_SESSIONS
    level = np.bincount(stretch, standardized[:, 0]) / np.bincount(stretch)
    groups = np.array_split(np.argsort(level[stretch], kind="stable"), n_states)
    return np.array([np.nan_to_num(standardized[rows]).mean(axis=0) for rows in groups])


def _used(aspect: Aspect, signals: Array) -> list[int]:
    """All signals of the trend; of volatility the return, and the range that the window has more of."""
    moving = [d for d in range(signals.shape[1]) if _spread(signals[:, d])]
    ranges = [d for d in moving if d > 0]
    if aspect == "trend" or not ranges:
        return moving
    return [0, max(ranges, key=lambda d: int(np.isfinite(signals[:, d]).sum()))]


def _spread(signal: Array) -> bool:
    seen = signal[np.isfinite(signal)]
    return len(seen) > 1 and moves(seen[:, None])


def _chain(n_states: int, log_odds: float) -> Array:
    """(K, K) transition in which a switch is `log_odds` nats less likely than staying."""
    weights = np.where(np.eye(n_states, dtype=bool), 1.0, np.exp(-log_odds))
    chain: Array = weights / weights.sum(axis=1, keepdims=True)
    return chain


def costs_of(signals: Array, mean: Array, variance: Array | None = None) -> Array:
    """(T, K) half the squared distance of (T, D) signals to the (K, D) means; a signal without either says nothing."""
    costs: Array = _costs(np.ascontiguousarray(signals), mean, np.ones_like(mean) if variance is None else variance)
    return costs


@njit(error_model="numpy")
def _costs(signals: Array, mean: Array, variance: Array) -> Array:
    costs = np.zeros((len(signals), len(mean)))
    for t in range(len(signals)):
        for k in range(len(mean)):
            for d in range(mean.shape[1]):
                gap = signals[t, d] - mean[k, d]
                if not np.isnan(gap):
                    costs[t, k] += 0.5 * gap * gap / variance[k, d]
    return costs


def _last_states(signals: Array, mean: Array, variance: Array, transition: Array) -> Array:
    """(K,) probabilities after the last session of one series."""
    penalty = float(np.log(transition[0, 0]) - np.log(transition[0, 1]))
    cost = online_costs(costs_of(signals, mean, variance), penalty)[-1]
    weights = np.exp(cost.min() - cost)
    probabilities: Array = weights / weights.sum()
    return probabilities


def best_path(costs: Array, penalty: float) -> tuple[Index, float]:
    """(T,) states that minimize the sum of their costs and `penalty` for every switch, and that sum.

    Args:
        costs: (T, K) of each session in each state.
    """
    reached = online_costs(costs, penalty)
    states: Index = _backtracked(reached, penalty)
    return states, float(reached[-1].min())


def online_costs(costs: Array, penalty: float) -> Array:
    """(T, K) cost of the best path that ends in each state; row t rests on the costs up to t."""
    reached: Array = _online_costs(np.ascontiguousarray(costs), penalty)
    return reached


@njit()
def _online_costs(costs: Array, penalty: float) -> Array:
    reached = costs.copy()
    for t in range(1, len(costs)):  # each row needs the one before
        switch = reached[t - 1, 0]
        for j in range(1, costs.shape[1]):
            switch = min(switch, reached[t - 1, j])
        for j in range(costs.shape[1]):
            reached[t, j] += min(reached[t - 1, j], switch + penalty)
    return reached


@njit()
def _backtracked(reached: Array, penalty: float) -> Index:
    n = len(reached)
    states = np.empty(n, dtype=np.int64)
    states[n - 1] = reached[n - 1].argmin()
    for t in range(n - 2, -1, -1):
        best = reached[t].argmin()
        states[t] = states[t + 1] if reached[t, states[t + 1]] <= reached[t, best] + penalty else best
    return states
