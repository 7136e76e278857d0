"""The report: what the books earned and why, as one page and one table.

It is computed from the store when asked for, as known at the last session of its range. Nothing on or after the
hold-out is read without `final`, and each report is an evaluation in the trial ledger.
"""

import datetime as dt
import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from configs.load import config_hash
from configs.settings import Profile
from feature_store import sessions as calendar
from feature_store.dataset import Dataset, Grade
from feature_store.hashing import digest_of
from feature_store.schemas.alpha import COMBINED, PREDICTIONS
from feature_store.schemas.backtest import ATTRIBUTION, PNL
from feature_store.schemas.execution import BOOKS
from feature_store.schemas.features import INDUSTRY_RETURNS, LABELS, MARKET_FEATURES
from feature_store.schemas.market import ADJUSTED_BENCHMARKS, MACRO, MEMBERS, UNIVERSE
from feature_store.schemas.portfolio import DIAGNOSTICS
from feature_store.schemas.regimes import MARKET_REGIME, STATES
from feature_store.store import Store
from quant_assets.alpha.significance import rank_ic
from quant_assets.backtest import figures, metrics, tables
from quant_assets.backtest.benchmarks import levels
from quant_assets.backtest.deflated_sharpe import deflated_sharpe_ratio, variance_of_trials
from quant_assets.backtest.metrics import Array
from quant_assets.backtest.page import Part, page
from quant_assets.calculation import Calculation
from quant_assets.execution.interest import cash_rate_annual
from quant_assets.graph import all_assets
from quant_assets.runner import Runner
from quant_resources.home import SOURCES, Home
from quant_resources.trials import RecordedTrial, Trial, record, trials
from quant_resources.vendors.protocol import make_vendor

MAIN = "main"
COMBINED_MODEL = "combined"
DRAWN_INDUSTRIES = 4  # the largest by members; their regimes are drawn beside the market's
DRAWN_EVERY = 5  # sessions between columns of the map of active weights, which a screen cannot tell apart anyway


class ReportError(ValueError):
    """There is nothing to report, or it must not be shown; says the mend."""


@dataclass(frozen=True)
class Span:
    """The sessions of a report.

    Attributes:
        first, last: both included; the first one only gives the values that returns start from.
        why: why it begins there.
        hold_out: the earliest one of the homes; None where none is set.
        shows_hold_out: the range reaches into it.
    """

    first: dt.date
    last: dt.date
    why: str
    hold_out: dt.date | None

    @property
    def shows_hold_out(self) -> bool:
        return self.hold_out is not None and self.last >= self.hold_out


@dataclass(frozen=True)
class Code:
    """What the stored values of a session were computed with.

    Attributes:
        config_hash, version: of the profile and of all assets' code; of what is stored where that differs.
        commit: of the code that stored the account.
        stale: datasets that were stored under other settings or code than the home's.
    """

    config_hash: str
    version: str
    commit: str
    stale: tuple[str, ...]


