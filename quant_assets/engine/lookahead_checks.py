"""The checks that every asset carries: `contract`, `no_lookahead` and those of its subject.

`no_lookahead` computes stored sessions again, from what was known at them, in a store that now holds later data, and
with that perturbed: the content must be the stored one.
"""

import datetime as dt
import secrets
import time
from collections.abc import Callable, Mapping, Sequence

import polars as pl

from configs.settings import Settings
from feature_store import sessions
from feature_store.dataset import Dataset
from feature_store.layout import days_of, month_of
from feature_store.partition import StoredPartition
from feature_store.readers import latest_versions
from feature_store.schemas.market import BARS
from feature_store.store import Store
from quant_assets.engine.asset import SessionAsset
from quant_assets.engine.computation import parameters
from quant_assets.engine.gate import CONTRACT, NO_LOOKAHEAD
from quant_assets.engine.looks import Looks, Results, around
from quant_assets.engine.results import CheckResult
from quant_assets.engine.run_looks import looks_of_run
from quant_assets.engine.runner import CHECKS, LOOKS, Runner
from quant_assets.engine.sampling import sampled_sessions
from quant_assets.engine.settings_seen import seen

__all__ = [
    "CONTRACT",
    "NO_LOOKAHEAD",
    "CheckResult",
    "Checker",
    "check_run",
    "look_again",
    "record",
    "sampled_sessions",
]


class Checker:
    """Checks stored sessions of assets.

    Args:
        closely: look at each call that a function makes, in every recomputation; else in the first one of each asset.
    """

    def __init__(self, runner: Runner, *, closely: bool = False) -> None:
        self._runner = runner
        self._closely = closely
        self._seen: set[str] = set()

    def contract(self, asset: SessionAsset, partitions: Sequence[StoredPartition]) -> list[CheckResult]:
        """Read back from disk: the content is what was announced, and what the subject demands holds."""
        faults = self._runner.store.faults(partitions)
        found = [(p, faults.get((p.session, p.generation))) for p in partitions]
        return [CheckResult(p.session, CONTRACT, fault is None, fault or "", partition=p) for p, fault in found]

    def subject(self, asset: SessionAsset, partitions: Sequence[StoredPartition]) -> list[CheckResult]:
        """The asset's own checks of each session: over its rows and what else each takes by name."""
        own = RowsOfSessions(self._runner.store, asset.dataset)
        bars = RowsOfSessions(self._runner.store, BARS, ahead=False)
        return [
            CheckResult(partition.session, name, wrong is None, wrong or "", partition=partition)
            for partition in (partitions if asset.checks else [])
            for name, wrong in self._broken(asset, own, bars, partition.session).items()
        ]

    def _broken(
        self, asset: SessionAsset, own_rows: "RowsOfSessions", bars: "RowsOfSessions", session: dt.date
    ) -> dict[str, str | None]:
        """What is wrong with the session by check, called with what it takes: `bars`, `clock`, `before`, settings."""
        offered: dict[str, Callable[[], object]] = {
            "bars": lambda: bars.at(session),
            "clock": lambda: self._runner.calculation.clock,
            "before": lambda: own_rows.at(sessions.shift(session, -1)),
        }
        rows = own_rows.at(session)
        profile = self._runner.profile
        wrong = {}
        for name, check in asset.checks.items():
            others = {n: offered[n]() for n, _ in parameters(check) if n in offered}
            kinds = [(n, a) for n, a in parameters(check) if isinstance(a, type) and issubclass(a, Settings)]
            own = {n: seen(asset, kind, profile) for n, kind in kinds}
            wrong[name] = check(rows, **others, **own)
        return wrong

    def recompute(self, asset: SessionAsset, session: dt.date) -> CheckResult | None:
        """Compute one stored session alone, from what was known at it; None where it is stale and cannot be checked."""
        closely, self._seen = self._closely or asset.name not in self._seen, self._seen | {asset.name}
        looks = Looks(self._runner, [asset], [session], closely=closely)
        return next(iter(looks.alone(looks.units)[asset.name]), None)

    def scrambled(self, asset: SessionAsset, cut: dt.date, last: dt.date, salt: str = "") -> list[CheckResult]:
        """Compute sessions up to `cut` with everything learned after it perturbed; they must agree with the stored.

        Of a time series a short range over the cut is computed; of the other kinds the sessions before it, each in a
        calculation that has read what comes after. A source's payload is cut instead.

        Args:
            last: session up to which a time series is computed.
        """
        return around(self._runner, asset, cut, last, salt)


