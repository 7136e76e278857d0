import datetime as dt
import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from feature_store.catalog import connect
from feature_store.decision_time import end_of_day
from feature_store.errors import CorruptPartitionError, NewerStoreError, StoreError
from feature_store.layout import read_footer
from feature_store.opening import FORMAT
from feature_store.partition import StoredPartition
from feature_store.store import Store
from tests.feature_store.examples import (
    DAYS,
    DERIVED,
    FACTS,
    decided,
    group,
    new,
    opened,
    parts_are_current,
    row,
    rows,
    values,
)

# known values


def test_any_engine_can_glob_the_latest_generations(tmp_path: Path):
    store = opened(tmp_path)
    store.write(FACTS, group(DAYS[:2]))
    store.write(FACTS, group(DAYS[:1], "second", 2.0))
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob("examples/**/*.parquet"))
    folder = "examples/facts/v1"
    assert files == [f"{folder}/month=2017-03/part-000001.parquet", f"{folder}/session={DAYS[0]}/part.parquet"]
    found = pl.scan_parquet(tmp_path / folder / "*/*.parquet", hive_partitioning=False).collect().sort("session")
    assert found.select("session", "value").rows() == [(DAYS[0], 2.0), (DAYS[1], 1.0)]


def test_a_store_is_found_by_path_or_address(tmp_path: Path):
    opened(tmp_path / "store").write(FACTS, group(DAYS[:1]))
    for url in (f"file://{tmp_path}/store", str(tmp_path / "store")):
        assert Store(url, datasets={FACTS.name: FACTS}).sessions("examples/facts") == DAYS[:1]


def test_macros_answer_as_the_reader_does(tmp_path: Path):
    store = opened(tmp_path)
    late = rows((DAYS[0], "A", 9.0, end_of_day(DAYS[2])), (DAYS[2], "A", 3.0, decided(DAYS[2])))
    store.write(FACTS, [new(DAYS[0]), new(DAYS[1]), new(DAYS[2], late)])
    store.write(FACTS, group(DAYS[1:2], "second", 5.0))
    # derived from inputs known a session before
    store.write(DERIVED, [new(day, rows((day, "A", 1.0, decided(DAYS[0])))) for day in DAYS])
    moments = [moment for day in DAYS for moment in (end_of_day(day), decided(day))]
    with connect(store, [FACTS, DERIVED]) as duck:
        for dataset, macro in [(FACTS, "examples_facts"), (DERIVED, "examples_derived")]:
            for moment in [*moments, decided(DAYS[0]) + dt.timedelta(microseconds=1)]:
                query = f"SELECT event_date, symbol, value, known_at FROM {macro}(?) ORDER BY ALL"
                assert duck.sql(query, params=[moment]).pl().rows() == store.read(dataset, moment).rows()


def test_macros_cannot_be_asked_without_as_of(tmp_path: Path):
    store = opened(tmp_path)
    store.write(FACTS, group(DAYS[:1]))
    with connect(store, [FACTS, DERIVED]) as duck, pytest.raises(Exception, match="as_of"):
        duck.sql("SELECT * FROM examples_facts()")


# properties


def garble(path: Path) -> None:
    path.write_bytes(b"PAR1 not at all")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def lose(path: Path) -> None:
    path.unlink()


def forge(path: Path) -> None:
    """Another content under the footer of the old one."""
    footer = pl.read_parquet_metadata(path)["asof"]
    pl.read_parquet(path).with_columns(value=pl.lit(7.0)).write_parquet(path, metadata={"asof": footer})


UNREADABLE = [garble, truncate, empty, lose]


@pytest.mark.parametrize("harm", UNREADABLE)
def test_a_broken_file_is_named_by_whoever_reads_it(tmp_path: Path, harm: Callable[[Path], None]):
    store = opened(tmp_path)
    stored = [store.write(FACTS, group([day]))[0] for day in DAYS]
    harm(store.layout.generation(stored[1]))
    with pytest.raises(CorruptPartitionError, match=r"session=2017-03-09/000001\.parquet .*; run `asof verify`"):
        store.read(FACTS, DAYS[-1])
    assert values(store, as_of=DAYS[0]) == [1.0]  # nobody opened it


