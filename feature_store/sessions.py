"""The exchange's trading sessions."""

import datetime as dt
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

EXCHANGE = "XNYS"
FIRST = "1990-01-02"
# Far enough for schedules; exchange_calendars knows holidays by rule, so a later end changes no earlier session.
LAST = "2035-12-31"


@lru_cache(maxsize=1)
def _calendar() -> tuple[list[dt.date], list[dt.datetime], list[dt.datetime]]:
    # late: pandas costs half a second, and a wrong option should not wait for it
    import exchange_calendars as xcals  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    with warnings.catch_warnings():
        # exchange_calendars 4.13 still reads Series.values of zoned stamps, which pandas 3.1 deprecates
        warnings.simplefilter("ignore", pd.errors.Pandas4Warning)
        calendar = xcals.get_calendar(EXCHANGE, start=FIRST, end=LAST)
    days = [stamp.date() for stamp in calendar.sessions]
    return days, _utc(calendar.opens), _utc(calendar.closes)


def _utc(stamps: "pd.Series[pd.Timestamp]") -> list[dt.datetime]:
    naive = stamps.dt.tz_convert(None).to_numpy().astype("datetime64[us]").astype(object)
    return [stamp.replace(tzinfo=dt.UTC) for stamp in naive]


def all_sessions() -> Sequence[dt.date]:
    """Every session of the exchange from 1990 to 2035, ascending."""
    return _calendar()[0]


def is_session(day: dt.date) -> bool:
    days = all_sessions()
    i = bisect_left(days, day)
    return i < len(days) and days[i] == day


def index_of(session: dt.date) -> int:
    """Position of a session in `all_sessions`; a day without trading is rejected."""
    if (i := _positions().get(session)) is None:
        days = all_sessions()
        following = days[min(bisect_left(days, session), len(days) - 1)]
        raise ValueError(f"{session} is not a trading session of {EXCHANGE}; the next one is {following}")
    return i


@lru_cache(maxsize=1)
def _positions() -> dict[dt.date, int]:
    return {day: i for i, day in enumerate(all_sessions())}


def shift(session: dt.date, by: int) -> dt.date:
    """The session `by` sessions later (earlier when negative)."""
    i, days = index_of(session) + by, all_sessions()
    if not 0 <= i < len(days):
        raise ValueError(f"{session} shifted by {by} sessions leaves the calendar ({FIRST} to {LAST})")
    return days[i]


def between(first: dt.date, last: dt.date) -> list[dt.date]:
    """Sessions from first to last, both included; empty when none."""
    days = all_sessions()
    return list(days[bisect_left(days, first) : bisect_right(days, last)])


def at_or_before(day: dt.date) -> dt.date:
    i = bisect_right(all_sessions(), day) - 1
    if i < 0:
        raise ValueError(f"{day} lies before the calendar, which begins on {FIRST}")
    return all_sessions()[i]


@lru_cache(maxsize=4096)
def at_or_after(day: dt.date) -> dt.date:
    return all_sessions()[bisect_left(all_sessions(), day)]


def first_of_year(session: dt.date) -> dt.date:
    """First session of the session's calendar year: the usual anchor."""
    return at_or_after(dt.date(session.year, 1, 1))


def opens_at(session: dt.date) -> dt.datetime:
    """UTC."""
    return _calendar()[1][index_of(session)]


def closes_at(session: dt.date) -> dt.datetime:
    """UTC; half days close early."""
    return _calendar()[2][index_of(session)]
