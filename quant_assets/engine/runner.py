"""Runs a session asset over sessions: what is missing or stale is computed, stamped and stored, in order, in groups.

A backfill of many sessions and a daily run of one take the same way; what a session holds depends on the session alone.
"""

import contextlib
import datetime as dt
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import polars as pl

from configs.settings import Profile
from feature_store import sessions
from feature_store.contract import NUMBER
from feature_store.dataset import KNOWN_AT, Column, Dataset, Grade
from feature_store.decision_time import end_of_day
from feature_store.describing import EPOCH, NewPartition, Provenance
from feature_store.errors import HindsightError
from feature_store.hashing import content_hashes
from feature_store.partition import StoredPartition
from feature_store.partition_table import PartitionTable
from feature_store.store import Store
from feature_store.texts import Texts
from feature_store.versioning import fingerprint
from quant_assets.engine.asset import ModelFit, Recursive, SessionAsset, Source, Window
from quant_assets.engine.computation import Calculation, session_seed
from quant_assets.engine.identity import identity
from quant_assets.engine.lineage import ActionsKnown, Lineage, as_written, lineage_of
from quant_assets.engine.staleness import due

GROUP = 60  # sessions, at least, that share one sync and one transaction; whole months
READING, COMPUTING, STORING, CHECKS = "reading", "computing", "storing", "checks"  # parts of the work
CHUNK_ROWS = 3_000_000  # input rows held at once: bounds memory, never values


@dataclass(frozen=True)
class Outcome:
    """What became of one session of a run."""

    session: dt.date
    partition: StoredPartition
    skipped: bool
    seconds: float
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Expected:
    """What a session's stored partition must say of itself to be current."""

    parts: dict[str, str]
    grade: Grade
    latest_known_at: dt.datetime | None
    lineage: Lineage

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.parts)


class Partitions(Protocol):
    """Which partitions there are: those of a store, or what would be stored."""

    def partitions(self, dataset: Dataset, first: dt.date, last: dt.date) -> Sequence[StoredPartition]: ...

    def table(self, dataset: Dataset, first: dt.date, last: dt.date) -> PartitionTable: ...

    def require(self, dataset: Dataset, needed: Sequence[dt.date]) -> None: ...


