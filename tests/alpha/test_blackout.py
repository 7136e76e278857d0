import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.settings import EarningsBlackout
from feature_store import sessions
from feature_store.schemas.companies import EARNINGS_DATES
from quant_assets.alpha.blackout import in_blackout
from tests.oracles.panels import stored

FRI, MON, TUE, WED = sessions.between(dt.date(2016, 3, 4), dt.date(2016, 3, 9))
SATURDAY = dt.date(2016, 3, 5)


def dates(*rows: tuple[dt.date, str, str | None]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=stored(EARNINGS_DATES), orient="row")


def out(session: dt.date, day: dt.date, before: int = 0, after: int = 0, time_of_day: str | None = "unknown") -> bool:
    """Whether A, which announces on the day, is in a blackout on the session; B never is."""
    asked = EarningsBlackout(before=before, after=after)
    found = in_blackout(pl.Series(["A", "B"]), dates((day, "A", time_of_day)), session, asked)
    assert found[1] is False
    return found[0]


# known values


def test_before_one_is_the_session_before_and_after_one_the_session_itself():
    assert [out(day, TUE, before=1) for day in (FRI, MON, TUE, WED)] == [False, True, False, False]
    assert [out(day, TUE, after=1) for day in (FRI, MON, TUE, WED)] == [False, False, True, False]
    assert [out(day, TUE, before=2, after=2) for day in (FRI, MON, TUE, WED)] == [True] * 4


def test_an_announcement_of_a_weekend_belongs_to_the_session_after_it():
    assert [out(day, SATURDAY, before=1, after=1) for day in (FRI, MON, TUE)] == [True, True, False]
    assert [out(day, SATURDAY, after=1) for day in (FRI, MON, TUE)] == [False, True, False]


def test_a_withdrawn_date_is_none():
    assert not out(TUE, TUE, before=3, after=3, time_of_day=None)


def test_off_says_nothing_and_without_dates_nobody_is_out():
    names = pl.Series(["A"])
    assert in_blackout(names, dates((TUE, "A", "unknown")), TUE, EarningsBlackout()).to_list() == [None]
    assert in_blackout(names, dates(), TUE, EarningsBlackout(after=2)).to_list() == [False]


# properties


@settings(max_examples=30, deadline=None)
@given(day=st.dates(dt.date(2016, 2, 20), dt.date(2016, 3, 20)), before=st.integers(0, 4), after=st.integers(0, 4))
def test_it_is_what_counting_sessions_says(day: dt.date, before: int, after: int):
    around = sessions.between(dt.date(2016, 2, 1), dt.date(2016, 4, 10))
    if before + after == 0:
        return
    own = next(i for i, session in enumerate(around) if session >= day)
    for i, session in enumerate(around[10:40], start=10):
        ahead = own - i
        assert out(session, day, before, after) == (-after < ahead <= 0 or 0 < ahead <= before)


@pytest.mark.parametrize("wrong", [{"before": -1}, {"after": 22}, {"during": 1}])
def test_settings_out_of_bounds_are_refused(wrong: dict[str, int]):
    with pytest.raises(ValueError, match="EarningsBlackout"):
        EarningsBlackout(**wrong)
