"""Views of the optimization, and the weights of the book."""

from configs.settings import EstimatedEffects, Profile
from feature_store.schemas.execution import BOOK
from feature_store.schemas.features import INDUSTRY_RETURNS
from feature_store.schemas.fused_regimes import STATES
from feature_store.schemas.portfolio import REGIME_EFFECTS, TARGET_WEIGHTS, VIEWS
from quant_assets.engine.asset import CrossSection, ModelFit, SessionAsset, same, trailing
from quant_assets.portfolio.program import target_weights
from quant_assets.portfolio.regime_effects import regime_effects
from quant_assets.portfolio.views import views


def lookback(profile: Profile) -> int:
    """Sessions of states and returns that effects are estimated from; stated ones need no more than a session."""
    effects = profile.portfolio.regime_effects
    return effects.lookback_sessions if isinstance(effects, EstimatedEffects) else 1


ASSETS: list[SessionAsset] = [
    ModelFit(
        REGIME_EFFECTS,
        regime_effects,
        {
            "states": trailing(STATES, lookback, columns=("p_bear", "p_bull", "p_crisis")),
            "returns": trailing(INDUSTRY_RETURNS, lookback, columns=("log_return",)),
        },
        refit="monthly",
        metadata=lambda rows: dict(rows.select("effect", "value").iter_rows()),
    ),
    CrossSection(
        VIEWS,
        views,
        {
            "states": same(STATES, columns=("p_bear", "p_bull", "p_crisis")),
            "effects": same(REGIME_EFFECTS, columns=("value",)),
        },
        metadata=lambda rows: {"volatility_target_annual": rows["volatility_target_annual"].drop_nulls()[0]},
    ),
    CrossSection(
        TARGET_WEIGHTS, target_weights, {"book": same(BOOK, columns=("shares", "value_usd", "target_weight"))}
    ),
]
