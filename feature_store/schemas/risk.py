"""Risk of the tradable universe: a factor model, and what trading costs."""

import polars as pl

from feature_store.dataset import Column, Dataset, key, number
from feature_store.schemas.market import SYMBOL

MARKET = "market"  # the factor that every stock has an exposure of 1 to
STYLES = ("beta", "momentum", "volatility", "liquidity", "reversal")

EXPOSURES = Dataset(
    name="risk/exposures",
    key=("symbol",),
    description="Exposures of each tradable stock: 1 to the market and to its industry, and to five styles.",
    columns=(
        SYMBOL,
        Column("industry", pl.String(), "name", "as published by the session", nullable=False),
        *(number(name, "standard deviations", "standardized, mean zero by weight", nullable=False) for name in STYLES),
        number("weight", "ratio", "regression weight; sums to one", above=0, at_most=1, nullable=False),
    ),
)

FACTOR_RETURNS = Dataset(
    name="risk/factor_returns",
    key=("factor",),
    description="Returns of the market, the industries and the styles by constrained cross-sectional regression.",
    columns=(
        key("factor", "market, industry:NAME or a style"),
        number("simple_return", "simple, per session", "of a unit of exposure"),
        Column("n_stocks", pl.Int32(), "count", "in the regression", nullable=False, at_least=0),
    ),
)

SPECIFIC_RETURNS = Dataset(
    name="risk/specific_returns",
    key=("symbol",),
    description="What the factors leave of each stock's return, under the exposures of the session before.",
    columns=(
        SYMBOL,
        number("simple_return", "simple, per session", "total return", nullable=False),
        number("specific_return", "simple, per session", "the regression's residual", nullable=False),
    ),
)

FACTOR_COVARIANCE = Dataset(
    name="risk/factor_covariance",
    key=("factor", "other"),
    description="Exponentially weighted covariance of the factor returns; both triangles are stored.",
    columns=(
        key("factor", "market, industry:NAME or a style"),
        key("other", "market, industry:NAME or a style"),
        number("covariance_annual", "simple squared, annual", "positive semidefinite as a whole", nullable=False),
    ),
)

SPECIFIC_RISK = Dataset(
    name="risk/specific_risk",
    key=("symbol",),
    description="Exponentially weighted specific volatility, shrunk to that of stocks alike.",
    columns=(
        SYMBOL,
        number("volatility_annual", "simple, annual", "specific", above=0, nullable=False),
        Column("n_observations", pl.Int32(), "count", "residuals used", nullable=False, at_least=0),
    ),
)

COST_PARAMETERS = Dataset(
    name="risk/cost_parameters",
    key=("symbol",),
    description="What trading each stock costs: half a spread, and what the square-root law of impact needs.",
    columns=(
        SYMBOL,
        number("half_spread_bp", "bp of value", "half of the floored spread", above=0, nullable=False),
        number("adv_usd", "USD", "mean daily dollar volume", above=0, nullable=False),
        number("volatility_daily", "simple, per session", "total, of recent sessions", above=0, nullable=False),
    ),
)
