"""Which securities cross-sections and trades may use."""

import datetime as dt

import numpy as np
import polars as pl

from configs.settings import Market


def universe(
    members: pl.DataFrame, bars: pl.DataFrame, financials: pl.DataFrame, session: dt.date, settings: Market
) -> pl.DataFrame:
    """The session's securities; those with a bar, and with price and dollar volume above the floors, are tradable.

    Args:
        members: rows of MEMBERS; those of the session that are linked to a price series enter.
        bars: trailing window of BARS as known at the session, in stored order; all of it makes the mean dollar volume,
            but a late bar of an earlier session trades nothing today.
        financials: rows of COMPANY_FINANCIALS of the session; `market_cap_usd` is null for who has none.
        session: the partition.
        settings: floors; with `universe_source` "bars" every security with a bar on the session enters, member or not.

    Returns:
        Rows of UNIVERSE, sorted by symbol. `adv_usd` is the mean of close times volume over the window's bars that have
        a volume, null where none has; unknown liquidity is tradable only where its floor is 0.
    """
    today = bars.filter(event_date=session).select("symbol", close_usd="close")
    if settings.universe_source == "bars":
        eligible = today.select("symbol")
    else:
        eligible = members.filter(pl.col("event_date") == session, pl.col("linked")).select("symbol").unique()
    names = eligible.sort("symbol")
    above = (pl.col("close_usd") >= settings.min_price_usd) & (pl.col("adv_usd").fill_null(0.0) >= settings.min_adv_usd)
    return (
        names.with_columns(adv_usd=_mean_dollar_volume(bars, names["symbol"]))
        .join(today, on="symbol", how="left", maintain_order="left")
        .join(financials.select("symbol", "market_cap_usd"), on="symbol", how="left", maintain_order="left")
        .with_columns(has_bar=pl.col("close_usd").is_not_null())
        .select(
            "symbol",
            event_date=pl.lit(session, pl.Date),
            tradable=above.fill_null(value=False),
            has_bar="has_bar",
            close_usd="close_usd",
            adv_usd="adv_usd",
            market_cap_usd="market_cap_usd",
        )
    )


def _mean_dollar_volume(bars: pl.DataFrame, names: pl.Series) -> pl.Series:
    """Of each name, USD a session; null where no bar has a volume."""
    dollars = bars["close"] * bars["volume"]
    position = bars["symbol"].cast(pl.Enum(names), strict=False).to_physical()
    rows = position.is_not_null() & dollars.is_not_null()
    code, n = position.filter(rows).to_numpy(), len(names)
    # bincount adds row by row, in the stored order: the same bits whatever the threads
    total = np.bincount(code, weights=dollars.filter(rows).to_numpy(), minlength=n)
    count = np.bincount(code, minlength=n)
    mean = np.divide(total, count, out=np.full(n, np.nan), where=count > 0)
    return pl.Series("adv_usd", mean).fill_nan(None)
