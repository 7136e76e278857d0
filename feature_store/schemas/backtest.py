"""The account of each book, and where the main one's money came from."""

import polars as pl

from feature_store.dataset import Column, Dataset, key, number

PNL = Dataset(
    name="backtest/pnl",
    key=("book",),
    version=2,
    description="One row a session and book: main, equal_weight and shuffled.",
    columns=(
        key("book", "main, equal_weight or shuffled"),
        number("nav_usd", "USD", "net asset value at the close", above=0, nullable=False),
        number("return_net", "simple, per session", "of NAV; null on the first session"),
        number("pnl_usd", "USD", "before costs and fees"),
        number("cost_usd", "USD", "commission, spread and impact", at_least=0, nullable=False),
        number("dividend_usd", "USD", "received, less paid on shorts", nullable=False),
        number("borrow_usd", "USD", "fees on shorts", at_least=0, nullable=False),
        number("interest_usd", "USD", "on cash", nullable=False),
        number("cash_weight", "fraction of NAV", "at the close", nullable=False),
        number("gross_weight", "fraction of NAV", "sum of |positions| at the close", at_least=0, nullable=False),
        number("turnover", "fraction of NAV", "filled value over the previous NAV", at_least=0, nullable=False),
        Column("n_positions", pl.Int32(), "count", "held at the close", nullable=False, at_least=0),
        Column("n_orders", pl.Int32(), "count", "decided on the session", nullable=False, at_least=0),
        Column("status", pl.String(), "label", "of the optimization problem", nullable=False),
    ),
)

ATTRIBUTION = Dataset(
    name="backtest/attribution",
    key=("source",),
    description="Change of the main book's NAV over the session, by source; the sources add up to it.",
    columns=(
        key(
            "source",
            "market, industry:NAME, a style, specific, unexplained, unmodelled, trading, interest, cost or borrow",
        ),
        number("pnl_usd", "USD", "signed; costs and fees are negative", nullable=False),
        number("exposure", "fraction of NAV", "to the factor at the previous close; null where there is none"),
        number("nav_usd", "USD", "net asset value at the close, the same on every row", above=0, nullable=False),
    ),
)
