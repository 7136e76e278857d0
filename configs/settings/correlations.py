"""Settings of the correlations of industries."""

from pydantic import Field

from configs.settings.base import Settings
from configs.settings.units import Count, Fraction, Sessions


class Correlations(Settings):
    """Dynamic conditional correlations of industries, refitted weekly, and when they are systemic."""

    lookback_sessions: Sessions = Field(1000, ge=60, le=2520, description="window of a fit, of the filter and of ranks")
    min_observations: Count = Field(
        252, ge=60, description="smallest number of sessions on which all industries of the panel have a return"
    )
    min_panel_fraction: Fraction = Field(
        0.5,
        gt=0,
        le=1,
        description="smallest part of the window's sessions with a return for which a panel has a place",
    )
    full_likelihood_sessions: Sessions = Field(
        40, ge=0, description="sessions an industry below which pairs of neighbours alone are fitted"
    )
    systemic_percentile: Fraction = Field(
        0.8, gt=0, lt=1, description="rank within the window from which on correlations are systemic"
    )
    systemic_sessions: Sessions = Field(5, ge=1, le=63, description="horizon of the probability that they are systemic")
