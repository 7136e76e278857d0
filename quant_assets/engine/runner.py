"""Runs a session asset over sessions: what is missing or stale is computed, stamped and stored, in order, in groups.

A backfill of many sessions and a daily run of one take the same way; what a session holds depends on the session alone.
"""

import contextlib
import datetime as dt
import itertools
import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

from configs.settings import Profile
from feature_store import sessions
from feature_store.dataset import KNOWN_AT, Column, Dataset, Grade
from feature_store.decision_time import end_of_day
from feature_store.errors import HindsightError
from feature_store.hashing import content_hash, digest_of
from feature_store.index import StoredPartition
from feature_store.numeric_platform import PART, in_force
from feature_store.store import Store
from feature_store.versioning import code_version, fingerprint, schema_version, window_digest
from feature_store.writers import NewPartition, Provenance
from quant_assets.engine.asset import SessionAsset, Window
from quant_assets.engine.computation import Calculation, session_seed, settings_of
from quant_assets.engine.lineage import ActionsKnown, Lineage, as_written, lineage_of

GROUP = 64  # sessions that share one sync and one transaction
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

    def require(self, dataset: Dataset, needed: Sequence[dt.date]) -> None: ...


class StoredVersions:
    """The store as `Versions`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def versions(self, dataset: Dataset, first: dt.date, last: dt.date, columns: Sequence[str]) -> pl.DataFrame:
        return self._store.versions(dataset, first, last, columns)

    def state(self, dataset: Dataset, session: dt.date) -> pl.DataFrame | None:
        self._store.require(dataset, [session])
        columns = [name for name in dataset.schema if name != "known_at"]
        return self._store.versions(dataset, session, session, columns).drop("session")


class Runner:
    """Runs assets of one profile on one store.

    Args:
        run_id, git_commit: written into every footer (law 9).
    """

    def __init__(self, store: Store, calculation: Calculation, run_id: str = "", git_commit: str = "") -> None:
        self.store = store
        self.calculation = calculation
        self.profile = calculation.profile
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
        if asset.kind == "path":
            _refuse_gaps(asset, targets)
        self._refuse_hindsight(asset)
        lock = self.store.locked(asset.name) if asset.kind == "path" else contextlib.nullcontext()
        with lock:
            for chunk in self.chunks(asset, targets):
                yield from self._run_chunk(asset, chunk)

    def _run_chunk(self, asset: SessionAsset, chunk: list[dt.date]) -> Iterator[list[Outcome]]:
        started = time.perf_counter()
        if asset.kind == "source":
            frames = self.calculation.compute(asset, chunk, StoredVersions(self.store))
            frames, expected = self.of_source(asset, frames)
        else:
            self.require_inputs(asset, chunk)
            frames, expected = {}, self.expected(asset, chunk)
        stored = {p.session: p for p in self.store.partitions(asset.dataset, chunk[0], chunk[-1])}
        due = {t for t in chunk if t not in stored or stored[t].fingerprint != expected[t].fingerprint}
        todo = sorted(due)
        current = [Outcome(t, stored[t], skipped=True, seconds=0.0) for t in chunk if t not in due]
        if current:
            yield current
        if not todo:
            return
        if asset.kind == "fit":
            frames = self._fits(asset, todo, expected)
        elif asset.kind != "source":
            frames = self.calculation.compute(asset, _span(asset, todo), StoredVersions(self.store))
        actions = ActionsKnown(self.store, todo[-1])
        each = (time.perf_counter() - started) / len(todo)
        for group in _batched(todo, GROUP):
            yield self._store(asset, {t: frames.pop(t) for t in group}, expected, actions, each)

    def _store(
        self,
        asset: SessionAsset,
        frames: Mapping[dt.date, pl.DataFrame],
        expected: Mapping[dt.date, Expected],
        actions: ActionsKnown,
        seconds: float,
    ) -> list[Outcome]:
        started = time.perf_counter()
        new = [
            NewPartition(
                t, self.stamped(asset, t, frame, expected[t]), self._provenance(asset, t, expected[t], actions)
            )
            for t, frame in frames.items()
        ]
        written = self.store.write(asset.dataset, new)
        seconds += (time.perf_counter() - started) / len(new)
        return [
            Outcome(p.session, p, False, seconds, asset.figures(frames[p.session]) if asset.figures else {})
            for p in written
        ]

    def _fits(
        self, asset: SessionAsset, todo: Sequence[dt.date], expected: Mapping[dt.date, Expected]
    ) -> dict[dt.date, pl.DataFrame]:
        """Parameters already stored under the same fingerprint are carried on; the others are fitted."""
        carried: dict[dt.date, pl.DataFrame] = {}
        refits = {t: asset.refit_session(t, self.profile) for t in todo}
        # Only the first period of a chunk can have been begun by an earlier run.
        begun = self.store.partitions(asset.dataset, refits[todo[0]], sessions.shift(todo[0], -1))
        same = [p for p in begun if p.fingerprint == expected[todo[0]].fingerprint]
        if same:
            columns = [name for name in asset.dataset.schema if name != "known_at"]
            rows = self.store.versions(asset.dataset, same[-1].session, same[-1].session, columns).drop("session")
            carried = {
                t: rows.with_columns(event_date=pl.lit(t, pl.Date)) for t in todo if refits[t] == refits[todo[0]]
            }
        rest = [t for t in todo if t not in carried]
        return carried | (self.calculation.compute(asset, rest, StoredVersions(self.store)) if rest else {})

    def stamped(self, asset: SessionAsset, session: dt.date, frame: pl.DataFrame, expected: Expected) -> pl.DataFrame:
        """An output is stamped with the latest `known_at` of its inputs (law 3)."""
        if asset.kind == "source":
            return frame.drop("grade", strict=False)
        known = expected.latest_known_at or end_of_day(session)
        return frame.drop("session", strict=False).with_columns(known_at=pl.lit(known).cast(KNOWN_AT))

    def _provenance(
        self, asset: SessionAsset, session: dt.date, expected: Expected, actions: ActionsKnown
    ) -> Provenance:
        seeded = asset.refit_session(session, self.profile) if asset.kind == "fit" else session
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
        rows = {
            name: _Stored(stored.partitions(w.dataset, asset.first_needed(chunk[0], w, self.profile), chunk[-1]))
            for name, w in asset.inputs.items()
        }
        columns = (c for w in asset.inputs.values() for c in _columns_read(w, self.profile))
        column_grade = max((c.grade for c in columns), default=Grade.OBSERVED)
        found: dict[dt.date, Expected] = {}
        before = self._fingerprint_before(asset, chunk[0], stored)
        for t in chunk:
            end = asset.refit_session(t, self.profile) if asset.kind == "fit" else t
            used = {
                name: rows[name].between(asset.first_needed(t, w, self.profile), end)
                for name, w in asset.inputs.items()
            }
            parts = base | {f"input:{name}": window_digest([p.content_hash for p in ps]) for name, ps in used.items()}
            if asset.kind == "path":
                parts["state"] = before
            every = [p for ps in used.values() for p in ps]
            found[t] = Expected(
                parts,
                Grade(max([column_grade, *(p.grade for p in every)])),
                max((p.latest_known_at for p in every if p.latest_known_at), default=None),
                lineage_of(asset, end, [ps[-1] for ps in used.values() if ps], self.profile),
            )
            before = found[t].fingerprint if asset.kind == "path" else ""
        return found

    def _fingerprint_before(self, asset: SessionAsset, first: dt.date, stored: Partitions) -> str:
        """A path's value rests on the whole path before it: the fingerprint of the session before stands for it."""
        if asset.kind != "path" or first == sessions.at_or_after(self.profile.history.start):
            return ""
        previous = sessions.shift(first, -1)
        stored.require(asset.dataset, [previous])
        return stored.partitions(asset.dataset, previous, previous)[0].fingerprint

    def base_parts(self, asset: SessionAsset) -> dict[str, str]:
        module = asset.function.__module__ if asset.function else type(self.calculation.vendor).__module__
        config = {f"config:{name}": digest_of([text]) for name, text in settings_of(asset, self.profile).items()}
        reach = asset.restate_sessions(self.profile) if callable(asset.restate_sessions) else asset.restate_sessions
        name = asset.function.__qualname__ if asset.function else type(self.calculation.vendor).__qualname__
        shape = f"{name}|{asset.kind}|{asset.anchor}|{asset.entity}|{reach}|{asset.refit}|{asset.chained}"
        own = {"schema": schema_version(asset.dataset), "code": code_version(module), "shape": shape}
        return own | {PART: in_force().identity} | config

    def of_source(
        self, asset: SessionAsset, frames: Mapping[dt.date, pl.DataFrame]
    ) -> tuple[dict[dt.date, pl.DataFrame], dict[dt.date, Expected]]:
        """A source's input is its payload: the digest of the rows that it says of the session."""
        base = self.base_parts(asset)
        rows, found = {}, {}
        for t, frame in frames.items():
            rows[t] = frame.drop("grade", strict=False)
            worst = max(frame.get_column("grade").to_list(), default=0) if "grade" in frame.columns else 0
            digest = content_hash(rows[t].select(sorted(rows[t].columns)), asset.dataset.sort_key)
            lineage = lineage_of(asset, t, [], self.profile)
            found[t] = Expected({**base, "input:payload": digest}, Grade(worst), None, lineage)
        return rows, found

    def require_inputs(self, asset: SessionAsset, chunk: Sequence[dt.date]) -> None:
        """Refuse, naming them, when declared input sessions are not stored (law 2)."""
        for window in asset.inputs.values():
            first = asset.first_needed(chunk[0], window, self.profile)
            last = asset.refit_session(chunk[-1], self.profile) if asset.kind == "fit" else chunk[-1]
            self.store.require(window.dataset, sessions.between(first, last))

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
        inputs = (
            stored.partitions(w.dataset, asset.first_needed(chunk[0], w, self.profile), chunk[-1])
            for w in asset.inputs.values()
        )
        return sum(p.rows for partitions in inputs for p in partitions)


