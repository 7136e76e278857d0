"""The one partition definition that every asset has: the sessions of the exchange."""

import datetime as dt
from functools import cache

import dagster as dg

from feature_store import sessions
from feature_store.decision_time import NEW_YORK


@cache
def session_partitions(start: dt.date) -> dg.TimeWindowPartitionsDefinition:
    """One partition a session from `start` on; it exists from its own midnight, so Friday's is there on Friday.

    On a holiday the session after it is there already: the writer refuses it until it is decided.
    """
    first = sessions.at_or_after(start)
    weekdays = (first + dt.timedelta(days=i) for i in range((sessions.all_sessions()[-1] - first).days))
    holidays = [
        dt.datetime.combine(day, dt.time(0), NEW_YORK)
        for day in weekdays
        if day.weekday() < 5 and not sessions.is_session(day)
    ]
    return dg.TimeWindowPartitionsDefinition(
        start=dt.datetime.combine(first, dt.time(0), NEW_YORK),
        fmt="%Y-%m-%d",
        cron_schedule="0 0 * * 1-5",
        timezone=str(NEW_YORK),
        end_offset=1,
        exclusions=holidays,
    )
