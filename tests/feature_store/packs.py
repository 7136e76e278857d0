"""What the tests of packs share: sessions of a month, files as they lie, and damage to one of them."""

import datetime as dt
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl

from feature_store import sessions
from feature_store.catalog import connect
from feature_store.partition import Place, StoredPartition
from feature_store.store import Store
from tests.feature_store.examples import (
    FACTS,
    decided,
    group,
    parts_are_current,
    rows,
    values,
)

REPOSITORY = Path(__file__).parents[2]
MARCH = sessions.between(dt.date(2017, 3, 1), dt.date(2017, 3, 31))
AFTER = dt.date(2017, 4, 3)
FOLDER = "examples/facts/v1"
HUGE = 2000  # rows: such a session has pages of its own


def stored_files(store: Store) -> list[str]:
    archive = store.layout.archive(FACTS.name, 1)
    return sorted(str(path.relative_to(archive)) for path in archive.rglob("*.parquet"))


def files_of_others(store: Store) -> list[str]:
    folder = store.layout.folder(FACTS.name, 1)
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.parquet"))


def one_by_one(store: Store, days: list[dt.date], fingerprint: str = "first", value: float = 1.0) -> None:
    for day in days:
        store.write(FACTS, group([day], fingerprint, value))


def everything(store: Store) -> list[StoredPartition]:
    return store.index.generations(FACTS.name, FACTS.version)


def places(store: Store) -> dict[tuple[dt.date, int], Place]:
    return {(p.session, p.generation): p.place for p in everything(store)}


def huge(session: dt.date) -> pl.DataFrame:
    number = session.toordinal()
    # of many values, so that they lie where their rows do, and in no dictionary
    return rows(*((session, f"{i:05d}", i * 7919 * number % 1_000_003 / 7, decided(session)) for i in range(HUGE)))


def flip(path: Path, partition: StoredPartition) -> None:
    """Break bytes amid a partition's values."""
    import pyarrow.parquet as pq

    metadata, first, middle = pq.ParquetFile(path).metadata, 0, partition.place.offset + partition.rows / 2
    for i in range(metadata.num_row_groups):
        group = metadata.row_group(i)
        if first <= middle < first + group.num_rows:
            column = group.column(metadata.schema.names.index("value"))
            at = column.data_page_offset + int(column.total_compressed_size * (middle - first) / group.num_rows)
            data = path.read_bytes()
            path.write_bytes(data[:at] + bytes(byte ^ 0xFF for byte in data[at : at + 64]) + data[at + 64 :])
            return
        first += group.num_rows
    raise AssertionError("no row group holds it")


class Crash(BaseException):
    pass


def crashing_at(step: str) -> Callable[[str], None]:
    def reached(at: str) -> None:
        if at == step:
            raise Crash

    return reached


def is_whole(store: Store, before: list[StoredPartition], seen: list[float | None]) -> None:
    """Everything is stored once, for us and for other engines, and nothing is left over."""
    assert everything(store) == before
    assert values(store, as_of=AFTER) == seen
    sql_agrees(store)
    assert parts_are_current(store)
    assert store.index.unsettled() == []
    assert not store.verify().damaged


def sql_agrees(store: Store) -> None:
    with connect(store, [FACTS]) as duck:
        query = "SELECT value FROM examples_facts(TIMESTAMPTZ '2017-04-03 12:00+00') ORDER BY event_date"
        found = [value for (value,) in duck.sql(query).fetchall()]
    assert found == values(store, as_of=AFTER)


def run(code: str, *arguments: object) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], cwd=REPOSITORY, stderr=subprocess.PIPE)
