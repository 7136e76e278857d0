"""Every feature of a company, declared once.

Reports come from COMPANY_FINANCIALS, all else from COMPANY_SNAPSHOTS; what is missing there is null here. Sums are of
the twelve months up to the last report, and prices those of the session.
"""

from feature_store.dataset import Dataset
from feature_store.schemas.companies import COMPANY_FINANCIALS
from feature_store.schemas.feature import ANCHORED, Feature
from feature_store.schemas.market import SYMBOL
from feature_store.schemas.report_features import (
    CLOSE,
    GROWTH,
    LEVERAGE,
    QUALITY,
    SALES,
    SHARES,
    SPLIT,
    VALUE,
    feature,
    of_bars,
    of_financials,
    of_snapshots,
)

REACH = 131
"""Sessions that a company's features look back on at most: two quarters, and some days that a report may be late."""


QUARTER = of_snapshots("quarter_end", "quarter_eps_usd", "next_quarter_end", "next_quarter_eps_usd")
YEAR = of_snapshots("year_end", "year_eps_usd", "next_year_end", "next_year_eps_usd")
TURNOVER = of_snapshots("quarter_end", "quarter_revenue_usd", "next_quarter_end", "next_quarter_revenue_usd")
NOW = of_snapshots("quarter_end", "quarter_eps_usd")
REPORTED = of_financials("period_end", "net_income_quarter_usd", SHARES)

EXPECTATIONS = (
    feature(
        "expectations",
        "expected_earnings_to_price",
        "ratio",
        "estimate of the first unreported year's earnings per share, over the close",
        of_snapshots("year_eps_usd") + of_bars(CLOSE),
    ),
    feature(
        "expectations",
        "expected_revenue_growth",
        "simple",
        "estimate of the first unreported year's revenue over revenue, less 1",
        of_snapshots("year_revenue_usd") + of_financials(SALES),
    ),
    feature(
        "expectations",
        "estimate_dispersion",
        "ratio",
        "standard deviation between analysts over the size of their mean, earnings of the quarter",
        of_snapshots("quarter_eps_usd", "quarter_eps_std_usd"),
    ),
    feature("expectations", "analysts", "count", "who estimate the quarter's earnings", of_snapshots("analysts")),
    *(
        feature(
            "expectations",
            f"earnings_revision_{n}",
            "fraction of price",
            f"estimate of the quarter's earnings less that of {n} sessions ago of the same quarter, over the close",
            QUARTER + of_bars(CLOSE, SPLIT),
            n + 1,
        )
        for n in (21, 63)
    ),
    feature(
        "expectations",
        "year_earnings_revision_63",
        "fraction of price",
        "estimate of the year's earnings less that of 63 sessions ago of the same year, over the close",
        YEAR + of_bars(CLOSE, SPLIT),
        64,
    ),
    feature(
        "expectations",
        "revenue_revision_63",
        "log",
        "estimate of the quarter's revenue over that of 63 sessions ago of the same quarter",
        TURNOVER,
        64,
    ),
    feature(
        "expectations",
        "earnings_surprise",
        "fraction of price",
        "last quarter's net income per share less its last estimate before the report, over the close",
        REPORTED + NOW + of_bars(CLOSE, SPLIT),
        REACH,
    ),
    feature(
        "expectations",
        "standardized_earnings_surprise",
        "standard deviations",
        "the same, per the standard deviation between analysts",
        REPORTED + NOW + of_snapshots("quarter_eps_std_usd") + of_bars(SPLIT),
        REACH,
    ),
    feature(
        "expectations",
        "revenue_surprise",
        "log",
        "last quarter's revenue over its last estimate before the report",
        of_financials("period_end", "revenue_quarter_usd") + of_snapshots("quarter_end", "quarter_revenue_usd"),
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
        of_financials("age_days"),
        (),
        0,
    ),
    Feature(
        "sessions_since_earnings",
        "events",
        "sessions",
        "since the one that first traded on the last announcement",
        1,
        of_snapshots("last_earnings"),
        (),
        0,
    ),
    Feature(
        "sessions_until_earnings",
        "events",
        "sessions",
        "until the one that will first trade on the next announcement known of",
        1,
        of_snapshots("next_earnings"),
        (),
        1,
    ),
)

LENDING = (
    Feature(
        "short_interest_fraction",
        "lending",
        "ratio",
        "shares sold short, times the splits since their settlement, over shares outstanding",
        REACH,
        of_snapshots("settled", "shares_short") + of_financials(SHARES) + of_bars(SPLIT),
        (),
        0,
    ),
    Feature(
        "days_to_cover",
        "lending",
        "sessions",
        "shares sold short, times the splits since their settlement, over the mean v of 21 sessions",
        REACH,
        of_snapshots("settled", "shares_short") + of_bars(CLOSE, "dollar_volume_usd", SPLIT),
        (),
        0,
    ),
    Feature(
        "borrow_fee",
        "lending",
        "simple, a year",
        "last quoted",
        1,
        of_snapshots("borrow_fee_annual"),
        (),
        0,
    ),
    Feature(
        "borrow_supply",
        "lending",
        "ratio",
        "shares to borrow over shares outstanding",
        1,
        of_snapshots("shares_to_borrow") + of_financials(SHARES),
        (),
        0,
    ),
)

_ANCHOR = of_bars(*ANCHORED) + of_snapshots("last_earnings")
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
    description="Features of a company from reports, estimates, announcements and lending, against its price.",
    columns=(SYMBOL, *(feature.column for feature in COMPANY)),
)

FINANCIALS_READ = tuple(
    name
    for name in COMPANY_FINANCIALS.values
    if any(f"company_financials.{name}" in feature.sources for feature in COMPANY)
)
