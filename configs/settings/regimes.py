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
from configs.settings.transition_risk import TransitionRisk
from configs.settings.units import AnnualVolatility, Correlation, Count, Ratio, Sessions


class Regimes(Settings):
    """Regimes of industries and of the market."""

    industry: Annotated[DetectorSettings, OneOf(DETECTOR_SETTINGS)] = Field(
        HmmSettings(), description="detector of the trend and volatility of each industry"
    )
    market: Annotated[DetectorSettings, OneOf(DETECTOR_SETTINGS)] = Field(
        ThresholdsSettings(),
        description="detector of the trend and volatility of the market, of a kind without fits",
    )
    lookback_sessions: Sessions = Field(
        2520, ge=60, le=2520, description="longest window of a fit of industries; it expands while history is shorter"
    )
    filter_sessions: Sessions = Field(
        252, ge=60, le=1260, description="window of the filter, which has forgotten what came before"
    )
    min_observations: Count = Field(
        252, ge=30, description="smallest number of sessions with the signals; fewer give no fit"
    )
    crisis_median_multiple: Ratio = Field(
        2.5,
        gt=1,
        description="volatility of a state, of the industry's median in the window, from which on it is a crisis",
    )
    crisis_volatility_annual: AnnualVolatility = Field(
        0.35, gt=0, description="volatility of a state from which on it is a crisis in any industry"
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
    transition_risk: TransitionRisk = Field(TransitionRisk(), description="probability of a change of regime")
