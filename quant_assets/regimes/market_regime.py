"""The market's regime: trend and volatility by thresholds and by a model of several assets, and its risk appetite."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from configs.errors import ConfigError
from configs.settings import Regimes
from feature_store.schemas.features import MARKET_FEATURES
from feature_store.schemas.fused_regimes import MARKET_REGIME, RISK_LABELS_IN_ORDER
from quant_assets.numerics.arrays import Array, Index
from quant_assets.numerics.panel import window
from quant_assets.regimes.confirmation import CONFIRMATION_WINDOW, UNKNOWN, confirmed, likeliest
from quant_assets.regimes.cross_asset import FILTER_SESSIONS, RETURNS, market_probabilities
from quant_assets.regimes.detectors.protocol import STATES_IN_ORDER, Aspect
from quant_assets.regimes.detectors.registry import DETECTORS
from quant_assets.regimes.industry_states import signal_columns
from quant_assets.regimes.pooling import log_pool
from quant_assets.regimes.risk_appetite import RISK_APPETITES, features_read, sessions_read

ASPECTS: tuple[Aspect, ...] = ("trend", "volatility")
CORRELATION = "mean_correlation_63"
EQUAL_WEIGHTS = np.ones(2)


def window_length(settings: Regimes) -> int:
    """Sessions of MARKET_FEATURES that a session's row rests on."""
    return max(FILTER_SESSIONS, CONFIRMATION_WINDOW + sessions_read(settings.risk_appetite) - 1)


def columns_read(settings: Regimes) -> tuple[str, ...]:
    """Columns of MARKET_FEATURES that the chosen models read.

    Raises:
        ConfigError: the settings name a feature that the market does not have.
    """
    named = features_read(settings.risk_appetite)
    if absent := [name for name in named if name not in MARKET_FEATURES.values]:
        raise ConfigError(
            f"regimes.risk_appetite reads {', '.join(absent)}, which {MARKET_FEATURES.name} lacks; name its features"
        )
    signals = signal_columns(settings.market.kind, MARKET_FEATURES)
    return tuple(dict.fromkeys((*signals, *named, *RETURNS, CORRELATION)))


def market_regime(features: pl.DataFrame, fits: pl.DataFrame, session: dt.date, settings: Regimes) -> pl.DataFrame:
    """Labels of the market as the session shows them and as confirmed, its score of risk, and probabilities.

    A confirmed label is the latest that `confirmation_sessions` sessions in a row showed. The probabilities are the
    logarithmic pool, at equal weights, of the confirmed label and of the cross-asset model; of either alone where the
    other has none.

    Args:
        features: rows of MARKET_FEATURES; the last `window_length` up to the session are used.
        fits: rows of MARKET_FITS in force on the session.
        session: the partition.
        settings: `market`, `risk_appetite`, `confirmation_sessions`, `systemic_correlation`, `fusion.floor`.

    Returns:
        One row of MARKET_REGIME, or none where the session has no features.

    Raises:
        ConfigError: a detector that is fitted.
    """
    _require_unfitted(settings)
    seen = window(features, session, window_length(settings)).sort("event_date")
    if seen.is_empty() or seen["event_date"][-1] != session:
        return MARKET_REGIME.empty().select(*MARKET_REGIME.computed_schema)
    observed = {aspect: likeliest(_by_threshold(seen, aspect, settings)) for aspect in ASPECTS}
    in_force = {aspect: _confirmed(states, settings) for aspect, states in observed.items()}
    row: dict[str, Any] = {"event_date": session, "fit_session": fits["fit_session"].first()}
    for aspect, by_model in zip(ASPECTS, market_probabilities(seen.tail(FILTER_SESSIONS), fits), strict=True):
        labels = STATES_IN_ORDER[aspect]
        row[aspect], row[f"observed_{aspect}"] = (_label(x[-1], labels) for x in (in_force[aspect], observed[aspect]))
        row |= _pooled(int(in_force[aspect][-1]), by_model, labels, settings.fusion.floor)
    row |= _risk(seen, settings)
    today = seen.tail(1).select(systemic=pl.col(CORRELATION) >= settings.systemic_correlation)
    return pl.DataFrame([row | today.row(0, named=True)], schema=MARKET_REGIME.computed_schema)


def _require_unfitted(settings: Regimes) -> None:
    if DETECTORS[settings.market.kind].is_fitted:
        raise ConfigError(
            f"regimes.market: {settings.market.kind} is fitted, and its parameters of the market are not stored; "
            "choose one that is not, such as thresholds"
        )


def _by_threshold(seen: pl.DataFrame, aspect: Aspect, settings: Regimes) -> Array:
    """(T, K) of the chosen detector, which sees each session alone."""
    detector = DETECTORS[settings.market.kind]
    signals = seen.select(signal.cast(pl.Float64).alias(str(d)) for d, signal in enumerate(detector.signals[aspect]))
    dense = signals.fill_null(np.nan).to_numpy()
    return detector.probabilities(aspect, dense[:, None, :], None, settings.market)


def _confirmed(states: Index, settings: Regimes) -> Index:
    """(T,) of (T,), from the end of the window alone."""
    return confirmed(states[-CONFIRMATION_WINDOW:, None], settings.confirmation_sessions)[:, 0]


def _label(state: int, labels: Sequence[str]) -> str | None:
    return None if state == UNKNOWN else labels[state]


def _pooled(state: int, by_model: Array, labels: Sequence[str], floor: float) -> dict[str, float | None]:
    """Probability by name; None where neither the label nor the model speaks."""
    by_label = np.full(len(labels), np.nan) if state == UNKNOWN else np.eye(len(labels))[state]
    pooled = log_pool(np.stack([by_label, by_model]), EQUAL_WEIGHTS, floor)
    return {f"p_{label}": None if np.isnan(p) else float(p) for label, p in zip(labels, pooled, strict=True)}


def _risk(seen: pl.DataFrame, settings: Regimes) -> dict[str, object]:
    """The score and labels of the session, which model gave them, and why if it is not the chosen one."""
    chosen = settings.risk_appetite
    columns = {name: seen[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in features_read(chosen)}
    appetite = RISK_APPETITES[chosen.kind](columns, chosen)
    missing, score = appetite.missing[-1], float(appetite.score[-1])
    return {
        "risk": _label(int(_confirmed(appetite.state, settings)[-1]), RISK_LABELS_IN_ORDER),
        "observed_risk": _label(int(appetite.state[-1]), RISK_LABELS_IN_ORDER),
        "risk_score": None if np.isnan(score) else score,
        "risk_model": "e1" if missing else chosen.kind,
        "risk_fallback": f"missing: {', '.join(missing)}" if missing else None,
        "n_votes": int(appetite.n_votes[-1]),
    }
