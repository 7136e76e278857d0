"""What a home's books did over a range, as known at its last session; the hold-out only if it may be shown."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from configs.settings import Profile
from feature_store import sessions as calendar
from feature_store.dataset import Dataset
from feature_store.hashing import digest_of
from feature_store.schemas.alpha import COMBINED, PREDICTIONS
from feature_store.schemas.backtest import PNL
from feature_store.schemas.execution import BOOKS
from feature_store.schemas.features import LABELS
from feature_store.schemas.market import ADJUSTED_BENCHMARKS, MACRO
from feature_store.store import Store
from quant_assets.alpha.evidence.significance import rank_ic
from quant_assets.backtest import metrics
from quant_assets.backtest.benchmarks import levels
from quant_assets.engine.opening import open_runner
from quant_assets.execution.book.interest import PERCENT
from quant_assets.graph import all_assets
from quant_assets.numerics.arrays import Array
from quant_assets.reporting.errors import ReportError
from quant_resources.home import Home
from quant_resources.ledgers.trials import Trial

MAIN, EQUAL_WEIGHT = "main", "equal_weight"  # books
COMBINED_MODEL = "combined"
COEFFICIENTS = {"event_date": pl.Date(), "model": pl.String(), "horizon_sessions": pl.Int32(), "rank_ic": pl.Float64()}


@dataclass(frozen=True)
class Span:
    """The sessions of a report.

    Attributes:
        first, last: both included; returns start from the values of the first.
        why: why it begins there.
        hold_out: the earliest one of the homes; None where none is set.
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
        config_hash: of the settings in the fingerprints, all assets together; what no value depends on does not count.
        version: of the code in the fingerprints, all assets together.
        commit: of the code that stored the account.
        stale: datasets that were stored under other settings or code than the home's.
    """

    config_hash: str
    version: str
    commit: str
    stale: tuple[str, ...]


def require_before_hold_out(first: dt.date | None, last: dt.date | None, end: dt.date | None) -> None:
    """Raises ReportError where one of the requested days is not before `end`, at which the hold-out begins."""
    for option, day in (("--from", first), ("--to", last)):
        if end and day and day >= end:
            raise ReportError(
                f"{option} {day} lies in the hold-out, which begins on {end}; end before it, or pass --final, which "
                "the trial ledger counts"
            )


def span_of(
    home: Home, dataset: Dataset, first: dt.date | None, last: dt.date | None, *, final: bool
) -> tuple[Span, list[dt.date]]:
    """The sessions of a dataset that are stored, requested and may be shown, and their span.

    Raises:
        ReportError: nothing is stored, or the hold-out is requested without `final`.
    """
    hold_out = home.profile.history.hold_out
    end = None if final else hold_out
    require_before_hold_out(first, last, end)
    stored = home.open_store().sessions(dataset)
    days = [
        day for day in stored if (not first or day >= first) and (not last or day <= last) and (not end or day < end)
    ]
    if not days:
        raise ReportError(f"{dataset.name} has no session of the range; run `asof backfill` over it")
    return Span(days[0], days[-1], "the requested day" if first else "the first one stored", hold_out), days


def choose_span(
    store: Store, profiles: list[Profile], first: dt.date | None, last: dt.date | None, *, final: bool
) -> Span:
    """The sessions to report: what is requested, as far as it is stored and may be shown.

    Raises:
        ReportError: nothing is stored, fewer than two sessions are left, or the hold-out is requested without `final`.
    """
    hold_out = min((p.history.hold_out for p in profiles if p.history.hold_out), default=None)
    end = None if final else hold_out
    require_before_hold_out(first, last, end)
    stored = store.sessions(PNL)
    if not stored:
        raise ReportError("backtest/pnl is not stored: there is nothing to report; run `asof backfill` first")
    shown = [day for day in stored if (not last or day <= last) and (not end or day < end)]
    begin, why = (first, "the requested day") if first else _begin(store, shown)
    days = [day for day in shown if begin and day >= begin]
    if len(days) < 2:
        before = f" before the hold-out from {end}" if end and not last else ""
        raise ReportError(
            f"{len(days)} sessions are stored from {begin or stored[0]} to {last or stored[-1]}{before}, too few for "
            f"a return; backtest/pnl has {stored[0]} to {stored[-1]}"
        )
    return Span(days[0], days[-1], why, hold_out)


def _begin(store: Store, days: list[dt.date]) -> tuple[dt.date | None, str]:
    """The session of the main book's first orders, before which it held cash, and why the report begins there."""
    if not days:
        return None, ""
    account = store.read(PNL, days[-1], days[0], days[-1], ["n_orders"])
    ordered = account.filter(pl.col("book") == MAIN, pl.col("n_orders") > 0)["event_date"]
    if ordered.is_empty() or ordered[0] == days[-1]:
        return days[0], "the first one stored, as the main book has not traded yet,"
    return ordered[0], "the main book's first orders"


