"""The batched event log against Dagster's own, which is its oracle."""

import itertools
import os
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterEventType as Kind
from dagster._core.events import (
    StepMaterializationData,
)
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log import SqliteEventLogStorage
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from quant_resources.dagster.event_storage import EVENTS_PER_BATCH, BatchedSqliteEventLogStorage, events_of_run
from quant_resources.dagster.event_storage import rows_of as written
from quant_resources.home import DAGSTER_YAML
from tests.quant_resources.dagster.events import (
    BARS,
    CHECKS,
    DATA_VERSION,
    SCORES,
    STOCK_YAML,
    Draw,
    batches,
    entry,
    in_runs,
    instance_with,
    materialized,
    ours_yaml,
    planned_check,
    rows_of,
    run_range,
    seen_through,
    stored_partitions,
    told_once,
)

# `backfill_policy` is in beta, and a range in one run needs it.
pytestmark = pytest.mark.filterwarnings("ignore:Parameter `backfill_policy`:dagster.BetaWarning")

# Storages and instances.


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[BatchedSqliteEventLogStorage]:
    yield (opened := BatchedSqliteEventLogStorage(str(tmp_path)))
    opened.dispose()


# Known values.


def test_a_batch_reads_back_in_order_and_its_last_event_is_the_assets_last(
    storage: BatchedSqliteEventLogStorage,
) -> None:
    days = ["2018-01-02", "2018-01-03", "2018-01-04"]
    storage.store_event_batch([materialized(BARS, day, second=i) for i, day in enumerate(days)])
    records = storage.get_records_for_run("run_a").records
    assert [r.storage_id for r in records] == [1, 2, 3]
    assert [r.partition_key for r in records] == days
    (record,) = storage.get_asset_records([BARS])
    last = record.asset_entry.last_materialization_record
    assert last and (last.storage_id, last.partition_key) == (3, "2018-01-04")
    assert storage.get_event_tags_for_asset(BARS, {DATA_VERSION: "v1"}) == [{DATA_VERSION: "v1"}]


def test_the_dagster_yaml_of_the_repository_works_from_any_home() -> None:
    with instance_with(ours_yaml()) as instance:
        storage = instance.event_log_storage
        assert isinstance(storage, BatchedSqliteEventLogStorage)
        history = Path(os.environ["DAGSTER_HOME"]) / "history"
        assert Path(storage.path_for_shard("index")) == history / "runs" / "index.db"
        assert (history / "runs.db").exists()
        assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 2
        assert not instance.telemetry_enabled
        # A run worker opens its storage from this reference.
        assert isinstance(instance.get_ref().storage.event_log_storage, BatchedSqliteEventLogStorage)


def test_opening_the_storage_turns_batches_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE", raising=False)
    with instance_with(STOCK_YAML) as stock:
        assert not stock._is_batch_writing_enabled()
    with instance_with(ours_yaml()) as instance:
        assert instance._get_event_batch_size() == EVENTS_PER_BATCH


def test_a_range_costs_a_batch_of_planned_and_a_batch_of_materialized_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes = []
    store = BatchedSqliteEventLogStorage.store_event_batch

    def counted(self: BatchedSqliteEventLogStorage, events: list[dg.EventLogEntry]) -> None:
        sizes.append(len(events))
        store(self, events)

    monkeypatch.setattr(BatchedSqliteEventLogStorage, "store_event_batch", counted)
    with instance_with(ours_yaml()) as instance:
        assert run_range(instance).success
    assert [size for size in sizes if size > 1] == [2, 22]  # an asset and its check planned; 22 sessions materialized


def test_a_check_planned_over_a_range_is_one_execution_that_its_result_completes() -> None:
    with instance_with(ours_yaml()) as instance:
        run_range(instance)
        (execution,) = instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(BARS, "contract"), limit=100
        )
    assert (execution.status, execution.partition) == (AssetCheckExecutionRecordStatus.SUCCEEDED, None)


def test_a_range_that_fails_in_its_middle_shows_what_was_stored_and_what_failed() -> None:
    with instance_with(ours_yaml()) as instance:
        run = run_range(instance, stop_at="2018-06-06")
        seen = seen_through(instance, run.run_id)
    assert not run.success
    assert seen["partitions"] == {"2018-06-01", "2018-06-04", "2018-06-05"}
    unmade = [partition for partition, _ in seen["unmade"]]
    assert (unmade[0], unmade[-1], len(unmade)) == ("2018-06-06", "2018-07-02", 19)


