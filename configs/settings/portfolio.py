"""Settings of the optimization problem that chooses weights."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from configs.settings.base import Settings
from configs.settings.kinds import OneOf, distinct
from configs.settings.limits import LIMIT_SETTINGS, LimitSettings
from configs.settings.regime_effects import REGIME_EFFECTS_SETTINGS, EstimatedEffects, RegimeEffectsSettings
from configs.settings.units import (
    AnnualVolatility,
    Count,
    Fraction,
    NavFraction,
    PerYear,
    Ratio,
    Sessions,
    Unit,
)


class Portfolio(Settings):
    """The optimization problem that chooses weights."""

    mode: Literal["long_only", "dollar_neutral"] = Field(
        "long_only", description="whether weights are all positive, or longs and shorts balance"
    )
    benchmark: Literal["equal", "dollar_volume", "capitalisation"] = Field(
        "equal", description="weights of the tradable universe in the benchmark"
    )
    benchmark_coverage: Fraction = Field(
        0.9,
        ge=0,
        le=1,
        description="part of the dollar volume that must have a capitalisation; with less the benchmark is weighted by "
        "dollar volume",
    )
    horizon_sessions: Sessions = Field(
        21, ge=1, description="horizon of alpha, covariance and borrow fees in the optimization problem"
    )
    risk_aversion: Annotated[float, Unit("per unit of variance")] = Field(
        8.0, gt=0, description="gamma: penalty of variance over the horizon"
    )
    turnover_penalty: Annotated[float, Unit("return per unit traded")] = Field(
        5e-4, ge=0, description="lambda 1: penalty of turnover, beside the estimated costs"
    )
    impact_multiple: Ratio = Field(1.0, ge=0, description="lambda 2: multiple of the estimated market impact")
    market_premium_annual: PerYear | None = Field(
        None,
        ge=-0.5,
        le=0.5,
        description="expected return of every stock over cash; null: the returns at which the benchmark is optimal",
    )
    weight_cap: NavFraction = Field(0.02, gt=0, le=1, description="largest weight of a stock")
    short_cap: NavFraction = Field(0.01, ge=0, le=1, description="dollar_neutral: largest short weight of a stock")
    gross_cap: NavFraction = Field(2.0, gt=0, le=10, description="dollar_neutral: largest sum of absolute weights")
    net_band: NavFraction = Field(0.02, ge=0, le=1, description="dollar_neutral: largest absolute sum of weights")
    industry_band: NavFraction = Field(
        0.05, ge=0, le=1, description="largest active weight of an industry, up or down; dollar_neutral: net weight"
    )
    turnover_cap: NavFraction = Field(0.25, gt=0, le=2, description="largest sum of absolute trades of a session")
    cash_floor: NavFraction = Field(0.0, ge=0, lt=1, description="smallest weight of cash")
    volatility_target_annual: AnnualVolatility = Field(
        0.12, gt=0, le=1, description="volatility of the portfolio above which a penalty is paid"
    )
    volatility_penalty: Annotated[float, Unit("per unit of volatility")] = Field(
        1.0, gt=0, description="penalty of volatility above the target, over the horizon"
    )
    regime_effects: Annotated[RegimeEffectsSettings, OneOf(REGIME_EFFECTS_SETTINGS)] = Field(
        EstimatedEffects(), description="what regimes do to expected returns, bands and the volatility target"
    )
    max_candidates: Count = Field(
        600, ge=1, description="stocks that may enter the book, the largest by dollar volume; held ones come on top"
    )
    limits: Annotated[tuple[Annotated[LimitSettings, OneOf(LIMIT_SETTINGS)], ...], AfterValidator(distinct)] = Field(
        (), description="further limits of the optimization, each with its own settings"
    )
    min_trade: NavFraction = Field(0.0005, ge=0, description="smallest trade; smaller ones are not sent")