class Evaluation:
    """One home over a range: what is read is as known at its last session."""

    def __init__(self, home: Home, store: Store, span: Span) -> None:
        self.home, self.store, self.span = home, store, span
        self.profile: Profile = home.profile

    def read(self, dataset: Dataset, *columns: str, **bounds: Any) -> pl.DataFrame:  # noqa: ANN401 -- as the store's
        span = self.span
        return self.store.read(
            dataset, span.last, **{"first": span.first, "last": span.last, "columns": columns or None} | bounds
        )

    @cached_property
    def pnl(self) -> pl.DataFrame:
        return self.read(PNL).sort("event_date")

    @cached_property
    def main(self) -> pl.DataFrame:
        return self.pnl.filter(book=MAIN)

    @cached_property
    def sessions(self) -> list[dt.date]:
        return self.main["event_date"].to_list()

    @cached_property
    def levels(self) -> pl.DataFrame:
        """event_date, name, level: the books in the order of the schema, then the benchmarks in that of the profile."""
        wanted = self.profile.backtest.benchmarks
        found = levels(self.read(ADJUSTED_BENCHMARKS, "log_return", symbols=wanted), self.sessions)
        books = self.pnl.select("event_date", name="book", level="nav_usd")
        parts = [books.filter(name=book) for book in BOOKS]
        parts += [found.filter(symbol=symbol).rename({"symbol": "name"}) for symbol in wanted]
        return pl.concat(part.select("event_date", "name", "level") for part in parts)

    @cached_property
    def missing_benchmarks(self) -> list[str]:
        known = set(self.levels.drop_nulls("level")["name"])
        return [symbol for symbol in self.profile.backtest.benchmarks if symbol not in known]

    @cached_property
    def returns(self) -> dict[str, Array]:
        return {
            name: metrics.simple_returns(rows["level"].to_numpy())
            for (name,), rows in self.levels.group_by(["name"], maintain_order=True)
            if name not in self.missing_benchmarks
        }

    @cached_property
    def risk_free(self) -> Array:
        """What cash earned since the session before, by the rate that ran from then on."""
        series, execution = self.profile.macro, self.profile.execution
        oldest = calendar.shift(self.sessions[0], -series.max_age_sessions - 1)
        rates = self.read(MACRO, "value", first=oldest).filter(series=series.cash_rate)
        annual = [cash_rate_annual(rates, calendar.shift(day, -1), series, execution) for day in self.sessions]
        return metrics.cash_returns(np.array(annual), self.sessions)

    @cached_property
    def code(self) -> Code:
        return _code(self.home, self.store, self.span.last)

    @cached_property
    def performance(self) -> pl.DataFrame:
        beside = [name for name in self.returns if name not in BOOKS] + ["equal_weight"]
        earned = tables.performance(self.returns, self.risk_free, self.sessions, beside)
        return pl.concat([earned, tables.trading(self.pnl)], how="diagonal").select(earned.columns)

    @cached_property
    def trial(self) -> Trial:
        found = metrics.performance(self.returns[MAIN], self.risk_free, self.sessions)
        return Trial(
            self.code.config_hash, self.code.version, self.profile.name, self.span.first, self.span.last,
            found.sharpe_per_session, found.n_sessions, found.skewness, found.kurtosis, self.span.shows_hold_out,
        )  # fmt: skip

    @cached_property
    def coefficients(self) -> pl.DataFrame:
        """event_date, model, horizon_sessions, rank_ic of every session whose label has matured within the range."""
        years = sorted({day.year for day in self.sessions})
        return pl.concat(part for year in years for part in self._coefficients(year))

    def _coefficients(self, year: int) -> list[pl.DataFrame]:
        """A year at a time, so that memory does not grow with the range."""
        bounds = {
            "first": max(self.span.first, dt.date(year, 1, 1)),
            "last": min(self.span.last, dt.date(year, 12, 31)),
        }
        labels = self.read(LABELS, "label_log", "label_simple", **bounds)
        said = self.read(PREDICTIONS, "score", **bounds)
        horizon = self.profile.portfolio.horizon_sessions
        merged = self.read(COMBINED, "alpha", **bounds).select("event_date", "symbol", score="alpha")
        parts = [
            (str(model), int(of), "label_log", rows)
            for (model, of), rows in said.group_by(["model", "horizon_sessions"], maintain_order=True)
        ]
        return [
            rank_ic(
                rows, labels.filter(horizon_sessions=of).select("event_date", "symbol", label=label)
            ).select("event_date", pl.lit(model).alias("model"), pl.lit(of, pl.Int32).alias("horizon_sessions"), "rank_ic")
            # what all models say together is a simple return over the programme's horizon
            for model, of, label, rows in [*parts, (COMBINED_MODEL, horizon, "label_simple", merged)]
        ]  # fmt: skip


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
    deflated_sharpe: float | None
    n_trials: int

    def as_json(self) -> dict[str, Any]:
        frames = ("performance", "by_year", "information", "statuses", "limits")
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
        first: session to begin with; the first on which the main book sent orders unless given.
        last: session to end with; the last one stored, or the last before the hold-out, unless given.
        final: the hold-out may be shown.
        against: another home to stand beside; its hold-out is kept as well, and it is counted as a trial too.
        output: file to write; `reports/report.html` of the home unless given.

    Raises:
        ReportError: no account is stored, the range is empty, or it reaches into the hold-out without `final`.
        TrialLedgerError: the evaluation cannot be counted; then nothing is written.
    """
    store = home.open_store()
    profiles = [home.profile, *([against.profile] if against else [])]
    span = choose_span(store, profiles, first, last, final=final)
    found = Evaluation(home, store, span)
    other = Evaluation(against, against.open_store(), _shared(span, against)) if against else None
    ledgers = [home.folder / "trials.sqlite", *([against.folder / "trials.sqlite"] if against else [])]
    for one in (found, other):
        if one:
            record(ledgers[0], one.trial)
    counted = _union(ledgers)
    deflated = _deflated(found.trial, counted)
    header = _header(found, counted, deflated)
    parts = _sections(found) | (_comparison(found, other) if other else {})
    path = output or home.folder / "reports" / "report.html"
    _write(path, page(f"Report of {found.profile.name}", header, parts))
    return Report(
        path, header, found.performance, tables.by_year(found.returns, found.sessions),
        tables.information(found.coefficients), tables.statuses(found.main), tables.limits(found.read(DIAGNOSTICS)),
        deflated, len(counted),
    )  # fmt: skip


# -- the range ---------------------------------------------------------------------------------------------------------


def choose_span(
    store: Store, profiles: list[Profile], first: dt.date | None, last: dt.date | None, *, final: bool
) -> Span:
    """The sessions to report: what is asked for, as far as it is stored and lies before the hold-out."""
    hold_out = min((p.history.hold_out for p in profiles if p.history.hold_out), default=None)
    barred = hold_out is not None and not final
    for option, day in (("--from", first), ("--to", last)):
        if barred and day and hold_out and day >= hold_out:
            raise ReportError(
                f"{option} {day} lies in the hold-out, which begins on {hold_out}; end before it, or pass --final, "
                "which the trial ledger counts"
            )
    stored = store.sessions(PNL)
    if not stored:
        raise ReportError("backtest/pnl is not stored: there is nothing to report; run `asof backfill` first")
    asked = [day for day in stored if (not last or day <= last) and not (barred and hold_out and day >= hold_out)]
    if not asked:
        raise ReportError(
            f"no session is stored {f'up to {last}' if last else f'before the hold-out from {hold_out}'}; "
            f"backtest/pnl has {stored[0]} to {stored[-1]}"
        )
    begin, why = (first, "as asked") if first else _begin(store, asked)
    chosen = [day for day in asked if day >= begin]
    if len(chosen) < 2:  # noqa: PLR2004 -- a return stands between two sessions
        raise ReportError(
            f"{len(chosen)} sessions are stored from {begin} to {asked[-1]}, too few for a return; backtest/pnl has "
            f"{stored[0]} to {stored[-1]}"
        )
    return Span(chosen[0], chosen[-1], why, hold_out)


def _begin(store: Store, asked: list[dt.date]) -> tuple[dt.date, str]:
    """The first orders of the main book: before them it held cash, whatever was thought of anything."""
    account = store.read(PNL, asked[-1], asked[0], asked[-1], ["n_orders"])
    ordered = account.filter(pl.col("book") == MAIN, pl.col("n_orders") > 0)["event_date"]
    if ordered.is_empty() or ordered[0] == asked[-1]:
        return asked[0], "the first one stored; the main book has not traded yet"
    return ordered[0], "the main book's first orders"


def _shared(span: Span, against: Home) -> Span:
    """The part of the range that another home has stored."""
    days = [day for day in against.open_store().sessions(PNL) if span.first <= day <= span.last]
    if len(days) < 2:  # noqa: PLR2004 -- as above
        raise ReportError(
            f"{against.folder} has {len(days)} sessions of {span.first} to {span.last} stored; run `asof backfill` "
            "there, or compare another range"
        )
    return replace(span, first=days[0], last=days[-1])


# -- trials ------------------------------------------------------------------------------------------------------------


def _code(home: Home, store: Store, session: dt.date) -> Code:
    """A trial is what was evaluated: where the home's settings or code have moved on, that is what is stored."""
    runner = Runner(store, Calculation(home.profile, store.clock, make_vendor(home.profile)))
    versions, settings, stale = [], [], []
    commit = ""
    for asset in all_assets():
        for stored in store.partitions(asset.dataset, session, session):
            parts = stored.parts
            versions.append(f"{asset.name}={parts.get('code')}")
            settings += [f"{asset.name}.{name}={parts[name]}" for name in sorted(parts) if name.startswith("config:")]
            if any(parts.get(name) != value for name, value in runner.base_parts(asset).items()):
                stale.append(asset.name)
            commit = stored.git_commit if asset.name == PNL.name else commit
    chosen = digest_of(settings) if stale else config_hash(home.profile)
    return Code(chosen, digest_of(versions), commit, tuple(stale))


