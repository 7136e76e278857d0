import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_store import sessions
from feature_store.dataset import KNOWN_AT
from feature_store.decision_time import DecisionClock, end_of_day, morning_of

CLOCK = DecisionClock()


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)


# known values


@pytest.mark.parametrize(
    ("session", "decision"),
    [
        (dt.date(2017, 3, 8), utc(2017, 3, 9, 14, 0)),  # half an hour before 09:30 in winter
        (dt.date(2017, 3, 10), utc(2017, 3, 13, 13, 0)),  # over the weekend into summer time
        (dt.date(2017, 11, 3), utc(2017, 11, 6, 14, 0)),  # and back
        (dt.date(2017, 11, 22), utc(2017, 11, 24, 14, 0)),  # the half day after Thanksgiving opens as ever
        (dt.date(2017, 11, 24), utc(2017, 11, 27, 14, 0)),
        (dt.date(2017, 4, 13), utc(2017, 4, 17, 13, 0)),  # over Good Friday
        (dt.date(2001, 9, 10), utc(2001, 9, 17, 13, 0)),
    ],
)
def test_a_session_is_decided_half_an_hour_before_the_next_one_opens(session: dt.date, decision: dt.datetime):
    assert CLOCK.decision_time(session) == decision


def test_the_profile_may_decide_earlier():
    assert DecisionClock(90).decision_time(dt.date(2017, 3, 8)) == utc(2017, 3, 9, 13, 0)


@pytest.mark.parametrize(
    ("known_at", "session"),
    [
        (utc(2017, 3, 9, 14, 0), dt.date(2017, 3, 8)),  # at the decision itself
        (utc(2017, 3, 9, 14, 0, 0, 1), dt.date(2017, 3, 9)),
        (utc(2017, 3, 9, 12, 0), dt.date(2017, 3, 8)),  # as prices were captured
        (utc(2017, 3, 11, 12, 0), dt.date(2017, 3, 10)),  # Saturday
        (utc(2001, 9, 12, 12, 0), dt.date(2001, 9, 10)),
    ],
)
def test_a_fact_belongs_to_the_first_session_decided_after_it(known_at: dt.datetime, session: dt.date):
    assert CLOCK.session_of(known_at) == session


def test_a_fact_without_a_time_is_known_at_the_end_of_its_day_in_new_york():
    assert end_of_day(dt.date(2017, 3, 8)) == utc(2017, 3, 9, 4, 59, 59)
    assert end_of_day(dt.date(2017, 3, 13)) == utc(2017, 3, 14, 3, 59, 59)
    assert CLOCK.session_of(end_of_day(dt.date(2017, 3, 8))) == dt.date(2017, 3, 8)


def test_an_action_without_a_declaration_is_known_on_the_morning_of_its_ex_date():
    assert morning_of(dt.date(2017, 3, 9)) == utc(2017, 3, 9, 13, 0)
    assert CLOCK.session_of(morning_of(dt.date(2017, 3, 9))) == dt.date(2017, 3, 8)  # orders of the 8th know it


def test_a_date_means_its_decision_time():
    assert CLOCK.as_of(dt.date(2017, 3, 8)) == utc(2017, 3, 9, 14, 0)
    assert CLOCK.as_of(dt.date(2017, 3, 12)) == CLOCK.decision_time(dt.date(2017, 3, 10))
    assert CLOCK.as_of(utc(2017, 3, 8, 1)) == utc(2017, 3, 8, 1)


def test_rows_are_assigned_their_sessions_in_place():
    moments = [utc(2017, 3, 9, 14, 1), utc(2017, 3, 9, 12, 0), utc(2017, 3, 9, 14, 1)]
    frame = pl.DataFrame({"known_at": moments, "session": ["old"] * 3}, schema_overrides={"known_at": KNOWN_AT})
    found = CLOCK.assign_sessions(frame)
    assert found["session"].to_list() == [dt.date(2017, 3, 9), dt.date(2017, 3, 8), dt.date(2017, 3, 9)]
    assert CLOCK.assign_sessions(frame.clear()).schema == {"known_at": KNOWN_AT, "session": pl.Date()}


# properties


@given(st.dates(dt.date(1990, 1, 1), dt.date(2035, 12, 30)), st.times(timezones=st.just(dt.UTC)))
def test_no_earlier_session_could_hold_a_fact(day: dt.date, time: dt.time):
    known_at = dt.datetime.combine(day, time)
    session = CLOCK.session_of(known_at)
    assert known_at <= CLOCK.decision_time(session)
    if session > sessions.all_sessions()[0]:
        assert known_at > CLOCK.decision_time(sessions.shift(session, -1))


def test_decisions_follow_one_another_and_lie_between_close_and_open():
    days = sessions.between(dt.date(1990, 1, 2), dt.date(2034, 12, 29))
    decisions = [CLOCK.decision_time(day) for day in days]
    assert decisions == sorted(set(decisions))
    assert all(sessions.closes_at(day) < moment for day, moment in zip(days, decisions, strict=True))
    assert all(moment < sessions.opens_at(day) for day, moment in zip(days[1:], decisions, strict=False))


# refusals


def test_a_moment_without_a_time_zone_is_rejected():
    with pytest.raises(ValueError, match="has no time zone; pass UTC, or a date for its decision time"):
        CLOCK.as_of(dt.datetime(2017, 3, 8))  # noqa: DTZ001


def test_moments_off_the_calendar_are_rejected():
    with pytest.raises(ValueError, match="after the last decision time"):
        CLOCK.session_of(utc(2040, 1, 1))
    with pytest.raises(ValueError, match="is the last session of the calendar"):
        CLOCK.decision_time(sessions.all_sessions()[-1])
    with pytest.raises(ValueError, match="not a trading session"):
        CLOCK.decision_time(dt.date(2017, 3, 11))
