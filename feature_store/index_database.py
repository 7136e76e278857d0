"""The index's SQLite database: one connection a thread, and short transactions."""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from feature_store.index_schema import prepare
from feature_store.index_seals import register

FILES = ("", "-wal", "-shm")
# What SQLite says where the file's surroundings are at fault; all else is of what it holds.
AROUND = tuple(f"SQLITE_{name}" for name in (
    "BUSY", "LOCKED", "READONLY", "FULL", "CANTOPEN", "PERM", "AUTH", "NOMEM", "INTERRUPT", "IOERR", "PROTOCOL"
))  # fmt: skip
SHORT = "SQLITE_IOERR_SHORT_READ"  # the file is cut


def is_damage(error: sqlite3.Error | ValueError | TypeError) -> bool:
    """Whether an error is of what the file holds, and not of a lock, a full disk or its permissions."""
    if not isinstance(error, sqlite3.Error):
        return True  # a value that nothing here writes
    name = getattr(error, "sqlite_errorname", "") or ""
    return name == SHORT or not name.startswith(AROUND)


class Database:
    """One connection a thread; every write is one short transaction that takes the write lock at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()

    def connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None or self._local.pid != os.getpid() or self._was_replaced(connection):
            connection = self._connect()
        return connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=60, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        # What was announced as stored survives a power cut; 2 to 6 ms a group.
        connection.execute("PRAGMA synchronous=FULL")
        prepare(connection)
        register(connection)
        self._local.connection, self._local.pid, self._local.file = connection, os.getpid(), self._file()
        return connection

    def _was_replaced(self, connection: sqlite3.Connection) -> bool:
        """Another process has found the file damaged and made a new one."""
        return not connection.in_transaction and self._local.file != self._file()

    def _file(self) -> tuple[int, int] | None:
        with contextlib.suppress(FileNotFoundError):
            status = os.stat(self.path)  # noqa: PTH116 -- asked for each connection
            return status.st_dev, status.st_ino
        return None

    def close(self) -> None:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def set_aside(self, folder: Path) -> Path:
        """Move a damaged database away, for whoever wants to look at it; the next connection makes a new one."""
        self.close()
        folder.mkdir(parents=True, exist_ok=True)
        number = 1 + sum(1 for _ in folder.glob(f"{self.path.stem}.*{self.path.suffix}"))
        target = folder / f"{self.path.stem}.{number}{self.path.suffix}"
        for suffix in FILES:
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self.path}{suffix}").replace(f"{target}{suffix}")
        return target

    def structural_fault(self) -> str:
        """What SQLite finds wrong with the pages of the file; an empty text where nothing is."""
        (first, *_) = self.connection().execute("PRAGMA quick_check(1)").fetchone() or ("no answer",)
        return "" if first == "ok" else f"{first}"

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

    @contextlib.contextmanager
    def unsynced(self) -> Iterator[None]:
        """Transactions that a power cut may undo, for what can be lost: they cost a twentieth."""
        self.connection().execute("PRAGMA synchronous=NORMAL")
        try:
            yield
        finally:
            self.connection().execute("PRAGMA synchronous=FULL")
