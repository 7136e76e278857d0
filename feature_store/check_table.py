"""Results of checks in the index: a cache of the records beside the files, and what is in force of them.

A result speaks of a stored value, by fingerprint and content, or, of a check of files, of the generation that was read
back. It is in force while that is what is stored.
"""

import datetime as dt
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from feature_store.append_log import DamagedLine, Position
from feature_store.index_database import Database
from feature_store.partition import StoredPartition

OF_FILES = ("contract",)  # checks of the stored file: storing the session anew ends what they found

TABLES = ("check_results", "waivers", "check_logs", "check_log_damage")
# of the stored partition `p`: what results of its value are known by, whatever it was adopted as
_VALUE = (
    "substr(COALESCE(json_extract(p.adopted, '$.fingerprint'), p.fingerprint), 1, 16)||substr(p.content_hash, 1, 8)"
)
_STORED = (
    "partitions AS p INDEXED BY current JOIN check_results AS c ON c.dataset=p.dataset AND c.session=p.session "
    f"AND c.value={_VALUE} AND c.written IN ('', p.written_at) AND c.ended IS NULL "
)
_OF_DATASET = "WHERE p.dataset=? AND p.version=? AND p.is_current=1 AND p.session BETWEEN ? AND ? "
_WAIVED = (
    "EXISTS (SELECT 1 FROM waivers AS w WHERE w.dataset=c.dataset AND w.session=c.session "
    "AND w.check_name=c.check_name AND w.value=c.value)"
)


def value_of(partition: StoredPartition) -> str:
    """What results of a stored value are known by: the fingerprint that it was stored with, and its content."""
    stored_with = partition.adopted["fingerprint"] if partition.adopted else partition.fingerprint
    return stored_with[:16] + partition.content_hash[:8]


@dataclass(frozen=True)
class RecordedResult:
    """The result of a check of one session, as it is recorded.

    Attributes:
        look: how it was looked at: `run`, `alone`, `scrambled`, `certification` …
        value: what was checked; see `value_of`.
        written: of a check of files, when the generation that was read back was written; else empty.
        since: when a failure was first recorded.
        at: when it was recorded last, UTC in ISO form.
    """

    dataset: str
    session: dt.date
    check: str
    look: str
    value: str
    written: str
    generation: int
    passed: bool
    detail: str
    since: str
    at: str
    run_id: str


@dataclass(frozen=True)
class Waiver:
    """A failed or missing check of a session that a person lets pass, for ever on record.

    Attributes:
        value: the stored value that it speaks of; a session stored anew needs a new one.
        detail: what had failed.
    """

    dataset: str
    session: dt.date | None
    check: str
    value: str
    why: str
    by: str
    at: str
    detail: str


