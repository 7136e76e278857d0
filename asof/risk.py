"""Risk: exposures to the market, industries and styles, the factors' covariance, and what is specific to a stock."""

import datetime as dt
import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from asof.arrays import Array, Numbers, checked
from asof.dates import Day, day
from asof.features import adjusted, stock_features
from asof.frames import DATE, Frame, as_polars, rows_of
from asof.stores import Store
from configs.settings import Risk
from feature_store.schemas.market import INDUSTRIES
from feature_store.schemas.risk import EXPOSURES, FACTOR_COVARIANCE, SPECIFIC_RISK
from quant_assets.numerics.panel import window_sessions
from quant_assets.numerics.units import SESSIONS_PER_YEAR
from quant_assets.risk import covariance, factor_model, specific
from quant_assets.risk.exposures import STYLE_FEATURES, exposure_matrix, exposures

__all__ = [
    "RiskModel",
    "estimate",
    "factor_returns",
    "ledoit_wolf",
    "read",
    "specific_volatility",
    "weighted_covariance",
]

ADV_SESSIONS = 21


@dataclass(frozen=True)
class RiskModel:
    """A factor model of N stocks and K factors; variances of simple returns, annual.

    Attributes:
        session: as known at it.
        symbols: of the N stocks, ascending.
        factors: K names: market, industry:NAME and the styles.
        exposures: (N, K).
        factor_covariance: (K, K).
        specific_variance: (N,).
    """

    session: dt.date
    symbols: tuple[str, ...]
    factors: tuple[str, ...]
    exposures: Array
    factor_covariance: Array
    specific_variance: Array

    def covariance(self) -> Array:
        """(N, N) of the stocks' returns."""
        total: Array = self.exposures @ self.factor_covariance @ self.exposures.T + np.diag(self.specific_variance)
        return total

    def volatility(self, weights: Numbers) -> float:
        """Annual standard deviation of a portfolio of (N,) weights."""
        held, _ = checked(weights=(weights, "N"), specific_variance=(self.specific_variance, "N"))
        factors = self.exposures.T @ held
        return math.sqrt(factors @ self.factor_covariance @ factors + held @ (self.specific_variance * held))

    def frame(self) -> pl.DataFrame:
        """One row a stock: symbol, its exposures by factor, and its specific volatility."""
        columns = {name: self.exposures[:, k] for k, name in enumerate(self.factors)}
        return pl.DataFrame({"symbol": self.symbols, **columns, "specific_volatility": np.sqrt(self.specific_variance)})


def read(store: Store, session: Day) -> RiskModel:
    """The risk model that a store holds of a session.

    Raises:
        ValueError: the store has no risk model of the session yet, since history is too short.
        StoreError: the session is not stored.
    """
    at, datasets = day(session, "session"), (EXPOSURES, FACTOR_COVARIANCE, SPECIFIC_RISK)
    for dataset in datasets:
        store.store.require(dataset, [at])
    stocks, pairs, own = (store.read(dataset, at, at, at) for dataset in datasets)
    if pairs.is_empty() or own.is_empty():
        raise ValueError(
            f"there is no risk model of {at}: it takes min_observations sessions of returns; pass a later session"
        )
    return _assembled(stocks.sort("symbol"), pairs, own, at)


def estimate(
    bars: Frame, industries: Frame | None = None, session: Day | None = None, settings: Risk | None = None
) -> RiskModel:
    """The risk model of a user's own stocks, from their bars up to the session; those with a bar on it are in it.

    Each session of the window is regressed on the exposures of the one before; stocks are weighted by the root of
    their mean dollar volume over 21 sessions.

    Args:
        bars: as `asof.features.adjusted_bars` returns them, on sessions of the exchange.
        industries: symbol and industry, or with event_date as of each session; without it there is one industry.
        session: by default the last day of the bars.
        settings: window, half-lives, shrinkage and `min_observations`.

    Raises:
        ValueError: a column or value that is missing, a day that is not a session, or too short a history.
    """
    rows, parameters = adjusted(bars), settings or Risk()  # sorted by event_date
    last: dt.date = rows.item(-1, DATE) if session is None else day(session, "session")
    rows = rows.filter(pl.col(DATE) <= last)
    days = window_sessions(last, parameters.lookback_sessions + 1)
    features, universe, groups = stock_features(rows, STYLE_FEATURES), _universe(rows), _industries(industries, rows)
    held = pl.concat(exposures(rows, features, universe, groups, at, parameters) for at in days)
    parts = [factor_model.factor_and_specific_returns(rows, held, at) for at in days[1:]]
    earned, residuals = (pl.concat(part[i] for part in parts) for i in (0, 1))
    pairs = covariance.factor_covariance(earned, held, last, parameters)
    own = specific.specific_risk(residuals, held, last, parameters)
    if pairs.is_empty() or own.is_empty():
        raise ValueError(
            f"bars up to {last} give {earned[DATE].n_unique()} sessions of factor returns, expected at least "
            f"{parameters.min_observations}; pass more, or lower min_observations"
        )
    return _assembled(held.filter(pl.col(DATE) == last).sort("symbol"), pairs, own, last)


