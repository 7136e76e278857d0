"""What companies report to the SEC: fetched when something was filed, dated by the day of filing."""

import datetime as dt
from collections.abc import Mapping, Sequence

import polars as pl

from feature_store.dataset import Grade
from feature_store.decision_time import DecisionClock
from quant_resources.vendors.http import edgar
from quant_resources.vendors.http.downloads import Downloads
from quant_resources.vendors.ingest import moments
from quant_resources.vendors.ingest.arrivals import dated_versions
from quant_resources.vendors.ingest.raw_payloads import RawStore
from quant_resources.vendors.ingest.reading import loads_of, rows_of

KEY = ["event_date", "symbol", "item", "months"]


class Edgar:
    def __init__(self, raw: RawStore, clock: DecisionClock) -> None:
        self._raw, self._clock = raw, clock

    def complete_lists(self, ciks: Sequence[str], last: dt.date, downloads: Downloads) -> None:
        """Fetch the lists of filings as of `last`."""
        downloads.complete([edgar.submissions(cik, last) for cik in ciks])

    def complete_facts(self, ciks: Sequence[str], last: dt.date, downloads: Downloads) -> None:
        """Fetch the facts of those who, by their lists, have filed a report since theirs arrived."""
        latest = {load.series: load for load in self._raw.loads("edgar/submissions/")}  # of several the last to arrive
        due = []
        for cik in ciks:
            pages = latest[edgar.submissions_series(cik)].pages
            filed = edgar.last_report(self._raw.content(pages[-1].digest), last)
            due.append(edgar.company_facts(cik, filed))
        downloads.complete(due)

    def facts(self, companies: pl.DataFrame) -> pl.DataFrame:
        """Reported items, with columns of `dated_versions`; known at the end of the day of their filing.

        Args:
            companies: symbol, cik and `linked_at`: when the symbol was known to be the company's; null where always.
        """
        every = self._raw.loads("edgar/facts/")
        ciks = companies.get_column("cik").to_list()
        loads = [load for load in every if load.series.split("/")[-1] in ciks]
        rows = rows_of(self._raw, loads, edgar.parse_facts).with_columns(
            cik=pl.col("source").str.split("/").list.last()
        )
        filed = moments.end_of_day(pl.col("filed"))
        rows = rows.join(companies, on="cik", how="inner").with_columns(
            about="filed",
            rule=pl.max_horizontal(filed, "linked_at"),
            grade=pl.lit(int(Grade.DATED), pl.Int8),
        )
        # of what was filed before the symbol was known, the latest version is kept
        rows = rows.sort(*KEY, "load", "rule", "filed", "accession").unique(
            [*KEY, "load", "rule"], keep="last", maintain_order=True
        )
        began = min((load.arrived for load in every), default=None)
        return dated_versions(rows, loads_of(loads), self._clock, KEY, ["value"], dated=True, began=began)

    def codes(self, until: dt.datetime) -> pl.DataFrame:
        """(cik, sic, name, known_at) as in SEC's lists of filings: known on arrival, since they have no date."""
        loads = [load for load in self._raw.loads("edgar/submissions/") if load.arrived <= until]
        arrived = loads_of(loads).select("load", known_at="arrived")
        rows = rows_of(self._raw, loads, edgar.parse_submissions).join(arrived, on="load", how="inner").sort("known_at")
        changed = pl.struct("sic", "name").ne_missing(pl.struct("sic", "name").shift(1).over("cik"))
        return rows.filter(changed).select("cik", "sic", "name", "known_at")


def companies_of(named: Mapping[str, str]) -> pl.DataFrame:
    """The companies that a profile names, for `Edgar.facts`."""
    rows = [(symbol, cik.zfill(10), None) for symbol, cik in named.items()]
    schema = {"symbol": pl.String(), "cik": pl.String(), "linked_at": pl.Datetime("us", "UTC")}
    return pl.DataFrame(rows, schema=schema, orient="row")


def companies_among(securities: pl.DataFrame) -> pl.DataFrame:
    """The companies of looked-up securities, each from its first lookup on, for `Edgar.facts`."""
    first = securities.filter(pl.col("cik").is_not_null()).sort("from", "ticker").unique("symbol", keep="first")
    linked = first.with_columns(linked_at=moments.end_of_day(pl.col("from")), cik=pl.col("cik").str.zfill(10))
    return linked.select("symbol", "cik", "linked_at").sort("symbol")
