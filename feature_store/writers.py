"""The write protocol: nothing is overwritten, and a crash at any step loses nothing that was announced as stored.

A group of sessions is written together: temporary files, synced; `pending` rows in one transaction; each file
hard-linked into the generations and renamed over `part.parquet`; the folders synced; the rows marked done in one
transaction. A pending row found later is settled from the footer of its generation.
"""

import contextlib
import datetime as dt
import errno
import fcntl
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from feature_store.contract import validated
from feature_store.dataset import Dataset, Grade
from feature_store.decision_time import DecisionClock
from feature_store.errors import CorruptPartitionError, HindsightError, LookaheadError, StoreError
from feature_store.hashing import content_hash
from feature_store.index import Index, StoredPartition
from feature_store.layout import FOOTER, Layout, read_footer

STEPS = ("staged", "pending", "linked", "renamed", "synced", "done")


@dataclass(frozen=True)
class Provenance:
    """Where a partition comes from (law 9).

    Attributes:
        fingerprint: hash of schema, code version, config and input digests; equal means skip.
        parts: the fingerprint's parts by name.
        grade: weakest knowledge grade among the inputs.
    """

    fingerprint: str
    parts: dict[str, str]
    grade: Grade = Grade.OBSERVED
    run_id: str = ""
    git_commit: str = ""
    seeds: dict[str, int] = field(default_factory=dict)


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

        Raises:
            ContractError: schema, key or bounds; nothing is stored.
            LookaheadError: a row known after its session's decision time, or a decision time that has not come.
            HindsightError: grade hindsight without a named exception of the profile.
            StoreError: the disk is full, or the same fingerprint gave another content.
        """
        frames = validated(dataset, [(p.session, p.frame) for p in partitions])
        announced = [
            self._describe(dataset, partition, frame) for partition, frame in zip(partitions, frames, strict=True)
        ]
        staged: list[Path] = []
        try:
            with self.locked(dataset):
                self.settle(dataset)
                self._refuse_other_content(dataset, announced)
                # Generation numbers are part of the footer, so they are fixed before the files are written; the
                # lock makes them stay free until the rows say pending.
                numbered = [self._number(p) for p in announced]
                for partition, frame in zip(numbered, frames, strict=True):
                    staged.append(self._stage(partition, frame))
                self._reached("staged")
                self._index.insert_pending(numbered)
                self._reached("pending")
                self._publish(numbered, staged)
                self._finish(numbered)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise StoreError(
                    f"disk full while storing {dataset.name}; free space under {self._layout.root} and repeat: "
                    "sessions stored before are intact"
                ) from error
            raise
        finally:
            for path in staged:
                path.unlink(missing_ok=True)
        return numbered

    def settle(self, dataset: Dataset) -> None:
        """Finish or withdraw what a crashed writer announced. The caller holds the dataset's lock."""
        for partition in self._index.pending(dataset.name, dataset.version):
            try:
                complete = read_footer(self._layout.generation(partition)) == partition
            except (CorruptPartitionError, FileNotFoundError):
                complete = False
            if complete:
                link = self._staging_path()
                os.link(self._layout.generation(partition), link)
                link.replace(self._layout.part(partition))
                self._finish([partition])
            else:
                self._layout.generation(partition).unlink(missing_ok=True)
                with self._index.transaction() as connection:
                    self._index.remove(connection, partition)

    @contextlib.contextmanager
    def locked(self, dataset: Dataset) -> Iterator[None]:
        """One writer a dataset at a time, across processes; a killed one lets go."""
        path = self._layout.lock(dataset)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

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
        )

    def _refuse_other_content(self, dataset: Dataset, announced: Sequence[StoredPartition]) -> None:
        sessions = [p.session for p in announced]
        if len(set(sessions)) != len(sessions):
            raise StoreError(f"{dataset.name}: one group holds a session twice")
        current = self._index.current(dataset.name, dataset.version, min(sessions), max(sessions))
        stored = {p.session: p for p in current}
        for new in announced:
            old = stored.get(new.session)
            if old and old.fingerprint == new.fingerprint and old.content_hash != new.content_hash:
                raise StoreError(
                    f"{dataset.name} {new.session}: same code, config and inputs gave another content "
                    f"({old.content_hash} then {new.content_hash}): the calculation is not deterministic"
                )

    def _number(self, partition: StoredPartition) -> StoredPartition:
        known = self._index.generations(partition.dataset, partition.version, partition.session)
        return partition.numbered(known[-1].generation + 1 if known else 1)

    def _staging_path(self) -> Path:
        folder = self._layout.staging
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{os.getpid()}-{uuid.uuid4().hex}.parquet"

    def _stage(self, partition: StoredPartition, frame: pl.DataFrame) -> Path:
        path = self._staging_path()
        try:
            with path.open("wb") as handle:
                frame.write_parquet(
                    handle, compression="zstd", compression_level=1, metadata={FOOTER: partition.to_footer()}
                )
                handle.flush()
                os.fsync(handle.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path

    def _publish(self, stored: Sequence[StoredPartition], staged: Sequence[Path]) -> None:
        folders: set[Path] = set()
        for partition, path in zip(stored, staged, strict=True):
            target = self._layout.generation(partition)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)  # a number withdrawn by a crashed writer
            os.link(path, target)
            folders |= {target.parent, target.parent.parent}
        self._reached("linked")
        for partition, path in zip(stored, staged, strict=True):
            part = self._layout.part(partition)
            part.parent.mkdir(parents=True, exist_ok=True)
            path.replace(part)
            folders |= {part.parent, part.parent.parent}
        self._reached("renamed")
        for folder in sorted(folders):
            _sync_folder(folder)
        self._reached("synced")

    def _finish(self, stored: Sequence[StoredPartition]) -> None:
        with self._index.transaction() as connection:
            self._index.mark_done(connection, stored)
            sequence = self._index.sequence(connection) + 1
            self._index.set_sequence(connection, sequence)
            # Before the commit: a crash between the two reads as a stale index, which is rebuilt.
            self._layout.write_sequence(sequence)
        self._reached("done")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
