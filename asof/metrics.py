"""Performance of a series of simple returns a session, and how far its Sharpe ratio can be trusted.

Returns are a column or an array, NaN or null where missing; a missing one is left out, never taken as 0. A metric is
None with fewer than 21 returns, or where its denominator has no spread.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np

from asof.arrays import Array, Numbers, checked
from asof.dates import days
from quant_assets.backtest import deflated_sharpe as inference
from quant_assets.backtest import metrics
from quant_assets.backtest.metrics import Drawdown, Performance, Relative
from quant_assets.numerics.units import SESSIONS_PER_YEAR

__all__ = [
    "Drawdown",
    "Performance",
    "Relative",
    "annual_return",
    "annual_volatility",
    "calmar_ratio",
    "deflated_sharpe_ratio",
    "drawdowns",
    "hit_rate",
    "maximum_drawdown",
    "performance",
    "probabilistic_sharpe_ratio",
    "relative",
    "sharpe_ratio",
    "simple_returns",
    "sortino_ratio",
    "total_return",
]


def performance(returns: Numbers, sessions: object, risk_free: Numbers = 0.0) -> Performance:
    """All metrics of a series of net returns.

    Args:
        returns: (T,) simple, per session.
        sessions: (T,) of the returns, ascending.
        risk_free: simple, per session: a number, or (T,).
    """
    values, free = _with_free(returns, risk_free)
    return metrics.performance(values, free, _sessions(sessions, values))


def relative(returns: Numbers, benchmark: Numbers, risk_free: Numbers = 0.0) -> Relative:
    """Active return, tracking error, information ratio, beta and correlation beside a benchmark; (T,) each."""
    values, free = _with_free(returns, risk_free)
    _, beside = checked(missing=("returns", "benchmark"), returns=(values, "T"), benchmark=(benchmark, "T"))
    return metrics.relative(values, beside, free)


def simple_returns(levels: Numbers) -> Array:
    """(T,) change of each of (T,) levels over the one before; the first is NaN."""
    return metrics.simple_returns(*checked(missing=("levels",), levels=(levels, "T")))


def total_return(returns: Numbers) -> float | None:
    """Compounded, not annualized; (T,) simple returns."""
    return metrics.total_return(_returns(returns))


def annual_return(returns: Numbers) -> float | None:
    """Geometric: what one year at the same pace compounds to."""
    return metrics.annual_return(_returns(returns))


def annual_volatility(returns: Numbers) -> float | None:
    """Standard deviation with divisor T − 1, annual."""
    return metrics.annual_volatility(_returns(returns))


def sharpe_ratio(returns: Numbers, risk_free: Numbers = 0.0) -> float | None:
    """Mean over standard deviation of the excess returns, annual; Sharpe (1994)."""
    return metrics.sharpe_ratio(*_with_free(returns, risk_free))


def sortino_ratio(returns: Numbers, risk_free: Numbers = 0.0) -> float | None:
    """Mean excess return over the root mean square of those below 0, annual."""
    return metrics.sortino_ratio(*_with_free(returns, risk_free))


def drawdowns(returns: Numbers) -> Array:
    """(T,) compounded value over its highest so far, less 1."""
    return metrics.drawdowns(_returns(returns))


def maximum_drawdown(returns: Numbers, sessions: object) -> Drawdown | None:
    """The deepest drawdown with its peak, trough and recovery; None where nothing ever fell."""
    values = _returns(returns)
    return metrics.maximum_drawdown(values, _sessions(sessions, values))


def calmar_ratio(returns: Numbers) -> float | None:
    """Annual return over the depth of the deepest drawdown."""
    return metrics.calmar_ratio(_returns(returns))


def hit_rate(returns: Numbers) -> float | None:
    """Fraction of returns above 0 among those that are not 0."""
    return metrics.hit_rate(_returns(returns))


def probabilistic_sharpe_ratio(returns: Numbers, benchmark_annual: float = 0.0, risk_free: Numbers = 0.0) -> float:
    """Probability that the true annual Sharpe ratio exceeds the benchmark's, after length, skewness and kurtosis.

    Raises:
        ValueError: fewer than 21 returns, or returns without spread.

    Source: Bailey and López de Prado (2012), Journal of Risk 15(2).
    """
    sharpe, n, skewness, kurtosis = _moments(returns, risk_free)
    benchmark = benchmark_annual / np.sqrt(SESSIONS_PER_YEAR)
    return inference.probabilistic_sharpe_ratio(sharpe, float(benchmark), n, skewness, kurtosis)


def deflated_sharpe_ratio(returns: Numbers, trial_sharpes_annual: Numbers, risk_free: Numbers = 0.0) -> float:
    """Probability that the true Sharpe ratio exceeds what the best of all trials shows by luck.

    Args:
        returns: (T,) simple, per session, of the trial that was selected.
        trial_sharpes_annual: (N,) of every trial that was made, the selected one too.

    Raises:
        ValueError: no trial, fewer than 21 returns, or returns without spread.

    Source: Bailey and López de Prado (2014), Journal of Portfolio Management 40(5).
    """
    (trials,) = checked(trial_sharpes_annual=(trial_sharpes_annual, "N"))
    sharpe, n, skewness, kurtosis = _moments(returns, risk_free)
    variance = inference.variance_of_trials((trials / np.sqrt(SESSIONS_PER_YEAR)).tolist())
    return inference.deflated_sharpe_ratio(sharpe, n, skewness, kurtosis, len(trials), variance)


def _moments(returns: Numbers, risk_free: Numbers) -> tuple[float, int, float, float]:
    """Sharpe ratio per session, number of returns, skewness and kurtosis of the excess returns."""
    values, free = _with_free(returns, risk_free)
    excess = values - free
    sharpe = metrics.sharpe_ratio(values, free)
    skewness, kurtosis = (metrics.standardized_moment(excess, order) for order in (3, 4))
    if sharpe is None or skewness is None or kurtosis is None:
        raise ValueError(
            f"returns: {int((~np.isnan(excess)).sum())} of them, or without spread, have no Sharpe ratio; pass at "
            f"least {metrics.FEWEST} that differ"
        )
    return sharpe / np.sqrt(SESSIONS_PER_YEAR), int((~np.isnan(excess)).sum()), skewness, kurtosis


def _returns(returns: Numbers) -> Array:
    return checked(missing=("returns",), returns=(returns, "T"))[0]


def _with_free(returns: Numbers, risk_free: Numbers) -> tuple[Array, Array]:
    values = _returns(returns)
    if np.ndim(risk_free) == 0:
        risk_free = np.full(len(values), risk_free)
    _, free = checked(missing=("returns", "risk_free"), returns=(values, "T"), risk_free=(risk_free, "T"))
    return values, free


def _sessions(sessions: object, values: Array) -> Sequence[dt.date]:
    listed: list[Any] = days(sessions, "sessions").tolist()
    if len(listed) != len(values):
        raise ValueError(f"sessions has shape ({len(listed)},), expected (T,) with T = {len(values)}, as of returns")
    return listed
