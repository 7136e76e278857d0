"""Dagster's event log in SQLite, where a batch of events costs what one event costs."""

import json
import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Self

from dagster import AssetKey, AssetMaterialization, DagsterEventType, EventLogEntry
from dagster._config import StringSource
from dagster._config.config_schema import UserConfigSchema
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.event_api import EventHandlerFn
from dagster._core.events import (
    ASSET_CHECK_EVENTS,
    ASSET_EVENTS,
    EVENT_TYPE_TO_PIPELINE_RUN_STATUS,
    EventSpecificData,
)
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log import SqlEventLogStorage, SqliteEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorageWatchdog
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._record import replace
from dagster._serdes import ConfigurableClassData, serialize_value
from sqlalchemy import create_engine
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import StaticPool
from watchdog.events import FileSystemEvent
from watchdog.observers import Observer

# Dagster holds this many events back before it stores them; a step killed meanwhile has stored its sessions but not
# said so, and the next run says it. Larger batches are not measurably faster.
EVENTS_PER_BATCH = 1000

ENGINES = 8  # kept open: the index, and the runs at work or looked at
# The index keeps events of 3 kB: on pages of 4 kB, a quarter of it would be empty. A run's log is small.
INDEX_PAGE_BYTES = 16384

PLANNED = {DagsterEventType.ASSET_MATERIALIZATION_PLANNED}
MATERIALIZED = {DagsterEventType.ASSET_MATERIALIZATION}
MIRRORED = ASSET_EVENTS | ASSET_CHECK_EVENTS | EVENT_TYPE_TO_PIPELINE_RUN_STATUS.keys()

Row = dict[str, Any]
Numbered = tuple[int, EventLogEntry]


