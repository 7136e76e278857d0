"""What commands print: tables and lines for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from quant_resources.home import Home
from quant_resources.plugins import datasets_of

out = Console(width=None if sys.stdout.isatty() else 160)


def say(line: str) -> None:
    """One line, as it is: messages hold brackets, which rich would take for markup."""
    out.print(line, markup=False, highlight=False, soft_wrap=True)


def print_json(value: object) -> None:
    print(json.dumps(value, default=str))  # noqa: T201 -- for programs


def print_rows(rows: list[dict[str, Any]], as_json: bool, title: str) -> None:
    """A table of rows with the same keys."""
    if as_json:
        print_json(rows)
    elif not rows:
        known = datasets_of(Home.of_environment().profile)
        say(f"{title}: nothing stored; known datasets: {', '.join(sorted(known))}")
    else:
        out.print(table_of(list(rows[0]), (list(row.values()) for row in rows), title))


def table_of(columns: list[str], rows: Iterable[Iterable[object]], title: str) -> Table:
    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*map(cell, row))
    return table


def cell(value: object) -> str:
    text = "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return escape(text)
