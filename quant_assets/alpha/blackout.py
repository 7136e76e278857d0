"""Which stocks stand too near an earnings announcement for a signal to be worth something."""

import datetime as dt

import polars as pl

from configs.settings import EarningsBlackout
from feature_store import sessions

# A date may be announced up to a year ahead.
LOOKBACK_SESSIONS = 273


def in_blackout(
    symbols: pl.Series, earnings_dates: pl.DataFrame, session: dt.date, settings: EarningsBlackout
) -> pl.Series:
    """(N,) whether an announcement is known to lie within the next `before` sessions or lay within the last `after`.

    With `before` 1 a stock is out on the session before its announcement, with `after` 1 on the session of it. All null
    where both are 0: there is no blackout.

    Args:
        symbols: (N,) of the stocks.
        earnings_dates: rows of EARNINGS_DATES as known at the session; one without a `time_of_day` is withdrawn.
    """
    if not settings.sessions:
        return pl.repeat(None, len(symbols), dtype=pl.Boolean, eager=True).alias("in_blackout")
    # days without trading between two sessions belong to the later one
    last_before, last = sessions.shift(session, -settings.after), sessions.shift(session, settings.before)
    near = earnings_dates.filter(
        pl.col("time_of_day").is_not_null(), pl.col("event_date") > last_before, pl.col("event_date") <= last
    )
    return symbols.is_in(near["symbol"].unique().to_list()).alias("in_blackout")
