"""The store in DuckDB SQL: one table macro a dataset, which cannot be asked without `as_of`."""

import duckdb
import polars as pl

from feature_store import sessions
from feature_store.dataset import Dataset
from feature_store.store import Store


def connect(store: Store, datasets: list[Dataset]) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection with a macro per stored dataset.

    Example: `SELECT * FROM market_bars(TIMESTAMPTZ '2017-03-06 14:00+00') WHERE symbol = 'AAPL'`. Of each
    (event_date, key) the row known last by `as_of` is returned; nothing learned later is visible.
    """
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("CREATE TABLE asof_sessions (session DATE, decided_at TIMESTAMPTZ)")
    days = sessions.all_sessions()[:-1]
    connection.from_arrow(
        pl.DataFrame({"session": days, "decided_at": [store.clock.decision_time(day) for day in days]}).to_arrow()
    ).insert_into("asof_sessions")
    for dataset in datasets:
        if store.sessions(dataset):
            connection.execute(_macro(store, dataset))
    return connection


def _macro(store: Store, dataset: Dataset) -> str:
    glob = store.layout.folder(dataset.name, dataset.version) / "session=*" / "part.parquet"
    key = ", ".join(f'"{name}"' for name in dataset.sort_key[:-1])
    quoted = str(glob).replace("'", "''")
    # A row may lie in a later session than its known_at asks for: what was computed then was not there before.
    rows = (
        f"read_parquet('{quoted}', hive_partitioning = true) WHERE known_at <= as_of "
        "AND session <= (SELECT min(session) FROM asof_sessions WHERE decided_at >= as_of)"
    )
    last_word = f" QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY known_at DESC, session DESC) = 1"
    return (
        f"CREATE OR REPLACE MACRO {dataset.name.replace('/', '_')}(as_of) AS TABLE "
        f"SELECT * FROM {rows}{last_word if dataset.restates else ''}"
    )
