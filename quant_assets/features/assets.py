"""What is computed from prices per stock and per industry, and what is to be predicted."""

from feature_store.schemas.features import FORWARD_RETURNS, INDUSTRY_RETURNS, LABELS, STOCK_FEATURES, STOCK_SCORES
from feature_store.schemas.market import ADJUSTED_BARS, INDUSTRIES, UNIVERSE
from quant_assets.features.industries import industry_returns
from quant_assets.features.labels import forward_returns, labels
from quant_assets.features.scores import stock_scores
from quant_assets.features.stock import stock_features
from quant_assets.windows import SessionAsset, along_time, per_session, same, trailing

ASSETS: list[SessionAsset] = [
    along_time(STOCK_FEATURES, stock_features, {"bars": trailing(ADJUSTED_BARS, 273)}),
    per_session(
        STOCK_SCORES,
        stock_scores,
        {"features": same(STOCK_FEATURES), "universe": same(UNIVERSE), "industries": same(INDUSTRIES)},
    ),
    per_session(
        INDUSTRY_RETURNS,
        industry_returns,
        {"bars": same(ADJUSTED_BARS), "universe": same(UNIVERSE), "industries": same(INDUSTRIES)},
    ),
    along_time(
        FORWARD_RETURNS,
        forward_returns,
        {"bars": trailing(ADJUSTED_BARS, lambda p: max(p.features.horizons) + 1)},
    ),
    per_session(
        LABELS,
        labels,
        {
            "forward": trailing(FORWARD_RETURNS, lambda p: max(p.features.horizons) + 1),
            "universe": trailing(UNIVERSE, lambda p: max(p.features.horizons) + 1),
            "industries": trailing(INDUSTRIES, lambda p: max(p.features.horizons) + 1),
        },
    ),
]
