"""Every feature of a stock, declared once: STOCK_FEATURES, the catalogue and the tests follow from this table.

A feature's windows stand in its name and are fixed with it; another window is another feature. `min_observations_share`
of configs/features.yaml holds for all of them; `parameters` names the other settings that a feature takes.
"""

from dataclasses import dataclass
from typing import Literal

from feature_store.dataset import Column, number

Family = Literal[
    "momentum",
    "reversal",
    "trend",
    "volatility",
    "volume",
    "mean_reversion",
    "seasonality",
    "regime",
    "liquidity",
    "anchored",
    "value",
    "quality",
    "leverage",
    "growth",
    "expectations",
    "events",
    "lending",
]


@dataclass(frozen=True)
class Feature:
    """What a feature is.

    Attributes:
        formula: in words; r is the one-step log total return, o its overnight and i its intraday part, P the level of
            the total return index (1 on the session), d the dollar volume, v the shares traded, in today's shares.
        lookback: sessions that the value depends on, the session itself included.
        sources: columns of ADJUSTED_BARS.
        parameters: settings of configs/features.yaml that it takes, beside `min_observations_share`.
        scored: has a place in stock_scores; what all stocks of a session share, or a level in dollars, has not.
    """

    name: str
    family: Family
    unit: str
    formula: str
    lookback: int
    sources: tuple[str, ...]
    parameters: tuple[str, ...] = ()
    at_least: float | None = None
    at_most: float | None = None
    scored: bool = True

    @property
    def column(self) -> Column:
        return number(self.name, self.unit, self.formula, at_least=self.at_least, at_most=self.at_most)


R = ("log_return",)
DOLLARS = ("dollar_volume_usd",)
MOVES = R + DOLLARS
RANGE = ("high", "low")
BAR = ("open", "high", "low", "close")
NIGHT, DAY = ("overnight_log_return",), ("intraday_log_return",)
TA = ("high", "low", "close", *R)  # indicators on high, low and close, chained by total returns
TRADES = ("high", "low", "close", "dollar_volume_usd", "split_ratio", "log_return")
SHARES = ("close", "dollar_volume_usd", "split_ratio", "log_return")
ANCHORED = (*TRADES, "vwap")

MOMENTUM = (
    Feature("return_1", "momentum", "log, per session", "r", 1, R),
    Feature("momentum_42", "momentum", "log", "total return of 42 sessions", 42, R),
    Feature("momentum_63", "momentum", "log", "total return of 63 sessions", 63, R),
    Feature("momentum_126", "momentum", "log", "total return of 126 sessions", 126, R),
    Feature("momentum_252", "momentum", "log", "total return of 252 sessions", 252, R),
    Feature("momentum_126_21", "momentum", "log", "total return from 126 to 21 sessions ago", 126, R),
    Feature("momentum_252_21", "momentum", "log", "total return from 252 to 21 sessions ago", 252, R),
    Feature("momentum_252_126", "momentum", "log", "total return from 252 to 126 sessions ago", 252, R),
    Feature("acceleration_21", "momentum", "log", "total return of 21 sessions less that of the 21 before", 42, R),
    Feature("acceleration_63", "momentum", "log", "total return of 63 sessions less that of the 63 before", 126, R),
    Feature("return_per_risk_63", "momentum", "ratio, annual", "mean over deviation of r, 63 sessions", 63, R),
    Feature("return_per_risk_252", "momentum", "ratio, annual", "mean over deviation of r, 252 sessions", 252, R),
    Feature("up_share_21", "momentum", "ratio", "share of r above 0, 21 sessions", 21, R, (), 0, 1),
    Feature("up_share_63", "momentum", "ratio", "share of r above 0, 63 sessions", 63, R, (), 0, 1),
    Feature("months_up_12", "momentum", "ratio", "share of 12 blocks of 21 sessions that rose", 252, R, (), 0, 1),
    Feature(
        "discreteness_252",
        "momentum",
        "ratio",
        "sign of the return of 252 sessions times (share of falls less share of rises)",
        252,
        R,
        (),
        -1,
        1,
    ),
    Feature("overnight_21", "momentum", "log", "sum of o, 21 sessions", 21, NIGHT),
    Feature("overnight_63", "momentum", "log", "sum of o, 63 sessions", 63, NIGHT),
    Feature("intraday_21", "momentum", "log", "sum of i, 21 sessions", 21, DAY),
    Feature("intraday_63", "momentum", "log", "sum of i, 63 sessions", 63, DAY),
    Feature("rsi_14", "momentum", "0 to 100", "Cutler's RSI: gains over gains and losses of 14 r", 14, R, (), 0, 100),
    Feature("rsi_wilder_7", "momentum", "0 to 100", "Wilder's RSI of P, 7 changes", 53, R, (), 0, 100),
    Feature("rsi_wilder_14", "momentum", "0 to 100", "Wilder's RSI of P, 14 changes", 109, R, (), 0, 100),
    Feature("rsi_wilder_28", "momentum", "0 to 100", "Wilder's RSI of P, 28 changes", 220, R, (), 0, 100),
)