def _universe(rows: pl.DataFrame) -> pl.DataFrame:
    """Every stock with a bar and a dollar volume is tradable."""
    ordered = rows.sort("symbol", DATE)
    volume = pl.col("dollar_volume_usd").rolling_mean(ADV_SESSIONS, min_samples=1).over("symbol")
    return ordered.select(DATE, "symbol", adv_usd=volume, tradable=volume.is_not_null())


def _industries(industries: Frame | None, rows: pl.DataFrame) -> pl.DataFrame:
    keys = rows.select(DATE, "symbol")
    if industries is None:
        return keys.with_columns(industry=pl.lit("All"))
    frame = as_polars(industries, "industries")
    if DATE in frame.columns:
        return rows_of(INDUSTRIES, frame, "industries", ("industry",))
    if missing := [name for name in ("symbol", "industry") if name not in frame.columns]:
        raise ValueError(f"industries has no column {', '.join(missing)}; it needs symbol and industry")
    return keys.join(frame.select("symbol", "industry"), on="symbol", how="inner")


def _assembled(stocks: pl.DataFrame, pairs: pl.DataFrame, own: pl.DataFrame, session: dt.date) -> RiskModel:
    factors, matrix = exposure_matrix(stocks)
    order = sorted(factors)
    place = [order.index(name) for name in factors]
    square = pairs.sort("factor", "other")["covariance_annual"].to_numpy().reshape(len(order), len(order))
    volatility = stocks.select("symbol").join(own, on="symbol", how="left", maintain_order="left")["volatility_annual"]
    return RiskModel(
        session=session,
        symbols=tuple(stocks["symbol"]),
        factors=tuple(factors),
        exposures=matrix,
        factor_covariance=square[np.ix_(place, place)],
        specific_variance=volatility.to_numpy() ** 2,
    )


def factor_returns(
    returns: Numbers, exposures: Numbers, weights: Numbers | None = None, constraint: Numbers | None = None
) -> Array:
    """(K,) returns of the factors in one cross-section, by weighted least squares under linear constraints.

    Args:
        returns: (N,) of the stocks.
        exposures: (N, K), of the session before.
        weights: (N,) positive; equal by default.
        constraint: (C, K): C combinations of factor returns that are 0; none by default.

    Raises:
        ValueError: a shape or a value that does not fit, or constraints that depend on one another.
    """
    n, k = np.shape(exposures) if np.ndim(exposures) == 2 else (0, 0)
    arrays = checked(
        exposures=(exposures, "N K"),
        returns=(returns, "N"),
        weights=(np.ones(n) if weights is None else weights, "N"),
        constraint=(np.empty((0, k)) if constraint is None else constraint, "C K"),
    )
    matrix, earned, scale, zero = arrays
    return factor_model.factor_returns(earned, matrix, scale, zero)


def weighted_covariance(returns: Numbers, half_life: float) -> Array:
    """(K, K) exponentially weighted covariance about zero, per session.

    Args:
        returns: (T, K), the newest row last, complete.
        half_life: sessions after which a return counts half.

    Raises:
        ValueError: a shape or a value that does not fit.
    """
    (x,) = checked(returns=(returns, "T K"))
    weight = covariance.decay(len(x), _positive(half_life))
    return covariance.weighted_covariance(x, weight, np.zeros(x.shape[1]))


def ledoit_wolf(returns: Numbers) -> tuple[Array, float]:
    """(N, N) sample covariance shrunk towards constant correlation, per session, and the shrinkage in [0, 1].

    Args:
        returns: (T, N), complete.

    Source: Ledoit and Wolf (2004), Journal of Portfolio Management 30(4).
    """
    return covariance.ledoit_wolf_constant_correlation(*checked(returns=(returns, "T N")))


def specific_volatility(residuals: Numbers, half_life: float) -> Array:
    """(N,) exponentially weighted root mean square of each stock's residuals, annual; NaN where it has none.

    Args:
        residuals: (T, N) specific returns, the newest row last; NaN where missing.
        half_life: in sessions.
    """
    (x,) = checked(missing=("residuals",), residuals=(residuals, "T N"))
    annual: Array = specific.weighted_rms(x, _positive(half_life)) * math.sqrt(SESSIONS_PER_YEAR)
    return annual


def _positive(half_life: float) -> float:
    if not half_life > 0:
        raise ValueError(f"half_life is {half_life}, expected more than 0 sessions")
    return half_life
