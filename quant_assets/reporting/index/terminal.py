"""The pages of a home, in a terminal."""

from rich.console import Console

from quant_assets.reporting.index.study import Index
from quant_assets.reporting.tables import Column, Table
from quant_assets.reporting.terminal import print_table


def show(index: Index, out: Console) -> None:
    columns = (Column("page"), Column("file"), Column("sessions"), Column("written, UTC"))
    rows = tuple(
        (entry.title, entry.path, entry.sessions or None, entry.written[:16].replace("T", " "))
        for entry in (*index.pages, *index.attached)
    )
    print_table(Table(columns, rows, f"Pages of {index.profile}"), out)
