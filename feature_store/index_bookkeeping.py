"""What the index keeps beside its partitions, and whether it is sound: pages, rows, or not at all."""

import contextlib
import datetime as dt
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path

from feature_store.errors import DamagedIndexError
from feature_store.index_database import Database, is_damage
from feature_store.index_seals import fault, seal_all, sum_all

LARGE = 256 << 20  # bytes: pages of a larger file are not all read at opening, which would take seconds from disk
ERRORS = (sqlite3.Error, ValueError, TypeError)


class Bookkeeping:
    """The part of the index that is no partition.

    Attributes:
        heal: called with what is wrong, to make the index anew; by default damage is an error.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._compared: set[tuple[str, int]] = set()  # datasets, in this process
        self.heal: Callable[[str], None] = self._reject

    def connection(self) -> sqlite3.Connection:
        return self._database.connection()

    def transaction(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        return self._database.transaction()

    def close(self) -> None:
        self._database.close()

    # -- damage ---------------------------------------------------------------------------------------------------

    def structural_fault(self) -> str:
        """What is wrong with the pages of the file, looked at whole unless it is large; an empty text if nothing is."""
        self.connection()
        if self._database.path.stat().st_size > LARGE:
            return ""
        return self._database.structural_fault()

    def fault(self, dataset: str, version: int) -> str:
        """What is wrong with the rows of a dataset; an empty text where nothing is."""
        try:
            return fault(self.connection(), dataset, version)
        except ERRORS as error:
            if not is_damage(error):
                raise
            return f"{error}"

    def faults(self) -> str:
        """What is wrong with any dataset's rows, the first of it."""
        try:
            named = self.connection().execute(
                "SELECT dataset, version FROM seals UNION SELECT dataset, version FROM partitions"
            ).fetchall()  # fmt: skip
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            return f"{error}"
        return next((wrong for name, version in named if (wrong := self.fault(name, version))), "")

    def set_aside(self, folder: Path) -> Path:
        """Move the damaged file away; what is asked next is asked of a new one."""
        self._compared.clear()
        return self._database.set_aside(folder)

    def seal_earlier(self) -> None:
        """An index that an earlier version made gets the hashes of its rows, as they are."""
        if self._meta("sealed") is None:
            with self.transaction() as connection:
                seal_all(connection)
                sum_all(connection)
                connection.execute("INSERT OR REPLACE INTO meta VALUES ('sealed', '1')")

    def _sound(self, dataset: str, version: int) -> sqlite3.Connection:
        """A connection, once the rows of the dataset were compared with their hashes in this process."""
        connection = self.connection()
        if (dataset, version) in self._compared or connection.in_transaction:
            return connection
        if wrong := self.fault(dataset, version):
            self.heal(wrong)
        self._compared.add((dataset, version))
        return self.connection()

    def _reject(self, wrong: str) -> None:
        raise DamagedIndexError(
            f"{self._database.path} is damaged ({wrong}); run `asof verify`, which makes it anew from the stored files"
        )

    def _meta(self, name: str) -> str | None:
        row = self.connection().execute("SELECT value FROM meta WHERE name=?", (name,)).fetchone()
        return str(row[0]) if row else None

    # -- months whose files for other engines are being replaced ---------------------------------------------------

    def mark_replacing(self, connection: sqlite3.Connection, dataset: str, version: int, month: str) -> None:
        connection.execute("INSERT OR REPLACE INTO replacing VALUES (?, ?, ?)", (dataset, version, month))

    def unmark_replacing(self, connection: sqlite3.Connection, dataset: str, version: int, month: str) -> None:
        connection.execute("DELETE FROM replacing WHERE dataset=? AND version=? AND month=?", (dataset, version, month))

    def replacing(self, dataset: str) -> list[tuple[int, str]]:
        """Versions and months."""
        rows = self.connection().execute(
            "SELECT version, month FROM replacing WHERE dataset=? ORDER BY version, month", (dataset,)
        )
        return rows.fetchall()

    def unsettled(self) -> list[str]:
        """Datasets of which a crashed writer left something."""
        rows = self.connection().execute(
            "SELECT dataset FROM partitions WHERE state='pending' UNION SELECT dataset FROM replacing"
        )
        return [name for (name,) in rows]

    # -- timings and the store's sequence ----------------------------------------------------------

    def unsynced(self) -> contextlib.AbstractContextManager[None]:
        return self._database.unsynced()

    def record_seconds(self, dataset: str, seconds: Mapping[tuple[dt.date, str], float], at: dt.datetime) -> None:
        """What each (session, part of the work) took, last time."""
        with self.unsynced(), self.transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO seconds VALUES (?, ?, ?, ?, ?)",
                [(dataset, s.isoformat(), part, taken, at.isoformat()) for (s, part), taken in seconds.items()],
            )

    def seconds(self, dataset: str) -> dict[str, float]:
        """Mean seconds a session by part of the work, over the sessions that were timed."""
        rows = self.connection().execute(
            "SELECT part, AVG(seconds) FROM seconds WHERE dataset=? GROUP BY part ORDER BY part", (dataset,)
        )
        return dict(rows.fetchall())

    def sequence(self, connection: sqlite3.Connection) -> int | None:
        """Groups counted so far; None in an index that is new."""
        row = connection.execute("SELECT value FROM meta WHERE name='sequence'").fetchone()
        return int(row[0]) if row else None

    def set_sequence(self, connection: sqlite3.Connection, value: int) -> None:
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('sequence', ?)", (str(value),))

    def adoptions(self) -> int:
        """Number of the last adoption that the index knows of."""
        row = self.connection().execute("SELECT value FROM meta WHERE name='adoptions'").fetchone()
        return int(row[0]) if row else 0

    def set_adoptions(self, connection: sqlite3.Connection, number: int) -> None:
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('adoptions', ?)", (str(number),))
