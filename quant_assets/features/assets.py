"""What is computed from prices per stock, industry and market, and what is to be predicted."""

from configs.settings import Profile
from feature_store.dataset import Dataset
from feature_store.schemas.companies import (
    BORROW,
    COMPANY_FINANCIALS,
    EARNINGS_DATES,
    ESTIMATES,
    SHORT_INTEREST,
)
from feature_store.schemas.company_features import COMPANY_FEATURES, FINANCIALS_READ, REACH
from feature_store.schemas.company_snapshots import COMPANY_SNAPSHOTS
from feature_store.schemas.features import (
    ALPHA158,
    FORWARD_RETURNS,
    INDUSTRY_FEATURES,
    INDUSTRY_RETURNS,
    LABELS,
    MARKET_FEATURES,
    SCORE_DISTRIBUTIONS,
    STATIONARY_FEATURES,
    STOCK_FEATURES,
    STOCK_SCORES,
)
from feature_store.schemas.market import (
    ADJUSTED_BARS,
    ADJUSTED_BENCHMARKS,
    CORPORATE_ACTIONS,
    INDUSTRIES,
    MACRO,
    UNIVERSE,
)
from quant_assets.engine.asset import CrossSection, SessionAsset, TimeSeries, Window, same, trailing
from quant_assets.features import stationarity
from quant_assets.features.aggregate import cross_asset, market
from quant_assets.features.aggregate.index_features import LOOKBACK_SESSIONS
from quant_assets.features.aggregate.industries import industry_features, industry_returns
from quant_assets.features.aggregate.macro import macro_sessions
from quant_assets.features.alpha158 import factors as alpha158
from quant_assets.features.company import features as companies
from quant_assets.features.company.snapshots import YEAR_SESSIONS, company_snapshots
from quant_assets.features.labels import forward_returns, labels, lookback_sessions
from quant_assets.features.scores import compared, read_of, score_distributions, stock_scores
from quant_assets.features.stock import features as stock

OF_INDUSTRIES = (
    "proxy",
    "proxy_log_return",
    "proxy_range_variance",
    "member_range_variance",
    "dollar_volume_usd",
    "n_volumes",
    "breadth_50",
    "breadth_200",
)


def _label_sessions(profile: Profile) -> int:
    return lookback_sessions(profile.features)


def _scored(dataset: Dataset) -> Window:
    """The session's features that scores, composite or floors rest on."""
    return same(dataset, columns=lambda p: read_of(p.features, tuple(dataset.values)))


COMPARED = {
    "features": _scored(STOCK_FEATURES),
    "companies": _scored(COMPANY_FEATURES),
    "stationary": same(
        STATIONARY_FEATURES,
        columns=lambda p: tuple(name for name in stationarity.named(p.features) if name in compared(p.features)),
    ),
    "universe": same(UNIVERSE, columns=("tradable", "market_cap_usd")),
}

ASSETS: list[SessionAsset] = [
    TimeSeries(STOCK_FEATURES, stock.stock_features, {"bars": trailing(ADJUSTED_BARS, 273, columns=stock.BAR_COLUMNS)}),
    TimeSeries(
        STATIONARY_FEATURES,
        stationarity.stationary_features,
        {
            "features": trailing(
                STOCK_FEATURES,
                lambda p: stationarity.reach(p.features),
                columns=lambda p: stationarity.read_of(p.features),
            )
        },
    ),
    TimeSeries(
        ALPHA158,
        alpha158.alpha158,
        {
            "bars": trailing(
                ADJUSTED_BARS,
                lambda p: alpha158.LOOKBACK_SESSIONS if p.features.alpha158 else 1,
                columns=lambda p: alpha158.BAR_COLUMNS if p.features.alpha158 else (),
            )
        },
    ),
    CrossSection(
        COMPANY_SNAPSHOTS,
        company_snapshots,
        {
            "financials": same(COMPANY_FINANCIALS, columns=("period_end",)),
            "estimates": trailing(ESTIMATES, YEAR_SESSIONS),
            "earnings_dates": trailing(EARNINGS_DATES, YEAR_SESSIONS),
            # a settlement is published sessions later
            "short_interest": trailing(
                SHORT_INTEREST, lambda p: p.features.short_interest_max_age_sessions, columns=("shares_short",)
            ),
            "borrow": trailing(BORROW, lambda p: p.features.quote_max_age_sessions),
        },
        metadata=lambda rows: {"companies": float(rows.height), "with_estimates": float(rows["quarter_end"].count())},
    ),
    TimeSeries(
        COMPANY_FEATURES,
        companies.company_features,
        {
            "financials": same(COMPANY_FINANCIALS, columns=FINANCIALS_READ),
            "snapshots": trailing(COMPANY_SNAPSHOTS, REACH),
            "bars": trailing(ADJUSTED_BARS, REACH, columns=companies.BAR_COLUMNS),
        },
    ),
    CrossSection(STOCK_SCORES, stock_scores, {**COMPARED, "industries": same(INDUSTRIES)}),
    CrossSection(
        SCORE_DISTRIBUTIONS,
        score_distributions,
        COMPARED,
        metadata=lambda rows: {
            "features": float(rows.height),
            "nulls": rows.select("null_fraction").mean().item() or 0.0,
        },
    ),
    CrossSection(
        INDUSTRY_RETURNS,
        industry_returns,
        {
            "bars": same(ADJUSTED_BARS, columns=("log_return", "high", "low", "dollar_volume_usd")),
            "features": same(STOCK_FEATURES, columns=("ma_gap_50", "ma_gap_200")),
            # weights and members of the session before earn the return of this one
            "universe": trailing(UNIVERSE, 2, columns=("tradable", "adv_usd", "market_cap_usd")),
            "industries": trailing(INDUSTRIES, 2),
            "benchmarks": trailing(ADJUSTED_BENCHMARKS, 2, columns=("log_return", "high", "low")),
        },
    ),
    TimeSeries(
        INDUSTRY_FEATURES,
        industry_features,
        {"returns": trailing(INDUSTRY_RETURNS, LOOKBACK_SESSIONS, columns=OF_INDUSTRIES)},
        entity="industry",
    ),
    CrossSection(
        MARKET_FEATURES,
        market.market_features,
        {
            "industries": trailing(
                INDUSTRY_RETURNS,
                LOOKBACK_SESSIONS,
                columns=("log_return", "n_members", "dollar_volume_usd", "n_volumes"),
            ),
            "features": same(STOCK_FEATURES, columns=("reversal_21", "ma_gap_50", "ma_gap_200")),
            "universe": same(UNIVERSE, columns=("tradable",)),
            "benchmarks": trailing(
                ADJUSTED_BENCHMARKS, cross_asset.LOOKBACK_SESSIONS, columns=("log_return", "high", "low")
            ),
            "macro": trailing(MACRO, lambda p: macro_sessions(p.macro)),
        },
    ),
    TimeSeries(
        FORWARD_RETURNS,
        forward_returns,
        {
            "bars": trailing(ADJUSTED_BARS, _label_sessions, columns=("log_return", "intraday_log_return", "close")),
            # a merger may be declared up to a year before its ex-date
            "actions": trailing(CORPORATE_ACTIONS, 273, columns=("value", "cash_usd")),
        },
    ),
    CrossSection(
        LABELS,
        labels,
        {
            "forward": trailing(
                FORWARD_RETURNS, _label_sessions, columns=("log_return", "close_log_return", "learned")
            ),
            "universe": trailing(UNIVERSE, _label_sessions, columns=("tradable",)),
            "industries": trailing(INDUSTRIES, _label_sessions),
        },
    ),
]
