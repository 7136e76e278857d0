"""The market's regime, as one label each of trend and of volatility."""

import datetime as dt

import numpy as np
import polars as pl

from configs.errors import ConfigError
from configs.settings import Regimes
from quant_assets.regimes.detectors.protocol import STATES_IN_ORDER, Aspect
from quant_assets.regimes.detectors.registry import DETECTORS


def market_regime(features: pl.DataFrame, session: dt.date, settings: Regimes) -> pl.DataFrame:
    """Labels of the market's trailing statistics on the session: the likeliest states.

    Args:
        features: rows of MARKET_FEATURES.
        session: only its row is used.
        settings: `market`, its detector, and `systemic_correlation`.

    Returns:
        One row of MARKET_REGIME, or none where the session has no features. A label is null where any of its statistics
        is.

    Raises:
        ConfigError: a detector that is fitted.
    """
    if DETECTORS[settings.market.kind].is_fitted:
        raise ConfigError(
            f"regimes.market: {settings.market.kind} is fitted, and the market's parameters are not stored; "
            "choose one that is not, such as thresholds"
        )
    today = features.filter(event_date=session)
    return today.select(
        "event_date",
        trend=_labels(today, "trend", settings),
        volatility=_labels(today, "volatility", settings),
        systemic=pl.col("mean_correlation_63") >= settings.systemic_correlation,
    )


def _labels(today: pl.DataFrame, aspect: Aspect, settings: Regimes) -> pl.Series:
    detector = DETECTORS[settings.market.kind]
    signals = today.select(signal.cast(pl.Float64).alias(str(d)) for d, signal in enumerate(detector.signals[aspect]))
    probabilities = detector.probabilities(aspect, signals.to_numpy()[:, None, :], None, settings.market)
    likeliest = [None if np.isnan(row).any() else STATES_IN_ORDER[aspect][int(np.argmax(row))] for row in probabilities]
    return pl.Series(likeliest, dtype=pl.String)
