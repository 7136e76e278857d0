"""Views of the optimization, and the weights of the book."""

from feature_store.schemas.execution import BOOK
from feature_store.schemas.fused_regimes import STATES
from feature_store.schemas.portfolio import TARGET_WEIGHTS, VIEWS
from quant_assets.engine.asset import CrossSection, SessionAsset, same
from quant_assets.portfolio.program import target_weights
from quant_assets.portfolio.views import views

ASSETS: list[SessionAsset] = [
    CrossSection(
        VIEWS,
        views,
        {"states": same(STATES, columns=("p_bear", "p_bull", "p_crisis"))},
        metadata=lambda rows: {"volatility_target_annual": rows["volatility_target_annual"].drop_nulls()[0]},
    ),
    CrossSection(
        TARGET_WEIGHTS, target_weights, {"book": same(BOOK, columns=("shares", "value_usd", "target_weight"))}
    ),
]
