"""What is computed from prices, per stock and per industry, and what is to be predicted."""

import polars as pl

from feature_store.dataset import Column, Dataset, key, number
from feature_store.schemas.market import SYMBOL

HORIZON = key("horizon_sessions", "sessions from the fill on", pl.Int32())

STOCK_FEATURES = Dataset(
    name="features/stock_features",
    key=("symbol",),
    description="Along time, per stock, from one-step total returns.",
    columns=(
        SYMBOL,
        number("return_1", "log, per session", "last one-step total return"),
        number("reversal_5", "log", "minus the total return of the last 5 sessions"),
        number("reversal_21", "log", "minus the total return of the last 21 sessions"),
        number("momentum_252_21", "log", "total return from 252 to 21 sessions ago"),
        number("volatility_21", "log, annual", "deviation of the last 21 one-step returns", at_least=0),
        number("volatility_63", "log, annual", "deviation of the last 63 one-step returns", at_least=0),
        number("amihud_21", "1 / USD million", "mean |return| per million dollars traded, 21 sessions", at_least=0),
        number("adv_21_usd", "USD", "mean dollar volume of 21 sessions", at_least=0),
    ),
)

SCORED = ("reversal_5", "reversal_21", "momentum_252_21", "volatility_63", "amihud_21")

STOCK_SCORES = Dataset(
    name="features/stock_scores",
    key=("symbol",),
    description="Features winsorized and standardized across the tradable universe of the session.",
    columns=(
        SYMBOL,
        Column("industry", pl.String(), "name", "as published by the session", nullable=False),
        *(number(f"z_{name}", "deviations", f"{name} across the universe") for name in SCORED),
    ),
)

INDUSTRY_RETURNS = Dataset(
    name="features/industry_returns",
    key=("industry",),
    description="Equal-weighted one-step total return of the tradable members of each industry.",
    columns=(
        key("industry", "name as published by the session"),
        number("log_return", "log, per session", "log of one plus the mean simple return"),
        Column("n_members", pl.Int32(), "count", "members with a return", nullable=False, at_least=0),
    ),
)

FORWARD_RETURNS = Dataset(
    name="features/forward_returns",
    key=("symbol", "horizon_sessions"),
    restates=True,
    description="Return of event_date t from the open of t+1 to the close of t+k, learned in session t+k.",
    columns=(
        SYMBOL,
        HORIZON,
        number("log_return", "log, over the horizon", "total, from the fill on; null where no fill was possible"),
    ),
)

LABELS = Dataset(
    name="features/labels",
    key=("symbol", "horizon_sessions"),
    restates=True,
    description="Forward returns relative to the industry of event_date, learned in the session they matured.",
    columns=(
        SYMBOL,
        HORIZON,
        number("label_log", "log, over the horizon", "log return less the industry's mean log return"),
        number("label_simple", "simple, over the horizon", "simple return less the industry's mean simple return"),
    ),
)
