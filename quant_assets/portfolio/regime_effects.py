"""What regimes may do to a portfolio: tilts and multiples in a crisis, as far as matured outcomes bear them out."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl

from configs.settings import EstimatedEffects, FixedEffects, Portfolio
from feature_store.schemas.portfolio import EFFECTS, REGIME_EFFECTS
from quant_assets.numerics.arrays import Array
from quant_assets.numerics.block_slope import BlockSlope, block_slope
from quant_assets.numerics.units import BASIS_POINT

NO_TILT, NO_MULTIPLE = 0.0, 1.0
NONE = BlockSlope(float("nan"), float("nan"), 0)


@dataclass(frozen=True)
class Effect:
    """A value in force, and the slope that it comes from; `NONE` where it was stated."""

    value: float
    slope: BlockSlope = NONE


@dataclass(frozen=True)
class Panel:
    """(T, N) by session and industry, NaN where unknown: predictors of session t, and returns in it.

    Attributes:
        trend: p_bull − p_bear.
        crisis: p_crisis.
        returns: log.
    """

    trend: Array
    crisis: Array
    returns: Array


def regime_effects(states: pl.DataFrame, returns: pl.DataFrame, session: dt.date, settings: Portfolio) -> pl.DataFrame:
    """Tilt and multiples in force from the session on.

    - trend_tilt: slope of an industry's return over the horizon, less the mean of all, on its p_bull − p_bear, less the
      mean of all.
    - crisis_band: exp(−slope) of the log volatility of an industry's return less the mean of all, over the horizon and
      about the industry's own mean, on its p_crisis: a band that keeps the risk that may be taken.
    - crisis_volatility: (a + slope) / a of the mean return of all over the horizon, in units of its volatility of the
      sessions before, a + slope · mean p_crisis: the volatility that is optimal goes with the Sharpe ratio.

    An estimated effect counts if its t over blocks passes the level of significance, shrunk by 1 − 1/t²; an effect of a
    crisis only lowers. Else the tilt is 0 and a multiple is 1.

    Args:
        states: p_bull, p_bear, p_crisis by event_date and industry, up to the session.
        returns: log_return by event_date and industry, up to the session; an outcome that ends later is left out.

    Returns:
        Rows of REGIME_EFFECTS.

    Source: James and Stein (1961) for the shrinkage, Merton (1969) for the multiple of volatility.
    """
    chosen = settings.regime_effects
    if isinstance(chosen, FixedEffects):
        found = _stated(chosen)
    else:
        assert isinstance(chosen, EstimatedEffects)
        found = estimated(panel(states, returns), settings.horizon_sessions, chosen)
    level = chosen.significance if isinstance(chosen, EstimatedEffects) else None
    rows = [_row(name, found[name], level, session) for name in EFFECTS]
    return pl.DataFrame(rows, schema=REGIME_EFFECTS.computed_schema).with_columns(pl.col(pl.Float64).fill_nan(None))


def estimated(data: Panel, horizon: int, settings: EstimatedEffects) -> dict[str, Effect]:
    """Effects by name; outcomes that are not yet complete are left out."""
    tilt = tilt_slope(data, horizon)
    limit = settings.max_tilt_bp * BASIS_POINT
    band, (sharpe, intercept) = band_slope(data, horizon), sharpe_slope(data, horizon)
    return {
        "trend_tilt": Effect(float(np.clip(_earned(tilt, settings), -limit, limit)), tilt),
        "crisis_band": Effect(_lowered(np.exp(-max(0.0, _earned(band, settings))), settings), band),
        "crisis_volatility": Effect(_lowered(_of_sharpe(intercept, _earned(sharpe, settings)), settings), sharpe),
    }


def panel(states: pl.DataFrame, returns: pl.DataFrame) -> Panel:
    """States and returns of the sessions and industries of the returns."""
    both = returns.join(states, on=["event_date", "industry"], how="left").sort("event_date", "industry")
    both = both.with_columns(trend=pl.col("p_bull") - pl.col("p_bear"))
    trend, crisis, values = (_wide(both, name) for name in ("trend", "p_crisis", "log_return"))
    return Panel(trend, crisis, values)


def tilt_slope(data: Panel, horizon: int) -> BlockSlope:
    """Of returns over the horizon across industries, both sides about the session's mean."""
    ahead = _ahead(data.returns, horizon)
    known = np.isfinite(data.trend) & np.isfinite(ahead)
    x, y = (_about_the_mean(np.where(known, values, np.nan), axis=1) for values in (data.trend, ahead))
    return block_slope(_sums(x * y), _sums(x * x), horizon)


