"""The batched event log in PostgreSQL against Dagster's own, on a server that lives as long as these tests.

They skip where PostgreSQL's server is not installed.
"""

import itertools
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy
from dagster._core.storage.event_log import SqlEventLogStorageMetadata
from hypothesis import HealthCheck, Phase, given, settings
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import NullPool

from tests.quant_resources.dagster.events import (
    BARS,
    CHECKS,
    CLOCK_COLUMNS,
    DATA_VERSION,
    SCORES,
    Draw,
    batches,
    materialized,
    planned_check,
    run_range,
    seen_through,
)

pytest.importorskip("dagster_postgres", reason="needs the extra `production`")

from dagster_postgres import PostgresEventLogStorage, PostgresRunStorage, PostgresScheduleStorage

from quant_resources.dagster.event_storage import EVENTS_PER_BATCH
from quant_resources.dagster.postgres_event_storage import BatchedPostgresEventLogStorage

# `backfill_policy` is in beta, and a range in one run needs it.
pytestmark = pytest.mark.filterwarnings("ignore:Parameter `backfill_policy`:dagster.BetaWarning")

REPOSITORY = Path(__file__).parents[3]
DEPLOYED = (REPOSITORY / "deploy" / "dagster.yaml").read_text()
BATCHED = "module: quant_resources.dagster.postgres_event_storage\n  class: BatchedPostgresEventLogStorage"
STOCK = "module: dagster_postgres\n  class: PostgresEventLogStorage"


# The server and its databases.


@dataclass(frozen=True)
class Server:
    port: int
    password: str

    def url(self, database: str) -> str:
        url = sqlalchemy.URL.create("postgresql", "asof", self.password, "127.0.0.1", self.port, database)
        return url.render_as_string(hide_password=False)

    def new_database(self) -> str:
        name = f"dagster_{secrets.token_hex(4)}"
        with connected(self.url("postgres")) as connection:
            connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
        return name


@contextmanager
def connected(url: str) -> Iterator[sqlalchemy.Connection]:
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def programs() -> Path:
    """Folder of the server's programs; Debian keeps them out of the path."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not folders:
        pytest.skip("PostgreSQL's server is not installed")
    return folders[-1]


def account() -> str:
    """The server refuses to run as root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    if "postgres" not in {entry.pw_name for entry in pwd.getpwall()}:
        pytest.skip("PostgreSQL does not run as root, and there is no account postgres")
    return "postgres"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    folder, user, owner = programs(), account(), tempfile.TemporaryDirectory()
    place, password = Path(owner.name), secrets.token_hex(8) + "/@:%'"  # what a URL has to escape
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def call(program: str, *arguments: str) -> None:
        as_user = {"user": user} if os.geteuid() == 0 else {}
        command = [str(folder / program), "--pgdata", str(place / "data"), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=place, **as_user)

    (place / "password").write_text(password)
    for each in (place, place / "password"):
        shutil.chown(each, user)
    call("initdb", "--username=asof", "--auth=password", f"--pwfile={place}/password", "--no-sync", "--no-locale")
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={place} -c fsync=off"
    call("pg_ctl", "start", "--wait", f"--log={place}/log", "--options", options)
    try:
        yield Server(port, password)
    finally:
        call("pg_ctl", "stop", "--wait", "--mode=immediate")
        owner.cleanup()


@pytest.fixture
def storage(server: Server) -> Iterator[BatchedPostgresEventLogStorage]:
    yield (opened := BatchedPostgresEventLogStorage(server.url(server.new_database())))
    opened.dispose()


