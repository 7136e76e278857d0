"""What each stock is exposed to: the market, its industry and five styles."""

import datetime as dt

import numpy as np
import polars as pl

from configs.settings import Risk
from feature_store.schemas.risk import EXPOSURES, MARKET, STYLES
from quant_assets.features.scores import with_industry
from quant_assets.numerics.arrays import Array
from quant_assets.risk.returns import window_returns

STYLE_FEATURES = ("momentum_252_21", "volatility_63", "reversal_21")  # of STOCK_FEATURES
STOCKS_PER_FACTOR = 2  # with fewer, factors explain the noise of single stocks, and specific risk vanishes
INDUSTRY = "industry:"
PASSES = 10  # of centring, scaling and limiting; skewed values would go on for ever


def exposures(
    bars: pl.DataFrame,
    features: pl.DataFrame,
    universe: pl.DataFrame,
    industries: pl.DataFrame,
    session: dt.date,
    settings: Risk,
) -> pl.DataFrame:
    """Industry, styles and regression weight of each tradable stock, across symbols.

    The styles are beta (to the equal-weighted mean of the same stocks over the window), momentum (252 sessions but the
    last 21), volatility (63 sessions), liquidity (log of the mean dollar volume) and reversal (21 sessions), each
    standardized. A style that is not known for a stock, a new listing for example, enters as 0, the weighted mean, so
    that the stock still has exposures. Weights go with the root of the mean dollar volume: no capitalisation is known.

    Args:
        bars: rows of ADJUSTED_BARS; returns of the last `lookback_sessions` are used.
        features: rows of STOCK_FEATURES.
        universe: rows of UNIVERSE; tradable ones with a positive `adv_usd`, without which there is no weight.
        industries: rows of INDUSTRIES; a symbol without one is in "Unknown".
        session: the partition.
        settings: `lookback_sessions`, `min_observations`, `exposure_limit`.

    Returns:
        Rows of EXPOSURES, sorted by symbol.
    """
    eligible = universe.filter(pl.col("event_date") == session, pl.col("tradable"), pl.col("adv_usd") > 0)
    stocks = with_industry(eligible.select("event_date", "symbol", "adv_usd").sort("symbol"), industries)
    known = stocks.join(features.filter(event_date=session), on="symbol", how="left", maintain_order="left")
    dollars = known["adv_usd"].to_numpy()
    weight = np.sqrt(dollars) / np.sqrt(dollars).sum()
    returns = window_returns(bars, known["symbol"].to_list(), session, settings.lookback_sessions)
    styles = {
        "beta": betas(returns, settings.min_observations),
        "momentum": _values(known["momentum_252_21"]),
        "volatility": _values(known["volatility_63"]),
        "liquidity": np.log(dollars),
        "reversal": _values(known["reversal_21"]),
    }
    frame = stocks.with_columns(
        *(pl.Series(name, standardized(styles[name], weight, settings.exposure_limit)) for name in STYLES),
        pl.Series("weight", weight),
    )
    return frame.select(*EXPOSURES.computed_schema)


def _values(column: pl.Series) -> Array:
    values: Array = column.fill_null(np.nan).to_numpy()
    return values


def betas(returns: Array, min_count: int) -> Array:
    """Slope of each column on the mean of the columns, over the rows in which the column is observed.

    Args:
        returns: (T, N) simple, NaN where missing.
        min_count: rows that a slope needs.

    Returns:
        (N,), NaN with fewer rows, or where the mean did not move in them.
    """
    seen = ~np.isnan(returns)
    there, filled = seen.astype(np.float64), np.where(seen, returns, 0.0)
    market = filled.sum(axis=1) / np.maximum(there.sum(axis=1), 1.0)
    moved = market - market.mean()  # any constant cancels below; this one keeps the differences exact
    count, total = there.sum(axis=0), moved @ there
    covariance = moved @ filled - total * filled.sum(axis=0) / np.maximum(count, 1.0)
    squares = moved**2 @ there
    variance = squares - total**2 / np.maximum(count, 1.0)
    # a market that never moves leaves a few ulps
    enough = (count >= min_count) & (variance > 1e-12 * (market**2 @ there))
    slope: Array = covariance / np.where(enough, variance, np.nan)
    return slope


def standardized(x: Array, weight: Array, limit: float) -> Array:
    """Weighted mean zero, sample standard deviation one, none beyond `limit`; 0 where `x` is NaN or nothing differs.

    Values beyond the limit are moved there and the rest is centred and scaled again, until none lies beyond. Skewed
    values are only nearly done after ten passes: then the limit holds, and mean and standard deviation hold nearly.
    Mean and standard deviation are of the values that are not NaN, and zeros leave the mean as it is.

    Args:
        x, weight: (N,); weights are positive.
    """
    seen = ~np.isnan(x)
    out = np.zeros_like(x)
    if seen.sum() > 1 and _spread(x[seen]):
        out[seen] = _within(x[seen], weight[seen], limit)
    return out


def _spread(x: Array) -> bool:
    # equal values leave a standard deviation of a few ulps, whose scores would be noise
    return bool(x.std(ddof=1) > 1e-12 * np.abs(x).max())


def _within(x: Array, weight: Array, limit: float) -> Array:
    limited = x
    for _ in range(PASSES):
        x = (limited - weight @ limited / weight.sum()) / limited.std(ddof=1)
        limited = np.clip(x, -limit, limit)
        if np.array_equal(limited, x):
            break
    return limited


def exposure_matrix(exposures: pl.DataFrame) -> tuple[list[str], Array]:
    """The factors of a session and each stock's exposure to them.

    Market, then industries, then styles. A style that is 0 throughout is no factor. With fewer than two stocks for each
    free coefficient, industries or styles (or both) are left out, and what they would explain stays specific.

    Args:
        exposures: rows of EXPOSURES of one session.

    Returns:
        The names of K factors, and (N, K) in the order of the rows.
    """
    n = len(exposures)
    names: list[str] = sorted(exposures["industry"].unique())
    industry = exposures["industry"].to_numpy()
    blocks = [
        # the industries' returns sum to zero by weight, so one of them is not free
        (len(names) - 1, {INDUSTRY + name: (industry == name).astype(np.float64) for name in names}),
        _styles(exposures),
    ]
    columns, free = ({MARKET: np.ones(n)} if n else {}), 1
    for more, block in blocks:
        if n >= STOCKS_PER_FACTOR * (free + more):
            columns, free = columns | block, free + more
    return list(columns), np.column_stack(list(columns.values())) if columns else np.empty((0, 0))


def _styles(exposures: pl.DataFrame) -> tuple[int, dict[str, Array]]:
    moved = {name: exposures[name].to_numpy() for name in STYLES if (exposures[name] != 0).any()}
    return len(moved), moved
