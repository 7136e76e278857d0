"""Packs of a month: what is written so, what compaction moves, and what damage and crashes leave."""

import datetime as dt
import errno
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_store import sessions
from feature_store.catalog import connect
from feature_store.compaction import STEPS
from feature_store.errors import CorruptPartitionError, StoreError
from feature_store.layout import Layout, read_footer
from feature_store.partition import Place, StoredPartition
from feature_store.segments import scan
from feature_store.store import Store
from tests.feature_store.examples import (
    DERIVED,
    FACTS,
    NOW,
    decided,
    group,
    new,
    opened,
    parts_are_current,
    rows,
    staged,
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


# known values


def test_sessions_of_a_month_written_together_are_one_file_and_one_alone_is_a_file_of_its_own(tmp_path: Path):
    store = opened(tmp_path)
    february = dt.date(2017, 2, 28)
    store.write(FACTS, group([february, *MARCH[:3]]))
    assert stored_files(store) == ["month=2017-03/000001.parquet", "session=2017-02-28/000001.parquet"]
    assert files_of_others(store) == ["month=2017-03/part-000001.parquet", "session=2017-02-28/part.parquet"]
    pack = "month=2017-03/000001.parquet"
    found = [Place(None, 0, 0), *(Place(pack, i, 3) for i in range(3))]
    assert [p.place for p in store.partitions(FACTS)] == found


def test_a_pack_says_of_each_session_what_a_file_of_its_own_says(tmp_path: Path):
    packed, alone = opened(tmp_path / "packed"), opened(tmp_path / "alone")
    stored = packed.write(FACTS, group(MARCH[:4]))
    one_by_one(alone, MARCH[:4])
    assert stored == everything(alone) == everything(packed)
    assert read_footer(packed.layout.generation(stored[0])) == stored


def test_other_engines_see_a_trimmed_copy_when_a_session_of_a_pack_is_superseded(tmp_path: Path):
    moment = [NOW]
    store = opened(tmp_path, now=lambda: moment[0])
    (first, *_) = store.write(FACTS, group(MARCH[:3]))
    moment[0] += dt.timedelta(hours=1)
    store.write(FACTS, group(MARCH[1:2], "second", 2.0))
    seen = pl.read_parquet(tmp_path / FOLDER / "month=2017-03/part-000001.parquet", hive_partitioning=False)
    assert seen["session"].to_list() == [MARCH[0], MARCH[2]]
    whole = pl.read_parquet(store.layout.generation(first), hive_partitioning=False)
    assert whole["session"].to_list() == MARCH[:3]
    assert parts_are_current(store)
    assert values(store, as_of=MARCH[2]) == [1.0, 2.0, 1.0]
    assert values(store, as_of=MARCH[2], written_before=moment[0]) == [1.0, 1.0, 1.0]


def test_the_trimmed_copy_goes_when_the_last_session_of_a_pack_is_superseded(tmp_path: Path):
    store = opened(tmp_path)
    store.write(FACTS, group(MARCH[:2]))
    one_by_one(store, MARCH[:2], "second", 2.0)
    assert files_of_others(store) == [f"session={day}/part.parquet" for day in MARCH[:2]]
    assert parts_are_current(store)


def test_compaction_moves_the_files_of_a_closed_month_into_one_and_changes_nothing_else(tmp_path: Path):
    store = opened(tmp_path)
    one_by_one(store, MARCH)
    before, seen = everything(store), store.read(FACTS, AFTER)
    assert store.compact(FACTS, AFTER) == len(MARCH)
    assert stored_files(store) == ["month=2017-03/000001.parquet"]
    assert files_of_others(store) == ["month=2017-03/part-000001.parquet"]
    assert everything(store) == before  # hashes, generations, moments, provenance
    assert [store.history(FACTS, day) for day in MARCH] == [[p] for p in before]
    assert store.read(FACTS, AFTER).equals(seen)
    assert store.verify() == []
    assert parts_are_current(store)
    assert staged(store) == []


def test_compaction_leaves_superseded_generations_where_they_can_be_read(tmp_path: Path):
    moment = [NOW]
    store = opened(tmp_path, now=lambda: moment[0])
    store.write(FACTS, group(MARCH[:3]))
    moment[0] += dt.timedelta(hours=1)
    one_by_one(store, MARCH[1:2], "second", 2.0)
    before = everything(store)
    assert store.compact(FACTS, AFTER) == 3
    assert stored_files(store) == ["month=2017-03/000001.parquet", "month=2017-03/000002.parquet"]
    assert files_of_others(store) == ["month=2017-03/part-000002.parquet"]
    assert everything(store) == before
    assert values(store, as_of=AFTER) == [1.0, 2.0, 1.0]
    assert values(store, as_of=AFTER, written_before=moment[0]) == [1.0, 1.0, 1.0]
    assert parts_are_current(store)


def test_an_open_month_is_left_alone(tmp_path: Path):
    store = opened(tmp_path)
    one_by_one(store, [*MARCH[-2:], dt.date(2017, 4, 3), dt.date(2017, 4, 4)])
    assert store.compact(FACTS, MARCH[-1]) == 0  # the day itself is not before
    assert store.compact(FACTS, dt.date(2017, 4, 1)) == 2
    assert store.compact(FACTS, dt.date(2017, 4, 30)) == 0
    assert stored_files(store) == ["month=2017-03/000001.parquet"] + [
        f"session=2017-04-0{i}/000001.parquet" for i in (3, 4)
    ]


def test_by_default_a_month_is_over_when_a_session_of_a_later_one_is_stored(tmp_path: Path):
    store = opened(tmp_path)
    assert store.compact(FACTS) == 0  # nothing is stored
    one_by_one(store, [dt.date(2017, 1, 30), dt.date(2017, 1, 31), *MARCH[-2:]])
    assert store.compact(FACTS, first=dt.date(2017, 2, 1)) == 0  # January lies before
    assert store.compact(FACTS, first=dt.date(2017, 1, 31)) == 2
    one_by_one(store, [AFTER])
    assert store.compact(FACTS) == 2
    assert store.count_files(FACTS) == 3


def test_there_is_nothing_to_do_the_second_time(tmp_path: Path):
    store = opened(tmp_path)
    one_by_one(store, MARCH[:5])
    store.compact(FACTS, AFTER)
    sequence, files = store.layout.read_sequence(), stored_files(store)
    assert store.compact(FACTS, AFTER) == 0
    assert (store.layout.read_sequence(), stored_files(store)) == (sequence, files)


def test_files_to_which_nothing_refers_are_swept(tmp_path: Path):
    store = opened(tmp_path)
    one_by_one(store, MARCH[:3])
    archive = store.layout.archive(FACTS.name, 1)
    left = archive / "month=2017-03/000007.parquet"  # as a crash may have left it: a copy under another name
    left.parent.mkdir()
    shutil.copy(archive / f"session={MARCH[0]}/000001.parquet", left)
    strange = archive / f"session={MARCH[1]}/000009.parquet"
    shutil.copy(opened(tmp_path / "other").layout.index, strange)
    store.compact(FACTS, AFTER)
    assert stored_files(store) == ["month=2017-03/000008.parquet"]
    assert store.layout.aside(strange).exists()  # nobody knows what is in it
    assert store.verify() == []


def test_a_pack_of_sessions_without_rows_is_stored_and_compacted(tmp_path: Path):
    store = opened(tmp_path)
    store.write(FACTS, [new(day, FACTS.empty()) for day in MARCH[:3]])
    store.write(FACTS, [new(MARCH[3], FACTS.empty())])
    assert values(store, as_of=AFTER) == []
    assert store.compact(FACTS, AFTER) == 4
    assert store.sessions(FACTS) == MARCH[:4]
    assert store.verify() == []
    assert stored_files(store) == ["month=2017-03/000002.parquet"]
    one_by_one(store, MARCH[:1], "second", 2.0)
    assert values(store, as_of=AFTER) == [2.0]
    assert parts_are_current(store)


def test_the_files_of_a_dataset_are_counted(tmp_path: Path):
    store = opened(tmp_path)
    store.write(FACTS, group(MARCH[:3]))
    one_by_one(store, MARCH[2:6], "second", 2.0)
    assert store.count_files(FACTS) == len(stored_files(store)) == 5
    store.compact(FACTS, AFTER)
    assert store.count_files(FACTS) == len(stored_files(store)) == 2  # the old pack holds a superseded session
    assert store.count_files(DERIVED) == 0


# properties


@pytest.mark.parametrize("compacted", [False, True])
def test_damage_in_one_session_of_a_pack_loses_that_session_only(tmp_path: Path, compacted: bool):
    store = opened(tmp_path)
    days = MARCH[:3]
    if compacted:
        for day in days:
            store.write(FACTS, [new(day, huge(day))])
        store.compact(FACTS, AFTER)
    else:
        store.write(FACTS, [new(day, huge(day)) for day in days])
    before = store.partitions(FACTS)
    path = store.layout.generation(before[0])
    flip(path, before[1])
    assert store.read(FACTS, AFTER, first=days[0], last=days[0]).equals(huge(days[0]))
    assert store.verify() == [before[1]]
    assert store.layout.aside(path).exists()
    assert store.partitions(FACTS) == [before[0], before[2]]
    assert store.read(FACTS, AFTER).equals(pl.concat([huge(days[0]), huge(days[2])]))
    assert store.verify() == []
    assert parts_are_current(store)
    index = everything(store), places(store)
    assert store.rebuild_index() == []
    assert (everything(store), places(store)) == index
    store.write(FACTS, [new(days[1], huge(days[1]))])
    assert store.read(FACTS, AFTER).equals(pl.concat([huge(day) for day in days]))


def test_sessions_that_share_a_broken_page_are_lost_together(tmp_path: Path):
    store = opened(tmp_path)
    small = store.write(FACTS, group(MARCH[:3]))
    flip(store.layout.generation(small[0]), small[0])
    assert store.verify() == small
    assert store.sessions(FACTS) == []


def test_a_pack_cut_short_loses_all_its_sessions_and_the_generations_before_count_again(tmp_path: Path):
    store = opened(tmp_path)
    store.write(FACTS, group(MARCH[:2]))
    second = store.write(FACTS, group(MARCH[1:4], "second", 2.0))
    path = store.layout.generation(second[0])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CorruptPartitionError, match=r"month=2017-03/000002\.parquet; run `asof verify`"):
        store.read(FACTS, AFTER)
    assert store.verify() == second
    assert values(store, as_of=AFTER) == [1.0, 1.0]
    assert store.sessions(FACTS) == MARCH[:2]
    assert parts_are_current(store)
    third = store.write(FACTS, group(MARCH[1:3], "third", 3.0))
    assert third[0].place.file == "month=2017-03/000003.parquet"  # a name set aside is not given again
    assert values(store, as_of=AFTER) == [1.0, 3.0, 3.0]
    index = everything(store)
    store.rebuild_index()
    assert everything(store) == index


