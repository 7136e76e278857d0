"""The factor model of the tradable universe, and what trading costs."""

from feature_store.schemas.features import STOCK_FEATURES
from feature_store.schemas.market import ADJUSTED_BARS, INDUSTRIES, UNIVERSE
from feature_store.schemas.risk import (
    COST_PARAMETERS,
    EXPOSURES,
    FACTOR_COVARIANCE,
    FACTOR_RETURNS,
    SPECIFIC_RETURNS,
    SPECIFIC_RISK,
    STYLES,
)
from quant_assets.engine.asset import CrossSection, SessionAsset, same, trailing
from quant_assets.risk.cost_parameters import cost_parameters
from quant_assets.risk.covariance import factor_covariance
from quant_assets.risk.exposures import STYLE_FEATURES, exposures
from quant_assets.risk.factor_model import explained_variance, factor_and_specific_returns
from quant_assets.risk.specific import specific_risk

RETURN = ("log_return",)
# a session's returns are explained by the exposures of the session before
REGRESSION = {"bars": same(ADJUSTED_BARS, RETURN), "exposures": trailing(EXPOSURES, 2)}
REGRESSED = (FACTOR_RETURNS, SPECIFIC_RETURNS)

ASSETS: list[SessionAsset] = [
    CrossSection(
        EXPOSURES,
        exposures,
        {
            "bars": trailing(ADJUSTED_BARS, lambda p: p.risk.lookback_sessions, RETURN),
            "features": same(STOCK_FEATURES, STYLE_FEATURES),
            "universe": same(UNIVERSE, ("tradable", "adv_usd")),
            "industries": same(INDUSTRIES),
        },
    ),
    CrossSection(FACTOR_RETURNS, factor_and_specific_returns, REGRESSION, outputs=REGRESSED),
    CrossSection(
        SPECIFIC_RETURNS, factor_and_specific_returns, REGRESSION, outputs=REGRESSED, metadata=explained_variance
    ),
    CrossSection(
        FACTOR_COVARIANCE,
        factor_covariance,
        {
            "returns": trailing(FACTOR_RETURNS, lambda p: p.risk.lookback_sessions, ("simple_return",)),
            "exposures": same(EXPOSURES, columns=("industry", *STYLES)),
        },
    ),
    CrossSection(
        SPECIFIC_RISK,
        specific_risk,
        {
            "residuals": trailing(SPECIFIC_RETURNS, lambda p: p.risk.lookback_sessions, ("specific_return",)),
            "exposures": same(EXPOSURES, columns=("industry", *STYLES)),
        },
    ),
    CrossSection(
        COST_PARAMETERS,
        cost_parameters,
        {
            "bars": trailing(ADJUSTED_BARS, lambda p: p.risk.volatility_sessions, RETURN),
            "universe": same(UNIVERSE, ("has_bar", "adv_usd")),
        },
    ),
]
