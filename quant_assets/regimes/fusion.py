"""Regimes of industries: their own states pooled with those of their sector and of the market, and smoothed."""

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from configs.settings import Regimes
from configs.settings.market_regime import Fusion
from feature_store.schemas.fused_regimes import STATES
from quant_assets.numerics.arrays import Array
from quant_assets.numerics.panel import Panel, panel, window_sessions
from quant_assets.regimes.confirmation import CONFIRMATION_WINDOW, UNKNOWN, confirmed, likeliest
from quant_assets.regimes.detectors.protocol import STATES_IN_ORDER
from quant_assets.regimes.pooling import capped, complete, distance, log_pool
from quant_assets.regimes.smoothing import smoothed, smoothing_sessions


def window_length(settings: Regimes) -> int:
    """Sessions that a session's states rest on, itself included: of the slow average, and of confirmation."""
    fusion = settings.fusion
    fast = smoothing_sessions(fusion.half_life_fast_sessions) + CONFIRMATION_WINDOW - 1
    return max(fast, smoothing_sessions(fusion.half_life_slow_sessions))


def states(
    trend: pl.DataFrame, volatility: pl.DataFrame, market: pl.DataFrame, session: dt.date, settings: Regimes
) -> pl.DataFrame:
    """Probabilities of trend and volatility of each industry on the session, and the states that they confirm.

    On each session of the window an industry's own filtered states are pooled with those of the level above: its
    sector, which is the pool of its industries' own states and of the market's, or else the market itself. A pool is
    logarithmic; where it contradicts the level above by more than the cap, it is moved towards it. The pools are
    averaged with weights that halve every `half_life_fast_sessions` and every `half_life_slow_sessions`, over the
    sessions on which the industry has states. Its confirmed state is the latest on which `confirmation_sessions`
    sessions in a row agreed, by the fast average.

    Args:
        trend, volatility, market: rows of TREND_STATES, VOLATILITY_STATES and MARKET_REGIME; those of the last
            `window_length` sessions are used.
        session: the partition.
        settings: `fusion`.

    Returns:
        Rows of STATES, sorted by industry, for every industry with both of its own states on the session; each triple
        sums to one.
    """
    days = window_sessions(session, window_length(settings))
    both = trend.join(volatility, on=["event_date", "industry"], how="inner", maintain_order="left").filter(
        pl.col("event_date").is_between(days[0], session)
    )
    today = both.filter(event_date=session).select("event_date", "industry").sort("industry")
    if today.is_empty():
        return STATES.empty().select(*STATES.computed_schema)
    where = panel(both, days, key="industry")
    rows_due = np.searchsorted(where.symbols, today["industry"].to_list())
    columns: dict[str, pl.Series] = {}
    contradictions = []
    for aspect, labels in STATES_IN_ORDER.items():
        pooled, contradiction = fused(
            _probabilities(both, where, labels), _of_market(market, days, labels), where.symbols, settings.fusion
        )
        columns |= _described(aspect, labels, pooled[:, rows_due], settings.fusion)
        contradictions.append(contradiction[-1, rows_due])
    columns["contradiction"] = pl.Series(np.maximum(*contradictions), nan_to_null=True)
    return today.with_columns(**columns).select(*STATES.computed_schema)


def fused(own: Array, market: Array, industries: Sequence[str], settings: Fusion) -> tuple[Array, Array]:
    """Each industry's own states pooled with the level above, session by session.

    Args:
        own: (T, N, K) probabilities of the industries; NaN where one has none.
        market: (T, K); NaN where it has none.
        industries: N names, which `sectors` may place in a sector.

    Returns:
        (T, N, K) probabilities, NaN where an industry has none of its own; and (T, N) how far each pool was from the
        level above before the cap, NaN where there was none.
    """
    above = np.broadcast_to(market[:, None, :], own.shape).copy()
    weight = np.full(len(industries), settings.market_weight)
    for members in sector_members(industries, settings.sectors):
        sector = log_pool(own[:, members].transpose(1, 0, 2), np.ones(len(members)), settings.floor)
        of_sector, _ = _below(sector[:, None], market[:, None], settings.market_weight, settings)
        above[:, members] = of_sector
        weight[members] = settings.sector_weight
    return _below(own, above, weight, settings)


def sector_members(industries: Sequence[str], sectors: Mapping[str, str]) -> list[list[int]]:
    """Places of the industries of each sector that is named, by sector."""
    named = sorted({sectors[industry] for industry in industries if industry in sectors})
    return [[i for i, industry in enumerate(industries) if sectors.get(industry) == sector] for sector in named]


def _below(child: Array, parent: Array, parent_weight: float | Array, settings: Fusion) -> tuple[Array, Array]:
    """(T, N, K) pool of a child and its parent, capped, and how far it was from the parent before."""
    pooled = _weighted_pool(child, parent, parent_weight, settings.floor)
    pooled = np.where(complete(child)[..., None], pooled, np.nan)
    return capped(pooled, parent, settings.max_contradiction), distance(pooled, parent)


def _weighted_pool(child: Array, parent: Array, parent_weight: float | Array, floor: float) -> Array:
    """The logarithmic pool at weights 1 - w and w; the child as it is where the parent has none."""
    weight = np.broadcast_to(parent_weight, child.shape[:-1])
    pooled = log_pool(np.stack([child, parent]), np.stack([1.0 - weight, weight]), floor)
    alone = ~complete(parent) | (weight == 0.0)
    return np.where(alone[..., None], child, pooled)


def _described(aspect: str, labels: Sequence[str], pooled: Array, settings: Fusion) -> dict[str, pl.Series]:
    """Columns of STATES of one aspect, from (T, N, K) pools of the industries that have a row."""
    reach = min(CONFIRMATION_WINDOW, len(pooled))
    fast = smoothed(pooled, settings.half_life_fast_sessions, reach)
    slow = smoothed(pooled, settings.half_life_slow_sessions, 1)
    observed = np.where(complete(pooled[-reach:]), likeliest(fast), UNKNOWN)
    in_force = confirmed(observed, settings.confirmation_sessions)[-1]
    named = {f"p_{label}": pl.Series(p) for label, p in zip(labels, fast[-1].T, strict=True)}
    named |= {f"slow_p_{label}": pl.Series(p) for label, p in zip(labels, slow[-1].T, strict=True)}
    state = [None if place == UNKNOWN else labels[place] for place in in_force]
    return named | {aspect: pl.Series(state, dtype=pl.String())}


def _probabilities(both: pl.DataFrame, where: Panel, labels: Sequence[str]) -> Array:
    """(T, N, 3); NaN where an industry has no states."""
    return np.stack([where.dense(both[f"p_{label}"]) for label in labels], axis=-1)


def _of_market(market: pl.DataFrame, days: Sequence[dt.date], labels: Sequence[str]) -> Array:
    """(T, 3); rows of NaN where the market has no probabilities."""
    every = pl.DataFrame({"event_date": days}, schema={"event_date": pl.Date()})
    aligned = every.join(market, on="event_date", how="left", maintain_order="left")
    return aligned.select(pl.col(f"p_{label}").cast(pl.Float64).fill_null(np.nan) for label in labels).to_numpy()
