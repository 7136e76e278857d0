"""Random numbers of the simulated market, and who draws them. Pure.

Every quantity of every symbol has its own random stream, drawn in time order, so that neither a later end nor more
symbols change anything earlier.
"""

import datetime as dt
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from configs.settings import SimulatedVendor
from feature_store import sessions as calendar

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Place = tuple[int, ...]

YEAR = 252
# What is known by the last session may speak of later ones; blocks keep vectorized loops alike for any end.
BEYOND, BLOCK = 16, 64

MARKET_STREAM, SECTOR_STREAM, STYLE_STREAM, SYMBOL_STREAM, CHILD_STREAM, FUND_STREAM, MACRO_STREAM, FAULT_STREAM = (
    range(8)
)
# One uniform number each that a symbol keeps for life. New ones go to the end.
TRAITS = (
    "price", "capitalisation", "volatility", "beta", "sector_load", "book", "turnover", "margin", "spread", "pays",
    "dividend_day", "declares", "trade_size", "fiscal_year", "report_lag", "time_of_day", "short", "analysts",
    "listed", "fails", "failing_for", "loses", "bought", "deal_length", "deal_kind", "deal_premium", "acquirer",
    "spins_off", "spun_fraction", "renamed", "reuses", "reclassified", "new_sector", "recovers", "sic", "sales",
    "leverage",
)  # fmt: skip
# Quantities that change with time; the place of a symbol's stream. New ones go to the end.
QUANTITIES = (
    "traits", "overnight", "intraday", "beta", "open_side", "close_side", "high", "low", "volume", "vwap", "trades",
    "special", "late", "wrong", "halt", "duplicate", "book", "revenue", "margin", "surprise", "revisions", "reports",
    "moved", "restated", "issued", "short", "fee", "alpha",
)  # fmt: skip


def stream(seed: int, *place: int) -> np.random.Generator:
    """The random stream of one quantity of one symbol (or sector, or the market)."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=place))


def sessions_of(settings: SimulatedVendor) -> list[dt.date]:
    """The exchange's sessions from the vendor's start to a few beyond its end."""
    needed = len(calendar.between(settings.start, settings.end)) + BEYOND
    blocks = -(-needed // BLOCK) * BLOCK
    first = calendar.index_of(calendar.at_or_after(settings.start))
    return list(calendar.all_sessions()[first : first + blocks])


def traits(seed: int, places: Sequence[Place]) -> dict[str, Array]:
    """(M,) uniform numbers by name."""
    drawn = _stacked(seed, places, "traits", lambda rng: rng.random(len(TRAITS)))
    return {name: drawn[row] for row, name in enumerate(TRAITS)}


def uniform(seed: int, places: Sequence[Place], quantity: str, length: int) -> Array:
    """(length, M) draws from [0, 1)."""
    return _stacked(seed, places, quantity, lambda rng: rng.random(length))


def normal(seed: int, places: Sequence[Place], quantity: str, length: int, *part: int) -> Array:
    """(length, M) standard normal draws."""
    return _stacked(seed, places, quantity, lambda rng: rng.standard_normal(length), *part)


def fat_tailed(seed: int, places: Sequence[Place], quantity: str, length: int, degrees: float) -> Array:
    """(length, M) of Student's t, scaled to variance one."""
    scale = np.sqrt((degrees - 2) / degrees)
    return _stacked(seed, places, quantity, lambda rng: scale * rng.standard_t(degrees, length))


def _stacked(
    seed: int, places: Sequence[Place], quantity: str, draw: Callable[[np.random.Generator], Array], *part: int
) -> Array:
    number = QUANTITIES.index(quantity)
    first = draw(stream(seed, *places[0], number, *part))
    drawn = np.empty((len(first), len(places)))
    drawn[:, 0] = first
    for i, place in enumerate(places[1:], start=1):
        drawn[:, i] = draw(stream(seed, *place, number, *part))
    return drawn


def fading(noise: Array, half_life: float) -> Array:
    """An autoregression of standard deviation one over (T, ...) standard noise, from its long run on."""
    keep = 0.5 ** (1 / half_life)
    step, x = np.sqrt(1 - keep * keep), np.empty_like(noise)
    x[0] = noise[0]
    for t in range(1, len(noise)):  # each value rests on the one before
        x[t] = keep * x[t - 1] + step * noise[t]
    return x
