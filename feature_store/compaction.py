"""A month that is over becomes one file: its latest generations move into one pack, and nothing else changes.

Rows are compared with their content hashes before they move, so that damage is never copied. The pack is on disk
before the index points to it, in one transaction. A crash leaves a pack that nothing refers to, or a month whose files
for other engines are placed by whoever comes next.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from feature_store.errors import CorruptPartitionError
from feature_store.files import encoded, read_back, rows_of
from feature_store.index import Index
from feature_store.latest import make_folder, sync_folder
from feature_store.layout import Layout, days_of, month_of, read_footer
from feature_store.partition import StoredPartition, placed_in_order
from feature_store.writers import Writer

STEPS = ("packed", "pack linked", "moved", "placed", "swept")


class Compactor:
    """Compacts months of one store. `reached` is called with each name in STEPS: tests crash there."""

    def __init__(
        self, layout: Layout, index: Index, writer: Writer, reached: Callable[[str], None] = lambda _: None
    ) -> None:
        self._layout = layout
        self._index = index
        self._writer = writer
        self._reached = reached

    def months(self, name: str, version: int, before: dt.date) -> list[str]:
        """Months that ended before this day and lie in more than one file."""
        rows = self._index.table(name, version, ["session", "file"], None, before)
        files: dict[str, set[str]] = {}
        for session, file in rows:
            files.setdefault(session[:7], set()).add(file or session)
        return [month for month, several in files.items() if len(several) > 1 and days_of(month)[1] < before]

    def compact(self, name: str, version: int, month: str) -> int:
        """Move the latest generations of a month into one pack; returns how many sessions moved.

        Raises:
            CorruptPartitionError: a file of the month does not hold what was stored; nothing has moved.
        """
        with self._writer.locked(name):
            self._writer.settle(name, version)
            latest = self._index.current(name, version, *days_of(month))
            if len({(p.place.file, p.session if p.place.file is None else None) for p in latest}) < 2:
                return 0
            self._move(latest, self._rows(latest))
            self._sweep(name, version, month)
            self._reached("swept")
        return len(latest)

    def salvage(self, lost: Sequence[StoredPartition], kept: Sequence[StoredPartition]) -> None:
        """Of a broken file, move what is intact into another and forget the rest. The caller holds the lock."""
        rows = self._rows(kept) if kept else None
        with self._index.transaction() as connection:
            for partition in lost:
                self._index.remove(connection, partition)
            self._writer.advance(connection)
        if rows is not None:
            self._move(kept, rows)
        self._writer.place_current(lost[0].dataset, lost[0].version, [p.session for p in lost])

    def _rows(self, partitions: Sequence[StoredPartition]) -> pl.DataFrame:
        """Rows of the partitions in their order, as they were stored."""
        by_file: dict[Path, list[StoredPartition]] = {}
        for partition in partitions:
            by_file.setdefault(self._layout.generation(partition), []).append(partition)
        frames: dict[tuple[dt.date, int], pl.DataFrame] = {}
        for path, held in by_file.items():
            if faults := read_back(path, held):
                raise CorruptPartitionError(f"{next(iter(faults.values()))}; run `asof verify`, then backfill again")
            whole = rows_of(path)
            frames |= {(p.session, p.generation): whole.slice(p.place.offset, p.rows) for p in held}
        return pl.concat([frames[p.session, p.generation] for p in partitions])

    def _move(self, partitions: Sequence[StoredPartition], rows: pl.DataFrame) -> None:
        """Into a pack of their month."""
        name, version, month = partitions[0].dataset, partitions[0].version, month_of(partitions[0].session)
        moved = placed_in_order(partitions, self._layout.next_pack(name, version, month))
        footers = [self._as_stored(p) for p in partitions]
        staged = self._writer.stage(name, encoded(rows, footers, pack=True))
        try:
            self._reached("packed")
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
            self._index.mark_replacing(connection, name, version, month)
            self._writer.advance(connection)
        self._reached("moved")
        self._writer.place_replaced(name, version, month)
        self._reached("placed")

    def _as_stored(self, partition: StoredPartition) -> StoredPartition:
        """An adopted partition keeps the footer with which it was stored."""
        if partition.adopted is None:
            return partition
        (footer,) = (p for p in read_footer(self._layout.generation(partition)) if partition.is_told_by(p))
        return footer

    def _sweep(self, name: str, version: int, month: str) -> None:
        """Remove files of the month to which nothing refers any more: what is in them has moved."""
        held = self._index.generations_in(name, version, *days_of(month))
        used = {self._layout.generation(p) for p in held}
        known = {(p.session, p.generation) for p in held}
        archive = self._layout.archive(name, version)
        own = [archive / f"session={day}" for day in sorted({p.session for p in held})]
        for path in [path for folder in (*own, archive / f"month={month}") for path in folder.glob("*.parquet")]:
            if path not in used and {(p.session, p.generation) for p in read_footer(path)} <= known:
                path.unlink()
                if not any(path.parent.iterdir()):
                    path.parent.rmdir()
