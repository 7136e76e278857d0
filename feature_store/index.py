"""The store's index: what is stored and where, in SQLite; a rebuildable cache of the files' footers."""

import datetime as dt
import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from feature_store.check_table import CheckTable
from feature_store.hashing import digest_of
from feature_store.index_bookkeeping import Bookkeeping
from feature_store.index_database import Database
from feature_store.index_schema import COLUMNS, PLACED, as_json, to_row
from feature_store.index_seals import seal, seal_all
from feature_store.partition import Place, StoredPartition, revive

JSON = ("parts", "seeds", "lineage")
_SELECT = "SELECT " + ", ".join(COLUMNS) + " FROM partitions "
_CURRENT = "WHERE dataset=? AND version=? AND is_current=1 AND session BETWEEN ? AND ? ORDER BY session"


class Readable(NamedTuple):
    """What a read must know of a partition."""

    session: str
    generation: int
    rows: int
    late_rows: int
    repeated_rows: int
    latest_known_at: str | None
    file: str | None
    offset: int
    file_rows: int
    digest: str


class Known(NamedTuple):
    """A finished generation of a session, in brief."""

    generation: int
    fingerprint: str
    content_hash: str


class Index(Bookkeeping):
    """What is stored and where.

    Rows of a dataset are compared with their hashes when a process first asks for it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(Database(path))
        self.checks = CheckTable(self._database, self._sound)
        self._names: dict[str, tuple[str, ...]] = {"": ()}

    # -- partitions ---------------------------------------------------------------------------------------------

    def insert_pending(self, connection: sqlite3.Connection, partitions: Sequence[StoredPartition]) -> None:
        """Announce a group, numbered under its dataset's lock."""
        self._insert(connection, partitions, "pending")

    def _insert(self, connection: sqlite3.Connection, partitions: Sequence[StoredPartition], state: str) -> None:
        names = {names: _digest(names) for names in {p.column_names for p in partitions}}
        connection.executemany(
            "INSERT OR IGNORE INTO column_names VALUES (?, ?)",
            [(digest, json.dumps(columns)) for columns, digest in names.items() if digest],
        )
        marks = ", ".join("?" * (len(COLUMNS) + 2))
        connection.executemany(
            f"INSERT OR REPLACE INTO partitions ({', '.join(COLUMNS)}, state, is_current) VALUES ({marks})",
            [[*to_row(partition, names[partition.column_names]), state, 0] for partition in partitions],
        )
        self._seal(connection, partitions)

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
        self._seal(connection, partitions)

    def insert_done(self, connection: sqlite3.Connection, partitions: Sequence[StoredPartition]) -> None:
        """Rows recovered from footers; the highest generation of a session becomes current."""
        self._insert(connection, partitions, "done")
        connection.execute("UPDATE partitions SET is_current=0")
        connection.execute(
            "UPDATE partitions SET is_current=1 WHERE state='done' AND generation=(SELECT MAX(generation) FROM "
            "partitions AS p WHERE p.dataset=partitions.dataset AND p.version=partitions.version "
            "AND p.session=partitions.session AND p.state='done')"
        )
        seal_all(connection)

    def move(self, connection: sqlite3.Connection, partitions: Sequence[StoredPartition]) -> None:
        """Say where the rows lie from now on."""
        connection.executemany(
            "UPDATE partitions SET file=?, row_offset=?, file_rows=?, digest=? "
            "WHERE dataset=? AND version=? AND session=? AND generation=?",
            [(*p.place, p.dataset, p.version, p.session.isoformat(), p.generation) for p in partitions],
        )
        self._seal(connection, partitions)

    def adopt(self, connection: sqlite3.Connection, partitions: Sequence[StoredPartition]) -> None:
        """Say under which fingerprint the partitions are taken over."""
        connection.executemany(
            "UPDATE partitions SET fingerprint=?, parts=?, adopted=? "
            "WHERE dataset=? AND version=? AND session=? AND generation=?",
            [
                (p.fingerprint, as_json(p.parts), as_json(p.adopted) if p.adopted else None, p.dataset, p.version,
                 p.session.isoformat(), p.generation)
                for p in partitions
            ],
        )  # fmt: skip
        self._seal(connection, partitions)

    def _seal(self, connection: sqlite3.Connection, partitions: Sequence[StoredPartition]) -> None:
        for name, version in {(p.dataset, p.version) for p in partitions}:
            seal(connection, name, version, {p.session.isoformat() for p in partitions if p.dataset == name})

    def pending(self, dataset: str, version: int) -> list[StoredPartition]:
        where = "WHERE dataset=? AND version=? AND state='pending' ORDER BY session, generation"
        return self._partitions(_SELECT + where, (dataset, version))

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
        self._seal(connection, [partition])

    def current(
        self, dataset: str, version: int, first: dt.date | None = None, last: dt.date | None = None
    ) -> list[StoredPartition]:
        """The latest generation of each session in [first, last], by session."""
        return self._partitions(_SELECT + _CURRENT, (dataset, version, *_span(first, last)))

    def table(
        self, dataset: str, version: int, names: Sequence[str], first: dt.date | None, last: dt.date | None
    ) -> list[tuple[Any, ...]]:
        """These columns of the latest generations in [first, last], by session, as they are in the index."""
        return self._sound(dataset, version).execute(
            f"SELECT {', '.join(names)} FROM partitions INDEXED BY current {_CURRENT}",
            (dataset, version, *_span(first, last)),
        ).fetchall()  # fmt: skip

    def plan(
        self,
        dataset: str,
        version: int,
        last: dt.date,
        first_event: dt.date,
        last_event: dt.date,
        first: dt.date = dt.date.min,
    ) -> list[Readable]:
        """What a read must open of the sessions [first, last], by session: those with rows about these dates."""
        rows = self._sound(dataset, version).execute(
            "SELECT session, generation, rows, late_rows, repeated_rows, latest_known_at, file, row_offset, file_rows, "
            "digest "
            "FROM partitions INDEXED BY current "
            "WHERE dataset=? AND version=? AND is_current=1 AND session BETWEEN ? AND ? AND rows>0 AND last_event>=? "
            "AND first_event<=? ORDER BY session",
            (dataset, version, *_span(first, last), first_event.isoformat(), last_event.isoformat()),
        )
        return [Readable._make(row) for row in rows]

    def known(self, dataset: str, version: int, days: Collection[dt.date]) -> Mapping[dt.date, list[Known]]:
        """Finished generations of these sessions, oldest first."""
        by_day: dict[dt.date, list[Known]] = {day: [] for day in days}
        if not by_day:
            return by_day
        rows = self._sound(dataset, version).execute(
            "SELECT session, generation, fingerprint, content_hash FROM partitions WHERE dataset=? AND version=? "
            "AND state='done' AND session BETWEEN ? AND ? ORDER BY session, generation",
            (dataset, version, *_span(min(by_day), max(by_day))),
        )
        for session, *known in rows:
            if (day := dt.date.fromisoformat(session)) in by_day:
                by_day[day].append(Known(*known))
        return by_day

    def generations(self, dataset: str, version: int, session: dt.date | None = None) -> list[StoredPartition]:
        """Every finished generation, oldest first."""
        clause, values = ("AND session=? ", [session.isoformat()]) if session else ("", [])
        return self._partitions(
            _SELECT + f"WHERE dataset=? AND version=? AND state='done' {clause}ORDER BY session, generation",
            [dataset, version, *values],
        )

    def generations_in(self, dataset: str, version: int, first: dt.date, last: dt.date) -> list[StoredPartition]:
        """Every generation of the sessions in [first, last], whatever its state."""
        where = "WHERE dataset=? AND version=? AND session BETWEEN ? AND ? ORDER BY session, generation"
        return self._partitions(_SELECT + where, (dataset, version, *_span(first, last)))

    def packs_of(self, dataset: str, version: int, first: dt.date, last: dt.date) -> list[str]:
        """Files that hold several sessions, whether they are there or not."""
        rows = self.connection().execute(
            "SELECT DISTINCT file FROM partitions WHERE dataset=? AND version=? AND session BETWEEN ? AND ?"
            " AND file IS NOT NULL",
            (dataset, version, str(first), str(last)),
        )
        return [file for (file,) in rows]

    def scattered_months(self, dataset: str, version: int, first: dt.date, before: dt.date) -> list[str]:
        """Months from that of `first` on, ended before a day, whose latest generations lie in more than one file."""
        rows = self._sound(dataset, version).execute(
            "SELECT substr(session, 1, 7) AS month FROM partitions INDEXED BY current "
            "WHERE dataset=? AND version=? AND is_current=1 AND session>=? AND session<? "
            "GROUP BY month HAVING COUNT(DISTINCT COALESCE(file, session)) > 1 "
            "AND date(month || '-01', '+1 month', '-1 day') < ? ORDER BY month",
            (dataset, version, first.replace(day=1).isoformat(), before.isoformat(), before.isoformat()),
        )
        return [month for (month,) in rows]

    def holds_first_format(self, dataset: str, version: int) -> bool:
        """Whether a latest generation lies in a file that was written before columns were hashed and packs made."""
        row = self._sound(dataset, version).execute(
            "SELECT 1 FROM partitions INDEXED BY current WHERE dataset=? AND version=? AND is_current=1 "
            "AND file IS NULL AND column_names='' LIMIT 1",
            (dataset, version),
        ).fetchone()  # fmt: skip
        return row is not None

    def count_files(self, dataset: str, version: int) -> int:
        """Files that hold generations of the dataset, superseded ones too."""
        row = self._sound(dataset, version).execute(
            "SELECT COUNT(DISTINCT COALESCE(file, session || '/' || generation)) FROM partitions "
            "WHERE dataset=? AND version=?",
            (dataset, version),
        ).fetchone()  # fmt: skip
        return int(row[0])

    def sessions(self, dataset: str, version: int) -> list[dt.date]:
        rows = self.table(dataset, version, ["session"], None, None)
        return [dt.date.fromisoformat(session) for (session,) in rows]

    def last_session(self, dataset: str, version: int) -> dt.date | None:
        row = self._sound(dataset, version).execute(
            "SELECT MAX(session) FROM partitions INDEXED BY current WHERE dataset=? AND version=? AND is_current=1",
            (dataset, version),
        ).fetchone()  # fmt: skip
        return dt.date.fromisoformat(row[0]) if row[0] else None

    def content_hashes(self, dataset: str, version: int, last: dt.date) -> list[tuple[dt.date, str]]:
        """Of the latest generation of each session up to `last`, by session."""
        rows = self.table(dataset, version, ["session", "content_hash"], None, last)
        return [(dt.date.fromisoformat(session), content) for session, content in rows]

    def datasets(self) -> list[tuple[str, int]]:
        return self.connection().execute("SELECT DISTINCT dataset, version FROM partitions ORDER BY 1, 2").fetchall()

    def names_of(self, digest: str) -> tuple[str, ...]:
        """Names of the columns that were hashed, by their digest."""
        if digest not in self._names:
            row = self.connection().execute("SELECT names FROM column_names WHERE digest=?", (digest,)).fetchone()
            self._names[digest] = tuple(json.loads(row[0]))
        return self._names[digest]

    def _partitions(self, query: str, values: Sequence[Any]) -> list[StoredPartition]:
        """Of a query whose first values are the dataset and its version."""
        return [self._from_row(row) for row in self._sound(*values[:2]).execute(query, values).fetchall()]

    def _from_row(self, row: Sequence[Any]) -> StoredPartition:
        raw = dict(zip(COLUMNS, row, strict=True))
        place = Place(*(raw.pop(name) for name in PLACED))
        adopted = raw.pop("adopted")
        raw |= {name: json.loads(raw[name]) for name in JSON}
        raw["column_names"] = self.names_of(raw["column_names"])
        partition = StoredPartition(**{name: revive(name, value) for name, value in raw.items()}, place=place)
        return replace(partition, adopted=json.loads(adopted)) if adopted else partition


def _span(first: dt.date | None, last: dt.date | None) -> tuple[str, str]:
    return (first or dt.date.min).isoformat(), (last or dt.date.max).isoformat()


def _digest(names: Sequence[str]) -> str:
    return digest_of(names) if names else ""
