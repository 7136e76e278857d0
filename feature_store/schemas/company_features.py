"""Every feature of a company, declared once, and what is known of companies beside their reports.

Reports come from COMPANY_FIGURES, all else from COMPANY_SNAPSHOTS; what is missing there is null here. Sums are of the
twelve months up to the last report, and prices those of the session.
"""

import polars as pl

from feature_store.dataset import Column, Dataset, number
from feature_store.schemas.companies import COMPANY_FIGURES
from feature_store.schemas.market import SYMBOL
from feature_store.schemas.stock_features import ANCHORED, Family, Feature

REACH = 131
"""Sessions that a company's features look back on at most: two quarters, and some days that a report may be late."""


def _estimate(period: str, described: str) -> tuple[Column, ...]:
    return (
        Column(f"{period}_end", pl.Date(), "date", f"of {described} with an estimate"),
        number(f"{period}_eps_usd", "USD per share", "mean of the analysts, as published"),
        number(f"{period}_eps_deviation_usd", "USD per share", "between analysts", at_least=0),
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


def _figures(*names: str) -> tuple[str, ...]:
    return tuple(f"company_figures.{name}" for name in names)


def _snapshots(*names: str) -> tuple[str, ...]:
    return tuple(f"company_snapshots.{name}" for name in names)


def _bars(*names: str) -> tuple[str, ...]:
    return tuple(f"adjusted_bars.{name}" for name in names)


def _of(family: Family, name: str, unit: str, formula: str, sources: tuple[str, ...], lookback: int = 1) -> Feature:
    return Feature(name, family, unit, formula, lookback, sources)


NET, SALES, EQUITY, CAP = "net_income_ttm_usd", "revenue_ttm_usd", "equity_usd", "market_cap_usd"
ASSETS, CASH_FLOW, EBITDA = "assets_usd", "operating_cash_flow_ttm_usd", "ebitda_ttm_usd"
SPENT, GROSS, OPERATING = "capital_expenditure_ttm_usd", "gross_profit_ttm_usd", "operating_income_ttm_usd"
DEBT, CASH, SHARES = "debt_usd", "cash_usd", "shares_outstanding"
CLOSE, SPLIT = "close", "split_ratio"

VALUE = tuple(
    _of("value", name, unit, formula, _figures(*sources))
    for name, unit, formula, sources in (
        ("earnings_to_price", "ratio", "net income over market capitalisation", (NET, CAP)),
        ("book_to_price", "ratio", "equity over market capitalisation", (EQUITY, CAP)),
        ("sales_to_price", "ratio", "revenue over market capitalisation", (SALES, CAP)),
        ("cash_flow_to_price", "ratio", "operating cash flow over market capitalisation", (CASH_FLOW, CAP)),
        (
            "free_cash_flow_to_price",
            "ratio",
            "operating cash flow less capital expenditure, over market capitalisation",
            (CASH_FLOW, SPENT, CAP),
        ),
        (
            "ev_to_ebitda",
            "ratio",
            "capitalisation plus debt less cash, over EBITDA; null unless both are positive",
            (CAP, DEBT, CASH, EBITDA),
        ),
        (
            "ebitda_to_ev",
            "ratio",
            "EBITDA over capitalisation plus debt less cash; null unless that is positive",
            (CAP, DEBT, CASH, EBITDA),
        ),
    )
)

QUALITY = tuple(
    _of("quality", name, "ratio", formula, _figures(*sources))
    for name, formula, sources in (
        (
            "return_on_equity",
            "net income over the mean of equity now and a year ago",
            (NET, EQUITY, "equity_year_ago_usd"),
        ),
        (
            "return_on_assets",
            "net income over the mean of assets now and a year ago",
            (NET, ASSETS, "assets_year_ago_usd"),
        ),
        ("gross_profitability", "gross profit over assets", (GROSS, ASSETS)),
        ("gross_margin", "gross profit over revenue", (GROSS, SALES)),
        ("operating_margin", "operating income over revenue", (OPERATING, SALES)),
        ("net_margin", "net income over revenue", (NET, SALES)),
        (
            "asset_turnover",
            "revenue over the mean of assets now and a year ago",
            (SALES, ASSETS, "assets_year_ago_usd"),
        ),
        (
            "accruals",
            "net income less operating cash flow, over the mean of assets now and a year ago",
            (NET, CASH_FLOW, ASSETS, "assets_year_ago_usd"),
        ),
    )
)

LEVERAGE = tuple(
    _of("leverage", name, "ratio", formula, _figures(*sources))
    for name, formula, sources in (
        ("debt_to_equity", "debt over equity; null unless equity is positive", (DEBT, EQUITY)),
        ("liabilities_to_assets", "liabilities over assets", ("liabilities_usd", ASSETS)),
        (
            "net_debt_to_ebitda",
            "debt less cash, over EBITDA; null unless that is positive",
            (DEBT, CASH, EBITDA),
        ),
        (
            "current_ratio",
            "current assets over current liabilities",
            ("current_assets_usd", "current_liabilities_usd"),
        ),
        ("cash_to_assets", "cash over assets", (CASH, ASSETS)),
    )
)

GROWTH = (
    _of(
        "growth",
        "revenue_growth",
        "simple",
        "revenue over that of a year before, less 1; null unless that was positive",
        _figures(SALES, "revenue_ttm_year_ago_usd"),
    ),
    _of(
        "growth",
        "earnings_growth",
        "ratio",
        "net income less that of a year before, over the size of that",
        _figures(NET, "net_income_ttm_year_ago_usd"),
    ),
    _of(
        "growth",
        "asset_growth",
        "simple",
        "assets over those of a year before, less 1",
        _figures(ASSETS, "assets_year_ago_usd"),
    ),
    _of(
        "growth",
        "equity_growth",
        "ratio",
        "equity less that of a year before, over the size of that",
        _figures(EQUITY, "equity_year_ago_usd"),
    ),
)

QUARTER = _snapshots("quarter_end", "quarter_eps_usd", "next_quarter_end", "next_quarter_eps_usd")
YEAR = _snapshots("year_end", "year_eps_usd", "next_year_end", "next_year_eps_usd")
TURNOVER = _snapshots("quarter_end", "quarter_revenue_usd", "next_quarter_end", "next_quarter_revenue_usd")
NOW = _snapshots("quarter_end", "quarter_eps_usd")
TOLD = _figures("period_end", "net_income_quarter_usd", SHARES)

EXPECTATIONS = (
    _of(
        "expectations",
        "expected_earnings_to_price",
        "ratio",
        "estimate of the first unreported year's earnings per share, over the close",
        _snapshots("year_eps_usd") + _bars(CLOSE),
    ),
    _of(
        "expectations",
        "expected_revenue_growth",
        "simple",
        "estimate of the first unreported year's revenue over revenue, less 1",
        _snapshots("year_revenue_usd") + _figures(SALES),
    ),
    _of(
        "expectations",
        "estimate_dispersion",
        "ratio",
        "deviation between analysts over the size of their mean, earnings of the quarter",
        _snapshots("quarter_eps_usd", "quarter_eps_deviation_usd"),
    ),
    _of("expectations", "analysts", "count", "who estimate the quarter's earnings", _snapshots("analysts")),
    *(
        _of(
            "expectations",
            f"earnings_revision_{n}",
            "share of price",
            f"estimate of the quarter's earnings less that of {n} sessions ago of the same quarter, over the close",
            QUARTER + _bars(CLOSE, SPLIT),
            n + 1,
        )
        for n in (21, 63)
    ),
    _of(
        "expectations",
        "year_earnings_revision_63",
        "share of price",
        "estimate of the year's earnings less that of 63 sessions ago of the same year, over the close",
        YEAR + _bars(CLOSE, SPLIT),
        64,
    ),
    _of(
        "expectations",
        "revenue_revision_63",
        "log",
        "estimate of the quarter's revenue over that of 63 sessions ago of the same quarter",
        TURNOVER,
        64,
    ),
    _of(
        "expectations",
        "earnings_surprise",
        "share of price",
        "last quarter's net income per share less its last estimate before the report, over the close",
        TOLD + NOW + _bars(CLOSE, SPLIT),
        REACH,
    ),
    _of(
        "expectations",
        "earnings_surprise_deviations",
        "deviations",
        "the same, per the deviation between analysts",
        TOLD + NOW + _snapshots("quarter_eps_deviation_usd") + _bars(SPLIT),
        REACH,
    ),
    _of(
        "expectations",
        "revenue_surprise",
        "log",
        "last quarter's revenue over its last estimate before the report",
        _figures("period_end", "revenue_quarter_usd") + _snapshots("quarter_end", "quarter_revenue_usd"),
        REACH,
    ),
)

EVENTS = (
    Feature(
        "report_age_days",
        "events",
        "days",
        "since the end of the last reported period",
        1,
        _figures("age_days"),
        (),
        0,
    ),
    Feature(
        "sessions_since_earnings",
        "events",
        "sessions",
        "since the one that first traded on the last announcement",
        1,
        _snapshots("last_earnings"),
        (),
        0,
    ),
    Feature(
        "sessions_until_earnings",
        "events",
        "sessions",
        "until the one that will first trade on the next announcement known of",
        1,
        _snapshots("next_earnings"),
        (),
        1,
    ),
)

LENDING = (
    Feature(
        "short_interest_share",
        "lending",
        "ratio",
        "shares sold short, times the splits since their settlement, over shares outstanding",
        REACH,
        _snapshots("settled", "shares_short") + _figures(SHARES) + _bars(SPLIT),
        (),
        0,
    ),
    Feature(
        "days_to_cover",
        "lending",
        "sessions",
        "shares sold short, times the splits since their settlement, over the mean v of 21 sessions",
        REACH,
        _snapshots("settled", "shares_short") + _bars(CLOSE, "dollar_volume_usd", SPLIT),
        (),
        0,
    ),
    Feature(
        "borrow_fee",
        "lending",
        "simple, a year",
        "last quoted",
        1,
        _snapshots("borrow_fee_annual"),
        (),
        0,
    ),
    Feature(
        "borrow_supply",
        "lending",
        "ratio",
        "shares to borrow over shares outstanding",
        1,
        _snapshots("shares_to_borrow") + _figures(SHARES),
        (),
        0,
    ),
)

_ANCHOR = _bars(*ANCHORED) + _snapshots("last_earnings")
AVWAP_EARNINGS = (
    Feature(
        "avwap_earnings_gap",
        "anchored",
        "log",
        "close over the vwap since the session that first traded on the last announcement",
        REACH,
        _ANCHOR,
    ),
    Feature(
        "avwap_earnings_slope",
        "anchored",
        "log, per session",
        "of the vwap since the last announcement",
        REACH,
        _ANCHOR,
        ("avwap_slope_sessions",),
    ),
    Feature(
        "avwap_earnings_state",
        "anchored",
        "-1, 0 or 1",
        "1 above a rising vwap since the last announcement, -1 below a falling one, else 0",
        REACH,
        _ANCHOR,
        ("avwap_slope_sessions",),
        -1,
        1,
    ),
)

COMPANY: tuple[Feature, ...] = (
    *VALUE,
    *QUALITY,
    *LEVERAGE,
    *GROWTH,
    *EXPECTATIONS,
    *EVENTS,
    *LENDING,
    *AVWAP_EARNINGS,
)

COMPANY_FEATURES = Dataset(
    name="features/company_features",
    key=("symbol",),
    description="What reports, analysts, announcements and lenders say of a company, against its price.",
    columns=(SYMBOL, *(feature.column for feature in COMPANY)),
)

FIGURES_READ = tuple(
    name for name in COMPANY_FIGURES.values if any(f"company_figures.{name}" in feature.sources for feature in COMPANY)
)
