"""Opening a store: its format, its locks, and an index that is that of its files."""

import contextlib
import fcntl
import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from feature_store.dataset import Dataset
from feature_store.errors import NewerStoreError, StoreError
from feature_store.index import Index
from feature_store.layout import Layout

FORMAT = 3


def check_format(root: Path, datasets: Iterable[Dataset]) -> None:
    """Write the format of a new store; bring that of an earlier one up to date.

    Raises:
        NewerStoreError: written by a newer format or dataset schema.
    """
    path = root / "store.json"
    if not path.exists():
        _write_format(path)
    stored = json.loads(path.read_text())["format"]
    if stored > FORMAT:
        raise NewerStoreError(f"{root} has store format {stored}, this version knows {FORMAT}; upgrade asof")
    if stored < FORMAT:  # all that an earlier format holds can be read; from now on there are packs
        _write_format(path)
    for dataset in datasets:
        newer = [p.name for p in (root / dataset.name).glob("v*") if int(p.name[1:]) > dataset.version]
        if newer:
            raise NewerStoreError(
                f"{dataset.name} is stored with schema {newer[-1]}, this version knows v{dataset.version}; upgrade asof"
            )


def _write_format(path: Path) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps({"format": FORMAT}) + "\n")
    temporary.replace(path)


def open_index(layout: Layout) -> tuple[Index, bool]:
    """The index, and whether it is not that of the files and must be rebuilt."""
    index = Index(layout.index)
    try:
        with index.transaction() as connection:  # writers hold this lock while they move the sequence on
            known = index.sequence(connection)
            # a copied tree of files may bring neither the index nor the sequence
            lost = known is None and layout.generations.exists()
            stale = lost or (known or 0) != layout.read_sequence()
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise StoreError(f"{layout.index}: {error}") from error
        index.close()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{layout.index}{suffix}").unlink(missing_ok=True)
        return Index(layout.index), True
    return index, stale


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock across processes; a killed process lets go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
