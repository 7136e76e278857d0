"""Settings of the regimes of industries and of the market."""

from typing import Annotated

from pydantic import Field

from configs.settings.base import Settings
from configs.settings.breaks import Breaks
from configs.settings.detectors import DETECTOR_SETTINGS, DetectorSettings, HmmSettings, ThresholdsSettings
from configs.settings.kinds import OneOf
from configs.settings.units import Correlation, Count, Fraction, MeanSessions, Sessions


class Regimes(Settings):
    """Regimes of industries and of the market."""

    industry: Annotated[DetectorSettings, OneOf(DETECTOR_SETTINGS)] = Field(
        HmmSettings(), description="detector of the trend and volatility of each industry"
    )
    market: Annotated[DetectorSettings, OneOf(DETECTOR_SETTINGS)] = Field(
        ThresholdsSettings(),
        description="detector of the trend and volatility of the market, of a kind without fits",
    )
    lookback_sessions: Sessions = Field(504, ge=60, le=1260, description="window of a fit, and of the filter")
    min_observations: Count = Field(
        252, ge=30, description="smallest number of sessions with all signals; fewer give no fit"
    )
    systemic_correlation: Correlation = Field(
        0.7, gt=0, lt=1, description="mean correlation of industries from which on they move together"
    )
    market_weight: Fraction = Field(0.25, ge=0, le=1, description="weight of the market's regime in each industry's")
    half_life_sessions: MeanSessions = Field(
        3.0, gt=0, le=21, description="half-life of the smoothing of probabilities"
    )
    breaks: Breaks = Field(Breaks(), description="detection of breaks in volatility and trend")
