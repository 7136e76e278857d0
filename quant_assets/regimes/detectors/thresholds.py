"""The market's regime, by thresholds."""

import datetime as dt

import polars as pl

from configs.settings import Regimes
from feature_store.schemas.regimes import TREND_STATES_IN_ORDER, VOLATILITY_STATES_IN_ORDER


def market_regime(features: pl.DataFrame, session: dt.date, settings: Regimes) -> pl.DataFrame:
    """Labels of the market's trailing statistics on the session.

    Bull is a return index more than `trend_gap` above its mean of 200 sessions that also rose over the last 63, bear
    the reverse, and sideways all between. Volatility is labelled by its rank within its own last year; only one that is
    also high by itself, of `crisis_volatility_annual` or more, is a crisis.

    Args:
        features: rows of MARKET_FEATURES.
        session: only its row is used.
        settings: the thresholds.

    Returns:
        One row of MARKET_REGIME, or none where the session has no features. A label is null where any of its statistics
        is.
    """
    return features.filter(event_date=session).select(
        "event_date", trend=_trend(settings), volatility=_volatility(settings), systemic=_systemic(settings)
    )


def _trend(settings: Regimes) -> pl.Expr:
    bear, sideways, bull = (pl.lit(label) for label in TREND_STATES_IN_ORDER)
    gap, momentum = pl.col("ma_gap_200"), pl.col("momentum_63")
    above, below = (gap > settings.trend_gap) & (momentum > 0), (gap < -settings.trend_gap) & (momentum < 0)
    label = pl.when(above).then(bull).when(below).then(bear).otherwise(sideways)
    return pl.when(gap.is_not_null() & momentum.is_not_null()).then(label)


def _volatility(settings: Regimes) -> pl.Expr:
    calm, turbulent, crisis = (pl.lit(label) for label in VOLATILITY_STATES_IN_ORDER)
    rank, annual = pl.col("volatility_percentile"), pl.col("volatility_21")
    extreme = (rank >= settings.crisis_percentile) & (annual >= settings.crisis_volatility_annual)
    label = pl.when(extreme).then(crisis).when(rank >= settings.turbulent_percentile).then(turbulent).otherwise(calm)
    return pl.when(rank.is_not_null() & annual.is_not_null()).then(label)


def _systemic(settings: Regimes) -> pl.Expr:
    return pl.col("mean_correlation_63") >= settings.systemic_correlation
