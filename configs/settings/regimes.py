"""Settings of the regimes of industries and of the market."""

from typing import Annotated

from pydantic import Field

from configs.settings.base import Settings
from configs.settings.breaks import Breaks
from configs.settings.correlations import Correlations
from configs.settings.detectors import DETECTOR_SETTINGS, DetectorSettings, HmmSettings, ThresholdsSettings
from configs.settings.kinds import OneOf
from configs.settings.market_regime import (
    RISK_APPETITE_SETTINGS,
    CrossAsset,
    E1Settings,
    Fusion,
    RiskAppetiteSettings,
)
from configs.settings.units import Correlation, Count, Sessions


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
    risk_appetite: Annotated[RiskAppetiteSettings, OneOf(RISK_APPETITE_SETTINGS)] = Field(
        E1Settings(), description="model of the market's risk appetite: e1, or e2 where its inputs are at hand"
    )
    breaks: Breaks = Field(Breaks(), description="detection of breaks in volatility and trend")
    cross_asset: CrossAsset = Field(CrossAsset(), description="the market's states from the returns of several assets")
    confirmation_sessions: Sessions = Field(
        5, ge=1, le=21, description="sessions in a row that must agree on a label before it is the market's"
    )
    fusion: Fusion = Field(Fusion(), description="how market, sectors and industries become one")
    correlations: Correlations = Field(Correlations(), description="correlations of industries")
