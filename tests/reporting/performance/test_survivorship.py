"""The gain of knowing who survives."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from quant_assets.reporting.performance.survivorship import DATED, TODAYS, Survivorship, mean_returns
from tests.oracles.panels import sessions

DAYS = sessions(4)
A, B, C, D = DAYS


def listed(*rows: tuple[dt.date, str, bool]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"event_date": pl.Date, "symbol": pl.String, "has_bar": pl.Boolean}, orient="row")


def returns(*rows: tuple[dt.date, str, float | None]) -> pl.DataFrame:
    """From simple returns."""
    logs = [(day, symbol, None if simple is None else float(np.log1p(simple))) for day, symbol, simple in rows]
    schema = {"event_date": pl.Date, "symbol": pl.String, "log_return": pl.Float64}
    return pl.DataFrame(logs, schema=schema, orient="row")


# FAIL is in the universe until it has no bar any more; NEW joins after it has risen, and is a name of today.
UNIVERSE = listed(
    (A, "FAIL", True), (A, "STAY", True), (B, "FAIL", True), (B, "STAY", True), (C, "FAIL", False), (C, "STAY", True),
    (C, "NEW", True), (D, "STAY", True), (D, "NEW", True),
)  # fmt: skip
RETURNS = returns(
    (B, "FAIL", -0.5), (B, "STAY", 0.1), (B, "NEW", 0.5), (C, "STAY", 0.0), (C, "NEW", 0.2), (D, "STAY", 0.1),
    (D, "NEW", -0.1), (B, "STRANGER", 9.0),
)  # fmt: skip


# -- known values ------------------------------------------------------------------------------------------------------


def test_the_dated_universe_holds_yesterdays_names_and_hindsight_those_of_the_last_session():
    daily = mean_returns(UNIVERSE, RETURNS, ["STAY", "NEW"], DAYS)
    assert daily[DATED].to_list() == [None, pytest.approx(-0.2), pytest.approx(0.0), pytest.approx(0.0)]
    assert daily[TODAYS].to_list() == [None, pytest.approx(0.3), pytest.approx(0.1), pytest.approx(0.0)]
    assert daily["n_dated"].to_list() == [0, 2, 1, 2]
    assert daily["n_todays"].to_list() == [0, 2, 2, 2]


def test_a_session_on_which_nobody_has_a_return_is_null():
    daily = mean_returns(UNIVERSE, RETURNS.filter(pl.col("event_date") != C), ["STAY"], DAYS)
    assert daily.filter(event_date=C).select(DATED, TODAYS).row(0) == (None, None)
    empty = mean_returns(UNIVERSE.clear(), RETURNS.clear(), [], DAYS)
    assert empty[DATED].null_count() == empty[TODAYS].null_count() == len(DAYS)


def test_the_gain_is_by_year_and_annual():
    days = sessions(253)
    dated, todays = np.full(253, 0.0004), np.full(253, 0.0006)
    dated[0] = todays[0] = np.nan
    daily = pl.DataFrame({"event_date": days, DATED: dated, TODAYS: todays}, nan_to_null=True)
    found = Survivorship(daily)
    assert found.gain_annual == pytest.approx(1.0006**252 - 1.0004**252)
    table = found.by_year
    assert table["metric"].to_list() == ["2015", "2016", "annual"]
    assert table["gain"].to_list()[-1] == pytest.approx(found.gain_annual)
    assert table["gain"].to_list()[0] == pytest.approx(table[TODAYS][0] - table[DATED][0])


def test_too_few_returns_say_nothing_of_a_year():
    assert Survivorship(mean_returns(UNIVERSE, RETURNS, ["STAY"], DAYS)).gain_annual is None


# -- properties --------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10**6))
@effort(max_examples=15, deadline=None)
def test_the_dated_universe_knows_nothing_of_what_comes_after(seed: int):
    rng, days = np.random.default_rng(seed), sessions(8)
    names = [f"S{i}" for i in range(5)]
    universe = listed(*((day, name, bool(rng.random() > 0.2)) for day in days for name in names if rng.random() > 0.3))
    told = returns(*((day, name, float(rng.normal(0, 0.1))) for day in days for name in names if rng.random() > 0.2))
    whole = mean_returns(universe, told, names, days).select("event_date", DATED, "n_dated")
    for i in range(2, len(days)):
        past = pl.col("event_date") <= days[i - 1]
        cut = mean_returns(universe.filter(past), told.filter(past), [], days[:i]).select(
            "event_date", DATED, "n_dated"
        )
        assert_frame_equal(cut, whole[:i], check_exact=True)
    # a list of everyone at every time has no hindsight
    everyone = listed(*((day, name, True) for day in days for name in names))
    daily = mean_returns(everyone, told, names, days)
    assert_frame_equal(daily.select(x=DATED)[1:], daily.select(x=TODAYS)[1:], check_exact=True)
