"""What all stored files say of themselves: all that an index can be made from."""

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from feature_store.digests import whole_digest
from feature_store.errors import CorruptPartitionError
from feature_store.layout import Layout, month_of, read_footer
from feature_store.partition import StoredPartition
from feature_store.sweeping import set_aside


@dataclass(frozen=True)
class Footers:
    """
    Attributes:
        partitions: every generation once, with one place where it lies.
        months: dataset, version and month of each file.
        unreadable: files that were set aside.
    """

    partitions: Sequence[StoredPartition]
    months: Mapping[Path, tuple[str, int, str]]
    unreadable: list[Path]

    def sessions(self) -> dict[tuple[str, int], list[dt.date]]:
        """By dataset and version."""
        found: dict[tuple[str, int], list[dt.date]] = {}
        for p in self.partitions:
            found.setdefault((p.dataset, p.version), []).append(p.session)
        return found

    def months_with_copies(self, layout: Layout) -> set[tuple[str, int, str]]:
        """Those with files whose partitions lie elsewhere too: a crash of compaction left them."""
        used = {layout.generation(p) for p in self.partitions}
        return {self.months[path] for path in self.months.keys() - used}


def read_all_footers(layout: Layout) -> Footers:
    """Read every footer; files that cannot be read are set aside. The caller holds every lock.

    A file in the place of another goes to its own, if that is free.
    """
    found: dict[tuple[str, int, dt.date, int], StoredPartition] = {}
    months: dict[Path, tuple[str, int, str]] = {}
    unreadable = []
    for path in _in_their_places(layout):
        try:
            for p in read_footer(path):
                found[p.dataset, p.version, p.session, p.generation] = p
                months[path] = p.dataset, p.version, month_of(p.session)
        except CorruptPartitionError:
            unreadable.append(path)
            set_aside(layout, path)
    return Footers(list(found.values()), months, unreadable)


def return_lost_files(layout: Layout) -> list[Path]:
    """Generations that are gone, from what other engines read, which is another name of the latest; returns them.

    The caller holds every lock.
    """
    stored = {(status.st_dev, status.st_ino) for path in _all_files(layout) if (status := path.stat())}
    returned = []
    for part in sorted(layout.root.glob("[!_]*/*/v*/*=*/*.parquet")):
        status = part.stat()
        if (status.st_dev, status.st_ino) in stored or not whole_digest(part):
            continue
        target = _place(layout, part, read_footer(part))
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(part, target)
            returned.append(target)
    return returned


def _all_files(layout: Layout) -> list[Path]:
    """Packs come last, in the order in which they were made: what lies in several files is the same in all."""
    kinds = ("session", "month")
    return [f for kind in kinds for f in sorted(layout.generations.glob(f"*/*/v*/{kind}=*/*.parquet"))]


def _in_their_places(layout: Layout) -> list[Path]:
    misplaced = []
    for path in _all_files(layout):
        try:
            target = _place(layout, path, read_footer(path))
        except CorruptPartitionError:
            continue  # whoever asks for its partitions sets it aside
        if target != path and whole_digest(path):
            misplaced.append((layout.aside(path), target))
            set_aside(layout, path)
    for path, target in misplaced:  # once all are out of the way
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
    return _all_files(layout)


def _place(layout: Layout, path: Path, footers: Sequence[StoredPartition]) -> Path:
    """Where a file belongs by what it says; a pack's number is the file's own."""
    first = footers[0]
    if first.place.file is None:
        return layout.generation(first)
    number = path.name.removeprefix("part-")
    return layout.archive(first.dataset, first.version) / f"month={month_of(first.session)}" / number
