"""How good detected regimes are: delay, missed switches, false alarms, skill against a ceiling, calibration.

Truth is a simulated market's planted state, or an outcome that has matured; nothing here feeds a stored value of the
session that it speaks of.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import expit

from quant_assets.numerics.arrays import Array, Index, Mask
from quant_assets.numerics.units import SESSIONS_PER_YEAR

FLOOR = 1e-12  # of a probability whose logarithm is taken: what is called impossible and happens costs 28 nats
NEWTON_STEPS = 50


@dataclass(frozen=True)
class Detections:
    """What became of the planted switches of one series.

    Attributes:
        delays: (S,) sessions from each switch until the new state was first detected; NaN where it was missed.
        false_alarms: detected switches into a state that did not hold.
        n_sessions: of the series.
    """

    delays: Array
    false_alarms: int
    n_sessions: int

    @property
    def missed_rate(self) -> float:
        """Fraction of the switches whose state was over before it was detected; NaN without a switch."""
        return float(np.isnan(self.delays).mean()) if len(self.delays) else float("nan")

    @property
    def median_delay(self) -> float:
        """Sessions; a missed switch counts as later than any other. NaN without a switch."""
        delays = np.where(np.isnan(self.delays), np.inf, self.delays)
        return float(np.median(delays)) if len(delays) else float("nan")

    @property
    def false_alarms_per_year(self) -> float:
        return self.false_alarms * SESSIONS_PER_YEAR / self.n_sessions


def detections(truth: Index, detected: Index) -> Detections:
    """Planted switches of one series, and when each was detected.

    A state that was detected before it began counts as detected at once; what announced it too early is a false alarm.

    Args:
        truth: (T,) state of each session; a switch is a session whose state is not that of the session before.
        detected: (T,) state detected on each session, from what was known then.

    Raises:
        ValueError: shapes that differ, or no session.
    """
    _require_same_length(truth, detected)
    edges = np.append(1 + np.flatnonzero(truth[1:] != truth[:-1]), len(truth))
    delays = [_delay(detected[begin:end] == truth[begin]) for begin, end in pairwise(edges)]
    announced = np.append(False, detected[1:] != detected[:-1])
    return Detections(np.array(delays), int((announced & (detected != truth)).sum()), len(truth))


def pooled(parts: list[Detections]) -> Detections:
    """Detections of several series as those of one."""
    delays = np.concatenate([part.delays for part in parts])
    return Detections(delays, sum(part.false_alarms for part in parts), sum(part.n_sessions for part in parts))


def _delay(is_detected: Mask) -> float:
    return float(np.argmax(is_detected)) if is_detected.any() else float("nan")


def log_score(probabilities: Array, truth: Index) -> float:
    """Mean log probability of the true state, in nats; higher is better.

    Args:
        probabilities: (T, K), rows sum to one.
        truth: (T,) states 0 to K - 1.

    Raises:
        ValueError: shapes that differ, or no session.
    """
    _require_same_length(truth, probabilities)
    return float(np.log(np.maximum(probabilities[np.arange(len(truth)), truth], FLOOR)).mean())


def skill(score: float, base: float, ceiling: float) -> float:
    """Fraction of what could be gained over the base rates: 0 is the base rates, 1 the ceiling.

    Args:
        score: `log_score` of the detector.
        base: of the frequencies of the states, whatever is observed.
        ceiling: of the best anyone could know: the Bayes filter under the parameters that made the data.

    Raises:
        ValueError: a ceiling not above the base rates: nothing can be gained.
    """
    if not ceiling > base:
        raise ValueError(f"the ceiling {ceiling} is not above the base rates {base}; such data cannot tell skill")
    return (score - base) / (ceiling - base)


def brier_skill(probability: Array, outcome: Mask) -> float:
    """1 - (mean squared error) / (that of the frequency of the outcome); 0 is no better than the frequency.

    Args:
        probability: (N,) of an outcome.
        outcome: (N,) whether it came.

    Raises:
        ValueError: shapes that differ, or outcomes that are all the same.
    """
    _require_both_outcomes(probability, outcome)
    return float(1.0 - np.mean((probability - outcome) ** 2) / np.mean((outcome.mean() - outcome) ** 2))


@dataclass(frozen=True)
class Reliability:
    """Probabilities in B bins of equal width over [0, 1]: a calibrated one has the frequency that it states.

    Attributes:
        probability, frequency: (B,) mean of each bin's probabilities, and fraction of its outcomes that came; NaN in an
            empty bin.
        count: (B,)
    """

    probability: Array
    frequency: Array
    count: Index

    @property
    def error(self) -> float:
        """Expected calibration error: mean absolute gap, weighted by count."""
        gap = np.where(self.count > 0, np.abs(self.probability - self.frequency), 0.0)
        return float((gap * self.count).sum() / self.count.sum())


def reliability(probability: Array, outcome: Mask, n_bins: int = 10) -> Reliability:
    """Points of a reliability curve; arguments as for `brier_skill`.

    Raises:
        ValueError: shapes that differ, or no session.
    """
    _require_same_length(probability, outcome)
    bins = np.minimum((probability * n_bins).astype(np.int64), n_bins - 1)
    count = np.bincount(bins, minlength=n_bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(bins, values, minlength=n_bins) / count for values in (probability, outcome.astype(float))]
    return Reliability(means[0], means[1], count)


def calibration_slope(probability: Array, outcome: Mask) -> float:
    """Slope of a logistic regression of the outcome on the logit of its probability: 1 is calibrated, less overstates.

    Source: Cox (1958), Biometrika 45(3/4).

    Raises:
        ValueError: shapes that differ, outcomes that are all the same, a probability that never moves, or outcomes that
            it separates without error.
    """
    _require_both_outcomes(probability, outcome)
    p = np.clip(probability, FLOOR, 1.0 - FLOOR)
    design = np.column_stack([np.ones(len(p)), np.log(p) - np.log1p(-p)])
    if np.ptp(design[:, 1]) == 0.0:
        raise ValueError("a probability that never moves has no slope")
    coefficients = np.zeros(2)
    for _ in range(NEWTON_STEPS):
        fitted = expit(design @ coefficients)
        curvature = design.T @ (design * (fitted * (1.0 - fitted))[:, None])
        if not np.isfinite(np.linalg.cond(curvature)) or np.linalg.cond(curvature) > 1.0 / FLOOR:
            break
        step = np.linalg.solve(curvature, design.T @ (outcome - fitted))
        coefficients += step
        if np.abs(step).max() < 1e-10:
            return float(coefficients[1])
    raise ValueError("the probability separates the outcomes without error, so that its slope is infinite")


def _require_same_length(one: Array | Index | Mask, other: Array | Index | Mask) -> None:
    if len(one) != len(other) or not len(one):
        raise ValueError(f"{len(one)} and {len(other)} sessions; pass the same, at least one")


def _require_both_outcomes(probability: Array, outcome: Mask) -> None:
    _require_same_length(probability, outcome)
    if outcome.all() or not outcome.any():
        raise ValueError(f"all {len(outcome)} outcomes are the same; skill and slope need both")
