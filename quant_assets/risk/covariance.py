"""How stocks move together."""

import datetime as dt
import math

import numpy as np
import polars as pl

from configs.settings import Risk
from feature_store.schemas.risk import COVARIANCE
from quant_assets.features.panel import Array, panel, window, window_sessions

SESSIONS_PER_YEAR = 252
MAX_CORRELATION = 0.99  # at 1 the covariance is singular and hedges look free


def constant_correlation(bars: pl.DataFrame, universe: pl.DataFrame, session: dt.date, settings: Risk) -> pl.DataFrame:
    """Volatility of each tradable stock and one correlation for all pairs.

    Args:
        bars: rows of ADJUSTED_BARS; simple returns of the last `lookback_sessions` up to the session are used.
        universe: rows of UNIVERSE; tradable securities of the session are estimated.
        session: the partition.
        settings: `lookback_sessions`, `min_observations`.

    Returns:
        Rows of COVARIANCE, sorted by symbol. A stock with fewer than `min_observations` returns, or whose price never
        moved, has no row. The correlation is the mean of all pairs, between 0 and 0.99 (0 for one stock alone).
    """
    tradable = universe.filter(pl.col("event_date") == session, pl.col("tradable")).select("symbol")
    seen = (
        window(bars, session, settings.lookback_sessions)
        .select("event_date", "symbol", "log_return")
        .drop_nulls()
        .join(tradable, on="symbol", how="semi")
    )
    where = panel(seen, window_sessions(session, settings.lookback_sessions))
    returns = np.expm1(where.dense(seen["log_return"]))
    count, deviation = observations(returns), sample_deviation(returns)
    kept = (count >= settings.min_observations) & (deviation > 0)
    return pl.DataFrame(
        {
            "event_date": [session] * int(kept.sum()),
            "symbol": np.array(where.symbols, dtype=object)[kept].tolist(),
            "volatility_annual": deviation[kept] * math.sqrt(SESSIONS_PER_YEAR),
            "correlation": np.full(int(kept.sum()), _bounded(mean_correlation(returns[:, kept]))),
            "n_observations": count[kept],
        },
        schema={name: dtype for name, dtype in COVARIANCE.schema.items() if name != "known_at"},
    )


def _bounded(correlation: float) -> float:
    return 0.0 if math.isnan(correlation) else min(max(correlation, 0.0), MAX_CORRELATION)


def observations(x: Array) -> Array:
    """(N,) number of values that are not NaN in each column."""
    count: Array = (~np.isnan(x)).sum(axis=0)
    return count


def sample_deviation(x: Array) -> Array:
    """(N,) sample deviation of each column's observed values; NaN with fewer than two."""
    count = observations(x)
    centred = _centred(x)
    deviation: Array = np.sqrt((centred**2).sum(axis=0) / np.where(count > 1, count - 1, np.nan))
    return deviation


def _centred(x: Array) -> Array:
    """`x` less each column's mean of observed values; 0 where missing."""
    seen = ~np.isnan(x)
    mean = np.where(seen, x, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    return np.where(seen, x - mean, 0.0)


def mean_correlation(x: Array) -> float:
    """Mean correlation of all pairs of columns, without forming the pairs.

    With z the standardized columns, the sum over pairs i != j of z_i z_j on one row is (sum z)^2 - sum z^2. Where
    values are missing each pair counts by its common rows, and each column is standardized over its own; with none
    missing this is exactly the mean of the correlation matrix off its diagonal.

    Args:
        x: (T, N), NaN where missing; columns have spread.

    Returns:
        NaN when no two columns share a row.
    """
    count = observations(x)
    centred = _centred(x)
    z = centred / np.sqrt((centred**2).sum(axis=0) / np.maximum(count, 1))
    present = (~np.isnan(x)).sum(axis=1)
    pairs = float((present * (present - 1)).sum())
    return float((z.sum(axis=1) ** 2 - (z**2).sum(axis=1)).sum()) / pairs if pairs else math.nan


def ledoit_wolf_constant_correlation(returns: Array) -> tuple[Array, float]:
    """Sample covariance shrunk towards constant correlation.

    Args:
        returns: (T, N) per session, complete, every column with spread.

    Returns:
        (N, N) covariance per session, with divisor T, and the shrinkage in [0, 1] (1 is the target alone).

    Raises:
        ValueError: missing values, a column without spread, or fewer than two rows or columns.

    Source: Ledoit and Wolf (2004), Honey, I shrunk the sample covariance matrix, Journal of Portfolio Management 30(4).
    """
    _require_complete(returns)
    n_rows = len(returns)
    x = returns - returns.mean(axis=0)
    sample = x.T @ x / n_rows
    variance = sample.diagonal()
    deviation = np.sqrt(variance)
    target, mean = _constant_correlation_target(sample)
    pi = (x**2).T @ (x**2) / n_rows - sample**2  # asymptotic variance of each entry
    theta = (x**3).T @ x / n_rows - variance[:, None] * sample  # [i, j]: covariance of entries ii and ij
    np.fill_diagonal(theta, 0.0)
    rho = pi.diagonal().sum() + mean * (deviation / deviation[:, None] * theta).sum()
    distance = ((sample - target) ** 2).sum()
    # two assets have one correlation, which is its own target: nothing to shrink towards
    intensity = (pi.sum() - rho) / distance / n_rows if distance > 1e-24 * (sample**2).sum() else 0.0
    shrinkage = float(min(max(intensity, 0.0), 1.0))
    return shrinkage * target + (1.0 - shrinkage) * sample, shrinkage


def _constant_correlation_target(sample: Array) -> tuple[Array, float]:
    """The covariance with every correlation replaced by their mean, and that mean."""
    deviation = np.sqrt(sample.diagonal())
    scale = np.outer(deviation, deviation)
    n = len(sample)
    mean = float(((sample / scale).sum() - n) / (n * (n - 1)))
    target = mean * scale
    np.fill_diagonal(target, sample.diagonal())
    return target, mean


def _require_complete(returns: Array) -> None:
    if returns.ndim != 2 or min(returns.shape) < 2:
        raise ValueError(f"returns have shape {returns.shape}; pass (T, N) with at least two sessions and two assets")
    if not np.isfinite(returns).all():
        raise ValueError("returns hold missing values; pass sessions on which every asset has a return")
    if not (returns.std(axis=0) > 0).all():
        raise ValueError(f"column {int(np.argmin(returns.std(axis=0)))} never moves; leave it out")
