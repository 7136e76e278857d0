"""Returns of the factors, and what they leave of each stock's return."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl

from feature_store import sessions as calendar
from feature_store.schemas.risk import FACTOR_RETURNS, SPECIFIC_RETURNS
from quant_assets.numerics.arrays import Array
from quant_assets.risk.exposures import INDUSTRY, exposure_matrix

OUTLIER_STDS = 5.0  # a takeover or a failure says little about factors
NORMAL_MAD = 1.4826  # standard deviation of a normal variable over its median absolute deviation


def factor_returns(returns: Array, exposures: Array, weights: Array, constraint: Array) -> Array:
    """Weighted least squares under linear constraints.

    Minimizes sum of w (r − X f)² over the f with C f = 0, written as f = Z g with Z an orthonormal basis of the null
    space of C. Where the exposures cannot tell factors apart, the solution of least norm.

    Args:
        returns: (N,) r.
        exposures: (N, K) X.
        weights: (N,) w, positive; their sum does not matter.
        constraint: (C, K), rows independent; none leaves ordinary weighted least squares.

    Returns:
        (K,) f, in the unit of the returns.

    Raises:
        ValueError: shapes that do not fit, missing values, weights that are not positive, dependent constraints.

    Source: Heston and Rouwenhorst (1994), Journal of Financial Economics 36, for industries that sum to zero by weight;
    Menchero, Orr and Wang (2011), The Barra US Equity Model (USE4), for the model.
    """
    _require_regression(returns, exposures, weights, constraint)
    rotation, triangle = np.linalg.qr(constraint.T, mode="complete")
    n_constraints = len(constraint)
    if (np.abs(triangle.diagonal()) <= 1e-12 * np.abs(constraint).max(initial=0.0)).any():
        raise ValueError("the rows of constraint depend on one another; pass independent ones")
    free = rotation[:, n_constraints:]
    root = np.sqrt(weights)
    solved = np.linalg.lstsq(root[:, None] * (exposures @ free), root * returns, rcond=None)[0]
    return np.asarray(free @ solved)


def _require_regression(returns: Array, exposures: Array, weights: Array, constraint: Array) -> None:
    n, k = exposures.shape
    if returns.shape != (n,) or weights.shape != (n,) or constraint.shape[1:] != (k,):
        raise ValueError(
            f"returns {returns.shape}, exposures {exposures.shape}, weights {weights.shape} and constraint "
            f"{constraint.shape} do not fit; pass (N,), (N, K), (N,) and (C, K)"
        )
    if not (np.isfinite(returns).all() and np.isfinite(exposures).all()):
        raise ValueError("returns or exposures hold missing values; pass stocks that have both")
    if not (weights > 0).all():
        raise ValueError(f"the smallest weight is {weights.min()}; leave out stocks without a positive weight")


@dataclass(frozen=True)
class Regression:
    """One session's cross-section: N stocks with a return and exposures of the session before, K factors.

    Attributes:
        symbols: of the stocks, ascending.
        factors: names.
        returns: (N,) simple total.
        exposures: (N, K).
        factor_returns: (K,).
    """

    symbols: pl.Series
    factors: list[str]
    returns: Array
    exposures: Array
    factor_returns: Array


def regression(bars: pl.DataFrame, exposures: pl.DataFrame, session: dt.date) -> Regression:
    """Regresses the session's returns on the exposures of the session before.

    The returns of industries sum to zero by the weight of their stocks, so the market's return is that of the weighted
    mean stock. Returns further than five robust standard deviations from the cross-section's median are moved there for
    the estimate of the factors alone.

    Args:
        bars: rows of ADJUSTED_BARS.
        exposures: rows of EXPOSURES; those of the session before are used, and where there are none the regression is
            empty.
    """
    before = exposures.filter(event_date=calendar.shift(session, -1)).drop("event_date")
    today = bars.filter(event_date=session).select("symbol", "log_return").drop_nulls()
    stocks = before.join(today, on="symbol", how="inner").sort("symbol")
    factors, matrix = exposure_matrix(stocks)
    returns = np.expm1(stocks["log_return"].to_numpy())
    if not len(stocks):
        return Regression(stocks["symbol"], factors, returns, matrix, np.empty(0))
    weights = stocks["weight"].to_numpy()
    solved = factor_returns(_limited(returns), matrix, weights, _industries_sum_to_zero(factors, matrix, weights))
    return Regression(stocks["symbol"], factors, returns, matrix, solved)


def _limited(returns: Array) -> Array:
    centre = np.median(returns)
    reach = OUTLIER_STDS * NORMAL_MAD * np.median(np.abs(returns - centre))
    # when most stocks do not move there is no scale to judge outliers by
    return np.clip(returns, centre - reach, centre + reach) if reach > 0 else returns


def _industries_sum_to_zero(factors: list[str], exposures: Array, weights: Array) -> Array:
    """(1, K) weight of each industry's stocks, or (0, K) without industries."""
    is_industry = np.array([name.startswith(INDUSTRY) for name in factors])
    row = np.where(is_industry, weights @ exposures, 0.0)
    return row[None, :] if is_industry.any() else np.empty((0, len(factors)))


def factor_and_specific_returns(
    bars: pl.DataFrame, exposures: pl.DataFrame, session: dt.date
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Returns of the market, the industries and the styles, and what they leave of each stock's return.

    Args:
        bars, exposures: as of `regression`.

    Returns:
        Rows of FACTOR_RETURNS, sorted by factor; `n_stocks` counts those with an exposure to the factor. A factor that
        no stock is exposed to has no row.
        Rows of SPECIFIC_RETURNS, sorted by symbol, for the stocks of the regression. The residual is of the true
        return, also where the regression saw a limited one: factors and residual add up to the return.
        On the first session of history neither has a row.
    """
    fit = regression(bars, exposures, session)
    return _of_factors(fit, session), _specific(fit, session)


def _of_factors(fit: Regression, session: dt.date) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "event_date": [session] * len(fit.factors),
            "factor": fit.factors,
            "simple_return": fit.factor_returns,
            "n_stocks": np.count_nonzero(fit.exposures, axis=0),
        },
        schema=FACTOR_RETURNS.computed_schema,
    ).sort("factor")


def _specific(fit: Regression, session: dt.date) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "event_date": [session] * len(fit.symbols),
            "symbol": fit.symbols,
            "simple_return": fit.returns,
            "specific_return": fit.returns - fit.exposures @ fit.factor_returns,
        },
        schema=SPECIFIC_RETURNS.computed_schema,
    )


def explained_variance(rows: pl.DataFrame) -> dict[str, float]:
    """Fraction of the squared returns of SPECIFIC_RETURNS that the factors explain, market included; for the plots."""
    total = float((rows["simple_return"] ** 2).sum())
    left = float((rows["specific_return"] ** 2).sum())
    return {"r_squared": 1 - left / total} if total > 0 else {}
