"""An order by its id, or what to type instead."""

import datetime as dt
import difflib
import re

import polars as pl

from feature_store.schemas.execution import BOOK, CASH, ORDERS
from feature_store.store import Store
from quant_assets.reporting.errors import ReportError
from quant_assets.reporting.formats import weight

ORDER_ID = re.compile(r"(\d{4}-\d{2}-\d{2})-(.+)")
ORDERS_SHOWN = 8


class UnknownOrderError(ReportError):
    """No order of that name; says which there are."""


def find_order(store: Store, order_id: str) -> tuple[dt.date, str]:
    """Session and symbol of a stored order.

    Raises:
        UnknownOrderError: the id is not SESSION-SYMBOL, or no such order is stored; names close ones.
    """
    session = _session_of(order_id)
    if session is None:
        raise UnknownOrderError(f"{order_id!r} is no order id; write SESSION-SYMBOL, {_example(store)}")
    if session not in store.sessions(BOOK):
        days = store.sessions(BOOK)
        stored = f"the book is stored from {days[0]} to {days[-1]}" if days else "no book is stored yet"
        raise UnknownOrderError(f"there is no order {order_id}: {session} is not stored; {stored}; {_example(store)}")
    sent = dict(store.read(ORDERS, session, session, session, ["order_id"]).select("order_id", "symbol").iter_rows())
    if order_id in sent:
        return session, sent[order_id]
    raise UnknownOrderError(f"there is no order {order_id}; {_instead(store, session, order_id, sent)}")


def _session_of(order_id: str) -> dt.date | None:
    match = ORDER_ID.fullmatch(order_id)
    try:
        return dt.date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None


def _example(store: Store) -> str:
    with_orders = [p.session for p in store.partitions(ORDERS) if p.rows]
    if not with_orders:
        return "and no order is stored yet"
    last = with_orders[-1]
    return f"such as {store.read(ORDERS, last, last, last, ['order_id'])['order_id'][0]}"


def _instead(store: Store, session: dt.date, order_id: str, sent: dict[str, str]) -> str:
    """Why there is no such order, and which there are."""
    book = store.read(BOOK, session, session, session)
    if not sent:
        (cash,) = book.filter(symbol=CASH).to_dicts()
        why = f"{cash['status']}" + (f" ({cash['detail']})" if cash["detail"] else "")
        return f"{session} sent no orders; status of its optimization problem: {why}"
    symbol = order_id.removeprefix(f"{session}-")
    names = {name.upper(): order for order, name in sent.items()}
    close = [names[name] for name in difflib.get_close_matches(symbol.upper(), names, n=3, cutoff=0.8)]
    instead = f"did you mean {' or '.join(close)}? " if close else ""
    more = f" and {len(sent) - ORDERS_SHOWN} more" if len(sent) > ORDERS_SHOWN else ""
    return f"{_kept(book, symbol)}{instead}{session} sent {len(sent)} orders: {', '.join([*sent][:ORDERS_SHOWN])}{more}"


def _kept(book: pl.DataFrame, symbol: str) -> str:
    held = book.filter(pl.col("symbol") == symbol, pl.col("symbol") != CASH, pl.col("shares") != 0).to_dicts()
    if not held:
        return ""
    before, target = held[0]["value_usd"] / float(book["value_usd"].sum()), held[0]["target_weight"]
    aim = "without a target" if target is None else f"with a target of {weight(target)}"
    return f"{symbol} was held at {weight(before)} of NAV {aim}: no trade; "