def _union(ledgers: list[Path]) -> dict[tuple[str, str], RecordedTrial]:
    """Trials of all ledgers, each once; the first ledger's word counts."""
    found: dict[tuple[str, str], RecordedTrial] = {}
    for path in ledgers:
        for trial in trials(path):
            found.setdefault((trial.latest.config_hash, trial.latest.code_version), trial)
    return found


def _deflated(trial: Trial, counted: dict[tuple[str, str], RecordedTrial]) -> float | None:
    if trial.sharpe is None or trial.skewness is None or trial.kurtosis is None:
        return None
    sharpes = [one.latest.sharpe for one in counted.values() if one.latest.sharpe is not None]
    return deflated_sharpe_ratio(
        trial.sharpe, trial.n_observations, trial.skewness, trial.kurtosis, len(counted), variance_of_trials(sharpes)
    )


# -- what is written ---------------------------------------------------------------------------------------------------


def _header(
    found: Evaluation, counted: dict[tuple[str, str], RecordedTrial], deflated: float | None
) -> dict[str, str]:
    span, code, n = found.span, found.code, len(counted)
    final = sum(one.final_evaluations for one in counted.values())
    hold_out = "none is set"
    if span.hold_out:
        hold_out = f"from {span.hold_out}: " + ("SHOWN, by --final" if span.shows_hold_out else "not shown")
    said = {
        "Profile": f"{found.profile.name}, {found.profile.portfolio.mode.replace('_', ' ')}; config {code.config_hash[:12]}",
        "Code": f"version {code.version[:12]}, commit {code.commit or 'unknown'}",
        "Sessions": f"{span.first} to {span.last} ({len(found.sessions)}), from {span.why} on",
        "Members with prices": _coverage(found),
        "Weakest knowledge grade": _grade(found),
        "Fill rule": "orders of session t fill at the open of t+1, or lapse; books are marked at the close",
        "Hold-out": hold_out,
        "Trials": f"{n} in the ledger, looked at {sum(one.evaluations for one in counted.values())} times, "
        f"{final} of them with the hold-out",
        "Deflated Sharpe ratio": _deflated_text(found.trial, n, deflated),
    }
    if code.stale:
        said["Stored under other settings or code"] = f"{', '.join(code.stale)}; run `asof backfill`"
    return said


