"""Regimes of industries and of the market: weekly fits, forward filters, thresholds, and their fusion."""

from feature_store.schemas.breaks import BREAKS
from feature_store.schemas.correlations import CORRELATIONS, DCC_FITS, PAIR_CORRELATIONS
from feature_store.schemas.features import INDUSTRY_FEATURES, INDUSTRY_RETURNS, MARKET_FEATURES
from feature_store.schemas.fused_regimes import EVERY_STATE, MARKET_FITS, MARKET_REGIME, STATES
from feature_store.schemas.regimes import HMM_FITS, MAX_SIGNALS, TREND_STATES, VOLATILITY_STATES
from feature_store.schemas.transition_risk import FLIP_FITS, TRANSITION_RISK
from quant_assets.engine.asset import (
    Choice,
    CrossSection,
    Length,
    ModelFit,
    SessionAsset,
    TimeSeries,
    Window,
    same,
    trailing,
)
from quant_assets.regimes import risk_appetite
from quant_assets.regimes.breaks import READ, breaks
from quant_assets.regimes.checks import probabilities_sum_to_one
from quant_assets.regimes.correlations import PARAMETERS as DCC_PARAMETERS
from quant_assets.regimes.correlations import RETURN, correlations, dcc_fits, fit_sessions
from quant_assets.regimes.cross_asset import READ_BY_FIT, market_fits
from quant_assets.regimes.detectors import registry
from quant_assets.regimes.flip_features import HISTORY, MACRO, OF_BREAKS
from quant_assets.regimes.fusion import states
from quant_assets.regimes.fusion import window_length as fusion_window
from quant_assets.regimes.industry_states import (
    MARKET,
    fit_columns,
    fit_metadata,
    fit_window,
    hmm_fits,
    signal_columns,
    trend_states,
    volatility_states,
)
from quant_assets.regimes.market_regime import columns_read, market_regime
from quant_assets.regimes.market_regime import window_length as market_window
from quant_assets.regimes.transition_risk import STATES_READ, flip_fits, transition_risk
from quant_assets.regimes.transition_risk import fit_sessions as flip_window

SIGNALS = trailing(
    INDUSTRY_FEATURES,
    lambda p: p.regimes.filter_sessions,
    lambda p: signal_columns(p.regimes.industry.kind, INDUSTRY_FEATURES),
)
FIT_INPUTS = {
    "features": trailing(
        INDUSTRY_FEATURES, lambda p: fit_window(p.regimes), lambda p: fit_columns(p.regimes.industry.kind)
    ),
    "market": trailing(MARKET_FEATURES, lambda p: fit_window(p.regimes), MARKET),
}
INDUSTRY = (Choice(registry.__name__, "DETECTORS", lambda p: (p.regimes.industry.kind,)),)
FITTED = (*INDUSTRY, Choice(registry.__name__, "FITS", lambda p: (p.regimes.industry.kind,)))
OF_MARKET = (
    Choice(registry.__name__, "DETECTORS", lambda p: (p.regimes.market.kind,)),
    Choice(risk_appetite.__name__, "RISK_APPETITES", lambda p: (p.regimes.risk_appetite.kind,)),
)
PROBABILITIES = tuple(f"p_{state}" for state in EVERY_STATE)
CHECKS = {"probabilities_sum_to_one": probabilities_sum_to_one}

PARAMETERS = (
    *("fit_session", "label", "initial", "to_0", "to_1", "to_2"),
    *(f"{of}_{d}" for of in ("mean", "variance", "degrees") for d in range(MAX_SIGNALS)),
)
FILTERED = {"features": SIGNALS, "fits": same(HMM_FITS, PARAMETERS)}

PANEL = trailing(INDUSTRY_RETURNS, lambda p: p.regimes.correlations.lookback_sessions, (RETURN,))
CORRELATED = {"returns": PANEL, "fits": same(DCC_FITS, DCC_PARAMETERS)}
OF_CORRELATIONS = (CORRELATIONS, PAIR_CORRELATIONS)


def _of_flips(length: Length) -> dict[str, Window]:
    """What foretells a change of regime, over so many sessions."""
    return {
        "states": trailing(STATES, length, STATES_READ),
        "breaks": trailing(BREAKS, length, OF_BREAKS),
        "market": trailing(MARKET_FEATURES, length, MACRO),
        "correlations": trailing(CORRELATIONS, length, ("p_systemic",)),
    }


ASSETS: list[SessionAsset] = [
    TimeSeries(
        BREAKS,
        breaks,
        {"returns": trailing(INDUSTRY_RETURNS, lambda p: p.regimes.breaks.lookback_sessions, READ)},
        anchor="year",
        entity="industry",
        metadata=lambda rows: {"breaks": float((rows["break_probability"] > 0.5).sum())},
    ),
    ModelFit(
        DCC_FITS,
        dcc_fits,
        {"returns": trailing(INDUSTRY_RETURNS, lambda p: fit_sessions(p.regimes), (RETURN,))},
        refit="weekly",
        metadata=lambda rows: {"failed": float(rows["failed_refit"].count() + (~rows["converged"]).sum())},
    ),
    CrossSection(
        CORRELATIONS,
        correlations,
        CORRELATED,
        outputs=OF_CORRELATIONS,
        metadata=lambda rows: {"p_systemic": float(rows["p_systemic"].sum())},
    ),
    CrossSection(PAIR_CORRELATIONS, correlations, CORRELATED, outputs=OF_CORRELATIONS),
    ModelFit(HMM_FITS, hmm_fits, FIT_INPUTS, refit="weekly", entity="industry", choices=FITTED, metadata=fit_metadata),
    CrossSection(TREND_STATES, trend_states, FILTERED, checks=CHECKS, entity="industry", choices=INDUSTRY),
    CrossSection(VOLATILITY_STATES, volatility_states, FILTERED, checks=CHECKS, entity="industry", choices=INDUSTRY),
    ModelFit(
        MARKET_FITS,
        market_fits,
        {"features": trailing(MARKET_FEATURES, lambda p: p.regimes.cross_asset.lookback_sessions, READ_BY_FIT)},
        refit="weekly",
    ),
    CrossSection(
        MARKET_REGIME,
        market_regime,
        {
            "features": trailing(
                MARKET_FEATURES, lambda p: market_window(p.regimes), lambda p: columns_read(p.regimes)
            ),
            "fits": same(MARKET_FITS),
        },
        choices=OF_MARKET,
        checks=CHECKS,
    ),
    CrossSection(
        STATES,
        states,
        {
            "trend": trailing(TREND_STATES, lambda p: fusion_window(p.regimes)),
            "volatility": trailing(VOLATILITY_STATES, lambda p: fusion_window(p.regimes)),
            "market": trailing(MARKET_REGIME, lambda p: fusion_window(p.regimes), PROBABILITIES),
        },
        checks=CHECKS,
    ),
    ModelFit(
        FLIP_FITS,
        flip_fits,
        _of_flips(lambda p: flip_window(p.regimes)),
        refit="monthly",
        metadata=lambda rows: {"brier_skill": float(rows.filter(term="brier_skill")["coefficient"].sum())},
    ),
    CrossSection(
        TRANSITION_RISK,
        transition_risk,
        {**_of_flips(HISTORY), "fits": same(FLIP_FITS)},
        metadata=lambda rows: {"p_flip": float(rows["p_flip"].fill_null(0.0).sum()) / max(rows["p_flip"].count(), 1)},
    ),
]
