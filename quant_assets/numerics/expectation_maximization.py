"""EM of Gaussian hidden Markov models with diagonal covariances, by hmmlearn."""

from dataclasses import dataclass

import numpy as np
from hmmlearn.base import ConvergenceMonitor
from hmmlearn.hmm import GaussianHMM

from quant_assets.numerics.arrays import Array

PSEUDO_TRANSITIONS = 0.5  # per pair of states: no transition is impossible because a window did not show it


@dataclass(frozen=True)
class Ended:
    """Where EM ended.

    Attributes:
        mean, variance: (K, D), in the units of the signals.
        transition: (K, K), rows sum to 1.
        settled: the likelihood had settled before the last iteration.
    """

    mean: Array
    variance: Array
    transition: Array
    settled: bool
    n_iterations: int


def expectation_maximization(
    signals: Array, mean: Array, variance: Array, transition: Array, max_iterations: int, tolerance: float
) -> Ended:
    """EM from one start; with scaled probabilities, which are three times faster, unless they underflow.

    Args:
        signals: (T, D).
        mean, variance: (K, D) to start from.
        transition: (K, K) to start from.
    """
    try:
        return _run(signals, mean, variance, transition, max_iterations, tolerance, "scaling")
    except ValueError:  # an observation so far out that its density is 0 under every state: logarithms can tell
        return _run(signals, mean, variance, transition, max_iterations, tolerance, "log")


class _Monitor(ConvergenceMonitor):  # type: ignore[misc]
    """Ends EM when the likelihood settles, and keeps the verdict instead of logging it.

    hmmlearn's own calls the last iteration converged, and warns when the likelihood falls: with a prior on the variance
    it is the posterior that never falls.
    """

    def report(self, log_prob: float) -> None:
        self.history.append(log_prob)
        self.iter += 1

    @property
    def settled(self) -> bool:
        return len(self.history) >= 2 and abs(self.history[-1] - self.history[-2]) < self.tol

    @property
    def converged(self) -> bool:
        return self.settled


def _run(
    signals: Array,
    mean: Array,
    variance: Array,
    transition: Array,
    max_iterations: int,
    tolerance: float,
    implementation: str,
) -> Ended:
    n_states = len(mean)
    model = GaussianHMM(
        n_states,
        covariance_type="diag",
        n_iter=max_iterations,
        params="tmc",
        init_params="",
        covars_prior=1.0,  # with covars_weight 2: (sum of squares + 1) / (weight of the state + 1)
        covars_weight=2.0,
        transmat_prior=1.0 + PSEUDO_TRANSITIONS,
        implementation=implementation,
    )
    model.startprob_ = np.full(n_states, 1.0 / n_states)
    model.transmat_ = transition
    model.means_ = mean.copy()
    model.covars_ = variance
    monitor = _Monitor(tolerance, max_iterations, verbose=False)
    model.monitor_ = monitor
    model.fit(signals)
    return Ended(model.means_, model._covars_, model.transmat_, monitor.settled, monitor.iter)
