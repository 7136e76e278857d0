"""The write protocol: nothing is overwritten, and a crash at any step loses nothing that was announced as stored.

A group of sessions is written together: temporary files, synced; `pending` rows in one transaction; each file
hard-linked into the generations and renamed over `part.parquet`; the folders synced; the rows marked done in one
transaction. A pending row found later is settled from the footer of its generation.
"""

import contextlib
import datetime as dt
import errno
import fcntl
import io
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import polars as pl

from feature_store.contract import validated
from feature_store.dataset import Dataset, Grade
from feature_store.decision_time import DecisionClock
from feature_store.errors import CorruptPartitionError, HindsightError, LookaheadError, StoreError
from feature_store.hashing import content_hash
from feature_store.index import Index, StoredPartition
from feature_store.layout import FOOTER, Layout, read_footer
from feature_store.numeric_platform import PART, is_pinned
from feature_store.rounding import beyond_rounding

THREADS = 2
STEPS = ("staged", "pending", "linked", "renamed", "synced", "done")


@dataclass(frozen=True)
class Provenance:
    """Where a partition comes from (law 9).

    Attributes:
        fingerprint: hash of schema, code version, config and input digests; equal means skip.
        parts: the fingerprint's parts by name.
        grade: weakest knowledge grade among the inputs.
        lineage: what it rests on however far back, by name; no part of the fingerprint.
    """

    fingerprint: str
    parts: dict[str, str]
    grade: Grade = Grade.OBSERVED
    run_id: str = ""
    git_commit: str = ""
    seeds: dict[str, int] = field(default_factory=dict)
    lineage: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class NewPartition:
    session: dt.date
    frame: pl.DataFrame
    provenance: Provenance


