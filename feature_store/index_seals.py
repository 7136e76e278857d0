"""Hashes of the index's rows, by which a changed, lost or added one is noticed that SQLite itself takes for good.

Of each session one hash covers the rows of all its generations, with every column. It is renewed in the transaction
that changes them, and compared when a process first asks for the dataset.
"""

import itertools
import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import xxhash

from feature_store.hashing import digest_of
from feature_store.index_schema import COLUMNS

_COLUMNS = ("session", "generation", "state", "is_current", *sorted({*COLUMNS} - {"session", "generation"}))
_ROW, _NAMES = ", ".join(_COLUMNS), _COLUMNS.index("column_names")
CHECKED = {
    "check_results": "dataset, session, check_name, look, value, written, generation, passed, detail, since, at, "
    "run_id, ended",
    "waivers": "dataset, session, check_name, value, why, by, at, detail",
}
HASH = "hash_of_values"  # a function of each connection
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


def register(connection: sqlite3.Connection) -> None:
    """Let a connection keep the sums of what is recorded of checks, with each of its changes, by triggers."""
    connection.create_function(HASH, -1, _hash_of_values, deterministic=True)
    for table, columns in CHECKED.items():
        for event, sides in (("INSERT", ("NEW",)), ("UPDATE", ("OLD", "NEW")), ("DELETE", ("OLD",))):
            steps = "; ".join(_summed(table, columns, side) for side in sides)
            _create(connection, f"{table}_{event.lower()}", f"AFTER {event} ON {table} BEGIN {steps}; END")


def _create(connection: sqlite3.Connection, name: str, does: str) -> None:
    """A trigger, unless it is there; one of another text is damage: what it has summed is not to be trusted.

    Raises:
        sqlite3.DatabaseError: the text is another.
    """
    connection.execute(f"CREATE TRIGGER IF NOT EXISTS {name} {does}")
    known = connection.execute("SELECT sql FROM sqlite_master WHERE type='trigger' AND name=?", (name,)).fetchone()
    if known != (f"CREATE TRIGGER {name} {does}",):
        raise sqlite3.DatabaseError(f"its trigger {name} is not as it was made")


def sum_all(connection: sqlite3.Connection) -> None:
    """Of an index that an earlier version made."""
    connection.execute("DELETE FROM check_sums")
    named = " UNION ".join(f"SELECT dataset FROM {table}" for table in CHECKED)
    for (dataset,) in connection.execute(named).fetchall():
        connection.execute("INSERT INTO check_sums VALUES (?, ?)", (dataset, _sum_of(connection, dataset)))


def _summed(table: str, columns: str, side: str) -> str:
    """One row into, or out of, its dataset's sum, which is one of exclusive or."""
    values = ", ".join(f"{side}.{name}" for name in columns.split(", "))
    digest = f"{HASH}('{table}', {values})"
    return (
        f"INSERT INTO check_sums SELECT {side}.dataset, 0 WHERE NOT EXISTS "
        f"(SELECT 1 FROM check_sums WHERE dataset={side}.dataset); "
        f"UPDATE check_sums SET total=(total|{digest})-(total&{digest}) WHERE dataset={side}.dataset"
    )


def _sum_of(connection: sqlite3.Connection, dataset: str) -> int:
    total = 0
    for table, columns in CHECKED.items():
        for row in connection.execute(f"SELECT {columns} FROM {table} WHERE dataset=?", (dataset,)):
            total ^= _hash_of_values(table, *row)
    return total


def _hash_of_values(*values: Any) -> int:  # noqa: ANN401 -- a column may hold anything
    return xxhash.xxh3_64(repr(values).encode()).intdigest() >> 1  # SQLite's integers have a sign


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
    if not _are_named(connection, {row[_NAMES] for row in rows} - {""}):
        return f"{dataset}: names of its columns are not as recorded"
    (known,) = connection.execute("SELECT total FROM check_sums WHERE dataset=?", (dataset,)).fetchone() or (0,)
    return "" if known == _sum_of(connection, dataset) else f"{dataset}: results of its checks are not as recorded"


def _are_named(connection: sqlite3.Connection, digests: Collection[str]) -> bool:
    """Whether the names of columns that rows refer to by their digest have that digest."""
    known = dict(connection.execute("SELECT digest, names FROM column_names"))
    return all(digest in known and digest_of(json.loads(known[digest])) == digest for digest in digests)


def _hashes(rows: Iterable[Row]) -> Iterator[tuple[str, str]]:
    """Of each session, from its rows by generation."""
    for session, group in itertools.groupby(rows, key=_session):
        yield session, xxhash.xxh3_64(repr(list(group)).encode()).hexdigest()


def _session(row: Sequence[Any]) -> str:
    return f"{row[0]}"