REVERSAL = (
    Feature("reversal_5", "reversal", "log", "minus the total return of 5 sessions", 5, R),
    Feature("reversal_10", "reversal", "log", "minus the total return of 10 sessions", 10, R),
    Feature("reversal_15", "reversal", "log", "minus the total return of 15 sessions", 15, R),
    Feature("reversal_21", "reversal", "log", "minus the total return of 21 sessions", 21, R),
    Feature(
        "reversal_5_per_risk", "reversal", "deviations", "reversal_5 over the deviation of r, 63, times root 5", 63, R
    ),
)

TREND = (
    Feature("ma_gap_10", "trend", "log", "P over its mean of 10 sessions", 10, R),
    Feature("ma_gap_20", "trend", "log", "P over its mean of 20 sessions", 20, R),
    Feature("ma_gap_50", "trend", "log", "P over its mean of 50 sessions", 50, R),
    Feature("ma_gap_100", "trend", "log", "P over its mean of 100 sessions", 100, R),
    Feature("ma_gap_200", "trend", "log", "P over its mean of 200 sessions", 200, R),
    Feature("ma_cross_10_50", "trend", "log", "mean of P of 10 over that of 50 sessions", 50, R),
    Feature("ma_cross_20_100", "trend", "log", "mean of P of 20 over that of 100 sessions", 100, R),
    Feature("ma_cross_50_200", "trend", "log", "mean of P of 50 over that of 200 sessions", 200, R),
    Feature("ema_gap_10", "trend", "log", "P over its exponential average, span 10", 45, R),
    Feature("ema_gap_20", "trend", "log", "P over its exponential average, span 20", 90, R),
    Feature("ema_gap_50", "trend", "log", "P over its exponential average, span 50", 224, R),
    Feature("macd_line", "trend", "share of price", "exponential averages of P, span 12 less span 26", 157, R),
    Feature("macd_signal", "trend", "share of price", "exponential average of macd_line, span 9", 157, R),
    Feature("macd_histogram", "trend", "share of price", "macd_line less macd_signal", 157, R),
    Feature("slope_21", "trend", "log, per session", "least-squares slope of log P, 21 sessions", 21, R),
    Feature("slope_63", "trend", "log, per session", "least-squares slope of log P, 63 sessions", 63, R),
    Feature("slope_126", "trend", "log, per session", "least-squares slope of log P, 126 sessions", 126, R),
    Feature("slope_252", "trend", "log, per session", "least-squares slope of log P, 252 sessions", 252, R),
    Feature("slope_fit_63", "trend", "ratio", "R squared of slope_63", 63, R, (), 0, 1),
    Feature("slope_fit_252", "trend", "ratio", "R squared of slope_252", 252, R, (), 0, 1),
    Feature("adx_14", "trend", "0 to 100", "Wilder's average directional index", 217, TA, (), 0, 100),
    Feature("directional_14", "trend", "-100 to 100", "Wilder's +DI less -DI", 109, TA, (), -100, 100),
    Feature(
        "aroon_25", "trend", "-100 to 100", "sessions from lowest low to highest high, per 25", 26, TA, (), -100, 100
    ),
    Feature("high_gap_252", "trend", "log", "P over its highest of 252 sessions", 252, R, (), None, 0),
    Feature("low_gap_252", "trend", "log", "P over its lowest of 252 sessions", 252, R, (), 0),
    Feature("efficiency_21", "trend", "ratio", "|sum of r| over sum of |r|, 21 sessions", 21, R, (), 0, 1),
    Feature("efficiency_63", "trend", "ratio", "|sum of r| over sum of |r|, 63 sessions", 63, R, (), 0, 1),
)

