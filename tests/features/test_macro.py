import datetime as dt

import polars as pl
import pytest

from configs.settings import Macro
from feature_store import sessions as calendar
from quant_assets.features.macro import Observation, last_observation, macro_features, macro_sessions, observations
from tests.oracles.panels import macro, sessions

SETTINGS = Macro(max_age_sessions=3)
DAYS = sessions(macro_sessions(SETTINGS))
TODAY = DAYS[-1]
FRIDAY, MONDAY = dt.date(2015, 2, 6), dt.date(2015, 2, 9)
CREDIT = SETTINGS.credit_spread


def last_of(table: pl.DataFrame, name: str, session: dt.date, age: int) -> Observation | None:
    return last_observation(observations(table, [name])[name], session, age)


# known values


def test_the_last_value_counts_until_it_is_too_old():
    table = macro([(DAYS[-5], "DGS10", 1.0), (DAYS[-4], "DGS10", 2.0)])
    assert last_of(table, "DGS10", TODAY, 3) == (DAYS[-4], 2.0)
    assert last_of(table, "DGS10", TODAY, 2) is None
    assert last_of(table, "DGS2", TODAY, 3) is None


def test_an_observation_of_a_weekend_belongs_to_its_friday():
    sunday = FRIDAY + dt.timedelta(days=2)
    table = macro([(sunday, "X", 1.0)])
    assert last_of(table, "X", FRIDAY, 3) == (FRIDAY, 1.0)
    assert last_of(table, "X", MONDAY, 1) == (FRIDAY, 1.0)
    assert last_of(table, "X", calendar.shift(FRIDAY, 4), 3) is None


def test_an_observation_that_is_dated_after_the_session_waits_for_its_own():
    assert last_of(macro([(MONDAY, "X", 1.0)]), "X", FRIDAY, 3) is None


def test_a_withdrawn_value_is_none():
    table = macro([(DAYS[-2], "X", 1.0), (TODAY, "X", None)])
    assert last_of(table, "X", TODAY, 3) == (DAYS[-2], 1.0)


def test_the_order_of_rows_does_not_matter():
    table = macro([(DAYS[-2], "X", 1.0), (TODAY, "X", 2.0)])
    assert last_of(table.reverse(), "X", TODAY, 3) == (TODAY, 2.0)


def test_a_change_is_between_observations_as_far_apart_as_it_says():
    late = macro([(DAYS[-2], CREDIT, 3.0), (DAYS[-23], CREDIT, 2.0), (DAYS[-22], CREDIT, 9.0)])  # published a day late
    found = macro_features(late, TODAY, SETTINGS)
    assert (found["credit_spread"], found["credit_change_21"]) == (3.0, 1.0)


@pytest.mark.parametrize(("age", "change"), [(3, 1.0), (4, None)])
def test_a_change_from_a_value_too_old_is_none(age: int, change: float | None):
    table = macro([(TODAY, CREDIT, 3.0), (DAYS[-22 - age], CREDIT, 2.0)]) if age < 4 else macro([(TODAY, CREDIT, 3.0)])
    assert macro_features(table, TODAY, SETTINGS)["credit_change_21"] == change


def test_the_declared_window_holds_the_oldest_value_that_may_count():
    table = macro([(DAYS[-4], CREDIT, 3.0), (DAYS[0], CREDIT, 2.5)])
    assert macro_features(table, TODAY, SETTINGS)["credit_change_21"] == 0.5


def test_a_value_of_zero_is_a_value():
    table = macro([(TODAY, CREDIT, 0.0), (TODAY, SETTINGS.yield_10y, 0.0), (TODAY, SETTINGS.yield_2y, 0.0)])
    found = macro_features(table, TODAY, SETTINGS)
    assert (found["credit_spread"], found["slope_10y2y"], found["vix"]) == (0.0, 0.0, None)


def test_where_the_calendar_begins_there_is_no_change_and_no_error():
    first = calendar.all_sessions()[0]
    found = macro_features(macro([(first, CREDIT, 1.0)]), first, SETTINGS)
    assert (found["credit_spread"], found["credit_change_21"]) == (1.0, None)
