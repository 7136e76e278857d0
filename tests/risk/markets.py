"""A market that is the factor model: planted exposures, factor returns and specific risk, from a seed."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from feature_store.schemas.risk import EXPOSURES, FACTOR_RETURNS, SPECIFIC_RETURNS, STYLES
from quant_assets.risk.exposures import exposure_matrix, standardized
from tests.oracles.panels import adjusted, sessions, stored

Array = NDArray[np.float64]
INDUSTRIES = ("Energy", "Health Care", "Utilities")


@dataclass(frozen=True)
class Planted:
    """T sessions, N stocks, K factors; the exposures are the same on every session.

    Attributes:
        matrix: (N, K) exposures, columns as `factors`.
        factor_returns: (T, K) simple, industries sum to zero by weight.
        specific: (T, N) simple.
        specific_deviation: (N,) per session.
    """

    days: list[dt.date]
    bars: pl.DataFrame
    exposures: pl.DataFrame
    factors: list[str]
    matrix: Array
    factor_returns: Array
    factor_deviation: Array
    specific: Array
    specific_deviation: Array


def planted(seed: int, n_sessions: int, n: int = 40, noise: float = 1.0) -> Planted:
    rng = np.random.default_rng(seed)
    days = sessions(n_sessions)
    rows = cross_section(rng, n)
    factors, matrix = exposure_matrix(rows)
    is_industry = np.array([name.startswith("industry:") for name in factors])
    deviation = np.where(is_industry, 0.004, 0.003)
    deviation[0] = 0.01
    drawn = rng.normal(0, deviation, (n_sessions, len(factors)))
    share = np.where(is_industry, rows["weight"].to_numpy() @ matrix, 0.0)
    if share.any():
        drawn -= (drawn @ share / share.sum())[:, None] * is_industry
    own = rng.uniform(0.008, 0.02, n)
    specific = noise * rng.normal(0, own, (n_sessions, n))
    log_returns = np.log1p(drawn @ matrix.T + specific)
    symbols = rows["symbol"].to_list()
    return Planted(
        days=days,
        bars=adjusted(days, {s: log_returns[:, i].tolist() for i, s in enumerate(symbols)}),
        exposures=pl.concat([on(rows, day) for day in days]),
        factors=factors,
        matrix=matrix,
        factor_returns=drawn,
        factor_deviation=deviation,
        specific=specific,
        specific_deviation=own,
    )


def cross_section(rng: np.random.Generator, n: int) -> pl.DataFrame:
    """EXPOSURES without event_date: three industries in turn, random styles and weights."""
    dollars = rng.uniform(0.2, 2.0, n)
    weight = dollars / dollars.sum()
    return pl.DataFrame(
        {
            "symbol": [f"S{i:03d}" for i in range(n)],
            "industry": [INDUSTRIES[i % 3] for i in range(n)],
            **{name: standardized(rng.normal(0, 1, n), weight, 3.0) for name in STYLES},
            "weight": weight,
        }
    )


def on(rows: pl.DataFrame, day: dt.date) -> pl.DataFrame:
    """EXPOSURES of one session."""
    return rows.with_columns(event_date=pl.lit(day, pl.Date)).select(list(stored(EXPOSURES)))


def factor_rows(days: list[dt.date], returns: dict[str, list[float]]) -> pl.DataFrame:
    """FACTOR_RETURNS from a path of each factor; NaN means no row."""
    rows = [
        (day, name, r, 10)
        for name, path in returns.items()
        for day, r in zip(days, path, strict=True)
        if not np.isnan(r)
    ]
    return pl.DataFrame(rows, schema=stored(FACTOR_RETURNS), orient="row").sort("event_date", "factor")


def specific_rows(days: list[dt.date], returns: dict[str, list[float]]) -> pl.DataFrame:
    """SPECIFIC_RETURNS from a path of each stock; NaN means no row."""
    rows = [
        (day, name, r, r)
        for name, path in returns.items()
        for day, r in zip(days, path, strict=True)
        if not np.isnan(r)
    ]
    return pl.DataFrame(rows, schema=stored(SPECIFIC_RETURNS), orient="row").sort("event_date", "symbol")