@pytest.mark.parametrize("harm", [garble, truncate, empty, forge])
def test_verify_sets_a_broken_file_aside_and_the_generation_before_counts_again(
    tmp_path: Path, harm: Callable[[Path], None]
):
    store = opened(tmp_path)
    store.write(FACTS, group(DAYS))
    (broken,) = store.write(FACTS, group(DAYS[1:2], "second", 2.0))
    harm(store.layout.generation(broken))
    assert store.verify().lost == [broken]
    aside = tmp_path / "_broken/examples/facts/v1/session=2017-03-09/000002.parquet"
    assert aside.exists()
    assert not store.verify().damaged
    assert values(store) == [1.0] * len(DAYS)
    assert parts_are_current(store)
    store.write(FACTS, group(DAYS[1:2], "second", 2.0))
    assert values(store)[1] == 2.0
    assert parts_are_current(store)


@pytest.mark.parametrize("at", ["generation", "part"])
def test_verify_puts_a_lost_generation_back_from_its_part_and_a_lost_part_from_its_generation(tmp_path: Path, at: str):
    store = opened(tmp_path)
    store.write(FACTS, group(DAYS[:2]))
    stored = store.partitions(FACTS)
    getattr(store.layout, at)(stored[0]).unlink()
    done = store.verify()
    assert done.restored == (stored if at == "generation" else [])
    assert done.replaced == ([] if at == "generation" else [store.layout.part(stored[0])])
    assert (done.lost, done.unguarded) == ([], [])
    assert store.partitions(FACTS) == stored
    assert values(store) == [1.0, 1.0]
    assert parts_are_current(store)
    assert not store.verify().damaged


def test_two_files_in_one_anothers_place_are_put_back(tmp_path: Path):
    store = opened(tmp_path)
    stored = [store.write(FACTS, [new(day, row(day, value=float(i)))])[0] for i, day in enumerate(DAYS[:2])]
    one, other = map(store.layout.generation, stored)
    one.rename(tmp_path / "between")
    other.rename(one)
    (tmp_path / "between").rename(other)
    with pytest.raises(CorruptPartitionError, match="its bytes are not those that were stored"):
        store.read(FACTS, DAYS[-1])
    assert store.verify().restored == stored
    assert values(store) == [0.0, 1.0]
    assert parts_are_current(store)


def test_after_verify_a_session_that_had_one_generation_is_missing(tmp_path: Path):
    store = opened(tmp_path)
    stored = [store.write(FACTS, group([day]))[0] for day in DAYS[:2]]
    truncate(store.layout.generation(stored[0]))
    store.verify()
    assert store.sessions(FACTS) == DAYS[1:2]
    assert opened(tmp_path).sessions(FACTS) == DAYS[1:2]
    assert parts_are_current(store)


def test_a_part_that_was_cut_short_is_the_generation_itself(tmp_path: Path):
    store = opened(tmp_path)
    stored = [store.write(FACTS, group([day]))[0] for day in DAYS[:2]]
    truncate(store.layout.part(stored[0]))
    assert store.verify().lost == stored[:1]
    store.write(FACTS, group(DAYS[:1]))
    assert values(store) == [1.0, 1.0]


def test_a_part_that_was_deleted_comes_back_with_the_index(tmp_path: Path):
    store = opened(tmp_path)
    stored = store.write(FACTS, group(DAYS[:2]))
    store.layout.part(stored[0]).unlink()
    assert values(store) == [1.0, 1.0]
    store.rebuild_index()
    assert parts_are_current(store)


def test_single_broken_bytes_are_rejected_or_harmless(tmp_path: Path):
    """Polars panics on some of them, and a panic is no Exception."""
    store = opened(tmp_path)
    frame = pl.concat([row(DAYS[0], f"{i:03}", float(i)) for i in range(200)])
    (stored,) = store.write(FACTS, [new(DAYS[0], frame)])
    path = store.layout.generation(stored)
    whole = path.read_bytes()
    for at in range(0, len(whole), 23):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :])
        try:
            store.verify_partition(stored)
        except CorruptPartitionError:
            continue
        assert store.read(FACTS, DAYS[0]).equals(frame)


