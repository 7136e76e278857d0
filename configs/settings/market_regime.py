"""Settings of the market's regime: risk appetite by votes or by a score, a model of several assets, confirmation."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from configs.settings.base import Settings
from configs.settings.kinds import KindSettings
from configs.settings.units import AnnualVolatility, Count, Fraction, LogReturn, MeanSessions, Ratio, Sessions, Unit

OfFeature = Annotated[float, Unit("as the feature")]


class Vote(Settings):
    """What one feature of the market votes: risk on from one value on, risk off from another, between them neither."""

    risk_on: OfFeature = Field(description="value at which the vote is risk on; above risk_off if high values are good")
    risk_off: OfFeature = Field(description="value at which the vote is risk off")

    @model_validator(mode="after")
    def _apart(self) -> "Vote":
        if self.risk_on == self.risk_off:
            raise ValueError(f"risk_on and risk_off are both {self.risk_on}; set two values, with neither between them")
        return self


VOTES = {
    "ma_gap_200": Vote(risk_on=0.02, risk_off=-0.02),
    "volatility_21": Vote(risk_on=0.15, risk_off=0.25),
    "drawdown_252": Vote(risk_on=-0.05, risk_off=-0.15),
    "breadth_200": Vote(risk_on=0.6, risk_off=0.4),
}


class RiskAppetiteSettings(KindSettings):
    """What every model of risk appetite derives its settings from."""


class E1Settings(RiskAppetiteSettings):
    """E1: votes of trend, volatility, drawdown and breadth."""

    kind: Literal["e1"] = "e1"
    votes: dict[str, Vote] = Field(VOTES, min_length=1, description="feature of the market to how it votes")
    majority: Fraction = Field(
        0.5, gt=0, le=1, description="mean of the votes, +1 on and -1 off, from which on they are RISK_ON or RISK_OFF"
    )
    min_votes: Count = Field(3, ge=1, description="smallest number of features with a value; fewer give no label")

    @model_validator(mode="after")
    def _enough(self) -> "E1Settings":
        if self.min_votes > len(self.votes):
            raise ValueError(f"min_votes is {self.min_votes}, but only {len(self.votes)} features vote; set fewer")
        return self


class Factor(Settings):
    """How one feature enters the score: the logistic function of its distance from the centre, in scales."""

    centre: OfFeature = Field(description="value that speaks neither for nor against risk")
    scale: OfFeature = Field(description="distance from the centre that gives 0.73; negative where high values are bad")
    weight: Ratio = Field(1.0, gt=0, description="weight in the mean of all factors")

    @model_validator(mode="after")
    def _scaled(self) -> "Factor":
        if self.scale == 0:
            raise ValueError("scale is 0; set a distance, negative where high values are bad")
        return self


FACTORS = {
    "credit_ratio_z_252": Factor(centre=0.0, scale=1.0),
    "vix_term": Factor(centre=0.05, scale=0.05),
    "gold_relative_63": Factor(centre=0.0, scale=-0.08, weight=0.5),
    "bonds_relative_63": Factor(centre=0.0, scale=-0.08, weight=0.5),
    "ma_gap_200": Factor(centre=0.0, scale=0.03),
    "volatility_21": Factor(centre=0.2, scale=-0.04),
    "drawdown_252": Factor(centre=-0.1, scale=0.04),
    "breadth_200": Factor(centre=0.5, scale=0.1),
}


class E2Settings(RiskAppetiteSettings):
    """E2: a score between 0 and 1 from credit, the term structure of volatility, gold, bonds and what E1 sees."""

    kind: Literal["e2"] = "e2"
    factors: dict[str, Factor] = Field(FACTORS, min_length=1, description="feature of the market to how it counts")
    half_life_sessions: MeanSessions = Field(3.0, gt=0, le=21, description="half-life of the smoothing of the score")
    risk_on: Fraction = Field(0.6, ge=0.5, lt=1, description="score from which on it is RISK_ON")
    risk_off: Fraction = Field(0.4, gt=0, le=0.5, description="score up to which it is RISK_OFF")
    without_inputs: E1Settings = Field(
        E1Settings(), description="votes that stand in on a session on which a feature that E1 does not use is missing"
    )


RISK_APPETITE_SETTINGS: dict[str, type[RiskAppetiteSettings]] = {"e1": E1Settings, "e2": E2Settings}


class CrossAsset(Settings):
    """A Gaussian hidden Markov model of the returns of equity, bonds, gold and high-yield bonds, refitted weekly."""

    n_states: Count = Field(3, ge=2, le=3, description="states of the model")
    lookback_sessions: Sessions = Field(2520, ge=60, le=2520, description="window of a fit; all there is until then")
    min_observations: Count = Field(
        504, ge=30, description="smallest number of sessions with all four returns; fewer give no fit"
    )
    max_iterations: Count = Field(100, ge=1, description="iterations of EM after which it is stopped")
    tolerance: Annotated[float, Unit("nats")] = Field(
        1e-2, gt=0, description="change of the log likelihood below which EM has converged"
    )
    variance_floor: Fraction = Field(
        1e-3, gt=0, description="smallest variance of a state, of the asset's variance in the window"
    )
    turbulent_volatility_annual: AnnualVolatility = Field(
        0.15, gt=0, description="volatility of equity in a state from which on it is turbulent; below it is calm"
    )
    crisis_volatility_annual: AnnualVolatility = Field(
        0.25, gt=0, description="volatility of equity in a state from which on it is a crisis"
    )
    trend_return_annual: LogReturn = Field(
        0.05, ge=0, description="return of equity in a state above which it is bull, and below its negative bear"
    )

    @model_validator(mode="after")
    def _in_order(self) -> "CrossAsset":
        if self.turbulent_volatility_annual >= self.crisis_volatility_annual:
            raise ValueError("turbulent_volatility_annual must lie below crisis_volatility_annual")
        if self.min_observations > self.lookback_sessions:
            raise ValueError("min_observations must not be more than lookback_sessions, or no fit is ever made")
        return self


class Fusion(Settings):
    """How the regimes of the market, of sectors and of industries become one."""

    market_weight: Fraction = Field(0.25, ge=0, le=1, description="weight of the market in the pool of each sector")
    sector_weight: Fraction = Field(0.25, ge=0, le=1, description="weight of its sector in the pool of each industry")
    sectors: dict[str, str] = Field(
        {}, description="industry to its sector; the market stands directly above an industry that is not listed"
    )
    floor: Fraction = Field(
        0.02, gt=0, le=0.2, description="smallest probability that a state enters a pool with, so that none is a veto"
    )
    max_contradiction: Fraction = Field(
        0.7,
        gt=0,
        le=1,
        description="largest total variation distance to the level above; a larger one is moved towards it",
    )
    half_life_fast_sessions: MeanSessions = Field(
        3.0, ge=0.1, le=9, description="half-life of the fast smoothing of probabilities"
    )
    half_life_slow_sessions: MeanSessions = Field(
        12.0, ge=0.1, le=21, description="half-life of the slow smoothing of probabilities"
    )
    confirmation_sessions: Sessions = Field(
        3, ge=1, le=21, description="sessions in a row that must agree on a state before it is that of an industry"
    )

    @model_validator(mode="after")
    def _in_order(self) -> "Fusion":
        if self.half_life_fast_sessions > self.half_life_slow_sessions:
            raise ValueError("half_life_fast_sessions must not be above half_life_slow_sessions")
        return self
