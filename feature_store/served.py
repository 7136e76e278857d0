"""Whether what other engines see is what was stored: before a query of SQL reads it, and in `verify`."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from feature_store.digests import known_digest, whole_digest
from feature_store.errors import CorruptPartitionError
from feature_store.files import held_by
from feature_store.index import Index
from feature_store.layout import Layout, read_footer
from feature_store.partition import StoredPartition
from feature_store.sweeping import set_aside
from feature_store.writers import Writer


class Served:
    """The files for other engines of one store."""

    def __init__(self, layout: Layout, index: Index, writer: Writer) -> None:
        self._layout = layout
        self._index = index
        self._writer = writer
        self._compared: dict[str, int] = {}  # by dataset: the store's sequence

    def faults(self, name: str, version: int) -> dict[Path, str]:
        """What is wrong with the files of a dataset: missing, damaged, or not of the latest generations."""
        return dict(self._faults(name, version, whole_digest))

    def require(self, name: str, version: int) -> None:
        """Reject a dataset of which other engines would see anything but what was stored.

        Raises:
            CorruptPartitionError: it names the files, and the fix.
        """
        sequence = self._layout.read_sequence()
        if self._compared.get(name) == sequence:  # once a process, unless something was stored since
            return
        if dict(self._faults(name, version, known_digest)):
            with self._writer.locked(name):  # while a writer replaces files, both states are seen
                faults = self.faults(name, version)
        else:
            faults = {}
        if faults:
            shown = "; ".join(f"{path} ({name}): {fault}" for path, fault in list(faults.items())[:3])
            raise CorruptPartitionError(f"{shown}; run `asof verify`, which puts back what SQL reads")
        self._compared[name] = sequence

    def replace(self, name: str, version: int) -> list[Path]:
        """Set wrong files aside and place the latest generations anew; returns them.

        The caller holds the dataset's lock, and has settled.
        """
        wrong = list(self.faults(name, version))
        for path in wrong:
            if path.exists():
                set_aside(self._layout, path)
        self._writer.place_current(name, version, self._index.sessions(name, version))
        return wrong

    def _faults(self, name: str, version: int, digest_of: Callable[[Path], str]) -> Iterator[tuple[Path, str]]:
        latest: dict[Path, list[StoredPartition]] = {}
        for p in self._index.current(name, version):
            latest.setdefault(self._layout.part(p), []).append(p)
        for path, partitions in latest.items():
            if fault := self._fault(path, partitions, digest_of):
                yield path, fault
        for path in self._layout.folder(name, version).glob("*/*.parquet"):
            if path not in latest:
                yield path, "it holds none of the latest generations"

    def _fault(self, path: Path, partitions: Sequence[StoredPartition], digest_of: Callable[[Path], str]) -> str:
        """A file without a digest that is another name of the stored one is as whole as that."""
        digest = partitions[0].place.digest
        stored = self._layout.generation(partitions[0])
        if not path.exists():
            return "it is not there"
        if not digest:
            is_stored = stored.exists() and path.samefile(stored)
            return "" if is_stored or len(held_by(path, partitions)) == len(partitions) else "it holds another content"
        if not digest_of(path):
            return "its bytes are not those that were stored"
        return (
            ""
            if _with_rows(read_footer(path)) == _with_rows(partitions)
            else "it holds other generations than the latest"
        )


def _with_rows(partitions: Sequence[StoredPartition]) -> list[tuple[dt.date, int, str]]:
    return sorted((p.session, p.generation, p.content_hash) for p in partitions if p.rows)
