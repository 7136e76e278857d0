"""Volatility regimes of industries: weekly fits, forward filter."""

from feature_store.schemas.features import INDUSTRY_RETURNS
from feature_store.schemas.regimes import HMM_FITS, VOLATILITY_STATES
from quant_assets.regimes.hmm import hmm_fits, volatility_states
from quant_assets.windows import SessionAsset, fit, per_session, same, trailing

ASSETS: list[SessionAsset] = [
    fit(
        HMM_FITS,
        hmm_fits,
        {"returns": trailing(INDUSTRY_RETURNS, lambda p: p.regimes.lookback_sessions)},
        refit="weekly",
    ),
    per_session(
        VOLATILITY_STATES,
        volatility_states,
        {"returns": trailing(INDUSTRY_RETURNS, lambda p: p.regimes.lookback_sessions), "fits": same(HMM_FITS)},
    ),
]
