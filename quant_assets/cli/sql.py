"""What `asof sql` prints, and the shell that it is on a terminal."""

import datetime as dt
import json
import math
import sys
from collections.abc import Collection
from functools import partial
from pathlib import Path

import duckdb
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from feature_store.dataset import Dataset
from quant_assets.operations.sql import Rows, SqlError, as_arrow, columns, ends, results, rows_of, tables, write_result
from quant_assets.reporting.hold_out import hold_out_of
from quant_resources.home import Home

HELP = ".tables · .schema NAME · .quit; SQL ends with ;"


def guarded_views(home: Home, *, final: bool) -> dict[str, dt.date]:
    """Of each dataset with results in the hold-out, the last session that its views show; `final` is a counted look."""
    hold_out = hold_out_of(home, home.open_store())
    guarded = [dataset for dataset in hold_out.store.datasets if hold_out.holds(dataset)] if hold_out else []
    if not hold_out or not guarded:
        return {}
    if final:
        hold_out.count(guarded)
        return {}
    sys.stderr.write(
        f"asof: {', '.join(dataset.name for dataset in guarded)} end with {hold_out.before}, before the hold-out; "
        "--final shows it, which the trial ledger counts\n"
    )
    return {dataset.name: hold_out.before for dataset in guarded}


def print_tables(connection: duckdb.DuckDBPyConnection, text: str, out: Console, limit: int) -> None:
    """The first rows of each answer, for people."""
    for answer in results(connection, text, partial(rows_of, limit=limit)):
        out.print(_table(answer))
        if answer.more:
            out.print(f"the first {limit} rows; more with --rows, all with --json or --output", highlight=False)


def print_json(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    """All rows of each answer, a line an answer.

    Raises:
        SqlError: two columns of one name.
    """
    for answer in results(connection, text, rows_of):
        if twice := sorted({c for c in answer.columns if answer.columns.count(c) > 1}):
            raise SqlError(f"columns named twice: {', '.join(twice)}; name each with AS")
        rows = [dict(zip(answer.columns, map(_finite, row), strict=True)) for row in answer.rows]
        print(json.dumps(rows, default=str))  # noqa: T201 -- for programs


def write_answer(connection: duckdb.DuckDBPyConnection, text: str, output: Path, store_folder: Path) -> int:
    """Write the one answer of the text; returns its number of rows."""
    answers = list(results(connection, text, as_arrow))
    if len(answers) != 1:
        raise SqlError(f"--output takes the rows of one query; there are {len(answers)}")
    write_result(answers[0], output, store_folder)
    return int(answers[0].num_rows)


def converse(connection: duckdb.DuckDBPyConnection, out: Console, limit: int, datasets: Collection[Dataset]) -> None:
    """Read and answer until `.quit` or the end of the input; an error ends its statement only."""
    import readline  # noqa: F401 -- gives `input` its line editing and history

    out.print(f"{len(tables(connection))} datasets. {HELP}", highlight=False)
    typed = ""
    while True:
        try:
            line = input("  ... " if typed else "asof> ")
            if not typed and line.strip().startswith("."):
                if line.strip() == ".quit":
                    return
                _dot_command(connection, line.split(), out, datasets)
                continue
            typed = f"{typed}\n{line}".strip()
            if ends(typed):
                text, typed = typed, ""
                print_tables(connection, text, out, limit)
        except EOFError:
            return
        except KeyboardInterrupt:
            typed = ""
            out.print("interrupted")
        except SqlError as error:
            out.print(str(error), markup=False, highlight=False, soft_wrap=True)


def _dot_command(
    connection: duckdb.DuckDBPyConnection, command: list[str], out: Console, datasets: Collection[Dataset]
) -> None:
    match command:
        case [".tables"]:
            out.print(_table(Rows(["table", "what"], list(tables(connection).items()), False)))
        case [".schema", name]:
            out.print(_table(Rows(["column", "type", "unit", "what"], list(columns(name, datasets)), False)))
        case _:
            raise SqlError(f"{' '.join(command)}: {HELP}")


def _table(answer: Rows) -> Table:
    table = Table(*map(escape, answer.columns))
    for row in answer.rows:
        table.add_row(*map(_cell, row))
    return table


def _cell(value: object) -> str:
    return escape("NULL" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value))


def _finite(value: object) -> object:
    """JSON knows neither NaN nor infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
