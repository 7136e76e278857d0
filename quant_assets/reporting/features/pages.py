"""The pages of `asof features`: a catalogue of every feature, and a sheet of what each has said of labels."""

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from plotly.offline import get_plotlyjs
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from feature_store.hashing import digest_of
from feature_store.schemas.features import LABELS, STOCK_FEATURES
from feature_store.store import Store
from quant_assets.alpha.evidence.feature_study import information
from quant_assets.features.catalogue import DECLARED, OF_STOCKS
from quant_assets.numerics.arrays import Array
from quant_assets.reporting.evaluation import ReportError, Span
from quant_assets.reporting.features.sheets import Small, by_month, link, listing, sheet, text, wide
from quant_assets.reporting.features.study import LOW_COVERAGE, Studied, choose_sessions
from quant_assets.reporting.html import Part, page
from quant_assets.reporting.performance.page import LEDGER
from quant_resources.home import Home
from quant_resources.ledgers.trials import Trial, record

SURELY = 3.0  # t of a null flag that tells something of labels


@dataclass(frozen=True)
class FeaturePages:
    """What the pages say.

    Attributes:
        folder: of index.html and a page for each studied feature.
        information: as `feature_study.information` gives it.
        coverage: dataset, feature, coverage and, below `LOW_COVERAGE`, the reason; a row a feature.
        audit: rows of `information` whose null flag has a t beyond `SURELY`.
    """

    folder: Path
    span: Span
    information: pl.DataFrame
    coverage: pl.DataFrame

    @cached_property
    def audit(self) -> pl.DataFrame:
        columns = ("feature", "horizon_sessions", "null_ic", "null_ic_t", "null_ic_n")
        return self.information.filter(pl.col("null_ic_t").abs() > SURELY).select(columns)

    def as_json(self) -> dict[str, Any]:
        return {
            "page": str(self.folder / "index.html"),
            "first": self.span.first,
            "last": self.span.last,
            "information": self.information.to_dicts(),
            "coverage": self.coverage.to_dicts(),
            "null_flags": self.audit.to_dicts(),
        }


def make_feature_pages(
    home: Home,
    first: dt.date | None = None,
    last: dt.date | None = None,
    *,
    final: bool = False,
    chosen: Sequence[str] = (),
    output: Path | None = None,
) -> FeaturePages:
    """Study the stored features as known at the last session, and write the pages.

    Args:
        first, last: sessions to begin and end with; all that are stored, up to the hold-out, unless given.
        final: the hold-out may be shown; the trial ledger counts it.
        chosen: features that get a page; all of stocks and companies unless given.
        output: folder; `reports/features` of the home unless given.

    Raises:
        ReportError: there is nothing to study, a feature is not declared, or the range reaches into the hold-out.
        TrialLedgerError: a look at the hold-out cannot be counted; then nothing is written.
    """
    store, folder = home.open_store(), output or home.folder / "reports" / "features"
    if folder.is_file():
        raise ReportError(f"--output {folder} is a file; name a folder for the pages")
    span = choose_sessions(home, first, last, final=final)
    declared = [name for features in OF_STOCKS.values() for name in (f.name for f in features)]
    if unknown := [name for name in chosen if name not in declared]:
        raise ReportError(f"no feature of stocks is named {', '.join(unknown)}; `asof features` lists those that are")
    if span.shows_hold_out:
        record(home.folder / LEDGER, _trial(home, store, span))
    studied = Studied(home, store, span)
    found = FeaturePages(folder, span, information(studied.study), studied.coverage)
    _write_all(found, studied, [name for name in studied.study.names if not chosen or name in chosen])
    return found


def _trial(home: Home, store: Store, span: Span) -> Trial:
    """A look at the hold-out: nothing was earned, but something was learned."""
    told = [
        p.parts for name in (STOCK_FEATURES, LABELS) for p in home.open_store().partitions(name, span.last, span.last)
    ]
    settings = [f"{key}={value}" for parts in told for key, value in sorted(parts.items()) if key.startswith("config:")]
    code = [str(parts.get("code")) for parts in told]
    name = home.profile.name
    return Trial(digest_of(settings), digest_of(code), name, span.first, span.last, None, 0, None, None, final=True)


# -- the pages ---------------------------------------------------------------------------------------------------------


def _write_all(found: FeaturePages, studied: Studied, names: Sequence[str]) -> None:
    folder = found.folder
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "plotly.min.js", get_plotlyjs())
    rows = {row["name"]: row for row in studied.catalogue.iter_rows(named=True) if row["dataset"] in OF_STOCKS}
    for name in names:
        figures = found.information.filter(feature=name)
        parts = sheet(studied.study, name, figures, studied.regimes)
        covered = found.coverage.filter(pl.col("dataset").is_in([*OF_STOCKS]), feature=name).row(0, named=True)
        write(folder / f"{name}.html", page(name, _facts(rows[name], covered, found.span), parts, library="directory"))
    header = _header(found, studied)
    title = f"Features of {studied.home.profile.name}"
    write(folder / "index.html", page(title, header, _sections(found, studied, set(names)), library="directory"))


def _facts(row: Mapping[str, Any], covered: Mapping[str, Any], span: Span) -> dict[str, str]:
    told = {
        "Formula": row["formula"],
        "Family": row["family"],
        "Unit": row["unit"],
        "Lookback": f"{row['lookback_sessions']} sessions",
        "Rests on": row["sources"],
        "Settings": row["parameters"] or "min_observations_fraction",
        "Scored": "yes" if row["scored"] else "no",
        "Sessions": f"{span.first} to {span.last}",
        "Coverage": text(covered["coverage"]),
    }
    return told | ({"Why it is so low": covered["reason"]} if covered["reason"] else {})