def band_slope(data: Panel, horizon: int) -> BlockSlope:
    """Of the log volatility of relative returns over the horizon, both sides about the industry's mean."""
    relative = _about_the_mean(data.returns, axis=1)
    variance = _ahead(relative**2, horizon) / horizon
    volatility = 0.5 * np.log(variance, out=np.full_like(variance, np.nan), where=variance > 0)
    known = np.isfinite(data.crisis) & np.isfinite(volatility)
    x, y = (_about_the_mean(np.where(known, values, np.nan), axis=0) for values in (data.crisis, volatility))
    return block_slope(_sums(x * y), _sums(x * x), horizon)


def sharpe_slope(data: Panel, horizon: int) -> tuple[BlockSlope, float]:
    """Of the mean return over the horizon in units of its trailing volatility; with what it is without a crisis."""
    market = _mean(data.returns, axis=1)
    trailing = np.sqrt(_behind(market**2, horizon))
    scaled = np.divide(
        _ahead(market[:, None], horizon)[:, 0], trailing, out=np.full_like(market, np.nan), where=trailing > 0
    )
    x = _mean(data.crisis, axis=1)
    known = np.isfinite(x) & np.isfinite(scaled)
    if not known.any():
        return NONE, float("nan")
    x, y = np.where(known, x, np.nan), np.where(known, scaled, np.nan)
    about = x - np.nanmean(x)
    slope = block_slope(about * (y - np.nanmean(y)), about**2, horizon)
    return slope, float(np.nanmean(y) - slope.slope * np.nanmean(x))


# -- what counts -------------------------------------------------------------------------------------------------------


def _earned(slope: BlockSlope, settings: EstimatedEffects) -> float:
    """The slope, shrunk, where its t passes; else 0."""
    if slope.n_blocks < settings.min_blocks or not abs(slope.t) > slope.needed_t(settings.significance):
        return 0.0
    return slope.slope * max(0.0, 1.0 - 1.0 / slope.t**2)


def _of_sharpe(without: float, slope: float) -> float:
    """Multiple of the volatility in a sure crisis; 1 where there is nothing to compare it with."""
    return 1.0 + slope / without if without > 0 and slope < 0 else NO_MULTIPLE


def _lowered(multiple: float, settings: EstimatedEffects) -> float:
    return float(np.clip(multiple, settings.lowest_multiple, NO_MULTIPLE))


def _stated(settings: FixedEffects) -> dict[str, Effect]:
    return {
        "trend_tilt": Effect(settings.trend_tilt_bp * BASIS_POINT),
        "crisis_band": Effect(settings.crisis_band_multiple),
        "crisis_volatility": Effect(settings.crisis_volatility_multiple),
    }


def _row(name: str, effect: Effect, level: float | None, session: dt.date) -> dict[str, object]:
    slope = effect.slope
    needed = slope.needed_t(level) if level and slope.n_blocks > 1 else None
    return {
        "event_date": session, "effect": name, "value": effect.value, "slope": slope.slope, "t": slope.t,
        "n_blocks": slope.n_blocks if level else None, "needed_t": needed, "fit_session": session,
    }  # fmt: skip


# -- arrays ------------------------------------------------------------------------------------------------------------


def _wide(rows: pl.DataFrame, name: str) -> Array:
    """(T, N) by ascending event_date and industry."""
    wide = rows.pivot("industry", index="event_date", values=name, sort_columns=True).sort("event_date")
    values: Array = wide.drop("event_date").cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return values


def _ahead(values: Array, horizon: int) -> Array:
    """(T, N) sums of the `horizon` sessions after each; NaN where one is missing or has not come yet."""
    total = np.full_like(values, np.nan)
    n = len(values) - horizon
    if n > 0:
        windows = np.lib.stride_tricks.sliding_window_view(values[1:], horizon, axis=0)
        total[:n] = windows.sum(axis=-1)
    return total


def _behind(values: Array, horizon: int) -> Array:
    """(T,) sums of the `horizon` sessions up to each; NaN where there are fewer."""
    total = np.full_like(values, np.nan)
    if len(values) >= horizon:
        total[horizon - 1 :] = np.lib.stride_tricks.sliding_window_view(values, horizon).sum(axis=-1)
    return total


def _mean(values: Array, axis: int) -> Array:
    """Of the known values; NaN where there are none."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    mean: Array = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    return mean


def _about_the_mean(values: Array, axis: int) -> Array:
    return values - np.expand_dims(_mean(values, axis), axis)


def _sums(products: Array) -> Array:
    """(T,) sums over industries of what is known; NaN where nothing is."""
    known = np.isfinite(products)
    return np.where(known.any(axis=1), np.where(known, products, 0.0).sum(axis=1), np.nan)
