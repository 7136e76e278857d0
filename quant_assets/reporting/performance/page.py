"""The report: what the books earned and why, as one page and one table; each one counts in the trial ledger."""

import datetime as dt
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from feature_store.dataset import Grade
from feature_store.schemas.backtest import PNL
from feature_store.schemas.catalogue import SOURCES
from feature_store.schemas.market import MEMBERS, UNIVERSE
from feature_store.schemas.portfolio import DIAGNOSTICS
from quant_assets.backtest.deflated_sharpe import deflated_sharpe_ratio, variance_of_trials
from quant_assets.reporting import tables
from quant_assets.reporting.evaluation import Evaluation, ReportError, choose_span, shared_span
from quant_assets.reporting.html import page
from quant_assets.reporting.performance.sections import comparison, sections
from quant_assets.reporting.performance.survivorship import Survivorship, section, survivorship
from quant_resources.home import Home
from quant_resources.ledgers.trials import RecordedTrial, Trial, record, trials

LEDGER = "trials.sqlite"

Trials = Mapping[tuple[str, str], RecordedTrial]  # by config hash and code version


@dataclass(frozen=True)
class Report:
    """What a report says; `path` is its page."""

    path: Path
    header: dict[str, str]
    performance: pl.DataFrame
    by_year: pl.DataFrame
    information: pl.DataFrame
    statuses: pl.DataFrame
    limits: pl.DataFrame
    survivorship: pl.DataFrame
    deflated_sharpe: float | None
    n_trials: int

    def as_json(self) -> dict[str, Any]:
        frames = ("performance", "by_year", "information", "statuses", "limits", "survivorship")
        return {
            "path": str(self.path),
            "header": self.header,
            **{name: getattr(self, name).to_dicts() for name in frames},
            "deflated_sharpe": self.deflated_sharpe,
            "n_trials": self.n_trials,
        }


def make_report(
    home: Home,
    first: dt.date | None = None,
    last: dt.date | None = None,
    *,
    final: bool = False,
    against: Home | None = None,
    output: Path | None = None,
) -> Report:
    """Write the page, count the evaluation, and return what was shown.

    Args:
        first: session to begin with; the main book's first orders unless given.
        last: session to end with; the last one stored, or the last before the hold-out, unless given.
        final: the hold-out may be shown.
        against: another home to stand beside; its hold-out is kept as well, and it counts as a trial too.
        output: file to write; `reports/report.html` of the home unless given.

    Raises:
        ReportError: there is nothing to report, or it reaches into the hold-out without `final`.
        TrialLedgerError: the evaluation cannot be counted; then nothing is written.
    """
    path = output or home.folder / "reports" / "report.html"
    if path.is_dir():
        raise ReportError(f"--output {path} is a folder; name a file in it")
    profiles = [home.profile, *([against.profile] if against else [])]
    span = choose_span(home.open_store(), profiles, first, last, final=final)
    found = Evaluation(home, span)
    other = Evaluation(against, shared_span(span, against)) if against else None
    for one in (found, other) if other else (found,):
        record(home.folder / LEDGER, one.trial)
    counted = _counted([home, *([against] if against else [])])
    deflated = _deflated(found.trial, counted)
    header = _header(found, counted, deflated)
    survived = survivorship(found)
    header["Survivorship gain"] = _gain(survived)
    parts = sections(found) | {"Survivorship": section(survived)} | (comparison(found, other) if other else {})
    _write(path, page(f"Report of {found.profile.name}", header, parts))
    return Report(
        path=path,
        header=header,
        performance=found.performance,
        by_year=tables.by_year(found.returns, found.sessions),
        information=tables.information(found.coefficients),
        statuses=tables.statuses(found.main),
        limits=tables.limits(found.read(DIAGNOSTICS)),
        survivorship=survived.by_year,
        deflated_sharpe=deflated,
        n_trials=len(counted),
    )


def show(report: Report, out: Console) -> None:
    """For people: what must be known first, what was earned, what the predictions were worth, and where the page is."""
    facts = Table.grid(padding=(0, 2))
    for label, said in report.header.items():
        facts.add_row(escape(label), escape(said))
    out.print(facts)
    shown = tables.shown(report.performance)
    years = tables.shown(report.by_year)
    listing = Table(title="Profit and loss, net of costs")
    for name in shown.columns:
        listing.add_column(name, justify="left" if name == "figure" else "right")
    for frame in (shown, years):
        for row in frame.iter_rows():
            listing.add_row(*map(escape, row))
        listing.add_section()
    out.print(listing)
    if report.information.height:
        worth = Table("model", "horizon", "sessions", "mean rank IC", "t", title="Information coefficients")
        for model, horizon, n_sessions, mean, t, _ in report.information.iter_rows():
            worth.add_row(model, str(horizon), str(n_sessions), f"{mean:.4f}", tables.text(t, tables.RATIO))
        out.print(worth)
    out.print(f"report: {report.path}", markup=False, highlight=False, soft_wrap=True)


