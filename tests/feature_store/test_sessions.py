import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_store import sessions

days = st.dates(dt.date(1990, 1, 2), dt.date(2035, 12, 28))

# known values


@pytest.mark.parametrize(
    "closed",
    [
        dt.date(2001, 9, 11),  # and the three days after
        dt.date(2001, 9, 14),
        dt.date(2012, 10, 29),  # Sandy
        dt.date(2012, 10, 30),
        dt.date(2017, 4, 14),  # Good Friday
        dt.date(2018, 12, 5),  # mourning for G. H. W. Bush
        dt.date(2017, 3, 11),  # Saturday
        dt.date(2022, 6, 20),  # Juneteenth, observed from 2022 on
    ],
)
def test_closures_are_no_sessions(closed: dt.date):
    assert not sessions.is_session(closed)
    assert closed not in sessions.between(closed, closed)


def test_the_closure_of_september_2001_is_bridged():
    assert sessions.shift(dt.date(2001, 9, 10), 1) == dt.date(2001, 9, 17)
    assert sessions.between(dt.date(2001, 9, 10), dt.date(2001, 9, 17)) == [dt.date(2001, 9, 10), dt.date(2001, 9, 17)]
    assert sessions.at_or_before(dt.date(2001, 9, 13)) == dt.date(2001, 9, 10)
    assert sessions.at_or_after(dt.date(2001, 9, 13)) == dt.date(2001, 9, 17)


def test_a_half_day_closes_at_one_in_new_york():
    assert sessions.closes_at(dt.date(2017, 11, 24)) == dt.datetime(2017, 11, 24, 18, 0, tzinfo=dt.UTC)
    assert sessions.closes_at(dt.date(2017, 11, 22)) == dt.datetime(2017, 11, 22, 21, 0, tzinfo=dt.UTC)


def test_opening_follows_summer_time():
    assert sessions.opens_at(dt.date(2017, 3, 10)) == dt.datetime(2017, 3, 10, 14, 30, tzinfo=dt.UTC)
    assert sessions.opens_at(dt.date(2017, 3, 13)) == dt.datetime(2017, 3, 13, 13, 30, tzinfo=dt.UTC)


def test_a_year_of_sessions():
    assert len(sessions.between(dt.date(2017, 1, 1), dt.date(2017, 12, 31))) == 251
    assert sessions.first_of_year(dt.date(2017, 7, 3)) == dt.date(2017, 1, 3)


def test_an_empty_range_is_empty():
    assert sessions.between(dt.date(2017, 3, 13), dt.date(2017, 3, 10)) == []


# properties


@given(days)
def test_neighbours_enclose_a_day(day: dt.date):
    before, after = sessions.at_or_before(day), sessions.at_or_after(day)
    assert before <= day <= after
    assert (before == after == day) == sessions.is_session(day)
    assert sessions.is_session(before) and sessions.is_session(after)


@given(days, st.integers(-300, 300))
def test_shifting_there_and_back_is_staying(day: dt.date, by: int):
    start = sessions.at_or_after(dt.date(min(max(day.year, 1992), 2033), day.month, min(day.day, 28)))
    there = sessions.shift(start, by)
    assert sessions.shift(there, -by) == start
    assert len(sessions.between(min(start, there), max(start, there))) == abs(by) + 1


# refusals


def test_a_day_without_trading_is_rejected_with_the_next_session():
    with pytest.raises(ValueError, match="2017-04-14 is not a trading session of XNYS; the next one is 2017-04-17"):
        sessions.index_of(dt.date(2017, 4, 14))


def test_leaving_the_calendar_is_rejected_and_never_comes_in_at_the_other_end():
    first, last = sessions.all_sessions()[0], sessions.all_sessions()[-1]
    for session, by in [(first, -1), (last, 1)]:
        with pytest.raises(ValueError, match="leaves the calendar"):
            sessions.shift(session, by)
    with pytest.raises(ValueError, match="before the calendar"):
        sessions.at_or_before(first - dt.timedelta(days=1))
