"""The one partition definition that every asset has: the sessions of the exchange."""

import datetime as dt
from functools import cache

import dagster as dg

from feature_store import sessions
from feature_store.decision_time import NEW_YORK


@cache
def session_partitions(start: dt.date, end: dt.date | None = None) -> dg.TimeWindowPartitionsDefinition:
    """One partition a session from `start` to `end`; it exists from its own midnight, so Friday's is there on Friday.

    On a holiday the session after it is there already: the writer rejects it until it is decided. A history that ends
    ends here too: Dagster would call everything after it missing.
    """
    first = sessions.at_or_after(start)
    # Friday's window lasts until the next session's midnight, and must lie before the end as a whole
    day_after = None if end is None else sessions.at_or_after(end + dt.timedelta(days=1))
    beyond = None if day_after is None else dt.datetime.combine(day_after, dt.time(0), NEW_YORK)
    until = min(day_after or sessions.all_sessions()[-1], sessions.all_sessions()[-1])
    weekdays = (first + dt.timedelta(days=i) for i in range((until - first).days))
    holidays = [
        dt.datetime.combine(day, dt.time(0), NEW_YORK)
        for day in weekdays
        if day.weekday() < 5 and not sessions.is_session(day)
    ]
    return dg.TimeWindowPartitionsDefinition(
        start=dt.datetime.combine(first, dt.time(0), NEW_YORK),
        end=beyond,
        fmt="%Y-%m-%d",
        cron_schedule="0 0 * * 1-5",
        timezone=str(NEW_YORK),
        end_offset=1,
        exclusions=holidays,
    )
