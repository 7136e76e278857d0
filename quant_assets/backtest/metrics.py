"""Performance of a series of simple returns: by itself, and beside a benchmark.

Every array is (T,), one value a session, NaN where missing. A missing value is left out together with what stands
beside it, never taken as 0. Where fewer than `FEWEST` returns are left, or the denominator has no spread, a metric is
None. Means and standard deviations are per session inside and annualized at the end.
"""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quant_assets.numerics.arrays import Array
from quant_assets.numerics.units import DAY_COUNT, SESSIONS_PER_YEAR

FEWEST = 21  # a month; less says nothing of a year
NO_SPREAD = 1e-12  # per session: a smaller standard deviation is rounding


@dataclass(frozen=True)
class Drawdown:
    """The deepest fall of the compounded value below its highest so far.

    Attributes:
        depth: simple return from the peak to the trough, at most 0.
        peak: session of the highest value before the fall; None where that is the value before the first return.
        trough: session of the lowest value.
        recovered: first session back at the peak's value; None where that has not come.
    """

    depth: float
    peak: dt.date | None
    trough: dt.date
    recovered: dt.date | None


@dataclass(frozen=True)
class Performance:
    """Metrics of one series; simple, annual and net unless named otherwise.

    Attributes:
        n_sessions: returns that are not missing.
        total_return: compounded over the whole series.
        hit_rate: fraction of the sessions with a return above 0, among those with one that is not 0.
        sharpe_per_session, skewness, kurtosis: of excess returns, as the deflated Sharpe ratio wants them: per session,
            the standard deviation with divisor T − 1, the kurtosis not in excess of 3.
    """

    n_sessions: int
    total_return: float | None
    annual_return: float | None
    annual_volatility: float | None
    sharpe: float | None
    sortino: float | None
    drawdown: Drawdown | None
    calmar: float | None
    hit_rate: float | None
    sharpe_per_session: float | None
    skewness: float | None
    kurtosis: float | None


@dataclass(frozen=True)
class Relative:
    """Metrics of a series beside a benchmark's; annual.

    Attributes:
        active_return: mean of the differences of simple returns.
        tracking_error: standard deviation of those differences.
        beta, correlation: of excess returns.
    """

    n_sessions: int
    active_return: float | None
    tracking_error: float | None
    information_ratio: float | None
    beta: float | None
    correlation: float | None


@dataclass(frozen=True)
class Trading:
    """What trading cost; annual.

    Attributes:
        turnover: filled value, bought and sold, over net asset value.
        cost_bp, borrow_bp: bp of net asset value.
    """

    turnover: float | None
    cost_bp: float | None
    borrow_bp: float | None


def performance(returns: Array, risk_free: Array, sessions: Sequence[dt.date]) -> Performance:
    """All metrics of a series of net returns.

    Args:
        returns, risk_free: simple, per session.
        sessions: of the returns, ascending.
    """
    excess = _excess(returns, risk_free)
    return Performance(
        n_sessions=int((~np.isnan(returns)).sum()),
        total_return=total_return(returns),
        annual_return=annual_return(returns),
        annual_volatility=annual_volatility(returns),
        sharpe=sharpe_ratio(returns, risk_free),
        sortino=sortino_ratio(returns, risk_free),
        drawdown=maximum_drawdown(returns, sessions),
        calmar=calmar_ratio(returns),
        hit_rate=hit_rate(returns),
        sharpe_per_session=_mean_over_std(excess),
        skewness=standardized_moment(excess, 3),
        kurtosis=standardized_moment(excess, 4),
    )


def relative(returns: Array, benchmark: Array, risk_free: Array) -> Relative:
    """All metrics of a series beside a benchmark's, over the sessions on which both have a return."""
    mine, theirs = _excess(returns, risk_free, benchmark), _excess(benchmark, risk_free, returns)
    active = mine - theirs
    tracking_error = _annual_volatility(active)  # a difference of returns may lie below -1
    return Relative(
        n_sessions=len(active),
        active_return=float(active.mean()) * SESSIONS_PER_YEAR if len(active) >= FEWEST else None,
        tracking_error=tracking_error,
        information_ratio=_annualized(_mean_over_std(active)),
        beta=_beta(mine, theirs),
        correlation=_correlation(mine, theirs),
    )


def trading(turnover: Array, cost_usd: Array, borrow_usd: Array, nav_usd: Array) -> Trading:
    """What trading cost.

    Args:
        turnover: filled value over the net asset value of the session before.
        cost_usd, borrow_usd, nav_usd: each session's; the first session has nothing before it and is left out.
    """
    _require_aligned(turnover, cost_usd, borrow_usd, nav_usd)
    before = nav_usd[:-1]
    return Trading(
        turnover=_yearly(turnover[1:]),
        cost_bp=_yearly(cost_usd[1:] / before * 1e4),
        borrow_bp=_yearly(borrow_usd[1:] / before * 1e4),
    )


def simple_returns(levels: Array) -> Array:
    """(T,) change of each level over the one before; the first is NaN, as is whatever touches a missing level."""
    returns = np.full(len(levels), np.nan)
    returns[1:] = levels[1:] / levels[:-1] - 1.0
    return returns


def cash_returns(rate_annual: Array, sessions: Sequence[dt.date]) -> Array:
    """(T,) simple return of cash over the calendar days since the session before; the first is NaN.

    Args:
        rate_annual: money market rate over 360 days that ran into each session.
    """
    _require_aligned(rate_annual, np.empty(len(sessions)))
    days = np.full(len(sessions), np.nan)
    days[1:] = np.diff(np.array(sessions, dtype="datetime64[D]")).astype(np.float64)
    returns: Array = rate_annual * days / DAY_COUNT
    return returns


