"""Features of what a company reported: value, quality, leverage and growth."""

from feature_store.schemas.feature import Family, Feature


def of_financials(*names: str) -> tuple[str, ...]:
    return tuple(f"company_financials.{name}" for name in names)


def of_snapshots(*names: str) -> tuple[str, ...]:
    return tuple(f"company_snapshots.{name}" for name in names)


def of_bars(*names: str) -> tuple[str, ...]:
    return tuple(f"adjusted_bars.{name}" for name in names)


def feature(family: Family, name: str, unit: str, formula: str, sources: tuple[str, ...], lookback: int = 1) -> Feature:
    return Feature(name, family, unit, formula, lookback, sources)


NET, SALES, EQUITY, CAP = "net_income_ttm_usd", "revenue_ttm_usd", "equity_usd", "market_cap_usd"
ASSETS, CASH_FLOW, EBITDA = "assets_usd", "operating_cash_flow_ttm_usd", "ebitda_ttm_usd"
SPENT, GROSS, OPERATING = "capital_expenditure_ttm_usd", "gross_profit_ttm_usd", "operating_income_ttm_usd"
DEBT, CASH, SHARES = "debt_usd", "cash_usd", "shares_outstanding"
CLOSE, SPLIT = "close", "split_ratio"

VALUE = tuple(
    feature("value", name, unit, formula, of_financials(*sources))
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
    feature("quality", name, "ratio", formula, of_financials(*sources))
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
    feature("leverage", name, "ratio", formula, of_financials(*sources))
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
    feature(
        "growth",
        "revenue_growth",
        "simple",
        "revenue over that of a year before, less 1; null unless that was positive",
        of_financials(SALES, "revenue_ttm_year_ago_usd"),
    ),
    feature(
        "growth",
        "earnings_growth",
        "ratio",
        "net income less that of a year before, over the size of that",
        of_financials(NET, "net_income_ttm_year_ago_usd"),
    ),
    feature(
        "growth",
        "asset_growth",
        "simple",
        "assets over those of a year before, less 1",
        of_financials(ASSETS, "assets_year_ago_usd"),
    ),
    feature(
        "growth",
        "equity_growth",
        "ratio",
        "equity less that of a year before, over the size of that",
        of_financials(EQUITY, "equity_year_ago_usd"),
    ),
)
