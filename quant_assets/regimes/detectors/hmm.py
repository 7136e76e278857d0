"""Hidden Markov models of trend and volatility, from observations of single sessions."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import polars as pl

from configs.settings.detectors import DetectorSettings, HmmSettings
from quant_assets.numerics import scale_mixture
from quant_assets.numerics.arrays import Array, Index
from quant_assets.numerics.expectation_maximization import HmmFit, Prior, expectation_maximization, fit, moves
from quant_assets.numerics.hidden_markov import (
    filter_states,
    last_states,
    log_density,
    log_likelihood,
    stationary,
    sticky,
)
from quant_assets.numerics.scale_mixture import ScaleMixture, fit_scale_mixture
from quant_assets.numerics.units import ANNUAL
from quant_assets.regimes.detectors.protocol import Aspect, StateFit, StateParameters

__all__ = ["Hmm", "HmmFit", "filter_states", "fit", "state_fit"]

PERCENT = 100.0
RETURN, RANGES = 0, (1, 2)  # the volatility's signals
RANGE_DEGREES = 7.0  # of the squared range of a Brownian path: the variance of its logarithm is .34, trigamma(3.5) .33
START_DEGREES, START_RATIO = 5.0, 1.0  # of EM
START_SESSIONS = 10  # whose mean variance sorts them into the groups that EM starts from
SHORT_ITERATIONS = 10  # of each start, before the best goes on alone
SMALLEST_GROUP = 0.05  # of the window, in a random start


class Hmm:
    """Two hidden Markov models, of trend and of volatility; see `detectors.protocol`.

    `volatility` sees the return of each session in percent and its range variance, that of the fund or else of the
    members, whichever the window has more of: sessions of their own scale about that of the state
    (`numerics.scale_mixture`), so that one wild session is no crisis. It has as many states, up to `n_states`, as the
    Bayesian information criterion grants. `trend` sees the return in units of the volatility of the last 10 sessions,
    whose states differ in the mean alone. A drift of a tenth of a standard deviation is barely seen in a hundred
    sessions, so that the prior speaks as loudly as the window: without it the states found are those of noise.
    """

    settings: ClassVar[type[DetectorSettings]] = HmmSettings
    signals: ClassVar[Mapping[Aspect, tuple[pl.Expr, ...]]] = {
        "trend": (pl.col("return_1") * ANNUAL / pl.col("volatility_10"),),
        "volatility": (
            pl.col("return_1") * PERCENT,
            (pl.col("range_volatility_1") * (PERCENT / ANNUAL)) ** 2,
            (pl.col("member_range_volatility_1") * (PERCENT / ANNUAL)) ** 2,
        ),
    }
    is_fitted: ClassVar[bool] = True

    @staticmethod
    def probabilities(
        aspect: Aspect, signals: Array, parameters: StateParameters | None, settings: HmmSettings
    ) -> Array:
        if parameters is None:
            raise ValueError("a hidden Markov model filters under parameters; pass those in force")
        p = parameters
        if aspect == "trend":
            return last_states(signals, p.mean, p.variance, p.transition, p.initial)
        models = zip(signals, p.mean, p.variance, p.degrees, p.transition, p.initial, strict=True)
        return np.stack([_last_volatility_states(*model) for model in models])


def state_fit(aspect: Aspect, signals: Array, settings: HmmSettings, rng: np.random.Generator) -> StateFit | None:
    """Parameters of one series, from (T, D) signals; None where the first signal never moves."""
    if not moves(signals[:, :1]):
        return None
    return _trend_fit(signals, settings) if aspect == "trend" else _volatility_fit(signals, settings, rng)


# -- trend -------------------------------------------------------------------------------------------------------------


def _trend_fit(signals: Array, settings: HmmSettings) -> StateFit:
    """States by ascending mean, of one variance, pulled to the prior's drifts and to its durations."""
    chain = sticky(settings.n_states, settings.mean_duration)
    drifts = settings.trend_drift * np.linspace(-1.0, 1.0, settings.n_states)[:, None]
    weight = float(settings.trend_prior_sessions)
    prior = Prior(signals.var(axis=0), weight * chain, drifts, weight, tied=True)
    start = (drifts, np.broadcast_to(signals.var(axis=0), drifts.shape), chain)
    ended = expectation_maximization(signals, *start, prior, settings.max_iterations, settings.tolerance)
    order = np.argsort(ended.mean[:, 0], kind="stable")
    mean, variance, transition = ended.mean[order], ended.variance[order], ended.transition[np.ix_(order, order)]
    initial = stationary(transition)
    evidence = log_likelihood(log_density(signals, mean, variance), transition, initial)
    gaussian = np.full(signals.shape[1], np.nan)
    return StateFit(mean, variance, gaussian, initial, transition, evidence, ended.settled, ended.posterior[:, order])


# -- volatility --------------------------------------------------------------------------------------------------------