ANNUAL = "log, annual"
VOLATILITY = (
    Feature("volatility_5", "volatility", ANNUAL, "deviation of r, 5 sessions", 5, R, (), 0),
    Feature("volatility_10", "volatility", ANNUAL, "deviation of r, 10 sessions", 10, R, (), 0),
    Feature("volatility_21", "volatility", ANNUAL, "deviation of r, 21 sessions", 21, R, (), 0),
    Feature("volatility_63", "volatility", ANNUAL, "deviation of r, 63 sessions", 63, R, (), 0),
    Feature("volatility_126", "volatility", ANNUAL, "deviation of r, 126 sessions", 126, R, (), 0),
    Feature("volatility_252", "volatility", ANNUAL, "deviation of r, 252 sessions", 252, R, (), 0),
    Feature("downside_volatility_63", "volatility", ANNUAL, "root mean square of min(r, 0), 63 sessions", 63, R, (), 0),
    Feature("downside_volatility_252", "volatility", ANNUAL, "root mean square of min(r, 0), 252", 252, R, (), 0),
    Feature("overnight_volatility_63", "volatility", ANNUAL, "deviation of o, 63 sessions", 63, NIGHT, (), 0),
    Feature("intraday_volatility_63", "volatility", ANNUAL, "deviation of i, 63 sessions", 63, DAY, (), 0),
    Feature("range_volatility_21", "volatility", ANNUAL, "Parkinson's, 21 sessions", 21, RANGE, (), 0),
    Feature("range_volatility_63", "volatility", ANNUAL, "Parkinson's, 63 sessions", 63, RANGE, (), 0),
    Feature("garman_klass_21", "volatility", ANNUAL, "Garman's and Klass's, 21 sessions", 21, BAR, (), 0),
    Feature("garman_klass_63", "volatility", ANNUAL, "Garman's and Klass's, 63 sessions", 63, BAR, (), 0),
    Feature("rogers_satchell_21", "volatility", ANNUAL, "Rogers's and Satchell's, 21 sessions", 21, BAR, (), 0),
    Feature("rogers_satchell_63", "volatility", ANNUAL, "Rogers's and Satchell's, 63 sessions", 63, BAR, (), 0),
    Feature("yang_zhang_21", "volatility", ANNUAL, "Yang's and Zhang's, 21 sessions", 21, BAR + NIGHT + DAY, (), 0),
    Feature("yang_zhang_63", "volatility", ANNUAL, "Yang's and Zhang's, 63 sessions", 63, BAR + NIGHT + DAY, (), 0),
    Feature("atr_14", "volatility", "share of price", "Wilder's average true range of 14", 109, TA, (), 0),
    Feature(
        "bollinger_width_20",
        "volatility",
        "ratio",
        "band over its middle: twice so many deviations of P over its mean, 20 sessions",
        20,
        R,
        ("bollinger_deviations",),
        0,
    ),
    Feature("volatility_ratio_5_21", "volatility", "log", "deviation of r of 5 over that of 21", 21, R),
    Feature("volatility_ratio_21_63", "volatility", "log", "deviation of r of 21 over that of 63", 63, R),
    Feature("volatility_ratio_63_252", "volatility", "log", "deviation of r of 63 over that of 252", 252, R),
    Feature("volatility_of_volatility_63", "volatility", "log", "deviation of log volatility_21 over 63", 83, R, (), 0),
    Feature(
        "volatility_persistence_126", "volatility", "ratio", "correlation of |r| with the |r| before", 127, R, (), -1, 1
    ),
    Feature("jump_share_63", "volatility", "ratio", "1 less bipower over realized variance, 63", 64, R, (), None, 1),
    Feature("max_drawdown_63", "volatility", "log", "deepest fall of P from its running high, 63", 63, R, (), None, 0),
    Feature(
        "max_drawdown_252", "volatility", "log", "deepest fall of P from its running high, 252", 252, R, (), None, 0
    ),
    Feature("ulcer_63", "volatility", "log", "root mean square fall of P from its running high, 63", 63, R, (), 0),
    Feature("skewness_63", "volatility", "ratio", "of r, 63 sessions", 63, R),
    Feature("skewness_252", "volatility", "ratio", "of r, 252 sessions", 252, R),
    Feature("kurtosis_63", "volatility", "ratio", "fourth central moment of r over its variance squared", 63, R, (), 1),
    Feature(
        "kurtosis_252", "volatility", "ratio", "fourth central moment of r over its variance squared", 252, R, (), 1
    ),
    Feature("max_return_21", "volatility", "log", "largest r of 21 sessions", 21, R),
    Feature("min_return_21", "volatility", "log", "smallest r of 21 sessions", 21, R),
)