class StoredVersions:
    """The store as `Versions`.

    Attributes:
        seconds: that reading took so far.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.seconds = 0.0

    def versions(self, dataset: Dataset, first: dt.date, last: dt.date, columns: Sequence[str]) -> pl.DataFrame:
        started = time.perf_counter()
        rows = self._store.versions(dataset, first, last, columns)
        self.seconds += time.perf_counter() - started
        return rows

    def state(self, dataset: Dataset, session: dt.date) -> pl.DataFrame | None:
        self._store.require(dataset, [session])
        columns = [name for name in dataset.schema if name != "known_at"]
        return self.versions(dataset, session, session, columns).drop("session")


class Runner:
    """Runs assets of one profile on one store.

    Args:
        run_id, git_commit: written into every footer (law 9).
    """

    def __init__(self, store: Store, calculation: Calculation, run_id: str = "", git_commit: str = "") -> None:
        self.store = store
        self.calculation = calculation
        self.profile = calculation.profile
        self.texts = Texts(store.layout.texts)
        self._run_id = run_id
        self._git_commit = git_commit

    # -- running ---------------------------------------------------------------------------------------------------

    def run(self, asset: SessionAsset, targets: Sequence[dt.date]) -> Iterator[list[Outcome]]:
        """Store every target session that is missing or stale; yields groups of outcomes as they are safe on disk.

        Raises:
            MissingSessionsError: an input session from `history.start` on is not stored.
            HindsightError: an input column graded hindsight without a named exception.
        """
        targets = self._within_history(sorted(targets))
        if isinstance(asset, Recursive):
            _refuse_gaps(asset, targets)
        self._refuse_hindsight(asset)
        lock = self.store.locked(asset.name) if isinstance(asset, Recursive) else contextlib.nullcontext()
        with lock:
            for chunk in self.chunks(asset, targets):
                yield from self._run_chunk(asset, chunk)

    def _run_chunk(self, asset: SessionAsset, chunk: list[dt.date]) -> Iterator[list[Outcome]]:
        started, data = time.perf_counter(), StoredVersions(self.store)
        if isinstance(asset, Source):
            frames = self.calculation.compute(asset, chunk, data)
            frames, expected = self.of_source(asset, frames)
        else:
            self.require_inputs(asset, chunk)
            frames, expected = {}, self.expected(asset, chunk)
        stored = {p.session: p for p in self.store.partitions(asset.dataset, chunk[0], chunk[-1])}
        todo = due(chunk, expected, stored)
        current = [Outcome(t, stored[t], skipped=True, seconds=0.0) for t in chunk if t not in set(todo)]
        if current:
            yield current
        if not todo:
            return
        judged = time.perf_counter()
        if isinstance(asset, ModelFit):
            frames = self._fits(asset, todo, expected, data)
        elif not isinstance(asset, Source):
            frames = self.calculation.compute(asset, _span(asset, todo), data)
        computed = time.perf_counter()
        each = (computed - started) / len(todo)
        # of a source, asking the vendor is the computing
        computing = each * len(todo) if isinstance(asset, Source) else computed - judged - data.seconds
        actions = ActionsKnown(self.store, todo[-1])
        storing = 0.0
        for group in _batched(todo, GROUP):
            outcomes = self._store(asset, {t: frames.pop(t) for t in group}, expected, actions, each)
            storing += sum(o.seconds - each for o in outcomes)
            yield outcomes
        took = {READING: computed - started - computing, COMPUTING: computing, STORING: storing}
        self.record_seconds(asset, todo, took)

    def record_seconds(self, asset: SessionAsset, days: Sequence[dt.date], took: Mapping[str, float]) -> None:
        """What the sessions took together, by part of the work."""
        each = {(t, part): seconds / len(days) for part, seconds in took.items() for t in days}
        self.store.index.record_seconds(asset.name, each, dt.datetime.now(dt.UTC))

    def _store(
        self,
        asset: SessionAsset,
        frames: Mapping[dt.date, pl.DataFrame],
        expected: Mapping[dt.date, Expected],
        actions: ActionsKnown,
        seconds: float,
    ) -> list[Outcome]:
        started = time.perf_counter()
        self.texts.keep(identity(asset, self.calculation, type(self)).texts)
        rows = self._stamped(asset, frames, expected)
        new = [NewPartition(t, rows[t], self._provenance(asset, t, expected[t], actions)) for t in frames]
        written = self.store.write(asset.dataset, new)
        seconds += (time.perf_counter() - started) / len(new)
        return [
            Outcome(p.session, p, False, seconds, asset.figures(frames[p.session]) if asset.figures else {})
            for p in written
        ]

    def _fits(
        self, asset: ModelFit, todo: Sequence[dt.date], expected: Mapping[dt.date, Expected], data: StoredVersions
    ) -> dict[dt.date, pl.DataFrame]:
        """Parameters already stored under the same fingerprint are carried on; the others are fitted."""
        carried: dict[dt.date, pl.DataFrame] = {}
        refits = {t: asset.refit_session(t, self.profile) for t in todo}
        # Only the first period of a chunk can have been begun by an earlier run.
        begun = self.store.partitions(asset.dataset, refits[todo[0]], sessions.shift(todo[0], -1))
        same = [p for p in begun if p.fingerprint == expected[todo[0]].fingerprint]
        if same:
            columns = [name for name in asset.dataset.schema if name != "known_at"]
            rows = data.versions(asset.dataset, same[-1].session, same[-1].session, columns).drop("session")
            carried = {
                t: rows.with_columns(event_date=pl.lit(t, pl.Date)) for t in todo if refits[t] == refits[todo[0]]
            }
        rest = [t for t in todo if t not in carried]
        return carried | (self.calculation.compute(asset, rest, data) if rest else {})

    def stamped(self, asset: SessionAsset, session: dt.date, frame: pl.DataFrame, expected: Expected) -> pl.DataFrame:
        """One session as it is stored."""
        return self._stamped(asset, {session: frame}, {session: expected})[session]

    def _stamped(
        self, asset: SessionAsset, frames: Mapping[dt.date, pl.DataFrame], expected: Mapping[dt.date, Expected]
    ) -> dict[dt.date, pl.DataFrame]:
        """An output is stamped with the latest `known_at` of its inputs (law 3)."""
        if isinstance(asset, Source):
            return {t: frame.drop("grade", strict=False) for t, frame in frames.items()}
        heights = [frame.height for frame in frames.values()]
        known = np.array([_microseconds(expected[t].latest_known_at or end_of_day(t)) for t in frames], np.int64)
        # all at once, and no query for each: on small frames these cost more than storing them
        moments = pl.Series("known_at", np.repeat(known, heights)).cast(KNOWN_AT)
        offsets = itertools.accumulate(heights, initial=0)
        return {
            t: _only_values(frame).hstack([moments.slice(offset, frame.height)])
            for (t, frame), offset in zip(frames.items(), offsets, strict=False)
        }

    def _provenance(
        self, asset: SessionAsset, session: dt.date, expected: Expected, actions: ActionsKnown
    ) -> Provenance:
        seeded = asset.last_needed(session, self.profile)
        seeds = {"seed": session_seed(self.profile.seed, asset.name, seeded)} if "config:seed" in expected.parts else {}
        return Provenance(
            expected.fingerprint,
            expected.parts,
            expected.grade,
            self._run_id,
            self._git_commit,
            seeds,
            as_written(expected.lineage, actions),
        )

    # -- what a session depends on ------------------------------------------------------------------------------------

    def expected(
        self, asset: SessionAsset, chunk: Sequence[dt.date], stored: Partitions | None = None
    ) -> dict[dt.date, Expected]:
        """Fingerprint, grade and stamp of each session, from the inputs as they are in `stored`; by default, now."""
        base = self.base_parts(asset)
        stored = stored or self.store
        read = {name: InputTable(asset, w, self.profile, stored, chunk) for name, w in asset.inputs.items()}
        column_grade = max(
            (c.grade for w in asset.inputs.values() for c in _columns_read(w, self.profile)), default=Grade.OBSERVED
        )
        found: dict[dt.date, Expected] = {}
        before = self._fingerprint_before(asset, chunk[0], stored)
        for t in chunk:
            end = asset.last_needed(t, self.profile)
            windows = [(table, table.window(t, end)) for table in read.values()]
            parts = base | {f"input:{n}": i.digest(w) for n, (i, w) in zip(read, windows, strict=True)}
            if isinstance(asset, Recursive):
                parts["state"] = before
            known = [moment for i, w in windows if (moment := i.table.latest_known_at(w))]
            lineage = [i.table.lineage(w.stop - 1) for i, w in windows if w.stop > w.start]
            found[t] = Expected(
                parts,
                Grade(max([column_grade, *(i.table.grade(w) for i, w in windows)])),
                max(known, default=None),
                lineage_of(asset, end, lineage, self.profile),
            )
            before = found[t].fingerprint if isinstance(asset, Recursive) else ""
        return found

    def _fingerprint_before(self, asset: SessionAsset, first: dt.date, stored: Partitions) -> str:
        """A recursive value rests on all before it: the fingerprint of the session before stands for it."""
        if not isinstance(asset, Recursive) or first == sessions.at_or_after(self.profile.history.start):
            return ""
        previous = sessions.shift(first, -1)
        stored.require(asset.dataset, [previous])
        return stored.partitions(asset.dataset, previous, previous)[0].fingerprint

    def base_parts(self, asset: SessionAsset) -> dict[str, str]:
        """What the asset's sessions depend on beside their inputs."""
        return identity(asset, self.calculation, type(self)).parts

    def of_source(
        self, asset: SessionAsset, frames: Mapping[dt.date, pl.DataFrame]
    ) -> tuple[dict[dt.date, pl.DataFrame], dict[dt.date, Expected]]:
        """A source's input is its payload: the digest of the rows that it says of the session."""
        base = self.base_parts(asset)
        days = list(frames)
        rows = {t: frame.drop("grade", strict=False) for t, frame in frames.items()}
        found = {}
        for t, digest in zip(days, _payload_digests(list(rows.values()), asset.dataset.sort_key), strict=True):
            worst = max(frames[t].get_column("grade").to_list(), default=0) if "grade" in frames[t].columns else 0
            lineage = lineage_of(asset, t, [], self.profile)
            found[t] = Expected({**base, "input:payload": digest}, Grade(worst), None, lineage)
        return rows, found

    def require_inputs(self, asset: SessionAsset, chunk: Sequence[dt.date]) -> None:
        """Refuse, naming them, when declared input sessions are not stored (law 2)."""
        for window in asset.inputs.values():
            first = asset.first_needed(chunk[0], window, self.profile)
            self.store.require(window.dataset, sessions.between(first, asset.last_needed(chunk[-1], self.profile)))

    def _refuse_hindsight(self, asset: SessionAsset) -> None:
        for window in asset.inputs.values():
            for column in _hindsight_columns(window, self.profile):
                if f"{window.dataset.name}.{column.name}" not in self.profile.exceptions:
                    raise HindsightError(
                        f"{asset.name} reads {window.dataset.name}.{column.name}, which nobody knew at the time; leave "
                        f"the column out of its window, or name an exception in the profile: "
                        f"exceptions: {{{window.dataset.name}.{column.name}: why}}"
                    )

    # -- chunks ------------------------------------------------------------------------------------------------------

    def _within_history(self, targets: Sequence[dt.date]) -> list[dt.date]:
        start = self.profile.history.start
        if early := [t for t in targets if t < start]:
            raise ValueError(
                f"{early[0]} lies before history.start {start} of profile {self.profile.name}; start there, or move it"
            )
        return list(targets)

    def chunks(
        self, asset: SessionAsset, targets: Sequence[dt.date], stored: Partitions | None = None
    ) -> Iterator[list[dt.date]]:
        """Calendar years, or their months where a year would hold too many rows."""
        for _, year in itertools.groupby(targets, key=lambda t: t.year):
            whole = list(year)
            if self._rows(asset, whole, stored or self.store) <= CHUNK_ROWS:
                yield whole
            else:
                yield from (list(month) for _, month in itertools.groupby(whole, key=lambda t: t.month))

    def _rows(self, asset: SessionAsset, chunk: Sequence[dt.date], stored: Partitions) -> int:
        """Input rows that a chunk reads."""
        tables = (InputTable(asset, w, self.profile, stored, chunk).table for w in asset.inputs.values())
        return sum(table.rows(slice(None)) for table in tables)