@contextmanager
def instance_on(server: Server, dagster_yaml: str = DEPLOYED) -> Iterator[dg.DagsterInstance]:
    """The instance of deploy/dagster.yaml, with a database of its own."""
    with tempfile.TemporaryDirectory() as home, pytest.MonkeyPatch.context() as patch:
        (Path(home) / "dagster.yaml").write_text(dagster_yaml)
        patch.setenv("DAGSTER_HOME", home)
        patch.setenv("ASOF_POSTGRES_HOST", "127.0.0.1")
        patch.setenv("ASOF_POSTGRES_PORT", str(server.port))
        patch.setenv("ASOF_POSTGRES_USER", "asof")
        patch.setenv("ASOF_POSTGRES_PASSWORD", server.password)
        patch.setenv("ASOF_POSTGRES_DB", server.new_database())
        patch.setenv("ASOF_DAGSTER_FILES", f"{home}/files")
        with dg.DagsterInstance.get() as instance:
            yield instance


def rows_of(url: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, but for what the clock of the machine wrote and the numbers of the assets' records."""
    contents = {}
    with connected(url) as connection:
        for table in SqlEventLogStorageMetadata.sorted_tables:
            rows = [dict(row) for row in connection.execute(table.select()).mappings()]
            dropped = CLOCK_COLUMNS | ({"id"} if table.name == "asset_keys" else set())
            kept = [{column: value for column, value in row.items() if column not in dropped} for row in rows]
            contents[table.name] = sorted(kept, key=repr)
    return contents


def empty(url: str) -> None:
    tables = ", ".join(
        table.name for table in SqlEventLogStorageMetadata.sorted_tables if "migration" not in table.name
    )
    with connected(url) as connection:
        connection.execute(sqlalchemy.text(f"TRUNCATE {tables} RESTART IDENTITY"))


# Known values.


def test_a_batch_reads_back_in_order_and_its_last_event_is_the_assets_last(
    storage: BatchedPostgresEventLogStorage,
) -> None:
    days = ["2018-01-02", "2018-01-03", "2018-01-04"]
    storage.store_event_batch([materialized(BARS, day, second=i) for i, day in enumerate(days)])
    records = storage.get_records_for_run("run_a").records
    assert [(r.storage_id, r.partition_key) for r in records] == [(i, day) for i, day in enumerate(days, start=1)]
    (record,) = storage.get_asset_records([BARS])
    last = record.asset_entry.last_materialization_record
    assert last and (last.storage_id, last.partition_key) == (3, "2018-01-04")
    assert storage.get_event_tags_for_asset(BARS, {DATA_VERSION: "v1"}) == [{DATA_VERSION: "v1"}]


def test_the_deployed_instance_keeps_everything_in_postgresql(server: Server) -> None:
    with instance_on(server) as instance:
        assert isinstance(instance.event_log_storage, BatchedPostgresEventLogStorage)
        assert isinstance(instance.run_storage, PostgresRunStorage)
        assert isinstance(instance.schedule_storage, PostgresScheduleStorage)
        # A run worker opens its storage from this reference.
        assert isinstance(instance.get_ref().storage.event_log_storage, BatchedPostgresEventLogStorage)
        assert instance._get_event_batch_size() == EVENTS_PER_BATCH
        assert run_range(instance).success
        # nothing is written where dagster.yaml lies: in the image that folder belongs to root
        assert sorted(path.name for path in Path(os.environ["DAGSTER_HOME"]).iterdir()) == ["dagster.yaml", "files"]


def test_a_range_costs_one_transaction_for_what_is_planned_and_one_for_what_is_stored(server: Server) -> None:
    sizes: list[int] = []
    store = BatchedPostgresEventLogStorage.store_event_batch

    def counted(self: BatchedPostgresEventLogStorage, events: list[dg.EventLogEntry]) -> None:
        sizes.append(len(events))
        store(self, events)

    with instance_on(server) as instance, pytest.MonkeyPatch.context() as patch:
        patch.setattr(BatchedPostgresEventLogStorage, "store_event_batch", counted)
        run_range(instance)
    assert [size for size in sizes if size > 1] == [23, 22]  # 22 sessions and a check planned; 22 materialized


# Properties.


@settings(
    max_examples=6,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(steps=batches)
def test_batches_leave_the_tables_that_the_stock_storage_leaves_event_by_event(
    twins: tuple[BatchedPostgresEventLogStorage, PostgresEventLogStorage], steps: list[list[Draw] | str]
) -> None:
    seconds, runs_with_a_check = itertools.count(), set[str]()

    def is_planned_late(draw: Draw) -> bool:
        """Dagster plans a check once, before its verdict, and refuses the verdict otherwise."""
        late = draw.kind is CHECKS[0] and draw.run_id in runs_with_a_check
        runs_with_a_check.update([draw.run_id] if draw.kind in CHECKS else [])
        return late

    ours, stock = twins
    for storage in twins:
        empty(storage.postgres_url)
    for step in steps:
        if isinstance(step, str):
            forget: Callable[[PostgresEventLogStorage], None] = (
                (lambda s: s.wipe_asset(BARS)) if step == "wipe" else (lambda s: s.delete_events("run_a"))
            )
            forget(ours)
            forget(stock)
            continue
        events = [draw.at(next(seconds)) for draw in step if not is_planned_late(draw)]
        ours.store_event_batch(events)
        for event in events:
            stock.store_event(event)
    assert rows_of(ours.postgres_url) == rows_of(stock.postgres_url)


@pytest.fixture
def twins(server: Server) -> Iterator[tuple[BatchedPostgresEventLogStorage, PostgresEventLogStorage]]:
    ours = BatchedPostgresEventLogStorage(server.url(server.new_database()))
    stock = PostgresEventLogStorage(server.url(server.new_database()))
    yield ours, stock
    ours.dispose()
    stock.dispose()


@pytest.mark.parametrize("stop_at", [None, "2018-06-20"])
def test_an_instance_says_of_a_range_what_the_stock_instance_says(server: Server, stop_at: str | None) -> None:
    assert BATCHED in DEPLOYED
    seen = []
    for dagster_yaml in (DEPLOYED, DEPLOYED.replace(BATCHED, STOCK)):
        with instance_on(server, dagster_yaml) as instance, pytest.MonkeyPatch.context() as patch:
            if dagster_yaml != DEPLOYED:
                patch.setenv("DAGSTER_EVENT_BATCH_SIZE", "0")
            seen.append(seen_through(instance, run_range(instance, stop_at).run_id))
    assert seen[0] == seen[1]


def test_two_writers_of_the_same_assets_in_opposite_order_never_deadlock(
    storage: BatchedPostgresEventLogStorage,
) -> None:
    n_batches, failures = 25, list[Exception]()

    def write(run_id: str, keys: list[dg.AssetKey]) -> None:
        try:
            for i in range(n_batches):
                storage.store_event_batch([materialized(key, f"{run_id} {i}", run_id) for key in keys])
        except Exception as error:
            failures.append(error)

    writers = [
        threading.Thread(target=write, args=("run_a", [BARS, SCORES])),
        threading.Thread(target=write, args=("run_b", [SCORES, BARS])),
    ]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    assert failures == []
    assert len(storage.get_materialized_partitions(BARS)) == 2 * n_batches


# Refusals.


def test_a_batch_that_fails_in_its_middle_stores_nothing(storage: BatchedPostgresEventLogStorage) -> None:
    storage.store_event(planned_check("2018-01-02"))
    before = rows_of(storage.postgres_url)
    twice = planned_check("2018-01-02", second=1)  # an execution of this run, check and partition exists
    with pytest.raises(IntegrityError, match="unique constraint"):
        storage.store_event_batch([materialized(BARS, "2018-01-02"), twice, materialized(BARS, "2018-01-03")])
    assert rows_of(storage.postgres_url) == before
    storage.store_event_batch([materialized(BARS, "2018-01-02"), materialized(BARS, "2018-01-03")])
    assert storage.get_materialized_partitions(BARS) == {"2018-01-02", "2018-01-03"}
