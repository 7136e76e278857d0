"""Settings of each kind of detector of regimes."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from configs.settings.kinds import KindSettings
from configs.settings.units import AnnualVolatility, Count, MeanSessions, Sessions, Unit


class DetectorSettings(KindSettings):
    """What every kind of detector derives its settings from."""


class HmmSettings(DetectorSettings):
    """Hidden Markov models of each industry's trend and volatility, refitted weekly."""

    kind: Literal["hmm"] = "hmm"
    n_states: Count = Field(3, ge=2, le=3, description="states of the trend, and most states of the volatility")
    mean_duration: MeanSessions = Field(60.0, ge=5, le=504, description="duration of a state that the prior expects")
    trend_drift: Annotated[float, Unit("standard deviations")] = Field(
        0.08, gt=0, le=1, description="drift a session of bull, and less that of bear, that the prior expects"
    )
    trend_prior_sessions: Sessions = Field(
        1000, ge=0, le=100_000, description="sessions that the prior of the trend counts for beside those of the window"
    )
    random_starts: Count = Field(2, ge=0, le=20, description="seeded starts of EM beside the deterministic one")
    max_iterations: Count = Field(200, ge=1, description="iterations of EM after which it is stopped")
    tolerance: Annotated[float, Unit("nats")] = Field(
        2e-2, gt=0, description="change of the log likelihood below which EM has converged"
    )


class JumpModelSettings(DetectorSettings):
    """Statistical jump models of each industry's trend and volatility, refitted weekly."""

    kind: Literal["jump_model"] = "jump_model"
    n_states: Count = Field(2, ge=2, le=3, description="states of each model")
    jump_penalty: Annotated[float, Unit("squared standard deviations")] = Field(
        3.0, ge=0, description="cost of a switch, against half the squared distance of a session to its state"
    )
    random_starts: Count = Field(3, ge=0, le=20, description="seeded starts beside the deterministic one")
    max_iterations: Count = Field(50, ge=1, description="iterations after which it is stopped")


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


DETECTOR_SETTINGS: dict[str, type[DetectorSettings]] = {
    "hmm": HmmSettings,
    "jump_model": JumpModelSettings,
    "thresholds": ThresholdsSettings,
}
