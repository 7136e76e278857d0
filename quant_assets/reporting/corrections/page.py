"""The page of corrections: which stored sessions and past orders would change, had their rows been known."""

import polars as pl

from quant_assets.operations.impact import Impact, impact
from quant_assets.reporting.corrections.terminal import UNCHANGED, order_texts, show
from quant_assets.reporting.document import Document, Part
from quant_assets.reporting.formats import count
from quant_assets.reporting.protocol import Page, Request
from quant_assets.reporting.tables import Column, Table
from quant_resources.home import Home


def study(home: Home, request: Request) -> Impact:
    """Of what the vendor's current data says about stored sessions."""
    return impact(home, first=request.first, last=request.last)


def document(impacts: Impact) -> Document:
    sessions = sorted({difference.session for difference in impacts.differences})
    facts = {
        "Partitions": f"{count(len(impacts.differences))} would change, of {count(len(sessions))} sessions",
        "Orders": f"{count(impacts.orders.height)} would change",
    }
    span = (sessions[0], sessions[-1]) if sessions else None
    return Document("Impact of corrections", facts, {"Datasets": _datasets(impacts), "Orders": _orders(impacts)}, span)


def _datasets(impacts: Impact) -> list[Part]:
    rows = impacts.as_rows()
    if not rows:
        return [UNCHANGED]
    return ["Sessions that would change, and their rows.", pl.DataFrame(rows)]


def _orders(impacts: Impact) -> list[Part]:
    columns = (
        Column("session"),
        Column("symbol"),
        Column("as sent", is_numeric=True),
        Column("at, USD", is_numeric=True),
        Column("as it would be", is_numeric=True),
        Column("at, USD", is_numeric=True),
    )
    rows = tuple(order_texts(row) for row in impacts.orders.iter_rows(named=True))
    return ["Orders as they were sent, and as they would have been.", Table(columns, rows)]


PAGE = Page("corrections", "Stored sessions and past orders that corrections would change.", study, document, show)
