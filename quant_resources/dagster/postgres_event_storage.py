"""Dagster's event log in PostgreSQL, where a batch of events is one transaction: `event_storage`, for a server."""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

from dagster import EventLogEntry
from dagster._core.events import ASSET_CHECK_EVENTS, ASSET_EVENTS
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._serdes import ConfigurableClassData
from dagster_postgres import PostgresEventLogStorage
from dagster_postgres.auth import PgTokenProvider
from dagster_postgres.utils import get_token_provider_from_config, pg_url_from_config
from sqlalchemy.engine import Connection

from quant_resources.dagster.event_storage import (
    EVENTS_PER_BATCH,
    Numbered,
    is_any,
    last_of_each_kind,
    store_planned_check,
    without_partitions,
)


class BatchedPostgresEventLogStorage(PostgresEventLogStorage):
    """Dagster's event log in PostgreSQL, written in batches.

    The stock storage opens two or three connections and as many transactions for every planned event, and batches
    materializations only, as if they were all of one asset. Here every batch is one transaction on one connection.
    What is read back is what the stock storage gives, but for checks planned over a range; see
    `BatchedSqliteEventLogStorage`.
    """

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,  # noqa: FBT002 -- as Dagster has it
        inst_data: ConfigurableClassData | None = None,
        token_provider: PgTokenProvider | None = None,
    ) -> None:
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", str(EVENTS_PER_BATCH))
        self._in_batch = threading.local()
        super().__init__(postgres_url, should_autocreate_tables, inst_data, token_provider)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """The stock configuration; the stock method would give the stock class."""
        return cls(
            pg_url_from_config(config_value),
            config_value.get("should_autocreate_tables", True),
            inst_data,
            get_token_provider_from_config(config_value),
        )

    def store_event(self, event: EventLogEntry) -> None:
        self.store_event_batch([event])

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store all of the events or, on an error, none."""
        with self.index_transaction() as connection:
            self._in_batch.connection = connection
            try:
                self._store(connection, events)
            finally:
                del self._in_batch.connection

    def _store(self, connection: Connection, events: Sequence[EventLogEntry]) -> None:
        in_order = SqlEventLogStorageTable.insert().returning(
            SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
        )
        ids = connection.execute(
            in_order, [self._event_to_row(without_partitions(event)) for event in events]
        ).scalars()
        numbered = list(zip(ids, events, strict=True))
        of_assets = [(i, event) for i, event in numbered if is_any(event, ASSET_EVENTS)]
        self._store_asset_event_tags(connection, [event for _, event in of_assets], [i for i, _ in of_assets])
        # An asset's record is locked until the end of the batch: all take them in one order, so that none deadlock.
        for event_id, event in sorted(last_of_each_kind(of_assets), key=_asset):
            self._store_asset_event(connection, event, event_id)
        for event_id, event in numbered:
            if is_any(event, ASSET_CHECK_EVENTS):
                self.store_asset_check_event(event, event_id)

    def _store_asset_check_evaluation_planned(self, event: EventLogEntry, event_id: int | None) -> None:
        store_planned_check(self, event, event_id)

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        """A connection; within a batch of this thread, the batch's."""
        if hasattr(self._in_batch, "connection"):
            yield self._in_batch.connection
            return
        with super()._connect() as connection:
            yield connection


def _asset(numbered: Numbered) -> str:
    key = numbered[1].get_dagster_event().asset_key
    return key.to_string() if key else ""