def test_a_session_whose_newest_file_is_lost_is_seen_once_though_its_old_pack_was_left_with_copies(tmp_path: Path):
    store = opened(tmp_path)
    store.write(FACTS, group(MARCH[:2]))
    (newest,) = store.write(FACTS, group(MARCH[:1], "second", 2.0))
    store.compact(FACTS, AFTER)  # the first pack stays for the generation before, with a copy of the other session
    (newest,) = [p for p in everything(store) if p.generation == 2]
    pack = store.layout.generation(newest)
    pack.write_bytes(b"PAR1 not at all")
    assert len(store.verify()) == 2
    assert values(store, as_of=AFTER) == [1.0]  # the other one's only word was in the broken pack
    assert parts_are_current(store)


@pytest.mark.parametrize("harm", ["cut", "lost", "flipped"])
def test_a_broken_pack_hinders_no_write_and_no_opening(tmp_path: Path, harm: str):
    store = opened(tmp_path)
    stored = store.write(FACTS, group(MARCH[:3]))
    path = store.layout.generation(stored[0])
    if harm == "flipped":
        flip(path, stored[0])
    elif harm == "cut":
        path.write_bytes(path.read_bytes()[:-20])
    else:
        path.unlink()
    store.write(FACTS, group(MARCH[1:2], "second", 2.0))
    store.write(FACTS, group(MARCH[5:6]))
    again = opened(tmp_path)
    assert values(again, as_of=AFTER, first=MARCH[1], last=MARCH[1]) == [2.0]
    assert len(again.verify()) == 3
    assert values(again, as_of=AFTER) == [2.0, 1.0]
    assert parts_are_current(again)


