"""Damage in a pack loses what it holds and no more, and is named."""

import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from feature_store.errors import CorruptPartitionError
from tests.feature_store.examples import (
    FACTS,
    group,
    new,
    opened,
    parts_are_current,
    values,
)
from tests.feature_store.packs import (
    AFTER,
    MARCH,
    everything,
    files_of_others,
    flip,
    huge,
    one_by_one,
    places,
    stored_files,
)

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
    with pytest.raises(CorruptPartitionError, match="its bytes are not those that were stored"):
        store.read(FACTS, AFTER, first=days[0], last=days[0])
    assert store.verify().lost == [before[1]]
    assert store.layout.aside(path).exists()
    assert store.partitions(FACTS) == [before[0], before[2]]
    assert store.read(FACTS, AFTER).equals(pl.concat([huge(days[0]), huge(days[2])]))
    assert not store.verify().damaged
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
    assert store.verify().lost == small
    assert store.sessions(FACTS) == []


def test_a_pack_cut_short_loses_all_its_sessions_and_the_generations_before_count_again(tmp_path: Path):
    store = opened(tmp_path)
    store.write(FACTS, group(MARCH[:2]))
    second = store.write(FACTS, group(MARCH[1:4], "second", 2.0))
    path = store.layout.generation(second[0])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CorruptPartitionError, match=r"month=2017-03/000002\.parquet .*; run `asof verify`"):
        store.read(FACTS, AFTER)
    assert store.verify().lost == second
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
    done = store.verify()
    assert (done.lost, [p.session for p in done.restored]) == ([newest], MARCH[1:2])
    assert values(store, as_of=AFTER) == [1.0, 1.0]  # of the other session the first pack had a copy
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
    assert len(again.verify().lost) == 3
    assert values(again, as_of=AFTER) == [2.0, 1.0]
    assert parts_are_current(again)


def test_compaction_of_a_damaged_month_is_rejected_and_changes_nothing(tmp_path: Path):
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


# refusals


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
    faults = store.faults(stored)
    assert faults[MARCH[1], 1] == f"{path}: {MARCH[1]} is not in it"
    assert {faults[day, 1] for day in (MARCH[0], MARCH[2])} == {f"{path}: its bytes are not those that were stored"}