class _Stored:
    """Stored partitions by session, sliced by dates."""

    def __init__(self, partitions: Sequence[StoredPartition]) -> None:
        self._partitions = sorted(partitions, key=lambda p: p.session)
        self._sessions = [p.session for p in self._partitions]

    def between(self, first: dt.date, last: dt.date) -> list[StoredPartition]:
        return self._partitions[bisect_left(self._sessions, first) : bisect_right(self._sessions, last)]


def _span(asset: SessionAsset, todo: Sequence[dt.date]) -> Sequence[dt.date]:
    """A path walks every session from the first that is due; the others compute what is due only."""
    return sessions.between(todo[0], todo[-1]) if asset.kind == "path" else todo


def _refuse_gaps(asset: SessionAsset, targets: Sequence[dt.date]) -> None:
    if targets and (gaps := sorted({*sessions.between(targets[0], targets[-1])} - {*targets})):
        raise ValueError(f"{asset.name} walks from session to session; add {gaps[0]}, or run the parts on their own")


def _columns_read(window: Window, profile: Profile) -> list[Column]:
    return [c for c in window.dataset.columns if c.name in (*window.dataset.key, *window.values(profile))]


def _hindsight_columns(window: Window, profile: Profile) -> list[Column]:
    return [c for c in _columns_read(window, profile) if c.grade == Grade.HINDSIGHT]


def _batched(items: Sequence[dt.date], size: int) -> Iterator[Sequence[dt.date]]:
    for i in range(0, len(items), size):
        yield items[i : i + size]