VOLUME = (
    Feature("volume_trend_5_63", "volume", "log", "mean of d of 5 over that of 63 sessions", 63, DOLLARS),
    Feature("volume_trend_21_252", "volume", "log", "mean of d of 21 over that of 252 sessions", 252, DOLLARS),
    Feature("volume_volatility_63", "volume", "ratio", "deviation over mean of d, 63 sessions", 63, DOLLARS, (), 0),
    Feature("volume_z_63", "volume", "deviations", "log d less its mean, per its deviation, 63", 63, DOLLARS),
    Feature("volume_z_252", "volume", "deviations", "log d less its mean, per its deviation, 252", 252, DOLLARS),
    Feature("turnover_trend_63", "volume", "log, per session", "least-squares slope of log d, 63", 63, DOLLARS),
    Feature("volume_concentration_21", "volume", "ratio", "largest over sum of d, 21", 21, DOLLARS, (), 0, 1),
    Feature("volume_return_correlation_21", "volume", "ratio", "of r and log d, 21 sessions", 21, MOVES, (), -1, 1),
    Feature("volume_return_correlation_63", "volume", "ratio", "of r and log d, 63 sessions", 63, MOVES, (), -1, 1),
    Feature("volume_move_correlation_63", "volume", "ratio", "of |r| and log d, 63 sessions", 63, MOVES, (), -1, 1),
    Feature("up_volume_share_21", "volume", "ratio", "d of sessions that rose over all, 21", 21, MOVES, (), 0, 1),
    Feature("up_volume_share_63", "volume", "ratio", "d of sessions that rose over all, 63", 63, MOVES, (), 0, 1),
    Feature("obv_slope_21", "volume", "ratio, per session", "slope of OBV over mean v, 21 sessions", 21, SHARES),
    Feature("obv_slope_63", "volume", "ratio, per session", "slope of OBV over mean v, 63 sessions", 63, SHARES),
    Feature(
        "money_flow_21", "volume", "ratio", "Chaikin's: place of the close in its range, by v", 21, TRADES, (), -1, 1
    ),
    Feature("mfi_14", "volume", "0 to 100", "money flow index of 14 changes of the typical P", 15, TRADES, (), 0, 100),
    Feature("vwap_deviation_1", "volume", "log", "close over the session's vwap", 1, ("close", "vwap")),
    Feature("vwap_deviation_21", "volume", "log", "close over the vwap of 21 sessions", 21, ANCHORED),
    Feature("vwap_deviation_63", "volume", "log", "close over the vwap of 63 sessions", 63, ANCHORED),
    Feature("vwap_momentum_21_63", "volume", "log", "vwap of 21 over that of 63 sessions", 63, ANCHORED),
    Feature("adv_21_usd", "volume", "USD", "mean of d, 21 sessions", 21, DOLLARS, (), 0, scored=False),
    Feature("log_adv_63", "volume", "log USD", "log of the mean of d, 63 sessions", 63, DOLLARS),
)

