"""Features of a stock's past returns: momentum, reversal and trend."""

from feature_store.schemas.feature import DAY, NIGHT, TA, Feature, R

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
    Feature("return_per_risk_63", "momentum", "ratio, annual", "mean over standard deviation of r, 63 sessions", 63, R),
    Feature(
        "return_per_risk_252", "momentum", "ratio, annual", "mean over standard deviation of r, 252 sessions", 252, R
    ),
    Feature("up_fraction_21", "momentum", "ratio", "fraction of r above 0, 21 sessions", 21, R, (), 0, 1),
    Feature("up_fraction_63", "momentum", "ratio", "fraction of r above 0, 63 sessions", 63, R, (), 0, 1),
    Feature("months_up_12", "momentum", "ratio", "fraction of 12 blocks of 21 sessions that rose", 252, R, (), 0, 1),
    Feature(
        "discreteness_252",
        "momentum",
        "ratio",
        "sign of the return of 252 sessions times (fraction of falls less fraction of rises)",
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
        "reversal_5_per_risk",
        "reversal",
        "standard deviations",
        "reversal_5 over the standard deviation of r, 63, times root 5",
        63,
        R,
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
    Feature("macd_line", "trend", "fraction of price", "exponential averages of P, span 12 less span 26", 157, R),
    Feature("macd_signal", "trend", "fraction of price", "exponential average of macd_line, span 9", 157, R),
    Feature("macd_histogram", "trend", "fraction of price", "macd_line less macd_signal", 157, R),
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
