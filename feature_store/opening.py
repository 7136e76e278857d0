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
from feature_store.index_database import is_damage
from feature_store.layout import Layout
from feature_store.notices import notice

FORMAT = 3


def check_format(root: Path, datasets: Iterable[Dataset]) -> None:
    """Write the format of a new store; bring that of an earlier one up to date.

    Raises:
        NewerStoreError: written by a newer format or dataset schema.
    """
    path = root / "store.json"
    if not path.exists():
        _write_format(path)
    stored = _format(path)
    if stored > FORMAT:
        raise NewerStoreError(
            f"{root} has store format {stored}, this version knows {FORMAT}; upgrade asof, or, if only {path} was "
            "damaged, remove that file: it is written anew"
        )
    if stored < FORMAT:  # all that an earlier format holds can be read
        _write_format(path)
        notice(
            f"{root} is of an earlier format, whose files have no digest of their bytes: they are read, and what is "
            "stored from now on has one; run `asof verify` once, which compares the others and gives them theirs"
        )
    for dataset in datasets:
        newer = [p.name for p in (root / dataset.name).glob("v*") if int(p.name[1:]) > dataset.version]
        if newer:
            raise NewerStoreError(
                f"{dataset.name} is stored with schema {newer[-1]}, this version knows v{dataset.version}; upgrade asof"
            )


def _format(path: Path) -> int:
    """Of the store; a file that says none is written anew, since footers say what is stored."""
    try:
        stored = json.loads(path.read_text())["format"]
        if type(stored) is int:
            return stored
    except (OSError, ValueError, TypeError, KeyError) as error:
        if isinstance(error, OSError):
            raise StoreError(f"{path} cannot be read: {error.strerror}; make it a file that you may read") from error
    notice(f"{path} does not say the store's format any more: it was written anew, with format {FORMAT}")
    _write_format(path)
    return FORMAT


def _write_format(path: Path) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps({"format": FORMAT}) + "\n")
    temporary.replace(path)


def open_index(layout: Layout) -> tuple[Index, str]:
    """The index, and why it is not that of the files and must be made anew; an empty text where it need not.

    Raises:
        StoreError: it cannot be opened, for another reason than that it is damaged.
    """
    index = Index(layout.index)
    try:
        wrong = index.structural_fault()
        stale = "" if wrong else _why_stale(index, layout)
        if not wrong and not stale:
            index.seal_earlier()
    except (sqlite3.Error, ValueError, TypeError) as error:
        if not is_damage(error):
            raise StoreError(f"{layout.index}: {error}; the file must be one that you may write") from error
        wrong = f"{error}"
    if wrong:
        kept = index.set_aside(layout.broken)
        stale = f"is damaged ({' '.join(wrong.split())}), and kept as {kept}"
    if stale:
        index.seal_earlier()
    return index, stale


def _why_stale(index: Index, layout: Layout) -> str:
    with index.transaction() as connection:  # writers hold this lock while they move the sequence on
        known = index.sequence(connection)
        if known is None and layout.generations.exists():
            return "is not there"  # a copied tree of files may bring neither the index nor the sequence
        return "" if (known or 0) == layout.read_sequence() else "is of another time than the files beside it"


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock across processes; a killed process lets go."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