@pytest.mark.parametrize("harm", ["lost", "lost with its sequence", "garbage", "older"])
def test_an_index_that_is_not_that_of_the_files_is_rebuilt(tmp_path: Path, harm: str):
    store = opened(tmp_path / "store")
    store.write(FACTS, group(DAYS))
    store.index.close()
    shutil.copy(store.layout.index, tmp_path / "older")
    store.write(FACTS, group(DAYS[:2], "second", 2.0))
    stored = store.index.generations(FACTS.name, FACTS.version)
    store.index.close()
    if harm.startswith("lost"):
        store.layout.index.unlink()
        if harm != "lost":
            (store.layout.root / "sequence").unlink()
    elif harm == "garbage":
        store.layout.index.write_bytes(b"garbage" * 1000)
    else:
        shutil.copy(tmp_path / "older", store.layout.index)
    again = opened(tmp_path / "store")
    assert again.index.generations(FACTS.name, FACTS.version) == stored
    assert values(again) == [2.0, 2.0, 1.0, 1.0, 1.0]


def test_a_copy_of_the_index_from_before_verify_is_older(tmp_path: Path):
    store = opened(tmp_path / "store")
    stored = [store.write(FACTS, group([day]))[0] for day in DAYS[:2]]
    store.index.close()
    shutil.copy(store.layout.index, tmp_path / "older")
    truncate(store.layout.generation(stored[0]))
    store.verify()
    store.index.close()
    shutil.copy(tmp_path / "older", store.layout.index)
    assert opened(tmp_path / "store").sessions(FACTS) == DAYS[1:2]


class Crash(BaseException):
    pass


def test_a_copy_of_the_index_from_before_a_crash_is_older(tmp_path: Path):
    def crash(step: str) -> None:
        if step == "renamed":
            raise Crash

    store = opened(tmp_path / "store")
    store.write(FACTS, group(DAYS[:2]))
    store.index.close()
    shutil.copy(store.layout.index, tmp_path / "older")
    crashing = opened(tmp_path / "store", reached=crash)
    with pytest.raises(Crash):
        crashing.write(FACTS, group(DAYS[:2], "second", 2.0))
    crashing.index.close()
    shutil.copy(tmp_path / "older", store.layout.index)
    again = opened(tmp_path / "store")
    assert values(again) == [2.0, 2.0]
    assert parts_are_current(again)


def test_a_session_written_while_the_index_is_rebuilt_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store, other = opened(tmp_path), opened(tmp_path)
    store.write(FACTS, group(DAYS[:2]))
    writing = threading.Thread(target=lambda: other.write(FACTS, group(DAYS[2:3])))

    def slow(path: Path) -> list[StoredPartition]:
        if not writing.ident:
            writing.start()
            writing.join(0.5)
        return read_footer(path)

    monkeypatch.setattr("feature_store.footers.read_footer", slow)
    store.rebuild_index()
    writing.join()
    assert store.sessions(FACTS) == DAYS[:3]


# refusals


def test_a_newer_store_format_is_rejected(tmp_path: Path):
    opened(tmp_path)
    (tmp_path / "store.json").write_text(json.dumps({"format": FORMAT + 1}))
    with pytest.raises(
        NewerStoreError, match=f"has store format {FORMAT + 1}, this version knows {FORMAT}; upgrade asof"
    ):
        opened(tmp_path)


def test_a_newer_dataset_schema_is_rejected(tmp_path: Path):
    newer = replace(FACTS, version=2)
    opened(tmp_path, datasets={newer.name: newer}).write(newer, group(DAYS[:1]))
    with pytest.raises(NewerStoreError, match="examples/facts is stored with schema v2, this version knows v1"):
        opened(tmp_path)


def test_an_older_dataset_schema_is_left_alone(tmp_path: Path):
    opened(tmp_path).write(FACTS, group(DAYS[:1]))
    newer = replace(FACTS, version=2)
    store = opened(tmp_path, datasets={newer.name: newer})
    assert store.sessions(newer) == []
    store.write(newer, group(DAYS[1:2]))
    assert store.sessions(newer) == DAYS[1:2]
    assert not store.verify().damaged


def test_an_unknown_dataset_is_named_with_those_that_exist(tmp_path: Path):
    with pytest.raises(StoreError, match="no dataset 'examples/fact'; there are examples/derived, examples/facts"):
        opened(tmp_path).read("examples/fact", DAYS[0])


@pytest.mark.parametrize("name", ["run=3", "a[b]c", "all*", "why?"])
def test_a_folder_that_engines_would_take_for_a_pattern_is_rejected(tmp_path: Path, name: str):
    with pytest.raises(StoreError, match="choose another folder"):
        opened(tmp_path / name)
