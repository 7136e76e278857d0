"""What is stored of regimes over a range, and what came of them."""

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from feature_store.dataset import Dataset
from feature_store.schemas.breaks import BREAKS
from feature_store.schemas.correlations import CORRELATIONS, PAIR_CORRELATIONS
from feature_store.schemas.features import INDUSTRY_RETURNS, MARKET_FEATURES
from feature_store.schemas.fused_regimes import MARKET_FITS, MARKET_REGIME, RISK_LABELS_IN_ORDER, STATES
from feature_store.schemas.regimes import TREND_STATES_IN_ORDER, VOLATILITY_STATES_IN_ORDER
from feature_store.schemas.transition_risk import TRANSITION_RISK
from feature_store.store import Store
from quant_assets.numerics.arrays import Array, Index
from quant_assets.numerics.panel import Panel, panel
from quant_assets.regimes.confirmation import UNKNOWN
from quant_assets.regimes.evaluation import Detections, pooled
from quant_assets.regimes.flip_features import flips
from quant_assets.reporting.evaluation import Span, span_of
from quant_assets.reporting.hold_out import hold_out_of
from quant_assets.reporting.protocol import Request
from quant_assets.reporting.regimes import hindsight
from quant_assets.reporting.regimes.outcomes import Curve, changes_per_year, curve, curves, transitions, worth
from quant_assets.reporting.regimes.snapshot import Snapshot, snapshot
from quant_resources.home import Home

CORRELATION_SESSIONS = 63
LABELS: Mapping[str, tuple[str, ...]] = {
    "trend": TREND_STATES_IN_ORDER,
    "volatility": VOLATILITY_STATES_IN_ORDER,
    "risk": RISK_LABELS_IN_ORDER,
}
OF_INDUSTRIES, OF_MARKET = ("trend", "volatility"), ("trend", "volatility", "risk")
TIMING = {
    "industry": pl.String(),
    "median_delay": pl.Float64(),
    "missed": pl.Float64(),
    "false_alarms_a_year": pl.Float64(),
    "changes_a_year": pl.Float64(),
    "switches": pl.Int64(),
}


@dataclass(frozen=True)
class RegimeStudy:
    """
    Attributes:
        latest: of the last session.
        states, market, returns, features, breaks: rows of STATES, MARKET_REGIME, INDUSTRY_RETURNS, MARKET_FEATURES and
            BREAKS over the span.
        fits: rows of MARKET_FITS in force on the last session.
        correlations: (N, N) of the industries in their order: of the DCC in force where one is, else over the last
            sessions; NaN where too few returns.
        dcc: rows of CORRELATIONS over the span.
        reliability: of the industries' probabilities.
        transitions, worth: of the confirmed states, by what they are of: "industries: trend".
        timing: of each industry's volatility state against segments of hindsight; None without ruptures.
    """

    profile: str
    span: Span
    latest: Snapshot
    states: pl.DataFrame
    market: pl.DataFrame
    returns: pl.DataFrame
    features: pl.DataFrame
    breaks: pl.DataFrame
    fits: pl.DataFrame
    industries: tuple[str, ...]
    correlations: Array
    dcc: pl.DataFrame
    reliability: tuple[Curve, ...]
    transitions: Mapping[str, pl.DataFrame]
    worth: Mapping[str, pl.DataFrame]
    timing: pl.DataFrame | None

    def as_json(self) -> dict[str, Any]:
        return {
            "latest": self.latest.as_json(),
            "reliability": [
                {"forecast": of.forecast, "brier_skill": of.brier_skill, "slope": of.slope, "error": of.points.error}
                for of in self.reliability
            ],
            "transitions": {name: rows.to_dicts() for name, rows in self.transitions.items()},
            "worth": {name: rows.to_dicts() for name, rows in self.worth.items()},
            "timing_by_hindsight": None if self.timing is None else self.timing.to_dicts(),
        }


