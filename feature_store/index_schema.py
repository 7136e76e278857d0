"""Tables of the store's index, and a partition as a row of them."""

import contextlib
import datetime as dt
import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from feature_store.partition import WRITTEN, StoredPartition

SCHEMA = """
CREATE TABLE IF NOT EXISTS partitions (
    dataset TEXT, version INTEGER, session TEXT, generation INTEGER, state TEXT, is_current INTEGER,
    content_hash TEXT, fingerprint TEXT, parts TEXT, rows INTEGER, nulls INTEGER, late_rows INTEGER,
    repeated_rows INTEGER, first_event TEXT, last_event TEXT, latest_known_at TEXT, grade INTEGER, run_id TEXT,
    git_commit TEXT, seeds TEXT, written_at TEXT, lineage TEXT NOT NULL DEFAULT '{}',
    column_names TEXT NOT NULL DEFAULT '', column_hashes BLOB NOT NULL DEFAULT x'',
    file TEXT, row_offset INTEGER NOT NULL DEFAULT 0, file_rows INTEGER NOT NULL DEFAULT 0, adopted TEXT,
    digest TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (dataset, version, session, generation)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS current ON partitions (dataset, version, session) WHERE is_current = 1;
CREATE TABLE IF NOT EXISTS column_names (digest TEXT PRIMARY KEY, names TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS check_results (
    dataset TEXT, session TEXT, check_name TEXT, look TEXT, value TEXT, written TEXT, generation INTEGER,
    passed INTEGER, detail TEXT, since TEXT, at TEXT, run_id TEXT, ended TEXT,
    PRIMARY KEY (dataset, session, check_name, look, value, written)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS failed_checks ON check_results (dataset, session) WHERE passed = 0;
CREATE TABLE IF NOT EXISTS waivers (
    dataset TEXT, session TEXT, check_name TEXT, value TEXT, why TEXT, by TEXT, at TEXT, detail TEXT,
    PRIMARY KEY (dataset, session, check_name, value)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS check_logs (file TEXT PRIMARY KEY, size INTEGER, lines INTEGER, digest TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS check_log_damage (
    file TEXT, line INTEGER, digest TEXT, reason TEXT, PRIMARY KEY (file, line, digest)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seconds (
    dataset TEXT, session TEXT, part TEXT, seconds REAL, at TEXT, PRIMARY KEY (dataset, session, part)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS replacing (
    dataset TEXT, version INTEGER, month TEXT, PRIMARY KEY (dataset, version, month)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seals (
    dataset TEXT, version INTEGER, session TEXT, hash TEXT, PRIMARY KEY (dataset, version, session)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS check_sums (dataset TEXT PRIMARY KEY, total INTEGER) WITHOUT ROWID;
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
    "digest": "TEXT NOT NULL DEFAULT ''",
}
PLACED = ("file", "row_offset", "file_rows", "digest")
COLUMNS = (*WRITTEN, *PLACED, "adopted")


def prepare(connection: sqlite3.Connection) -> None:
    """Make what is missing; an index that an earlier version made gets the columns that it lacks."""
    connection.executescript(SCHEMA)
    present = {name for _, name, *_ in connection.execute("PRAGMA table_info(partitions)")}
    for name, kind in ADDED.items():
        if name not in present:
            with contextlib.suppress(sqlite3.OperationalError):  # another process was faster
                connection.execute(f"ALTER TABLE partitions ADD COLUMN {name} {kind}")


def as_json(value: Mapping[str, Any]) -> str:
    return json.dumps(dict(value), sort_keys=True)


def to_row(partition: StoredPartition, names: str) -> list[Any]:
    values: list[Any] = []
    for name in WRITTEN:
        value = names if name == "column_names" else getattr(partition, name)
        if isinstance(value, dict):
            value = as_json(value)
        elif isinstance(value, dt.date):  # datetimes too
            value = value.isoformat()
        values.append(value)
    return [*values, *partition.place, as_json(partition.adopted) if partition.adopted else None]
