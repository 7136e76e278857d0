"""Settings of the models of future relative returns."""

from typing import Annotated

from pydantic import AfterValidator, Field

from configs.settings.base import Settings
from configs.settings.kinds import OneOf, distinct
from configs.settings.models import MODEL_SETTINGS, LightGbmSettings, ModelSettings, RidgeSettings


class EarningsBlackout(Settings):
    before: int = Field(0, ge=0, le=21, description="sessions before an announcement that is known to come")
    after: int = Field(0, ge=0, le=21, description="sessions from an announcement on, its own included")

    @property
    def sessions(self) -> int:
        """How many it spans; 0 where it is off."""
        return self.before + self.after


class Alpha(Settings):
    models: Annotated[tuple[Annotated[ModelSettings, OneOf(MODEL_SETTINGS)], ...], AfterValidator(distinct)] = (
        RidgeSettings(),
        LightGbmSettings(),
    )
    lookback_sessions: int = Field(504, ge=63, le=2520)
    min_rows: int = Field(500, ge=10)
    calibration_fraction: float = Field(0.3, gt=0, lt=1, description="latest part of the window, purged, held out")
    calibration_cap: float = Field(1.5, gt=0, description="largest slope from log score to simple return")
    neutralize: bool = Field(True, description="against the risk model's factors")
    earnings_blackout: EarningsBlackout = Field(EarningsBlackout(), description="no alpha near an announcement; 0: off")
