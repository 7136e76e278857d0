import datetime as dt
import math

import polars as pl
import pytest

from configs.settings import Macro
from feature_store import sessions as calendar
from quant_assets.features.aggregate.macro import (
    Observation,
    last_observation,
    macro_features,
    macro_sessions,
    observations,
)
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


def test_volatility_is_compared_with_its_past_and_with_what_is_expected_further_ahead():
    vix = [(DAYS[-1], "VIX_CLOSE", 20.0), (DAYS[-6], "VIX_CLOSE", 10.0), (DAYS[-22], "VIX_CLOSE", 40.0)]
    found = macro_features(macro([*vix, (TODAY, "VXV_CLOSE", 25.0)]), TODAY, SETTINGS)
    assert found["vix_change_5"] == pytest.approx(math.log(2))
    assert found["vix_change_21"] == pytest.approx(-math.log(2))
    assert found["vix_term"] == pytest.approx(math.log(1.25))
    preferred = macro_features(macro([*vix, (TODAY, "VXV_CLOSE", 25.0), (DAYS[-2], "VIX3M", 30.0)]), TODAY, SETTINGS)
    assert preferred["vix_term"] == pytest.approx(math.log(1.5))
    assert macro_features(macro(vix), TODAY, SETTINGS)["vix_term"] is None


def test_the_slope_changes_by_both_of_its_ends():
    table = [(DAYS[-1], "DGS10", 3.0), (DAYS[-22], "DGS10", 2.5), (DAYS[-1], "DGS2", 1.0)]
    assert macro_features(macro(table), TODAY, SETTINGS)["slope_change_21"] is None
    whole = macro([*table, (DAYS[-22], "DGS2", 1.2)])
    assert macro_features(whole, TODAY, SETTINGS)["slope_change_21"] == pytest.approx(0.7)


def test_a_value_of_zero_is_a_value():
    table = macro([(TODAY, CREDIT, 0.0), (TODAY, SETTINGS.yield_10y, 0.0), (TODAY, SETTINGS.yield_2y, 0.0)])
    found = macro_features(table, TODAY, SETTINGS)
    assert (found["credit_spread"], found["slope_10y2y"], found["vix"]) == (0.0, 0.0, None)


def test_where_the_calendar_begins_there_is_no_change_and_no_error():
    first = calendar.all_sessions()[0]
    found = macro_features(macro([(first, CREDIT, 1.0)]), first, SETTINGS)
    assert (found["credit_spread"], found["credit_change_21"]) == (1.0, None)
