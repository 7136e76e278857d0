"""Dates of knowledge by rule, as Polars expressions."""

import datetime as dt

import polars as pl

from feature_store.dataset import KNOWN_AT


def end_of_day(day: pl.Expr) -> pl.Expr:
    """Column form of `feature_store.decision_time.end_of_day`."""
    return _in_new_york(day, pl.duration(hours=23, minutes=59, seconds=59))


def morning_of(day: pl.Expr) -> pl.Expr:
    """Column form of `feature_store.decision_time.morning_of`."""
    return _in_new_york(day, pl.duration(hours=8))


def _in_new_york(day: pl.Expr, clock: pl.Expr) -> pl.Expr:
    wall = day.cast(pl.Datetime("us")) + clock
    return wall.dt.replace_time_zone("America/New_York").dt.convert_time_zone("UTC").cast(KNOWN_AT)


def literal(moment: dt.datetime) -> pl.Expr:
    """A UTC moment, typed as `known_at` is stored."""
    return pl.lit(moment.astimezone(dt.UTC)).cast(KNOWN_AT)
