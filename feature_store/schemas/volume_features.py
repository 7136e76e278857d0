"""Features of what is traded of a stock: volume, liquidity and anchored mean prices."""

from feature_store.schemas.feature import ANCHORED, DAY, DOLLARS, MOVES, NIGHT, RANGE, SHARES, TA, TRADES, Feature, R

VOLUME = (
    Feature("volume_trend_5_63", "volume", "log", "mean of d of 5 over that of 63 sessions", 63, DOLLARS),
    Feature("volume_trend_21_252", "volume", "log", "mean of d of 21 over that of 252 sessions", 252, DOLLARS),
    Feature(
        "volume_volatility_63", "volume", "ratio", "standard deviation over mean of d, 63 sessions", 63, DOLLARS, (), 0
    ),
    Feature(
        "volume_z_63",
        "volume",
        "standard deviations",
        "log d less its mean, per its standard deviation, 63",
        63,
        DOLLARS,
    ),
    Feature(
        "volume_z_252",
        "volume",
        "standard deviations",
        "log d less its mean, per its standard deviation, 252",
        252,
        DOLLARS,
    ),
    Feature("turnover_trend_63", "volume", "log, per session", "least-squares slope of log d, 63", 63, DOLLARS),
    Feature("volume_concentration_21", "volume", "ratio", "largest over sum of d, 21", 21, DOLLARS, (), 0, 1),
    Feature("volume_return_correlation_21", "volume", "ratio", "of r and log d, 21 sessions", 21, MOVES, (), -1, 1),
    Feature("volume_return_correlation_63", "volume", "ratio", "of r and log d, 63 sessions", 63, MOVES, (), -1, 1),
    Feature("volume_move_correlation_63", "volume", "ratio", "of |r| and log d, 63 sessions", 63, MOVES, (), -1, 1),
    Feature("up_volume_fraction_21", "volume", "ratio", "d of sessions that rose over all, 21", 21, MOVES, (), 0, 1),
    Feature("up_volume_fraction_63", "volume", "ratio", "d of sessions that rose over all, 63", 63, MOVES, (), 0, 1),
    Feature("obv_slope_21", "volume", "ratio, per session", "slope of OBV over mean v, 21 sessions", 21, SHARES),
    Feature("obv_slope_63", "volume", "ratio, per session", "slope of OBV over mean v, 63 sessions", 63, SHARES),
    Feature(
        "money_flow_21", "volume", "ratio", "Chaikin's: place of the close in its range, by v", 21, TRADES, (), -1, 1
    ),
    Feature("mfi_14", "volume", "0 to 100", "money flow index of 14 changes of the typical P", 15, TRADES, (), 0, 100),
    Feature("vwap_gap_1", "volume", "log", "close over the session's vwap", 1, ("close", "vwap")),
    Feature("vwap_gap_21", "volume", "log", "close over the vwap of 21 sessions", 21, ANCHORED),
    Feature("vwap_gap_63", "volume", "log", "close over the vwap of 63 sessions", 63, ANCHORED),
    Feature("vwap_momentum_21_63", "volume", "log", "vwap of 21 over that of 63 sessions", 63, ANCHORED),
    Feature("adv_21_usd", "volume", "USD", "mean of d, 21 sessions", 21, DOLLARS, (), 0, scored=False),
    Feature("log_adv_63", "volume", "log USD", "log of the mean of d, 63 sessions", 63, DOLLARS),
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
        "zero_return_fraction_63",
        "liquidity",
        "ratio",
        "fraction of r that are zero, 63 sessions",
        63,
        R,
        ("zero_return_bp",),
        0,
        1,
    ),
    Feature(
        "no_trade_fraction_63",
        "liquidity",
        "ratio",
        "fraction of sessions without a trade, from the first bar of 63 on",
        63,
        R + DOLLARS,
        (),
        0,
        1,
    ),
    Feature("high_low_range_21", "liquidity", "log", "mean of log(high / low), 21 sessions", 21, RANGE, (), 0),
    Feature(
        "overnight_fraction_63", "liquidity", "ratio", "squares of o over those of o and i", 63, NIGHT + DAY, (), 0, 1
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
