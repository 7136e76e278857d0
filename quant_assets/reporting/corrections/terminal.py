"""An impact for people."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from quant_assets.operations.impact import Impact

ORDERS_SHOWN = 20


def show(found: Impact, out: Console) -> None:
    """A table of datasets, one of orders, and a line that counts them."""
    datasets = found.as_rows()
    if not datasets:
        out.print("impact: every stored session says what it would say today")
        return
    table = Table(*datasets[0], title="sessions that would differ, and their rows")
    for row in datasets:
        table.add_row(*(escape(str(value)) for value in row.values()))
    out.print(table)
    orders = found.orders
    if orders.height:
        title = f"orders that would differ: {orders.height}"
        title += f", the first {ORDERS_SHOWN} of them" if orders.height > ORDERS_SHOWN else ""
        table = Table("session", "symbol", "as sent", "at", "as it would be", "at", title=title)
        for row in orders.head(ORDERS_SHOWN).iter_rows(named=True):
            table.add_row(
                str(row["session"]),
                escape(row["symbol"]),
                *_order(row["side"], row["shares"], row["reference_price_usd"]),
                *_order(row["side_instead"], row["shares_instead"], row["reference_price_usd_instead"]),
            )
        out.print(table)
    sessions = len({d.session for d in found.differences})
    out.print(f"{len(found.differences)} partitions of {sessions} sessions, {orders.height} orders would differ")


def _order(side: str | None, shares: float | None, price: float | None) -> tuple[str, str]:
    return ("none", "") if side is None else (f"{side} {shares:g}", f"{price:.4f}")
