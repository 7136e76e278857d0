"""Settings of what regimes may do to a portfolio: as much as they have earned, or stated numbers."""

from typing import Literal

from pydantic import Field

from configs.settings.kinds import KindSettings
from configs.settings.units import BasisPoints, Count, Fraction, Sessions


class RegimeEffectsSettings(KindSettings):
    """What every kind of effects of regimes derives its settings from."""


class EstimatedEffects(RegimeEffectsSettings):
    """Effects estimated each month on outcomes that have matured; none until the evidence is there."""

    kind: Literal["estimated"] = "estimated"
    lookback_sessions: Sessions = Field(2520, ge=63, description="window of states and returns")
    significance: Fraction = Field(
        0.05, gt=0, lt=1, description="level of the two-sided t test that an effect passes before it counts"
    )
    min_blocks: Count = Field(12, ge=3, description="smallest number of horizons that do not overlap")
    max_tilt_bp: BasisPoints = Field(50.0, gt=0, le=200, description="largest tilt that an estimate may give")
    lowest_multiple: Fraction = Field(0.5, gt=0, le=1, description="lowest multiple of a crisis that one may give")


class FixedEffects(RegimeEffectsSettings):
    """Effects as stated, whatever they are worth; a tilt of 0 and multiples of 1 are a portfolio without regimes."""

    kind: Literal["fixed"] = "fixed"
    trend_tilt_bp: BasisPoints = Field(
        10.0,
        ge=0,
        le=200,
        description="kappa: expected return added to an industry that is more bullish by one than the mean of all",
    )
    crisis_band_multiple: Fraction = Field(0.5, gt=0, le=1, description="multiple of an industry's band in a crisis")
    crisis_volatility_multiple: Fraction = Field(
        0.67, gt=0, le=1, description="multiple of the volatility target when every industry is in a crisis"
    )


REGIME_EFFECTS_SETTINGS: dict[str, type[RegimeEffectsSettings]] = {
    "estimated": EstimatedEffects,
    "fixed": FixedEffects,
}
