"""Settings of the detection of breaks in the volatility and the trend of industries."""

from typing import Annotated

from pydantic import Field

from configs.settings.base import Settings
from configs.settings.units import Count, Fraction, MeanSessions, Sessions, Unit

Level = Annotated[float, Unit("units of the stream")]
Observations = Annotated[float, Unit("observations")]


class SegmentPrior(Settings):
    """What is thought of a segment's mean and variance before its first observation."""

    mean: Level = Field(0.0, description="mean of the means of segments")
    mean_weight: Observations = Field(
        1.0, gt=0, description="weight of that mean: means spread by the noise over the root of this"
    )
    variance: Annotated[float, Unit("units of the stream, squared")] = Field(
        1.0, gt=0, description="variance of the noise around a segment's mean"
    )
    variance_weight: Observations = Field(4.0, gt=0, description="weight of that variance")


class Breaks(Settings):
    """Bayesian online changepoint detection on daily volatility and trend of each industry."""

    mean_run_sessions: MeanSessions = Field(
        90.0, gt=1, description="mean length of a segment; a new one begins with one over it"
    )
    within_sessions: Sessions = Field(15, ge=1, le=63, description="a break is looked for in so many last sessions")
    outlier_fraction: Fraction = Field(
        0.02, ge=0, lt=0.5, description="part of the observations that belong to no segment; 0 lets one alone fire"
    )
    min_probability: Fraction = Field(
        1e-6, ge=0, lt=0.01, description="run lengths that are less probable are dropped; 0 keeps all"
    )
    lookback_sessions: Sessions = Field(
        504, ge=20, le=2520, description="sessions before the calendar year at which its filter starts"
    )
    min_observations: Count = Field(63, ge=1, description="smallest number of observations since the filter's start")
    volatility: SegmentPrior = Field(
        SegmentPrior(mean=-9.2, mean_weight=1.0, variance=0.8, variance_weight=20.0),
        description="prior of log range variances; 16 % a year is -9.2",
    )
    trend: SegmentPrior = Field(
        SegmentPrior(mean=0.0, mean_weight=50.0, variance=1.0),
        description="prior of returns in units of the session's range volatility",
    )
