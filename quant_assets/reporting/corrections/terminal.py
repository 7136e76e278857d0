"""The impact of corrections in a terminal."""

from collections.abc import Mapping
from typing import Any

import polars as pl
from rich.console import Console

from quant_assets.operations.impact import Impact
from quant_assets.reporting.formats import fixed
from quant_assets.reporting.formats import shares as shares_text
from quant_assets.reporting.tables import Column, Table
from quant_assets.reporting.terminal import print_line, print_table

ORDERS_SHOWN = 20
UNCHANGED = "Every stored session equals what it would be today."


def show(impact: Impact, out: Console) -> None:
    """A table of datasets, one of orders, and a line that counts them."""
    datasets = impact.as_rows()
    if not datasets:
        print_line(f"impact: {UNCHANGED}", out)
        return
    print_table(Table.of(pl.DataFrame(datasets), title="Sessions that would change, and their rows"), out)
    n_orders = impact.orders.height
    if n_orders:
        print_table(_orders(impact.orders), out)
    sessions = len({difference.session for difference in impact.differences})
    print_line(f"{len(impact.differences)} partitions of {sessions} sessions, {n_orders} orders would change", out)


def _orders(orders: pl.DataFrame) -> Table:
    first = f", the first {ORDERS_SHOWN} of them" if orders.height > ORDERS_SHOWN else ""
    columns = tuple(Column(name) for name in ("session", "symbol", "as sent", "at", "as it would be", "at"))
    rows = tuple(order_texts(row) for row in orders.head(ORDERS_SHOWN).iter_rows(named=True))
    return Table(columns, rows, f"Orders that would change: {orders.height}{first}")


def order_texts(row: Mapping[str, Any]) -> tuple[object, ...]:
    """Session, symbol, then side with shares and price, as sent and as it would be; missing where there is no order."""
    sent = _order(row["side"], row["shares"], row["reference_price_usd"])
    instead = _order(row["side_instead"], row["shares_instead"], row["reference_price_usd_instead"])
    return (row["session"], row["symbol"], *sent, *instead)


def _order(side: str | None, shares: float | None, price: float | None) -> tuple[str, str]:
    return ("none", "") if side is None else (f"{side} {shares_text(shares)}", fixed(price, 4))
