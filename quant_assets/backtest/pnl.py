"""The account of each book, one row a session and book."""

import datetime as dt

import polars as pl

from feature_store.schemas.backtest import PNL
from feature_store.schemas.execution import CASH

SCHEMA = PNL.computed_schema
SUMMED = ("pnl_usd", "cost_usd", "dividend_usd", "borrow_usd", "interest_usd")


def pnl(book: pl.DataFrame, equal_weight: pl.DataFrame, shuffled: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """Net asset value, return and where it came from, of the main book and the two that it is compared with.

        NAV(t) − NAV(t−1) = pnl_usd − cost_usd − borrow_usd

    Args:
        book, equal_weight, shuffled: rows of BOOK, EQUAL_WEIGHT_BOOK and SHUFFLED_BOOK of the session and, unless it is
            the first, of the one before.

    Returns:
        Rows of PNL, sorted by book.

    Raises:
        ValueError: a book without its one cash row, or without a positive net asset value.
    """
    books = {"equal_weight": equal_weight, "main": book, "shuffled": shuffled}
    return pl.DataFrame([_account(name, rows, session) for name, rows in books.items()], schema=SCHEMA)


def account_of(name: str, book: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """The row of PNL of one book, called `name`; arguments as of `pnl`."""
    return pl.DataFrame([_account(name, book, session)], schema=SCHEMA)


def _account(name: str, book: pl.DataFrame, session: dt.date) -> dict[str, object]:
    today = book.filter(pl.col("event_date") == session)
    before = book.filter(pl.col("event_date") < session)
    is_cash = pl.col("symbol") == CASH
    cash, positions = today.filter(is_cash), today.filter(~is_cash)
    nav = float(today["value_usd"].sum())
    if cash.height != 1 or not nav > 0:
        raise ValueError(
            f"book {name} has {cash.height} cash rows and is worth {nav} USD on {session}; store the book of it first"
        )
    previous = float(before["value_usd"].sum()) if before.height else None
    traded = float((today["fill_shares"] * today["fill_price_usd"]).abs().sum())
    return {
        "event_date": session,
        "book": name,
        "nav_usd": nav,
        "return_net": None if previous is None else nav / previous - 1,
        **{column: float(today[column].sum()) for column in SUMMED},
        "cash_weight": float(cash["value_usd"].item()) / nav,
        "gross_weight": float(positions["value_usd"].abs().sum()) / nav,
        "turnover": 0.0 if previous is None else traded / previous,
        "n_positions": positions.filter(pl.col("shares") != 0).height,
        "n_orders": int(today["order_shares"].count()),
        "status": cash["status"].item(),
    }
