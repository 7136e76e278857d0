"""Returns of industries, and features of each from its own past."""

import datetime as dt

import numpy as np
import polars as pl

from configs.settings import Features
from feature_store.schemas.features import INDUSTRY_RETURNS
from quant_assets.features.panel import Array, panel
from quant_assets.features.rolling import (
    Flags,
    index_over_highest,
    index_over_mean,
    least_of,
    total_return,
    window_deviation,
    window_mean,
)
from quant_assets.features.scores import tradable_on, with_industry
from quant_assets.features.stock import ANNUAL


def industry_returns(
    bars: pl.DataFrame, universe: pl.DataFrame, industries: pl.DataFrame, session: dt.date
) -> pl.DataFrame:
    """Equal-weighted total return of each industry's tradable members, across symbols.

    Args:
        bars: rows of ADJUSTED_BARS.
        universe: rows of UNIVERSE.
        industries: rows of INDUSTRIES; a symbol without one counts as "Unknown".
        session: only its rows are used.

    Returns:
        Rows of INDUSTRY_RETURNS, sorted by industry: log(1 + mean simple return) over the members with a return, null
        where none has one. An industry without tradable members has no row.
    """
    returns = bars.filter(event_date=session).select("symbol", "log_return")
    members = with_industry(tradable_on(universe, session), industries).join(
        returns, on="symbol", how="left", maintain_order="left"
    )
    grouped = members.sort("industry", "symbol").group_by("industry", maintain_order=True)
    lists = grouped.agg(pl.col("log_return").drop_nulls())
    rows = [(session, industry, *_equal_weighted(np.array(seen))) for industry, seen in lists.iter_rows()]
    schema = {name: INDUSTRY_RETURNS.schema[name] for name in ("event_date", "industry", "log_return", "n_members")}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _equal_weighted(log_returns: Array) -> tuple[float | None, int]:
    """Log of one plus the mean simple return, and how many returns there were."""
    n = len(log_returns)
    return (float(np.log1p(np.expm1(log_returns).mean())) if n else None), n


def industry_features(returns: pl.DataFrame, sessions: list[dt.date], settings: Features) -> pl.DataFrame:
    """Momentum, trend and volatility of each industry's equal-weighted return, along time.

    Args:
        returns: rows of INDUSTRY_RETURNS.
        sessions: the window, ascending; a value is exact once `LOOKBACK_SESSIONS` of it have passed, and the same bits
            wherever the window begins.
        settings: `min_observations_share`.

    Returns:
        Rows of INDUSTRY_FEATURES, one for each of `returns`; windows and missing values as in `stock_features`.
    """
    where = panel(returns, sessions, key="industry")
    features = _features(where.dense(returns["log_return"]), where.present(), settings.min_observations_share)
    return returns.select("event_date", "industry").with_columns(
        where.flat(values).alias(name) for name, values in features.items()
    )


def _features(returns: Array, present: Flags, share: float) -> dict[str, Array]:
    """Every feature by name, (T, N)."""
    least = {n: least_of(n, share) for n in (10, 21, 50, 63, 200, 231, 252)}
    squares = window_mean(returns * returns, 10, least[10])
    return {
        "return_10": window_mean(returns, 10, least[10]),
        "momentum_21": total_return(returns, present, 21, least[21]),
        "momentum_63": total_return(returns, present, 63, least[63]),
        "momentum_252_21": total_return(returns, present, 231, least[231], lag=21),
        "ma_gap_50": index_over_mean(returns, present, 50, least[50]),
        "ma_gap_200": index_over_mean(returns, present, 200, least[200]),
        "drawdown_252": index_over_highest(returns, present, 252, least[252]),
        "volatility_10": np.sqrt(squares) * ANNUAL,
        "volatility_21": window_deviation(returns, 21, least[21]) * ANNUAL,
        "volatility_63": window_deviation(returns, 63, least[63]) * ANNUAL,
    }