def test_compaction_of_a_damaged_month_is_refused_and_changes_nothing(tmp_path: Path):
    store = opened(tmp_path)
    one_by_one(store, MARCH[:3])
    path = store.layout.generation(store.partitions(FACTS)[1])
    path.write_bytes(path.read_bytes()[:-20])
    before = everything(store), places(store), stored_files(store), files_of_others(store), store.layout.read_sequence()
    with pytest.raises(
        CorruptPartitionError, match=r"2017-03-02/000001\.parquet .*nothing was moved: run `asof verify"
    ):
        store.compact(FACTS, AFTER)
    assert before == (
        everything(store), places(store), stored_files(store), files_of_others(store), store.layout.read_sequence()
    )  # fmt: skip
    store.verify()
    assert store.compact(FACTS, AFTER) == 2


def test_a_rebuilt_index_is_the_same_after_compaction_and_superseding(tmp_path: Path):
    store = opened(tmp_path)
    one_by_one(store, MARCH[:4])
    store.compact(FACTS, AFTER)
    one_by_one(store, MARCH[1:2], "second", 2.0)
    store.compact(FACTS, AFTER)
    store.write(FACTS, group(MARCH[3:8], "third", 3.0))
    before = everything(store), places(store)
    assert store.rebuild_index() == []
    assert (everything(store), places(store)) == before
    assert parts_are_current(store)


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
    assert store.verify() == []


