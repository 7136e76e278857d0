"""The write protocol: nothing is overwritten, and a crash at any step loses nothing that was announced as stored.

A group of sessions is written together: temporary files, synced; `pending` rows in one transaction; each file
hard-linked into the generations; the latest generations placed for other engines; the folders synced; the rows marked
done in one transaction. A pending row found later is settled from the footer of its generation.

Sessions of one month that are written together share a file, a pack: one file costs what one session costs.
"""

import contextlib
import datetime as dt
import errno
import fcntl
import itertools
import os
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from feature_store.contract import Group, validated_group
from feature_store.dataset import Dataset
from feature_store.decision_time import DecisionClock
from feature_store.describing import NewPartition, described
from feature_store.digests import recorded, whole_digest
from feature_store.errors import CorruptPartitionError, StoreError
from feature_store.files import encoded, rows_of_partition, sync_folder, write_synced
from feature_store.index import Index, Known
from feature_store.latest import Latest, make_folder
from feature_store.layout import Layout, days_of, month_of, read_footer
from feature_store.numeric_platform import PART, is_pinned
from feature_store.partition import StoredPartition, placed_in_order
from feature_store.rounding import beyond_rounding
from feature_store.sweeping import sweep

THREADS = 2
STEPS = ("staged", "pending", "linked", "renamed", "synced", "done")
TIDYING = ("placed", "swept")  # of a month whose files are being replaced


