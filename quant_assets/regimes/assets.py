"""Regimes of industries and of the market: weekly fits, forward filters, thresholds, and their fusion."""

from feature_store.schemas.breaks import BREAKS
from feature_store.schemas.features import INDUSTRY_FEATURES, INDUSTRY_RETURNS, MARKET_FEATURES
from feature_store.schemas.regimes import HMM_FITS, MARKET_REGIME, STATES, TREND_STATES, VOLATILITY_STATES
from quant_assets.engine.asset import Choice, CrossSection, ModelFit, SessionAsset, TimeSeries, same, trailing
from quant_assets.regimes.breaks import READ, breaks
from quant_assets.regimes.checks import probabilities_sum_to_one
from quant_assets.regimes.detectors import registry
from quant_assets.regimes.fusion import smoothing_sessions, states
from quant_assets.regimes.industry_states import hmm_fits, signal_columns, trend_states, volatility_states
from quant_assets.regimes.market_regime import market_regime

SIGNALS = trailing(
    INDUSTRY_FEATURES,
    lambda p: p.regimes.lookback_sessions,
    lambda p: signal_columns(p.regimes.industry.kind, INDUSTRY_FEATURES),
)
INDUSTRY = (Choice(registry.__name__, "DETECTORS", lambda p: (p.regimes.industry.kind,)),)
FITTED = (*INDUSTRY, Choice(registry.__name__, "FITS", lambda p: (p.regimes.industry.kind,)))
OF_MARKET = (Choice(registry.__name__, "DETECTORS", lambda p: (p.regimes.market.kind,)),)
CHECKS = {"probabilities_sum_to_one": probabilities_sum_to_one}

PARAMETERS = ("fit_session", "mean_0", "mean_1", "variance_0", "variance_1", "initial", "to_0", "to_1", "to_2")
FILTERED = {"features": SIGNALS, "fits": same(HMM_FITS, PARAMETERS)}

ASSETS: list[SessionAsset] = [
    TimeSeries(
        BREAKS,
        breaks,
        {"returns": trailing(INDUSTRY_RETURNS, lambda p: p.regimes.breaks.lookback_sessions, READ)},
        anchor="year",
        entity="industry",
        metadata=lambda rows: {"breaks": float((rows["break_probability"] > 0.5).sum())},
    ),
    ModelFit(HMM_FITS, hmm_fits, {"features": SIGNALS}, refit="weekly", entity="industry", choices=FITTED),
    CrossSection(TREND_STATES, trend_states, FILTERED, checks=CHECKS, entity="industry", choices=INDUSTRY),
    CrossSection(VOLATILITY_STATES, volatility_states, FILTERED, checks=CHECKS, entity="industry", choices=INDUSTRY),
    CrossSection(
        MARKET_REGIME,
        market_regime,
        {
            "features": same(
                MARKET_FEATURES,
                lambda p: (*signal_columns(p.regimes.market.kind, MARKET_FEATURES), "mean_correlation_63"),
            )
        },
        choices=OF_MARKET,
    ),
    CrossSection(
        STATES,
        states,
        {
            "trend": trailing(TREND_STATES, lambda p: smoothing_sessions(p.regimes)),
            "volatility": trailing(VOLATILITY_STATES, lambda p: smoothing_sessions(p.regimes)),
            "market": trailing(MARKET_REGIME, lambda p: smoothing_sessions(p.regimes), ("trend", "volatility")),
        },
        checks=CHECKS,
    ),
]