class BatchedSqliteEventLogStorage(SqliteEventLogStorage):
    """Dagster's default event log (a database for each run, and an index over all runs), written in batches.

    An asset over a range of n sessions logs n planned and n materialized events, and the stock storage syncs two
    databases for each. Here a batch is one transaction in the run's database and one in the index. They are
    committed in the stock order, the run's first: a process killed between the two leaves a batch in the run's log
    that the index, which says what is materialized, does not have; never a part of a batch.

    What is read back is what the stock storage gives, but of a range: see `events_of_run` and `store_planned_check`.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        # Dagster knows only this variable; set here, every process that opens the storage has it.
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(EVENTS_PER_BATCH))
        self._turn = threading.RLock()
        self._open: dict[str, Connection] = {}
        self._engines: dict[str, Engine] = {}
        self._tables: set[str] = set()
        super().__init__(base_dir, inst_data)
        # The stock lock cannot be held for two databases at once.
        self._db_lock = self._turn  # type: ignore[assignment]

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        return {"home": StringSource}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """The storage of a Dagster home, in the folder where Dagster keeps its own."""
        return cls(str(Path(config_value["home"]).expanduser() / "history" / "runs"), inst_data)

    def store_event(self, event: EventLogEntry) -> None:
        self.store_event_batch([event])

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store all of the events or, on an error, none."""
        rows = rows_of(self, events_of_run(events))
        mirrored = events_of_index([entry for entry in events if is_any(entry, MIRRORED)])
        with ExitStack() as transactions:
            # Transactions end in reverse, so the index, opened first, is committed last. SQLite locks a database at
            # the first insert: the index, which every process writes, is locked last and for the shortest time.
            index = transactions.enter_context(self.index_connection()) if mirrored else None
            for run_id in dict.fromkeys(entry.run_id for entry in events):
                run = transactions.enter_context(self.run_connection(run_id))
                run.execute(SqlEventLogStorageTable.insert(), [row for row in rows if row["run_id"] == run_id])
            if index is not None:
                self._mirror(index, mirrored)

    def _mirror(self, index: Connection, events: Sequence[EventLogEntry]) -> None:
        in_order = SqlEventLogStorageTable.insert().returning(
            SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
        )
        rows = rows_of(self, [without_partitions(entry) for entry in events])
        numbered = list(zip(index.execute(in_order, rows).scalars(), events, strict=True))
        of_assets = [(i, entry) for i, entry in numbered if is_any(entry, ASSET_EVENTS)]
        self._store_asset_event_tags(index, [entry for _, entry in of_assets], [i for i, _ in of_assets])
        for event_id, entry in last_of_each_kind(of_assets):
            self._store_asset_event(index, entry, event_id)
        for event_id, entry in numbered:
            if is_any(entry, ASSET_CHECK_EVENTS):
                self.store_asset_check_event(entry, event_id)

    @property
    def supports_partition_subset_in_asset_materialization_planned_events(self) -> bool:
        """One planned event of an asset comes for all partitions; the index has a row for each, as always."""
        return True

    def _store_asset_check_evaluation_planned(self, event: EventLogEntry, event_id: int | None) -> None:
        store_planned_check(self, event, event_id)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        """A transaction on the shard; within one of this thread, that same transaction."""
        with self._turn:
            if shard in self._open:
                yield self._open[shard]
                return
            with self._engine(shard).begin() as connection:
                self._open[shard] = connection
                try:
                    yield connection
                finally:
                    del self._open[shard]

    def _engine(self, shard: str) -> Engine:
        """The shard's engine and its one connection, kept: the stock storage makes both anew for every transaction.

        A new engine compiles every statement again, and to close the last connection of a database writes its log back.
        """
        engine = self._engines.pop(shard, None) or self._opened(shard)
        self._engines[shard] = engine  # last used, last
        for idle in [name for name in self._engines if name not in self._open][:-ENGINES]:
            self._engines.pop(idle).dispose()
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        return engine

    def _opened(self, shard: str) -> Engine:
        """Of one connection, which threads use in turn."""
        connecting = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
        engine = create_engine(self.conn_string_for_shard(shard), poolclass=StaticPool, connect_args=connecting)
        pragmas = ["synchronous=NORMAL", *([f"page_size={INDEX_PAGE_BYTES}"] if shard == INDEX_SHARD_NAME else [])]
        sqlalchemy_event.listen(engine, "connect", lambda new, _: [new.execute(f"PRAGMA {each}") for each in pragmas])
        return engine

    def has_table(self, table_name: str) -> bool:
        """As the stock storage says, which looks it up for every check's event."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def watch(self, run_id: str, cursor: str | None, callback: EventHandlerFn) -> None:
        """As the stock storage, but of the log that is written ahead: what is committed is in the database later."""
        observer = self._obs or Observer()
        if self._obs is None:
            observer.start()
            self._obs = observer  # type: ignore[assignment]  # Dagster has not typed its own
        hears = _Watchdog(self, run_id, callback, cursor)
        self._watchers[run_id][callback] = (hears, observer.schedule(hears, self._base_dir, recursive=True))

    def wipe(self) -> None:
        self._close()  # the files go away
        super().wipe()

    def dispose(self) -> None:
        super().dispose()
        self._close()

    def _close(self) -> None:
        with self._turn:
            while self._engines:
                self._engines.popitem()[1].dispose()


class _Watchdog(SqliteEventLogStorageWatchdog):
    """Hears of changes of the database and of its write-ahead log."""

    def __init__(
        self, storage: BatchedSqliteEventLogStorage, run_id: str, callback: EventHandlerFn, cursor: str | None
    ) -> None:
        super().__init__(storage, run_id, callback, cursor)
        self._patterns = [self._log_path, f"{self._log_path}-wal"]

    def on_modified(self, event: FileSystemEvent) -> None:
        self._process_log()


def is_any(entry: EventLogEntry, kinds: set[DagsterEventType]) -> bool:
    return entry.is_dagster_event and entry.dagster_event_type in kinds


def events_of_run(events: Sequence[EventLogEntry]) -> list[EventLogEntry]:
    """The events as they stand in a run's log.

    Of a range, an asset's sessions are planned in one line, and their materializations stand without the metadata and
    tags that the asset's own history has.
    """
    made = Counter(_asset(entry) for entry in events if is_any(entry, MATERIALIZED))
    return [
        _without_metadata(entry)
        if is_any(entry, MATERIALIZED) and made[_asset(entry)] > 1
        else without_partitions(entry)
        for entry in events
    ]


def events_of_index(events: Sequence[EventLogEntry]) -> list[EventLogEntry]:
    """The events with one planned event for each partition: that is where an asset's partitions are looked up."""
    return [each for entry in events for each in (_each_partition(entry) if is_any(entry, PLANNED) else [entry])]


def rows_of(storage: SqlEventLogStorage, events: Sequence[EventLogEntry]) -> list[Row]:
    """As `_event_to_row` gives them; of sessions that differ in nothing else, the first is written out for all."""
    rows: list[Row] = []
    for alike, group in groupby(events, key=_alike):
        several = list(group)
        row = storage._event_to_row(several[0])
        parts = _around(row["event"], several[0]) if alike and len(several) > 1 else None
        if parts is None:
            rows += [row, *(storage._event_to_row(entry) for entry in several[1:])]
            continue
        before, between, after = parts
        for entry in several:
            partition = entry.get_dagster_event().partition
            text = f"{before}{_partition_text(partition)}{between}{_timestamp_text(entry.timestamp)}{after}"
            moment = storage._event_insert_timestamp(entry)  # type: ignore[no-untyped-call]
            rows.append({**row, "event": text, "timestamp": moment, "partition": partition})
    return rows


