"""Risk of the tradable universe."""

from feature_store.schemas.market import ADJUSTED_BARS, UNIVERSE
from feature_store.schemas.risk import COVARIANCE
from quant_assets.risk.covariance import constant_correlation
from quant_assets.windows import SessionAsset, per_session, same, trailing

ASSETS: list[SessionAsset] = [
    per_session(
        COVARIANCE,
        constant_correlation,
        {
            "bars": trailing(ADJUSTED_BARS, lambda p: p.risk.lookback_sessions, columns=("log_return",)),
            "universe": same(UNIVERSE),
        },
    ),
]
