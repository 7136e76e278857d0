"""The simulated vendor: a market from a seed, published as a real vendor would. What was planted is in `truth`."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache

import polars as pl

from configs.settings import Profile, SimulatedVendor
from feature_store import sessions as calendar
from feature_store.dataset import Dataset
from feature_store.decision_time import DecisionClock
from feature_store.schemas.catalogue import EVENT_DATASETS, EVENTS
from feature_store.schemas.companies import BORROW, EARNINGS_DATES, ESTIMATES, FUNDAMENTALS, SHORT_INTEREST
from feature_store.schemas.market import BARS, BENCHMARKS, CORPORATE_ACTIONS, INDUSTRIES, MACRO, MEMBERS, TICKERS
from feature_store.schemas.quality import COMPARED_BARS, QUARANTINE
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.ingest import moments
from quant_resources.vendors.ingest.canonical import empty_payload, events_left_out, parse_events, reject_later_than
from quant_resources.vendors.ingest.identities import parse_states, payload_of
from quant_resources.vendors.ingest.quarantine import fetch_quarantine, parse_quarantine
from quant_resources.vendors.simulated.actions import corporate_actions
from quant_resources.vendors.simulated.bar_feed import bar_feed
from quant_resources.vendors.simulated.companies import Financials, fundamentals
from quant_resources.vendors.simulated.expectations import earnings_dates, estimates
from quant_resources.vendors.simulated.lending import borrow, short_interest, short_ratio
from quant_resources.vendors.simulated.macro import macro
from quant_resources.vendors.simulated.market import Market, simulate
from quant_resources.vendors.simulated.payloads import completed
from quant_resources.vendors.simulated.states import industries, members, tickers
from quant_resources.vendors.simulated.surroundings import benchmarks


class Feed:
    """A simulated market and its raw payloads, each made when it is first needed."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self._payloads: dict[str, pl.DataFrame] = {}

    @cached_property
    def financials(self) -> Financials:
        """What companies earn and own, reported or not."""
        return Financials(self.market)

    def payload(self, name: str) -> pl.DataFrame:
        """Rows of a dataset, of events without the columns that `completed` adds."""
        if name not in self._payloads:
            self._payloads[name] = PAYLOADS[name](self)
        return self._payloads[name]


PAYLOADS: Mapping[str, Callable[[Feed], pl.DataFrame]] = {
    BARS.name: lambda feed: bar_feed(feed.market),
    CORPORATE_ACTIONS.name: lambda feed: corporate_actions(feed.market),
    MEMBERS.name: lambda feed: members(feed.market),
    INDUSTRIES.name: lambda feed: industries(feed.market),
    TICKERS.name: lambda feed: tickers(feed.market),
    BENCHMARKS.name: lambda feed: benchmarks(feed.market),
    MACRO.name: lambda feed: macro(feed.market),
    FUNDAMENTALS.name: lambda feed: fundamentals(feed.market, feed.financials),
    ESTIMATES.name: lambda feed: estimates(feed.market, feed.financials),
    EARNINGS_DATES.name: lambda feed: earnings_dates(feed.market),
    SHORT_INTEREST.name: lambda feed: short_interest(feed.market, short_ratio(feed.market)),
    BORROW.name: lambda feed: borrow(feed.market, short_ratio(feed.market)),
    COMPARED_BARS.name: lambda _: empty_payload(COMPARED_BARS),
}


class SimulatedMarket:
    """The simulated vendor of a profile; the generated market is kept per process."""

    payload_table = "PAYLOADS"

    def __init__(self, profile: Profile) -> None:
        if not isinstance(profile.vendor, SimulatedVendor):
            raise VendorError(f"profile {profile.name} is not simulated")
        self._settings = profile.vendor
        self._market = profile.market
        self._feed = feed_of(profile.vendor, profile.seed)
        self._clock = DecisionClock(profile.decision_minutes_before_open)

    def fetch(self, dataset: Dataset, sessions: Sequence[dt.date], until: dt.datetime) -> pl.DataFrame:
        """See `protocol.Vendor`."""
        if dataset.name == QUARANTINE.name:
            return fetch_quarantine(self.fetch, sessions, until)
        if dataset.name not in PAYLOADS:
            raise VendorError(f"the simulated market serves {', '.join(PAYLOADS)}, not {dataset.name}")
        start, end = self._settings.start, self._settings.end
        if min(sessions) < start or max(sessions) > end:
            raise VendorError(
                f"the simulated market runs from {start} to {end}, not from {min(sessions)} to {max(sessions)}; "
                "--set vendor.start or vendor.end, or request other sessions"
            )
        payload = self._feed.payload(payload_of(dataset, self._market).name)
        last = min(until, self._clock.decision_time(max(sessions)))
        if dataset.name in EVENTS:
            after = self._clock.decision_time(calendar.shift(min(sessions), -1))
            requested = (pl.col("known_at") > after) & (pl.col("known_at") <= last)
            return reject_later_than(completed(EVENT_DATASETS[dataset.name], payload.filter(requested)), until)
        # an end that had not been announced by then is not known
        ended = moments.end_of_day(pl.col("until")) <= moments.literal(last)
        rows = payload.filter(pl.col("known_at") <= last)
        return reject_later_than(rows.with_columns(pl.when(ended).then("until").alias("until")), until)

    def parse(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> pl.DataFrame:
        """See `protocol.Vendor`."""
        if dataset.name == QUARANTINE.name:
            return parse_quarantine(raw, sessions, self._clock)
        if dataset.name in EVENTS:
            return parse_events(dataset, raw, sessions, self._clock)
        return parse_states(dataset, raw, sessions, self._clock, self._market)

    def left_out(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> dict[str, int]:
        """See `protocol.Vendor`."""
        return events_left_out(dataset, raw, sessions, self._clock) if dataset.name in EVENTS else {}


@lru_cache(maxsize=2)
def feed_of(settings: SimulatedVendor, seed: int) -> Feed:
    return Feed(simulate(settings, seed))
