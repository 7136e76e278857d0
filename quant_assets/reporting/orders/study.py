"""Orders of a session, and where each came from."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import polars as pl

from feature_store.schemas.execution import ORDERS
from feature_store.store import Store
from quant_assets.reporting.errors import ReportError
from quant_assets.reporting.orders.explanation import explain
from quant_assets.reporting.orders.lookup import find_order
from quant_assets.reporting.protocol import Request
from quant_resources.home import Home


@dataclass(frozen=True)
class ExplainedOrders:
    """
    Attributes:
        session: that sent the orders.
        orders: all that it sent: rows of ORDERS, the largest first.
        explanations: of those requested, as `explanation.explain` returns them, by order.
    """

    profile: str
    session: dt.date
    orders: pl.DataFrame
    explanations: dict[str, dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        return {"session": self.session, "explanations": list(self.explanations.values())}


def study(home: Home, request: Request) -> ExplainedOrders:
    """Explain the orders that are named, all of one session; those of the last session with orders if none is.

    Raises:
        ReportError: no order is stored in the range; the orders named are of several sessions.
        UnknownOrderError: there is no such order.
    """
    store = home.open_store()
    session = _session_of(store, request.items) if request.items else _last_with_orders(store, request)
    orders = store.read(ORDERS, session, session, session).sort("notional_usd", "symbol", descending=[True, False])
    names = request.items or orders["order_id"].to_list()
    return ExplainedOrders(home.profile.name, session, orders, {name: explain(home, name) for name in names})


def _session_of(store: Store, names: tuple[str, ...]) -> dt.date:
    sessions = {find_order(store, name)[0] for name in names}
    if len(sessions) > 1:
        raise ReportError(f"the orders are of {len(sessions)} sessions: {', '.join(names)}; name those of one session")
    return sessions.pop()


def _last_with_orders(store: Store, request: Request) -> dt.date:
    first, last = request.first, request.last
    sessions = [stored.session for stored in store.partitions(ORDERS, first, last) if stored.rows]
    if not sessions:
        raise ReportError(f"no order is stored between {first or 'the first'} and {last or 'the last session'}; run "
                          "`asof backfill` over these sessions")  # fmt: skip
    return sessions[-1]
