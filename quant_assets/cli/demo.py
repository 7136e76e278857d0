"""What the demo prints: the orders of the last session, and the performance page."""

from rich.console import Console
from rich.table import Table

from feature_store.schemas.execution import ORDERS
from quant_assets.cli.pages import make_page
from quant_assets.reporting.performance.page import PAGE
from quant_assets.reporting.protocol import Request
from quant_resources.home import Home

SHOWN = 10


def show(home: Home, out: Console) -> None:
    store = home.open_store()
    last = store.sessions(ORDERS)[-1]
    orders = store.read(ORDERS, last, first=last)
    listing = Table(
        "order", "side", "shares", "reference, USD", "notional, USD", title=f"{orders.height} orders of {last}"
    )
    for row in orders.head(SHOWN).iter_rows(named=True):
        listing.add_row(row["order_id"], row["side"], f"{row['shares']:,.0f}",
                        f"{row['reference_price_usd']:,.2f}", f"{row['notional_usd']:,.0f}")  # fmt: skip
    out.print(listing)
    make_page(home, PAGE, Request())
    for row in orders.head(1).iter_rows(named=True):
        out.print(f"why an order was sent: asof explain {row['order_id']}", markup=False, highlight=False)
