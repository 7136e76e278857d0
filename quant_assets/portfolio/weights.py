"""From what was predicted to a programme of weights, and the weights of a session."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from configs.settings import Portfolio
from feature_store.schemas.execution import CASH
from quant_assets.portfolio.optimizer import Problem
from quant_assets.portfolio.problem import Array

Mask = NDArray[np.bool_]
SESSIONS_PER_YEAR = 252
DAYS_PER_SESSION = 365 / SESSIONS_PER_YEAR
DAY_COUNT = 360  # of money market rates


@dataclass(frozen=True)
class Names:
    """What the programme knows of its N names; arrays are (N,).

    Attributes:
        alpha: expected relative return over the programme's horizon, simple; 0 where the weight is fixed.
        volatility_annual: deviation of simple returns.
        correlation: common to all pairs.
        weight: fraction of NAV held at the close.
        leaves: must be sold whole.
        stays: can or may not be traded now: no bar, no alpha, about to be delisted.
        linear_cost, quadratic_cost: of trading, as fractions of NAV.
    """

    alpha: Array
    volatility_annual: Array
    correlation: float
    weight: Array
    leaves: Mask
    stays: Mask
    linear_cost: Array
    quadratic_cost: Array


def programme(names: Names, risk_aversion: float, cash_rate_annual: float, settings: Portfolio) -> Problem:
    """The long-only programme over one horizon, cash included.

    The covariance with one common correlation is one factor: Σ = ρσσ' + (1−ρ) diag σ². Every stock is expected to
    earn cash and the market premium besides its relative alpha.
    """
    horizon = settings.horizon_sessions
    cash_return = cash_rate_annual * horizon * DAYS_PER_SESSION / DAY_COUNT
    premium = settings.market_premium_annual * horizon / SESSIONS_PER_YEAR
    variance = names.volatility_annual**2 * horizon / SESSIONS_PER_YEAR
    lower = np.where(names.stays, names.weight, 0.0)
    upper = np.where(names.stays, names.weight, np.where(names.leaves, 0.0, settings.weight_cap))
    return Problem(
        alpha=cash_return + premium + names.alpha,
        exposures=np.sqrt(names.correlation * variance)[:, None],
        factor_covariance=np.eye(1),
        specific_variance=(1.0 - names.correlation) * variance,
        risk_aversion=risk_aversion,
        previous=names.weight,
        lower=lower,
        upper=upper,
        linear_cost=names.linear_cost,
        quadratic_cost=names.quadratic_cost,
        cash_return=cash_return,
        cash_bounds=(settings.cash_floor, np.inf),
        turnover_cap=settings.turnover_cap,
        forced=names.leaves,
    )


def regime_risk_aversion(states: pl.DataFrame, settings: Portfolio) -> float | None:
    """γ, multiplied by up to `turbulent_risk_multiple` as industries turn turbulent; None without any state.

    The multiple grows with the mean over industries of the probability of the most turbulent state, which is the last
    one that is not null.
    """
    most = pl.coalesce("p_2", "p_1", "p_0")
    turbulence = states.select(most).to_series().drop_nulls().to_numpy()
    if not len(turbulence):
        return None
    return settings.risk_aversion * (1.0 + (settings.turbulent_risk_multiple - 1.0) * float(turbulence.mean()))


def target_weights(book: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """Weights at the close of the session and those decided for the next open; cash is the row USD.

    Targets are null where no programme was solved: positions are then kept. What ended in the session has no row.
    """
    today = book.filter(pl.col("event_date") == session)
    nav = float(today["value_usd"].sum())
    speaks = (pl.col("symbol") == CASH) | (pl.col("shares") != 0) | pl.col("target_weight").is_not_null()
    return today.filter(speaks).select("event_date", "symbol", "target_weight", weight=pl.col("value_usd") / nav)
