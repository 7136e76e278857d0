"""Settings of features, scores and labels."""

import math
from typing import Literal

from pydantic import Field, model_validator

from configs.settings.base import Settings

SCORED_BY_DEFAULT = (
    "reversal_5",
    "reversal_21",
    "momentum_63",
    "momentum_126_21",
    "momentum_252_21",
    "overnight_63",
    "intraday_63",
    "ma_gap_20",
    "ma_gap_50",
    "ma_gap_200",
    "high_gap_252",
    "rsi_14",
    "volatility_21",
    "volatility_63",
    "volatility_252",
    "downside_volatility_63",
    "range_volatility_21",
    "skewness_63",
    "max_return_21",
    "volume_trend_5_63",
    "volume_volatility_63",
    "amihud_21",
    "amihud_252",
    "log_adv_63",
)


class Stationary(Settings):
    """How a feature is made stationary against its own trailing values."""

    method: Literal["difference", "normalize", "rank", "neutralize"]
    sessions: int = Field(252, ge=1, le=756, description="of the window; of the lag of a difference")
    against: tuple[str, ...] = Field((), description="neutralize: features of the stock that it shares trends with")
    components: int = Field(1, ge=1, description="neutralize: principal components that are taken out")

    @model_validator(mode="after")
    def _wide_enough(self) -> "Stationary":
        if self.method != "difference" and self.sessions < 2:
            raise ValueError(f"{self.method} needs a window of at least 2 sessions")
        return self

    @model_validator(mode="after")
    def _against_others(self) -> "Stationary":
        if self.method != "neutralize":
            if self.against or self.components > 1:
                raise ValueError(f"against and components are of neutralize; {self.method} looks at one feature alone")
        elif len({*self.against}) < len(self.against):
            raise ValueError(f"against names one feature twice: {self.against}")
        elif self.components > len(self.against):
            raise ValueError(
                f"{self.components} components of {len(self.against) + 1} features leave nothing; name more in against"
            )
        return self


class MarketProxies(Settings):
    """Symbols of market/benchmarks that stand for whole markets; one that is absent gives nulls."""

    equity: str = "SPY"
    bonds: str = "TLT"
    high_yield: str = "HYG"
    investment_grade: str = "LQD"
    gold: str = "GLD"


# The sector funds of State Street, and iShares' for Telecom, which had none; by GICS' names, the old ones too.
INDUSTRY_PROXIES = {
    "Communication Services": "XLC",
    "Consumer Discretionary": "XLY",
    "Consumer Staples": "XLP",
    "Energy": "XLE",
    "Financials": "XLF",
    "Health Care": "XLV",
    "Industrials": "XLI",
    "Information Technology": "XLK",
    "Materials": "XLB",
    "Real Estate": "XLRE",
    "Telecommunication Services": "IYZ",
    "Utilities": "XLU",
}


# A stock that has led for a year, not far above what was paid for it this year, at a price that rises.
COMPOSITE = {"momentum_252_21": 0.4, "avwap_year_gap": -0.3, "avwap_year_slope": 0.3}


class Features(Settings):
    winsorize_quantiles: tuple[float, float] = Field((0.01, 0.99), description="of the universe, before standardizing")
    min_observations_fraction: float = Field(0.8, gt=0, le=1, description="of a window; fewer give null")
    horizons: tuple[int, ...] = Field((21, 63), description="label horizons, sessions")
    min_industry: int = Field(5, ge=2, description="an industry with fewer values is scored against the whole universe")
    bollinger_standard_deviations: float = Field(2.0, gt=0, description="half a Bollinger band")
    turn_of_month: tuple[int, int] = Field((1, 3), description="last and first weekdays of a month that are its turn")
    avwap_slope_sessions: int = Field(5, ge=1, le=63, description="of the slope of an anchored mean price")
    scored: Literal["all"] | tuple[str, ...] = Field(
        SCORED_BY_DEFAULT, description="features that are scored and learnt from"
    )
    stationary: dict[str, Stationary] = Field({}, description="feature to how its scores see it; else as it is")
    composite: dict[str, float] = Field(
        COMPOSITE, description="weights of the features' scores in the composite; negative where less is better"
    )
    composite_min_fraction: float = Field(0.5, gt=0, le=1, description="of the weights, by size; fewer known give null")
    floors: dict[str, float] = Field({}, description="feature to its least value; no rank below, whatever the score")
    quote_max_age_sessions: int = Field(5, ge=1, le=63, description="an older quote to borrow counts for nothing")
    short_interest_max_age_sessions: int = Field(42, ge=1, le=130, description="since the settlement")
    zero_return_bp: float = Field(0.0, ge=0, description="a return no larger counts as none")
    alpha158: bool = Field(False, description="whether features/alpha158 holds any rows")
    industry_proxies: dict[str, str] = Field(
        INDUSTRY_PROXIES, description="industry to the symbol of market/benchmarks that stands for it, once it has bars"
    )
    market_proxies: MarketProxies = MarketProxies()
    label_quantiles: int = Field(5, ge=2, le=100, description="of the labels of a session")
    delisted_after_sessions: int = Field(21, ge=1, le=63, description="without a bar; then a label counts what is left")
    delisting_return: float = Field(-0.30, ge=-1, description="simple, of a label's stock where none is recorded")

    @model_validator(mode="after")
    def _sane(self) -> "Features":
        low, high = self.winsorize_quantiles
        if not 0 <= low < high <= 1:
            raise ValueError(f"winsorize_quantiles {low}, {high} must rise within [0, 1]")
        if not self.horizons or min(self.horizons) < 1 or len(set(self.horizons)) != len(self.horizons):
            raise ValueError(f"horizons {self.horizons} must be different whole numbers of at least 1")
        if min(self.turn_of_month) < 0 or not 0 < sum(self.turn_of_month) <= 15:
            raise ValueError(f"turn_of_month {self.turn_of_month} must be of 1 to 15 weekdays together")
        if wrong := [name for name, weight in self.composite.items() if not math.isfinite(weight) or weight == 0]:
            raise ValueError(f"composite weighs {wrong} by nothing that counts; leave it out, or give a number")
        return self
