"""The state of the whole market: one row a session."""

import datetime as dt

import numpy as np
import polars as pl

from configs.settings import Features, Macro
from feature_store.schemas.features import MARKET_FEATURES
from quant_assets.features.aggregate.cross_asset import cross_asset
from quant_assets.features.aggregate.index_features import LOOKBACK_SESSIONS, YEAR, against_own_past, index_features
from quant_assets.features.aggregate.industries import QUARTER, above, mean_volume
from quant_assets.features.aggregate.macro import macro_features
from quant_assets.features.scores import UNKNOWN, tradable_on
from quant_assets.numerics.arrays import Array, Mask
from quant_assets.numerics.panel import Panel, panel, window_sessions
from quant_assets.numerics.rolling import min_observations, window_std
from quant_assets.numerics.units import ANNUAL

VOLATILITY_SESSIONS = 21
CORRELATION_SESSIONS = 63
SCHEMA = MARKET_FEATURES.computed_schema


def market_features(
    industries: pl.DataFrame,
    features: pl.DataFrame,
    universe: pl.DataFrame,
    benchmarks: pl.DataFrame,
    macro: pl.DataFrame,
    session: dt.date,
    settings: Features,
    macro_settings: Macro,
) -> pl.DataFrame:
    """Trend, volatility, correlation and breadth of the equal-weighted market, other assets, and macro series.

    Args:
        industries: rows of INDUSTRY_RETURNS of the last `LOOKBACK_SESSIONS` sessions.
        features: rows of STOCK_FEATURES; those of the session and the tradable universe count.
        universe: rows of UNIVERSE of the session.
        benchmarks: rows of ADJUSTED_BENCHMARKS, as `cross_asset` needs them.
        macro: rows of MACRO, as `macro_features` needs them.
        session: the partition.
        settings: `min_observations_fraction`, `market_proxies`.
        macro_settings: names of the series, `max_age_sessions`.

    Returns:
        One row of MARKET_FEATURES; null where the inputs do not reach.
    """
    where = panel(industries, window_sessions(session, LOOKBACK_SESSIONS), key="industry")
    columns = {name: where.dense(industries[name]) for name in ("log_return", "n_members")}
    market = market_return(columns["log_return"], columns["n_members"])
    traded: Mask = np.logical_or.reduce(where.present(), axis=1)
    stocks = tradable_on(universe, session).join(
        features, on=["event_date", "symbol"], how="left", maintain_order="left"
    )
    values = {
        **_trend(market, traded, settings.min_observations_fraction),
        "mean_correlation_63": mean_correlation(_whole(columns["log_return"], where)),
        "dispersion_21": _std(stocks["reversal_21"]),
        **{f"breadth_{n}": above(stocks[f"ma_gap_{n}"]) for n in (50, 200)},
        "volume_z_63": _volume_z(industries, where, settings.min_observations_fraction),
        **cross_asset(benchmarks, session, settings),
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
    total, n = _added(earned), weights.sum(axis=1)
    log_return: Array = np.log1p(total / np.where(n > 0, n, np.nan))
    return log_return


def _added(x: Array) -> Array:
    """(T,) one column after the other: a column of zeros, of an industry that came or went, changes no digit."""
    return sum(x.T, start=np.zeros(len(x)))


def _trend(market: Array, present: Mask, min_fraction: float) -> dict[str, float | None]:
    """Features of the market's own return, on the last session."""
    returns, there, last = market[:, None], present[:, None], len(market) - 1
    values = index_features(returns, there, last, min_fraction)
    begin = max(0, len(market) - YEAR)
    year = window_std(returns, VOLATILITY_SESSIONS, min_observations(VOLATILITY_SESSIONS, min_fraction), begin) * ANNUAL
    return {
        **{name: known(array[-1, 0]) for name, array in values.items()},
        "volatility_percentile": percentile(year[:, 0], min_observations(YEAR, min_fraction)),
    }


def percentile(x: Array, min_count: int) -> float | None:
    """Fraction of the observed values that are not above the last one; None with fewer than `min_count` or no last
    one.
    """
    seen = x[~np.isnan(x)]
    if len(seen) < min_count or np.isnan(x[-1]):
        return None
    return float((seen <= x[-1]).mean())


def _volume_z(industries: pl.DataFrame, where: Panel, min_fraction: float) -> float | None:
    """Mean dollar volume over all members with one, on the last session."""
    dollars, n = (_added(np.nan_to_num(where.dense(industries[name]))) for name in ("dollar_volume_usd", "n_volumes"))
    volume = mean_volume(dollars, n)[:, None]
    return known(against_own_past(volume, QUARTER, min_observations(QUARTER, min_fraction), len(volume) - 1)[-1, 0])


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


def _std(x: pl.Series) -> float | None:
    """Sample standard deviation of the values that are there; None with fewer than two."""
    seen = x.drop_nulls().to_numpy()
    return float(seen.std(ddof=1)) if len(seen) >= 2 else None


def known(x: float) -> float | None:
    return None if np.isnan(x) else float(x)
