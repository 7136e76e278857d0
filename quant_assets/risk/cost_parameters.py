"""What trading each stock costs."""

import datetime as dt

import polars as pl

from configs.settings import Risk
from feature_store.schemas.risk import COST_PARAMETERS
from quant_assets.risk.returns import observations, sample_std, window_returns

MIN_OBSERVATIONS = 21  # a month of returns; fewer say little of a volatility


def cost_parameters(bars: pl.DataFrame, universe: pl.DataFrame, session: dt.date, settings: Risk) -> pl.DataFrame:
    """Half a spread, dollar volume and volatility of each stock of the universe with a bar, across symbols.

    The spread is `spread_floor_bp` for every stock: spreads estimated from the daily bars of one name are useless below
    about 50 bp, and most of these trade well inside that. Stocks that are not tradable have a row too: those that
    are held may have to be sold.

    Args:
        bars: rows of ADJUSTED_BARS; returns of the last `volatility_sessions` are used.
        universe: rows of UNIVERSE, for `has_bar` and `adv_usd`.
        session: the partition.
        settings: `spread_floor_bp`, `volatility_sessions`.

    Returns:
        Rows of COST_PARAMETERS, sorted by symbol. A stock without dollar volume, with fewer than 21 returns or whose
        price never moved has no row.
    """
    stocks = universe.filter(pl.col("event_date") == session, pl.col("has_bar"), pl.col("adv_usd") > 0).sort("symbol")
    returns = window_returns(bars, stocks["symbol"].to_list(), session, settings.volatility_sessions)
    volatility = sample_std(returns)
    known = (observations(returns) >= MIN_OBSERVATIONS) & (volatility > 0)
    return (
        stocks.with_columns(
            pl.Series("volatility_daily", volatility), half_spread_bp=pl.lit(settings.spread_floor_bp / 2)
        )
        .filter(pl.Series(known))
        .select(*COST_PARAMETERS.computed_schema)
    )
