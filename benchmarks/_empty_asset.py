"""The function of an asset that calculates nothing, apart so that nothing else is part of its code."""

import datetime as dt

import polars as pl


def as_given(given: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """The session's own rows of the input."""
    return given.filter(pl.col("event_date") == session)