def study(home: Home, request: Request) -> RegimeStudy:
    """Read what is stored; a look at the hold-out is counted, since states are shown with the returns that followed.

    Raises:
        ReportError: no regimes are stored in the range, or it reaches into the hold-out without `final`.
        TrialLedgerError: a look at the hold-out cannot be counted.
    """
    store = home.open_store()
    span, days = span_of(home, STATES, request.first, request.last, final=request.final)
    if span.shows_hold_out and (hold_out := hold_out_of(home, store)):
        hold_out.count([STATES])
    states, market = _read(store, span, STATES), _read(store, span, MARKET_REGIME)
    returns = _read(store, span, INDUSTRY_RETURNS, "log_return", "proxy_log_return")
    features = _read(store, span, MARKET_FEATURES, "return_1", "mean_correlation_63", "vix")
    where, of_returns = panel(states, days, key="industry"), _aligned_returns(returns, states, days)
    by_aspect = {aspect: _places(where, states[aspect], LABELS[aspect]) for aspect in OF_INDUSTRIES}
    return RegimeStudy(
        profile=home.profile.name,
        span=span,
        latest=snapshot(home, span.last),
        states=states,
        market=market,
        returns=returns,
        features=features,
        breaks=_read(store, span, BREAKS),
        fits=store.read(MARKET_FITS, span.last, span.last, span.last),
        industries=tuple(where.symbols),
        correlations=_correlations(store, span, where.symbols, of_returns),
        dcc=_read(store, span, CORRELATIONS),
        reliability=(*_reliability(where, states, of_returns), *_of_changes(home, span, where, by_aspect)),
        transitions=_transitions(by_aspect, market),
        worth=_worth(by_aspect, of_returns, market, features, days),
        timing=_timing(where.symbols, of_returns, by_aspect["volatility"]),
    )


def _read(store: Store, span: Span, dataset: Dataset, *columns: str) -> pl.DataFrame:
    return store.read(dataset, span.last, span.first, span.last, columns or None)


def _aligned_returns(returns: pl.DataFrame, states: pl.DataFrame, days: list[dt.date]) -> Array:
    """(T, N) of what stands for each industry with states, by industry; of its members where nothing stands for it."""
    of_states = returns.join(states.select("industry").unique(), on="industry", how="semi").filter(
        pl.col("event_date").is_in(days)
    )
    names = states["industry"].unique().sort().to_list()
    where = panel(of_states, days, key="industry")
    dense = where.dense(of_states.select(pl.coalesce("proxy_log_return", "log_return")).to_series())
    aligned = np.full((len(days), len(names)), np.nan)
    aligned[:, np.searchsorted(names, where.symbols)] = dense
    return aligned


def _places(where: Panel, labels: pl.Series, in_order: tuple[str, ...]) -> Index:
    """(T, N) places of the labels, UNKNOWN where there is none."""
    place = labels.replace_strict(list(in_order), range(len(in_order)), default=None, return_dtype=pl.Int64)
    dense = where.dense(place)
    return np.where(np.isnan(dense), UNKNOWN, np.nan_to_num(dense)).astype(np.int64)


def _correlations(store: Store, span: Span, industries: list[str], returns: Array) -> Array:
    pairs = store.read(PAIR_CORRELATIONS, span.last, span.last, span.last)
    if pairs.is_empty():
        return correlation_matrix(returns[-CORRELATION_SESSIONS:])
    place = {name: i for i, name in enumerate(industries)}
    matrix = np.full((len(industries), len(industries)), np.nan)
    np.fill_diagonal(matrix, 1.0)
    for one, other, correlation in pairs.select("industry", "other_industry", "correlation").iter_rows():
        if one in place and other in place:
            matrix[place[one], place[other]] = matrix[place[other], place[one]] = correlation
    return matrix


def correlation_matrix(returns: Array) -> Array:
    """(N, N) of (T, N) returns over the sessions that each pair has; NaN below half of them or without a spread."""
    n = returns.shape[1]
    matrix = np.full((n, n), np.nan)
    for i in range(n):
        for j in range(i + 1):
            x, y = returns[~np.isnan(returns[:, i] + returns[:, j])][:, [i, j]].T
            if len(x) >= max(2, len(returns) / 2) and x.std() > 0 and y.std() > 0:
                matrix[i, j] = matrix[j, i] = np.corrcoef(x, y)[0, 1]
    return matrix