def _deflated_text(trial: Trial, n: int, deflated: float | None) -> str:
    if deflated is None or trial.sharpe is None:
        return f"none: {trial.n_observations} returns of the main book have no Sharpe ratio"
    sure = "< 0.001" if deflated < 1e-3 else "> 0.999" if deflated > 1 - 1e-3 else f"{deflated:.3f}"  # noqa: PLR2004
    return f"{sure} with N = {n}: how sure it is that the Sharpe ratio is more than the best of N trials has by luck"


def _coverage(found: Evaluation) -> str:
    universe = found.read(UNIVERSE, "has_bar")
    members = found.read(MEMBERS, "linked")
    if members.is_empty():
        mean = universe.height / max(universe["event_date"].n_unique(), 1)
        return f"no dated members are stored: the universe is whoever has a bar, {mean:,.0f} names on average"
    share = tables.coverage(members, universe)
    worst = share.sort("share", "event_date").row(0, named=True)
    mean = float(share["share"].to_numpy().mean())
    counted = float(share["n_members"].to_numpy().mean())
    return f"{mean:.1%} of {counted:,.0f} on average, {worst['share']:.1%} at worst ({worst['event_date']})"


def _grade(found: Evaluation) -> str:
    """The weakest grade of the account, which carries that of all its inputs, and the sources' own."""
    bounds = (found.span.first, found.span.last)
    weakest = max(p.grade for p in found.store.partitions(PNL, *bounds))
    by_source = {
        name: max(p.grade for p in parts)
        for name in SOURCES
        if (parts := [p for p in found.store.partitions(name, *bounds) if p.rows])
    }
    listed = ", ".join(f"{name.removeprefix('market/')} {Grade(grade).label}" for name, grade in by_source.items())
    exceptions = ", ".join(found.profile.exceptions)
    return f"{Grade(weakest).label} ({listed})" + (f"; named exceptions: {exceptions}" if exceptions else "")


