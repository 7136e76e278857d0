"""What is known of a company beside its reports."""

import polars as pl

from feature_store.dataset import Column, Dataset, number
from feature_store.schemas.market import SYMBOL


def _estimate(period: str, described: str) -> tuple[Column, ...]:
    return (
        Column(f"{period}_end", pl.Date(), "date", f"of {described} with an estimate"),
        number(f"{period}_eps_usd", "USD per share", "mean of the analysts, as published"),
        number(f"{period}_eps_std_usd", "USD per share", "between analysts", at_least=0),
        number(f"{period}_revenue_usd", "USD", "mean of the analysts"),
    )


COMPANY_SNAPSHOTS = Dataset(
    name="features/company_snapshots",
    key=("symbol",),
    description="Of each company beside its reports: estimates, announcements, what is sold short and lent.",
    columns=(
        SYMBOL,
        *_estimate("quarter", "the first quarter that is not reported"),
        *_estimate("next_quarter", "the quarter after that"),
        *_estimate("year", "the first fiscal year that is not reported"),
        *_estimate("next_year", "the fiscal year after that"),
        Column("analysts", pl.Int32(), "count", "who estimate the quarter's earnings", at_least=0),
        Column("last_earnings", pl.Date(), "date", "the session that first traded on the last announcement"),
        Column("next_earnings", pl.Date(), "date", "the session that will first trade on the next one known of"),
        Column("settled", pl.Date(), "date", "of the last short interest"),
        number("shares_short", "shares", "of the settlement date", at_least=0),
        number("borrow_fee_annual", "simple, a year", "last quoted", at_least=0),
        number("shares_to_borrow", "shares", "last quoted", at_least=0),
    ),
)
