"""What all stored files say of themselves: all that an index can be made from."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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
    """Read every footer; files that cannot be read are set aside. The caller holds every lock."""
    found: dict[tuple[str, int, dt.date, int], StoredPartition] = {}
    months: dict[Path, tuple[str, int, str]] = {}
    unreadable = []
    for path in _all_files(layout):
        try:
            for p in read_footer(path):
                found[p.dataset, p.version, p.session, p.generation] = p
                months[path] = p.dataset, p.version, month_of(p.session)
        except CorruptPartitionError:
            unreadable.append(path)
            set_aside(layout, path)
    return Footers(list(found.values()), months, unreadable)


def _all_files(layout: Layout) -> list[Path]:
    """Packs come last, in the order in which they were made: what lies in several files is the same in all."""
    kinds = ("session", "month")
    return [f for kind in kinds for f in sorted(layout.generations.glob(f"*/*/v*/{kind}=*/*.parquet"))]
