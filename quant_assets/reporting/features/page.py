"""The pages of features: a catalogue of all of them, and a sheet of what each has predicted of labels."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from quant_assets.features.catalogue import DECLARED, OF_STOCKS
from quant_assets.numerics.arrays import Array
from quant_assets.reporting.document import Document, Part
from quant_assets.reporting.features.reading import LOW_COVERAGE
from quant_assets.reporting.features.sheets import monthly_means, running_sum, sheet
from quant_assets.reporting.features.study import SIGNIFICANT, FeatureEvidence, study
from quant_assets.reporting.features.terminal import show
from quant_assets.reporting.formats import count, label, percent, significant
from quant_assets.reporting.performance.facts import hold_out_text
from quant_assets.reporting.protocol import Page
from quant_assets.reporting.tables import Column, Link, Sparkline, Table

FRACTION_BOUNDS = (0.0, 1.0)


def document(evidence: FeatureEvidence) -> Document:
    span = evidence.span
    return Document(
        f"Features of {evidence.profile}",
        _facts(evidence),
        {**_findings(evidence), **_of_stocks(evidence), **_of_aggregates(evidence)},
        (span.first, span.last),
        {name: _sheet(evidence, name) for name in evidence.selected},
    )


def _facts(evidence: FeatureEvidence) -> dict[str, str]:
    span, statistics = evidence.span, evidence.statistics
    horizons = " and ".join(map(str, statistics.horizons))
    n_sessions = len(statistics.sessions)
    facts = {
        "Sessions": f"{span.first} to {span.last} ({n_sessions})",
        "Stocks": f"{count(statistics.rows / max(n_sessions, 1))} tradable on average",
        "Labels": f"log returns from the fill on less the industry's, over {horizons} sessions",
        "Hold-out": hold_out_text(span),
        "Features": f"{evidence.coverage.height}; below {percent(LOW_COVERAGE)} coverage: "
        f"{evidence.low_coverage.height}",
        "Informative null flags": f"{evidence.null_flags['feature'].n_unique()}",
    }
    absent = [name for name in DECLARED if name not in evidence.stored]
    return facts | ({"Not stored in this range": ", ".join(absent)} if absent else {})


def _findings(evidence: FeatureEvidence) -> dict[str, list[Part]]:
    return {
        f"Below {percent(LOW_COVERAGE)} coverage": [
            "Of tradable stocks and sessions, with the reason.",
            Table.of(evidence.low_coverage, {"coverage": percent}),
        ],
        "Null flags": [
            f"Features whose absence itself predicts labels: a flag where they are null has a t beyond "
            f"{SIGNIFICANT:g}.",
            evidence.null_flags,
        ],
    }


def _of_stocks(evidence: FeatureEvidence) -> dict[str, list[Part]]:
    """A table a family, with a link to the page of each feature that has one."""
    columns = (
        Column("feature"),
        Column("formula", is_text=True),
        Column("unit"),
        Column("lookback", is_numeric=True),
        Column("coverage", is_numeric=True, format=percent),
        Column(f"rank IC, {evidence.statistics.horizons[0]}", is_numeric=True, format=_three),
        Column("t", is_numeric=True, format=_three),
        Column("null flag t", is_numeric=True, format=_three),
        Column("coverage over time"),
        Column("rank IC, running sum"),
    )
    rows = evidence.catalogue.filter(pl.col("dataset").is_in([name for name in OF_STOCKS if name in evidence.stored]))
    return {
        f"Stocks: {label(str(family))}": [Table(columns, tuple(_stock_rows(evidence, of_family)))]
        for (family,), of_family in rows.group_by(["family"], maintain_order=True)
    }


def _stock_rows(evidence: FeatureEvidence, features: pl.DataFrame) -> Iterator[tuple[object, ...]]:
    statistics, horizon = evidence.statistics, evidence.statistics.horizons[0]
    of = {row["feature"]: row for row in evidence.information.filter(horizon_sessions=horizon).iter_rows(named=True)}
    covered = _coverage(evidence)
    for row in features.iter_rows(named=True):
        name, f = row["name"], statistics.names.index(row["name"])
        ic = statistics.values("rank_ic", horizon)[:, f]
        yield (
            Link(name, f"features/{name}.html") if name in evidence.selected else name,
            row["formula"],
            row["unit"],
            row["lookback_sessions"],
            covered[row["dataset"], name],
            of[name]["rank_ic"],
            of[name]["rank_ic_t"],
            of[name]["null_ic_t"],
            Sparkline(monthly_means(statistics.values("coverage")[:, f], statistics.sessions), FRACTION_BOUNDS),
            Sparkline(running_sum(ic, statistics.sessions)),
        )


def _of_aggregates(evidence: FeatureEvidence) -> dict[str, list[Part]]:
    """A table of industry features and one of market features, as far as they are stored."""
    columns = (
        Column("feature"),
        Column("family"),
        Column("formula", is_text=True),
        Column("unit"),
        Column("lookback", is_numeric=True),
        Column("coverage", is_numeric=True, format=percent),
        Column("coverage over time"),
        Column("mean over time"),
    )
    return {
        name.removeprefix("features/").removesuffix("_features").capitalize(): [
            Table(columns, tuple(_aggregate_rows(evidence, name, values)))
        ]
        for name, values in evidence.aggregates.items()
    }


def _aggregate_rows(evidence: FeatureEvidence, dataset: str, frame: pl.DataFrame) -> Iterator[tuple[object, ...]]:
    days, covered = frame["event_date"].to_list(), _coverage(evidence)
    for row in evidence.catalogue.filter(dataset=dataset).iter_rows(named=True):
        name = row["name"]
        values: Array = frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        yield (
            name,
            row["family"],
            row["formula"],
            row["unit"],
            row["lookback_sessions"],
            covered[dataset, name],
            Sparkline(monthly_means((~np.isnan(values)).astype(float), days), FRACTION_BOUNDS),
            Sparkline(monthly_means(values, days)),
        )


def _coverage(evidence: FeatureEvidence) -> Mapping[tuple[str, str], float | None]:
    return {(dataset, feature): covered for dataset, feature, covered, _ in evidence.coverage.iter_rows()}


def _sheet(evidence: FeatureEvidence, name: str) -> Document:
    of_stocks = pl.col("dataset").is_in([*OF_STOCKS])
    row = evidence.catalogue.filter(of_stocks, name=name).row(0, named=True)
    covered = evidence.coverage.filter(of_stocks, feature=name).row(0, named=True)
    rows = evidence.information.filter(feature=name)
    span = evidence.span
    return Document(
        name,
        _sheet_facts(row, covered, f"{span.first} to {span.last}"),
        sheet(evidence.statistics, name, rows, evidence.regimes),
        (span.first, span.last),
    )


def _sheet_facts(row: Mapping[str, Any], covered: Mapping[str, Any], sessions: str) -> dict[str, str]:
    facts = {
        "Formula": row["formula"],
        "Family": row["family"],
        "Unit": row["unit"],
        "Lookback": f"{row['lookback_sessions']} sessions",
        "Rests on": row["sources"],
        "Settings": row["parameters"] or "min_observations_fraction",
        "Scored": "yes" if row["scored"] else "no",
        "Sessions": sessions,
        "Coverage": percent(covered["coverage"]),
    }
    return facts | ({"Why it is so low": covered["reason"]} if covered["reason"] else {})


def _three(value: float | None) -> str:
    return significant(value, 3)


PAGE = Page("features", "Every feature: its formula, coverage and information about labels.", study, document, show)
