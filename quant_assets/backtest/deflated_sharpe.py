"""How far a Sharpe ratio can be trusted, after its length, its moments and the number of trials.

Sharpe ratios are per period, kurtosis is not in excess (3 for a normal distribution). The number of trials comes from
the trial ledger.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr, ndtri


def probabilistic_sharpe_ratio(
    sharpe: float, benchmark: float, n_observations: int, skewness: float, kurtosis: float
) -> float:
    """Probability that the true Sharpe ratio exceeds `benchmark`.

        Φ((SR − SR*) √(n − 1) / √(1 − γ₃ SR + (γ₄ − 1)/4 SR²))

    Source: Bailey and López de Prado (2012), Journal of Risk 15(2).
    """
    if n_observations < 2:
        raise ValueError(f"{n_observations} observations have no Sharpe ratio; at least 2 are needed")
    error = math.sqrt(_variance_of_estimate(sharpe, skewness, kurtosis) / (n_observations - 1))
    return float(ndtr((sharpe - benchmark) / error))


def expected_maximum_sharpe(n_trials: int, variance: float) -> float:
    """Expected largest Sharpe ratio among independent trials whose true one is 0.

        √V ((1 − γ) Φ⁻¹(1 − 1/N) + γ Φ⁻¹(1 − 1/(N e))), γ the Euler-Mascheroni constant; 0 for one trial

    Args:
        variance: of the Sharpe ratios across trials, per period squared.

    Source: Bailey and López de Prado (2014), Journal of Portfolio Management 40(5).
    """
    if n_trials < 1 or not variance >= 0:
        raise ValueError(
            f"{n_trials} trials with a variance of {variance}: there is at least one, and none is negative"
        )
    if n_trials == 1:
        return 0.0
    largest = (1 - np.euler_gamma) * ndtri(1 - 1 / n_trials) + np.euler_gamma * ndtri(1 - 1 / (n_trials * math.e))
    return math.sqrt(variance) * float(largest)


def deflated_sharpe_ratio(
    sharpe: float, n_observations: int, skewness: float, kurtosis: float, n_trials: int, variance: float
) -> float:
    """Probability that the true Sharpe ratio exceeds what the best of `n_trials` shows by luck.

    One trial leaves the probabilistic Sharpe ratio against 0.

    Args:
        variance: of the Sharpe ratios across trials, per period squared.

    Source: Bailey and López de Prado (2014), Journal of Portfolio Management 40(5).
    """
    luck = expected_maximum_sharpe(n_trials, variance)
    return probabilistic_sharpe_ratio(sharpe, luck, n_observations, skewness, kurtosis)


def minimum_track_record_length(
    sharpe: float, benchmark: float, skewness: float, kurtosis: float, significance: float = 0.05
) -> float | None:
    """Observations from which on the true Sharpe ratio exceeds `benchmark` with probability 1 − significance.

        1 + (1 − γ₃ SR + (γ₄ − 1)/4 SR²) (Φ⁻¹(1 − α) / (SR − SR*))²

    Returns:
        Not rounded; None where the Sharpe ratio does not exceed the benchmark, as no length is enough.

    Source: Bailey and López de Prado (2012), Journal of Risk 15(2).
    """
    if not 0 < significance < 0.5:
        raise ValueError(f"significance is {significance}; choose it between 0 and 0.5, such as 0.05")
    if not sharpe > benchmark:
        return None
    distance = float(ndtri(1 - significance)) / (sharpe - benchmark)
    return 1 + _variance_of_estimate(sharpe, skewness, kurtosis) * distance**2


def variance_of_trials(sharpes: Sequence[float]) -> float:
    """Variance of the trials' Sharpe ratios, with divisor N − 1; 0 for one trial, which has no spread."""
    return float(np.var(np.array(sharpes), ddof=1)) if len(sharpes) > 1 else 0.0


def _variance_of_estimate(sharpe: float, skewness: float, kurtosis: float) -> float:
    """Of the estimated Sharpe ratio, times n − 1; Mertens (2002)."""
    variance = 1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2
    # no distribution has a kurtosis below 1 + skewness², and above it the variance is positive
    if not (variance > 0 and kurtosis >= 1 + skewness**2 - 1e-9):
        raise ValueError(
            f"skewness {skewness} and kurtosis {kurtosis} belong to no distribution with a spread; pass the kurtosis "
            "itself (3 for a normal distribution), not what exceeds 3"
        )
    return variance