MEAN_REVERSION = (
    Feature("price_z_63", "mean_reversion", "deviations", "P less its mean, per its deviation, 63", 63, R),
    Feature("price_z_252", "mean_reversion", "deviations", "P less its mean, per its deviation, 252", 252, R),
    Feature(
        "bollinger_position_20",
        "mean_reversion",
        "half bands",
        "P less its mean, per so many of its deviations, 20 sessions",
        20,
        R,
        ("bollinger_deviations",),
    ),
    Feature("cci_20", "mean_reversion", "index", "typical P less its mean, per 0.015 mean deviations", 20, TA),
    Feature("stochastic_k_14", "mean_reversion", "0 to 100", "slow %K of 14, smoothed over 3", 16, TA, (), 0, 100),
    Feature("stochastic_d_14", "mean_reversion", "0 to 100", "mean of 3 of slow %K", 18, TA, (), 0, 100),
    Feature("williams_r_14", "mean_reversion", "-100 to 0", "Williams's %R of 14", 14, TA, (), -100, 0),
    Feature(
        "half_life_126",
        "mean_reversion",
        "sessions",
        "of log P as an AR(1); null where it does not revert",
        126,
        R,
        (),
        0,
    ),
    Feature("autocorrelation_63", "mean_reversion", "ratio", "of r with the r before, 63 sessions", 64, R, (), -1, 1),
    Feature(
        "autocorrelation_252", "mean_reversion", "ratio", "of r with the r before, 252 sessions", 253, R, (), -1, 1
    ),
    Feature("variance_ratio_5_126", "mean_reversion", "ratio", "variance of 5-session r over 5 of r", 130, R, (), 0),
    Feature(
        "close_location_21",
        "mean_reversion",
        "ratio",
        "mean place of the close in its range",
        21,
        ("close", *RANGE),
        (),
        -1,
        1,
    ),
)

SEASONALITY = (
    Feature("seasonal_return_21", "seasonality", "log", "a year ago, of the 21 sessions that come next", 252, R),
    Feature("seasonal_return_63", "seasonality", "log", "a year ago, of the 63 sessions that come next", 252, R),
    Feature("weekday_return_252", "seasonality", "log, per session", "mean r on the weekday that comes next", 252, R),
    Feature(
        "turn_of_month_return_252",
        "seasonality",
        "log, per session",
        "mean r on the sessions at the turn of a month less mean r on the others",
        252,
        R,
        ("turn_of_month",),
    ),
    Feature("day_of_week", "seasonality", "1 to 5", "of the session, Monday is 1", 1, (), (), 1, 7, scored=False),
    Feature(
        "turn_of_month",
        "seasonality",
        "flag",
        "1 where the weekday that comes next is among the last or first of a month",
        1,
        (),
        ("turn_of_month",),
        0,
        1,
        scored=False,
    ),
)

