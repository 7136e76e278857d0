"""The page of a session's orders, with a page for each that is explained."""

from quant_assets.reporting.document import Document
from quant_assets.reporting.formats import shares, usd, whole_usd
from quant_assets.reporting.orders.sections import headline, sections
from quant_assets.reporting.orders.study import ExplainedOrders, study
from quant_assets.reporting.orders.terminal import show
from quant_assets.reporting.protocol import Page
from quant_assets.reporting.tables import Column, Link, Table


def document(orders: ExplainedOrders) -> Document:
    session = orders.session
    facts = {
        "Session": f"{session}, whose orders fill at the next open",
        "Orders": f"{orders.orders.height}, of which {len(orders.explanations)} are explained here",
        "Value": whole_usd(float(orders.orders["notional_usd"].sum())),
    }
    attached = {
        name: Document(name, {"Order": headline(explanation["order"])}, sections(explanation), (session, session))
        for name, explanation in orders.explanations.items()
    }
    return Document(
        f"Orders of {orders.profile}, {session}", facts, {"Orders": [_table(orders)]}, (session, session), attached
    )


def _table(orders: ExplainedOrders) -> Table:
    columns = (
        Column("order"),
        Column("side"),
        Column("shares", is_numeric=True, format=shares),
        Column("reference price", is_numeric=True, format=usd),
        Column("value", is_numeric=True, format=whole_usd),
    )
    names = ("side", "shares", "reference_price_usd", "notional_usd")
    rows = tuple(
        (_name(row["order_id"], orders), *(row[name] for name in names)) for row in orders.orders.iter_rows(named=True)
    )
    return Table(columns, rows)


def _name(order_id: str, orders: ExplainedOrders) -> Link | str:
    return Link(order_id, f"orders/{order_id}.html") if order_id in orders.explanations else order_id


PAGE = Page("orders", "Where each order of a session came from.", study, document, show)
