"""What a feature is, and the columns that features are made of."""

from dataclasses import dataclass
from typing import Literal

from feature_store.dataset import Column, number

Family = Literal[
    "momentum",
    "reversal",
    "trend",
    "volatility",
    "volume",
    "mean_reversion",
    "seasonality",
    "regime",
    "liquidity",
    "anchored",
    "value",
    "quality",
    "leverage",
    "growth",
    "expectations",
    "events",
    "lending",
]


@dataclass(frozen=True)
class Feature:
    """What a feature is.

    Attributes:
        formula: as text; r is the one-step log total return, o its overnight and i its intraday part, P the level of
            the total return index (1 on the session), d the dollar volume, v the shares traded, in today's shares.
        lookback: sessions that the value depends on, the session itself included.
        sources: columns of ADJUSTED_BARS.
        parameters: settings `features.*` that it takes, beside `min_observations_fraction`.
        scored: has a place in stock_scores; what all stocks of a session share, or a level in dollars, has not.
    """

    name: str
    family: Family
    unit: str
    formula: str
    lookback: int
    sources: tuple[str, ...]
    parameters: tuple[str, ...] = ()
    at_least: float | None = None
    at_most: float | None = None
    scored: bool = True

    @property
    def column(self) -> Column:
        return number(self.name, self.unit, self.formula, at_least=self.at_least, at_most=self.at_most)


R = ("log_return",)
DOLLARS = ("dollar_volume_usd",)
MOVES = R + DOLLARS
RANGE = ("high", "low")
BAR = ("open", "high", "low", "close")
NIGHT, DAY = ("overnight_log_return",), ("intraday_log_return",)
TA = ("high", "low", "close", *R)  # indicators on high, low and close, chained by total returns
TRADES = ("high", "low", "close", "dollar_volume_usd", "split_ratio", "log_return")
SHARES = ("close", "dollar_volume_usd", "split_ratio", "log_return")
ANCHORED = (*TRADES, "vwap")
