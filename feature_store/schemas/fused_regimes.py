"""Regimes of the market, and of industries with the market's in them."""

import polars as pl

from feature_store.dataset import Column, Dataset, key, number
from feature_store.schemas.regimes import (
    INDUSTRY,
    MAX_STATES,
    TREND_STATES_IN_ORDER,
    VOLATILITY_STATES_IN_ORDER,
    probabilities,
)

RISK_LABELS_IN_ORDER = ("RISK_OFF", "NEUTRAL", "RISK_ON")
RISK_MODELS = ("e1", "e2")
CROSS_ASSETS = ("equity", "bonds", "gold", "high_yield")
EVERY_STATE = (*TREND_STATES_IN_ORDER, *VOLATILITY_STATES_IN_ORDER)

MARKET_FITS = Dataset(
    name="regimes/market_fits",
    key=("state",),
    description="Gaussian HMM of equity, bonds, gold and high yield in force, by the variance of equity.",
    columns=(
        key("state", "0 has the lowest variance of equity", pl.Int32()),
        Column("fit_session", pl.Date(), "session", "the refit these parameters come from", nullable=False),
        *(number(f"mean_{asset}", "percent, per session", "of the log return, one for all") for asset in CROSS_ASSETS),
        *(
            number(f"variance_{asset}", "percent squared, per session", "of the log return in the state", above=0)
            for asset in CROSS_ASSETS
        ),
        number("initial", "probability", "before the first observation", at_least=0, at_most=1),
        *(
            number(
                f"to_{j}",
                "probability",
                f"of state {j} in the next session; null beyond the last state",
                at_least=0,
                at_most=1,
            )
            for j in range(MAX_STATES)
        ),
        Column("trend", pl.String(), "label", "by the return of equity", one_of=TREND_STATES_IN_ORDER),
        Column("volatility", pl.String(), "label", "by the volatility of equity", one_of=VOLATILITY_STATES_IN_ORDER),
        number("return_annual", "log, annual", "of equity in the fit's window, weighted by the filtered probability"),
        number("volatility_annual", "log, annual", "standard deviation of equity in the state", above=0),
        number("fraction", "ratio", "mean filtered probability in the fit's window", at_least=0, at_most=1),
        number("duration_sessions", "sessions", "mean life of the state by the transitions", at_least=1),
        number("mean_vix", "index points", "in the fit's window, weighted by the state's filtered probability"),
        number(
            "equity_bond_correlation",
            "ratio",
            "in the fit's window, weighted by the state's filtered probability",
            at_least=-1,
            at_most=1,
        ),
        number("log_likelihood", "nats", "of the fit's window"),
        Column("converged", pl.Boolean(), "flag", "false where EM stopped at its last iteration", nullable=False),
        Column("n_observations", pl.Int32(), "count", "sessions in the fit's window", nullable=False),
    ),
)  # fmt: skip


def _label(name: str, labels: tuple[str, ...], description: str) -> Column:
    return Column(name, pl.String(), "label", description, one_of=labels)


MARKET_REGIME = Dataset(
    name="regimes/market_regime",
    key=(),
    version=2,
    description="Trend, volatility and risk appetite of the market: as observed, as confirmed, and as probabilities.",
    columns=(
        _label("trend", TREND_STATES_IN_ORDER, "latest that enough sessions in a row agreed on"),
        _label("volatility", VOLATILITY_STATES_IN_ORDER, "latest that enough sessions in a row agreed on"),
        _label("risk", RISK_LABELS_IN_ORDER, "latest that enough sessions in a row agreed on"),
        _label("observed_trend", TREND_STATES_IN_ORDER, "of the session alone; null where its inputs are"),
        _label("observed_volatility", VOLATILITY_STATES_IN_ORDER, "of the session alone; null where its inputs are"),
        _label("observed_risk", RISK_LABELS_IN_ORDER, "before confirmation; null where its inputs are"),
        number("risk_score", "ratio", "0 is risk off, 1 risk on", at_least=0, at_most=1),
        _label("risk_model", RISK_MODELS, "that gave the session's score and label"),
        Column("risk_fallback", pl.String(), "text", "why e1 stands in for e2; null where the chosen model ran"),
        Column("n_votes", pl.Int32(), "count", "features of e1 that had a value", at_least=0),
        *probabilities(TREND_STATES_IN_ORDER, "pooled from the confirmed label and the cross-asset model"),
        *probabilities(VOLATILITY_STATES_IN_ORDER, "pooled from the confirmed label and the cross-asset model"),
        Column("fit_session", pl.Date(), "session", "refit of the cross-asset model; null where there is none"),
        Column("systemic", pl.Boolean(), "flag", "industries move together more than the threshold"),
    ),
)

STATES = Dataset(
    name="regimes/states",
    key=("industry",),
    version=2,
    description="Market, sector and industry regimes pooled and smoothed; each triple of probabilities sums to one.",
    columns=(
        INDUSTRY,
        *probabilities(TREND_STATES_IN_ORDER, "pooled, smoothed fast"),
        *probabilities(VOLATILITY_STATES_IN_ORDER, "pooled, smoothed fast"),
        *(
            number(f"slow_p_{state}", "probability", f"of {state}, pooled, smoothed slowly", at_least=0, at_most=1)
            for state in EVERY_STATE
        ),
        _label("trend", TREND_STATES_IN_ORDER, "likeliest by the fast probabilities, once confirmed"),
        _label("volatility", VOLATILITY_STATES_IN_ORDER, "likeliest by the fast probabilities, once confirmed"),
        number(
            "contradiction",
            "ratio",
            "total variation distance of the session's pool to the level above before the cap; null without one",
            at_least=0,
            at_most=1,
        ),
    ),
)