def sql_agrees(store: Store) -> None:
    with connect(store, [FACTS]) as duck:
        query = "SELECT value FROM examples_facts(TIMESTAMPTZ '2017-04-03 12:00+00') ORDER BY event_date"
        found = [value for (value,) in duck.sql(query).fetchall()]
    assert found == values(store, as_of=AFTER)


@pytest.mark.parametrize("step", STEPS)
def test_a_crash_at_any_step_of_compaction_leaves_everything_readable(tmp_path: Path, step: str):
    store = opened(tmp_path)
    store.write(FACTS, group(MARCH[:3]))
    one_by_one(store, MARCH[1:5], "second", 2.0)
    before = everything(store)
    with pytest.raises(Crash):
        opened(tmp_path, reached=crashing_at(step)).compact(FACTS, AFTER)
    assert values(store, as_of=AFTER) == [1.0, *[2.0] * 4]  # before anybody has settled it
    again = opened(tmp_path)
    is_whole(again, before, [1.0, *[2.0] * 4])
    index = places(again)
    again.rebuild_index()
    assert places(again) == index
    again.compact(FACTS, AFTER)
    assert len(stored_files(again)) == 2


KILLED = """
import datetime as dt, os, signal, sys
from pathlib import Path
from tests.feature_store.examples import FACTS, opened
root, step = sys.argv[1:]
opened(Path(root), reached=lambda at: at == step and os.kill(os.getpid(), signal.SIGKILL)).compact(
    FACTS, dt.date(2017, 4, 3)
)
"""


def run(code: str, *arguments: object) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], cwd=REPOSITORY, stderr=subprocess.PIPE)


def test_compaction_killed_at_any_step_leaves_everything_readable(tmp_path: Path):
    stores = {step: opened(tmp_path / step) for step in STEPS}
    for store in stores.values():
        one_by_one(store, MARCH[:4])
    killed = {step: run(KILLED, tmp_path / step, step) for step in STEPS}
    for step, process in killed.items():
        _, errors = process.communicate(timeout=120)
        assert process.returncode == -signal.SIGKILL, errors.decode()
        before = everything(stores[step])
        again = opened(tmp_path / step)
        is_whole(again, before, [1.0] * 4)
        again.compact(FACTS, AFTER)
        is_whole(again, before, [1.0] * 4)
        assert len(stored_files(again)) == 1
        assert staged(again) == []