def _sections(found: Evaluation) -> dict[str, list[Part]]:
    """By heading, in the order of reading."""
    return {
        "Performance": _performance(found),
        "Equity and drawdown": _equity(found),
        "Exposures": _exposures(found),
        "Turnover and costs": [figures.turnover_and_costs(found.main[1:])],
        "Limits": _limits(found),
        "Information coefficients": _information(found),
        "Attribution": _attribution(found),
        **_regimes(found),
    }


def _performance(found: Evaluation) -> list[Part]:
    fallen = tables.drawdowns(found.returns, found.sessions)
    return [
        "Net of costs, fees and interest; simple returns, Sharpe and Sortino ratios over what cash earned.",
        tables.shown(found.performance),
        tables.shown(tables.by_year(found.returns, found.sessions)),
        fallen.with_columns(depth=pl.col("depth").map_elements(_percent, pl.String)),
    ]


def _percent(value: float) -> str:
    return tables.text(value, tables.SHARE)


def _equity(found: Evaluation) -> list[Part]:
    parts: list[Part] = [figures.equity(found.levels.drop_nulls("level"))]
    if missing := found.missing_benchmarks:
        parts.append(
            f"Not shown: {', '.join(missing)}. market/benchmarks holds no bars of that symbol in this range; "
            "bring them in the drop, or name others in backtest.benchmarks."
        )
    return parts


def _exposures(found: Evaluation) -> list[Part]:
    active = tables.active_weights(found.read(DIAGNOSTICS))
    kept = found.sessions[::-DRAWN_EVERY]
    parts: list[Part] = [figures.exposures(found.main, active.filter(pl.col("event_date").is_in(kept)))]
    parts.append(
        f"Industries: weight decided less the benchmark's, every {DRAWN_EVERY}th session."
        if active.height
        else "Industries: no programme was solved in this range."
    )
    of_factors = tables.factor_exposures(found.read(ATTRIBUTION))
    if of_factors.height:
        shown = of_factors.with_columns(pl.col("mean", "least", "largest").round(3))
        parts += ["Exposure to the risk model's factors at the previous close, fraction of NAV.", shown]
    return parts


def _limits(found: Evaluation) -> list[Part]:
    table = tables.limits(found.read(DIAGNOSTICS))
    parts: list[Part] = ["What became of the programme of each session.", tables.statuses(found.main)]
    if table.is_empty():
        return [*parts, "No limits: no programme was solved in this range."]
    return [
        *parts,
        "Every limit as it was asked for, re-evaluated outside the solver: sessions on which it bound, on which it was "
        "relaxed, and how far it was exceeded at worst. The ladder relaxes what is infeasible; the volatility target "
        "may be exceeded at a price, which counts as relaxed. lower and upper speak of the worst name.",
        table.with_columns(pl.col("worst_violation").map_elements(lambda v: f"{v:.2g}", pl.String)),
    ]


