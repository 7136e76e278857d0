"""Regimes by thresholds of trailing statistics."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import polars as pl

from configs.settings.detectors import DetectorSettings, ThresholdsSettings
from quant_assets.numerics.arrays import Array, Index
from quant_assets.regimes.detectors.protocol import Aspect, StateParameters

N_STATES = 3


class Thresholds:
    """One state for certain, from the last observation alone; see `detectors.protocol`.

    Bull is a return index more than `trend_gap` above its mean of 200 sessions that also rose over the last 63, bear
    the reverse, and sideways all between. Volatility is calm, turbulent or a crisis by the level of the realized and of
    the implied volatility; where the two are one level apart the even one of both counts, which is calm or crisis, and
    the realized one alone where there is no implied one.
    """

    settings: ClassVar[type[DetectorSettings]] = ThresholdsSettings
    signals: ClassVar[Mapping[Aspect, tuple[pl.Expr, ...]]] = {
        "trend": (pl.col("ma_gap_200"), pl.col("momentum_63")),
        "volatility": (pl.col("volatility_21"), pl.col("vix")),
    }
    is_fitted: ClassVar[bool] = False

    @staticmethod
    def probabilities(
        aspect: Aspect, signals: Array, parameters: StateParameters | None, settings: ThresholdsSettings
    ) -> Array:
        first, second = signals[:, -1, 0], signals[:, -1, 1]
        states = _trend(first, second, settings) if aspect == "trend" else _volatility(first, second, settings)
        known = ~np.isnan(first + second) if aspect == "trend" else ~np.isnan(first)
        return np.where(known[:, None], np.eye(N_STATES)[states], np.nan)


def _trend(gap: Array, momentum: Array, settings: ThresholdsSettings) -> Index:
    """(N,) 0 bear, 1 sideways, 2 bull."""
    above, below = (gap > settings.trend_gap) & (momentum > 0), (gap < -settings.trend_gap) & (momentum < 0)
    return np.where(above, 2, np.where(below, 0, 1))


def _volatility(annual: Array, vix: Array, settings: ThresholdsSettings) -> Index:
    """(N,) 0 calm, 1 turbulent, 2 crisis: the mean of both levels, halves to the even one."""
    realized = _level(annual, settings.turbulent_volatility_annual, settings.crisis_volatility_annual)
    implied = _level(vix, settings.turbulent_vix, settings.crisis_vix)
    both = np.rint((realized + implied) / 2.0).astype(np.int64)
    return np.where(np.isnan(vix), realized, both)


def _level(values: Array, turbulent: float, crisis: float) -> Index:
    """(N,) 0 below the first threshold, 2 from the second on."""
    return (values >= turbulent).astype(np.int64) + (values >= crisis)
