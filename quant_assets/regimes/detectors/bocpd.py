"""Bayesian online changepoint detection: how long ago the level or the spread of a series last changed.

A segment's observations are normal with a mean and a variance of their own, drawn from a normal-inverse-gamma prior,
and a new segment begins after each session with the hazard's probability. What is filtered is the run length r: the
number of sessions since the last change. P(r = 0) is the hazard at every session by construction, and says nothing;
that there was a change within the last w sessions is P(r <= w).

Source: Adams and MacKay (2007), Bayesian online changepoint detection, algorithm 1; the outliers are ours, and stated
at `filter_breaks`.
"""

from dataclasses import dataclass
from math import lgamma, log, pi

import numpy as np
from scipy.special import stdtr

from quant_assets.numerics.arrays import Array, Index
from quant_assets.numerics.compiled import njit

Rates = tuple[float, float, float]  # hazard, outlier_fraction, min_probability
MEAN, WEIGHT, SHAPE, SCALE = 0, 1, 2, 3  # rows of the statistics of runs


@dataclass(frozen=True)
class NormalInverseGamma:
    """Prior of a segment's mean and variance: variance ~ IG(shape, scale), mean ~ N(mean, variance / mean_weight).

    One observation of a new segment is then Student's t around `mean` with 2 * shape degrees of freedom and squared
    scale (scale / shape) * (mean_weight + 1) / mean_weight.

    Attributes:
        mean: of the segments' means, units of the series.
        mean_weight: observations that the prior mean counts for (kappa).
        shape: half the observations that the prior variance counts for (alpha).
        scale: half the sum of squares of those observations (beta).
    """

    mean: float
    mean_weight: float
    shape: float
    scale: float

    def __post_init__(self) -> None:
        rest = (self.mean_weight, self.shape, self.scale)
        if not (np.isfinite((self.mean, *rest)).all() and min(rest) > 0):
            raise ValueError(f"{self}: pass a finite mean, and a mean_weight, shape and scale above 0")

    def statistics(self) -> Array:
        """(4, 1) of a run without observations."""
        return np.array([[self.mean], [self.mean_weight], [self.shape], [self.scale]])


@dataclass(frozen=True)
class RunLengths:
    """What is carried from session to session: R runs that are still possible.

    Attributes:
        run_length: (R,) sessions, ascending.
        probability: (R,) sums to 1.
        statistics: (4, R) mean, mean_weight, shape and scale of the normal-inverse-gamma after the run's observations.
    """

    run_length: Index
    probability: Array
    statistics: Array


@dataclass(frozen=True)
class BreakPath:
    """What is known of the last change after each of T observations.

    Attributes:
        break_probability: (T,) P(run length <= within).
        run_length: (T,) the likeliest, sessions.
        expected_run_length: (T,) sessions.
        level: (T,) posterior mean of the segment's mean under the likeliest run length, units of the series.
        predictive_scale, degrees_of_freedom: (T,) of the Student t around the level that the next observation has then.
    """

    break_probability: Array
    run_length: Array
    expected_run_length: Array
    level: Array
    predictive_scale: Array
    degrees_of_freedom: Array


def beginning(prior: NormalInverseGamma) -> RunLengths:
    """Before the first observation: a segment has just begun."""
    return RunLengths(np.zeros(1, dtype=np.int64), np.ones(1), prior.statistics())


def run_length_posterior(
    x: Array, hazard: float, prior: NormalInverseGamma, outlier_fraction: float = 0.0, min_probability: float = 0.0
) -> Array:
    """Filtered probabilities of run lengths.

    Args:
        x: (T,) observations; a NaN is a session without one.
        hazard: probability that a new segment begins after a session.
        prior: of each segment.
        outlier_fraction, min_probability: as in `filter_breaks`; 0 is Adams and MacKay's.

    Returns:
        (T, T + 1); [t, r] is P(run length = r | x up to t), 0 beyond r = t + 1.

    Raises:
        ValueError: as `filter_breaks`.
    """
    x = _checked(x, hazard, outlier_fraction, min_probability)
    dense = np.zeros((len(x), len(x) + 1))
    _filter(
        x, _rates(hazard, outlier_fraction, min_probability), 0, prior.statistics(), *_arrays(beginning(prior)), dense
    )
    return dense


