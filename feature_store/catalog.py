"""The store in DuckDB SQL: of each dataset a view of all versions, and table macros that ask as of when."""

import datetime as dt
from collections.abc import Iterable, Mapping

import duckdb
import polars as pl
from duckdb import sqltypes

from feature_store import sessions
from feature_store.dataset import Dataset
from feature_store.store import Store

INTACT = "asof_intact_files"  # a function of the connection


def connect(store: Store, datasets: Iterable[Dataset]) -> duckdb.DuckDBPyConnection:
    """A connection in memory with the views and macros of `serve`."""
    connection = duckdb.connect()
    serve(connection, store, datasets)
    return connection


def serve(
    connection: duckdb.DuckDBPyConnection,
    store: Store,
    datasets: Iterable[Dataset],
    as_of: dt.date | dt.datetime | None = None,
    until: Mapping[str, dt.date] | None = None,
) -> None:
    """One view and two macros per stored dataset; of one that is not stored yet there are none.

    `SELECT * FROM market_bars(TIMESTAMPTZ '2017-03-06 14:00+00') WHERE symbol = 'AAPL'`: of each (event_date, key)
    the row known last by `as_of`; nothing learned later is visible.

    `SELECT * FROM market_bars_at('wanted')`: the rows of the table `wanted`, which has `session` and the dataset's key,
    each with what was known at its own session, as in `Store.training_set`. DuckDB keeps no order of rows.

    `SELECT * FROM market.bars`: every version of the latest generations, with `session` and `known_at`; corrections
    learned later are among them, so it answers nothing as of a date. With `as_of` (a moment with time zone, or a date,
    which means its decision time) it is `market_bars(as_of)` instead.

    Of a dataset that `until` names, views and macros show no session after the one that it gives.
    """
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("CREATE TABLE asof_sessions (session DATE, decided_at TIMESTAMPTZ)")
    days = sessions.all_sessions()[:-1]
    connection.from_arrow(
        pl.DataFrame({"session": days, "decided_at": [store.clock.decision_time(day) for day in days]}).to_arrow()
    ).insert_into("asof_sessions")
    files = _IntactFiles(store)
    connection.create_function(INTACT, files.of, [sqltypes.VARCHAR], sqltypes.VARCHAR)
    moment = as_of if as_of is None or isinstance(as_of, dt.datetime) else store.clock.decision_time(as_of)
    for dataset in datasets:
        if store.sessions(dataset):
            read = _files(store, dataset, (until or {}).get(dataset.name))
            try:
                for definition in (_macro(read, dataset), _macro_at(read, dataset), _view(read, dataset, moment)):
                    connection.execute(definition)
            except (duckdb.Error, ValueError):  # DuckDB looks into the first file for its columns
                store.require_served(dataset)
                raise
    files.serving = True


class _IntactFiles:
    """Where a dataset's files for other engines lie, once they have been compared with what was stored.

    Attributes:
        serving: whether queries are asked; to define views and macros no value is read.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.serving = False

    def of(self, name: str) -> str:
        dataset = self._store.dataset(name)
        if self.serving:
            self._store.require_served(dataset)
        return str(self._store.layout.folder(dataset.name, dataset.version) / "*" / "*.parquet")


def view_name(dataset: Dataset) -> str:
    """`market.bars` of `market/bars`."""
    return dataset.name.replace("/", ".")


def macro_name(dataset: Dataset) -> str:
    """`market_bars` of `market/bars`."""
    return dataset.name.replace("/", "_")


def ready_query(dataset: Dataset) -> str:
    """Rows as known now; another moment takes the place of `now()`."""
    return f"SELECT * FROM {macro_name(dataset)}(now()) LIMIT 100"


def _view(files: str, dataset: Dataset, moment: dt.datetime | None) -> str:
    name = view_name(dataset)
    rows, note = files, f"every version by session; as of a moment: {macro_name(dataset)}(moment)"
    if moment is not None:
        rows, note = f"{macro_name(dataset)}(TIMESTAMPTZ '{moment.isoformat()}')", f"as of {moment.isoformat()}"
    comment = f"{dataset.description} ({note})".replace("'", "''")
    return (
        f"CREATE SCHEMA IF NOT EXISTS {dataset.slice}; CREATE OR REPLACE VIEW {name} AS SELECT * FROM {rows}; "
        f"COMMENT ON VIEW {name} IS '{comment}'"
    )


def _files(store: Store, dataset: Dataset, until: dt.date | None) -> str:
    rows = _every_session(store, dataset)
    return rows if until is None else f"(SELECT * FROM {rows} WHERE session <= DATE '{until}')"


def _every_session(store: Store, dataset: Dataset) -> str:
    # bound when a query is, so that nothing damaged is served
    glob = f"{INTACT}('{dataset.name}')"
    # the files say the session themselves; their folders are of sessions and of months
    if not store.index.holds_first_format(dataset.name, dataset.version):
        return f"read_parquet({glob}, hive_partitioning = false)"
    # those of the first format do not: their folder does
    of_folder = "regexp_extract(filename, 'session=([0-9-]+)/', 1)::DATE"
    return (
        f"(SELECT * EXCLUDE (filename) REPLACE (coalesce(session, {of_folder}) AS session) FROM ("
        "SELECT NULL::DATE AS session WHERE false UNION ALL BY NAME SELECT * FROM "
        f"read_parquet({glob}, hive_partitioning = false, union_by_name = true, filename = true)))"
    )


def _macro(files: str, dataset: Dataset) -> str:
    key = ", ".join(f'"{name}"' for name in dataset.sort_key[:-1])
    # A row may lie in a later session than its known_at implies: what was computed then was not there before.
    rows = (
        f"{files} WHERE known_at <= as_of "
        "AND session <= (SELECT min(session) FROM asof_sessions WHERE decided_at >= as_of)"
    )
    latest_versions = f" QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY known_at DESC, session DESC) = 1"
    return (
        f"CREATE OR REPLACE MACRO {macro_name(dataset)}(as_of) AS TABLE "
        f"SELECT * FROM {rows}{latest_versions if dataset.restates else ''}"
    )


def _macro_at(files: str, dataset: Dataset) -> str:
    shown = ", ".join(f'latest."{name}"' for name in ["event_date", *dataset.values, "known_at"])
    matches = "".join(f'entities."{name}" = latest."{name}" AND ' for name in dataset.key)
    head = f"CREATE OR REPLACE MACRO {macro_name(dataset)}_at(wanted) AS TABLE "
    if not dataset.restates:
        return (
            f"{head} SELECT entities.*, {shown} FROM query_table(wanted) AS entities "
            f"LEFT JOIN {files} AS latest ON {matches} entities.session = latest.session"
        )
    of_each = "".join(f'"{name}", ' for name in dataset.key)
    # A row counts from its session on, one about a date ahead from that date on. Versions that say less than an earlier
    # one are dropped, and all but one of each day: an ASOF JOIN takes any of those that tie.
    return (
        f"{head} WITH versions AS (SELECT *, greatest(session, event_date) AS counts_from, "
        f"row(event_date, known_at, session) AS version FROM {files}), "
        "latest AS (SELECT * FROM versions "
        f"QUALIFY row_number() OVER (PARTITION BY {of_each} counts_from ORDER BY version DESC) = 1 "
        f"AND version = max(version) OVER "
        f"(PARTITION BY {of_each} 1 ORDER BY counts_from, version ROWS UNBOUNDED PRECEDING)) "
        f"SELECT entities.*, {shown} FROM query_table(wanted) AS entities "
        f"ASOF LEFT JOIN latest ON {matches} entities.session >= latest.counts_from"
    )
