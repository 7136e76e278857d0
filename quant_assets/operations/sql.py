"""SQL on the home's store, that can read the store and write nothing: what `asof sql` runs."""

import datetime as dt
import os
import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from duckdb import StatementType

from feature_store.catalog import INTACT, macro_name, serve, view_name
from feature_store.dataset import Dataset
from feature_store.errors import CorruptPartitionError
from feature_store.schemas.catalogue import DATASETS
from quant_resources.home import Home

T = TypeVar("T")
# Queries, and what changes tables in memory. Others open, attach, export or set something.
ALLOWED = (
    StatementType.SELECT,
    StatementType.MULTI,  # PIVOT
    StatementType.EXPLAIN,
    StatementType.CREATE,
    StatementType.ALTER,
    StatementType.DROP,
    StatementType.INSERT,
    StatementType.UPDATE,
    StatementType.DELETE,
)
ANSWERING = (StatementType.SELECT, StatementType.MULTI, StatementType.EXPLAIN)
# Operators by which a query of an allowed kind could write a file: `WITH x AS (COPY …)`, and SQL run from JSON,
# whose plan is not seen.
WRITING = ('"COPY_TO_FILE"', '"JSON_EXECUTE_SERIALIZED_SQL"')

# What reads files by their path, where views end before the hold-out.
BY_PATH = re.compile(
    r"""(?i)"?\b(read_\w+|parquet_\w+|glob|sniff_csv)"?\s*\(|\b(from|join)\s*\(?\s*['"][^'"]*(/|\*|\.parquet)"""
)

# columns that every dataset has: unit and description
STAMPS = {
    "event_date": ("date", "session that the row speaks of"),
    "known_at": ("UTC", "when it could be known"),
    "session": ("date", "partition that the row lies in"),
}


class SqlError(ValueError):
    """A statement that cannot be run, or may not be; one line."""