class CheckTable:
    """What is recorded of checks, by dataset."""

    def __init__(self, database: Database, sound: Callable[[str, int], sqlite3.Connection]) -> None:
        self._database = database
        self._sound = sound  # a connection, once what the index says of the dataset was compared with its hashes

    # -- following the records ------------------------------------------------------------------------------------

    def put_results(self, connection: sqlite3.Connection, results: Iterable[RecordedResult]) -> None:
        """A failure takes the place of a pass and keeps its first moment; a pass never that of a failure."""
        connection.executemany(
            "INSERT INTO check_results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL) ON CONFLICT DO UPDATE SET "
            "generation=excluded.generation, passed=excluded.passed, detail=excluded.detail, at=excluded.at, "
            "since=CASE WHEN check_results.passed=excluded.passed THEN check_results.since ELSE excluded.since END, "
            "run_id=excluded.run_id, ended=NULL "
            "WHERE check_results.ended IS NOT NULL OR excluded.passed <= check_results.passed",
            [
                (r.dataset, r.session.isoformat(), r.check, r.look, r.value, r.written, r.generation, int(r.passed),
                 r.detail, r.since, r.at, r.run_id)
                for r in results
            ],
        )  # fmt: skip

    def end(self, connection: sqlite3.Connection, results: Iterable[RecordedResult]) -> None:
        """Failures of files that were repaired are in force no more."""
        connection.executemany(
            "UPDATE check_results SET ended=? WHERE dataset=? AND session=? AND check_name=? AND value=? AND written=?",
            [(r.at, r.dataset, r.session.isoformat(), r.check, r.value, r.written) for r in results],
        )

    def put_waivers(self, connection: sqlite3.Connection, waivers: Iterable[Waiver]) -> None:
        connection.executemany(
            "INSERT OR IGNORE INTO waivers VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (w.dataset, w.session.isoformat() if w.session else "", w.check, w.value, w.why, w.by, w.at, w.detail)
                for w in waivers
            ],
        )

    def put_damage(self, connection: sqlite3.Connection, file: str, damaged: Iterable[DamagedLine]) -> None:
        connection.executemany(
            "INSERT OR IGNORE INTO check_log_damage VALUES (?, ?, ?, ?)",
            [(file, d.number, d.digest, d.reason) for d in damaged],
        )

    def positions(self) -> dict[str, Position]:
        """How far each log was followed."""
        rows = self._database.connection().execute("SELECT file, size, lines, digest FROM check_logs")
        return {file: Position(size, lines, digest) for file, size, lines, digest in rows}

    def set_position(self, connection: sqlite3.Connection, file: str, position: Position) -> None:
        connection.execute(
            "INSERT OR REPLACE INTO check_logs VALUES (?, ?, ?, ?)",
            (file, position.size, position.lines, position.digest),
        )

    def drop_earlier(self, connection: sqlite3.Connection) -> None:
        """The table in which earlier versions kept one result a session and check is not needed any more."""
        connection.execute("DROP TABLE verdicts")

    def earlier(self) -> list[tuple[str, dt.date, str, bool, str]]:
        """Dataset, session, check, whether it passed and what was wrong, as earlier versions kept them."""
        connection = self._database.connection()
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name='verdicts'").fetchone():
            return []
        rows = connection.execute("SELECT dataset, session, check_name, passed, detail FROM verdicts").fetchall()
        return [
            (d, dt.date.fromisoformat(session), check, bool(passed), detail)
            for d, session, check, passed, detail in rows
        ]

    def clear(self, connection: sqlite3.Connection) -> None:
        for table in TABLES:
            connection.execute(f"DELETE FROM {table}")
        connection.execute("DELETE FROM check_sums")

    # -- in force -------------------------------------------------------------------------------------------------

    def latest(self, dataset: str, version: int, check: str) -> list[tuple[dt.date, bool, str]]:
        """Of each stored session with a result in force: whether it passes, and what failed. A waived one passes."""
        rows = self._sound(dataset, version).execute(
            f"SELECT p.session, MIN(c.passed OR {_WAIVED}) AS good, c.detail FROM {_STORED} "
            f"{_OF_DATASET} AND c.check_name=? GROUP BY p.session ORDER BY p.session",
            (dataset, version, "", "9", check),
        )
        return [(dt.date.fromisoformat(session), bool(good), detail) for session, good, detail in rows]

    def results(
        self, dataset: str, version: int, first: dt.date, last: dt.date, checks: Sequence[str] = ()
    ) -> list[RecordedResult]:
        """All that is in force of the stored sessions in [first, last], by session."""
        names = f"AND c.check_name IN ({', '.join('?' * len(checks))}) " if checks else ""
        return self._select(f"{_OF_DATASET} {names}", (dataset, version, str(first), str(last), *checks))

    def failures(self, dataset: str, version: int, first: dt.date, last: dt.date) -> list[RecordedResult]:
        """Failures in force of the stored sessions in [first, last], by session, without those that are waived."""
        where = f"{_OF_DATASET} AND c.passed=0 AND NOT {_WAIVED} "
        return self._select(where, (dataset, version, str(first), str(last)))

    def _select(self, where: str, values: Sequence[Any]) -> list[RecordedResult]:
        """Of a query whose first values are the dataset and its version."""
        names = ", ".join("c." + _COLUMNS.get(f.name, f.name) for f in fields(RecordedResult))
        rows = self._sound(*values[:2]).execute(
            f"SELECT {names} FROM {_STORED} {where} ORDER BY c.session, c.check_name, c.look", values
        )
        return [_revived(row) for row in rows]

    def unchecked(
        self, dataset: str, version: int, check: str, first: dt.date, last: dt.date
    ) -> list[tuple[dt.date, str]]:
        """Stored sessions in [first, last] without a result of the check in force or a waiver, and their values."""
        rows = self._sound(dataset, version).execute(
            f"SELECT p.session, {_VALUE} FROM partitions AS p INDEXED BY current {_OF_DATASET} AND NOT EXISTS "
            "(SELECT 1 FROM check_results AS c WHERE c.dataset=p.dataset AND c.session=p.session AND c.check_name=? "
            f"AND c.value={_VALUE} AND c.written IN ('', p.written_at) AND c.ended IS NULL) AND NOT EXISTS "
            "(SELECT 1 FROM waivers AS w WHERE w.dataset=p.dataset AND w.session=p.session AND w.check_name=? "
            f"AND w.value={_VALUE}) ORDER BY p.session",
            (dataset, version, str(first), str(last), check, check),
        )
        return [(dt.date.fromisoformat(session), value) for session, value in rows]

    def is_checked(self, dataset: str, version: int, check: str) -> bool:
        """Whether any stored session has a result of the check in force, or a waiver."""
        connection = self._sound(dataset, version)
        of_dataset = (dataset, version, "", "9", check)
        query = f"SELECT 1 FROM {_STORED} {_OF_DATASET} AND c.check_name=? LIMIT 1"
        if connection.execute(query, of_dataset).fetchone():
            return True
        waived = (
            "SELECT 1 FROM partitions AS p INDEXED BY current JOIN waivers AS w ON w.dataset=p.dataset "
            f"AND w.session=p.session AND w.value={_VALUE} {_OF_DATASET} AND w.check_name=? LIMIT 1"
        )
        return connection.execute(waived, of_dataset).fetchone() is not None

    def checks_recorded(self, dataset: str) -> list[str]:
        """Names of all checks of which there is a result."""
        connection = self._database.connection()
        query = "SELECT DISTINCT check_name FROM check_results WHERE dataset=? ORDER BY 1"
        return [name for (name,) in connection.execute(query, (dataset,))]

    def waivers(self) -> list[Waiver]:
        """All that were ever recorded, oldest first."""
        rows = self._database.connection().execute(
            "SELECT dataset, session, check_name, value, why, by, at, detail FROM waivers ORDER BY at, dataset, session"
        )
        return [Waiver(d, dt.date.fromisoformat(s) if s else None, *rest) for d, s, *rest in rows]

    def damage(self) -> list[tuple[str, DamagedLine]]:
        """Lines of logs that cannot be read, by file."""
        rows = self._database.connection().execute(
            "SELECT file, line, digest, reason FROM check_log_damage ORDER BY file, line"
        )
        return [(file, DamagedLine(*rest)) for file, *rest in rows]


_COLUMNS = {"check": "check_name"}


def _revived(row: Sequence[Any]) -> RecordedResult:
    dataset, session, check, look, value, written, generation, passed, *rest = row
    day = dt.date.fromisoformat(session)
    return RecordedResult(dataset, day, check, look, value, written, generation, bool(passed), *rest)
