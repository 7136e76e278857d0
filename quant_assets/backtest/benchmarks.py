"""Benchmarks as levels that a book's net asset value can stand beside."""

import datetime as dt
from collections.abc import Sequence

import polars as pl


def levels(benchmarks: pl.DataFrame, sessions: Sequence[dt.date]) -> pl.DataFrame:
    """Total return index of each benchmark over the sessions.

    Args:
        benchmarks: rows of ADJUSTED_BENCHMARKS, one a symbol and session; those outside the sessions are not looked at.
        sessions: ascending.

    Returns:
        event_date, symbol, level: one row a benchmark and session, sorted by symbol and session. The level is 1 on the
        first session with a bar, null without a bar, and null from a gap on over which no return is known.
    """
    days = pl.DataFrame({"event_date": list(sessions)}, schema={"event_date": pl.Date})
    follows = pl.int_range(pl.len()).over("symbol") > 0
    step = pl.when(follows).then("log_return").otherwise(0.0)
    known = (
        benchmarks.join(days, on="event_date", how="semi")
        .sort("symbol", "event_date")
        .with_columns(step=step)
        .with_columns(broken=pl.col("step").is_null().cum_max().over("symbol"))
        .with_columns(level=pl.when(~pl.col("broken")).then(pl.col("step").cum_sum().over("symbol").exp()))
    )
    grid = known.select("symbol").unique(maintain_order=True).join(days, how="cross")
    return grid.join(known, on=["symbol", "event_date"], how="left", maintain_order="left").select(
        "event_date", "symbol", "level"
    )
