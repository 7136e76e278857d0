"""When a session's decision is made, and to which session a fact belongs."""

import datetime as dt
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from zoneinfo import ZoneInfo

import polars as pl

from feature_store import sessions
from feature_store.dataset import KNOWN_AT

NEW_YORK = ZoneInfo("America/New_York")


def end_of_day(day: dt.date) -> dt.datetime:
    """When a fact dated without a time is known: the end of that day in New York, in UTC (law 1)."""
    return dt.datetime.combine(day, dt.time(23, 59, 59), NEW_YORK).astimezone(dt.UTC)


def morning_of(day: dt.date) -> dt.datetime:
    """When a corporate action without a declaration date is known: 08:00 of its ex-date in New York."""
    return dt.datetime.combine(day, dt.time(8, 0), NEW_YORK).astimezone(dt.UTC)


@dataclass(frozen=True)
class DecisionClock:
    """Decision times of a profile.

    Attributes:
        minutes_before_open: session t is decided this long before the open of t+1.
    """

    minutes_before_open: int = 30

    @cached_property
    def _times(self) -> list[dt.datetime]:
        days = sessions.all_sessions()
        early = dt.timedelta(minutes=self.minutes_before_open)
        return [sessions.opens_at(following) - early for following in days[1:]]

    def decision_time(self, session: dt.date) -> dt.datetime:
        """UTC moment up to which knowledge may enter the session."""
        i = sessions.index_of(session)
        if i == len(self._times):
            raise ValueError(
                f"{session} is the last session of the calendar and has no decision time; choose an earlier one"
            )
        return self._times[i]

    def session_of(self, known_at: dt.datetime) -> dt.date:
        """First session whose decision time is not before `known_at`."""
        i = bisect_left(self._times, known_at)
        if i == len(self._times):
            raise ValueError(f"{known_at} lies after the last decision time of the calendar, {self._times[-1]}")
        return sessions.all_sessions()[i]

    def assign_sessions(self, frame: pl.DataFrame) -> pl.DataFrame:
        """`frame` with the column `session` that its `known_at` falls into, row by row."""
        moments = frame.get_column("known_at").unique()
        table = pl.DataFrame(
            {"known_at": moments, "session": [self.session_of(moment) for moment in moments]},
            schema={"known_at": KNOWN_AT, "session": pl.Date},
        )
        return frame.drop("session", strict=False).join(table, on="known_at", how="left", maintain_order="left")

    def as_of(self, moment: dt.date | dt.datetime) -> dt.datetime:
        """A date means its decision time (the last session's, on a day without trading)."""
        if isinstance(moment, dt.datetime):
            if moment.tzinfo is None:
                raise ValueError(f"as_of {moment} has no time zone; pass UTC, or a date for its decision time")
            return moment
        return self.decision_time(sessions.at_or_before(moment))
