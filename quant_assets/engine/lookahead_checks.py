"""The checks that every asset carries: `contract` and `no_lookahead`.

`no_lookahead` recomputes stored sessions alone, from what was known at them, in a store that now holds later data, and
once more inside a range whose inputs after a random session are scrambled: the content must be the stored one.
"""

import contextlib
import datetime as dt
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import polars as pl

from configs.settings import Settings
from feature_store import sessions
from feature_store.check_results import RUN
from feature_store.contract import validated
from feature_store.dataset import Dataset
from feature_store.errors import StoreError
from feature_store.hashing import content_hash, digest_of
from feature_store.layout import days_of, month_of
from feature_store.numeric_platform import PART, in_force, is_pinned
from feature_store.partition import StoredPartition
from feature_store.readers import latest_versions
from feature_store.rounding import equal_within_rounding
from feature_store.schemas.market import BARS
from feature_store.store import Store
from feature_store.versioning import fingerprint
from quant_assets.engine.access_profile import strictly
from quant_assets.engine.asset import ModelFit, Recursive, SessionAsset, Source, TimeSeries
from quant_assets.engine.computation import Versions, parameters
from quant_assets.engine.gate import CONTRACT, NO_LOOKAHEAD
from quant_assets.engine.runner import CHECKS, Runner, StoredVersions
from quant_assets.engine.settings_seen import seen

ALONE, SCRAMBLED = "alone", "scrambled"  # looks of `no_lookahead`
SPAN = 10  # sessions on either side of the scrambled pass's cut


@dataclass(frozen=True)
class CheckResult:
    session: dt.date
    check: str
    passed: bool
    detail: str = ""
    look: str = RUN  # how the session was looked at; failures of each are kept apart
    partition: StoredPartition | None = field(default=None, compare=False, repr=False)  # what was checked


class Scrambled:
    """Versions in which every value learned after `cut` belongs to somebody else, and every third row is gone.

    Numbers are half as large again, and flags turned.
    """

    def __init__(self, data: Versions, cut: dt.date, seed: int) -> None:
        self._data = data
        self._cut = cut
        self._seed = seed

    def versions(self, dataset: Dataset, first: dt.date, last: dt.date, columns: Sequence[str]) -> pl.DataFrame:
        rows = self._data.versions(dataset, first, last, columns)
        later = rows.filter(pl.col("session") > self._cut)
        rng = np.random.default_rng(self._seed)
        order = rng.permutation(later.height)
        moved = [_perturbed(later.get_column(name).gather(order)) for name in dataset.values if name in rows.columns]
        kept = later.with_columns(moved).filter(pl.Series(rng.random(later.height) > 1 / 3))
        return pl.concat([rows.filter(pl.col("session") <= self._cut), kept])

    def state(self, dataset: Dataset, session: dt.date) -> pl.DataFrame | None:
        return self._data.state(dataset, session)


def _perturbed(values: pl.Series) -> pl.Series:
    if values.dtype.is_numeric():
        return (values * 1.5).cast(values.dtype)
    return ~values if values.dtype == pl.Boolean else values


class Checker:
    """Checks stored sessions of assets.

    Args:
        closely: look at each call that a function makes, in every recomputation; else in the first one of each asset.
    """

    def __init__(self, runner: Runner, *, closely: bool = False) -> None:
        self._runner = runner
        self._closely = closely
        self._seen: set[str] = set()
        self._data = StoredVersions(runner.store)

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
        stored = self._stored(asset, session)
        if stored is None:
            return None
        try:
            with self._look(asset):
                frame = self._runner.calculation.compute(asset, [session], self._data)[session]
        except Exception as error:  # what cannot be computed alone was computed from something else
            return CheckResult(session, NO_LOOKAHEAD, False, f"cannot be computed alone: {error}", ALONE, stored)
        return self._compare(asset, stored, frame, "computed alone", ALONE)

    def _look(self, asset: SessionAsset) -> contextlib.AbstractContextManager[None]:
        """At the calls of the asset's function, where it is their turn."""
        first, self._seen = asset.name not in self._seen, self._seen | {asset.name}
        return strictly(asset) if first or self._closely else contextlib.nullcontext()

    def scrambled(self, asset: SessionAsset, cut: dt.date, last: dt.date) -> list[CheckResult]:
        """Compute a short range over `cut` with everything learned after it scrambled; what lies before must agree.

        A source's payload is cut instead.
        """
        if isinstance(asset, Recursive | ModelFit):  # the one takes one step, the other sees one window
            return []
        targets = self._around(asset, cut, last)
        known = [t for t in targets if t <= cut]
        if not known:
            return []
        try:
            how, frames = self._without_future(asset, cut, targets, known)
        except Exception as error:
            wrong = f"cannot be computed without what was learned after: {error}"
            return [CheckResult(cut, NO_LOOKAHEAD, False, wrong, SCRAMBLED)]
        stored = {t: self._stored(asset, t) for t in known}
        return [self._compare(asset, found, frames[t], how, SCRAMBLED) for t, found in stored.items() if found]

    def _around(self, asset: SessionAsset, cut: dt.date, last: dt.date) -> list[dt.date]:
        """Stored sessions near the cut; of its own year where calculations start at a year's anchor."""
        first, end = sessions.shift(cut, -SPAN), min(sessions.shift(cut, SPAN), last)
        stored = self._runner.store.sessions(asset.dataset)
        of_a_year = isinstance(asset, TimeSeries) and asset.anchor == "year"
        return [s for s in stored if first <= s <= end and (not of_a_year or s.year == cut.year)]

    def _without_future(
        self, asset: SessionAsset, cut: dt.date, targets: Sequence[dt.date], known: Sequence[dt.date]
    ) -> tuple[str, dict[dt.date, pl.DataFrame]]:
        compute = self._runner.calculation.compute
        if not isinstance(asset, Source):
            seed = int(digest_of([asset.name, str(cut)])[:8], 16)
            # A function may reject what no market can hold; that its inputs end at the cut it must bear.
            with contextlib.suppress(Exception):
                return f"everything after {cut} scrambled", compute(asset, targets, Scrambled(self._data, cut, seed))
        return f"everything after {cut} cut off", compute(asset, known, self._data)

    def _stored(self, asset: SessionAsset, session: dt.date) -> StoredPartition | None:
        """The stored partition, if it is what code, config and inputs of today would store on its platform."""
        found = self._runner.store.partitions(asset.dataset, session, session)
        if not found:
            return None
        there = {PART: found[0].parts.get(PART, "")}
        if isinstance(asset, Source):
            now = self._runner.base_parts(asset) | there
            return found[0] if {**found[0].parts, **now} == found[0].parts else None
        expected = self._runner.expected(asset, [session])[session]
        return found[0] if found[0].fingerprint == fingerprint(expected.parts | there) else None

    def _compare(
        self, asset: SessionAsset, stored: StoredPartition, frame: pl.DataFrame, how: str, look: str
    ) -> CheckResult:
        session, result = stored.session, partial(CheckResult, stored.session, NO_LOOKAHEAD)
        expected = self._runner.expected(asset, [session])[session]
        rows = self._runner.stamped(asset, session, frame, expected)
        try:
            (rows,) = validated(asset.dataset, [(session, rows)])
        except StoreError as error:
            return result(False, f"{how}: {error}", look, stored)
        found, platform = content_hash(rows, []), stored.parts[PART]
        if found == stored.content_hash:
            return result(True, "", look, stored)
        if platform == in_force().identity and is_pinned(platform):
            return result(False, f"{how}: {found}, stored {stored.content_hash}", look, stored)
        kept = self._runner.store.rows_of(stored)
        passed, detail = equal_within_rounding(kept, rows, asset.dataset.sort_key, platform)
        return result(passed, f"{how}: {detail}", look, stored)


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