def shared_span(span: Span, other: Home) -> Span:
    """The part of the range that another home has stored.

    Raises:
        ReportError: fewer than two sessions of it.
    """
    days = [day for day in other.open_store().sessions(PNL) if span.first <= day <= span.last]
    if len(days) < 2:
        raise ReportError(
            f"{other.folder} has {len(days)} sessions of {span.first} to {span.last} stored; run `asof backfill` "
            "there, or compare over another range"
        )
    return replace(span, first=days[0], last=days[-1])


def cash_rates_annual(macro: pl.DataFrame, sessions: Sequence[dt.date], profile: Profile) -> Array:
    """(T,) `cash_rate_annual` on the session before each, all at once: one by one takes half a minute."""
    known = macro.filter(pl.col("series") == profile.macro.cash_rate, pl.col("value").is_not_null())
    dates, values = known["event_date"].to_numpy(), known["value"].to_numpy()
    before = [calendar.shift(day, -1) for day in sessions]
    oldest = [calendar.shift(day, 1 - profile.macro.max_age_sessions) for day in before]
    last = np.searchsorted(dates, np.array(before, dtype="datetime64[D]"), side="right") - 1
    fresh = last >= np.searchsorted(dates, np.array(oldest, dtype="datetime64[D]"), side="left")
    rates = np.full(len(sessions), profile.execution.cash_rate_annual)
    rates[fresh] = values[last[fresh]] * PERCENT
    return rates


