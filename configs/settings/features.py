"""Settings of features, scores and labels."""

import math
from typing import Literal

from pydantic import Field, model_validator

from configs.settings.base import Settings
from configs.settings.units import BasisPoints, Count, Fraction, Sessions, SimpleReturn, StandardDeviations

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

    method: Literal["difference", "normalize", "rank", "neutralize"] = Field(
        description="difference to a lag; standard score or rank among the window's values; residual of the principal "
        "components that it shares with other features"
    )
    sessions: Sessions = Field(252, ge=1, le=756, description="length of the window; lag of a difference")
    against: tuple[str, ...] = Field((), description="neutralize: features of the stock with which it shares trends")
    components: Count = Field(1, ge=1, description="neutralize: principal components that are removed")

    @model_validator(mode="after")
    def _wide_enough(self) -> "Stationary":
        if self.method != "difference" and self.sessions < 2:
            raise ValueError(f"{self.method} over {self.sessions} session: set `sessions` to 2 or more")
        return self

    @model_validator(mode="after")
    def _against_others(self) -> "Stationary":
        if self.method != "neutralize":
            if self.against or self.components > 1:
                raise ValueError(f"against and components are for neutralize; remove them from method {self.method}")
        elif len({*self.against}) < len(self.against):
            raise ValueError(f"against {self.against} has a feature twice; remove one")
        elif self.components > len(self.against):
            raise ValueError(
                f"{self.components} components of {len(self.against) + 1} features leave no residual; "
                "set fewer, or add features to against"
            )
        return self


class MarketProxies(Settings):
    """Symbols of market/benchmarks that stand for whole markets; features of one that is absent are null."""

    equity: str = Field("SPY", description="fund of US equity")
    bonds: str = Field("TLT", description="fund of long Treasury bonds")
    high_yield: str = Field("HYG", description="fund of high-yield corporate bonds")
    investment_grade: str = Field("LQD", description="fund of investment-grade corporate bonds")
    gold: str = Field("GLD", description="fund of gold")


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
    """Features of stocks, industries and the market, their scores, and the labels that models learn."""

    winsorize_quantiles: tuple[float, float] = Field(
        (0.01, 0.99), description="lower and upper quantile of the universe to which values are clipped before scoring"
    )
    min_observations_fraction: Fraction = Field(
        0.8, gt=0, le=1, description="part of a feature's window that must be observed; with less the feature is null"
    )
    horizons: tuple[int, ...] = Field((21, 63), description="horizons of the labels, in sessions")
    min_industry: Count = Field(
        5,
        ge=2,
        description="smallest number of values of an industry to score within it; with fewer, within the universe",
    )
    bollinger_standard_deviations: StandardDeviations = Field(
        2.0, gt=0, description="distance of a Bollinger band from its mean"
    )
    turn_of_month: tuple[int, int] = Field(
        (1, 3), description="last and first weekdays of a month that count as the turn of the month"
    )
    avwap_slope_sessions: Sessions = Field(
        5, ge=1, le=63, description="window of the slope of an anchored volume-weighted mean price"
    )
    scored: Literal["all"] | tuple[str, ...] = Field(
        SCORED_BY_DEFAULT,
        description="features that are scored and that alpha models learn from, or all; each costs time and space",
    )
    stationary: dict[str, Stationary] = Field(
        {},
        description="feature to the transformation that is scored in its place, such as {method: rank, sessions: 252}",
    )
    composite: dict[str, float] = Field(
        COMPOSITE, description="feature to its weight in the composite score; negative where a low value is better"
    )
    composite_min_fraction: Fraction = Field(
        0.5,
        gt=0,
        le=1,
        description="part of the absolute weights that must have a score; with less the composite is null",
    )
    floors: dict[str, float] = Field(
        {}, description="feature to its minimum; a stock below it, or without a value, has no rank in the composite"
    )
    quote_max_age_sessions: Sessions = Field(
        5, ge=1, le=63, description="maximum age of a quote to borrow; an older one counts as missing"
    )
    short_interest_max_age_sessions: Sessions = Field(
        42, ge=1, le=130, description="maximum age of short interest since its settlement; older counts as missing"
    )
    zero_return_bp: BasisPoints = Field(
        0.0, ge=0, description="largest return, up or down, that counts as none in the fraction of sessions without one"
    )
    alpha158: bool = Field(
        False, description="whether features/alpha158, Qlib's 158 factors of each stock, is computed"
    )
    industry_proxies: dict[str, str] = Field(
        INDUSTRY_PROXIES,
        description="industry to the fund of market/benchmarks that stands for it once it has bars; until then its "
        "members do",
    )
    market_proxies: MarketProxies = Field(
        MarketProxies(), description="symbols of market/benchmarks that stand for whole markets"
    )
    label_quantiles: Count = Field(
        5, ge=2, le=100, description="quantiles into which the labels of a session are sorted"
    )
    delisted_after_sessions: Sessions = Field(
        21, ge=1, le=63, description="sessions without a bar after which a stock counts as delisted in its labels"
    )
    delisting_return: SimpleReturn = Field(
        -0.30, ge=-1, description="return of a delisted stock in its labels where the vendor records none"
    )

    @model_validator(mode="after")
    def _sane(self) -> "Features":
        low, high = self.winsorize_quantiles
        if not 0 <= low < high <= 1:
            raise ValueError(f"winsorize_quantiles {low}, {high}: set a lower and a higher quantile within [0, 1]")
        if not self.horizons or min(self.horizons) < 1 or len(set(self.horizons)) != len(self.horizons):
            raise ValueError(f"horizons {self.horizons}: set different whole numbers of at least 1")
        if min(self.turn_of_month) < 0 or not 0 < sum(self.turn_of_month) <= 15:
            raise ValueError(f"turn_of_month {self.turn_of_month}: set two numbers of weekdays, 1 to 15 together")
        if wrong := [name for name, weight in self.composite.items() if not math.isfinite(weight) or weight == 0]:
            raise ValueError(
                f"composite: weights of {wrong} must be finite and non-zero; remove the entry or set a weight"
            )
        return self