def _header(found: FeaturePages, studied: Studied) -> dict[str, str]:
    span, study = found.span, studied.study
    hold_out = "none is set"
    if span.hold_out:
        hold_out = f"from {span.hold_out}: " + ("SHOWN, by --final" if span.shows_hold_out else "not shown")
    absent = [name for name in DECLARED if name not in studied.stored]
    horizons = " and ".join(map(str, study.horizons))
    told = {
        "Sessions": f"{span.first} to {span.last} ({len(study.sessions)})",
        "Stocks": f"{study.rows / max(len(study.sessions), 1):,.0f} tradable on average",
        "Labels": f"log returns from the fill on less the industry's, over {horizons} sessions",
        "Hold-out": hold_out,
        "Features": f"{found.coverage.height}; below {text(LOW_COVERAGE)} coverage: {_low(found).height}",
        "Null flags that tell something": f"{found.audit['feature'].n_unique()}",
    }
    return told | ({"Not stored in this range": ", ".join(absent)} if absent else {})


def _low(found: FeaturePages) -> pl.DataFrame:
    return found.coverage.filter(pl.col("coverage") < LOW_COVERAGE).sort("coverage", "dataset", "feature")


def _sections(found: FeaturePages, studied: Studied, sheets: set[str]) -> dict[str, list[Part]]:
    low = _low(found).with_columns(pl.Series("coverage", [text(x) for x in _low(found)["coverage"]], pl.String))
    return {
        f"Below {text(LOW_COVERAGE)} coverage": ["Of tradable stocks and sessions, with the reason.", low],
        "Null flags": [
            f"Features whose absence itself tells of labels: a flag where they are null has a t beyond {SURELY:g}.",
            found.audit,
        ],
        **_of_stocks(found, studied, sheets),
        **_of_others(studied, found.coverage),
    }


def _of_stocks(found: FeaturePages, studied: Studied, sheets: set[str]) -> dict[str, list[Part]]:
    study, horizon = studied.study, studied.study.horizons[0]
    columns = ("feature", "formula", "unit", "lookback", "coverage", f"rank IC, {horizon}", "t", "null flag t",
               "coverage over time", "rank IC, running sum")  # fmt: skip
    figures = {row["feature"]: row for row in found.information.filter(horizon_sessions=horizon).iter_rows(named=True)}
    covered = {(d, f): share for d, f, share, _ in found.coverage.iter_rows()}
    parts: dict[str, list[Part]] = {}
    rows_of = studied.catalogue.filter(pl.col("dataset").is_in([n for n in OF_STOCKS if n in studied.stored]))
    for (family,), rows in rows_of.group_by(["family"], maintain_order=True):
        listed = []
        for row in rows.iter_rows(named=True):
            name = row["name"]
            f, said, share = study.names.index(name), figures[name], text(covered[row["dataset"], name])
            shown = link(name) if name in sheets else name
            listed.append(
                (shown, wide(row["formula"]), row["unit"], row["lookback_sessions"], share,
                 said["rank_ic"], said["rank_ic_t"], said["null_ic_t"],
                 Small(by_month(study.values("coverage")[:, f], study.sessions), (0.0, 1.0)),
                 Small(by_month(study.values("rank_ic", horizon)[:, f], study.sessions, added=True)))
            )  # fmt: skip
        parts[f"Stocks: {str(family).replace('_', ' ')}"] = [listing(columns, listed)]
    return parts


def _of_others(studied: Studied, coverage: pl.DataFrame) -> dict[str, list[Part]]:
    covered = {(d, f): share for d, f, share, _ in coverage.iter_rows()}
    columns = ("feature", "family", "formula", "unit", "lookback", "coverage", "coverage over time", "mean over time")
    parts: dict[str, list[Part]] = {}
    for name, frame in studied.others.items():
        days, listed = frame["event_date"].to_list(), []
        for row in studied.catalogue.filter(dataset=name).iter_rows(named=True):
            values: Array = frame[row["name"]].cast(pl.Float64).fill_null(np.nan).to_numpy()
            listed.append(
                (row["name"], row["family"], wide(row["formula"]), row["unit"], row["lookback_sessions"],
                 text(covered[name, row["name"]]), Small(by_month((~np.isnan(values)).astype(float), days), (0.0, 1.0)),
                 Small(by_month(values, days)))
            )  # fmt: skip
        parts[f"{name.removeprefix('features/').removesuffix('_features').capitalize()}"] = [listing(columns, listed)]
    return parts


def show(found: FeaturePages, out: Console) -> None:
    """For people: what is often missing and why, whose absence tells something, and where the pages are."""
    low = Table("feature", "coverage", "reason", title=f"Features below {text(LOW_COVERAGE)} coverage")
    for _, name, share, reason in _low(found).iter_rows():
        low.add_row(escape(name), text(share), escape(reason))
    out.print(low)
    flags = Table("feature", "horizon", "IC of its null flag", "t", "sessions", title="Null flags that tell something")
    for name, horizon, ic, t, n in found.audit.iter_rows():
        flags.add_row(escape(name), str(horizon), f"{ic:.4f}", f"{t:.1f}", str(n))
    out.print(flags)
    out.print(f"pages: {found.folder / 'index.html'}", markup=False, highlight=False, soft_wrap=True)


def write(path: Path, text: str) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
