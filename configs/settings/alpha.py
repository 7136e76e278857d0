"""Settings of the models of future relative returns."""

from typing import Annotated

from pydantic import AfterValidator, Field

from configs.settings.base import Settings
from configs.settings.kinds import OneOf, distinct
from configs.settings.models import MODEL_SETTINGS, LightGbmSettings, ModelSettings, RidgeSettings
from configs.settings.units import Count, Fraction, Ratio, Sessions


class EarningsBlackout(Settings):
    """Sessions about an earnings announcement on which a stock has no alpha."""

    before: Sessions = Field(0, ge=0, le=21, description="sessions before an expected announcement; 0: none")
    after: Sessions = Field(0, ge=0, le=21, description="sessions from an announcement on, its own included; 0: none")

    @property
    def sessions(self) -> int:
        """How many it spans; 0 where it is off."""
        return self.before + self.after


class Alpha(Settings):
    """Models of future relative returns, their calibration and combination."""

    models: Annotated[tuple[Annotated[ModelSettings, OneOf(MODEL_SETTINGS)], ...], AfterValidator(distinct)] = Field(
        (RidgeSettings(), LightGbmSettings()),
        description="models that are fitted and combined, each kind at most once, with the settings of the kind",
    )
    lookback_sessions: Sessions = Field(504, ge=63, le=2520, description="window of the scores and labels of a fit")
    min_rows: Count = Field(500, ge=10, description="smallest number of labelled rows of a fit; fewer give no fit")
    calibration_fraction: Fraction = Field(
        0.3,
        gt=0,
        lt=1,
        description="latest part of the window that is held out, purged, and on which predictions are calibrated",
    )
    calibration_cap: Ratio = Field(
        1.5, gt=0, description="largest slope from a predicted log return to the simple return that is expected"
    )
    neutralize: bool = Field(True, description="whether combined alphas are neutralized against the risk factors")
    earnings_blackout: EarningsBlackout = Field(
        EarningsBlackout(), description="sessions about an announcement without alpha"
    )
