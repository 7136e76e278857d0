"""Packs of a month: sessions that are written together share a file, and each is as it would be in one of its own."""

import datetime as dt
from pathlib import Path

import polars as pl

from feature_store.layout import read_footer
from feature_store.partition import Place
from tests.feature_store.examples import (
    DERIVED,
    FACTS,
    NOW,
    group,
    opened,
    parts_are_current,
    values,
)
from tests.feature_store.packs import (
    AFTER,
    FOLDER,
    MARCH,
    everything,
    files_of_others,
    one_by_one,
    places,
    stored_files,
)

# known values


def test_sessions_of_a_month_written_together_are_one_file_and_one_alone_is_a_file_of_its_own(tmp_path: Path):
    store = opened(tmp_path)
    february = dt.date(2017, 2, 28)
    store.write(FACTS, group([february, *MARCH[:3]]))
    assert stored_files(store) == ["month=2017-03/000001.parquet", "session=2017-02-28/000001.parquet"]
    assert files_of_others(store) == ["month=2017-03/part-000001.parquet", "session=2017-02-28/part.parquet"]
    pack = "month=2017-03/000001.parquet"
    found = [Place(None, 0, 0), *(Place(pack, i, 3) for i in range(3))]
    assert [p.place._replace(digest="") for p in store.partitions(FACTS)] == found
    assert {len(p.place.digest) for p in store.partitions(FACTS)} == {32}


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


def test_the_files_of_a_dataset_are_counted(tmp_path: Path):
    store = opened(tmp_path)
    store.write(FACTS, group(MARCH[:3]))
    one_by_one(store, MARCH[2:6], "second", 2.0)
    assert store.count_files(FACTS) == len(stored_files(store)) == 5
    store.compact(FACTS, AFTER)
    assert store.count_files(FACTS) == len(stored_files(store)) == 2  # the old pack holds a superseded session
    assert store.count_files(DERIVED) == 0


# properties


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