# -- trials ------------------------------------------------------------------------------------------------------------


def _counted(homes: list[Home]) -> Trials:
    """Trials of all ledgers, each once; the first ledger's word counts."""
    found: dict[tuple[str, str], RecordedTrial] = {}
    for home in homes:
        for trial in trials(home.folder / LEDGER):
            found.setdefault((trial.latest.config_hash, trial.latest.code_version), trial)
    return found


def _deflated(trial: Trial, counted: Trials) -> float | None:
    if trial.sharpe is None or trial.skewness is None or trial.kurtosis is None:
        return None
    sharpes = [one.fullest.sharpe for one in counted.values() if one.fullest.sharpe is not None]
    variance = variance_of_trials(sharpes)
    return deflated_sharpe_ratio(
        trial.sharpe, trial.n_observations, trial.skewness, trial.kurtosis, len(counted), variance
    )


# -- what must be known first ------------------------------------------------------------------------------------------


def _header(found: Evaluation, counted: Trials, deflated: float | None) -> dict[str, str]:
    span, code, profile = found.span, found.code, found.profile
    evaluations = sum(one.evaluations for one in counted.values())
    final = sum(one.final_evaluations for one in counted.values())
    hold_out = "none is set"
    if span.hold_out:
        hold_out = f"from {span.hold_out}: " + ("SHOWN, by --final" if span.shows_hold_out else "not shown")
    said = {
        "Profile": f"{profile.name}, {profile.portfolio.mode.replace('_', ' ')}; config {code.config_hash[:12]}",
        "Code": f"version {code.version[:12]}, commit {code.commit or 'unknown'}",
        "Sessions": f"{span.first} to {span.last} ({len(found.sessions)}), from {span.why} on",
        "Members with prices": _coverage(found),
        "Weakest knowledge grade": _grade(found),
        "Fill rule": "orders of session t fill at the open of t+1, or lapse; books are marked at the close",
        "Hold-out": hold_out,
        "Trials": f"{len(counted)} in the ledger; looks at them: {evaluations}, of which at the hold-out: {final}",
        "Deflated Sharpe ratio": _deflated_text(found.trial, len(counted), deflated),
    }
    if code.stale:
        said["Stored under other settings or code"] = f"{', '.join(code.stale)}; run `asof backfill`"
    return said


def _deflated_text(trial: Trial, n: int, deflated: float | None) -> str:
    if deflated is None:
        return f"none: {trial.n_observations} returns of the main book have no Sharpe ratio"
    sure = "< 0.001" if deflated < 1e-3 else "> 0.999" if deflated > 1 - 1e-3 else f"{deflated:.3f}"
    return f"{sure} with N = {n}: the probability that the true Sharpe ratio exceeds what the best of N shows by luck"


def _gain(found: Survivorship) -> str:
    if found.gain_annual is None:
        return "none: too few returns of the universe"
    gain = tables.text(found.gain_annual, tables.SHARE)
    return f"{gain} a year at least, of the names of the last session over the dated universe, at equal weights"


def _coverage(found: Evaluation) -> str:
    universe, members = found.read(UNIVERSE, "has_bar"), found.read(MEMBERS, "linked")
    if members.is_empty():
        mean = universe.height / max(universe["event_date"].n_unique(), 1)
        return f"no dated members are stored: the universe is whoever has a bar, {mean:,.0f} names on average"
    share = tables.coverage(members, universe)
    worst = share.sort("share", "event_date").row(0, named=True)
    mean, size = (float(share[name].to_numpy().mean()) for name in ("share", "n_members"))
    least = f"{tables.text(worst['share'], tables.SHARE)} at worst ({worst['event_date']})"
    return f"{tables.text(mean, tables.SHARE)} of {size:,.0f} on average, {least}"


def _grade(found: Evaluation) -> str:
    """The weakest grade of the account, which carries those of all its inputs, and that of each source."""
    first, last = found.span.first, found.span.last
    weakest = Grade(max(p.grade for p in found.store.partitions(PNL, first, last)))
    stored = {name: [p for p in found.store.partitions(name, first, last) if p.rows] for name in SOURCES}
    by_source = [
        f"{name.removeprefix('market/')} {Grade(max(p.grade for p in parts)).label}"
        for name, parts in stored.items()
        if parts
    ]
    exceptions = ", ".join(found.profile.exceptions)
    return f"{weakest.label} ({', '.join(by_source)})" + (f"; named exceptions: {exceptions}" if exceptions else "")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