def break_probability(posterior: Array, within: int) -> Array:
    """(T,) P(run length <= within) from (T, R) probabilities of run lengths."""
    if within < 0:
        raise ValueError(f"within is {within} sessions; pass 0 or more")
    total: Array = posterior[:, : within + 1].sum(axis=1)
    return total


def filter_breaks(
    x: Array,
    hazard: float,
    prior: NormalInverseGamma,
    within: int,
    outlier_fraction: float = 0.0,
    min_probability: float = 0.0,
    state: RunLengths | None = None,
) -> tuple[BreakPath, RunLengths]:
    """What is known of the last change after each observation, and the state to go on from.

    With an `outlier_fraction` e, an observation is with probability e no part of its segment but a stray draw from the
    prior's predictive density p0, whatever the segment. A segment's density is then (1 - e) t(x) + e p0(x), never below
    e p0(x), and that of a new segment's first observation is p0(x): one observation, however far out, multiplies the
    odds of a change just before it by at most 1 / e. A second one that agrees with it tells a change from an outlier.
    An observation enters the statistics of a run with the probability that it belongs to it: exact with e = 0, and
    otherwise a filter that keeps one density per run where the exact one would keep two to the power of its length.

    Args:
        x: (T,) observations; after a session without one (NaN) a segment may have begun, and nothing else is learned.
        hazard: probability that a new segment begins after a session.
        prior: of each segment.
        within: sessions.
        outlier_fraction: from 0 to less than 1.
        min_probability: run lengths less probable than that after an observation are dropped, and the others take
            their probability; 0 keeps all, in time proportional to T squared.
        state: from the observations before; None begins a segment.

    Returns:
        Row t conditions on x[0..t] and the state alone. In parts it is the same bits as at once.

    Raises:
        ValueError: an infinite observation or a probability out of bounds.
    """
    x = _checked(x, hazard, outlier_fraction, min_probability)
    rates = _rates(hazard, outlier_fraction, min_probability)
    carried = _arrays(state or beginning(prior))
    path, runs, probability, statistics = _filter(x, rates, within, prior.statistics(), *carried, np.empty((0, 0)))
    return BreakPath(*path.T), RunLengths(runs, probability, statistics)


def severity(path: BreakPath, within: int) -> tuple[Array, Array]:
    """How far the level has moved over the last `within` sessions, by what was known of its spread before.

    Returns:
        (T,) shift: level of t less that of t - within, in scales of the Student t that t - within predicted by; and
        (T,) severity: the probability under that t of an observation nearer to the old level than the new level is, in
        [0, 1). NaN in the first `within` rows.
    """
    shift, probability = np.full(len(path.level), np.nan), np.full(len(path.level), np.nan)
    if len(shift) > within:
        past = slice(0, len(shift) - within)
        shift[within:] = (path.level[within:] - path.level[past]) / path.predictive_scale[past]
        probability[within:] = 1.0 - 2.0 * stdtr(path.degrees_of_freedom[past], -np.abs(shift[within:]))
    return shift, probability


def _arrays(state: RunLengths) -> tuple[Index, Array, Array]:
    return state.run_length, state.probability, np.ascontiguousarray(state.statistics)


def _rates(hazard: float, outlier_fraction: float, min_probability: float) -> Rates:
    """As the kernel is compiled for them."""
    return float(hazard), float(outlier_fraction), float(min_probability)


def _checked(x: Array, hazard: float, outlier_fraction: float, min_probability: float) -> Array:
    x = np.ascontiguousarray(x, dtype=np.float64)
    if x.ndim != 1 or np.isinf(x).any():
        raise ValueError("observations are not one series of finite numbers; pass (T,), with NaN where there is none")
    if not 0 < hazard < 1:
        raise ValueError(f"hazard is {hazard}; pass a probability above 0 and below 1, such as 1 / 90")
    if not (0 <= outlier_fraction < 1 and 0 <= min_probability < 0.01):
        raise ValueError(
            f"outlier_fraction is {outlier_fraction} and min_probability {min_probability}; "
            "pass one from 0 to less than 1, and one from 0 to less than 0.01"
        )
    return x


# -- kernels -----------------------------------------------------------------------------------------------------------


@njit()
def _log_gamma_ratio(a: float) -> float:
    """log Gamma(a + 1/2) - log Gamma(a); from 10 on by its asymptotic series, to 2e-12 and at a tenth of the time."""
    if a < 10.0:
        return lgamma(a + 0.5) - lgamma(a)
    inverse, square = 1.0 / a, 1.0 / (a * a)
    return 0.5 * log(a) - inverse * (1 / 8 - square * (1 / 192 - square * (1 / 640 - square * 17 / 14336)))