def test_a_watcher_hears_every_event_of_a_batch(storage: BatchedSqliteEventLogStorage) -> None:
    heard: list[str | None] = []
    done = threading.Event()

    def hear(event: dg.EventLogEntry, _cursor: str) -> None:
        heard.append(event.get_dagster_event().partition)
        if len(heard) == 4:
            done.set()

    storage.store_event(materialized(BARS, "0"))
    storage.watch("run_a", None, hear)
    storage.store_event_batch([materialized(BARS, str(i)) for i in (1, 2, 3)])
    assert done.wait(timeout=10)
    storage.end_watch("run_a", hear)
    assert heard == ["0", "1", "2", "3"]


# Properties.


# An example makes up to eight databases, so to shrink one takes minutes.
@settings(
    max_examples=10,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(batches)
@example(
    [
        [
            Draw(Kind.ASSET_MATERIALIZATION, BARS, "2018-01-02", "run_a", True),
            Draw(Kind.ASSET_MATERIALIZATION_PLANNED, SCORES, None, "run_b", True),
            Draw(Kind.ASSET_MATERIALIZATION_PLANNED, BARS, None, "run_b", True),
            Draw(Kind.ASSET_MATERIALIZATION, BARS, "2018-01-03", "run_a", True),
        ]
    ]
)
def test_batches_leave_the_databases_that_the_stock_storage_leaves_event_by_event(
    steps: list[list[Draw] | str],
) -> None:
    seconds, runs_with_a_check = itertools.count(), set[str]()

    def is_planned_late(draw: Draw) -> bool:
        """Dagster plans a check once, before its verdict, and refuses the verdict otherwise."""
        late = draw.kind is Kind.ASSET_CHECK_EVALUATION_PLANNED and draw.run_id in runs_with_a_check
        runs_with_a_check.update([draw.run_id] if draw.kind in CHECKS else [])
        return late

    with (
        tempfile.TemporaryDirectory() as ours_folder,
        tempfile.TemporaryDirectory() as stock_folder,
        tempfile.TemporaryDirectory() as runs_folder,
    ):
        ours = BatchedSqliteEventLogStorage(ours_folder)
        stock, runs = SqliteEventLogStorage(stock_folder), SqliteEventLogStorage(runs_folder)
        for step in steps:
            if step == "wipe":
                ours.wipe_asset(BARS)
                stock.wipe_asset(BARS)
                runs.wipe_asset(BARS)
            elif step == "delete run":
                ours.delete_events("run_a")
                stock.delete_events("run_a")
                runs.delete_events("run_a")
            else:
                events = [draw.at(next(seconds)) for draw in step if not is_planned_late(draw)]
                ours.store_event_batch(events)
                for event in events:
                    stock.store_event(event)
                for event in events_of_run(events):
                    runs.store_event(event)
        ours.dispose()
        assert rows_of(ours_folder) == rows_of(stock_folder) | in_runs(rows_of(runs_folder))


@settings(deadline=None, max_examples=25)
@given(partitions=st.lists(st.text(min_size=1), min_size=1, max_size=5), steps=st.lists(st.floats(0, 1), min_size=5))
@example(partitions=['"partition": null', '"timestamp": 0.0', "2018-01-02"], steps=[0.0, 0.0, 0.5, 1.0, 1.0])
def test_sessions_that_are_described_alike_are_written_as_one_by_one(partitions: list[str], steps: list[float]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        storage = BatchedSqliteEventLogStorage(folder)
        events = [materialized(BARS, key, second=at) for key, at in zip(partitions, steps, strict=False)]
        notes = [dg.AssetMaterialization(SCORES, key, partition=key) for key in partitions]  # each its own description
        told = [
            *events_of_run([*events, events[-1]]),
            *(materialized(SCORES, key) for key in partitions),
            *(entry(Kind.ASSET_MATERIALIZATION, StepMaterializationData(note)) for note in notes),
        ]
        assert written(storage, told) == [storage._event_to_row(each) for each in told]
        storage.dispose()


@pytest.mark.parametrize("stop_at", [None, "2018-06-20"])
def test_an_instance_says_of_a_range_what_the_stock_instance_says(stop_at: str | None) -> None:
    seen = []
    for dagster_yaml in (ours_yaml(), STOCK_YAML):
        with instance_with(dagster_yaml) as instance:
            seen.append(seen_through(instance, run_range(instance, stop_at).run_id))
    ours, stock = (told_once(each) for each in seen)
    assert ours == stock


def write_batches(folder: str, run_id: str, n_batches: int, size: int, acknowledged: Any) -> None:
    """In a process of its own: batches of events whose partition says batch and place."""
    storage = BatchedSqliteEventLogStorage(folder)
    for batch in range(n_batches):
        storage.store_event_batch([materialized(BARS, f"{run_id} {batch} {place}", run_id) for place in range(size)])
        acknowledged.value = batch + 1


@contextmanager
def writer(folder: Path, run_id: str, n_batches: int, size: int) -> Iterator[tuple[Any, Any]]:
    spawn = get_context("spawn")
    acknowledged = spawn.Value("i", 0)
    process = spawn.Process(target=write_batches, args=(str(folder), run_id, n_batches, size, acknowledged))
    process.start()
    try:
        yield process, acknowledged
    finally:
        process.kill()
        process.join()


def whole_batches(partitions: list[str], run_id: str, size: int) -> int:
    """How many batches of the run these partitions are; fails if any is cut or torn apart."""
    n_batches, cut = divmod(len(partitions), size)
    assert cut == 0
    assert partitions == [f"{run_id} {batch} {place}" for batch in range(n_batches) for place in range(size)]
    return n_batches


def test_killed_processes_leave_whole_batches_and_all_that_they_had_stored(tmp_path: Path) -> None:
    BatchedSqliteEventLogStorage(str(tmp_path))
    size, forever = 50, 100_000
    with writer(tmp_path, "run_a", forever, size) as a, writer(tmp_path, "run_b", forever, size) as b:
        for (process, acknowledged), until in ((a, 2), (b, 20)):
            while acknowledged.value < until:
                assert process.is_alive()
                time.sleep(0.001)
            process.kill()
            process.join()
    index = stored_partitions(tmp_path, "index")
    for run_id, (_, acknowledged) in (("run_a", a), ("run_b", b)):
        in_run = whole_batches(stored_partitions(tmp_path, run_id), run_id, size)
        in_index = whole_batches([each for each in index if each.startswith(run_id)], run_id, size)
        assert acknowledged.value <= in_index <= in_run <= acknowledged.value + 1
    for shard in ("run_a", "run_b", "index"):
        with closing(sqlite3.connect(tmp_path / f"{shard}.db")) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    # What is left can be read and written on.
    storage = BatchedSqliteEventLogStorage(str(tmp_path))
    storage.store_event_batch([materialized(BARS, "after"), materialized(BARS, "the crash")])
    assert {"after", "the crash"} < storage.get_materialized_partitions(BARS)


def test_two_writers_and_a_reader_that_writes_never_meet_a_lock(tmp_path: Path) -> None:
    beside = BatchedSqliteEventLogStorage(str(tmp_path))
    n_batches, size, lines = 10, 25, 0
    with writer(tmp_path, "run_a", n_batches, size) as (a, _), writer(tmp_path, "run_b", n_batches, size) as (b, _):
        while a.is_alive() or b.is_alive():
            beside.get_materialized_partitions(BARS)
            seen = [r.partition_key for r in beside.get_records_for_run("run_a").records if r.partition_key]
            whole_batches([each for each in seen if each], "run_a", size)
            beside.store_event(entry(None, None))
            time.sleep(0.02)
            lines += 1
        assert (a.exitcode, b.exitcode) == (0, 0)
    index = stored_partitions(tmp_path, "index")
    for run_id in ("run_a", "run_b"):
        assert whole_batches(stored_partitions(tmp_path, run_id), run_id, size) == n_batches
        assert whole_batches([each for each in index if each.startswith(run_id)], run_id, size) == n_batches
    assert len(beside.get_records_for_run("run_a").records) == n_batches * size + lines
    assert len(beside.get_materialized_partitions(BARS)) == 2 * n_batches * size


# Refusals.


def test_a_batch_that_fails_in_its_middle_stores_nothing(storage: BatchedSqliteEventLogStorage) -> None:
    storage.store_event(planned_check("2018-01-02"))
    before = rows_of(storage._base_dir)
    twice = planned_check("2018-01-02", second=1)  # an execution of this run, check and partition exists
    with pytest.raises(IntegrityError, match="UNIQUE constraint"):
        storage.store_event_batch([materialized(BARS, "2018-01-02"), twice, materialized(BARS, "2018-01-03")])
    assert rows_of(storage._base_dir) == before
    storage.store_event_batch([materialized(BARS, "2018-01-02"), materialized(BARS, "2018-01-03")])
    assert storage.get_materialized_partitions(BARS) == {"2018-01-02", "2018-01-03"}


def test_a_home_that_is_not_named_is_rejected_by_dagster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shutil.copy(DAGSTER_YAML, tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with pytest.raises(dg.DagsterInvalidConfigError, match="DAGSTER_HOME"):
        dg.DagsterInstance.from_config(str(tmp_path))
