"""Dates of knowledge by rule, as Polars expressions."""

import datetime as dt

import polars as pl

from feature_store import sessions
from feature_store.dataset import KNOWN_AT


def end_of_day(day: pl.Expr) -> pl.Expr:
    """Column form of `feature_store.decision_time.end_of_day`."""
    return _in_new_york(day, pl.duration(hours=23, minutes=59, seconds=59))


def morning_of(day: pl.Expr) -> pl.Expr:
    """Column form of `feature_store.decision_time.morning_of`."""
    return _in_new_york(day, pl.duration(hours=8))


def day_of(moment: pl.Expr) -> pl.Expr:
    """The calendar day in New York."""
    return moment.dt.convert_time_zone("America/New_York").dt.date()


def on_sessions(known_at: pl.Series) -> pl.Series:
    """`known_at`, moved to the end of the next session where its day has no trading."""
    day = known_at.to_frame("known_at").select(day_of(pl.col("known_at"))).to_series()
    closed = [d for d in day.drop_nulls().unique() if not sessions.is_session(d)]
    moved = day.replace(closed, [sessions.at_or_after(d) for d in closed])
    return (
        pl.DataFrame({"known_at": known_at, "day": day, "moved": moved})
        .select(pl.when(pl.col("moved") == pl.col("day")).then("known_at").otherwise(end_of_day(pl.col("moved"))))
        .to_series()
    )


def _in_new_york(day: pl.Expr, clock: pl.Expr) -> pl.Expr:
    wall = day.cast(pl.Datetime("us")) + clock
    return wall.dt.replace_time_zone("America/New_York").dt.convert_time_zone("UTC").cast(KNOWN_AT)


def literal(moment: dt.datetime) -> pl.Expr:
    """A UTC moment, typed as `known_at` is stored."""
    return pl.lit(moment.astimezone(dt.UTC)).cast(KNOWN_AT)
