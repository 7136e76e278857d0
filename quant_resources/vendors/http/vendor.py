"""The sources of the slice market from vendors over HTTP, by way of the raw store."""

import datetime as dt
from collections.abc import Callable, Sequence

import polars as pl

from configs.settings import HttpVendor, Profile
from feature_store import sessions as calendar
from feature_store.dataset import Dataset, Grade, States
from feature_store.decision_time import DecisionClock
from feature_store.schemas.catalogue import EVENTS, SOURCES
from feature_store.schemas.companies import FUNDAMENTALS
from feature_store.schemas.market import BARS, BENCHMARKS, CORPORATE_ACTIONS, MACRO, MEMBERS, TICKERS
from feature_store.schemas.quality import QUARANTINE
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.http import edgar, fred, polygon
from quant_resources.vendors.http.client import HttpClient
from quant_resources.vendors.http.downloads import Downloads
from quant_resources.vendors.http.edgar_data import Edgar, companies_among, companies_of
from quant_resources.vendors.http.fred_data import Fred
from quant_resources.vendors.http.keys import Key
from quant_resources.vendors.http.polygon_data import Polygon
from quant_resources.vendors.ingest import moments, tables
from quant_resources.vendors.ingest.canonical import (
    empty_payload,
    events_left_out,
    parse_events,
    raw_schema,
    reject_later_than,
)
from quant_resources.vendors.ingest.clock import Clock, SystemClock
from quant_resources.vendors.ingest.identities import TICKER_SCHEMA, parse_states, payload_of
from quant_resources.vendors.ingest.quarantine import fetch_quarantine, parse_quarantine
from quant_resources.vendors.ingest.raw_payloads import RawStore
from quant_resources.vendors.ingest.snapshots import INDUSTRY_SCHEMA, MEMBER_SCHEMA

OF_POLYGON = (BARS, CORPORATE_ACTIONS, BENCHMARKS, TICKERS)
SERVED = (*OF_POLYGON, FUNDAMENTALS, MACRO)


