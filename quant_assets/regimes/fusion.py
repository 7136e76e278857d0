"""Regimes of industries: their own filtered states and the market's label, fused and smoothed."""

import datetime as dt
import math

import numpy as np
import polars as pl

from configs.settings import Regimes
from feature_store.schemas.regimes import STATES, TREND_STATES_IN_ORDER, VOLATILITY_STATES_IN_ORDER
from quant_assets.numerics.arrays import Array
from quant_assets.numerics.panel import Panel, panel, window_sessions

HALF_LIVES = 10  # after which an observation weighs a thousandth, and is left out


def smoothing_sessions(settings: Regimes) -> int:
    """Length of the smoothing's window, the session itself included."""
    return math.floor(HALF_LIVES * settings.half_life_sessions) + 1


def states(
    trend: pl.DataFrame, volatility: pl.DataFrame, market: pl.DataFrame, session: dt.date, settings: Regimes
) -> pl.DataFrame:
    """Probabilities of trend and volatility of each industry on the session.

    On each session of the window the market's label, as a probability of one, gets `market_weight` and the industry's
    own filtered states the rest; without a label the industry's own stand alone. These are averaged with weights that
    halve every `half_life_sessions`, over the sessions on which the industry has states.

    Args:
        trend, volatility, market: rows of TREND_STATES, VOLATILITY_STATES and MARKET_REGIME; those of the last
            `smoothing_sessions` are used.
        session: the partition.
        settings: weight and half-life.

    Returns:
        Rows of STATES, sorted by industry, for every industry with both of its own states on the session; each triple
        sums to one.
    """
    days = window_sessions(session, smoothing_sessions(settings))
    both = trend.join(volatility, on=["event_date", "industry"], how="inner", maintain_order="left").filter(
        pl.col("event_date").is_between(days[0], session)
    )
    today = both.filter(event_date=session).select("event_date", "industry").sort("industry")
    if today.is_empty():
        return STATES.empty().drop("known_at")
    where = panel(both, days, key="industry")
    rows_due = np.searchsorted(where.symbols, today["industry"].to_list())
    for column, labels in (("trend", TREND_STATES_IN_ORDER), ("volatility", VOLATILITY_STATES_IN_ORDER)):
        own = _probabilities(both, where, labels)
        fused = _fused(own, _one_hot(market, days, column, labels), settings.market_weight)
        smoothed = _smoothed(fused, settings.half_life_sessions)[rows_due]
        today = today.with_columns(pl.Series(f"p_{label}", p) for label, p in zip(labels, smoothed.T, strict=True))
    return today


def _probabilities(both: pl.DataFrame, where: Panel, labels: tuple[str, ...]) -> Array:
    """(T, N, 3); NaN where an industry has no states."""
    return np.stack([where.dense(both[f"p_{label}"]) for label in labels], axis=-1)


def _one_hot(market: pl.DataFrame, days: list[dt.date], column: str, labels: tuple[str, ...]) -> Array:
    """(T, 3); rows of NaN where the market has no label."""
    published = dict(market.select("event_date", column).iter_rows())
    rows = [
        [float(published[day] == label) for label in labels] if published.get(day) else [math.nan] * len(labels)
        for day in days
    ]
    return np.array(rows)


def _fused(own: Array, market: Array, market_weight: float) -> Array:
    """(T, N, 3) mixture of the (T, N, 3) own and the (T, 3) market's probabilities; own where the market has none."""
    published = market[:, None, :]
    fused: Array = np.where(np.isnan(published), own, (1.0 - market_weight) * own + market_weight * published)
    return fused


def _smoothed(fused: Array, half_life: float) -> Array:
    """(N, 3) average of (T, N, 3), newest first, over the sessions without NaN; NaN where there is none."""
    total, weights = np.zeros(fused.shape[1:]), np.zeros(fused.shape[1])
    for age, probabilities in enumerate(fused[::-1]):
        exists = ~np.isnan(probabilities).any(axis=1)
        weight = exists * 0.5 ** (age / half_life)
        total += weight[:, None] * np.where(exists[:, None], probabilities, 0.0)
        weights += weight
    average: Array = total / np.where(weights > 0, weights, math.nan)[:, None]
    return average
