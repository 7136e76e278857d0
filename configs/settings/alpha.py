"""Settings of the models of future relative returns."""

from typing import Literal

from pydantic import Field

from configs.settings.base import Settings


class EarningsBlackout(Settings):
    before: int = Field(0, ge=0, le=21, description="sessions before an announcement that is known to come")
    after: int = Field(0, ge=0, le=21, description="sessions from an announcement on, its own included")

    @property
    def sessions(self) -> int:
        """How many it spans; 0 where it is off."""
        return self.before + self.after


class Alpha(Settings):
    models: tuple[Literal["ridge", "lightgbm"], ...] = ("ridge", "lightgbm")
    lookback_sessions: int = Field(504, ge=63, le=2520)
    min_rows: int = Field(500, ge=10)
    ridge_penalty: float = Field(100.0, ge=0, description="added to the Gram matrix's diagonal")
    tree_count: int = Field(50, ge=1, le=2000)
    tree_leaves: int = Field(15, ge=2, le=255)
    tree_learning_rate: float = Field(0.1, gt=0, le=1)
    tree_min_rows: int = Field(200, ge=1, description="of a leaf")
    tree_row_stride: int = Field(5, ge=1, le=63, description="every so many sessions train; neighbours' labels overlap")
    calibration_fraction: float = Field(0.3, gt=0, lt=1, description="latest part of the window, purged, held out")
    calibration_cap: float = Field(1.5, gt=0, description="largest slope from log score to simple return")
    neutralize: bool = Field(True, description="against the risk model's factors")
    earnings_blackout: EarningsBlackout = Field(EarningsBlackout(), description="no alpha near an announcement; 0: off")
