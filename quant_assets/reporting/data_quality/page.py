"""The page of data quality: what was kept out, what is suspicious in stored prices, and a second opinion on both."""

import polars as pl

from quant_assets.reporting.data_quality.study import DataQuality, counts, study
from quant_assets.reporting.data_quality.terminal import NOT_INSTALLED, show
from quant_assets.reporting.document import Document, Part
from quant_assets.reporting.formats import count
from quant_assets.reporting.protocol import Page
from quant_assets.reporting.tables import Table
from quant_resources.vendors.ingest.quality import EXAMPLES

SHOWN = 50  # rows of a table


def document(quality: DataQuality) -> Document:
    days = quality.days
    return Document(f"Data quality of {quality.profile}", _facts(quality), _sections(quality), (days[0], days[-1]))


def _facts(quality: DataQuality) -> dict[str, str]:
    rejected = quality.quarantine.select("session", "source", "row").n_unique()
    return {
        "Profile": f"{quality.profile}, data of the vendor {quality.vendor}",
        "Sessions": f"{quality.days[0]} to {quality.days[-1]} ({len(quality.days)})",
        "Quarantined at ingest": f"{count(rejected)} rows",
        "Findings on stored prices": f"{count(quality.findings.height)}; nothing of them was dropped",
        "Checked again": NOT_INSTALLED
        if quality.outcomes is None
        else f"{quality.outcomes.height} expectations, {quality.unmet.height} of them not met by all rows",
        "Failed checks": f"{len(quality.failed)}" + (f"; the first: {quality.failed[0]}" if quality.failed else ""),
    }


def _sections(quality: DataQuality) -> dict[str, list[Part]]:
    quarantine = quality.quarantine.sort("session", "source", "file", "reason").select(
        "session", "source", "rule", "file", "reason"
    )
    return {
        **_expectations(quality.outcomes, quality.unmet),
        "Quarantine, by rule and year": [
            "Rows that broke a rule and were not stored, each with its reason; the others of their drop were.",
            _by_year(quality.quarantine, ["source", "rule"]),
        ],
        f"Quarantine, first {SHOWN} rows": [quarantine.head(SHOWN)],
        "Findings, by rule and year": [
            "What is suspicious in stored prices, by what was known at each session.",
            _by_year(quality.findings, ["rule"]),
        ],
        "Findings, the latest of each rule": [_latest(quality.findings)],
        "Findings, by symbol": [f"The {SHOWN} symbols with most of each rule.", _by_symbol(quality.findings)],
    }


def _expectations(outcomes: pl.DataFrame | None, unmet: pl.DataFrame) -> dict[str, list[Part]]:
    if outcomes is None:
        return {"Great Expectations": [NOT_INSTALLED]}
    met = counts(outcomes.filter(failures=0), "dataset", value=pl.col("checked").sum()).rename({"n": "rows"})
    return {
        "Great Expectations: not met": [
            "Raw payloads checked again, by another library, with the same rules and limits. A row may break several; "
            "of a bar that repeats another both count.",
            unmet,
        ],
        "Great Expectations: met by every row": ["Rows checked, summed over the expectations.", met],
    }


def _by_year(rows: pl.DataFrame, by: list[str]) -> Table:
    """One row a rule, one column a year, and their total."""
    dated = rows.with_columns(year=pl.col("session").dt.year().cast(pl.String)).sort("year")
    if dated.is_empty():
        return Table((), ())
    wide = dated.pivot("year", index=by, values="session", aggregate_function="len").sort(by)
    return Table.of(wide.with_columns(total=pl.sum_horizontal(pl.exclude(by))))


def _by_symbol(findings: pl.DataFrame) -> pl.DataFrame:
    """Of each rule the symbols with most findings, how many, and when."""
    spans = findings.group_by("rule", "symbol").agg(
        pl.len().alias("findings"), first=pl.min("session"), last=pl.max("session")
    )
    most = spans.sort("rule", "findings", "symbol", descending=[False, True, False])
    return most.group_by("rule", maintain_order=True).head(SHOWN)


def _latest(findings: pl.DataFrame) -> pl.DataFrame:
    """The last few of each rule, with their values."""
    last = findings.sort("session", "symbol").group_by("rule", maintain_order=True).tail(EXAMPLES)
    return last.sort("rule", "session", "symbol").select("rule", "session", "symbol", "value", "limit", "detail")


PAGE = Page("data_quality", "What was quarantined, and what is suspicious in stored prices.", study, document, show)