def _information(found: Evaluation) -> list[Part]:
    table = tables.information(found.coefficients)
    if table.is_empty():
        said = found.read(PREDICTIONS, "score", first=found.span.last)
        return [f"None: {'no label has matured' if said.height else 'nothing was predicted'} within this range."]
    shown = table.with_columns(
        pl.col("mean_ic").map_elements(lambda v: f"{v:.4f}".replace("-", "−"), pl.String),
        pl.col("t_hac").map_elements(lambda v: f"{v:.2f}".replace("-", "−"), pl.String),
        pl.col("positive").map_elements(_percent, pl.String),
    )
    return [
        f"Spearman rank correlation across stocks, every session, of what was predicted and the label learned by "
        f"{found.span.last}; labels that mature later are not known and not counted. t by Newey and West with one lag "
        f"less than the horizon.",
        shown,
        figures.information_by_month(found.coefficients),
    ]


def _attribution(found: Evaluation) -> list[Part]:
    rows = found.read(ATTRIBUTION).filter(pl.col("event_date") > found.span.first)
    if rows.is_empty():
        return ["None: backtest/attribution is not stored in this range; run `asof backfill`."]
    return [figures.cumulative_attribution(rows)]


def _regimes(found: Evaluation) -> dict[str, list[Part]]:
    """As they were known on each session: of the market by thresholds, of the largest industries fused."""
    returns = found.read(INDUSTRY_RETURNS, "log_return", "n_members")
    states = found.read(STATES)
    market = found.read(MARKET_FEATURES, "return_1").select(
        "event_date", pl.lit(tables.MARKET_NAME).alias("industry"), log_return="return_1"
    )
    words = tables.market_states(found.read(MARKET_REGIME))
    parts: dict[str, list[Part]] = {
        "Regime of the market": [
            "By thresholds, as known on each session, over the equal-weighted index of all members.",
            figures.regimes(words, market, tables.MARKET_NAME),
        ]
    }
    largest = (
        returns.filter(pl.col("industry").is_in(states["industry"].unique().to_list()))
        .group_by("industry").agg(pl.col("n_members").sum()).sort("n_members", "industry", descending=[True, False])
    )["industry"].to_list()  # fmt: skip
    if not largest:
        return parts | {"Regimes of industries": ["None: no industry has states in this range."]}
    for name in largest[:DRAWN_INDUSTRIES]:
        parts[f"Regime of {name}"] = [figures.regimes(states, returns, name)]
    return parts


def _comparison(found: Evaluation, other: Evaluation) -> dict[str, list[Part]]:
    """Two homes side by side, over the sessions that both have."""
    names = (f"this ({found.profile.name})", f"other ({other.profile.name})")
    both = sorted({*found.sessions} & {*other.sessions})
    mine, theirs = (one.main.filter(pl.col("event_date").is_in(both)) for one in (found, other))
    returns = {
        name: metrics.simple_returns(rows["nav_usd"].to_numpy())
        for name, rows in zip(names, (mine, theirs), strict=True)
    }
    kept = np.isin(found.sessions, both)
    table = tables.performance(returns, found.risk_free[kept], both, [names[1]])
    traded = [tables.trading(rows).rename({MAIN: name}) for rows, name in zip((mine, theirs), names, strict=True)]
    whole = pl.concat([table, traded[0].join(traded[1].drop("unit"), on="figure", how="left", maintain_order="left")])
    changed = [(key, _said(a), _said(b)) for key, a, b in _differences(found.profile, other.profile)]
    return {
        "Two configurations side by side": [
            figures.comparison(mine, theirs, names),
            tables.shown(whole),
            "Settings that differ.",
            pl.DataFrame(changed, schema=dict.fromkeys(["setting", *names], pl.String), orient="row"),
        ]
    }


def _said(value: object) -> str | None:
    return None if value is None else str(value)


def _differences(a: Profile, b: Profile) -> list[tuple[str, object, object]]:
    flat_a, flat_b = (_flat(p.model_dump(mode="json", exclude={"name": True})) for p in (a, b))
    keys = dict.fromkeys([*flat_a, *flat_b])
    return [(key, flat_a.get(key), flat_b.get(key)) for key in keys if flat_a.get(key) != flat_b.get(key)]


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _write(path: Path, text: str) -> None:
    if path.is_dir():
        raise ReportError(f"--output {path} is a folder; name a file in it")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
