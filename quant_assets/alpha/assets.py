"""A ridge on matured labels, refitted monthly, and what it says."""

from feature_store.schemas.alpha import MODEL_FITS, PREDICTIONS
from feature_store.schemas.features import LABELS, STOCK_SCORES
from quant_assets.alpha.ridge import model_fits, predictions
from quant_assets.windows import SessionAsset, fit, per_session, same, trailing

ASSETS: list[SessionAsset] = [
    fit(
        MODEL_FITS,
        model_fits,
        {
            "scores": trailing(STOCK_SCORES, lambda p: p.alpha.lookback_sessions),
            "labels": trailing(LABELS, lambda p: p.alpha.lookback_sessions),
        },
        refit="monthly",
    ),
    per_session(PREDICTIONS, predictions, {"scores": same(STOCK_SCORES), "fits": same(MODEL_FITS)}),
]
