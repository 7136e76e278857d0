"""Compaction of months: what it moves, and what crashes, readers and a full disk meet meanwhile."""

import datetime as dt
import errno
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_store import sessions
from feature_store.compaction import STEPS
from feature_store.errors import StoreError
from feature_store.layout import Layout
from feature_store.segments import scan
from tests.feature_store.examples import (
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
from tests.feature_store.packs import (
    AFTER,
    MARCH,
    Crash,
    crashing_at,
    everything,
    files_of_others,
    is_whole,
    one_by_one,
    places,
    run,
    stored_files,
)

# known values


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
    assert not store.verify().damaged
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
    assert not store.verify().damaged


def test_a_pack_of_sessions_without_rows_is_stored_and_compacted(tmp_path: Path):
    store = opened(tmp_path)
    store.write(FACTS, [new(day, FACTS.empty()) for day in MARCH[:3]])
    store.write(FACTS, [new(MARCH[3], FACTS.empty())])
    assert values(store, as_of=AFTER) == []
    assert store.compact(FACTS, AFTER) == 4
    assert store.sessions(FACTS) == MARCH[:4]
    assert not store.verify().damaged
    assert stored_files(store) == ["month=2017-03/000002.parquet"]
    one_by_one(store, MARCH[:1], "second", 2.0)
    assert values(store, as_of=AFTER) == [2.0]
    assert parts_are_current(store)


# properties


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
    plain = store._health.by_file

    def moved_meanwhile(*arguments: Any) -> Any:
        found = plain(*arguments)
        other.compact(FACTS, AFTER)
        return found

    monkeypatch.setattr(store._health, "by_file", moved_meanwhile)
    assert not store.verify().damaged
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
    assert not store.verify().damaged
    assert parts_are_current(store)


histories = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.lists(st.sampled_from(MARCH[:6]), min_size=1, unique=True), st.integers(0, 3)),
        st.tuples(st.just("compact"), st.none(), st.none()),
        st.tuples(st.just("rebuild"), st.none(), st.none()),
    ),
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(steps=histories)
def test_any_sequence_of_writes_and_compactions_reads_as_a_dictionary_does(
    steps: list[tuple[str, Any, Any]], tmp_path_factory: pytest.TempPathFactory
):
    store = opened(tmp_path_factory.mktemp("steps"))
    expected: dict[dt.date, list[tuple[int, float]]] = {}
    for i, (what, days, height) in enumerate(steps):
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
    assert not store.verify().damaged


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
