"""Detectors of regimes on a user's own signals: hidden Markov models, fitted on a window and filtered forward."""

import numpy as np

from asof.arrays import Array, Numbers, checked
from quant_assets.numerics.hidden_markov import log_density
from quant_assets.regimes.detectors import hmm
from quant_assets.regimes.detectors.hmm import HmmFit

__all__ = ["HmmFit", "filter_states", "fit_hmm", "hmm_states"]


def fit_hmm(
    signals: Numbers,
    n_states: int = 2,
    random_starts: int = 0,
    seed: int = 0,
    max_iterations: int = 100,
    tolerance: float = 1e-2,
    variance_floor: float = 1e-3,
) -> HmmFit:
    """A Gaussian hidden Markov model by EM, the best of several starts; states in order of the first signal's mean.

    Args:
        signals: (T, D), or (T,) for one signal, without missing values.
        random_starts: starts beside the one that the data fix, drawn by `seed`.
        max_iterations, tolerance: EM ends when the log likelihood moves by less than `tolerance` nats.
        variance_floor: fraction of each signal's variance that no state's falls below.

    Raises:
        ValueError: a shape or a value that does not fit, or fewer than 10 observations a state.
    """
    if n_states < 1:
        raise ValueError(f"n_states is {n_states}, expected at least 1")
    (observed,) = checked(signals=(_columns(signals), "T D"))
    rng = np.random.default_rng(seed) if random_starts else None
    return hmm.fit(observed, n_states, max_iterations, tolerance, variance_floor, random_starts, rng)


def hmm_states(fit: HmmFit, signals: Numbers) -> Array:
    """(T, K) probabilities of the states under a fit; row t conditions on the signals up to t, never on later ones.

    Args:
        fit: its K states and D signals.
        signals: (T, D), or (T,) for one signal; a row with NaN moves the probabilities by the transition alone.

    Raises:
        ValueError: a shape or a value that does not fit.
    """
    observed, mean, variance, transition, initial = checked(
        missing=("signals",),
        signals=(_columns(signals), "T D"),
        mean=(fit.mean, "K D"),
        variance=(fit.variance, "K D"),
        transition=(fit.transition, "K K"),
        initial=(fit.initial, "K"),
    )
    if not (variance > 0).all():
        raise ValueError(f"variance holds {variance.min()}, expected more than 0 throughout")
    return hmm.filter_states(log_density(observed, mean, variance), transition, initial)


def filter_states(log_likelihood: Numbers, transition: Numbers, initial: Numbers) -> Array:
    """(T, K) filtered probabilities of any hidden Markov model; see `hmm.filter_states`.

    Args:
        log_likelihood: (T, K) log density of observation t under state k; zeros where nothing was observed.
        transition: (K, K), rows sum to 1; [i, j] is P(j at t+1 | i at t).
        initial: (K,) probabilities before the first observation.

    Raises:
        ValueError: a shape or a value that does not fit, or an observation that is impossible.

    Source: Hamilton (1989), Econometrica 57(2).
    """
    return hmm.filter_states(
        *checked(log_likelihood=(log_likelihood, "T K"), transition=(transition, "K K"), initial=(initial, "K"))
    )


def _columns(signals: Numbers) -> Numbers:
    """One signal as a column."""
    return np.reshape(signals, (-1, 1)) if np.ndim(signals) == 1 else signals
