"""The store's index: what is stored, in SQLite; a rebuildable cache of the files' footers."""

import contextlib
import datetime as dt
import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS partitions (
    dataset TEXT, version INTEGER, session TEXT, generation INTEGER, state TEXT, is_current INTEGER,
    content_hash TEXT, fingerprint TEXT, parts TEXT, rows INTEGER, nulls INTEGER, late_rows INTEGER,
    repeated_rows INTEGER, first_event TEXT, last_event TEXT, latest_known_at TEXT, grade INTEGER, run_id TEXT,
    git_commit TEXT, seeds TEXT, written_at TEXT, lineage TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (dataset, version, session, generation)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS current ON partitions (dataset, version, session) WHERE is_current = 1;
CREATE TABLE IF NOT EXISTS verdicts (
    dataset TEXT, session TEXT, check_name TEXT, passed INTEGER, detail TEXT, at TEXT,
    PRIMARY KEY (dataset, session, check_name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT);
"""


@dataclass(frozen=True)
class StoredPartition:
    """One generation of one session, as its footer says."""

    dataset: str
    version: int
    session: dt.date
    generation: int
    content_hash: str
    fingerprint: str
    parts: dict[str, str]
    rows: int
    nulls: int
    late_rows: int
    repeated_rows: int
    first_event: dt.date | None
    last_event: dt.date | None
    latest_known_at: dt.datetime | None
    grade: int
    run_id: str
    git_commit: str
    seeds: dict[str, int]
    written_at: dt.datetime
    lineage: dict[str, str | None] = field(default_factory=dict)

    def to_footer(self) -> str:
        return json.dumps(asdict(self), default=lambda value: value.isoformat(), sort_keys=True)

    @staticmethod
    def from_footer(text: str) -> "StoredPartition":
        raw: dict[str, Any] = {"lineage": {}} | json.loads(text)  # early footers had none
        return StoredPartition(**{f.name: _revive(f.name, raw[f.name]) for f in fields(StoredPartition)})

    def numbered(self, generation: int) -> "StoredPartition":
        return replace(self, generation=generation)


_DATES = {"session", "first_event", "last_event"}
_TIMES = {"latest_known_at", "written_at"}
_COLUMNS = [field.name for field in fields(StoredPartition)]
_SELECT = "SELECT " + ", ".join(_COLUMNS) + " FROM partitions "


def _revive(name: str, value: Any) -> Any:  # noqa: ANN401 -- a footer's fields have many types
    if value is None:
        return None
    if name in _DATES:
        return dt.date.fromisoformat(value)
    if name in _TIMES:
        return dt.datetime.fromisoformat(value)
    return value


def _to_row(partition: StoredPartition) -> list[Any]:
    values = []
    for name in _COLUMNS:
        value = getattr(partition, name)
        if isinstance(value, dict):
            value = json.dumps(value, sort_keys=True)
        elif isinstance(value, dt.date):  # datetimes too
            value = value.isoformat()
        values.append(value)
    return values


def _from_row(row: Sequence[Any]) -> StoredPartition:
    raw = dict(zip(_COLUMNS, row, strict=True))
    raw["parts"] = json.loads(raw["parts"])
    raw["seeds"] = json.loads(raw["seeds"])
    raw["lineage"] = json.loads(raw["lineage"])
    return StoredPartition(**{name: _revive(name, value) for name, value in raw.items()})


def _add_lineage(connection: sqlite3.Connection) -> None:
    """An index that was made before partitions had a lineage gets the column."""
    if "lineage" not in [name for _, name, *_ in connection.execute("PRAGMA table_info(partitions)")]:
        with contextlib.suppress(sqlite3.OperationalError):  # another process was faster
            connection.execute("ALTER TABLE partitions ADD COLUMN lineage TEXT NOT NULL DEFAULT '{}'")


class Index:
    """One connection a thread; every write is one short transaction that takes the write lock at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()

    def connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None or self._local.pid != os.getpid():
            found = sqlite3.connect(self.path, timeout=60, isolation_level=None)
            found.execute("PRAGMA journal_mode=WAL")
            # What was announced as stored survives a power cut; 2 to 6 ms a group.
            found.execute("PRAGMA synchronous=FULL")
            found.executescript(SCHEMA)
            _add_lineage(found)
            self._local.connection, self._local.pid = found, os.getpid()
        return found

    def close(self) -> None:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is not None:
            found.close()
            self._local.connection = None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self.connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # SQLite itself rolls back after some errors, a full disk among them
                connection.execute("ROLLBACK")
            raise

    # -- partitions ---------------------------------------------------------------------------------------------

    def insert_pending(self, connection: sqlite3.Connection, partitions: Sequence[StoredPartition]) -> None:
        """Announce a group, numbered under its dataset's lock."""
        self._insert(connection, partitions, "pending")

    def _insert(self, connection: sqlite3.Connection, partitions: Sequence[StoredPartition], state: str) -> None:
        marks = ", ".join("?" * (len(_COLUMNS) + 2))
        connection.executemany(
            f"INSERT OR REPLACE INTO partitions ({', '.join(_COLUMNS)}, state, is_current) VALUES ({marks})",
            [[*_to_row(partition), state, 0] for partition in partitions],
        )

    def mark_done(self, connection: sqlite3.Connection, partitions: Sequence[StoredPartition]) -> None:
        keys = [(p.dataset, p.version, p.session.isoformat()) for p in partitions]
        connection.executemany(
            "UPDATE partitions SET is_current=0 WHERE dataset=? AND version=? AND session=? AND is_current=1", keys
        )
        connection.executemany(
            "UPDATE partitions SET state='done', is_current=1 "
            "WHERE dataset=? AND version=? AND session=? AND generation=?",
            [(*key, p.generation) for key, p in zip(keys, partitions, strict=True)],
        )

    def insert_done(self, connection: sqlite3.Connection, partitions: Sequence[StoredPartition]) -> None:
        """Rows recovered from footers; the highest generation of a session becomes current."""
        self._insert(connection, partitions, "done")
        connection.execute("UPDATE partitions SET is_current=0")
        connection.execute(
            "UPDATE partitions SET is_current=1 WHERE state='done' AND generation=(SELECT MAX(generation) FROM "
            "partitions AS p WHERE p.dataset=partitions.dataset AND p.version=partitions.version "
            "AND p.session=partitions.session AND p.state='done')"
        )

    def pending(self, dataset: str, version: int) -> list[StoredPartition]:
        rows = self.connection().execute(
            _SELECT + "WHERE dataset=? AND version=? AND state='pending' ORDER BY session, generation",
            (dataset, version),
        )
        return [_from_row(row) for row in rows]

    def remove(self, connection: sqlite3.Connection, partition: StoredPartition) -> None:
        """Take one generation out; the one before it, if any, becomes current again."""
        where = (partition.dataset, partition.version, partition.session.isoformat())
        connection.execute(
            "DELETE FROM partitions WHERE dataset=? AND version=? AND session=? AND generation=?",
            (*where, partition.generation),
        )
        connection.execute(
            "UPDATE partitions SET is_current = (generation = (SELECT MAX(generation) FROM partitions WHERE "
            "dataset=?1 AND version=?2 AND session=?3 AND state='done')) "
            "WHERE dataset=?1 AND version=?2 AND session=?3 AND state='done'",
            where,
        )

    def current(
        self, dataset: str, version: int, first: dt.date | None = None, last: dt.date | None = None
    ) -> list[StoredPartition]:
        """The latest generation of each session in [first, last], by session."""
        rows = self.connection().execute(
            _SELECT + "WHERE dataset=? AND version=? AND is_current=1 AND session BETWEEN ? AND ? ORDER BY session",
            (dataset, version, (first or dt.date.min).isoformat(), (last or dt.date.max).isoformat()),
        )
        return [_from_row(row) for row in rows]

    def plan(
        self, dataset: str, version: int, last: dt.date, first_event: dt.date, last_event: dt.date
    ) -> list[tuple[str, int, int, int, str]]:
        """(session, generation, late rows, repeated rows, latest known_at) of the files that a read must open."""
        return self.connection().execute(
            "SELECT session, generation, late_rows, repeated_rows, latest_known_at FROM partitions INDEXED BY current "
            "WHERE dataset=? AND version=? AND is_current=1 AND session<=? AND rows>0 AND last_event>=? "
            "AND first_event<=? ORDER BY session",
            (dataset, version, last.isoformat(), first_event.isoformat(), last_event.isoformat()),
        ).fetchall()  # fmt: skip

    def generations(self, dataset: str, version: int, session: dt.date | None = None) -> list[StoredPartition]:
        """Every finished generation, oldest first."""
        clause, values = ("AND session=? ", [session.isoformat()]) if session else ("", [])
        rows = self.connection().execute(
            _SELECT + f"WHERE dataset=? AND version=? AND state='done' {clause}ORDER BY session, generation",
            [dataset, version, *values],
        )
        return [_from_row(row) for row in rows]

    def sessions(self, dataset: str, version: int) -> list[dt.date]:
        rows = self.connection().execute(
            "SELECT session FROM partitions WHERE dataset=? AND version=? AND is_current=1 ORDER BY session",
            (dataset, version),
        )
        return [dt.date.fromisoformat(session) for (session,) in rows]

    def content_hashes(self, dataset: str, version: int, last: dt.date) -> list[tuple[dt.date, str]]:
        """Of the latest generation of each session up to `last`, by session."""
        rows = self.connection().execute(
            "SELECT session, content_hash FROM partitions WHERE dataset=? AND version=? AND is_current=1 "
            "AND session<=? ORDER BY session",
            (dataset, version, last.isoformat()),
        )
        return [(dt.date.fromisoformat(session), content) for session, content in rows]

    def datasets(self) -> list[tuple[str, int]]:
        return self.connection().execute("SELECT DISTINCT dataset, version FROM partitions ORDER BY 1, 2").fetchall()

    # -- verdicts and the store's sequence ----------------------------------------------------------------------

    def record_verdicts(self, verdicts: Sequence[tuple[str, dt.date, str, bool, str]], at: dt.datetime) -> None:
        """(dataset, session, check, passed, detail) each; a later verdict replaces the earlier one."""
        with self.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?, ?)",
                [(d, s.isoformat(), c, int(p), detail, at.isoformat()) for d, s, c, p, detail in verdicts],
            )

    def verdicts(self, dataset: str, check_name: str) -> list[tuple[dt.date, bool, str]]:
        rows = self.connection().execute(
            "SELECT session, passed, detail FROM verdicts WHERE dataset=? AND check_name=? ORDER BY session",
            (dataset, check_name),
        )
        return [(dt.date.fromisoformat(session), bool(passed), detail) for session, passed, detail in rows]

    def sequence(self, connection: sqlite3.Connection) -> int | None:
        """Groups counted so far; None in an index that is new."""
        row = connection.execute("SELECT value FROM meta WHERE name='sequence'").fetchone()
        return int(row[0]) if row else None

    def set_sequence(self, connection: sqlite3.Connection, value: int) -> None:
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('sequence', ?)", (str(value),))
