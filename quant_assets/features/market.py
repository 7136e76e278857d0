"""The state of the whole market: one row a session."""

import datetime as dt

import numpy as np
import polars as pl

from configs.settings import Features, Macro
from feature_store.schemas.features import MARKET_FEATURES
from quant_assets.features.macro import macro_features
from quant_assets.features.panel import Array, Panel, panel, window_sessions
from quant_assets.features.rolling import (
    Flags,
    index_over_highest,
    index_over_mean,
    least_of,
    total_return,
    window_deviation,
)
from quant_assets.features.scores import UNKNOWN, tradable_on
from quant_assets.features.stock import ANNUAL

PERCENTILE_SESSIONS = 252
VOLATILITY_SESSIONS = 21
LOOKBACK_SESSIONS = PERCENTILE_SESSIONS + VOLATILITY_SESSIONS - 1  # the oldest of the volatilities needs its own window
CORRELATION_SESSIONS = 63
SCHEMA = {name: dtype for name, dtype in MARKET_FEATURES.schema.items() if name != "known_at"}


def market_features(
    industries: pl.DataFrame,
    features: pl.DataFrame,
    universe: pl.DataFrame,
    macro: pl.DataFrame,
    session: dt.date,
    settings: Features,
    macro_settings: Macro,
) -> pl.DataFrame:
    """Trend, volatility, correlation and breadth of the equal-weighted market, and macro series as last known.

    Args:
        industries: rows of INDUSTRY_RETURNS of the last `LOOKBACK_SESSIONS` sessions.
        features: rows of STOCK_FEATURES; those of the session and the tradable universe count.
        universe: rows of UNIVERSE of the session.
        macro: rows of MACRO, as `macro_features` needs them.
        session: the partition.
        settings: `min_observations_share`.
        macro_settings: names of the series, `max_age_sessions`.

    Returns:
        One row of MARKET_FEATURES; null where the inputs do not reach.
    """
    where = panel(industries, window_sessions(session, LOOKBACK_SESSIONS), key="industry")
    returns = where.dense(industries["log_return"])
    market = market_return(returns, where.dense(industries["n_members"]))
    traded: Flags = np.logical_or.reduce(where.present(), axis=1)
    stocks = tradable_on(universe, session).join(
        features, on=["event_date", "symbol"], how="left", maintain_order="left"
    )
    values = {
        **_trend(market, traded, settings.min_observations_share),
        "mean_correlation_63": mean_correlation(_whole(returns, where)),
        "dispersion_21": _deviation(stocks["reversal_21"]),
        "breadth_200": (stocks["ma_gap_200"].drop_nulls() > 0).mean(),
        **macro_features(macro, session, macro_settings),
    }
    return pl.DataFrame([{"event_date": session, **values}], schema=SCHEMA)


def market_return(returns: Array, members: Array) -> Array:
    """(T,) log of one plus the mean simple return over all members of all industries; NaN where there is none.

    Args:
        returns: (T, N) log return of each industry.
        members: (T, N) number of members that it is the mean of.
    """
    weights = np.where(np.isnan(returns), 0.0, members)
    earned = np.where(weights > 0, weights * np.expm1(returns), 0.0)
    # one industry after the other: a column of zeros, of one that came or went, changes no digit
    total, n = sum(earned.T, start=np.zeros(len(returns))), weights.sum(axis=1)
    log_return: Array = np.log1p(total / np.where(n > 0, n, np.nan))
    return log_return


def _trend(market: Array, present: Flags, share: float) -> dict[str, float | None]:
    """Features of the market's own return, on the last session."""
    returns, there = market[:, None], present[:, None]
    volatility = window_deviation(returns, VOLATILITY_SESSIONS, least_of(VOLATILITY_SESSIONS, share)) * ANNUAL
    last = {
        "return_1": returns,
        "momentum_63": total_return(returns, there, 63, least_of(63, share)),
        "ma_gap_200": index_over_mean(returns, there, 200, least_of(200, share)),
        "drawdown_252": index_over_highest(returns, there, 252, least_of(252, share)),
        "volatility_21": volatility,
    }
    year = volatility[-PERCENTILE_SESSIONS:, 0]
    return {
        **{name: _known(values[-1, 0]) for name, values in last.items()},
        "volatility_percentile": percentile(year, least_of(PERCENTILE_SESSIONS, share)),
    }


def percentile(x: Array, least: int) -> float | None:
    """Share of the observed values that are not above the last one; None with fewer than `least` or no last one."""
    seen = x[~np.isnan(x)]
    if len(seen) < least or np.isnan(x[-1]):
        return None
    return float((seen <= x[-1]).mean())


def _whole(returns: Array, where: Panel) -> Array:
    """(63, K) last returns of the industries that have all of them and are one."""
    named = [i for i, name in enumerate(where.symbols) if name != UNKNOWN]  # strangers to one another are no industry
    recent = returns[-CORRELATION_SESSIONS:, named]
    whole = recent[:, ~np.isnan(recent).any(axis=0)]
    return whole if len(whole) == CORRELATION_SESSIONS else whole[:, :0]


def mean_correlation(returns: Array) -> float | None:
    """Mean of the correlations of all pairs of columns of (T, K) returns; None with fewer than two that vary."""
    centred = returns - returns.mean(axis=0)
    length = np.sqrt((centred * centred).sum(axis=0))
    varies = length > 1e-12 * np.abs(returns).max(axis=0, initial=0.0)
    k = int(varies.sum())
    if k < 2:
        return None
    units = centred[:, varies] / length[varies]
    # the squared length of the sum of unit vectors is k plus twice the correlations of the pairs
    mean = ((units.sum(axis=1) ** 2).sum() - k) / (k * (k - 1))
    return float(np.clip(mean, -1.0, 1.0))  # beyond by rounding only


def _deviation(x: pl.Series) -> float | None:
    """Sample deviation of the values that are there; None with fewer than two."""
    seen = x.drop_nulls().to_numpy()
    return float(seen.std(ddof=1)) if len(seen) >= 2 else None


def _known(x: float) -> float | None:
    return None if np.isnan(x) else float(x)