class InputTable:
    """Partitions of one input that any target of a chunk reads, and what of them counts."""

    def __init__(
        self, asset: SessionAsset, window: Window, profile: Profile, stored: Partitions, chunk: Sequence[dt.date]
    ) -> None:
        self._asset, self._window, self._profile = asset, window, profile
        self._columns = ("event_date", *window.dataset.key, *window.values(profile), "known_at")
        self.table = stored.table(window.dataset, asset.first_needed(chunk[0], window, profile), chunk[-1])

    def window(self, target: dt.date, end: dt.date) -> slice:
        """Positions of the sessions that a target reads, up to `end`."""
        return self.table.between(self._asset.first_needed(target, self._window, self._profile), end)

    def digest(self, window: slice) -> str:
        """Of the columns that are read, and of no other: an added one makes nobody stale."""
        return self.table.digest(window, self._columns)


def _only_values(frame: pl.DataFrame) -> pl.DataFrame:
    stamps = [name for name in ("session", "known_at") if name in frame.columns]
    return frame.drop(stamps) if stamps else frame


def _microseconds(moment: dt.datetime) -> int:
    return (moment - EPOCH) // dt.timedelta(microseconds=1)


def _span(asset: SessionAsset, todo: Sequence[dt.date]) -> Sequence[dt.date]:
    """A recursive asset goes through every session from the first that is due; the others compute what is due only."""
    return sessions.between(todo[0], todo[-1]) if isinstance(asset, Recursive) else todo


