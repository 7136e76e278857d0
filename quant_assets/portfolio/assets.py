"""Projections of the book that speak of weights."""

from feature_store.schemas.execution import BOOK, TARGET_WEIGHTS
from quant_assets.portfolio.weights import target_weights
from quant_assets.windows import SessionAsset, per_session, same

ASSETS: list[SessionAsset] = [per_session(TARGET_WEIGHTS, target_weights, {"book": same(BOOK)})]
