"""A month that is over becomes one file: its latest generations move into one pack, and nothing else changes.

Rows are compared with their content hashes before they move, so that damage is never copied. The pack is on disk
before the index points to it, in one transaction. The index names the month before anything else happens, so that
after a crash whoever comes next places its files for other engines and sweeps what nothing refers to.
"""

import datetime as dt
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl

from feature_store.digests import recorded
from feature_store.errors import CorruptPartitionError
from feature_store.files import Stored, encoded, parts_of, read_back, sync_folder
from feature_store.index import Index
from feature_store.latest import make_folder
from feature_store.layout import Layout, days_of, month_of, read_footer
from feature_store.partition import StoredPartition, placed_in_order
from feature_store.writers import TIDYING, Writer

STEPS = ("packed", "marked", "pack linked", "moved", *TIDYING)


class Compactor:
    """Compacts months of one store. `reached` is called with each name in STEPS: tests crash there."""

    def __init__(
        self, layout: Layout, index: Index, writer: Writer, reached: Callable[[str], None] = lambda _: None
    ) -> None:
        self._layout = layout
        self._index = index
        self._writer = writer
        self._reached = reached

    def settle(self, name: str, version: int) -> None:
        """Finish or withdraw what a crash has left of the dataset, if there is anything."""
        if self._index.pending(name, version) or self._index.replacing(name):
            with self._writer.locked(name):
                self._writer.settle(name, version)

    def compact(self, name: str, version: int, month: str) -> int:
        """Move the latest generations of a month into one pack; returns how many sessions moved.

        Raises:
            CorruptPartitionError: a file of the month does not hold what was stored; nothing has moved.
        """
        self._index.last_session(name, version)  # heals what is damaged, while no lock is held
        with self._writer.naming_a_full_disk(f"compacting {name}"), self._writer.locked(name):
            self._writer.settle(name, version)
            latest = self._index.current(name, version, *days_of(month))
            if len({self._layout.generation(p) for p in latest}) < 2:  # another process was faster
                return 0
            self.move(latest)
        return len(latest)

    def salvage(
        self,
        lost: Sequence[StoredPartition],
        kept: Sequence[StoredPartition],
        copies: Mapping[tuple[dt.date, int], Stored] | None = None,
    ) -> None:
        """Of a broken file, move what is intact into another, forget the rest and set the file aside.

        The caller holds the lock, and has settled.

        Args:
            copies: those that are kept, as another file holds them; by default they are read where the index says.
        """
        if kept:
            self.move(kept, lost, copies)
            return
        name, version, month = lost[0].dataset, lost[0].version, month_of(lost[0].session)
        with self._index.transaction() as connection:
            self._forget(connection, lost)
            self._index.mark_replacing(connection, name, version, month)
            self._writer.advance(connection)
        self._writer.tidy(name, version, month)

    def move(
        self,
        partitions: Sequence[StoredPartition],
        lost: Sequence[StoredPartition] = (),
        copies: Mapping[tuple[dt.date, int], Stored] | None = None,
    ) -> None:
        """Into a pack of their month; what is lost is forgotten in the same transaction.

        The caller holds the lock, and has settled.
        """
        name, version, month = partitions[0].dataset, partitions[0].version, month_of(partitions[0].session)
        if copies is None:
            rows, footers = self._rows(partitions), [self._as_stored(p) for p in partitions]
        else:
            stored = [copies[p.session, p.generation] for p in partitions]
            rows, footers = pl.concat([s.rows for s in stored]), [s.footer for s in stored]
        data = encoded(rows, footers, pack=True)
        pack = self._layout.next_pack(name, version, month, self._index.packs_of(name, version, *days_of(month)))
        moved = placed_in_order(partitions, pack, recorded(data))
        staged = self._writer.stage(name, data)
        try:
            self._reached("packed")
            with self._index.transaction() as connection:
                self._index.mark_replacing(connection, name, version, month)
                self._writer.advance(connection)
            self._reached("marked")
            target = self._layout.generation(moved[0])
            folders = make_folder(target.parent)
            staged.replace(target)
        finally:
            staged.unlink(missing_ok=True)
        for folder in sorted(folders):
            sync_folder(folder)
        self._reached("pack linked")
        with self._index.transaction() as connection:
            self._index.move(connection, moved)
            self._forget(connection, lost)
            self._writer.advance(connection)
        self._reached("moved")
        self._writer.tidy(name, version, month)

    def _forget(self, connection: sqlite3.Connection, lost: Sequence[StoredPartition]) -> None:
        for partition in lost:
            self._index.remove(connection, partition)

    def _rows(self, partitions: Sequence[StoredPartition]) -> pl.DataFrame:
        """Rows of the partitions in their order, as they were stored."""
        by_file: dict[Path, list[StoredPartition]] = {}
        for partition in partitions:
            by_file.setdefault(self._layout.generation(partition), []).append(partition)
        frames: dict[tuple[dt.date, int], pl.DataFrame] = {}
        for path, held in by_file.items():
            if faults := read_back(path, held):
                raise CorruptPartitionError(
                    f"{next(iter(faults.values()))}; nothing was moved: run `asof verify`, then backfill again"
                )
            frames |= parts_of(path, held)
        return pl.concat([frames[p.session, p.generation] for p in partitions])

    def _as_stored(self, partition: StoredPartition) -> StoredPartition:
        """An adopted partition keeps the footer with which it was stored."""
        if partition.adopted is None:
            return partition
        (footer,) = (p for p in read_footer(self._layout.generation(partition)) if partition.is_described_by(p))
        return footer
