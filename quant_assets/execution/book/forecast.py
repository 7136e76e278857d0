"""Forecasts of the session's models for each name, aligned; and the same with alphas shuffled."""

import datetime as dt
import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from configs.settings import Portfolio
from feature_store.hashing import digest_of
from feature_store.schemas.portfolio import MARKET_ROW
from feature_store.schemas.risk import MARKET, STYLES
from quant_assets.execution.book.inputs import ProgramInputs
from quant_assets.execution.book.interest import Borrow
from quant_assets.execution.market_snapshot import aligned, positions
from quant_assets.execution.trading.cost_terms.protocol import CostParameters
from quant_assets.numerics.arrays import Array, Mask
from quant_assets.numerics.units import SESSIONS_PER_YEAR
from quant_assets.portfolio.inputs import RiskForecast
from quant_assets.portfolio.problem import Matrix

INDUSTRY = "industry:"  # followed by its name, as in FACTOR_COVARIANCE
UNKNOWN = "Unknown"


@dataclass(frozen=True)
class Forecast:
    """(N,) in the order of the names, NaN where unknown.

    Attributes:
        alpha: expected relative return, simple, over the problem's horizon.
        tilt: of the industry's view, simple, over the same horizon.
        industry: "Unknown" without exposures.
        exposures: (N, K) sparse; rows of zeros without.
        specific_variance_annual: without a specific risk of today the last known total variance, or else the median.
        covered: has an alpha, exposures and a specific risk of today.
        borrow: as quoted.
        risk: of the book as a whole.
        missing: what is missing altogether, so that nothing can be decided; None where nothing is.
    """

    alpha: Array
    tilt: Array
    industry: list[str]
    exposures: Matrix
    specific_variance_annual: Array
    covered: Mask
    borrow: Borrow
    risk: RiskForecast
    missing: str | None


def forecast(
    names: list[str],
    program: ProgramInputs,
    parameters: CostParameters,
    cash_rate_annual: float,
    borrow: Borrow,
    portfolio: Portfolio,
) -> Forecast:
    """The forecasts of the session for the names.

    Args:
        names: sorted.
        parameters: last known; their volatility stands in for the risk of a held name that the model leaves out.

    Raises:
        ValueError: a factor covariance that lacks pairs.
    """
    (alpha,) = aligned(program.combined, names, "alpha")
    (specific,) = aligned(program.specific_risk, names, "volatility_annual")
    factors, covariance = _covariance(program.factor_covariance)
    published = dict(program.exposures.select("symbol", "industry").iter_rows())
    industry = [published.get(name, UNKNOWN) for name in names]
    exposed = np.array([name in published for name in names], dtype=bool)
    tilts, bands, targets = (
        _views_by_industry(program.views, column) for column in ("tilt", "band", "volatility_target_annual")
    )
    return Forecast(
        alpha=alpha,
        tilt=np.array([tilts.get(name, np.nan) for name in industry], dtype=np.float64),
        industry=industry,
        exposures=_exposures(program.exposures, names, factors),
        specific_variance_annual=_specific_variance(specific, exposed, parameters),
        covered=exposed & ~np.isnan(alpha + specific),
        borrow=borrow,
        risk=RiskForecast(
            factors=tuple(factors),
            factor_covariance_annual=covariance,
            bands=bands,
            volatility_target_annual=targets.get(MARKET_ROW, portfolio.volatility_target_annual),
            cash_rate_annual=cash_rate_annual,
        ),
        missing=_missing(program.combined, program.exposures, program.factor_covariance, program.specific_risk),
    )


def shuffled(combined: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """Rows of COMBINED in which each stock that has an alpha bears that of another.

    The stocks stand in a circle in the order of a hash of symbol and month, and each bears the alpha of the one before
    it. So the loan holds for a month, as long as the two are neighbours: turnover stays near that of the true alphas,
    and a stock that comes or goes changes its neighbour's alone.
    """
    has = combined["alpha"].is_not_null()
    symbols, alpha = combined["symbol"].filter(has).to_list(), combined["alpha"].filter(has).to_numpy()
    month = f"{session:%Y-%m}"
    circle = np.array(sorted(range(len(symbols)), key=lambda i: digest_of([month, symbols[i]])), dtype=np.intp)
    lent = np.full(combined.height, np.nan)
    lent[np.flatnonzero(has.to_numpy())[circle]] = alpha[np.roll(circle, 1)]
    return combined.with_columns(alpha=pl.Series(lent, dtype=pl.Float64).fill_nan(None))


def _missing(*frames: pl.DataFrame) -> str | None:
    combined, *risk_model = frames
    if not combined["alpha"].count():
        return "no predictions"
    return "no risk model" if any(frame.is_empty() for frame in risk_model) else None


def _covariance(rows: pl.DataFrame) -> tuple[list[str], Array]:
    """The K factors in order and their (K, K) covariance."""
    k = math.isqrt(rows.height)
    others = rows["other"].to_list()
    factors = others[:k]
    if rows["factor"].to_list() != [factor for factor in factors for _ in factors] or others != factors * k:
        raise ValueError(f"the factor covariance has {rows.height} rows, not every pair of its factors in order")
    values: Array = rows["covariance_annual"].to_numpy().reshape(k, k)
    return factors, values


def _views_by_industry(views: pl.DataFrame, column: str) -> dict[str, float]:
    """A column of VIEWS by industry; that of the whole market is under `MARKET_ROW`."""
    return {name: value for name, value in views.select("industry", column).iter_rows() if value is not None}


def _exposures(rows: pl.DataFrame, names: list[str], factors: list[str]) -> Matrix:
    """(N, K); a factor that the covariance does not have is left out: what it explains is specific risk."""
    place, known = positions(rows, names)
    column = {factor: k for k, factor in enumerate(factors)}
    ones, everyone = np.ones(rows.height), np.ones(rows.height, dtype=np.intp)
    parts = [
        (everyone * column.get(MARKET, -1), ones),
        (np.array([column.get(INDUSTRY + name, -1) for name in rows["industry"].to_list()], dtype=np.intp), ones),
        *((everyone * column.get(style, -1), rows[style].to_numpy()) for style in STYLES),
    ]
    i, j = np.tile(place, len(parts)), np.concatenate([columns for columns, _ in parts])
    values = np.concatenate([values for _, values in parts])
    kept = np.tile(known, len(parts)) & (j >= 0) & (values != 0)
    return sparse.csr_array((values[kept], (i[kept], j[kept])), shape=(len(names), len(factors)))


def _specific_variance(volatility: Array, exposed: Mask, parameters: CostParameters) -> Array:
    """A name without exposures bears its total variance, as far as known; the median of the others otherwise."""
    modelled = np.where(exposed, volatility, np.nan) ** 2
    total = parameters.volatility_daily**2 * SESSIONS_PER_YEAR
    known = modelled[~np.isnan(modelled)]
    median = float(np.median(known)) if len(known) else np.nan
    return np.where(np.isnan(modelled), np.where(np.isnan(total), median, total), modelled)