def _refuse_gaps(asset: Recursive, targets: Sequence[dt.date]) -> None:
    if targets and (gaps := sorted({*sessions.between(targets[0], targets[-1])} - {*targets})):
        raise ValueError(f"{asset.name} walks from session to session; add {gaps[0]}, or run the parts on their own")


def _columns_read(window: Window, profile: Profile) -> list[Column]:
    return [c for c in window.dataset.columns if c.name in (*window.dataset.key, *window.values(profile))]


def _hindsight_columns(window: Window, profile: Profile) -> list[Column]:
    return [c for c in _columns_read(window, profile) if c.grade == Grade.HINDSIGHT]


def _batched(items: Sequence[dt.date], size: int) -> Iterator[list[dt.date]]:
    """Whole months, as many as it takes to make a group of at least this size: a month is then one file."""
    group: list[dt.date] = []
    for _, month in itertools.groupby(items, key=lambda t: (t.year, t.month)):
        group += month
        if len(group) >= size:
            yield group
            group = []
    if group:
        yield group


def _payload_digests(frames: Sequence[pl.DataFrame], sort_key: Sequence[str]) -> list[str]:
    """Content hash of each payload, in the order of the key; all hashed at once."""
    if not frames:
        return []
    columns = sorted(frames[0].columns)
    bounds = list(itertools.accumulate((frame.height for frame in frames), initial=0))
    number = pl.Series(NUMBER, np.repeat(np.arange(len(frames)), np.diff(bounds)))
    whole = pl.concat([frame.select(columns) for frame in frames]).with_columns(number).sort(NUMBER, *sort_key)
    return [found.content for found in content_hashes(whole.drop(NUMBER), bounds)]
