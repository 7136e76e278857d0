"""The book's account, one row a session."""

import datetime as dt

import polars as pl

from feature_store.schemas.execution import CASH

SUMMED = ("pnl_usd", "cost_usd", "dividend_usd", "interest_usd")


def pnl(book: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """Net asset value, return and where it came from.

    Args:
        book: rows of the session and, unless it is the first, of the one before.
    """
    today = book.filter(pl.col("event_date") == session)
    before = book.filter(pl.col("event_date") < session)
    nav = float(today["value_usd"].sum())
    previous = float(before["value_usd"].sum()) if before.height else None
    traded = float((today["fill_shares"] * today["fill_price_usd"]).abs().sum())
    is_cash = pl.col("symbol") == CASH
    cash = today.filter(is_cash)
    row = {
        "event_date": session,
        "nav_usd": nav,
        "return_net": None if previous is None else nav / previous - 1,
        **{name: float(today[name].sum()) for name in SUMMED},
        "cash_weight": float(cash["value_usd"].item()) / nav,
        "turnover": 0.0 if previous is None else traded / previous,
        "n_positions": today.filter(~is_cash, pl.col("shares") != 0).height,
        "n_orders": int(today["order_shares"].count()),
        "status": cash["status"].item(),
    }
    floats = {name: pl.Float64() for name in row} | {"event_date": pl.Date(), "status": pl.String()}
    return pl.DataFrame([row], schema=floats | {"n_positions": pl.Int32(), "n_orders": pl.Int32()})
