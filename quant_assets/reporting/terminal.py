"""What pages say, in a terminal."""

from collections.abc import Mapping

import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from quant_assets.reporting.document import Facts, Part, Sections
from quant_assets.reporting.tables import Table


def print_table(table: Table, out: Console) -> None:
    """With its title above; sparklines are left out."""
    shown = RichTable(title=table.title or None)
    for column in table.columns:
        shown.add_column(escape(column.label), justify="right" if column.is_numeric else "left")
    for row in table.texts():
        shown.add_row(*map(escape, row))
    out.print(shown, highlight=False)


def print_facts(facts: Facts, out: Console, indent: int = 0) -> None:
    """A label and its text on each line."""
    grid = RichTable.grid(padding=(0, 2))
    for label, text in facts.items():
        grid.add_row(" " * indent + escape(label), escape(text))
    out.print(grid)


def print_line(text: str, out: Console) -> None:
    """One line, as it is: it may hold brackets, which rich would take for markup."""
    out.print(text, markup=False, highlight=False, soft_wrap=True)


def print_heading(text: str, out: Console) -> None:
    out.print(f"\n[bold]{escape(text)}[/bold]", highlight=False)


def print_sections(sections: Sections, out: Console) -> None:
    """Text, facts and tables below their headings; plots are for pages."""
    for heading, parts in sections.items():
        print_heading(heading, out)
        for part in parts:
            _print_part(part, out)


def _print_part(part: Part, out: Console) -> None:
    if isinstance(part, str):
        print_line(part, out)
    elif isinstance(part, pl.DataFrame):
        print_table(Table.of(part), out)
    elif isinstance(part, Table) and part.rows:
        print_table(part, out)
    elif isinstance(part, Table):
        print_line("  none", out)
    elif isinstance(part, Mapping):
        print_facts(part, out, indent=2)
