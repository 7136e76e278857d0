"""Prices, corporate actions and who is traded."""

import polars as pl

from feature_store.dataset import Column, Dataset, key, number

SYMBOL = key("symbol", "stable security id")

BAR_COLUMNS = (
    SYMBOL,
    number("open", "USD", "first trade", above=0, nullable=False),
    number("high", "USD", "highest trade", above=0, nullable=False),
    number("low", "USD", "lowest trade", above=0, nullable=False),
    number("close", "USD", "last trade", above=0, nullable=False),
    Column("volume", pl.Int64(), "shares", "traded; null where the vendor had none", at_least=0),
)

BARS = Dataset(
    name="market/bars",
    key=("symbol",),
    restates=True,
    description="Daily bars as traded, unadjusted; a corrected bar is a later row about the same event_date.",
    columns=BAR_COLUMNS,
)

BENCHMARKS = Dataset(
    name="market/benchmarks",
    key=("symbol",),
    restates=True,
    description="Daily bars of ETFs and indices to compare with, as traded; never part of the universe.",
    columns=BAR_COLUMNS,
)

MACRO = Dataset(
    name="market/macro",
    key=("series",),
    restates=True,
    description="Macro, rates, credit and volatility series by observation date, in the session that first knew them.",
    columns=(key("series", "name of the series"), number("value", "as the series has it", "observation")),
)

CORPORATE_ACTIONS = Dataset(
    name="market/corporate_actions",
    key=("symbol", "action"),
    restates=True,
    description="Splits, dividends and delistings by ex-date (event_date), in the session that first knew them.",
    columns=(
        SYMBOL,
        Column(
            "action",
            pl.String(),
            "kind",
            "split, cash_dividend or delisting",
            nullable=False,
            one_of=("split", "cash_dividend", "delisting"),
        ),
        number(
            "value",
            "new per old share | USD per share | delisting return (simple)",
            "null withdraws the action",
            at_least=-1,
        ),
    ),
)

MEMBERS = Dataset(
    name="market/members",
    key=("symbol",),
    description="Constituents as recorded by the session; those without a price series end in .UNLINKED.",
    columns=(SYMBOL, Column("linked", pl.Boolean(), "flag", "has a price series", nullable=False)),
)

INDUSTRIES = Dataset(
    name="market/industries",
    key=("symbol",),
    description="Industry of each security as published by the session.",
    columns=(SYMBOL, Column("industry", pl.String(), "name", "Unknown where none was published", nullable=False)),
)

ADJUSTED_COLUMNS = (
    SYMBOL,
    number("log_return", "log, since the previous bar", "total: splits and dividends included"),
    number("overnight_log_return", "log", "previous close to open, total"),
    number("intraday_log_return", "log", "open to close", nullable=False),
    number("split_ratio", "new per old share", "all splits since the previous bar; 1 where none", above=0),
    number("dividend_usd", "USD per share", "paid since the previous bar, per share held now", at_least=0),
    number("open", "USD", "as traded", above=0, nullable=False),
    number("high", "USD", "as traded", above=0, nullable=False),
    number("low", "USD", "as traded", above=0, nullable=False),
    number("close", "USD", "as traded", above=0, nullable=False),
    number("dollar_volume_usd", "USD", "close times volume; null where volume is", at_least=0),
)

ADJUSTED_BARS = Dataset(
    name="market/adjusted_bars",
    key=("symbol",),
    restates=True,
    version=2,
    description="One-step total returns and split ratios; consumers chain them inside their window.",
    columns=ADJUSTED_COLUMNS,
)

ADJUSTED_BENCHMARKS = Dataset(
    name="market/adjusted_benchmarks",
    key=("symbol",),
    restates=True,
    description="One-step total returns of the benchmarks.",
    columns=ADJUSTED_COLUMNS,
)

UNIVERSE = Dataset(
    name="market/universe",
    key=("symbol",),
    version=2,
    description="Securities that cross-sections and trades may use on the session.",
    columns=(
        SYMBOL,
        Column(
            "tradable",
            pl.Boolean(),
            "flag",
            "has a bar on the session, above the price and liquidity floors",
            nullable=False,
        ),
        Column("has_bar", pl.Boolean(), "flag", "has a bar on the session", nullable=False),
        number("close_usd", "USD", "as traded on the session; null without a bar", above=0),
        number("adv_usd", "USD", "mean daily dollar volume of the last sessions with a volume", at_least=0),
    ),
)
