"""Dagster's memory of a home, and what it says of its assets."""

import datetime as dt
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg

from feature_store.decision_time import NEW_YORK
from feature_store.store import Store
from quant_assets import definitions
from quant_resources.home import Home


@contextmanager
def instance_of(home: Path) -> Iterator[dg.DagsterInstance]:
    """Dagster's own memory of a home."""
    folder = str(home / "dagster")
    before = os.environ.get("DAGSTER_HOME")
    os.environ["DAGSTER_HOME"] = folder
    try:
        with dg.DagsterInstance.from_config(folder) as instance:
            yield instance
    finally:
        os.environ.pop("DAGSTER_HOME")
        if before:
            os.environ["DAGSTER_HOME"] = before


def key_of(name: str) -> dg.AssetKey:
    return dg.AssetKey(name.split("/"))


def at(day: dt.date, hour: int = 0, minute: int = 0) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(hour, minute), NEW_YORK)


def materialized(home: Path, name: str) -> list[str]:
    with instance_of(home) as instance:
        return sorted(instance.get_materialized_partitions(key_of(name)))


def metadata_of(home: Path, name: str, session: dt.date) -> dict[str, object]:
    with instance_of(home) as instance:
        wanted = dg.AssetRecordsFilter(asset_key=key_of(name), asset_partitions=[str(session)])
        record = instance.fetch_materializations(wanted, limit=1).records[0]
        assert record.asset_materialization
        return {key: value.value for key, value in record.asset_materialization.metadata.items()}


# -- known values ------------------------------------------------------------------------------------------------------


def events_of(home: Path) -> int:
    """Rows of the index of Dagster's log, and of the runs."""
    counted = 0
    for database in (home / "dagster" / "history" / "runs").glob("*.db"):
        with closing(sqlite3.connect(database)) as connection:
            counted += connection.execute("SELECT COUNT(*) FROM event_logs").fetchone()[0]
    return counted


# -- one step that holds several assets --------------------------------------------------------------------------------


def materialize(home: Path, session: dt.date, *names: str) -> dg.ExecuteInProcessResult:
    """One session of the assets, as the UI runs them."""
    job = definitions.build(Home(home)).resolve_job_def(definitions.ALL_ASSETS)
    with instance_of(home) as instance:
        return job.execute_in_process(
            instance=instance, partition_key=str(session), asset_selection=[key_of(name) for name in names],
            raise_on_error=False, run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )  # fmt: skip


def stored_until(home: Path, names: list[str]) -> dict[str, dt.date]:
    store = Store(home / "store")
    return {name: store.sessions(name)[-1] for name in names}


def seen(result: dg.ExecuteInProcessResult, kind: dg.DagsterEventType) -> set[str]:
    return {e.asset_key.to_user_string() for e in result.all_events if e.event_type == kind and e.asset_key}
