"""What companies report, what is expected of them, and what lenders of their shares ask. Part of the slice market."""

import polars as pl

from feature_store.dataset import Column, Dataset, Events, number
from feature_store.schemas.market import SYMBOL

# Balance-sheet items are instants (months 0), the others flows over 3, 6, 9 or 12 months, as they were filed. What is
# spent (cost_of_revenue, interest_expense, capital_expenditure) is positive; the three cash flows have their sign.
INSTANTS = (
    "assets",
    "current_assets",
    "cash",
    "liabilities",
    "current_liabilities",
    "debt",
    "equity",
    "shares_outstanding",
)
FLOWS = (
    "revenue",
    "cost_of_revenue",
    "gross_profit",
    "operating_income",
    "depreciation",
    "interest_expense",
    "net_income",
    "eps_diluted",
    "dividends_per_share",
    "operating_cash_flow",
    "investing_cash_flow",
    "financing_cash_flow",
    "capital_expenditure",
)

FUNDAMENTALS = Dataset(
    name="market/fundamentals",
    key=("symbol", "item", "months"),
    restates=True,
    origin=Events(must_be_dated=True),
    description="Reported items by the end of their period (event_date); an amendment is a later row.",
    columns=(
        SYMBOL,
        Column("item", pl.String(), "kind", "what was reported", nullable=False, one_of=(*INSTANTS, *FLOWS)),
        Column("months", pl.Int8(), "months", "length of the period: 0 at its end, 3, 6, 9, 12", nullable=False),
        number("value", "USD | shares | USD per share", "null withdraws the item"),
        Column(
            "form",
            pl.String(),
            "kind",
            "the filing it stands in, for example 10-Q; null where not recorded",
            optional=True,
        ),
    ),
)

ESTIMATES = Dataset(
    name="market/estimates",
    key=("symbol", "item", "months"),
    restates=True,
    origin=Events(must_be_dated=True),
    description="Analysts' consensus for a fiscal period by its end (event_date, often ahead); each revision is a row.",
    columns=(
        SYMBOL,
        Column("item", pl.String(), "kind", "what is estimated", nullable=False, one_of=FLOWS),
        Column("months", pl.Int8(), "months", "length of the period: 3 or 12", nullable=False),
        number("mean", "USD | USD per share", "of the analysts; null withdraws the estimate"),
        number(
            "std", "as the mean", "standard deviation between analysts; null where not known", at_least=0, optional=True
        ),
        Column("analysts", pl.Int32(), "count", "who contribute; null where not known", at_least=0, optional=True),
    ),
)

EARNINGS_DATES = Dataset(
    name="market/earnings_dates",
    key=("symbol",),
    restates=True,
    origin=Events(),
    description="Days of earnings announcements (event_date, ahead where announced), in the session that first knew.",
    columns=(
        SYMBOL,
        Column(
            "time_of_day",
            pl.String(),
            "kind",
            "against the trading hours; unknown where not recorded; null withdraws the date",
            one_of=("before_open", "in_session", "after_close", "unknown"),
            optional=True,
        ),
    ),
)

SHORT_INTEREST = Dataset(
    name="market/short_interest",
    key=("symbol",),
    restates=True,
    origin=Events(ticker_day="event_date", must_be_dated=True),
    description="Shares sold short by settlement date (event_date), in the session that first knew them.",
    columns=(
        SYMBOL,
        number("shares_short", "shares", "as published; null withdraws", at_least=0),
        number("days_to_cover", "sessions", "of mean volume, as published; null where not", at_least=0, optional=True),
    ),
)

BORROW = Dataset(
    name="market/borrow",
    key=("symbol",),
    restates=True,
    origin=Events(ticker_day="event_date"),
    description="What it costs to borrow a share, and how many there are, by session.",
    columns=(
        SYMBOL,
        number("fee_annual", "simple, a year", "null where not quoted", at_least=0),
        number("shares_available", "shares", "to borrow; null where not known", at_least=0, optional=True),
    ),
)

_USD = "USD"
COMPANY_FINANCIALS = Dataset(
    name="market/company_financials",
    key=("symbol",),
    version=2,
    description="What is known of each company: twelve months up to the last report, and its balance sheet.",
    columns=(
        SYMBOL,
        Column("period_end", pl.Date(), "date", "of the last reported quarter or year"),
        Column("age_days", pl.Int32(), "days", "since period_end; beyond the limit the items are null", at_least=0),
        *(
            number(f"{name}_ttm_usd", _USD, f"{name.replace('_', ' ')} of the twelve months up to period_end")
            for name in (
                "revenue",
                "gross_profit",
                "operating_income",
                "ebitda",
                "net_income",
                "operating_cash_flow",
                "capital_expenditure",
            )
        ),
        number("revenue_quarter_usd", _USD, "of the single quarter up to period_end"),
        number("net_income_quarter_usd", _USD, "of the single quarter up to period_end"),
        number("revenue_ttm_year_ago_usd", _USD, "of the twelve months that ended a year before, as known now"),
        number("net_income_ttm_year_ago_usd", _USD, "of the twelve months that ended a year before, as known now"),
        *(
            number(f"{name}_usd", _USD, f"{name.replace('_', ' ')} at period_end")
            for name in ("assets", "current_assets", "cash", "liabilities", "current_liabilities", "debt", "equity")
        ),
        number("assets_year_ago_usd", _USD, "a year before period_end, as known now"),
        number("equity_year_ago_usd", _USD, "a year before period_end, as known now"),
        number("shares_outstanding", "shares", "last reported, times the splits since", above=0),
        number("market_cap_usd", _USD, "shares outstanding times the close; null without either", above=0),
        number("eps_ttm_usd", "USD per share", "net income of twelve months over shares outstanding"),
        number("revenue_per_share_usd", "USD per share", "of twelve months"),
        number("book_per_share_usd", "USD per share", "equity over shares outstanding"),
    ),
)
