"""Which securities cross-sections and trades may use."""

import datetime as dt

import polars as pl

from configs.settings import Market


def universe(members: pl.DataFrame, bars: pl.DataFrame, session: dt.date, settings: Market) -> pl.DataFrame:
    """The session's securities, and whether each has a bar to trade on.

    Args:
        members: rows of MEMBERS; those of the session that are linked to a price series enter.
        bars: rows of BARS as known at the session; late bars of earlier sessions trade nothing today.
        session: the partition.
        settings: with `universe_source` "bars" every security with a bar on the session enters instead.

    Returns:
        Rows of UNIVERSE, sorted by symbol.
    """
    traded = bars.filter(event_date=session).select("symbol").unique()
    if settings.universe_source == "bars":
        chosen = traded
    else:
        chosen = members.filter(pl.col("event_date") == session, pl.col("linked")).select("symbol").unique()
    return chosen.sort("symbol").select(
        "symbol",
        event_date=pl.lit(session, pl.Date),
        tradable=pl.col("symbol").is_in(traded["symbol"].implode()),
    )
