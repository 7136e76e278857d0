"""A store of the first format, which knew no packs."""

import json
import sqlite3
from pathlib import Path

import polars as pl

from feature_store.opening import FORMAT
from feature_store.store import Store
from tests.feature_store.examples import (
    FACTS,
    group,
    opened,
    parts_are_current,
    values,
)
from tests.feature_store.packs import AFTER, MARCH, everything, one_by_one, sql_agrees

# properties


def as_the_first_version_made_it(store: Store) -> None:
    """Footers without hashes of columns, the index's table of then, and store format 1."""
    lacking = ("column_names", "column_hashes")
    for partition in everything(store):
        path = store.layout.generation(partition)
        footer = json.loads(partition.to_footer())
        text = json.dumps({name: value for name, value in footer.items() if name not in lacking}, sort_keys=True)
        rows = pl.read_parquet(path, hive_partitioning=False).drop("session")
        rows.write_parquet(path, metadata={"asof": text})
    old = [p.session for p in everything(store)]
    columns = FIRST_COLUMNS.split(", ")
    held = store.index.connection().execute(f"SELECT {FIRST_COLUMNS} FROM partitions").fetchall()
    sequence = store.layout.read_sequence()
    store.index.close()
    for suffix in ("", "-wal", "-shm"):
        Path(f"{store.layout.index}{suffix}").unlink(missing_ok=True)
    with sqlite3.connect(store.layout.index) as made:
        made.executescript(FIRST_SCHEMA)
        made.executemany(f"INSERT INTO partitions VALUES ({', '.join('?' * len(columns))})", held)
        made.execute("INSERT INTO meta VALUES ('sequence', ?)", (str(sequence),))
    made.close()
    assert len(held) == len(old)
    (store.layout.root / "store.json").write_text('{"format": 1}\n')


FIRST_COLUMNS = (
    "dataset, version, session, generation, state, is_current, content_hash, fingerprint, parts, rows, nulls, "
    "late_rows, repeated_rows, first_event, last_event, latest_known_at, grade, run_id, git_commit, seeds, written_at, "
    "lineage"
)
FIRST_SCHEMA = """
CREATE TABLE partitions (
    dataset TEXT, version INTEGER, session TEXT, generation INTEGER, state TEXT, is_current INTEGER,
    content_hash TEXT, fingerprint TEXT, parts TEXT, rows INTEGER, nulls INTEGER, late_rows INTEGER,
    repeated_rows INTEGER, first_event TEXT, last_event TEXT, latest_known_at TEXT, grade INTEGER, run_id TEXT,
    git_commit TEXT, seeds TEXT, written_at TEXT, lineage TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (dataset, version, session, generation)
) WITHOUT ROWID;
CREATE INDEX current ON partitions (dataset, version, session) WHERE is_current = 1;
CREATE TABLE verdicts (
    dataset TEXT, session TEXT, check_name TEXT, passed INTEGER, detail TEXT, at TEXT,
    PRIMARY KEY (dataset, session, check_name)
) WITHOUT ROWID;
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT);
"""


def test_a_store_of_the_first_format_is_read_compared_and_packed(tmp_path: Path):
    store = opened(tmp_path / "old")
    one_by_one(store, MARCH[:3])
    one_by_one(store, MARCH[1:2], "second", 2.0)
    hashes = [p.content_hash for p in everything(store)]
    as_the_first_version_made_it(store)
    old = opened(tmp_path / "old")
    assert json.loads((tmp_path / "old/store.json").read_text()) == {"format": FORMAT}
    assert values(old, as_of=AFTER) == [1.0, 2.0, 1.0]
    assert [p.content_hash for p in everything(old)] == hashes
    assert {(p.column_names, p.column_hashes) for p in everything(old)} == {((), b"")}
    assert not old.verify().damaged
    sql_agrees(old)
    for days in (MARCH[3:4], MARCH[4:6]):  # files of the first format beside one of its own and a pack
        old.write(FACTS, group(days))
        stored = MARCH[: MARCH.index(days[-1]) + 1]
        assert values(old, as_of=AFTER) == [1.0, 2.0, *[1.0] * (len(stored) - 2)]
        assert old.read(FACTS, AFTER, columns=["session"])["session"].to_list() == stored
        sql_agrees(old)
    fresh = opened(tmp_path / "fresh")
    fresh.write(FACTS, group(MARCH[:6]))
    fresh.write(FACTS, group(MARCH[1:2], "second", 2.0))
    assert old.content_hashes(FACTS, AFTER) == fresh.content_hashes(FACTS, AFTER)
    before = everything(old)
    assert old.compact(FACTS, AFTER) == 6
    assert everything(old) == before
    assert values(old, as_of=AFTER) == [1.0, 2.0, *[1.0] * 4]
    sql_agrees(old)
    old.rebuild_index()
    assert everything(old) == before
    assert parts_are_current(old)