def test_a_crash_of_compaction_and_a_lost_index_leave_one_copy(tmp_path: Path):
    store = opened(tmp_path)
    one_by_one(store, MARCH[:3])
    before = everything(store)
    with pytest.raises(Crash):
        opened(tmp_path, reached=crashing_at("moved")).compact(FACTS, AFTER)
    store.index.close()
    store.layout.index.unlink()
    again = opened(tmp_path)
    is_whole(again, before, [1.0] * 3)
    assert stored_files(again) == ["month=2017-03/000001.parquet"]


def test_a_read_whose_files_were_moved_after_it_was_planned_finds_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store = opened(tmp_path)
    one_by_one(store, MARCH[:3])
    other = opened(tmp_path)
    calls = []

    def late(*arguments: Any) -> pl.DataFrame:
        calls.append(1)
        if len(calls) == 1:
            assert other.compact(FACTS, AFTER) == 3
        return scan(*arguments)

    for read in (
        lambda: store.read(FACTS, AFTER),
        lambda: store.versions(FACTS, MARCH[0], MARCH[2]),
        lambda: store._reader.of_sessions(FACTS, MARCH[:3], ["value"]),
    ):
        monkeypatch.setattr("feature_store.readers.scan", late)
        assert read()["value"].to_list() == [1.0] * 3
        assert len(calls) == 2
        monkeypatch.undo()
        calls.clear()
        value = 1.0
        for day in MARCH[:3]:  # scattered again, with the same values
            fingerprint = f"again {len(store.history(FACTS, day))}"
            store.write(FACTS, group([day], fingerprint, value))


def test_what_is_read_back_after_compaction_has_moved_it_is_found(tmp_path: Path):
    store = opened(tmp_path)
    stored = [store.write(FACTS, group([day]))[0] for day in MARCH[:3]]
    opened(tmp_path).compact(FACTS, AFTER)
    assert store.faults(stored) == {}
    store.verify_partition(stored[0])


def test_verify_takes_nothing_for_broken_that_is_being_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store, other = opened(tmp_path), opened(tmp_path)
    one_by_one(store, MARCH[:3])
    before = everything(store)
    plain = store._by_file

    def moved_meanwhile(*arguments: Any) -> Any:
        found = plain(*arguments)
        other.compact(FACTS, AFTER)
        return found

    monkeypatch.setattr(store, "_by_file", moved_meanwhile)
    assert store.verify() == []
    assert everything(store) == before
    assert values(store, as_of=AFTER) == [1.0] * 3


COMPACTING = """
import datetime as dt, sys
from pathlib import Path
from tests.feature_store.examples import FACTS, group, opened
from feature_store import sessions
store = opened(Path(sys.argv[1]))
months = [sessions.between(dt.date(2016, m, 1), dt.date(2016, m, 28)) for m in range(1, 13)]
for round in range(3):
    for days in months:
        for day in days[:4]:
            store.write(FACTS, group([day], f"round {round}", 1.0))
        store.compact(FACTS, dt.date(2017, 1, 3))
"""


def test_readers_of_other_processes_never_fail_nor_see_a_row_twice_while_months_are_compacted(tmp_path: Path):
    store = opened(tmp_path)
    days = [day for m in range(1, 13) for day in sessions.between(dt.date(2016, m, 1), dt.date(2016, m, 28))[:4]]
    one_by_one(store, days)
    compacting, reads = run(COMPACTING, tmp_path), 0
    while compacting.poll() is None:
        seen = store.read(FACTS, dt.date(2017, 1, 3), columns=["session"])
        assert seen["session"].to_list() == days
        assert store.versions(FACTS, days[0], days[-1])["session"].to_list() == days
        reads += 1
    assert compacting.communicate()[1].decode() == ""
    assert reads > 5
    assert store.verify() == []
    assert parts_are_current(store)


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
    assert json.loads((tmp_path / "old/store.json").read_text()) == {"format": 2}
    assert values(old, as_of=AFTER) == [1.0, 2.0, 1.0]
    assert [p.content_hash for p in everything(old)] == hashes
    assert {(p.column_names, p.column_hashes) for p in everything(old)} == {((), b"")}
    assert old.verify() == []
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