class Writer:
    """Stores groups of sessions of one store.

    `reached` is called with each name in STEPS as a group passes it: tests crash there.
    """

    def __init__(
        self,
        layout: Layout,
        index: Index,
        clock: DecisionClock,
        hindsight_allowed: frozenset[str] = frozenset(),
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        reached: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._layout = layout
        self._index = index
        self._clock = clock
        self._hindsight_allowed = hindsight_allowed
        self._now = now
        self._reached = reached

    def write(self, dataset: Dataset, partitions: Sequence[NewPartition]) -> list[StoredPartition]:
        """Store a group of sessions as new generations, all or none visible.

        A session whose latest generation has the same fingerprint is answered with that one.

        Raises:
            ContractError: schema, key or bounds; nothing is stored.
            LookaheadError: a row known after its session's decision time, or a decision time that has not come.
            HindsightError: grade hindsight without a named exception of the profile.
            StoreError: the disk is full, or the same fingerprint gave another content.
        """
        frames = validated(dataset, [(p.session, p.frame) for p in partitions])
        # hashing, encoding and syncing hold no lock of Python
        with ThreadPoolExecutor(THREADS) as pool:
            announced = list(pool.map(partial(self._describe, dataset), partitions, frames))
            _refuse_repeated_sessions(dataset, announced)
            return self._store(dataset, announced, frames, pool)

    def _store(
        self,
        dataset: Dataset,
        announced: Sequence[StoredPartition],
        frames: Sequence[pl.DataFrame],
        pool: ThreadPoolExecutor,
    ) -> list[StoredPartition]:
        staged: list[Path] = []
        try:
            with self.locked(dataset.name):
                self.settle(dataset)
                # Generation numbers are part of the footer, so they are fixed before the files are written; the
                # lock makes them stay free until the rows say pending.
                resolved = [self._resolved(dataset, p, f) for p, f in zip(announced, frames, strict=True)]
                group = [p for p, is_new in resolved if is_new]
                if not group:
                    return [p for p, _ in resolved]
                new = [(p, f) for (p, is_new), f in zip(resolved, frames, strict=True) if is_new]
                waiting = [pool.submit(self._stage, partition, frame) for partition, frame in new]
                staged += [future.result() for future in waiting if future.exception() is None]
                for future in waiting:
                    future.result()  # raises what went wrong, with the others' files known to the clean-up
                self._reached("staged")
                with self._index.transaction() as connection:
                    self._index.insert_pending(connection, group)
                    self.advance(connection)
                self._reached("pending")
                self._publish(group, staged, pool)
                self._finish(group)
        except (OSError, sqlite3.OperationalError) as error:
            if _disk_is_full(error):
                raise StoreError(
                    f"disk full while storing {dataset.name}; free space under {self._layout.root} and repeat: "
                    "sessions stored before are intact"
                ) from error
            raise
        finally:
            for path in staged:
                path.unlink(missing_ok=True)
        return [partition for partition, _ in resolved]

    def settle(self, dataset: Dataset) -> None:
        """Finish or withdraw what a crashed writer announced. The caller holds the dataset's lock.

        What is pending under the lock is one group, so it is finished only if all of it is there.
        """
        self._clear_staging(dataset)
        group = self._index.pending(dataset.name, dataset.version)
        if not group:
            return
        if all(self._is_published(partition) for partition in group):
            for partition in group:
                self.place(partition)
            self._finish(group)
            return
        for partition in group:
            self._layout.generation(partition).unlink(missing_ok=True)
        with self._index.transaction() as connection:
            for partition in group:
                self._index.remove(connection, partition)
                self.place_current(partition)
            self.advance(connection)

    def place(self, partition: StoredPartition) -> None:
        """Make `part.parquet` of its session this generation."""
        part, generation = self._layout.part(partition), self._layout.generation(partition)
        if part.exists() and part.samefile(generation):  # renaming a file over itself would leave both names
            return
        part.parent.mkdir(parents=True, exist_ok=True)
        link = self._staging_path(partition.dataset)
        os.link(generation, link)
        link.replace(part)

    def place_current(self, partition: StoredPartition) -> None:
        """Make `part.parquet` of its session the latest generation; without one, there is none."""
        current = self._index.current(partition.dataset, partition.version, partition.session, partition.session)
        if current:
            self.place(current[0])
        else:
            self._layout.part(partition).unlink(missing_ok=True)

    def advance(self, connection: sqlite3.Connection) -> None:
        """Move the store's sequence on with each change of the index, so that an older copy of it is noticed."""
        sequence = (self._index.sequence(connection) or 0) + 1
        self._index.set_sequence(connection, sequence)
        # Before the commit: a crash between the two reads as a stale index, which is rebuilt.
        self._layout.write_sequence(sequence)

    @contextlib.contextmanager
    def locked(self, dataset: str) -> Iterator[None]:
        """One writer a dataset at a time, across processes; a killed one lets go."""
        path = self._layout.lock(dataset)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _is_published(self, partition: StoredPartition) -> bool:
        try:
            return read_footer(self._layout.generation(partition)) == partition
        except (CorruptPartitionError, FileNotFoundError):
            return False

    # -- steps ----------------------------------------------------------------------------------------------------

    def _describe(self, dataset: Dataset, new: NewPartition, frame: pl.DataFrame) -> StoredPartition:
        decision = self._clock.decision_time(new.session)
        now = self._now()
        if decision > now:
            raise LookaheadError(
                f"{dataset.name} {new.session}: its decision time {decision} has not come (it is {now:%F %T} UTC)"
            )
        latest = frame.get_column("known_at").max()
        if latest is not None and latest > decision:  # type: ignore[operator]
            row = frame.filter(pl.col("known_at") > decision).head(1).to_dicts()[0]
            raise LookaheadError(
                f"{dataset.name} {new.session}: {row} is known after the decision time {decision}; "
                "it belongs to a later session"
            )
        grade = new.provenance.grade
        if grade == Grade.HINDSIGHT and dataset.name not in self._hindsight_allowed:
            raise HindsightError(
                f"{dataset.name} {new.session} rests on hindsight; name the exception in the profile: "
                f"exceptions: {{{dataset.name}: why}}"
            )
        events = frame.get_column("event_date")
        repeated = frame.height - frame.select(dataset.sort_key[:-1]).n_unique() if dataset.restates else 0
        return StoredPartition(
            dataset=dataset.name,
            version=dataset.version,
            session=new.session,
            generation=0,
            content_hash=content_hash(frame, []),
            fingerprint=new.provenance.fingerprint,
            parts=new.provenance.parts,
            rows=frame.height,
            nulls=sum(frame.null_count().row(0)) if frame.width else 0,
            late_rows=int((events != new.session).sum()),
            repeated_rows=repeated,
            first_event=events.min(),  # type: ignore[arg-type]
            last_event=events.max(),  # type: ignore[arg-type]
            latest_known_at=latest,  # type: ignore[arg-type]
            grade=int(grade),
            run_id=new.provenance.run_id,
            git_commit=new.provenance.git_commit,
            seeds=new.provenance.seeds,
            written_at=now,
            lineage=new.provenance.lineage,
        )

    def _resolved(self, dataset: Dataset, new: StoredPartition, frame: pl.DataFrame) -> tuple[StoredPartition, bool]:
        """What is stored, where nothing changed, or `new` with its generation number; and whether it is new."""
        known = self._index.generations(new.dataset, new.version, new.session)
        for old in known:
            if old.fingerprint == new.fingerprint and old.content_hash != new.content_hash:
                self._refuse_other_content(dataset, old, new, frame)
        if not known:
            return new.numbered(1), True
        if known[-1].fingerprint == new.fingerprint:
            return known[-1], False
        return new.numbered(known[-1].generation + 1), True

    def _refuse_other_content(
        self, dataset: Dataset, old: StoredPartition, new: StoredPartition, frame: pl.DataFrame
    ) -> None:
        """The same fingerprint must give the same bits; where kernels cannot be pinned, the same but for rounding."""
        what = (
            f"{new.dataset} {new.session}: same code, config and inputs gave another content "
            f"({old.content_hash} then {new.content_hash})"
        )
        platform = new.parts.get(PART, "")
        if is_pinned(platform):
            raise StoreError(f"{what}: the calculation is not deterministic")
        stored = pl.read_parquet(self._layout.generation(old), hive_partitioning=False)
        if beyond := beyond_rounding(stored, frame, dataset.sort_key):
            raise StoreError(f"{what}, beyond the rounding of kernels that cannot be pinned ({platform}): {beyond}")

    def _staging_path(self, dataset: str) -> Path:
        folder = self._layout.staged(dataset)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{uuid.uuid4().hex}.parquet"

    def _clear_staging(self, dataset: Dataset) -> None:
        """Remove what a killed writer left; no other one writes while the lock is held."""
        for path in self._layout.staged(dataset.name).glob("*.parquet"):
            path.unlink(missing_ok=True)

    def _stage(self, partition: StoredPartition, frame: pl.DataFrame) -> Path:
        path = self._staging_path(partition.dataset)
        # In memory first: Polars reports a full disk as a ComputeError without its number.
        encoded = io.BytesIO()
        # Column statistics would serve to skip row groups, and a file is one.
        frame.write_parquet(
            encoded,
            compression="zstd",
            compression_level=1,
            statistics=False,
            metadata={FOOTER: partition.to_footer()},
        )
        try:
            with path.open("wb") as handle:
                handle.write(encoded.getbuffer())
                handle.flush()
                os.fsync(handle.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def _publish(self, stored: Sequence[StoredPartition], staged: Sequence[Path], pool: ThreadPoolExecutor) -> None:
        folders: set[Path] = set()
        for partition, path in zip(stored, staged, strict=True):
            target = self._layout.generation(partition)
            folders |= _make_folder(target.parent)
            target.unlink(missing_ok=True)  # a number withdrawn by a crashed writer
            os.link(path, target)
        self._reached("linked")
        for partition, path in zip(stored, staged, strict=True):
            part = self._layout.part(partition)
            folders |= _make_folder(part.parent)
            path.replace(part)
        self._reached("renamed")
        for _ in pool.map(_sync_folder, sorted(folders)):
            pass  # raises what went wrong
        self._reached("synced")

    def _finish(self, stored: Sequence[StoredPartition]) -> None:
        with self._index.transaction() as connection:
            self._index.mark_done(connection, stored)
            self.advance(connection)
        self._reached("done")


def _make_folder(folder: Path) -> set[Path]:
    """Make the folder, with those above it; returns all whose entries may not be on disk yet.

    The one above is among them even where the folder was there: a writer killed before it synced may have made it.
    """
    changed = {folder, folder.parent}
    missing = folder
    while not missing.exists():
        missing = missing.parent
        changed.add(missing)
    folder.mkdir(parents=True, exist_ok=True)
    return changed


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _refuse_repeated_sessions(dataset: Dataset, announced: Sequence[StoredPartition]) -> None:
    sessions = [p.session for p in announced]
    if len(set(sessions)) != len(sessions):
        raise StoreError(f"{dataset.name}: one group holds a session twice")


def _disk_is_full(error: OSError | sqlite3.OperationalError) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return "disk is full" in str(error)
