"""What must hold of every stored session of the book."""

import polars as pl

from feature_store import sessions
from feature_store.decision_time import DecisionClock

LARGEST_GAP = 2.0  # an open beyond twice the last close is an unrecorded split


def fills_come_after_decisions(
    book: pl.DataFrame, bars: pl.DataFrame, clock: DecisionClock, before: pl.DataFrame | None = None
) -> str | None:
    """None when every fill follows its decision and took the open of its session; else what is wrong.

    Args:
        book: rows of one session of BOOK, or of one that it is compared with.
        bars: BARS of that session, as known at it.
        before: rows of the same book of the session before: what was ordered then, in shares as of this open as far
            as splits were known.
    """
    filled = book.filter(pl.col("fill_shares").is_not_null() & (pl.col("fill_shares") != 0))
    for symbol, event_date, decided_on, filled_at in filled.select(
        "symbol", "event_date", "decided_on", "filled_at"
    ).iter_rows():
        if decided_on is None or filled_at is None:
            return f"{symbol} {event_date}: a fill without the session that decided it"
        if filled_at < clock.decision_time(decided_on) or filled_at != sessions.opens_at(event_date):
            return f"{symbol} {event_date}: filled at {filled_at}, decided {clock.decision_time(decided_on)}"
    opens = bars.select("event_date", "symbol", "open")
    priced = filled.join(opens, on=["event_date", "symbol"], how="left")
    wrong = priced.filter(pl.col("fill_price_usd").ne_missing(pl.col("open")))
    if wrong.height:
        return f"not filled at the open: {wrong.select('symbol', 'fill_price_usd', 'open').head(3).to_dicts()}"
    return None if before is None else _filled_without_order(filled, before)


def _filled_without_order(filled: pl.DataFrame, before: pl.DataFrame) -> str | None:
    """A fill lies between nothing and what the session before had stored as its order.

    An order that was adjusted for a split counts in other shares: its value must agree, but for the night's move.
    """
    orders = before.select("symbol", ordered="order_shares", reference="reference_price_usd")
    ordered = filled.join(orders, on="symbol", how="left")
    fraction = pl.col("fill_shares") / pl.col("ordered")
    adjusted = pl.col("status") == "adjusted"
    value_fraction = fraction * pl.col("fill_price_usd") / pl.col("reference")
    kept = (
        pl.when(adjusted.fill_null(False))
        .then(value_fraction.is_between(0, LARGEST_GAP))
        .otherwise(fraction.is_between(0, 1))
    )
    wrong = ordered.filter(~kept.fill_null(False))
    if wrong.height:
        shown = wrong.select("symbol", "fill_shares", "ordered").head(3).to_dicts()
        return f"filled what was not ordered the session before: {shown}"
    return None
