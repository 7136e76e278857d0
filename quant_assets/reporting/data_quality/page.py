"""The page of `asof quality`: what is wrong and what is strange in the data that came in."""

import datetime as dt
import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from feature_store import sessions
from feature_store.decision_time import DecisionClock
from feature_store.readers import last_of_each
from feature_store.schemas.catalogue import DATASETS, EVENTS
from feature_store.schemas.market import BARS, CORPORATE_ACTIONS
from feature_store.schemas.quality import COMPARED_BARS, DATA_QUALITY, QUARANTINE
from quant_assets.market.data_quality import figures, limits, sessions_needed
from quant_assets.reporting.html import Part, page
from quant_resources.home import Home
from quant_resources.vendors.ingest import quality
from quant_resources.vendors.ingest.canonical import candidates
from quant_resources.vendors.ingest.quality import Outcome
from quant_resources.vendors.protocol import Vendor
from quant_resources.vendors.registry import make_vendor

SHOWN = 50  # rows of a listing
NOT_INSTALLED = "Great Expectations is not installed, so nothing was judged again: pip install 'asof[quality]'."
OUTCOME = {
    "dataset": pl.String(),
    "rule": pl.String(),
    "expectation": pl.String(),
    "checked": pl.Int64(),
    "failures": pl.Int64(),
    "first examples": pl.String(),
}


@dataclass(frozen=True)
class Quality:
    """
    Attributes:
        outcomes: one row an expectation: dataset, rule, expectation, checked, failures, first examples.
        quarantine: rows of QUARANTINE of the sessions.
        findings: rows of DATA_QUALITY of the sessions.
        failed: sessions and what their stored checks say against them.
    """

    path: Path
    first: dt.date
    last: dt.date
    outcomes: pl.DataFrame
    quarantine: pl.DataFrame
    findings: pl.DataFrame
    failed: list[str]

    def as_json(self) -> dict[str, Any]:
        return {
            "page": str(self.path),
            "first": self.first,
            "last": self.last,
            "expectations": self.outcomes.to_dicts(),
            "quarantine": _counts(self.quarantine, "source", "rule").to_dicts(),
            "findings": _counts(self.findings, "rule").to_dicts(),
            "failed_checks": self.failed,
        }


def make_quality_page(home: Home, first: dt.date, last: dt.date, output: Path | None) -> Quality:
    """Judge the raw payloads of the sessions again, gather what is stored of them, and write the page."""
    profile, store = home.profile, home.open_store()
    days = sessions.between(first, last)
    vendor = make_vendor(profile, home.folder)
    found = Quality(
        path=output or home.folder / "reports" / "quality.html",
        first=days[0],
        last=days[-1],
        outcomes=judged(home, vendor, days) if quality.is_installed() else pl.DataFrame(schema=OUTCOME),
        quarantine=store.versions(QUARANTINE, first, last, [*QUARANTINE.schema]),
        findings=store.versions(DATA_QUALITY, first, last, [*DATA_QUALITY.schema]),
        failed=[
            f"{name} {session}: {detail}"
            for name, check in ((QUARANTINE.name, "within_tolerance"), (DATA_QUALITY.name, "bars_arrived"))
            for session, passed, detail in store.index.check_results(name, check)
            if not passed and first <= session <= last
        ],
    )
    _write(found.path, page(f"Data quality of {profile.name}", _header(home, found), _sections(found)))
    return found


# -- judged again, by Great Expectations -------------------------------------------------------------------------------


def judged(home: Home, vendor: Vendor, days: Sequence[dt.date]) -> pl.DataFrame:
    """What becomes of every expectation over the sessions, a calendar year of payloads at once."""
    rows: list[dict[str, Any]] = []
    clock = DecisionClock(home.profile.decision_minutes_before_open)
    for _, year in itertools.groupby(days, key=lambda day: day.year):
        chunk = list(year)
        for name, outcome in itertools.chain(_of_rows(vendor, clock, chunk), _of_bars(home, vendor, clock, chunk)):
            told = {"dataset": name, "rule": outcome.rule, "expectation": outcome.expectation}
            rows.append(
                told | {"checked": outcome.checked, "failures": outcome.failures, "examples": list(outcome.examples)}
            )
    schema = {**{k: v for k, v in OUTCOME.items() if k != "first examples"}, "examples": pl.List(pl.String())}
    every = pl.DataFrame(rows, schema=schema)
    added = every.group_by("dataset", "rule", "expectation", maintain_order=True).agg(
        pl.col("checked", "failures").sum(), pl.col("examples").list.explode(empty_as_null=False).head(quality.EXAMPLES)
    )
    return added.with_columns(pl.col("examples").list.join("; ").alias("first examples")).select(OUTCOME.keys())


def _of_rows(vendor: Vendor, clock: DecisionClock, days: list[dt.date]) -> Iterator[tuple[str, Outcome]]:
    """The rules of the door, row by row."""
    for name in EVENTS:
        dataset = DATASETS[name]
        raw = vendor.fetch(dataset, days, clock.decision_time(days[-1]))
        rows = quality.told(dataset, candidates(dataset, raw, days, clock))
        named = (*dataset.key, "event_date")
        suite = quality.row_suite(dataset)
        if name == BARS.name:
            suite.append(quality.every_session([str(day) for day in days]))
        yield from ((name, outcome) for outcome in quality.validate(rows, suite, named))


