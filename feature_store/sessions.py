"""The exchange's trading sessions."""

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import lru_cache
from zoneinfo import ZoneInfo

from feature_store.exchange_days import EARLY_CLOSES, HOLIDAYS

EXCHANGE = "XNYS"
FIRST = "1990-01-02"
LAST = "2035-12-31"  # far enough for schedules
OPENS, CLOSES = dt.time(9, 30, tzinfo=ZoneInfo("America/New_York")), dt.time(16, tzinfo=ZoneInfo("America/New_York"))


@lru_cache(maxsize=1)
def _days() -> list[dt.date]:
    first, holidays = dt.date.fromisoformat(FIRST), dict(_listed(HOLIDAYS))
    days = (first + dt.timedelta(days=i) for i in range((dt.date.fromisoformat(LAST) - first).days + 1))
    return [day for day in days if day.weekday() < 5 and day not in holidays]


@lru_cache(maxsize=1)
def _opens() -> list[dt.datetime]:
    return [dt.datetime.combine(day, OPENS).astimezone(dt.UTC) for day in _days()]


@lru_cache(maxsize=1)
def _closes() -> list[dt.datetime]:
    early = {day: CLOSES.replace(hour=int(hour or 13)) for day, hour in _listed(EARLY_CLOSES)}
    return [dt.datetime.combine(day, early.get(day, CLOSES)).astimezone(dt.UTC) for day in _days()]


def _listed(table: str) -> list[tuple[dt.date, str]]:
    """Days of a table, each with what follows its @."""
    lines = (line.split() for line in table.splitlines())
    entries = [(year, *entry.partition("@")) for year, *entries in lines for entry in entries]
    return [(dt.date.fromisoformat(f"{year.rstrip(':')}-{day}"), hour) for year, day, _, hour in entries]


def all_sessions() -> Sequence[dt.date]:
    """Every session of the exchange from 1990 to 2035, ascending."""
    return _days()


def is_session(day: dt.date) -> bool:
    days = all_sessions()
    i = bisect_left(days, day)
    return i < len(days) and days[i] == day


def index_of(session: dt.date) -> int:
    """Position of a session in `all_sessions`; a day without trading is refused."""
    days = all_sessions()
    i = bisect_left(days, session)
    if i == len(days) or days[i] != session:
        raise ValueError(
            f"{session} is not a trading session of {EXCHANGE}; the next one is {days[min(i, len(days) - 1)]}"
        )
    return i


def shift(session: dt.date, by: int) -> dt.date:
    """The session `by` sessions later (earlier when negative)."""
    i = index_of(session) + by
    if not 0 <= i < len(all_sessions()):
        raise ValueError(f"{session} shifted by {by} sessions leaves the calendar ({FIRST} to {LAST})")
    return all_sessions()[i]


def between(first: dt.date, last: dt.date) -> list[dt.date]:
    """Sessions from first to last, both included; empty when none."""
    days = all_sessions()
    return list(days[bisect_left(days, first) : bisect_right(days, last)])


def at_or_before(day: dt.date) -> dt.date:
    i = bisect_right(all_sessions(), day) - 1
    if i < 0:
        raise ValueError(f"{day} lies before the calendar, which begins on {FIRST}")
    return all_sessions()[i]


def at_or_after(day: dt.date) -> dt.date:
    return all_sessions()[bisect_left(all_sessions(), day)]


def first_of_year(session: dt.date) -> dt.date:
    """First session of the session's calendar year: the usual anchor."""
    return at_or_after(dt.date(session.year, 1, 1))


def opens_at(session: dt.date) -> dt.datetime:
    """UTC."""
    return _opens()[index_of(session)]


def closes_at(session: dt.date) -> dt.datetime:
    """UTC; half days close early."""
    return _closes()[index_of(session)]