def _volatility_fit(signals: Array, settings: HmmSettings, rng: np.random.Generator) -> StateFit:
    """States by ascending variance: of two to `n_states`, as many as the information criterion grants."""
    range_signal = _range_signal(signals)
    observed = signals[:, RETURN], _positive(signals[:, range_signal])
    ended = [_best(*observed, k, settings, rng) for k in range(2, settings.n_states + 1)]
    evidence = [_evidence(*observed, each.model) for each in ended]
    chosen = int(np.argmax([e - _penalty(each.model, len(signals)) for e, each in zip(evidence, ended, strict=True)]))
    model = ended[chosen].model
    mean, variance = (np.full((len(model.mean), signals.shape[1]), np.nan) for _ in range(2))
    degrees = np.full(signals.shape[1], np.nan)
    mean[:, RETURN], variance[:, RETURN], degrees[RETURN] = model.mean, model.variance, model.degrees
    if np.isfinite(observed[1]).any():
        mean[:, range_signal] = model.range_ratio * model.variance
        variance[:, range_signal] = 2.0 * mean[:, range_signal] ** 2 / model.range_degrees
        degrees[range_signal] = model.range_degrees
    best = ended[chosen]
    return StateFit(
        mean, variance, degrees, stationary(model.transition), model.transition,
        evidence[chosen], best.settled, best.posterior,
    )  # fmt: skip


def _range_signal(signals: Array) -> int:
    """The range that the window has more of; the fund's where it has both alike."""
    return max(RANGES, key=lambda d: int(np.isfinite(_positive(signals[:, d])).sum()))


def _positive(ranges: Array) -> Array:
    """A session that never left its price has no range to take a logarithm of: its return speaks alone."""
    return np.where(ranges > 0, ranges, np.nan)


def _best(
    returns: Array, ranges: Array, n_states: int, settings: HmmSettings, rng: np.random.Generator
) -> scale_mixture.Ended:
    """EM from the start that is furthest after a few iterations; one that is alike leaves the first."""
    pseudo = sticky(n_states, settings.mean_duration)
    starts = [
        _start(returns, ranges, sizes, pseudo)
        for sizes in [np.full(n_states, 1.0 / n_states), *_random_sizes(n_states, settings.random_starts, rng)]
    ]
    runs = [fit_scale_mixture(returns, ranges, s, pseudo, SHORT_ITERATIONS, settings.tolerance) for s in starts]
    best = runs[0]
    for other in runs[1:]:
        best = other if other.log_likelihood > best.log_likelihood + settings.tolerance else best
    return fit_scale_mixture(returns, ranges, best.model, pseudo, settings.max_iterations, settings.tolerance)


def _random_sizes(n_states: int, n_starts: int, rng: np.random.Generator) -> list[Array]:
    """Fractions of the window, of groups that are none too small."""
    drawn = rng.dirichlet(np.ones(n_states), size=n_starts)
    return list(SMALLEST_GROUP + (1.0 - n_states * SMALLEST_GROUP) * drawn)


def _start(returns: Array, ranges: Array, sizes: Array, transition: Array) -> ScaleMixture:
    """Groups of sessions amid calm to wild ones, of the sizes given as fractions."""
    ends = np.round(np.cumsum(sizes)[:-1] * len(returns)).astype(np.int64)
    groups = np.split(_by_volatility(returns, ranges), ends)
    mean, variance = (np.array([moment(returns[rows]) for rows in groups]) for moment in (np.mean, np.var))
    floor = 1e-3 * returns.var()  # of a group that never moves
    return ScaleMixture(mean, np.maximum(variance, floor), START_DEGREES, START_RATIO, RANGE_DEGREES, transition)


def _by_volatility(returns: Array, ranges: Array) -> Index:
    """Rows by the mean variance of the START_SESSIONS that they belong to."""
    variance = np.where(np.isnan(ranges), returns**2, ranges)
    stretch = np.arange(len(returns)) // START_SESSIONS
    level = np.bincount(stretch, variance) / np.bincount(stretch)
    return np.argsort(level[stretch], kind="stable")


def _evidence(returns: Array, ranges: Array, model: ScaleMixture) -> float:
    density = scale_mixture.log_densities(returns, ranges, model)
    return log_likelihood(density, model.transition, stationary(model.transition))


def _penalty(model: ScaleMixture, n_observations: int) -> float:
    """Half the number of free parameters times the log of the number of observations.

    Source: Schwarz (1978), Annals of Statistics 6(2).
    """
    k = len(model.mean)
    return 0.5 * (k * (k - 1) + 2 * k) * float(np.log(n_observations))


def _last_volatility_states(
    signals: Array, mean: Array, variance: Array, degrees: Array, transition: Array, initial: Array
) -> Array:
    """(K,) probabilities after the last session of one series."""
    ranged = [d for d in RANGES if np.isfinite(degrees[d])]
    ratio, shape = (mean[0, ranged[0]] / variance[0, RETURN], degrees[ranged[0]]) if ranged else (1.0, RANGE_DEGREES)
    ranges = _positive(signals[:, ranged[0]]) if ranged else np.full(len(signals), np.nan)
    model = ScaleMixture(mean[:, RETURN], variance[:, RETURN], float(degrees[RETURN]), ratio, shape, transition)
    density = scale_mixture.log_densities(signals[:, RETURN], ranges, model)
    last: Array = filter_states(density, transition, initial)[-1]
    return last
