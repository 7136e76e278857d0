"""What is wrong and suspicious in the data that came in: quarantine, findings, and a second check of raw rows."""

import datetime as dt
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from feature_store import sessions
from feature_store.decision_time import DecisionClock
from feature_store.readers import last_of_each
from feature_store.schemas.catalogue import DATASETS, EVENTS
from feature_store.schemas.market import BARS, CORPORATE_ACTIONS
from feature_store.schemas.quality import COMPARED_BARS, DATA_QUALITY, QUARANTINE
from feature_store.store import Store
from quant_assets.market.data_quality import limits, measurements, sessions_needed
from quant_assets.reporting.errors import ReportError
from quant_assets.reporting.protocol import Request
from quant_resources.home import Home
from quant_resources.vendors.ingest import quality
from quant_resources.vendors.ingest.canonical import candidates
from quant_resources.vendors.ingest.quality import Outcome
from quant_resources.vendors.protocol import Vendor
from quant_resources.vendors.registry import make_vendor

OUTCOME = {
    "dataset": pl.String(),
    "rule": pl.String(),
    "expectation": pl.String(),
    "checked": pl.Int64(),
    "failures": pl.Int64(),
    "first examples": pl.String(),
}


@dataclass(frozen=True)
class DataQuality:
    """
    Attributes:
        vendor: its kind.
        outcomes: one row an expectation: dataset, rule, expectation, checked, failures, first examples; None where
            Great Expectations is not installed.
        quarantine: rows of QUARANTINE of the sessions.
        findings: rows of DATA_QUALITY of the sessions.
        failed: sessions whose stored checks failed, with the check's message.
    """

    profile: str
    vendor: str
    days: tuple[dt.date, ...]
    outcomes: pl.DataFrame | None
    quarantine: pl.DataFrame
    findings: pl.DataFrame
    failed: tuple[str, ...]

    @property
    def unmet(self) -> pl.DataFrame:
        """Expectations that some row did not meet."""
        outcomes = pl.DataFrame(schema=OUTCOME) if self.outcomes is None else self.outcomes
        return outcomes.filter(pl.col("failures") > 0)

    def as_json(self) -> dict[str, Any]:
        return {
            "first": self.days[0],
            "last": self.days[-1],
            "expectations": [] if self.outcomes is None else self.outcomes.to_dicts(),
            "quarantine": counts(self.quarantine, "source", "rule").to_dicts(),
            "findings": counts(self.findings, "rule").to_dicts(),
            "failed_checks": list(self.failed),
        }


def study(home: Home, request: Request) -> DataQuality:
    """Check the raw payloads of the stored sessions again, and gather what is stored about them.

    Raises:
        ReportError: no bars are stored in the range.
    """
    profile, store = home.profile, home.open_store()
    first, last = _stored_range(store, request)
    days = sessions.between(first, last)
    return DataQuality(
        profile=profile.name,
        vendor=profile.vendor.kind,
        days=tuple(days),
        outcomes=expectations(home, make_vendor(profile, home.folder), days) if quality.is_installed() else None,
        quarantine=store.versions(QUARANTINE, first, last, [*QUARANTINE.schema]),
        findings=store.versions(DATA_QUALITY, first, last, [*DATA_QUALITY.schema]),
        failed=tuple(
            f"{name} {session}: {detail}"
            for name, check in ((QUARANTINE.name, "within_tolerance"), (DATA_QUALITY.name, "bars_arrived"))
            for session, passed, detail in store.check_results(name, check)
            if not passed and first <= session <= last
        ),
    )


def _stored_range(store: Store, request: Request) -> tuple[dt.date, dt.date]:
    """First and last of the requested sessions whose bars are stored."""
    first, last = request.first, request.last
    days = [day for day in store.sessions(BARS) if (not first or day >= first) and (not last or day <= last)]
    if not days:
        raise ReportError(f"no bars are stored between {first} and {last}; run `asof backfill` over these sessions")
    return days[0], days[-1]


def counts(rows: pl.DataFrame, *by: str, value: pl.Expr | None = None) -> pl.DataFrame:
    """Rows, or another sum, as `n` of each group."""
    return rows.group_by(by).agg((pl.len() if value is None else value).alias("n")).sort(by)


# -- checked again, by Great Expectations ------------------------------------------------------------------------------


def expectations(home: Home, vendor: Vendor, days: Sequence[dt.date]) -> pl.DataFrame:
    """The outcome of every expectation over the sessions, a calendar year of payloads at once."""
    rows: list[dict[str, Any]] = []
    clock = DecisionClock(home.profile.decision_minutes_before_open)
    for _, year in itertools.groupby(days, key=lambda day: day.year):
        chunk = list(year)
        for name, outcome in itertools.chain(_of_rows(vendor, clock, chunk), _of_bars(home, vendor, clock, chunk)):
            rows.append(
                {
                    "dataset": name,
                    "rule": outcome.rule,
                    "expectation": outcome.expectation,
                    "checked": outcome.checked,
                    "failures": outcome.failures,
                    "examples": list(outcome.examples),
                }
            )
    schema = {**{k: v for k, v in OUTCOME.items() if k != "first examples"}, "examples": pl.List(pl.String())}
    every = pl.DataFrame(rows, schema=schema)
    added = every.group_by("dataset", "rule", "expectation", maintain_order=True).agg(
        pl.col("checked", "failures").sum(), pl.col("examples").list.explode(empty_as_null=False).head(quality.EXAMPLES)
    )
    return added.with_columns(pl.col("examples").list.join("; ").alias("first examples")).select(OUTCOME.keys())


def _of_rows(vendor: Vendor, clock: DecisionClock, days: list[dt.date]) -> Iterator[tuple[str, Outcome]]:
    """The rules of validation at ingest, row by row."""
    for name in EVENTS:
        dataset = DATASETS[name]
        raw = vendor.fetch(dataset, days, clock.decision_time(days[-1]))
        rows = quality.compared(dataset, candidates(dataset, raw, days, clock))
        named = (*dataset.key, "event_date")
        suite = quality.row_suite(dataset)
        if name == BARS.name:
            suite.append(quality.every_session([str(day) for day in days]))
        yield from ((name, outcome) for outcome in quality.validate(rows, suite, named))


def _of_bars(home: Home, vendor: Vendor, clock: DecisionClock, days: list[dt.date]) -> Iterator[tuple[str, Outcome]]:
    """The limits on statistics of the valid bars, in their latest version by the end of the days."""
    profile = home.profile
    back = sessions_needed(profile.quality, profile.market)
    begin = max(sessions.shift(days[0], -back), sessions.at_or_after(profile.history.start))
    window = sessions.between(begin, days[-1])
    known = {}
    for dataset in (BARS, CORPORATE_ACTIONS, COMPARED_BARS):
        rows = vendor.parse(dataset, vendor.fetch(dataset, window, clock.decision_time(window[-1])), window)
        known[dataset.name] = last_of_each(rows, dataset)
    bars, actions, compared = known.values()
    measured = measurements(
        bars.filter(pl.col("event_date") >= begin), actions, compared, window, profile.quality, profile.market
    )
    rules = limits(profile.quality)
    checked = measured.filter(pl.col("event_date") >= days[0]).select(
        "symbol", "event_date", *(limit.checked.alias(rule) for rule, limit in rules.items())
    )
    suite = [quality.between(rule, limit.lower, limit.upper) for rule, limit in rules.items()]
    outcomes = quality.validate(checked, suite, ("symbol", "event_date"))
    yield from ((BARS.name, outcome) for outcome in outcomes)
