"""What a kind of detector is: signals, a fit where there is one, and probabilities of states filtered forward."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, TypeVar

import numpy as np
import polars as pl

from configs.settings.detectors import DetectorSettings
from feature_store.schemas.regimes import TREND_STATES_IN_ORDER, VOLATILITY_STATES_IN_ORDER
from quant_assets.numerics.arrays import Array

S_contra = TypeVar("S_contra", bound=DetectorSettings, contravariant=True)

Aspect = Literal["trend", "volatility"]
STATES_IN_ORDER: Mapping[Aspect, tuple[str, ...]] = {
    "trend": TREND_STATES_IN_ORDER,
    "volatility": VOLATILITY_STATES_IN_ORDER,
}


@dataclass(frozen=True)
class StateFit:
    """Parameters of one series of K states and D signals; states from the worst trend, or the calmest, up.

    Attributes:
        mean, variance: (K, D) of the signals in each state; NaN for a signal that the fit leaves out.
        degrees: (D,) degrees of freedom of a signal's distribution; NaN where it has none.
        initial: (K,) probabilities before the first observation.
        transition: (K, K), rows sum to 1; [i, j] is P(j at t+1 | i at t).
        log_likelihood: nats, of the fit's window; of a detector without a likelihood, minus what it minimizes.
        converged: false where it was stopped before.
        posterior: (T, K) probabilities of the states over the window, by the window: hindsight within it, which says
            what the states were like and is no state of any session.
    """

    mean: Array
    variance: Array
    degrees: Array
    initial: Array
    transition: Array
    log_likelihood: float
    converged: bool
    posterior: Array


@dataclass(frozen=True)
class StateParameters:
    """Stored parameters of N series.

    (N, K, D) means and variances, (N, D) degrees of freedom, (N, K) initial and (N, K, K) transitions.
    """

    mean: Array
    variance: Array
    degrees: Array
    initial: Array
    transition: Array


class Fit(Protocol[S_contra]):
    """How a kind of detector finds its parameters.

    It stands apart from the detector, so that what fits alone, as a library of optimizers, counts in the fits and not
    in the states that are filtered under them.
    """

    def __call__(self, aspect: Aspect, signals: Array, settings: S_contra, rng: np.random.Generator) -> StateFit | None:
        """Parameters of one series; None where there are none.

        Args:
            signals: (T, D) of the sessions that have the first signal; NaN where another is missing.
        """


class Detector(Protocol[S_contra]):
    """A kind of detector of the states of trend and of volatility; the class is its entry in `registry.DETECTORS`.

    Every kind passes `tests/regimes/detectors/test_conformance.py`.

    Attributes:
        settings: type of its settings, whose `kind` names it.
        signals: by aspect, expressions over INDUSTRY_FEATURES (`regimes.industry`) or MARKET_FEATURES
            (`regimes.market`) that it sees; null or infinite where there is none. A session without the first of them
            is no observation.
        is_fitted: whether it has parameters, which its entry in `registry.FITS` finds and regimes/hmm_fits stores; the
            market's detector has none.
    """

    settings: ClassVar[type[DetectorSettings]]
    signals: ClassVar[Mapping[Aspect, tuple[pl.Expr, ...]]]
    is_fitted: ClassVar[bool]

    @staticmethod
    def probabilities(aspect: Aspect, signals: Array, parameters: StateParameters | None, settings: S_contra) -> Array:
        """(N, K) probabilities of the states after the last observation of N series, each row summing to 1.

        Args:
            signals: (N, T, D) up to the session; NaN where there is none. A series depends on nothing of the others.
            parameters: in force, of the N series; None for a detector without.

        Returns:
            Columns in the order of the fit's states, or of the labels where there is no fit; NaN throughout where the
            signals say nothing.
        """
