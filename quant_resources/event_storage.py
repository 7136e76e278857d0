"""Dagster's SQLite event log, with a batch of events in one transaction instead of two transactions an event."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Self

from dagster import AssetKey, DagsterEventType
from dagster._config import StringSource
from dagster._config.config_schema import UserConfigSchema
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS, EVENT_TYPE_TO_PIPELINE_RUN_STATUS
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy.engine import Connection

EVENTS_PER_BATCH = 1000

Stored = tuple[int, EventLogEntry]


class BatchedSqliteEventLogStorage(SqliteEventLogStorage):
    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(EVENTS_PER_BATCH))
        self._open: dict[str, Connection] = {}
        self._turn = threading.RLock()
        super().__init__(base_dir, inst_data)
        self._db_lock = self._turn

    @classmethod
    def from_config_value(cls, inst_data, config_value):
        return cls(config_value["base_dir"], inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._turn:
            if shard in self._open:
                yield self._open[shard]
                return
            with super()._connect(shard) as connection:
                self._open[shard] = connection
                try:
                    yield connection
                finally:
                    del self._open[shard]

    def store_event(self, event: EventLogEntry) -> None:
        self.store_event_batch([event])

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        rows = [self._event_to_row(event) for event in events]
        mirrored = [(row, event) for row, event in zip(rows, events, strict=True) if _is(event, MIRRORED)]
        with ExitStack() as commits:
            if mirrored:
                index = commits.enter_context(self.index_transaction())
                self._store_in_index(index, *zip(*mirrored))
            for run_id, of_run in groupby(sorted(rows, key=itemgetter("run_id")), key=itemgetter("run_id")):
                run = commits.enter_context(self.run_connection(run_id))
                run.execute(SqlEventLogStorageTable.insert(), list(of_run))

    def _store_in_index(self, index: Connection, rows, events) -> None:
        identity = SqlEventLogStorageTable.c.id
        insert = SqlEventLogStorageTable.insert().returning(identity, sort_by_parameter_order=True)
        ids = index.execute(insert, list(rows)).scalars().all()
        asset_events = [(i, e) for i, e in zip(ids, events, strict=True) if _is(e, ASSET_EVENTS)]
        self._store_asset_event_tags(index, [e for _, e in asset_events], [i for i, _ in asset_events])
        for event_id, event in _deciding(asset_events):
            self._store_asset_event(index, event, event_id)
        for event_id, event in zip(ids, events, strict=True):
            if _is(event, ASSET_CHECK_EVENTS):
                self.store_asset_check_event(event, event_id)


MIRRORED = ASSET_EVENTS | ASSET_CHECK_EVENTS | EVENT_TYPE_TO_PIPELINE_RUN_STATUS.keys()


def _is(event, types):
    return event.is_dagster_event and event.dagster_event_type in types


def _deciding(stored):
    latest = {}
    for event_id, event in stored:
        latest.setdefault(event.dagster_event.asset_key, {})[event.dagster_event_type] = (event_id, event)
    return [s for kinds in latest.values() for s in sorted(kinds.values(), key=itemgetter(0))]
