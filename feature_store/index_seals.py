"""Hashes of the index's rows, by which a changed, lost or added one is noticed that SQLite itself takes for good.

Of each session one hash covers the rows of all its generations, with every column. It is renewed in the transaction
that changes them, and compared when a process first asks for the dataset.
"""

import itertools
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import xxhash

from feature_store.index_schema import COLUMNS

_ROW = ", ".join(("session", "generation", "state", "is_current", *sorted({*COLUMNS} - {"session", "generation"})))
_OF_DATASET = "WHERE dataset=? AND version=? "

Row = tuple[Any, ...]


def seal(connection: sqlite3.Connection, dataset: str, version: int, sessions: Collection[str]) -> None:
    """Renew the hashes of sessions whose rows were changed, in the same transaction."""
    if not sessions:
        return
    span = dataset, version, min(sessions), max(sessions)
    rows = connection.execute(
        f"SELECT {_ROW} FROM partitions {_OF_DATASET} AND session BETWEEN ? AND ? ORDER BY session, generation", span
    )
    hashes = {session: digest for session, digest in _hashes(rows) if session in sessions}
    connection.executemany(
        "DELETE FROM seals WHERE dataset=? AND version=? AND session=?",
        [(dataset, version, session) for session in sessions if session not in hashes],
    )
    connection.executemany(
        "INSERT OR REPLACE INTO seals VALUES (?, ?, ?, ?)",
        [(dataset, version, session, digest) for session, digest in hashes.items()],
    )


def seal_all(connection: sqlite3.Connection) -> None:
    """Of an index that is new, or that an earlier version made."""
    connection.execute("DELETE FROM seals")
    for dataset, version in connection.execute("SELECT DISTINCT dataset, version FROM partitions").fetchall():
        rows = connection.execute(
            f"SELECT {_ROW} FROM partitions {_OF_DATASET} ORDER BY session, generation", (dataset, version)
        )
        hashes = [(dataset, version, session, digest) for session, digest in _hashes(rows)]
        connection.executemany("INSERT INTO seals VALUES (?, ?, ?, ?)", hashes)


def fault(connection: sqlite3.Connection, dataset: str, version: int) -> str:
    """What is wrong with a dataset's rows; an empty text where nothing is."""
    key = (dataset, version)
    rows = connection.execute(
        f"SELECT {_ROW} FROM partitions {_OF_DATASET} ORDER BY session, generation", key
    ).fetchall()
    sealed = dict(connection.execute(f"SELECT session, hash FROM seals {_OF_DATASET}", key).fetchall())
    found = dict(_hashes(rows))
    if wrong := sorted(name for name in found.keys() | sealed.keys() if found.get(name) != sealed.get(name)):
        return f"{dataset} {wrong[0]} is not as it was recorded, with {len(wrong)} sessions of the dataset in all"
    latest = [
        session
        for session, *_ in connection.execute(
            f"SELECT session FROM partitions INDEXED BY current {_OF_DATASET} AND is_current=1 ORDER BY session", key
        )
    ]
    if latest != [session for session, _, _, is_current, *_ in rows if is_current]:
        return f"{dataset}: its list of latest generations is not that of its rows"
    return ""


def _hashes(rows: Iterable[Row]) -> Iterator[tuple[str, str]]:
    """Of each session, from its rows by generation."""
    for session, group in itertools.groupby(rows, key=_session):
        yield session, xxhash.xxh3_64(repr(list(group)).encode()).hexdigest()


def _session(row: Sequence[Any]) -> str:
    return f"{row[0]}"
