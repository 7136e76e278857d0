"""Settings of the optimization problem that chooses weights."""

from typing import Literal

from pydantic import Field

from configs.settings.base import Settings


class Portfolio(Settings):
    mode: Literal["long_only", "dollar_neutral"] = Field("long_only")
    benchmark: Literal["equal", "dollar_volume", "capitalisation"] = Field(
        "equal", description="weights of the tradable universe"
    )
    benchmark_coverage: float = Field(
        0.9, ge=0, le=1, description="share of dollar volume with a capitalisation; with less, dollar volume weights"
    )
    horizon_sessions: int = Field(21, ge=1, description="of alpha, covariance and borrow in the programme")
    risk_aversion: float = Field(8.0, gt=0, description="gamma, per unit of variance over the horizon")
    turnover_penalty: float = Field(5e-4, ge=0, description="lambda 1: per unit traded, beside the estimated costs")
    impact_multiple: float = Field(1.0, ge=0, description="lambda 2: of the estimated impact")
    market_premium_annual: float | None = Field(
        None, ge=-0.5, le=0.5, description="of every stock over cash; null: returns at which the benchmark is optimal"
    )
    weight_cap: float = Field(0.02, gt=0, le=1)
    short_cap: float = Field(0.01, ge=0, le=1, description="dollar_neutral: largest short weight")
    gross_cap: float = Field(2.0, gt=0, le=10, description="dollar_neutral: sum of |weights|")
    net_band: float = Field(0.02, ge=0, le=1, description="dollar_neutral: largest |sum of weights|")
    industry_band: float = Field(0.05, ge=0, le=1, description="active weight; net weight when dollar_neutral")
    crisis_band_multiple: float = Field(0.5, gt=0, le=1, description="of an industry's band in a crisis")
    turnover_cap: float = Field(0.25, gt=0, le=2, description="sum of |trades| a session, fraction of NAV")
    cash_floor: float = Field(0.0, ge=0, lt=1)
    volatility_target_annual: float = Field(0.12, gt=0, le=1)
    crisis_volatility_multiple: float = Field(0.67, gt=0, le=1, description="of the target when all are in a crisis")
    volatility_penalty: float = Field(1.0, gt=0, description="per unit of volatility over the target, over the horizon")
    trend_tilt_bp: float = Field(10.0, ge=0, le=200, description="kappa: of a surely bullish industry")
    max_candidates: int = Field(600, ge=1, description="of the largest by dollar volume")
    min_trade: float = Field(0.0005, ge=0, description="fraction of NAV; smaller trades are not sent")
