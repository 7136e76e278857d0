"""Prices, settings and rows of books that several tests share."""

import math

import polars as pl

from configs.settings import Execution
from tests.execution.markets import plain_portfolio

FREE = Execution(commission_bp=0, impact_multiplier=0)
HALF = plain_portfolio(weight_cap=0.5)


def flat(price: float, n: int = 12) -> list[tuple[float, float] | None]:
    return [(price, price)] * n


def wanting(alpha: float | None, *symbols: str, n: int = 12) -> dict[int, dict[str, float | None]]:
    """The same alpha for the symbols in every session; 0.5 a month wants as much as the cap allows."""
    return {t: dict.fromkeys(symbols, alpha) for t in range(n)}


def row(book: pl.DataFrame, symbol: str) -> dict:
    return book.row(by_predicate=pl.col("symbol") == symbol, named=True)


def nav(book: pl.DataFrame) -> float:
    return math.fsum(book["value_usd"])


LAST = 11
