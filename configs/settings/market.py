"""Settings of the market slice: adjustment, universe, fundamentals, membership."""

from typing import Literal

from pydantic import Field

from configs.settings.base import Settings


class Market(Settings):
    universe_source: Literal["members", "bars"] = Field("members", description="dated members, or all with a bar")
    min_price_usd: float = Field(3.0, ge=0, description="a lower close is not tradable")
    min_adv_usd: float = Field(5_000_000.0, ge=0, description="less mean daily dollar volume is not tradable")
    adv_sessions: int = Field(21, ge=1, le=252, description="of the mean daily dollar volume")
    max_gap_sessions: int = Field(21, ge=1, le=63, description="a longer gap between bars yields no return")
    restate_sessions: int = Field(63, ge=1, le=252, description="how far back a correction restates returns")
    suspected_actions: Literal["exclude", "keep"] = Field(
        "exclude", description="returns over what looks like a split that nobody recorded: null, or as they are"
    )
    suspect_ratio: float = Field(1.45, ge=1.2, le=10, description="a smaller overnight move, up or down, is none")
    suspect_tolerance: float = Field(0.04, gt=0, le=0.1, description="log; how near it is to a simple split")
    suspect_range: float = Field(0.09, gt=0, le=1, description="of the day, high over low less 1; more is news")
    suspect_volume: float = Field(3.0, gt=0, le=100, description="times the dollar volume before; more is news")
    fundamentals_max_age_days: int = Field(
        460, ge=91, le=1000, description="since the end of the period: a year, and the next report's three months"
    )
    membership_max_age_sessions: int = Field(
        300, ge=1, le=2520, description="an older list of members counts for nothing: nobody is one by it"
    )
    grouping: Literal["published", "ff49", "ff12"] = Field(
        "published", description="industries as published, or Fama and French's 49 or 12 by SIC code"
    )
