"""A strategy across stocks: the expected return of each tradable one on a session."""

import datetime as dt

import polars as pl

from my_research.settings import MyResearch


def straight_trends(
    efficiency: pl.DataFrame, universe: pl.DataFrame, session: dt.date, settings: MyResearch
) -> pl.DataFrame:
    """`alpha_bp` of expected return for each standard deviation above the mean of the tradable stocks.

    Args:
        efficiency: rows of PATH_EFFICIENCY.
        universe: rows of UNIVERSE.
        session: the session that is decided.

    Returns:
        Rows of STRAIGHT_TRENDS, one a tradable stock with a path; none where all paths are alike.
    """
    tradable = universe.filter("tradable").select("event_date", "symbol")
    known = efficiency.filter(event_date=session).join(tradable, on=["event_date", "symbol"], how="semi")
    scored = known.drop_nulls("efficiency").sort("symbol")
    std = scored["efficiency"].std()
    if std is None or std < 1e-12:
        scored = scored.clear()
    z = (pl.col("efficiency") - pl.col("efficiency").mean()) / pl.col("efficiency").std()
    return scored.select(
        "event_date",
        "symbol",
        horizon_sessions=pl.lit(settings.horizon_sessions, pl.Int32),
        alpha=z * (settings.alpha_bp * 1e-4),
        variance=pl.lit(settings.error_std**2),
    )