class RowsOfSessions:
    """A dataset's rows about single sessions, as known at them; read a month at once where that suffices.

    Args:
        ahead: rows may lie in sessions before the one they speak of, as those of announced actions do.
    """

    def __init__(self, store: Store, dataset: Dataset, *, ahead: bool = True) -> None:
        self._store = store
        self._dataset = dataset
        self._one_by_one = dataset.restates and ahead
        self._month = ""
        self._rows: dict[dt.date, pl.DataFrame] = {}
        self._none = dataset.empty()

    def at(self, session: dt.date) -> pl.DataFrame:
        if self._one_by_one:
            return self._store.read(self._dataset, session, first=session, last=session)
        if session not in self._rows and month_of(session) != self._month:
            self._month = month_of(session)
            rows = self._store.versions(self._dataset, *days_of(self._month))
            if self._dataset.restates:
                rows = latest_versions(
                    rows.filter(pl.col("event_date") == pl.col("session")), self._dataset, repeated=True
                )
            parts = rows.partition_by("session", as_dict=True, include_key=False, maintain_order=True)
            # the session before a month's first is requested too
            last = dict(list(self._rows.items())[-1:])
            self._rows = last | {day: part.rechunk() for (day,), part in parts.items()}
        return self._rows.get(session, self._none)


def look_again(
    runner: Runner,
    assets: Sequence[SessionAsset],
    written: Mapping[str, Sequence[StoredPartition]],
    targets: Sequence[dt.date],
) -> Results:
    """Looks at stored sessions after a run of the assets of one function over `targets`; see `looks_of_run`."""
    started, salt = time.perf_counter(), runner.run_id or secrets.token_hex(8)
    own = sum(_own_seconds(runner, a, len(targets)) for a in assets)
    results = looks_of_run(runner, assets, written, targets, salt, own)
    took = (time.perf_counter() - started) / len(assets)
    for asset in assets:
        if days := [p.session for p in written[asset.name]]:
            runner.record_seconds(asset, days, {LOOKS: took})
    return results


def _own_seconds(runner: Runner, asset: SessionAsset, count: int) -> float:
    """What the run's sessions took to read, compute and store; as earlier ones did where all were stored."""
    if asset.name in runner.took:
        return runner.took[asset.name]
    stored = runner.store.index.seconds(asset.name)
    return count * sum(seconds for part, seconds in stored.items() if part not in (CHECKS, LOOKS))


def with_unchecked(
    runner: Runner, asset: SessionAsset, written: Sequence[StoredPartition], last: dt.date
) -> list[StoredPartition]:
    """What was written, and what a run that was killed has stored without checking it."""
    table, version, days = runner.store.checks.table, asset.dataset.version, {p.session for p in written}
    left = {
        day
        for check in (CONTRACT, *asset.checks)
        for day, _ in table.unchecked(asset.name, version, check, dt.date.min, last)
        if day not in days
    }
    more = runner.store.partitions(asset.dataset, min(left), max(left)) if left else []
    return sorted([*written, *(p for p in more if p.session in left)], key=lambda p: p.session)


def check_run(
    runner: Runner,
    asset: SessionAsset,
    written: Sequence[StoredPartition],
    targets: Sequence[dt.date],
    looked: Sequence[CheckResult] | None = None,
) -> list[CheckResult]:
    """All checks after a run of the asset over `targets`; the results are kept.

    Args:
        looked: what `look_again` found; it is called here where it is None.
    """
    if looked is None:
        looked = look_again(runner, [asset], {asset.name: written}, targets)[asset.name]
    checker, started = Checker(runner), time.perf_counter()
    unchecked = with_unchecked(runner, asset, written, targets[-1])
    results = checker.contract(asset, unchecked) + checker.subject(asset, unchecked) + list(looked)
    record(runner, asset, results)
    if written:
        runner.record_seconds(asset, [p.session for p in written], {CHECKS: time.perf_counter() - started})
    return results


def record(runner: Runner, asset: SessionAsset, results: Sequence[CheckResult]) -> None:
    """Keep the results for good."""
    runner.store.record_check_results(
        [(asset.name, r.session, r.check, r.passed, r.detail, r.look, r.partition) for r in results], runner.run_id
    )
