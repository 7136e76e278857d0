"""What other engines' globs see: of each session the latest generation, and nothing else.

A file whose partitions are all the latest is a second name of the stored file; of a pack in which some have been
superseded it is a copy of the others.
"""

import datetime as dt
import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import polars as pl

from feature_store.digests import whole_digest
from feature_store.errors import CorruptPartitionError
from feature_store.files import encoded, intact_parts, write_synced
from feature_store.index import Index
from feature_store.layout import Layout, days_in, days_of, month_of, read_footer
from feature_store.partition import StoredPartition


class Latest:
    """The folders for other engines of one store. The caller holds the dataset's lock."""

    def __init__(self, layout: Layout, index: Index) -> None:
        self._layout = layout
        self._index = index

    def place(
        self, name: str, version: int, days: Iterable[dt.date], group: Sequence[StoredPartition] = ()
    ) -> set[Path]:
        """Bring the months of these days up to date; returns folders whose entries may not be on disk yet.

        Args:
            group: about to be the latest generations of their sessions, in the place of what the index says.
        """
        changed: set[Path] = set()
        for month in sorted({month_of(day) for day in days}):
            first, last = days_of(month)
            latest = {p.session: p for p in self._index.current(name, version, first, last)}
            latest |= {p.session: p for p in group if first <= p.session <= last}
            changed |= self._place_month(name, version, month, latest)
        return changed

    def _place_month(self, name: str, version: int, month: str, latest: Mapping[dt.date, StoredPartition]) -> set[Path]:
        changed: set[Path] = set()
        together: dict[str | dt.date, list[StoredPartition]] = {}
        for session, partition in latest.items():
            together.setdefault(partition.place.file or session, []).append(partition)
        by_file = {self._layout.part(partitions[0]): partitions for partitions in together.values()}
        for path, partitions in by_file.items():
            changed |= self._link(partitions[0], path) if _are_all_of(partitions) else self._copy(partitions, path)
        for path in self._there(name, version, month):
            if path not in by_file:
                path.unlink(missing_ok=True)
                changed |= {path.parent, path.parent.parent}
                _remove_if_empty(path.parent)
        return {folder for folder in changed if folder.exists()}

    def _there(self, name: str, version: int, month: str) -> list[Path]:
        folder = self._layout.folder(name, version)
        # asked by name: a listing of thousands of sessions would cost more
        own = [f"{folder}/session={day}/part.parquet" for day in days_in(month)]
        return [*(Path(path) for path in own if os.path.exists(path)),  # noqa: PTH110 -- thirty a group; Path is slow
                *(folder / f"month={month}").glob("*.parquet")]  # fmt: skip

    def _link(self, partition: StoredPartition, path: Path) -> set[Path]:
        stored = self._layout.generation(partition)
        if not stored.exists():  # lost; `verify` says so, and what others see of it stays until then
            return set()
        if path.exists() and path.samefile(stored):  # renaming a file over itself would leave both names
            return set()
        changed = make_folder(path.parent)
        link = self._staging(partition.dataset)
        os.link(stored, link)
        link.replace(path)
        return changed

    def _copy(self, partitions: Sequence[StoredPartition], path: Path) -> set[Path]:
        """The rows of a pack that are still the latest.

        Those that cannot be read are not among them: whoever writes another session must not wait for `verify`.
        """
        kept = sorted(partitions, key=lambda p: p.place.offset)
        if _holds(path, kept):
            return {path.parent}  # a crash may have come before it was synced
        parts = intact_parts(self._layout.generation(kept[0]), kept)
        readable = [p for p in kept if (p.session, p.generation) in parts]
        if not readable:
            path.unlink(missing_ok=True)
            return {path.parent}
        rows = pl.concat([parts[p.session, p.generation] for p in readable])
        changed = make_folder(path.parent)
        staged = self._staging(kept[0].dataset)
        write_synced(staged, encoded(rows, readable, pack=True))
        staged.replace(path)
        return changed

    def _staging(self, dataset: str) -> Path:
        folder = self._layout.staged(dataset)
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{uuid.uuid4().hex}.parquet"


def make_folder(folder: Path) -> set[Path]:
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


def _are_all_of(partitions: Sequence[StoredPartition]) -> bool:
    """Whether a file holds no rows but these."""
    place = partitions[0].place
    return place.file is None or place.height == sum(p.rows for p in partitions)


def _holds(path: Path, partitions: Sequence[StoredPartition]) -> bool:
    try:
        found = read_footer(path)
    except (FileNotFoundError, CorruptPartitionError):
        return False
    if not whole_digest(path):
        return False
    return [(p.session, p.generation) for p in found] == [(p.session, p.generation) for p in partitions]


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:  # not empty
        return
