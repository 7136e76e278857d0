"""Bonds, credit and gold beside equity, from funds that are traded."""

import datetime as dt

import numpy as np
import polars as pl

from configs.settings import Features
from quant_assets.features.stock.ranges import parkinson
from quant_assets.numerics.arrays import Array, Mask
from quant_assets.numerics.panel import panel, window_sessions
from quant_assets.numerics.rolling import min_observations, total_return, window_correlation, window_mean
from quant_assets.numerics.units import ANNUAL

CREDIT_SESSIONS = 252
LOOKBACK_SESSIONS = CREDIT_SESSIONS
MONTH, QUARTER = 21, 63
RETURNS_OF = ("equity", "bonds", "gold", "high_yield")  # roles whose return of the session is kept


def cross_asset(benchmarks: pl.DataFrame, session: dt.date, settings: Features) -> dict[str, float | None]:
    """Features of MARKET_FEATURES by name; None where a fund is absent.

    Args:
        benchmarks: rows of ADJUSTED_BENCHMARKS of the last `LOOKBACK_SESSIONS` sessions, with high and low.
        session: the partition.
        settings: `market_proxies`, `min_observations_fraction`.
    """
    roles: dict[str, str] = settings.market_proxies.model_dump()
    rows = benchmarks.filter(pl.col("symbol").is_in([*roles.values()]))
    where = panel(rows, window_sessions(session, LOOKBACK_SESSIONS))
    present = where.present()
    place = {symbol: i for i, symbol in enumerate(where.symbols)}

    returns, squares = where.dense(rows["log_return"]), parkinson(where.dense(rows["high"]), where.dense(rows["low"]))
    paths = {role: (_column(returns, place.get(of)), _there(present, place.get(of))) for role, of in roles.items()}
    values = _features(paths, _column(squares, place.get(roles["equity"])), settings.min_observations_fraction)
    return {name: None if np.isnan(x) else float(x) for name, x in values.items()}


def _column(x: Array, i: int | None) -> Array:
    """(T, 1); NaN without one."""
    return np.full((len(x), 1), np.nan) if i is None else x[:, [i]]


def _there(present: Mask, i: int | None) -> Mask:
    return np.zeros((len(present), 1), dtype=np.bool_) if i is None else present[:, [i]]


def _features(paths: dict[str, tuple[Array, Mask]], squares: Array, min_fraction: float) -> dict[str, float]:
    """On the last session, from (T, 1) returns and presence by role in `MarketProxies`, and the ranges of equity."""
    last = len(squares) - 1
    min_count = {n: min_observations(n, min_fraction) for n in (MONTH, QUARTER, CREDIT_SESSIONS)}
    earned = {role: total_return(*path, QUARTER, min_count[QUARTER], 0, last)[0, 0] for role, path in paths.items()}
    together = window_correlation(paths["equity"][0], paths["bonds"][0], QUARTER, min_count[QUARTER], last)
    ratio = log_level(*paths["high_yield"]) - log_level(*paths["investment_grade"])
    return {
        **{f"{role}_return_1": paths[role][0][last, 0] for role in RETURNS_OF},
        "range_volatility_21": np.sqrt(window_mean(squares, MONTH, min_count[MONTH], last)[0, 0]) * ANNUAL,
        "equity_bond_correlation_63": together[0, 0],
        "credit_ratio_z_252": z_of_last(ratio[-CREDIT_SESSIONS:, 0], min_count[CREDIT_SESSIONS]),
        "bonds_relative_63": earned["bonds"] - earned["equity"],
        "gold_relative_63": earned["gold"] - earned["equity"],
    }


def log_level(returns: Array, present: Mask) -> Array:
    """(T, N) log of the total return index over that of the last row; NaN without a row, or where no return leads.

    A row that is present without a return begins a new history: what lies before it is not known.
    """
    steps = np.where(np.isnan(returns), 0.0, returns)
    later = np.cumsum(steps[::-1], axis=0)[::-1] - steps
    broken = present & np.isnan(returns)
    breaks_later = np.cumsum(broken[::-1], axis=0)[::-1] > broken
    return np.where(present & ~breaks_later, -later, np.nan)


def z_of_last(x: Array, min_count: int) -> float:
    """The last value less the mean of those observed, per their standard deviation.

    NaN where it is missing, with fewer than max(2, `min_count`) of them, or where they do not differ.
    """
    seen = x[~np.isnan(x)]
    if len(seen) < max(2, min_count) or np.isnan(x[-1]):
        return float("nan")
    std = float(seen.std(ddof=1))
    # equal values leave a spread of a few ulps, whose score would be noise
    return float((seen[-1] - seen.mean()) / std) if std > 1e-12 else float("nan")
