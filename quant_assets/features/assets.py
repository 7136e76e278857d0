"""What is computed from prices per stock, industry and market, and what is to be predicted."""

from configs.settings import Profile
from feature_store.schemas.features import (
    FORWARD_RETURNS,
    INDUSTRY_FEATURES,
    INDUSTRY_RETURNS,
    LABELS,
    MARKET_FEATURES,
    STOCK_FEATURES,
    STOCK_SCORES,
)
from feature_store.schemas.market import ADJUSTED_BARS, INDUSTRIES, MACRO, UNIVERSE
from quant_assets.features import market, stock
from quant_assets.features.industries import industry_features, industry_returns
from quant_assets.features.labels import forward_returns, labels
from quant_assets.features.macro import macro_sessions
from quant_assets.features.scores import stock_scores
from quant_assets.windows import SessionAsset, along_time, per_session, same, trailing


def _maturity(profile: Profile) -> int:
    """Sessions from the event_date of the longest label to its maturity, both included."""
    return max(profile.features.horizons) + 1


ASSETS: list[SessionAsset] = [
    along_time(STOCK_FEATURES, stock.stock_features, {"bars": trailing(ADJUSTED_BARS, 273, columns=stock.BAR_COLUMNS)}),
    per_session(
        STOCK_SCORES,
        stock_scores,
        {"features": same(STOCK_FEATURES), "universe": same(UNIVERSE), "industries": same(INDUSTRIES)},
    ),
    per_session(
        INDUSTRY_RETURNS,
        industry_returns,
        {
            "bars": same(ADJUSTED_BARS, columns=("log_return",)),
            "universe": same(UNIVERSE),
            "industries": same(INDUSTRIES),
        },
    ),
    along_time(
        INDUSTRY_FEATURES,
        industry_features,
        {"returns": trailing(INDUSTRY_RETURNS, 273, columns=("log_return",))},
        entity="industry",
    ),
    per_session(
        MARKET_FEATURES,
        market.market_features,
        {
            "industries": trailing(INDUSTRY_RETURNS, market.LOOKBACK_SESSIONS),
            "features": same(STOCK_FEATURES, columns=("reversal_21", "ma_gap_200")),
            "universe": same(UNIVERSE, columns=("tradable",)),
            "macro": trailing(MACRO, lambda p: macro_sessions(p.macro)),
        },
    ),
    along_time(
        FORWARD_RETURNS,
        forward_returns,
        {"bars": trailing(ADJUSTED_BARS, _maturity, columns=("log_return", "intraday_log_return"))},
    ),
    per_session(
        LABELS,
        labels,
        {
            "forward": trailing(FORWARD_RETURNS, _maturity),
            "universe": trailing(UNIVERSE, _maturity, columns=("tradable",)),
            "industries": trailing(INDUSTRIES, _maturity),
        },
    ),
]