REGIME = (
    Feature("above_ma_200", "regime", "flag", "1 where P is above its mean of 200 sessions, else 0", 200, R, (), 0, 1),
    Feature("ma_50_above_200", "regime", "flag", "1 where P's mean of 50 is above that of 200", 200, R, (), 0, 1),
    Feature(
        "above_ma_50_share_63", "regime", "ratio", "share of 63 sessions with P above its mean of 50", 112, R, (), 0, 1
    ),
    Feature("days_since_high_252", "regime", "sessions", "since the highest P of 252 sessions", 252, R, (), 0, 251),
    Feature("days_since_low_252", "regime", "sessions", "since the lowest P of 252 sessions", 252, R, (), 0, 251),
    Feature(
        "volatility_percentile_252", "regime", "ratio", "rank of volatility_21 among its last 252", 272, R, (), 0, 1
    ),
)

LIQUIDITY = (
    Feature("amihud_21", "liquidity", "1 / USD million", "mean of |r| per million of d, 21 sessions", 21, MOVES, (), 0),
    Feature("amihud_63", "liquidity", "1 / USD million", "mean of |r| per million of d, 63 sessions", 63, MOVES, (), 0),
    Feature(
        "amihud_252", "liquidity", "1 / USD million", "mean of |r| per million of d, 252 sessions", 252, MOVES, (), 0
    ),
    Feature("amihud_trend_21_252", "liquidity", "log", "amihud_21 over amihud_252", 252, MOVES),
    Feature(
        "price_impact_slope_63", "liquidity", "1 / root USD million", "slope of r on signed root d", 63, MOVES, (), 0
    ),
    Feature(
        "corwin_schultz_21",
        "liquidity",
        "simple",
        "spread from high and low of two sessions, mean of 21",
        22,
        TA,
        (),
        0,
    ),
    Feature("abdi_ranaldo_21", "liquidity", "log", "spread from close and mid-range, mean of 21", 22, TA, (), 0),
    Feature("roll_63", "liquidity", "log", "spread from the covariance of r with the r before, 63", 64, R, (), 0),
    Feature(
        "zero_return_share_63",
        "liquidity",
        "ratio",
        "share of r that are zero, 63 sessions",
        63,
        R,
        ("zero_return_bp",),
        0,
        1,
    ),
    Feature(
        "no_trade_share_63",
        "liquidity",
        "ratio",
        "share of sessions without a trade, from the first bar of 63 on",
        63,
        R + DOLLARS,
        (),
        0,
        1,
    ),
    Feature("high_low_range_21", "liquidity", "log", "mean of log(high / low), 21 sessions", 21, RANGE, (), 0),
    Feature(
        "overnight_share_63", "liquidity", "ratio", "squares of o over those of o and i", 63, NIGHT + DAY, (), 0, 1
    ),
)


def _anchored(anchor: str, described: str) -> tuple[Feature, ...]:
    """Close against the volume-weighted mean price since an anchor, in shares of the session."""
    name, settings = f"avwap_{anchor}", ("avwap_slope_sessions",)
    return (
        Feature(f"{name}_gap", "anchored", "log", f"close over the vwap since {described}", 253, ANCHORED),
        Feature(
            f"{name}_slope", "anchored", "log, per session", f"of the vwap since {described}", 253, ANCHORED, settings
        ),
        Feature(
            f"{name}_state",
            "anchored",
            "-1, 0 or 1",
            f"1 above a rising vwap since {described}, -1 below a falling one, else 0",
            253,
            ANCHORED,
            settings,
            -1,
            1,
        ),
    )


AVWAP = (
    *_anchored("year", "the first session of the year"),
    *_anchored("low_252", "the lowest low of 252 sessions"),
    *_anchored("high_252", "the highest high of 252 sessions"),
    *_anchored("volume_252", "the session of 252 with most shares traded"),
)

FEATURES: tuple[Feature, ...] = (
    *MOMENTUM,
    *REVERSAL,
    *TREND,
    *VOLATILITY,
    *VOLUME,
    *MEAN_REVERSION,
    *SEASONALITY,
    *REGIME,
    *LIQUIDITY,
    *AVWAP,
)