def total_return(returns: Array) -> float | None:
    """Compounded, not annualized."""
    known = _known(returns)
    return float(np.prod(1.0 + known)) - 1.0 if len(known) else None


def annual_return(returns: Array) -> float | None:
    """Geometric: what one year at the same pace compounds to."""
    known = _known(returns)
    if len(known) < FEWEST:
        return None
    return math.pow(np.prod(1.0 + known), SESSIONS_PER_YEAR / len(known)) - 1.0


def annual_volatility(returns: Array) -> float | None:
    """Standard deviation, with divisor T − 1."""
    return _annual_volatility(_known(returns))


def sharpe_ratio(returns: Array, risk_free: Array) -> float | None:
    """Mean over standard deviation of the excess returns; Sharpe (1994)."""
    return _annualized(_mean_over_std(_excess(returns, risk_free)))


def sortino_ratio(returns: Array, risk_free: Array) -> float | None:
    """Mean excess return over the root mean square of the excess returns below 0, which counts every session."""
    excess = _excess(returns, risk_free)
    if len(excess) < FEWEST:
        return None
    downside = math.sqrt(float((np.minimum(excess, 0.0) ** 2).mean()))
    return _annualized(float(excess.mean()) / downside) if downside > NO_SPREAD else None


def drawdowns(returns: Array) -> Array:
    """(T,) compounded value over its highest so far, less 1; the value before the first return counts.

    A missing return leaves the value where it was.
    """
    _require_returns(returns)
    value = np.cumprod(1.0 + np.nan_to_num(returns))
    fallen: Array = value / np.maximum(np.maximum.accumulate(value), 1.0) - 1.0
    return fallen


def maximum_drawdown(returns: Array, sessions: Sequence[dt.date]) -> Drawdown | None:
    """The deepest drawdown, the first of equals; None without a return, and where nothing ever fell."""
    _require_aligned(returns, np.empty(len(sessions)))
    fallen = drawdowns(returns)
    if not (fallen < 0).any():
        return None
    trough = int(fallen.argmin())
    at_peak = np.flatnonzero(fallen[:trough] == 0.0)
    back = np.flatnonzero(fallen[trough:] == 0.0)
    return Drawdown(
        depth=float(fallen[trough]),
        peak=sessions[int(at_peak[-1])] if len(at_peak) else None,
        trough=sessions[trough],
        recovered=sessions[trough + int(back[0])] if len(back) else None,
    )


def calmar_ratio(returns: Array) -> float | None:
    """Annual return over the depth of the deepest drawdown."""
    annual, fallen = annual_return(returns), drawdowns(returns)
    return None if annual is None or not fallen.min() < 0 else annual / -float(fallen.min())


def hit_rate(returns: Array) -> float | None:
    """Fraction of returns above 0 among those that are not 0."""
    known = _known(returns)
    moved = known[known != 0]
    return float((moved > 0).mean()) if len(known) >= FEWEST and len(moved) else None


def standardized_moment(values: Array, order: int) -> float | None:
    """Central moment over the standard deviation's power, both with divisor T: skewness is of order 3, kurtosis (3 for
    a normal distribution) of order 4.
    """
    known = _known(values)
    if len(known) < FEWEST or not known.std() > NO_SPREAD:
        return None
    return float((((known - known.mean()) / known.std()) ** order).mean())


def _annual_volatility(known: Array) -> float | None:
    return float(known.std(ddof=1)) * math.sqrt(SESSIONS_PER_YEAR) if len(known) >= FEWEST else None


def _beta(mine: Array, theirs: Array) -> float | None:
    if len(mine) < FEWEST or not theirs.std() > NO_SPREAD:
        return None
    centred = theirs - theirs.mean()
    return float((mine * centred).sum() / (theirs * centred).sum())


def _correlation(mine: Array, theirs: Array) -> float | None:
    if len(mine) < FEWEST or not min(mine.std(), theirs.std()) > NO_SPREAD:
        return None
    product = (mine - mine.mean()) * (theirs - theirs.mean())
    return float(product.mean() / (mine.std() * theirs.std()))


def _mean_over_std(values: Array) -> float | None:
    if len(values) < FEWEST or not (std := float(values.std(ddof=1))) > NO_SPREAD:
        return None
    return float(values.mean()) / std


def _annualized(ratio: float | None) -> float | None:
    """A ratio of a mean to a standard deviation, which grows with the root of time."""
    return None if ratio is None else ratio * math.sqrt(SESSIONS_PER_YEAR)


def _yearly(values: Array) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) * SESSIONS_PER_YEAR if len(known) >= FEWEST else None


def _excess(returns: Array, risk_free: Array, beside: Array | None = None) -> Array:
    """Returns over the risk-free one, where they and `beside` are there."""
    others = [risk_free] if beside is None else [risk_free, beside]
    _require_aligned(returns, *others)
    _require_returns(returns)
    kept = ~np.isnan(np.stack([returns, *others])).any(axis=0)
    excess: Array = returns[kept] - risk_free[kept]
    return excess


def _known(returns: Array) -> Array:
    _require_returns(returns)
    return returns[~np.isnan(returns)]


def _require_returns(returns: Array) -> None:
    if np.isinf(returns).any() or (returns < -1.0).any():
        worst = float(np.nanmin(returns))
        raise ValueError(f"returns reach {worst}; pass simple returns per session, finite and not below -1")


def _require_aligned(first: Array, *others: Array) -> None:
    lengths = [len(first), *(len(other) for other in others)]
    if len(set(lengths)) != 1:
        raise ValueError(f"series of {lengths} values do not belong together; align them by session first")