class Evaluation:
    """One home over a range; each part is read once, when it is first used."""

    def __init__(self, home: Home, span: Span) -> None:
        self.home, self.span = home, span
        self.store: Store = home.open_store()
        self.profile: Profile = home.profile

    def read(self, dataset: Dataset, *columns: str, **bounds: Any) -> pl.DataFrame:  # noqa: ANN401 -- as the store's
        span = self.span
        every = {"first": span.first, "last": span.last, "columns": columns or None} | bounds
        return self.store.read(dataset, span.last, **every)

    @cached_property
    def pnl(self) -> pl.DataFrame:
        return self.read(PNL)

    @cached_property
    def main(self) -> pl.DataFrame:
        return self.pnl.filter(book=MAIN)

    @cached_property
    def sessions(self) -> list[dt.date]:
        return self.main["event_date"].to_list()

    @cached_property
    def levels(self) -> pl.DataFrame:
        """event_date, name, level: the books, then the benchmarks in the order of the profile."""
        symbols = self.profile.backtest.benchmarks
        benchmarks = levels(self.read(ADJUSTED_BENCHMARKS, "log_return", symbols=symbols), self.sessions)
        books = self.pnl.select("event_date", name="book", level="nav_usd")
        parts = [books.filter(name=book) for book in BOOKS]
        parts += [benchmarks.filter(symbol=symbol).rename({"symbol": "name"}) for symbol in symbols]
        return pl.concat(part.select("event_date", "name", "level") for part in parts).drop_nulls("level")

    @cached_property
    def missing_benchmarks(self) -> list[str]:
        known = set(self.levels["name"])
        return [symbol for symbol in self.profile.backtest.benchmarks if symbol not in known]

    @cached_property
    def returns(self) -> dict[str, Array]:
        """Of each book and benchmark, one a session, NaN where missing and on the first."""
        days = pl.DataFrame({"event_date": self.sessions})
        aligned = {
            str(name): days.join(rows, on="event_date", how="left", maintain_order="left")["level"]
            for (name,), rows in self.levels.group_by(["name"], maintain_order=True)
        }
        return {name: metrics.simple_returns(level.to_numpy()) for name, level in aligned.items()}

    @cached_property
    def risk_free(self) -> Array:
        """What cash earned since the session before, by the rate observed up to then."""
        oldest = calendar.shift(self.sessions[0], -self.profile.macro.max_age_sessions - 1)
        macro = self.read(MACRO, "value", first=oldest)
        return metrics.cash_returns(cash_rates_annual(macro, self.sessions, self.profile), self.sessions)

    @cached_property
    def coefficients(self) -> pl.DataFrame:
        """event_date, model, horizon_sessions, rank_ic of every session whose label has matured within the range."""
        years = sorted({day.year for day in self.sessions})
        parts = [part for year in years for part in self._coefficients(year)]
        return pl.concat([pl.DataFrame(schema=COEFFICIENTS), *parts])

    def _coefficients(self, year: int) -> list[pl.DataFrame]:
        """A year at a time, so that memory does not grow with the range."""
        first, last = max(self.span.first, dt.date(year, 1, 1)), min(self.span.last, dt.date(year, 12, 31))
        labels = self.read(LABELS, "label_log", "label_simple", first=first, last=last)
        predicted = self.read(PREDICTIONS, "score", first=first, last=last)
        merged = self.read(COMBINED, "alpha", first=first, last=last).rename({"alpha": "score"})
        every = [
            (str(model), int(horizon), "label_log", rows)
            for (model, horizon), rows in predicted.group_by(["model", "horizon_sessions"], maintain_order=True)
        ]
        # the combined alpha is a simple return over the optimization's horizon
        every.append((COMBINED_MODEL, self.profile.portfolio.horizon_sessions, "label_simple", merged))
        parts = []
        for model, horizon, label, rows in every:
            matured = labels.filter(horizon_sessions=horizon).select("event_date", "symbol", label=label)
            named = {"model": pl.lit(model), "horizon_sessions": pl.lit(horizon, pl.Int32)}
            parts.append(rank_ic(rows, matured).with_columns(**named).select(*COEFFICIENTS))
        return parts

    @cached_property
    def code(self) -> Code:
        """Of what is stored, even where the home's settings or code have changed since."""
        runner = open_runner(self.home, self.store, self.profile)
        versions, settings, stale, commit = [], [], [], ""
        for asset in all_assets(self.profile):
            for stored in self.store.partitions(asset.dataset, self.span.last, self.span.last):
                parts = stored.parts
                versions.append(f"{asset.name}={parts.get('code')}")
                settings += [f"{asset.name}.{k}={parts[k]}" for k in sorted(parts) if k.startswith("config:")]
                if any(parts.get(name) != value for name, value in runner.base_parts(asset).items()):
                    stale.append(asset.name)
                commit = stored.git_commit if asset.name == PNL.name else commit
        return Code(digest_of(settings), digest_of(versions), commit, tuple(stale))

    @cached_property
    def trial(self) -> Trial:
        main = metrics.performance(self.returns[MAIN], self.risk_free, self.sessions)
        return Trial(
            self.code.config_hash,
            self.code.version,
            self.profile.name,
            self.span.first,
            self.span.last,
            main.sharpe_per_session,
            main.n_sessions,
            main.skewness,
            main.kurtosis,
            self.span.shows_hold_out,
        )
