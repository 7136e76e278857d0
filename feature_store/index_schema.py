"""Tables of the store's index."""

import contextlib
import sqlite3

SCHEMA = """
CREATE TABLE IF NOT EXISTS partitions (
    dataset TEXT, version INTEGER, session TEXT, generation INTEGER, state TEXT, is_current INTEGER,
    content_hash TEXT, fingerprint TEXT, parts TEXT, rows INTEGER, nulls INTEGER, late_rows INTEGER,
    repeated_rows INTEGER, first_event TEXT, last_event TEXT, latest_known_at TEXT, grade INTEGER, run_id TEXT,
    git_commit TEXT, seeds TEXT, written_at TEXT, lineage TEXT NOT NULL DEFAULT '{}',
    column_names TEXT NOT NULL DEFAULT '', column_hashes BLOB NOT NULL DEFAULT x'',
    file TEXT, row_offset INTEGER NOT NULL DEFAULT 0, file_rows INTEGER NOT NULL DEFAULT 0, adopted TEXT,
    PRIMARY KEY (dataset, version, session, generation)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS current ON partitions (dataset, version, session) WHERE is_current = 1;
CREATE TABLE IF NOT EXISTS column_names (digest TEXT PRIMARY KEY, names TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS verdicts (
    dataset TEXT, session TEXT, check_name TEXT, passed INTEGER, detail TEXT, at TEXT,
    PRIMARY KEY (dataset, session, check_name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seconds (
    dataset TEXT, session TEXT, part TEXT, seconds REAL, at TEXT, PRIMARY KEY (dataset, session, part)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS replacing (
    dataset TEXT, version INTEGER, month TEXT, PRIMARY KEY (dataset, version, month)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT);
"""
ADDED = {  # to the table of partitions since the first index
    "lineage": "TEXT NOT NULL DEFAULT '{}'",
    "column_names": "TEXT NOT NULL DEFAULT ''",
    "column_hashes": "BLOB NOT NULL DEFAULT x''",
    "file": "TEXT",
    "row_offset": "INTEGER NOT NULL DEFAULT 0",
    "file_rows": "INTEGER NOT NULL DEFAULT 0",
    "adopted": "TEXT",
}


def prepare(connection: sqlite3.Connection) -> None:
    """Make what is missing; an index that an earlier version made gets the columns that it lacks."""
    connection.executescript(SCHEMA)
    present = {name for _, name, *_ in connection.execute("PRAGMA table_info(partitions)")}
    for name, kind in ADDED.items():
        if name not in present:
            with contextlib.suppress(sqlite3.OperationalError):  # another process was faster
                connection.execute(f"ALTER TABLE partitions ADD COLUMN {name} {kind}")
