"""How factors move together, and how stocks do."""

import datetime as dt

import numpy as np
import polars as pl

from configs.settings import Risk
from feature_store.schemas.risk import FACTOR_COVARIANCE, MARKET, STYLES
from quant_assets.numerics.arrays import Array, Mask
from quant_assets.numerics.units import SESSIONS_PER_YEAR
from quant_assets.risk.exposures import exposure_matrix
from quant_assets.risk.returns import observations, window_values


def factor_covariance(returns: pl.DataFrame, exposures: pl.DataFrame, session: dt.date, settings: Risk) -> pl.DataFrame:
    """Exponentially weighted covariance of the session's factors, truncated at the window.

    Squares and products are about zero: a mean of daily returns is noise. An industry or a style that had no return on
    a session of the window (Real Estate before 2016, momentum in its first year) counts there as one would expect:
    unrelated to the other factors, with the variance that is usual among its kind. Every session then adds a positive
    semidefinite matrix, so the whole is one, up to rounding.

    Args:
        returns: rows of FACTOR_RETURNS; those of the last `lookback_sessions` are used.
        exposures: rows of EXPOSURES; the session's stocks say which factors there are (see `exposure_matrix`).
        session: the partition.
        settings: `lookback_sessions`, `min_observations`, `factor_half_life`.

    Returns:
        Rows of FACTOR_COVARIANCE, sorted by factor and other; none while the market has fewer than `min_observations`
        returns.
    """
    factors = sorted(exposure_matrix(exposures.filter(event_date=session))[0])
    x = window_values(returns, "simple_return", factors, session, settings.lookback_sessions, key="factor")
    known = observations(x)
    if MARKET not in factors or known[factors.index(MARKET)] < settings.min_observations:
        return _rows(session, [], np.empty((0, 0)))
    weight = decay(len(x), settings.factor_half_life)
    cross_sections = ~np.isnan(x[:, factors.index(MARKET)])
    x, weight = x[cross_sections], weight[cross_sections]
    typical = _typical_variance(x, weight, factors, known >= settings.min_observations)
    return _rows(session, factors, weighted_covariance(x, weight, typical) * SESSIONS_PER_YEAR)


def _rows(session: dt.date, factors: list[str], covariance: Array) -> pl.DataFrame:
    n = len(factors)
    return pl.DataFrame(
        {
            "event_date": [session] * n**2,
            "factor": [name for name in factors for _ in range(n)],
            "other": factors * n,
            "covariance_annual": covariance.ravel(),
        },
        schema=FACTOR_COVARIANCE.computed_schema,
    )


def decay(n_rows: int, half_life: float) -> Array:
    """(T,) weights of a window's rows: 1 for the last, half as much every `half_life` rows before it."""
    weights: Array = 0.5 ** (np.arange(n_rows)[::-1] / half_life)
    return weights


def weighted_covariance(x: Array, weight: Array, typical: Array) -> Array:
    """Weighted mean of the rows' products about zero; a missing value adds its typical variance and no covariance.

    Args:
        x: (T, K) per session, NaN where missing.
        weight: (T,), not all 0.
        typical: (K,) variance that a missing value stands for, not negative.

    Returns:
        (K, K) per session, positive semidefinite up to rounding.
    """
    normalized = weight / weight.sum()
    missing = np.isnan(x)
    scaled = np.sqrt(normalized)[:, None] * np.where(missing, 0.0, x)
    covariance: Array = scaled.T @ scaled
    covariance[np.diag_indices(x.shape[1])] += typical * (normalized[:, None] * missing).sum(axis=0)
    return covariance


def _typical_variance(x: Array, weight: Array, factors: list[str], long_enough: Mask) -> Array:
    """(K,) median weighted mean square among factors of the same kind with a long enough past, else among all."""
    seen = ~np.isnan(x)
    total = np.where(seen, weight[:, None], 0.0).sum(axis=0)
    squares = np.where(seen, weight[:, None] * x**2, 0.0).sum(axis=0)
    variance = squares / np.where(total > 0, total, 1.0)
    is_style = np.isin(factors, STYLES)
    typical = np.empty(len(factors))
    for kind in (is_style, ~is_style):
        pool = kind & long_enough & (np.array(factors) != MARKET)
        typical[kind] = np.median(variance[pool if pool.any() else long_enough])
    return typical


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
    std = np.sqrt(variance)
    target, mean = _constant_correlation_target(sample)
    pi = (x**2).T @ (x**2) / n_rows - sample**2  # asymptotic variance of each entry
    theta = (x**3).T @ x / n_rows - variance[:, None] * sample  # [i, j]: covariance of entries ii and ij
    np.fill_diagonal(theta, 0.0)
    rho = pi.diagonal().sum() + mean * (std / std[:, None] * theta).sum()
    distance = ((sample - target) ** 2).sum()
    # two assets have one correlation, which is its own target: nothing to shrink towards
    intensity = (pi.sum() - rho) / distance / n_rows if distance > 1e-24 * (sample**2).sum() else 0.0
    shrinkage = float(min(max(intensity, 0.0), 1.0))
    return shrinkage * target + (1.0 - shrinkage) * sample, shrinkage


def _constant_correlation_target(sample: Array) -> tuple[Array, float]:
    """The covariance with every correlation replaced by their mean, and that mean."""
    std = np.sqrt(sample.diagonal())
    scale = np.outer(std, std)
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
