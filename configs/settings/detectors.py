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
    turbulent_volatility_annual: AnnualVolatility = Field(
        0.15, gt=0, description="volatility of 21 sessions from which on it is turbulent; below it is calm"
    )
    crisis_volatility_annual: AnnualVolatility = Field(
        0.25, gt=0, description="volatility of 21 sessions from which on it is a crisis"
    )
    turbulent_vix: Annotated[float, Unit("index points")] = Field(
        20.0, gt=0, description="implied volatility from which on it is turbulent; below it is calm"
    )
    crisis_vix: Annotated[float, Unit("index points")] = Field(
        30.0, gt=0, description="implied volatility from which on it is a crisis"
    )

    @model_validator(mode="after")
    def _in_order(self) -> "ThresholdsSettings":
        if self.turbulent_volatility_annual >= self.crisis_volatility_annual:
            raise ValueError("turbulent_volatility_annual must lie below crisis_volatility_annual")
        if self.turbulent_vix >= self.crisis_vix:
            raise ValueError("turbulent_vix must lie below crisis_vix")
        return self


DETECTOR_SETTINGS: dict[str, type[DetectorSettings]] = {"hmm": HmmSettings, "thresholds": ThresholdsSettings}
