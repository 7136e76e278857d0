"""Settings of the market slice: universe, adjustment of prices, ages of what is known."""

from typing import Literal

from pydantic import Field

from configs.settings.base import Settings
from configs.settings.units import Days, Fraction, LogReturn, Ratio, Sessions, Usd


class Market(Settings):
    """Prices, and the universe of tradable stocks."""

    universe_source: Literal["members", "bars"] = Field(
        "members", description="stocks that may enter the universe: dated index members, or every symbol with a bar"
    )
    min_price_usd: Usd = Field(3.0, ge=0, description="lowest close at which a stock is tradable")
    min_adv_usd: Usd = Field(
        5_000_000.0, ge=0, description="lowest mean daily dollar volume at which a stock is tradable"
    )
    adv_sessions: Sessions = Field(21, ge=1, le=252, description="window of the mean daily dollar volume")
    max_gap_sessions: Sessions = Field(
        21,
        ge=1,
        le=63,
        description="longest gap between two bars over which a return is computed; a longer one gives null",
    )
    restate_sessions: Sessions = Field(
        63, ge=1, le=252, description="how far back a corrected bar or action restates adjusted prices and returns"
    )
    suspected_actions: Literal["exclude", "keep"] = Field(
        "exclude",
        description="returns over a suspected split that no corporate action records: exclude makes them null, keep "
        "leaves them as they are",
    )
    suspect_ratio: Ratio = Field(
        1.45, ge=1.2, le=10, description="smallest overnight move, up or down, that is suspected to be a split"
    )
    suspect_tolerance: LogReturn = Field(
        0.04, gt=0, le=0.1, description="largest distance of a suspected move from the ratio of a simple split"
    )
    suspect_range: Fraction = Field(
        0.09, gt=0, le=1, description="largest range of a suspected day, high over low less 1; more is taken for news"
    )
    suspect_volume: Ratio = Field(
        3.0,
        gt=0,
        le=100,
        description="largest dollar volume of a suspected day over the day before; more is taken for news",
    )
    fundamentals_max_age_days: Days = Field(
        460,
        ge=91,
        le=1000,
        description="maximum age of a reported value since the end of its period; older ones count as missing (460: a "
        "year, and three months until the next report)",
    )
    membership_max_age_sessions: Sessions = Field(
        300, ge=1, le=2520, description="maximum age of a constituent list; an older list has no members"
    )
    grouping: Literal["published", "ff49", "ff12"] = Field(
        "published", description="industries as the vendor publishes them, or Fama and French's 49 or 12 by SIC code"
    )