@njit()
def _log_predictive(x: float, of_run: Array) -> float:
    """Log density of Student's t with 2 a degrees of freedom and squared scale b (k + 1) / (a k)."""
    mean, k, a, b = of_run
    width = 2.0 * b * (k + 1.0) / k
    density: float = _log_gamma_ratio(a) - 0.5 * log(pi * width) - (a + 0.5) * np.log1p((x - mean) ** 2 / width)
    return density


@njit()
def _updated(x: float, weight: float, of_run: Array) -> tuple[float, float, float, float]:
    """Normal-inverse-gamma after an observation that counts for `weight` of one."""
    mean, k, a, b = of_run
    gap, total = x - mean, k + weight
    return mean + weight * gap / total, total, a + 0.5 * weight, b + 0.5 * weight * k * gap * gap / total


@njit()
def _observe(x: float, outlier_fraction: float, prior: Array, log_probability: Array, statistics: Array) -> None:
    """Multiplies each run's probability by the observation's density, and takes the observation into its statistics."""
    stray = _log_predictive(x, prior[:, 0]) + (log(outlier_fraction) if outlier_fraction > 0 else -np.inf)
    belongs = np.log1p(-outlier_fraction)
    for i in range(len(log_probability)):
        own = _log_predictive(x, statistics[:, i]) + belongs
        density = own if outlier_fraction == 0 else max(own, stray) + np.log1p(np.exp(-abs(own - stray)))
        log_probability[i] += density
        weight = np.exp(own - density) if outlier_fraction > 0 else 1.0
        statistics[MEAN, i], statistics[WEIGHT, i], statistics[SHAPE, i], statistics[SCALE, i] = _updated(
            x, weight, statistics[:, i]
        )


@njit()
def _grown(
    hazard: float, min_probability: float, prior: Array, run_length: Index, probability: Array, statistics: Array
) -> tuple[Index, Array, Array]:
    """The runs one session on: those that are probable enough grow, and a new one has begun with the hazard."""
    kept = probability >= min_probability
    n = kept.sum() + 1
    runs, grown, moments = np.zeros(n, dtype=np.int64), np.empty(n), np.empty((4, n))
    grown[0], moments[:, 0] = hazard, prior[:, 0]
    total, i = 0.0, 1
    for j in range(len(kept)):
        if kept[j]:
            runs[i], grown[i], moments[:, i] = run_length[j] + 1, probability[j], statistics[:, j]
            total += probability[j]
            i += 1
    grown[1:] *= (1.0 - hazard) / total
    return runs, grown, moments


@njit()
def _summary(within: int, run_length: Index, probability: Array, statistics: Array) -> Array:
    """Columns of a BreakPath."""
    best = probability.argmax()
    mean, k, a, b = statistics[:, best]
    recent, expected = 0.0, 0.0
    for i in range(len(run_length)):
        recent += probability[i] if run_length[i] <= within else 0.0
        expected += probability[i] * run_length[i]
    return np.array([min(recent, 1.0), run_length[best], expected, mean, np.sqrt(b * (k + 1.0) / (a * k)), 2.0 * a])


@njit()
def _filter(
    x: Array, rates: Rates, within: int, prior: Array,
    run_length: Index, probability: Array, statistics: Array, dense: Array,
) -> tuple[Array, Index, Array, Array]:  # fmt: skip
    """(T, 6) summaries and the state after the last; fills the rows of `dense` with probabilities, where it has any."""
    hazard, outlier_fraction, min_probability = rates
    path, statistics = np.empty((len(x), 6)), statistics.copy()
    for t in range(len(x)):
        if not np.isnan(x[t]):
            log_probability = np.log(probability)
            _observe(x[t], outlier_fraction, prior, log_probability, statistics)
            probability = np.exp(log_probability - log_probability.max())
            probability /= probability.sum()
        run_length, probability, statistics = _grown(
            hazard, min_probability, prior, run_length, probability, statistics
        )
        path[t] = _summary(within, run_length, probability, statistics)
        if len(dense):
            for i in range(len(run_length)):
                dense[t, run_length[i]] = probability[i]
    return path, run_length, probability, statistics
