"""Test-only assets of the kinds that the graph does not have yet, and one that reads late rows itself."""

import datetime as dt

import numpy as np
import polars as pl

from feature_store.schemas.market import ADJUSTED_BARS, BARS
from quant_assets.engine.asset import ModelFit, TimeSeries, trailing
from tests.engine.market import dense, valued


def exponential_average(bars: pl.DataFrame, sessions: list[dt.date]) -> pl.DataFrame:
    """A recursion from the window's first session on; missing returns leave it as it is."""
    parts = [pl.DataFrame(schema={"event_date": pl.Date, "symbol": pl.String, "value": pl.Float64})]
    for part in dense(bars, sessions).partition_by("symbol", maintain_order=True):
        level, levels = 0.0, []
        for r in part["log_return"]:  # each value rests on the one before
            level = level if r is None else 0.9 * level + 0.1 * r
            levels.append(level)
        values = part.select("event_date", "symbol", "close").with_columns(value=pl.Series(levels, dtype=pl.Float64))
        parts.append(values.filter(pl.col("close").is_not_null()).drop("close"))
    return pl.concat(parts)


def mean_close(bars: pl.DataFrame, sessions: list[dt.date]) -> pl.DataFrame:
    """Mean of the closes of the last five sessions, where the session has one."""
    last = pl.mean_horizontal(*(pl.col("close").shift(i).over("symbol") for i in range(5)))
    rows = dense(bars, sessions).with_columns(value=last).filter(pl.col("close").is_not_null())
    return rows.select("event_date", "symbol", "value")


def warm_level(bars: pl.DataFrame, previous: pl.DataFrame | None, session: dt.date, seed: int) -> pl.DataFrame:
    """Starts at the last fit and goes a part of the way to the window's mean."""
    means = bars.sort("symbol", "event_date").group_by("symbol", maintain_order=True).agg(pl.col("close").mean())
    noise = np.random.default_rng(seed).random(means.height)
    values = means.with_columns(noise=noise).sort("symbol")
    if previous is not None:
        values = values.join(previous.select("symbol", before="value"), on="symbol", how="left")
        values = values.with_columns(close=pl.col("before").fill_null(pl.col("close")) * 0.7 + pl.col("close") * 0.3)
    return values.select(
        pl.lit(session, pl.Date).alias("event_date"), "symbol", value=pl.col("close") + pl.col("noise")
    )


AVERAGE = TimeSeries(valued("laws/average"), exponential_average, {"bars": trailing(ADJUSTED_BARS, 10)}, anchor="year")
MEAN_CLOSE = TimeSeries(valued("laws/mean_close"), mean_close, {"bars": trailing(BARS, 5)})
WARM = ModelFit(valued("laws/warm"), warm_level, {"bars": trailing(BARS, 10)}, chained=True)
ASSETS = [AVERAGE, MEAN_CLOSE, WARM]