@dataclass(frozen=True)
class _File:
    """Partitions of a group that share a file, and their numbers in the group."""

    numbers: tuple[int, ...]
    partitions: tuple[StoredPartition, ...]

    @property
    def is_pack(self) -> bool:
        return self.partitions[0].place.file is not None

    def with_digest(self, digest: str) -> "_File":
        """Of its bytes."""
        placed = tuple(p.placed(p.place._replace(digest=digest)) for p in self.partitions)
        return _File(self.numbers, placed)


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
        self._latest = Latest(layout, index)
        self._held = threading.local()

    def write(self, dataset: Dataset, partitions: Sequence[NewPartition]) -> list[StoredPartition]:
        """Store a group of sessions as new generations, all or none visible.

        A session whose latest generation has the same fingerprint is answered with that one.

        Raises:
            ContractError: schema, key or bounds; nothing is stored.
            LookaheadError: a row known after its session's decision time, or a decision time that has not come.
            HindsightError: grade hindsight without a named exception of the profile.
            StoreError: the disk is full, or the same fingerprint gave another content.
        """
        if not partitions:
            return []
        _reject_repeated_sessions(dataset, partitions)
        self._index.known(dataset.name, dataset.version, [partitions[0].session])  # heals what is damaged, unlocked
        group = validated_group(dataset, [(p.session, p.frame) for p in partitions])
        announced = described(dataset, partitions, group, self._clock, self._now(), self._hindsight_allowed)
        return self._store(dataset, announced, group)

    def _store(self, dataset: Dataset, announced: Sequence[StoredPartition], group: Group) -> list[StoredPartition]:
        staged: list[Path] = []
        try:
            with self.naming_a_full_disk(f"storing {dataset.name}"), self.locked(dataset.name):
                self.settle(dataset.name, dataset.version)
                # Generation numbers are part of the footer, so they are fixed before the files are written; the
                # lock makes them stay free until the rows say pending.
                files = self._files(dataset, self._numbered(dataset, announced, group))
                if files:
                    files = self._stage(files, group, staged)
                    self._reached("staged")
                    self._publish(dataset, files, staged)
                return self._answer(dataset, announced, files)
        finally:
            for path in staged:
                path.unlink(missing_ok=True)

    def settle(self, name: str, version: int) -> None:
        """Finish or withdraw what a crashed writer announced. The caller holds the dataset's lock.

        What is pending under the lock is one group, so it is finished only if all of it is there.
        """
        self._clear_staging(name)
        for marked, month in self._index.replacing(name):
            self.tidy(name, marked, month)
        group = self._index.pending(name, version)
        if not group:
            return
        if self._is_published(group):
            self.place_current(name, version, [], group)
            self._finish(group)
            return
        for path in {self._layout.generation(partition) for partition in group}:
            path.unlink(missing_ok=True)
        with self._index.transaction() as connection:
            for partition in group:
                self._index.remove(connection, partition)
            self.advance(connection)
        self.place_current(name, version, [p.session for p in group])

    def tidy(self, name: str, version: int, month: str) -> None:
        """Place and sweep a month that `Index.mark_replacing` has named, and take the mark away."""
        self.place_current(name, version, [days_of(month)[0]])
        self._reached("placed")
        sweep(self._layout, self._index, name, version, month)
        self._reached("swept")
        with self._index.transaction() as connection:
            self._index.unmark_replacing(connection, name, version, month)

    def place_current(
        self, name: str, version: int, days: Sequence[dt.date], group: Sequence[StoredPartition] = ()
    ) -> None:
        """Place the latest generations of these days' months for other engines, on disk when it returns.

        Args:
            group: about to be the latest of their sessions.
        """
        every = [*days, *(p.session for p in group)]
        for folder in sorted(self._latest.place(name, version, every, group)):
            sync_folder(folder)

    def stage(self, name: str, data: bytes) -> Path:
        """Write a file aside, on disk when this returns. The caller holds the dataset's lock, and moves the file."""
        path = self._staging_path(name)
        write_synced(path, data)
        return path

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
            self._held.locks = getattr(self._held, "locks", 0) + 1
            try:
                yield
            finally:
                self._held.locks -= 1

    def is_locking(self) -> bool:
        """Whether this thread holds the lock of any dataset."""
        return getattr(self._held, "locks", 0) > 0

    @contextlib.contextmanager
    def naming_a_full_disk(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.OperationalError) as error:
            if _disk_is_full(error):
                raise StoreError(
                    f"disk full while {doing}; free space under {self._layout.root} and repeat: "
                    "sessions stored before are intact"
                ) from error
            raise

    def _is_published(self, group: Sequence[StoredPartition]) -> bool:
        try:
            footers = {path: read_footer(path) for path in {self._layout.generation(p) for p in group}}
        except (CorruptPartitionError, FileNotFoundError):
            return False
        there = all(partition in footers[self._layout.generation(partition)] for partition in group)
        announced = {self._layout.generation(p): p.place.digest for p in group}
        return there and all(whole_digest(path) == digest for path, digest in announced.items() if digest)

    # -- steps ----------------------------------------------------------------------------------------------------

    def _numbered(
        self, dataset: Dataset, announced: Sequence[StoredPartition], group: Group
    ) -> list[StoredPartition | None]:
        """Each with its generation number; None where the latest generation has the same fingerprint."""
        known = self._index.known(dataset.name, dataset.version, [p.session for p in announced])
        for new, (first, end) in zip(announced, group.spans(), strict=True):
            for old in known[new.session]:
                if old.fingerprint == new.fingerprint and old.content_hash != new.content_hash:
                    self._reject_other_content(dataset, old, new, group.frame.slice(first, end - first))
        return [_numbered(new, known[new.session]) for new in announced]

    def _reject_other_content(self, dataset: Dataset, old: Known, new: StoredPartition, frame: pl.DataFrame) -> None:
        """The same fingerprint must give the same bits; where kernels cannot be pinned, the same but for rounding."""
        what = (
            f"{new.dataset} {new.session}: same code, config and inputs gave another content "
            f"({old.content_hash} then {new.content_hash})"
        )
        platform = new.parts.get(PART, "")
        if is_pinned(platform):
            raise StoreError(f"{what}: the calculation is not deterministic")
        held = self._index.generations(new.dataset, new.version, new.session)
        (partition,) = (p for p in held if p.generation == old.generation)
        stored = rows_of_partition(self._layout.generation(partition), partition)
        if beyond := beyond_rounding(stored, frame, dataset.sort_key):
            raise StoreError(f"{what}, beyond the rounding of kernels that cannot be pinned ({platform}): {beyond}")

    def _answer(
        self, dataset: Dataset, announced: Sequence[StoredPartition], files: Sequence[_File]
    ) -> list[StoredPartition]:
        """What is stored now of the announced sessions, in their order."""
        found = {p.session: p for file in files for p in file.partitions}
        if kept := [p.session for p in announced if p.session not in found]:
            latest = self._index.current(dataset.name, dataset.version, min(kept), max(kept))
            found = {p.session: p for p in latest} | found
        return [found[p.session] for p in announced]

    def _files(self, dataset: Dataset, numbered: Sequence[StoredPartition | None]) -> list[_File]:
        """Sessions of a month share a pack, where there are several; None is stored already."""
        new = sorted((p.session, i) for i, p in enumerate(numbered) if p is not None)
        files: list[_File] = []
        for month, group in itertools.groupby(new, key=lambda one: month_of(one[0])):
            numbers = tuple(i for _, i in group)
            partitions = [p for i in numbers if (p := numbered[i]) is not None]
            if len(numbers) > 1:
                known = self._index.packs_of(dataset.name, dataset.version, *days_of(month))
                pack = self._layout.next_pack(dataset.name, dataset.version, month, known)
                partitions = placed_in_order(partitions, pack)
            files.append(_File(numbers, tuple(partitions)))
        return files

    def _staging_path(self, dataset: str) -> Path:
        folder = self._layout.staged(dataset)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{uuid.uuid4().hex}.parquet"

    def _clear_staging(self, name: str) -> None:
        """Remove what a killed writer left; no other one writes while the lock is held."""
        for path in self._layout.staged(name).glob("*.parquet"):
            path.unlink(missing_ok=True)

    def _stage(self, files: Sequence[_File], group: Group, staged: list[Path]) -> list[_File]:
        """Write the files aside, and add their paths to `staged`, for the caller to publish or to clean up.

        Returns them with the digests of their bytes.
        """
        spans = group.spans()

        def stage(file: _File) -> tuple[Path, _File]:
            rows = pl.concat([group.frame.slice(a, b - a) for a, b in (spans[i] for i in file.numbers)])
            data = encoded(rows, file.partitions, file.is_pack)
            return self.stage(file.partitions[0].dataset, data), file.with_digest(recorded(data))

        # encoding and syncing hold no lock of Python
        with ThreadPoolExecutor(THREADS) as pool:
            waiting = [pool.submit(stage, file) for file in files]
        staged += [future.result()[0] for future in waiting if future.exception() is None]
        # raises what went wrong, with the others' files known to the clean-up
        return [future.result()[1] for future in waiting]

    def _publish(self, dataset: Dataset, files: Sequence[_File], staged: Sequence[Path]) -> None:
        new = [partition for file in files for partition in file.partitions]
        with self._index.transaction() as connection:
            self._index.insert_pending(connection, new)
            self.advance(connection)
        self._reached("pending")
        folders: set[Path] = set()
        for file, path in zip(files, staged, strict=True):
            target = self._layout.generation(file.partitions[0])
            folders |= make_folder(target.parent)
            target.unlink(missing_ok=True)  # a number withdrawn by a crashed writer
            os.link(path, target)
        self._reached("linked")
        folders |= self._latest.place(dataset.name, dataset.version, [p.session for p in new], new)
        self._reached("renamed")
        for folder in sorted(folders):
            sync_folder(folder)
        self._reached("synced")
        self._finish(new)

    def _finish(self, stored: Sequence[StoredPartition]) -> None:
        with self._index.transaction() as connection:
            self._index.mark_done(connection, stored)
            self.advance(connection)
        self._reached("done")


def _numbered(new: StoredPartition, known: Sequence[Known]) -> StoredPartition | None:
    if not known:
        return new.numbered(1)
    return None if known[-1].fingerprint == new.fingerprint else new.numbered(known[-1].generation + 1)


def _reject_repeated_sessions(dataset: Dataset, group: Sequence[NewPartition]) -> None:
    sessions = [p.session for p in group]
    if len(set(sessions)) != len(sessions):
        raise StoreError(f"{dataset.name}: one group holds a session twice")


def _disk_is_full(error: OSError | sqlite3.OperationalError) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return "disk is full" in str(error)
