"""Prices, corporate actions, names and who is traded."""

import polars as pl

from feature_store.dataset import Column, Dataset, Events, States, key, number

SYMBOL = key("symbol", "stable security id")

BAR_COLUMNS = (
    SYMBOL,
    number("open", "USD", "first trade", above=0, nullable=False),
    number("high", "USD", "highest trade", above=0, nullable=False),
    number("low", "USD", "lowest trade", above=0, nullable=False),
    number("close", "USD", "last trade", above=0, nullable=False),
    Column("volume", pl.Int64(), "shares", "traded; null where the vendor had none", at_least=0),
    number(
        "vwap",
        "USD",
        "volume-weighted mean price of the session, as traded; null where not known",
        above=0,
        optional=True,
    ),
    Column("transactions", pl.Int64(), "trades", "number of trades; null where not known", at_least=0, optional=True),
)

BARS = Dataset(
    name="market/bars",
    key=("symbol",),
    restates=True,
    version=2,
    origin=Events(ticker_day="event_date"),
    description="Daily bars as traded, unadjusted; a corrected bar is a later row about the same event_date.",
    columns=BAR_COLUMNS,
)

BENCHMARKS = Dataset(
    name="market/benchmarks",
    key=("symbol",),
    restates=True,
    version=2,
    origin=Events(ticker_day="event_date"),
    description="Daily bars of ETFs and indices to compare with, as traded; never part of the universe.",
    columns=BAR_COLUMNS,
)

MACRO = Dataset(
    name="market/macro",
    key=("series",),
    restates=True,
    origin=Events(),
    description="Macro, rates, credit and volatility series by observation date, in the session that first knew them.",
    columns=(key("series", "name of the series"), number("value", "as the series has it", "observation")),
)

ACTIONS = (
    "split",
    "cash_dividend",
    "special_dividend",
    "spin_off",
    "symbol_change",
    "merger",
    "delisting",
)

CORPORATE_ACTIONS = Dataset(
    name="market/corporate_actions",
    key=("symbol", "action"),
    restates=True,
    version=2,
    origin=Events(ticker_day="day_before"),
    description="What happens to a share by ex-date (event_date), in the session that first knew it.",
    columns=(
        SYMBOL,
        Column("action", pl.String(), "kind", "what happens on the ex-date", nullable=False, one_of=ACTIONS),
        number(
            "value",
            "split: new per old share | dividends: USD per share | spin_off: shares of the other per share | "
            "symbol_change: 1 | merger: shares of the other per share, 0 where paid in cash | delisting: simple return",
            "null withdraws the action",
            at_least=-1,
        ),
        number(
            "cash_usd",
            "USD per share",
            "merger: paid beside the shares; spin_off: worth of what is distributed, where it was published",
            at_least=0,
            optional=True,
        ),
        Column(
            "other_symbol",
            pl.String(),
            "identifier",
            "spin_off: the new company; merger: the acquirer; symbol_change: the new ticker",
            optional=True,
        ),
    ),
)

TICKERS = Dataset(
    name="market/tickers",
    key=("symbol",),
    origin=States(),
    description="Ticker and name of each security on the session, as recorded by then.",
    columns=(
        SYMBOL,
        Column(
            "ticker", pl.String(), "identifier", "traded under; another security may carry it later", nullable=False
        ),
        Column("company", pl.String(), "identifier", "of the issuer, for example its CIK; null where not recorded"),
        Column("name", pl.String(), "name", "of the issuer as recorded; null where not recorded"),
        Column("sic", pl.Int32(), "code", "standard industrial classification as recorded; null where not recorded"),
    ),
)

MEMBERS = Dataset(
    name="market/members",
    key=("symbol",),
    origin=States(),
    description="Constituents as recorded by the session; those without a price series end in .UNLINKED.",
    columns=(SYMBOL, Column("linked", pl.Boolean(), "flag", "has a price series", nullable=False)),
)

INDUSTRIES = Dataset(
    name="market/industries",
    key=("symbol",),
    origin=States(),
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
    number("vwap", "USD", "as traded; null where not known", above=0),
)

ADJUSTED_BARS = Dataset(
    name="market/adjusted_bars",
    key=("symbol",),
    restates=True,
    version=3,
    description="One-step total returns and split ratios; consumers chain them inside their window.",
    columns=ADJUSTED_COLUMNS,
)

ADJUSTED_BENCHMARKS = Dataset(
    name="market/adjusted_benchmarks",
    key=("symbol",),
    restates=True,
    version=2,
    description="One-step total returns of the benchmarks.",
    columns=ADJUSTED_COLUMNS,
)

UNIVERSE = Dataset(
    name="market/universe",
    key=("symbol",),
    version=3,
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
        number("market_cap_usd", "USD", "shares outstanding times the close; null where they are not known", above=0),
    ),
)
