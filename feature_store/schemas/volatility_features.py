"""Features of how a stock's returns vary, revert, recur with the calendar and stand in their own past."""

from feature_store.schemas.feature import BAR, DAY, NIGHT, RANGE, TA, Feature, R

ANNUAL = "log, annual"

VOLATILITY = (
    Feature("volatility_5", "volatility", ANNUAL, "standard deviation of r, 5 sessions", 5, R, (), 0),
    Feature("volatility_10", "volatility", ANNUAL, "standard deviation of r, 10 sessions", 10, R, (), 0),
    Feature("volatility_21", "volatility", ANNUAL, "standard deviation of r, 21 sessions", 21, R, (), 0),
    Feature("volatility_63", "volatility", ANNUAL, "standard deviation of r, 63 sessions", 63, R, (), 0),
    Feature("volatility_126", "volatility", ANNUAL, "standard deviation of r, 126 sessions", 126, R, (), 0),
    Feature("volatility_252", "volatility", ANNUAL, "standard deviation of r, 252 sessions", 252, R, (), 0),
    Feature("downside_volatility_63", "volatility", ANNUAL, "root mean square of min(r, 0), 63 sessions", 63, R, (), 0),
    Feature("downside_volatility_252", "volatility", ANNUAL, "root mean square of min(r, 0), 252", 252, R, (), 0),
    Feature("overnight_volatility_63", "volatility", ANNUAL, "standard deviation of o, 63 sessions", 63, NIGHT, (), 0),
    Feature("intraday_volatility_63", "volatility", ANNUAL, "standard deviation of i, 63 sessions", 63, DAY, (), 0),
    Feature("range_volatility_21", "volatility", ANNUAL, "Parkinson's, 21 sessions", 21, RANGE, (), 0),
    Feature("range_volatility_63", "volatility", ANNUAL, "Parkinson's, 63 sessions", 63, RANGE, (), 0),
    Feature("garman_klass_21", "volatility", ANNUAL, "Garman's and Klass's, 21 sessions", 21, BAR, (), 0),
    Feature("garman_klass_63", "volatility", ANNUAL, "Garman's and Klass's, 63 sessions", 63, BAR, (), 0),
    Feature("rogers_satchell_21", "volatility", ANNUAL, "Rogers's and Satchell's, 21 sessions", 21, BAR, (), 0),
    Feature("rogers_satchell_63", "volatility", ANNUAL, "Rogers's and Satchell's, 63 sessions", 63, BAR, (), 0),
    Feature("yang_zhang_21", "volatility", ANNUAL, "Yang's and Zhang's, 21 sessions", 21, BAR + NIGHT + DAY, (), 0),
    Feature("yang_zhang_63", "volatility", ANNUAL, "Yang's and Zhang's, 63 sessions", 63, BAR + NIGHT + DAY, (), 0),
    Feature("atr_14", "volatility", "fraction of price", "Wilder's average true range of 14", 109, TA, (), 0),
    Feature(
        "bollinger_width_20",
        "volatility",
        "ratio",
        "band over its middle: twice so many standard deviations of P over its mean, 20 sessions",
        20,
        R,
        ("bollinger_standard_deviations",),
        0,
    ),
    Feature("volatility_ratio_5_21", "volatility", "log", "standard deviation of r of 5 over that of 21", 21, R),
    Feature("volatility_ratio_21_63", "volatility", "log", "standard deviation of r of 21 over that of 63", 63, R),
    Feature("volatility_ratio_63_252", "volatility", "log", "standard deviation of r of 63 over that of 252", 252, R),
    Feature(
        "volatility_of_volatility_63",
        "volatility",
        "log",
        "standard deviation of log volatility_21 over 63",
        83,
        R,
        (),
        0,
    ),
    Feature(
        "volatility_persistence_126", "volatility", "ratio", "correlation of |r| with the |r| before", 127, R, (), -1, 1
    ),
    Feature("jump_fraction_63", "volatility", "ratio", "1 less bipower over realized variance, 63", 64, R, (), None, 1),
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

MEAN_REVERSION = (
    Feature(
        "price_z_63", "mean_reversion", "standard deviations", "P less its mean, per its standard deviation, 63", 63, R
    ),
    Feature(
        "price_z_252",
        "mean_reversion",
        "standard deviations",
        "P less its mean, per its standard deviation, 252",
        252,
        R,
    ),
    Feature(
        "bollinger_position_20",
        "mean_reversion",
        "half bands",
        "P less its mean, per so many of its standard deviations, 20 sessions",
        20,
        R,
        ("bollinger_standard_deviations",),
    ),
    Feature("cci_20", "mean_reversion", "index", "typical P less its mean, per 0.015 mean absolute deviations", 20, TA),
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
        "above_ma_50_fraction_63",
        "regime",
        "ratio",
        "fraction of 63 sessions with P above its mean of 50",
        112,
        R,
        (),
        0,
        1,
    ),
    Feature("days_since_high_252", "regime", "sessions", "since the highest P of 252 sessions", 252, R, (), 0, 251),
    Feature("days_since_low_252", "regime", "sessions", "since the lowest P of 252 sessions", 252, R, (), 0, 251),
    Feature(
        "volatility_percentile_252", "regime", "ratio", "rank of volatility_21 among its last 252", 272, R, (), 0, 1
    ),
)