def _alike(entry: EventLogEntry) -> EventLogEntry | None:
    """All that an event says of a session but which one it is, and when; None of any other event."""
    if not is_any(entry, PLANNED | MATERIALIZED) or entry.get_dagster_event().partition is None:
        return None
    if is_any(entry, PLANNED):
        planned = entry.get_dagster_event().asset_materialization_planned_data
        return _with_data(entry, planned._replace(partition=None))._replace(timestamp=0.0)
    data = entry.get_dagster_event().step_materialization_data
    stored = data.materialization
    if stored.metadata or stored.tags or stored.description:
        return None
    return _with_data(entry, data._replace(materialization=AssetMaterialization(stored.asset_key)))._replace(
        timestamp=0.0
    )


def _around(text: str, entry: EventLogEntry) -> tuple[str, str, str] | None:
    """What stands before, between and after partition and moment; None where they do not stand there once."""
    first, second = _partition_text(entry.get_dagster_event().partition), _timestamp_text(entry.timestamp)
    if text.count(first) != 1 or text.count(second) != 1:
        return None
    before, rest = text.split(first)
    between, second_in_rest, after = rest.partition(second)
    return (before, between, after) if second_in_rest else None


def _partition_text(partition: str | None) -> str:
    return f'"partition": {json.dumps(partition)}'


def _timestamp_text(moment: float) -> str:
    return f'"timestamp": {json.dumps(moment)}'


def _each_partition(entry: EventLogEntry) -> list[EventLogEntry]:
    planned = entry.get_dagster_event().asset_materialization_planned_data
    if planned.partitions_subset is None:
        return [entry]
    return [
        _with_data(entry, planned._replace(partition=key, partitions_subset=None))
        for key in planned.partitions_subset.get_partition_keys()
    ]


def without_partitions(entry: EventLogEntry) -> EventLogEntry:
    """A planned event without the definition of its partitions: 20 kB where they exclude the holidays of a decade."""
    if is_any(entry, PLANNED) and entry.get_dagster_event().asset_materialization_planned_data.partitions_subset:
        one = _each_partition(entry)
        planned = entry.get_dagster_event().asset_materialization_planned_data
        return one[0] if len(one) == 1 else _with_data(entry, planned._replace(partitions_subset=None))
    data = entry.dagster_event.event_specific_data if entry.dagster_event else None
    if isinstance(data, AssetCheckEvaluationPlanned) and data.partitions_subset is not None:
        return _with_data(entry, replace(data, partitions_subset=None))
    return entry


def _without_metadata(entry: EventLogEntry) -> EventLogEntry:
    data = entry.get_dagster_event().step_materialization_data
    stored = data.materialization
    return _with_data(
        entry, data._replace(materialization=AssetMaterialization(stored.asset_key, partition=stored.partition))
    )


def _with_data(entry: EventLogEntry, data: EventSpecificData) -> EventLogEntry:
    return entry._replace(dagster_event=entry.get_dagster_event()._replace(event_specific_data=data))


def _asset(entry: EventLogEntry) -> AssetKey | None:
    return entry.get_dagster_event().asset_key


def store_planned_check(storage: SqlEventLogStorage, entry: EventLogEntry, event_id: int | None) -> None:
    """A check planned over a range is one row without a partition, which its one result completes.

    The stock storage adds a row for every partition, each with the whole event and all partitions in it, and completes
    none: the result of a range carries no partition and becomes another row.
    """
    planned = entry.get_dagster_event().asset_check_planned_data
    keys = list(planned.partitions_subset.get_partition_keys()) if planned.partitions_subset else []
    row = {
        "asset_key": planned.asset_key.to_string(),
        "check_name": planned.check_name,
        "partition": keys[0] if len(keys) == 1 else None,
        "run_id": entry.run_id,
        "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
        "evaluation_event": serialize_value(without_partitions(entry)),
        "evaluation_event_timestamp": storage._event_insert_timestamp(entry),  # type: ignore[no-untyped-call]
        "evaluation_event_storage_id": event_id,
    }
    with storage.index_connection() as connection:
        connection.execute(AssetCheckExecutionsTable.insert(), [row])


def last_of_each_kind(events: Sequence[Numbered]) -> Iterator[Numbered]:
    """The events that decide the assets' records: each overwrites what earlier ones of its kind wrote.

    Assets come in the order of their first event, which is the order of their rows.
    """
    last: dict[AssetKey | None, dict[DagsterEventType, Numbered]] = {}
    for event_id, entry in events:
        dagster_event = entry.get_dagster_event()
        last.setdefault(dagster_event.asset_key, {})[dagster_event.event_type] = event_id, entry
    for kinds in last.values():
        yield from sorted(kinds.values(), key=itemgetter(0))
