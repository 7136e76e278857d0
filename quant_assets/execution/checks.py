"""What must hold of every stored session of the book."""

import polars as pl

from feature_store import sessions
from feature_store.decision_time import DecisionClock


def fills_come_after_decisions(
    book: pl.DataFrame, bars: pl.DataFrame, clock: DecisionClock, before: pl.DataFrame | None = None
) -> str | None:
    """None when every fill follows its decision and took the open of its session; else what is wrong.

    Args:
        book: rows of one session of BOOK.
        bars: BARS of that session, as known at it.
        before: rows of BOOK of the session before: what was ordered then, in shares as of this open.
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
    """A fill lies between nothing and what the session before had stored as its order."""
    ordered = filled.join(before.select("symbol", ordered="order_shares"), on="symbol", how="left")
    share = pl.col("fill_shares") / pl.col("ordered")
    wrong = ordered.filter(~share.is_between(0, 1).fill_null(False))
    if wrong.height:
        shown = wrong.select("symbol", "fill_shares", "ordered").head(3).to_dicts()
        return f"filled what was not ordered the session before: {shown}"
    return None
