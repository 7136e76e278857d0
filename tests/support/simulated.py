"""A simulated market in which everything happens within two years, and how to query it."""

import datetime as dt
from functools import lru_cache

import polars as pl

from configs.load import load
from configs.settings import Profile
from feature_store import sessions as calendar
from feature_store.dataset import Dataset
from feature_store.decision_time import DecisionClock
from feature_store.schemas.catalogue import DATASETS
from feature_store.schemas.quality import COMPARED_BARS
from quant_resources.vendors.simulated.market import Market, simulate
from quant_resources.vendors.simulated.vendor import PAYLOADS, Feed, SimulatedMarket, feed_of

# The second vendor's bars are empty in a simulated market.
SERVED = tuple(DATASETS[name] for name in PAYLOADS if name != COMPARED_BARS.name)
CLOCK = DecisionClock()
START, END = dt.date(2015, 1, 2), dt.date(2017, 3, 31)
DAYS = calendar.between(START, END)
# Fates come often, so that a few dozen symbols meet them all.
OFTEN = {
    "correction_rate": "0.02",
    "late_rate": "0.02",
    "half_spread": "0.001",
    "index_fraction": "0.8",
    "company_events.listed_later": "0.3",
    "company_events.failures": "0.1",
    "company_events.mergers": "0.2",
    "company_events.spin_offs": "0.1",
    "company_events.ticker_changes": "0.2",
    "company_events.reclassifications": "0.2",
    "company_events.special_dividends": "0.2",
    "company_events.restatements": "0.1",
    "company_events.moved_announcements": "0.2",
}
ALPHAS = [
    {"name": "slow", "ic": 0.2, "half_life": 60, "shown_by": "short_interest"},
    {"name": "fast", "ic": 0.15, "half_life": 5, "shown_by": "volume"},
]


def profile(end: dt.date = END, **changes: object) -> Profile:
    """The demo's profile until `end`, without its alphas; dots of a vendor's setting are written as two underscores."""
    changes = {"alphas": "[]", "momentum_ic": 0.03} | changes
    overrides = {f"vendor.{key.replace('__', '.')}": str(value) for key, value in changes.items()}
    return load("demo", overrides={"vendor.end": str(end), **overrides})


def eventful(end: dt.date = END, n_symbols: int = 40, **changes: object) -> Profile:
    often = {key.replace(".", "__"): value for key, value in OFTEN.items()}
    return profile(end, n_symbols=n_symbols, **often | changes)


def market_of(profile_: Profile) -> Market:
    return feed_of(profile_.vendor, profile_.seed).market


@lru_cache
def cut_short(end: dt.date) -> SimulatedMarket:
    return SimulatedMarket(eventful(end))


@lru_cache
def with_more(n_symbols: int) -> SimulatedMarket:
    return SimulatedMarket(eventful(n_symbols=n_symbols))


@lru_cache
def made_again(seed: int) -> Feed:
    """A market made without what the process keeps."""
    return Feed(simulate(eventful().vendor, seed))


def parsed(market: SimulatedMarket, dataset: Dataset, first: dt.date, last: dt.date) -> pl.DataFrame:
    days = calendar.between(first, last)
    return market.parse(dataset, market.fetch(dataset, days, CLOCK.decision_time(last)), days)


@lru_cache
def planted() -> Market:
    """What `busy` serves."""
    return market_of(eventful())


@lru_cache
def busy() -> SimulatedMarket:
    return SimulatedMarket(eventful())


@lru_cache
def everything(dataset: Dataset) -> pl.DataFrame:
    return parsed(busy(), dataset, START, END)