@contextmanager
def catalogue(
    home: Home, as_of: dt.date | dt.datetime | None = None, until: Mapping[str, dt.date] | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """The stored datasets as views and macros, in memory; no file outside the store's folder can be opened.

    Args:
        as_of: what the views show; None for every version.
        until: dataset to the last session that its view and macros show; all of those that it does not name.
    """
    store = home.open_store()
    # spilled there, not in the working folder
    config: dict[str, Any] = {"temp_directory": str(Path(tempfile.gettempdir()) / f"asof-sql-{os.getpid()}")}
    with duckdb.connect(config=config) as connection:
        serve(connection, store, store.datasets, as_of, until)
        connection.execute("CREATE TABLE asof_held_out (dataset VARCHAR, last_shown DATE)")
        for name, last in (until or {}).items():
            connection.execute("INSERT INTO asof_held_out VALUES (?, ?)", [name, last])
        folder = str(store.layout.root).replace("'", "''")
        connection.execute(
            f"SET allowed_directories = ['{folder}']; SET enable_external_access = false; SET lock_configuration = true"
        )
        yield connection


def results(
    connection: duckdb.DuckDBPyConnection, text: str, read: Callable[[duckdb.DuckDBPyConnection, str], T]
) -> Iterator[T]:
    """What `read` makes of each statement that answers; one that only changes something in memory gives nothing.

    Args:
        read: runs one query; `rows_of`, or `as_arrow`.

    Raises:
        SqlError: not SQL, nothing by that name, or a statement that may not be run.
    """
    try:
        for statement in connection.extract_statements(text):
            _require_reading(connection, statement)
            if statement.type in ANSWERING:
                yield read(connection, statement.query)
            else:
                connection.execute(statement.query)
    except duckdb.Error as error:
        raise SqlError(_one_line(connection, text, error)) from error


@dataclass(frozen=True)
class Rows:
    """Rows of an answer.

    Attributes:
        more: whether there are others behind them.
    """

    columns: list[str]
    rows: list[tuple[Any, ...]]
    more: bool


def rows_of(connection: duckdb.DuckDBPyConnection, query: str, limit: int | None = None) -> Rows:
    """The first rows, or all."""
    answer = connection.execute(query)
    rows = answer.fetchall() if limit is None else answer.fetchmany(limit + 1)
    return Rows([column[0] for column in answer.description], rows[:limit], limit is not None and len(rows) > limit)


def as_arrow(connection: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    return connection.sql(query).to_arrow_table()


def _require_reading(connection: duckdb.DuckDBPyConnection, statement: duckdb.Statement) -> None:
    kind = statement.type.name
    if statement.type not in ALLOWED:
        raise SqlError(
            f"{kind} is not for `asof sql`, which reads the store and writes nothing; --output writes a result"
        )
    if statement.type == StatementType.EXPLAIN:
        if "analyze" in statement.query.lower():
            raise SqlError("EXPLAIN ANALYZE runs what it explains, unseen; use EXPLAIN")
        return
    if "parquet" in statement.query.lower():  # files by their names, which may be any dataset's
        for name in tables(connection):
            connection.execute(f"SELECT {INTACT}(?)", [name.replace(".", "/")])
    if BY_PATH.search(statement.query) and connection.execute("FROM asof_held_out").fetchone():
        raise SqlError("files are not read by their path, as some hold the hold-out; read the views, or pass --final")
    plan = str(connection.execute(f"EXPLAIN (FORMAT json) {statement.query}").fetchall())
    if any(operator in plan for operator in WRITING):
        raise SqlError("the query would write a file; `asof sql` writes nothing, --output writes a result")


def _one_line(connection: duckdb.DuckDBPyConnection, text: str, error: duckdb.Error) -> str:
    """DuckDB's message without its picture of the query; a missing name is answered with those that are there."""
    message = " ".join(str(error).split("\n\nLINE ")[0].split("\nDid you mean")[0].split())
    message = message.rpartition(f"{CorruptPartitionError.__name__}: ")[-1]  # after DuckDB's own prefix
    if not isinstance(error, duckdb.CatalogException):
        return message
    stored = tables(connection)
    names = set(re.findall(r"[\w.]+", text.lower()))
    absent = [d.name for d in DATASETS.values() if view_name(d) not in stored and names & _spellings(d)]
    if absent:
        message = f"{', '.join(absent)}: not stored yet; run `asof backfill`"
    slices = {name.split(".")[0] for name in names}
    near = [name for name in stored if name.split(".")[0] in slices]
    return f"{message}; stored: {', '.join(near or stored) or 'nothing'}"


def _spellings(dataset: Dataset) -> set[str]:
    return {dataset.name, view_name(dataset), macro_name(dataset), f"{macro_name(dataset)}_at"}


def tables(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Name and description of each stored dataset's view, sorted."""
    query = (
        "SELECT schema_name || '.' || view_name AS name, comment FROM duckdb_views() "
        "WHERE NOT internal AND comment IS NOT NULL ORDER BY name"  # views of the user's own have no comment
    )
    return {name: comment.rpartition(" (")[0] for name, comment in connection.execute(query).fetchall()}


def columns(name: str, datasets: Collection[Dataset] = tuple(DATASETS.values())) -> list[tuple[str, str, str, str]]:
    """Column, type, unit and description of a dataset by any of its names, as its view has them.

    Raises:
        SqlError: no such dataset.
    """
    dataset = next((d for d in datasets if name in _spellings(d)), None)
    if dataset is None:
        raise SqlError(f"no dataset {name}; there are {', '.join(map(view_name, datasets))}")
    declared = {c.name: (c.unit, c.description) for c in dataset.columns} | STAMPS
    schema = {**dataset.schema, "session": pl.Date()}
    return [(column, str(dtype), *declared[column]) for column, dtype in schema.items()]


def write_result(table: pa.Table, output: Path, store_folder: Path) -> None:
    """The rows as a file of the user's: CSV or Parquet, as its name ends.

    Raises:
        SqlError: it would lie in the store; its name ends otherwise; or the rows do not go into such a file.
    """
    writers = {".csv": pyarrow.csv.write_csv, ".parquet": pyarrow.parquet.write_table}
    if output.resolve().is_relative_to(store_folder.resolve()):
        raise SqlError(f"{output} lies in the store, which only backfills write; choose another folder")
    if output.suffix not in writers:
        raise SqlError(f"{output}: the name must end in {' or '.join(writers)}")
    try:
        writers[output.suffix](table, output)
    except (pa.ArrowException, OSError) as error:
        raise SqlError(f"{output}: {error}") from error


def ends(text: str) -> bool:
    """Whether what was typed so far ends a statement: with a `;` that stands outside of quotes and comments."""
    tokens = [start for start, kind in duckdb.tokenize(text) if kind != duckdb.token_type.comment]
    return bool(tokens) and text[tokens[-1]] == ";"
