"""What must hold of every stored session of the book."""

import polars as pl

from feature_store import sessions
from feature_store.decision_time import DecisionClock


def fills_come_after_decisions(book: pl.DataFrame, bars: pl.DataFrame, clock: DecisionClock) -> str | None:
    """None when every fill follows its decision and took the open of its session; else what is wrong.

    Args:
        book: rows of one session of BOOK.
        bars: BARS of that session, as known at it.
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
    return None
