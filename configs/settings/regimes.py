"""Settings of the regimes of industries and of the market."""

from pydantic import Field, model_validator

from configs.settings.base import Settings


class Regimes(Settings):
    n_states: int = Field(3, ge=2, le=3, description="of each hidden Markov model")
    lookback_sessions: int = Field(504, ge=60, le=1260)
    min_observations: int = Field(252, ge=30)
    random_starts: int = Field(3, ge=0, le=20, description="seeded starts of EM beside the deterministic one")
    max_iterations: int = Field(100, ge=1)
    tolerance: float = Field(1e-2, gt=0, description="nats of log likelihood")
    variance_floor: float = Field(1e-3, gt=0, description="share of the signal's variance in the window")
    trend_gap: float = Field(0.02, ge=0, le=0.2, description="market: log gap to its mean of 200 that is a trend")
    turbulent_percentile: float = Field(0.6, gt=0, lt=1, description="market: of its volatility in its last year")
    crisis_percentile: float = Field(0.9, gt=0, lt=1, description="market: of its volatility in its last year")
    crisis_volatility_annual: float = Field(0.25, gt=0, description="market: less is turbulent at most")
    systemic_correlation: float = Field(0.7, gt=0, lt=1, description="market: mean correlation of industries")
    market_weight: float = Field(0.25, ge=0, le=1, description="of the market's regime in each industry's")
    half_life_sessions: float = Field(3.0, gt=0, le=21, description="of the smoothing of probabilities")

    @model_validator(mode="after")
    def _in_order(self) -> "Regimes":
        if self.turbulent_percentile >= self.crisis_percentile:
            raise ValueError("turbulent_percentile must lie below crisis_percentile")
        return self