lives = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.lists(st.sampled_from(MARCH[:6]), min_size=1, unique=True), st.integers(0, 3)),
        st.tuples(st.just("compact"), st.none(), st.none()),
        st.tuples(st.just("rebuild"), st.none(), st.none()),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(life=lives)
def test_any_sequence_of_writes_and_compactions_reads_as_a_dictionary_does(
    life: list[tuple[str, Any, Any]], tmp_path_factory: pytest.TempPathFactory
):
    store = opened(tmp_path_factory.mktemp("life"))
    expected: dict[dt.date, list[tuple[int, float]]] = {}
    for i, (what, days, height) in enumerate(life):
        if what == "write":
            frames = {d: [(d, f"S{j}", float(i), decided(d)) for j in range(height)] for d in sorted(days)}
            store.write(FACTS, [new(d, rows(*frame), f"print {i}") for d, frame in frames.items()])
            for d in days:
                expected.setdefault(d, []).append((height, float(i)))
        elif what == "compact":
            store.compact(FACTS, AFTER)
        else:
            store.rebuild_index()
        latest = [value for d in sorted(expected) for value in [expected[d][-1][1]] * expected[d][-1][0]]
        assert values(store, as_of=AFTER) == latest
        assert [len(store.history(FACTS, d)) for d in sorted(expected)] == [len(expected[d]) for d in sorted(expected)]
        assert parts_are_current(store)
    assert store.verify() == []


# refusals


@pytest.mark.parametrize("call", [(os, "fsync"), (Layout, "write_sequence"), (pl.DataFrame, "write_parquet")])
def test_a_disk_that_fills_up_while_compacting_is_named_and_loses_nothing(
    tmp_path: Path, call: tuple[object, str], monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store = opened(tmp_path)
    one_by_one(store, MARCH[:3])
    before = everything(store)
    with monkeypatch.context() as patch:
        patch.setattr(*call, full)
        with pytest.raises(StoreError, match="disk full while compacting examples/facts; free space under"):
            store.compact(FACTS, AFTER)
    assert values(store, as_of=AFTER) == [1.0] * 3
    again = opened(tmp_path)
    assert again.compact(FACTS, AFTER) == 3
    is_whole(again, before, [1.0] * 3)


def test_a_pack_whose_footer_says_other_rows_is_broken(tmp_path: Path):
    store = opened(tmp_path)
    stored = store.write(FACTS, group(MARCH[:3]))
    path = store.layout.generation(stored[0])
    footer = pl.read_parquet_metadata(path)["asof"]
    pl.read_parquet(path, hive_partitioning=False).head(2).write_parquet(path, metadata={"asof": footer})
    faults = store.faults(stored)
    assert len(faults) == 3
    assert all("has 2 rows, its footer says 3" in fault for fault in faults.values())


def test_a_session_that_lies_elsewhere_in_its_pack_than_the_index_says_is_broken(tmp_path: Path):
    store = opened(tmp_path)
    stored = store.write(FACTS, group(MARCH[:3]))
    moved = replace(stored[0], place=stored[0].place._replace(offset=1))
    with store.index.transaction() as connection:
        store.index.move(connection, [moved])
    with pytest.raises(CorruptPartitionError, match="described in another way"):
        store.verify_partition(moved)


def test_a_session_that_its_pack_does_not_hold_is_named(tmp_path: Path):
    store = opened(tmp_path)
    stored = store.write(FACTS, group(MARCH[:3]))
    path = store.layout.generation(stored[0])
    footer = json.loads(pl.read_parquet_metadata(path)["asof"])
    footer["pack"][1]["session"] = str(MARCH[4])
    pl.read_parquet(path, hive_partitioning=False).write_parquet(path, metadata={"asof": json.dumps(footer)})
    assert store.faults(stored) == {(MARCH[1], 1): f"{path}: {MARCH[1]} is not in it"}
