"""Settings of each kind of detector of regimes."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from configs.settings.kinds import KindSettings
from configs.settings.units import AnnualVolatility, Count, Fraction, Unit


class DetectorSettings(KindSettings):
    """What every kind of detector derives its settings from."""


class HmmSettings(DetectorSettings):
    """A Gaussian hidden Markov model of each industry, refitted weekly."""

    kind: Literal["hmm"] = "hmm"
    n_states: Count = Field(3, ge=2, le=3, description="states of each model")
    random_starts: Count = Field(3, ge=0, le=20, description="seeded starts of EM beside the deterministic one")
    max_iterations: Count = Field(100, ge=1, description="iterations of EM after which it is stopped")
    tolerance: Annotated[float, Unit("nats")] = Field(
        1e-2, gt=0, description="change of the log likelihood below which EM has converged"
    )
    variance_floor: Fraction = Field(
        1e-3, gt=0, description="smallest variance of a state, of the signal's variance in the window"
    )


class ThresholdsSettings(DetectorSettings):
    """Thresholds of trailing statistics of the market."""

    kind: Literal["thresholds"] = "thresholds"
    trend_gap: Annotated[float, Unit("log")] = Field(
        0.02, ge=0, le=0.2, description="distance from the mean of 200 sessions that is a trend"
    )
    turbulent_percentile: Fraction = Field(
        0.6, gt=0, lt=1, description="rank of the volatility within its last year from which on it is turbulent"
    )
    crisis_percentile: Fraction = Field(
        0.9, gt=0, lt=1, description="rank of the volatility within its last year from which on it may be a crisis"
    )
    crisis_volatility_annual: AnnualVolatility = Field(
        0.25, gt=0, description="smallest volatility of a crisis; below it is turbulent at most"
    )

    @model_validator(mode="after")
    def _in_order(self) -> "ThresholdsSettings":
        if self.turbulent_percentile >= self.crisis_percentile:
            raise ValueError("turbulent_percentile must lie below crisis_percentile")
        return self


DETECTOR_SETTINGS: dict[str, type[DetectorSettings]] = {"hmm": HmmSettings, "thresholds": ThresholdsSettings}
