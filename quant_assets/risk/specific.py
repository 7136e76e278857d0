"""Risk that the factors leave to each stock."""

import datetime as dt
import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

from configs.settings import Risk
from feature_store.schemas.risk import SPECIFIC_RISK
from quant_assets.numerics.arrays import Array
from quant_assets.numerics.units import SESSIONS_PER_YEAR
from quant_assets.risk.covariance import decay
from quant_assets.risk.exposures import INDUSTRY, exposure_matrix
from quant_assets.risk.returns import observations, window_values

MIN_ALIKE = 5  # estimates in an industry before its median is taken


def specific_risk(residuals: pl.DataFrame, exposures: pl.DataFrame, session: dt.date, settings: Risk) -> pl.DataFrame:
    """Exponentially weighted specific volatility of each stock, shrunk to that of stocks alike, across symbols.

    A stock's own estimate is the root of the weighted mean square of its residuals in the window; a mean of daily
    residuals is noise, so none is taken off. It is raised by sqrt(N / (N − K)) for the K coefficients that a regression
    fits to the N stocks, which take up part of the residuals. Stocks alike are those of the industry if at least five
    have an estimate, else all. The volatility is (1 − shrinkage) times the own estimate plus shrinkage times the median
    of stocks alike, or that median itself for a stock with fewer than `min_observations` residuals.

    Args:
        residuals: rows of SPECIFIC_RETURNS; those of the last `lookback_sessions` are used.
        exposures: rows of EXPOSURES; the session's stocks are estimated.
        session: the partition.
        settings: `lookback_sessions`, `min_observations`, `specific_half_life`, `specific_shrinkage`.

    Returns:
        Rows of SPECIFIC_RISK, sorted by symbol, one for each stock; none before any stock has an estimate.
    """
    stocks = exposures.filter(event_date=session).sort("symbol")
    x = window_values(residuals, "specific_return", stocks["symbol"].to_list(), session, settings.lookback_sessions)
    count = observations(x)
    fitted = weighted_rms(x, settings.specific_half_life)
    # residuals that never move are those of a stock that the regression fits whatever it does
    enough = (count >= settings.min_observations) & (fitted > 0)
    own = np.where(enough, fitted, np.nan) * _taken_up(stocks)
    median = median_alike(own, stocks["industry"].to_numpy())
    shrunk = (1 - settings.specific_shrinkage) * own + settings.specific_shrinkage * median
    volatility = np.where(np.isnan(own), median, shrunk) * math.sqrt(SESSIONS_PER_YEAR)
    return (
        stocks.with_columns(
            pl.Series("volatility_annual", volatility, nan_to_null=True),
            pl.Series("n_observations", count, pl.Int32),
        )
        .drop_nulls("volatility_annual")
        .select(*SPECIFIC_RISK.computed_schema)
    )


def _taken_up(exposures: pl.DataFrame) -> float:
    """sqrt(N / (N − K)), with one coefficient fewer than factors where industries sum to zero."""
    factors, n = exposure_matrix(exposures)[0], len(exposures)
    free = len(factors) - any(name.startswith(INDUSTRY) for name in factors)
    return math.sqrt(n / max(n - free, 1))


def weighted_rms(x: Array, half_life: float) -> Array:
    """(N,) root of the exponentially weighted mean square of each column's values; NaN where it has none.

    Args:
        x: (T, N), the newest row last, NaN where missing.
        half_life: in rows.
    """
    weight, seen = decay(len(x), half_life), ~np.isnan(x)
    total = weight @ seen.astype(np.float64)
    rms: Array = np.sqrt(weight @ np.where(seen, x, 0.0) ** 2 / np.where(total > 0, total, np.nan))
    return rms


def median_alike(values: Array, industry: NDArray[np.object_]) -> Array:
    """(N,) median of the values of a stock's industry, of all where that has fewer than five; NaN where none has."""
    median = np.full(len(values), _median(values))
    for name in sorted(set(industry)):
        members = industry == name
        if np.count_nonzero(~np.isnan(values[members])) >= MIN_ALIKE:
            median[members] = _median(values[members])
    return median


def _median(values: Array) -> float:
    seen = values[~np.isnan(values)]
    return float(np.median(seen)) if len(seen) else math.nan