def _of_bars(home: Home, vendor: Vendor, clock: DecisionClock, days: list[dt.date]) -> Iterator[tuple[str, Outcome]]:
    """The limits on figures of the good bars, with the last word by the end of the days."""
    profile = home.profile
    back = sessions_needed(profile.quality, profile.market)
    begin = max(sessions.shift(days[0], -back), sessions.at_or_after(profile.history.start))
    window = sessions.between(begin, days[-1])
    known = {}
    for dataset in (BARS, CORPORATE_ACTIONS, COMPARED_BARS):
        rows = vendor.parse(dataset, vendor.fetch(dataset, window, clock.decision_time(window[-1])), window)
        known[dataset.name] = last_of_each(rows, dataset)
    bars, actions, compared = known.values()
    measured = figures(
        bars.filter(pl.col("event_date") >= begin), actions, compared, window, profile.quality, profile.market
    )
    rules = limits(profile.quality)
    judged_figures = measured.filter(pl.col("event_date") >= days[0]).select(
        "symbol", "event_date", *(limit.judged.alias(rule) for rule, limit in rules.items())
    )
    suite = [quality.between(rule, limit.least, limit.most) for rule, limit in rules.items()]
    outcomes = quality.validate(judged_figures, suite, ("symbol", "event_date"))
    yield from ((BARS.name, outcome) for outcome in outcomes)


# -- the page ----------------------------------------------------------------------------------------------------------


def _header(home: Home, found: Quality) -> dict[str, str]:
    kept_out = found.quarantine.select("session", "source", "row").n_unique()
    again = (
        f"{found.outcomes.height} expectations, {(found.outcomes['failures'] > 0).sum()} of them not met by all rows"
    )
    return {
        "Profile": f"{home.profile.name}, data from a vendor of {home.profile.vendor.kind}",
        "Sessions": f"{found.first} to {found.last} ({len(sessions.between(found.first, found.last))})",
        "Kept out at the door": f"{kept_out:,} rows",
        "Findings on stored prices": f"{found.findings.height:,}; nothing of them was dropped",
        "Judged again": again if found.outcomes.height else NOT_INSTALLED,
        "Failed checks": f"{len(found.failed)}" + (f"; the first: {found.failed[0]}" if found.failed else ""),
    }


def _sections(found: Quality) -> dict[str, list[Part]]:
    unmet = found.outcomes.filter(pl.col("failures") > 0)
    met = _counts(found.outcomes.filter(failures=0), "dataset", value=pl.col("checked").sum()).rename({"n": "rows"})
    listed = found.quarantine.sort("session", "source", "file", "reason").select(
        "session", "source", "rule", "file", "reason"
    )
    return {
        "Great Expectations: not met": [
            "Raw payloads judged again, by another library, with the same rules and limits. A row may be named by "
            "several; of a bar that repeats another both are.",
            unmet if found.outcomes.height else NOT_INSTALLED,
        ],
        "Great Expectations: met by every row": ["Rows judged, summed over the expectations.", met],
        "Quarantine, by rule and year": [
            "Rows that broke a rule and were not stored, each with its reason; the others of their drop were.",
            _by_year(found.quarantine, ["source", "rule"]),
        ],
        f"Quarantine, first {SHOWN} rows": [listed.head(SHOWN)],
        "Findings, by rule and year": [
            "What is strange in stored prices, by what was known at each session.",
            _by_year(found.findings, ["rule"]),
        ],
        "Findings, the latest of each rule": [_latest(found.findings)],
        "Findings, by symbol": [f"The {SHOWN} symbols with most of each rule.", _by_symbol(found.findings)],
    }


def _counts(rows: pl.DataFrame, *by: str, value: pl.Expr | None = None) -> pl.DataFrame:
    return rows.group_by(by).agg((pl.len() if value is None else value).alias("n")).sort(by)


def _by_year(rows: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """One row a rule, one column a year."""
    dated = rows.with_columns(year=pl.col("session").dt.year().cast(pl.String)).sort("year")
    if dated.is_empty():
        return pl.DataFrame()
    wide = dated.pivot("year", index=by, values="session", aggregate_function="len").sort(by)
    return wide.with_columns(total=pl.sum_horizontal(pl.exclude(by)))


def _by_symbol(findings: pl.DataFrame) -> pl.DataFrame:
    """Of each rule the symbols with most findings, how many, and when."""
    spans = findings.group_by("rule", "symbol").agg(
        pl.len().alias("findings"), first=pl.min("session"), last=pl.max("session")
    )
    most = spans.sort("rule", "findings", "symbol", descending=[False, True, False])
    return most.group_by("rule", maintain_order=True).head(SHOWN)


def _latest(findings: pl.DataFrame) -> pl.DataFrame:
    """The last few of each rule, with their figures."""
    last = findings.sort("session", "symbol").group_by("rule", maintain_order=True).tail(quality.EXAMPLES)
    return last.sort("rule", "session", "symbol").select("rule", "session", "symbol", "value", "limit", "detail")


def show(found: Quality, out: Console) -> None:
    """For people: what was kept out, what is strange, what the second opinion says, and where the page is."""
    listing = Table("what", "rule", "n", title=f"Data quality, {found.first} to {found.last}")
    for source, rule, n in _counts(found.quarantine, "source", "rule").iter_rows():
        listing.add_row(f"kept out of {source}", escape(rule), f"{n:,}")
    listing.add_section()
    for rule, n in _counts(found.findings, "rule").iter_rows():
        listing.add_row("found in stored prices", escape(rule), f"{n:,}")
    listing.add_section()
    unmet = found.outcomes.filter(pl.col("failures") > 0)
    for dataset, rule, n in unmet.select("dataset", "rule", "failures").iter_rows():
        listing.add_row(f"not expected of {dataset}", escape(rule), f"{n:,}")
    out.print(listing)
    for line in (*([] if found.outcomes.height else [NOT_INSTALLED]), *found.failed[:5], f"page: {found.path}"):
        out.print(line, markup=False, highlight=False, soft_wrap=True)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