def sampled_sessions(asset: SessionAsset, runner: Runner, first: dt.date, last: dt.date, count: int) -> list[dt.date]:
    """Stored sessions worth recomputing after a run over [first, last].

    One inside the run; a year's edge, a refit, one around a correction and any other, in random order; and more from
    inside. The choice is a hash of (asset, range), so that a repeated run repeats it.
    """
    stored = [s for s in runner.store.sessions(asset.dataset) if s <= last]
    inside = [s for s in stored if first <= s < last]
    edges = [b for a, b in itertools.pairwise(stored) if a.year != b.year]
    refits = [s for s in stored if isinstance(asset, ModelFit) and asset.refit_session(s, runner.profile) == s]
    groups = [g for g in (edges, refits, around_corrections(asset, runner, first, stored), stored) if g]
    rng = np.random.default_rng(int(digest_of([asset.name, str(first), str(last)])[:8], 16))
    groups_drawn = [inside] * bool(inside) + [groups[int(i)] for i in rng.permutation(len(groups))]
    groups_drawn += [inside or stored] * count if stored else []
    picks = [group[int(rng.integers(len(group)))] for group in groups_drawn]
    return sorted(list(dict.fromkeys(picks))[:count])


def around_corrections(asset: SessionAsset, runner: Runner, first: dt.date, stored: Sequence[dt.date]) -> list[dt.date]:
    """Stored sessions that learned late rows, the ones just before, and those whose rows were corrected."""
    restating = {d.name: d for d in (asset.dataset, *(w.dataset for w in asset.inputs.values())) if d.restates}
    around: set[dt.date] = set()
    for dataset in restating.values() if stored else []:
        for p in runner.store.partitions(dataset, sessions.shift(first, -SPAN), stored[-1]):
            if p.late_rows and p.first_event:
                around |= {p.session, sessions.shift(p.session, -1), p.first_event}
    return [s for s in stored if s in around]


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
    runner: Runner, asset: SessionAsset, written: Sequence[StoredPartition], targets: Sequence[dt.date]
) -> list[CheckResult]:
    """Both checks after a run of the asset over `targets`; the results are recorded in the store's index."""
    checker, started = Checker(runner), time.perf_counter()
    count = 1 if len(targets) == 1 else 4
    unchecked = with_unchecked(runner, asset, written, targets[-1])
    results = checker.contract(asset, unchecked) + checker.subject(asset, unchecked)
    sampled = sampled_sessions(asset, runner, targets[0], targets[-1], count)
    results += [v for s in sampled if (v := checker.recompute(asset, s))]
    if len(targets) > 2:
        rng = np.random.default_rng(int(digest_of([asset.name, "cut", str(targets[0]), str(targets[-1])])[:8], 16))
        results += checker.scrambled(asset, targets[int(rng.integers(len(targets) - 1))], targets[-1])
    record(runner, asset, results)
    if written:
        runner.record_seconds(asset, [p.session for p in written], {CHECKS: time.perf_counter() - started})
    return results


def record(runner: Runner, asset: SessionAsset, results: Sequence[CheckResult]) -> None:
    """Keep the results for good."""
    runner.store.record_check_results(
        [(asset.name, r.session, r.check, r.passed, r.detail, r.look, r.partition) for r in results], runner.run_id
    )