class RemoteMarket:
    """The HTTP vendors of a profile. What is in the raw store is not requested again; what is missing is fetched.

    Args:
        raw: where payloads are kept.
        clock: of arrivals and waits.
        report: called with lines of progress.
    """

    def __init__(
        self, profile: Profile, raw: RawStore, clock: Clock | None = None, report: Callable[[str], None] | None = None
    ) -> None:
        if not isinstance(profile.vendor, HttpVendor):
            raise VendorError(f"profile {profile.name} names no vendor over HTTP; its vendor is {profile.vendor.kind}")
        self._profile, self._vendor, self._raw = profile, profile.vendor, raw
        self._clock = DecisionClock(profile.decision_minutes_before_open)
        self._wall = clock or SystemClock()
        start = calendar.at_or_after(profile.history.start)
        named = self._vendor
        self._polygon = Polygon(named.polygon, raw, self._clock, start) if named.polygon else None
        self._edgar = Edgar(raw, self._clock) if named.edgar else None
        self._fred = Fred(named.fred, raw, self._clock) if named.fred else None
        makers = {
            polygon.VENDOR: self._client_of_polygon,
            edgar.VENDOR: self._client_of_edgar,
            fred.VENDOR: self._client_of_fred,
        }
        self.downloads = Downloads(raw, makers, self._wall, self._vendor.live, report)

    # -- the protocol ------------------------------------------------------------------------------------------------

    def fetch(self, dataset: Dataset, sessions: Sequence[dt.date], until: dt.datetime) -> pl.DataFrame:
        """See `protocol.Vendor`. Requests from the vendors what the raw store is missing of these sessions."""
        if dataset.name == QUARANTINE.name:
            return fetch_quarantine(self.fetch, sessions, until)
        last = min(until, self._clock.decision_time(max(sessions)))
        if isinstance(dataset.origin, States):
            return reject_later_than(self._states(payload_of(dataset, self._profile.market), sessions, last), until)
        if dataset.name not in EVENTS:
            raise VendorError(f"vendors over HTTP serve {', '.join(SOURCES)}, not {dataset.name}")
        after = self._clock.decision_time(calendar.shift(min(sessions), -1))
        self.complete(dataset, sessions)
        events = self._events(dataset, sessions, after, last)
        if events is None:
            return empty_payload(dataset)
        within = (pl.col("known_at") > moments.literal(after)) & (pl.col("known_at") <= moments.literal(last))
        rows = events.filter(within).with_columns(file="source")
        shaped = tables.completed(rows.with_columns(may_be_off_calendar=pl.lit(value=False)), raw_schema(dataset))
        return reject_later_than(shaped, until)

    def parse(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> pl.DataFrame:
        """See `protocol.Vendor`."""
        if dataset.name == QUARANTINE.name:
            return parse_quarantine(raw, sessions, self._clock)
        if dataset.name in EVENTS:
            return parse_events(dataset, raw, sessions, self._clock)
        return parse_states(dataset, raw, sessions, self._clock, self._profile.market)

    def left_out(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> dict[str, int]:
        """See `protocol.Vendor`."""
        return events_left_out(dataset, raw, sessions, self._clock) if dataset.name in EVENTS else {}

    # -- fetching ----------------------------------------------------------------------------------------------------

    def complete(self, dataset: Dataset, sessions: Sequence[dt.date]) -> None:
        """Fetch what the raw store is missing of the dataset's sessions.

        Raises:
            VendorError: a vendor does not answer; what has arrived is kept, and the next call goes on from there.
        """
        last = max(sessions)
        through_tickers = dataset.name == FUNDAMENTALS.name and self._vendor.edgar and not self._vendor.edgar.companies
        if self._polygon and (dataset in OF_POLYGON or through_tickers):
            self._polygon.complete(dataset, sorted(sessions), self.downloads)
        if self._edgar and dataset.name in (FUNDAMENTALS.name, TICKERS.name):
            ciks = self._companies(self._clock.decision_time(last)).get_column("cik").unique().sort().to_list()
            self._edgar.complete_lists(ciks, last, self.downloads)
            if dataset.name == FUNDAMENTALS.name:
                self._edgar.complete_facts(ciks, last, self.downloads)
        if self._fred and dataset.name == MACRO.name:
            self._fred.complete(last, self.downloads)

    # -- rows ---------------------------------------------------------------------------------------------------------

    def _events(
        self, dataset: Dataset, sessions: Sequence[dt.date], after: dt.datetime, last: dt.datetime
    ) -> pl.DataFrame | None:
        if dataset.name in (BARS.name, BENCHMARKS.name) and self._polygon:
            return self._polygon.bars(dataset, sorted(sessions), after, last)
        if dataset.name == CORPORATE_ACTIONS.name and self._polygon:
            return self._polygon.actions(last)
        if dataset.name == FUNDAMENTALS.name and self._edgar:
            return self._edgar.facts(self._companies(last))
        if dataset.name == MACRO.name and self._fred:
            return self._fred.observations()
        return None

    def _states(self, dataset: Dataset, sessions: Sequence[dt.date], last: dt.datetime) -> pl.DataFrame:
        if dataset.name == TICKERS.name:
            self.complete(dataset, sessions)
            return self._tickers(last)
        return pl.DataFrame(schema=MEMBER_SCHEMA if dataset.name == MEMBERS.name else INDUSTRY_SCHEMA)

    def _tickers(self, until: dt.datetime) -> pl.DataFrame:
        """Each name of each security from its lookup on, and its SIC code from the day that SEC's list arrived."""
        named = self._polygon.served(until) if self._polygon else _by_symbol(self._companies(until))
        known = moments.end_of_day(pl.col("from"))
        looked_up = named.select(
            "symbol", "ticker", "name", "from", known_at=known, company=pl.col("cik").str.zfill(10),
            sic=pl.lit(None, pl.Int32),
        )  # fmt: skip
        codes = self._edgar.codes(until).rename({"cik": "company"}) if self._edgar else None
        rows = looked_up if codes is None else _with_codes(looked_up, codes)
        dated = rows.with_columns(
            recorded=moments.day_of(pl.col("known_at")), linked=pl.lit(value=True),
            grade=pl.lit(int(Grade.DATED), pl.Int8), file=pl.lit("tickers"),
        )  # fmt: skip
        return tables.completed(dated.filter(pl.col("known_at") <= moments.literal(until)), TICKER_SCHEMA)

    def _companies(self, until: dt.datetime) -> pl.DataFrame:
        assert self._vendor.edgar is not None
        if self._vendor.edgar.companies or self._polygon is None:
            return companies_of(self._vendor.edgar.companies)
        return companies_among(self._polygon.served(until))

    # -- clients -----------------------------------------------------------------------------------------------------

    def _client_of_polygon(self) -> HttpClient:
        assert self._vendor.polygon is not None
        source = self._vendor.polygon
        return HttpClient(polygon.VENDOR, source.base_url, source.transport, self._wall, key=Key("POLYGON_API_KEY"))

    def _client_of_edgar(self) -> HttpClient:
        assert self._vendor.edgar is not None
        source = self._vendor.edgar
        who = {"User-Agent": source.user_agent}
        return HttpClient(edgar.VENDOR, source.base_url, source.transport, self._wall, headers=who)

    def _client_of_fred(self) -> HttpClient:
        assert self._vendor.fred is not None
        source = self._vendor.fred
        key = Key("FRED_API_KEY")
        return HttpClient(fred.VENDOR, source.base_url, source.transport, self._wall, key=key, key_parameter="api_key")


_LONG_AGO = dt.date(1990, 1, 1)


def _by_symbol(companies: pl.DataFrame) -> pl.DataFrame:
    """Named companies as lookups of always."""
    return companies.select(
        "symbol", "cik", ticker="symbol", name=pl.lit(None, pl.String), **{"from": pl.lit(_LONG_AGO)}
    )


def _with_codes(looked_up: pl.DataFrame, codes: pl.DataFrame) -> pl.DataFrame:
    """Lookups, and the later entries of SEC's lists, each with the latest version of the rest."""
    linked = codes.join(looked_up.select("symbol", "company").unique(), on="company", how="inner")
    later = linked.select("symbol", "company", "name", "sic", "known_at")
    rows = pl.concat([looked_up, later], how="diagonal").sort("symbol", "known_at")
    filled = rows.with_columns(pl.col("ticker", "from", "sic", "company").forward_fill().over("symbol"))
    return filled.filter(pl.col("ticker").is_not_null())
