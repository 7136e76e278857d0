"""What is computed from prices, per stock and per industry, and what is to be predicted."""

import polars as pl

from feature_store.dataset import Column, Dataset, key, number
from feature_store.schemas.market import SYMBOL

HORIZON = key("horizon_sessions", "sessions from the fill on", pl.Int32())

STOCK_FEATURES = Dataset(
    name="features/stock_features",
    key=("symbol",),
    version=2,
    description="Along time, per stock, from one-step total returns, ranges and dollar volumes.",
    columns=(
        SYMBOL,
        number("return_1", "log, per session", "last one-step total return"),
        number("reversal_5", "log", "minus the total return of the last 5 sessions"),
        number("reversal_21", "log", "minus the total return of the last 21 sessions"),
        number("momentum_63", "log", "total return of the last 63 sessions"),
        number("momentum_126_21", "log", "total return from 126 to 21 sessions ago"),
        number("momentum_252_21", "log", "total return from 252 to 21 sessions ago"),
        number("overnight_63", "log", "sum of the overnight returns of 63 sessions"),
        number("intraday_63", "log", "sum of the open-to-close returns of 63 sessions"),
        number("ma_gap_20", "log", "total return index over its mean of 20 sessions"),
        number("ma_gap_50", "log", "total return index over its mean of 50 sessions"),
        number("ma_gap_200", "log", "total return index over its mean of 200 sessions"),
        number("high_gap_252", "log", "total return index over its highest of 252 sessions", at_most=0),
        number(
            "rsi_14",
            "0 to 100",
            "Cutler's RSI: gains over gains and losses, plain sums of 14 returns",
            at_least=0,
            at_most=100,
        ),
        number("volatility_21", "log, annual", "deviation of the last 21 one-step returns", at_least=0),
        number("volatility_63", "log, annual", "deviation of the last 63 one-step returns", at_least=0),
        number("volatility_252", "log, annual", "deviation of the last 252 one-step returns", at_least=0),
        number("downside_volatility_63", "log, annual", "root mean square of min(return, 0) of 63", at_least=0),
        number("range_volatility_21", "log, annual", "Parkinson's, from highs and lows of 21 sessions", at_least=0),
        number("skewness_63", "ratio", "of the last 63 one-step returns"),
        number("max_return_21", "log", "largest one-step return of 21 sessions"),
        number("volume_trend_5_63", "log", "mean dollar volume of 5 over that of 63 sessions"),
        number("volume_volatility_63", "ratio", "deviation over mean of the dollar volume of 63 sessions", at_least=0),
        number("amihud_21", "1 / USD million", "mean |return| per million dollars traded, 21 sessions", at_least=0),
        number("amihud_252", "1 / USD million", "mean |return| per million dollars traded, 252 sessions", at_least=0),
        number("adv_21_usd", "USD", "mean dollar volume of 21 sessions", at_least=0),
        number("log_adv_63", "log USD", "log of the mean dollar volume of 63 sessions"),
    ),
)

SCORED = (
    "reversal_5",
    "reversal_21",
    "momentum_63",
    "momentum_126_21",
    "momentum_252_21",
    "overnight_63",
    "intraday_63",
    "ma_gap_20",
    "ma_gap_50",
    "ma_gap_200",
    "high_gap_252",
    "rsi_14",
    "volatility_21",
    "volatility_63",
    "volatility_252",
    "downside_volatility_63",
    "range_volatility_21",
    "skewness_63",
    "max_return_21",
    "volume_trend_5_63",
    "volume_volatility_63",
    "amihud_21",
    "amihud_252",
    "log_adv_63",
)

STOCK_SCORES = Dataset(
    name="features/stock_scores",
    key=("symbol",),
    version=2,
    description="Features winsorized and standardized within the industry, among the tradable universe of the session.",
    columns=(
        SYMBOL,
        Column("industry", pl.String(), "name", "as published by the session", nullable=False),
        *(number(f"z_{name}", "deviations", f"{name} within the industry") for name in SCORED),
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

INDUSTRY_FEATURES = Dataset(
    name="features/industry_features",
    key=("industry",),
    description="Along time, per industry, from its equal-weighted return.",
    columns=(
        key("industry", "name as published by the session"),
        number("return_10", "log", "mean one-step return of 10 sessions"),
        number("momentum_21", "log", "total return of the last 21 sessions"),
        number("momentum_63", "log", "total return of the last 63 sessions"),
        number("momentum_252_21", "log", "total return from 252 to 21 sessions ago"),
        number("ma_gap_50", "log", "return index over its mean of 50 sessions"),
        number("ma_gap_200", "log", "return index over its mean of 200 sessions"),
        number("drawdown_252", "log", "return index over its highest of 252 sessions", at_most=0),
        number("volatility_10", "log, annual", "root mean square of the last 10 one-step returns", at_least=0),
        number("volatility_21", "log, annual", "deviation of the last 21 one-step returns", at_least=0),
        number("volatility_63", "log, annual", "deviation of the last 63 one-step returns", at_least=0),
    ),
)

MARKET_FEATURES = Dataset(
    name="features/market_features",
    key=(),
    description="One row a session: the equal-weighted market, its breadth and correlation, and macro series.",
    columns=(
        number("return_1", "log, per session", "mean of the industries, by members"),
        number("momentum_63", "log", "total return of the last 63 sessions"),
        number("ma_gap_200", "log", "return index over its mean of 200 sessions"),
        number("drawdown_252", "log", "return index over its highest of 252 sessions", at_most=0),
        number("volatility_21", "log, annual", "deviation of the last 21 one-step returns", at_least=0),
        number(
            "volatility_percentile", "ratio", "rank of volatility_21 among its last 252 values", at_least=0, at_most=1
        ),
        number("mean_correlation_63", "ratio", "mean pairwise correlation of the industries", at_least=-1, at_most=1),
        number("dispersion_21", "log", "deviation across stocks of the return of 21 sessions", at_least=0),
        number("breadth_200", "ratio", "share of stocks above their mean of 200 sessions", at_least=0, at_most=1),
        number("vix", "index points", "implied volatility of the market, last known"),
        number("slope_10y2y", "percent", "ten year less two year yield, last known"),
        number("credit_spread", "percent", "BAA corporate less ten year yield, last known"),
        number("credit_change_21", "percent", "change of the credit spread over 21 sessions"),
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