def _reliability(where: Panel, states: pl.DataFrame, returns: Array) -> list[Curve]:
    names = (*TREND_STATES_IN_ORDER, *VOLATILITY_STATES_IN_ORDER)
    return curves({name: where.dense(states[f"p_{name}"]) for name in names}, returns)


def _of_changes(home: Home, span: Span, where: Panel, by_aspect: Mapping[str, Index]) -> list[Curve]:
    """Reliability of the probability that a confirmed state changes; none where no model was in force."""
    risk = _read(home.open_store(), span, TRANSITION_RISK, "p_flip").drop_nulls("p_flip")
    if risk.is_empty():
        return []
    horizon = home.profile.regimes.transition_risk.horizon_sessions
    stated, days = np.full((len(where.sessions), len(where.symbols)), np.nan), where.sessions
    inside = risk.filter(pl.col("industry").is_in(where.symbols), pl.col("event_date").is_in(days))
    of_risk = panel(inside, days, key="industry")
    stated[:, np.searchsorted(where.symbols, of_risk.symbols)] = of_risk.dense(inside["p_flip"])
    came = flips(np.stack([*by_aspect.values()], axis=-1), horizon)
    found = curve(f"change of a confirmed state within {horizon} sessions", stated, came == 1.0, came, horizon)
    return [found] if found else []


def _of_market(market: pl.DataFrame, aspect: str) -> Index:
    """Places of its labels, (T, 1)."""
    return _places(
        panel(market.with_columns(name=pl.lit("Market")), market["event_date"].to_list(), "name"),
        market[aspect],
        LABELS[aspect],
    )


def _transitions(by_aspect: Mapping[str, Index], market: pl.DataFrame) -> dict[str, pl.DataFrame]:
    own = {f"industries: {aspect}": transitions(states, LABELS[aspect]) for aspect, states in by_aspect.items()}
    return own | {f"market: {aspect}": transitions(_of_market(market, aspect), LABELS[aspect]) for aspect in OF_MARKET}


def _worth(
    by_aspect: Mapping[str, Index], returns: Array, market: pl.DataFrame, features: pl.DataFrame, days: list[dt.date]
) -> dict[str, pl.DataFrame]:
    """Of the industries' states their own returns; of the market's its own, and how the industries moved together."""
    none = np.empty((len(days), 0))
    own = {f"industries: {a}": worth(states, LABELS[a], returns, none) for a, states in by_aspect.items()}
    aligned = pl.DataFrame({"event_date": days}).join(market, on="event_date", how="left", maintain_order="left")
    index = aligned.join(features, on="event_date", how="left", maintain_order="left")["return_1"]
    earned = index.cast(pl.Float64).fill_null(np.nan).to_numpy()[:, None]
    of_market = {f"market: {a}": worth(_of_market(aligned, a), LABELS[a], earned, returns) for a in OF_MARKET}
    return own | of_market


def _timing(industries: list[str], returns: Array, volatility: Index) -> pl.DataFrame | None:
    """A row an industry, and one of all; None where ruptures is not installed."""
    if not hindsight.is_installed():
        return None
    timed = [hindsight.timing(returns[:, i], volatility[:, i]) for i in range(len(industries))]
    rate = changes_per_year(volatility)
    known = [(name, of, r) for name, of, r in zip(industries, timed, rate, strict=True) if of is not None]
    rows = [_timing_row(name, of, float(r)) for name, of, r in known]
    if known:
        rows.append(_timing_row("all", pooled([of for _, of, _ in known]), float(np.mean([r for *_, r in known]))))
    return pl.DataFrame(rows, schema=TIMING, orient="row")


def _timing_row(name: str, of: Detections, rate: float) -> tuple[str | float | int | None, ...]:
    """Rows of TIMING; no delay without a switch, or where more than half were missed."""
    metrics = (of.median_delay, of.missed_rate, of.false_alarms_per_year, rate)
    return name, *(x if math.isfinite(x) else None for x in metrics), len(of.delays)
