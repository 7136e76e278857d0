"""Views of industries, and the optimization problem of a session."""

import polars as pl

from feature_store.dataset import Column, Dataset, key, number
from feature_store.schemas.market import SYMBOL

EFFECTS = ("trend_tilt", "crisis_band", "crisis_volatility")
MARKET_ROW = "Market"  # the row of VIEWS that speaks of the whole book

REGIME_EFFECTS = Dataset(
    name="portfolio/regime_effects",
    key=("effect",),
    description="What regimes have earned to do to a portfolio, in force on the session.",
    columns=(
        key("effect", "trend_tilt, crisis_band or crisis_volatility"),
        number("value", "as the effect", "in force: a tilt over the horizon, or a multiple in a sure crisis"),
        number("slope", "per unit of probability", "of matured outcomes; null where none was estimated"),
        number("t", "ratio", "Student's, of the slope over blocks of a horizon, mean over their offsets"),
        Column("n_blocks", pl.Int32(), "count", "horizons that do not overlap", at_least=0),
        number("needed_t", "ratio", "of the level of significance at so many blocks", above=0),
        Column("fit_session", pl.Date(), "session", "the refit that it comes from", nullable=False),
    ),
)

VIEWS = Dataset(
    name="portfolio/views",
    key=("industry",),
    description="What the regimes make of each industry: a tilt and a band; the row Market has the volatility target.",
    columns=(
        key("industry", "name as published by the session, or Market"),
        number("tilt", "simple, over the horizon", "added to the expected return of the industry's stocks"),
        number("band", "fraction of NAV", "largest active weight, or net weight when dollar neutral", at_least=0),
        number("volatility_target_annual", "simple, annual", "of the book; on the row Market", above=0),
    ),
)

TARGET_WEIGHTS = Dataset(
    name="portfolio/target_weights",
    key=("symbol",),
    description="Weights decided on the session for the next open; cash is the row USD.",
    columns=(
        SYMBOL,
        number("weight", "fraction of NAV", "at the close", nullable=False),
        number("target_weight", "fraction of NAV", "after the next open; null where no problem was solved"),
    ),
)

OPTIMIZATION = Dataset(
    name="portfolio/optimization",
    key=("metric",),
    description="Terms of the objective, settings in force and iterations of the session's optimization.",
    columns=(
        key("metric", "objective:TERM, setting:NAME, or iterations of the solver"),
        number("value", "as the metric", "terms at the target weights, signed; null where a setting is off"),
    ),
)

DIAGNOSTICS = Dataset(
    name="portfolio/diagnostics",
    key=("limit",),
    description="Every limit of the session's optimization problem, re-evaluated outside the solver.",
    columns=(
        key("limit", "turnover, volatility, gross, net, cash_floor, industry:NAME, lower or upper (worst name)"),
        number("value", "as the limit", "at the target weights"),
        number("lower", "as the limit", "null where open"),
        number("upper", "as the limit", "null where open"),
        number("dual", "objective per unit of the limit", "what the objective gains if the limit gives way"),
        number("violation", "as the limit", "beyond the limit as configured, before any relaxation", at_least=0),
        Column("relaxed", pl.Boolean(), "flag", "the ladder widened this limit", nullable=False),
    ),
)
