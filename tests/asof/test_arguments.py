"""What users pass: arrays, frames and dates, checked before anything is calculated from them."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from asof.arrays import checked
from asof.dates import day, days, moment
from asof.frames import as_polars, rows_of
from feature_store.schemas.alpha import COMBINED

DAY = dt.date(2016, 12, 30)

# -- known values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [[1, 2, 3], np.array([1, 2, 3]), pl.Series([1, 2, 3]), pd.Series([1, 2, 3]), pd.Series([1, 2, 3], dtype="Int64")],
)
def test_numbers_of_any_library_are_an_array_of_floats(value: object) -> None:
    (array,) = checked(x=(value, "T"))
    assert array.dtype == np.float64
    assert array.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("value", ["2016-12-30", DAY, np.datetime64("2016-12-30"), pd.Timestamp("2016-12-30")])
def test_a_day_may_be_written_in_any_way(value: object) -> None:
    assert day(value, "first") == DAY
    assert type(moment(value, "as_of")) is dt.date
    assert days([value], "groups").tolist() == [DAY]


def test_a_moment_keeps_its_time_and_zone() -> None:
    noon = dt.datetime(2016, 12, 30, 12, tzinfo=dt.UTC)
    assert moment("2016-12-30T12:00:00+00:00", "as_of") == noon
    assert type(moment(pd.Timestamp(noon), "as_of")) is dt.datetime


def test_a_frame_of_pandas_brings_its_named_index_along() -> None:
    frame = pd.DataFrame({"event_date": ["2016-12-30"], "symbol": ["A"], "alpha": [0.5]}).set_index("symbol")
    expected = pl.DataFrame({"symbol": ["A"], "event_date": ["2016-12-30"], "alpha": [0.5]})
    assert_frame_equal(as_polars(frame, "alphas"), expected)
    rows = rows_of(COMBINED, frame, "alphas", ("alpha",))
    assert rows.schema == COMBINED.computed_schema
    assert rows.row(0, named=True)["event_date"] == DAY
    assert_frame_equal(as_polars(expected.to_arrow(), "alphas"), expected)
    assert_frame_equal(as_polars(expected.lazy(), "alphas"), expected)


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": ([[1.0]], "T")}, r"x has shape \(1, 1\), expected \(T,\)"),
        ({"x": ([1.0, 2.0], "T"), "y": ([1.0], "T")}, r"y has shape \(1,\), expected \(T,\) with T = 2, as of x"),
        ({"p": (np.ones((2, 3)), "K K")}, r"p has shape \(2, 3\), expected \(K, K\) with K = 2, as of p"),
        ({"x": (np.ones((2, 3)), "n 4")}, r"x has shape \(2, 3\), expected \(n, 4\)"),
        ({"x": ([1.0, np.nan], "T")}, r"x holds nan at \[1\], one of 1 such values, expected finite"),
        ({"x": (["a"], "T")}, "x is no array of numbers: it holds <U1"),
        ({"x": ([1.0, "a"], "T")}, "x is no array of numbers"),
        ({"x": ([[1.0], [1.0, 2.0]], "T K")}, "x is no array of numbers"),
        ({"x": (np.array(["2016-12-30"], dtype="datetime64[D]"), "T")}, "x is no array of numbers"),
        ({"x": (pd.Series(["a"]), "T")}, "x is no array of numbers"),
    ],
)
def test_an_array_that_does_not_fit_is_rejected_by_name(arguments: dict[str, tuple[object, str]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checked(**arguments)


def test_nan_may_be_allowed_and_infinity_never_is() -> None:
    assert np.isnan(checked(missing=("x",), x=([np.nan], "T"))[0]).all()
    with pytest.raises(ValueError, match="expected finite numbers or NaN"):
        checked(missing=("x",), x=([np.inf], "T"))


@pytest.mark.parametrize("value", ["30.12.2016", "yesterday", 20161230, None])
def test_what_is_no_day_is_rejected(value: object) -> None:
    with pytest.raises(ValueError, match=r"first is .*, not a day; use '2016-12-30'"):
        day(value, "first")


def test_a_time_of_day_needs_a_zone_and_is_no_day() -> None:
    with pytest.raises(ValueError, match="as_of is 2016-12-30 12:00:00, without a time zone"):
        moment("2016-12-30T12:00:00", "as_of")
    with pytest.raises(ValueError, match="a moment; pass a day"):
        day("2016-12-30T12:00:00+00:00", "first")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([None], "row 0 is missing"),
        ([1, 2], "holds int64, not days"),
        ([["2016-12-30"]], r"shape \(1, 1\)"),
        (["x"], "not of days"),
    ],
)
def test_a_column_that_is_not_of_days_is_rejected(values: list[object], message: str) -> None:
    with pytest.raises(ValueError, match=f"groups.*{message}"):
        days(values, "groups")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"symbol": ["A"], "alpha": [1.0]}, "alphas has no column event_date; it needs event_date, symbol, alpha"),
        ({"event_date": ["x"], "symbol": ["A"], "alpha": [1.0]}, "column event_date is String, expected Date"),
        ({"event_date": [DAY], "symbol": ["A"], "alpha": ["?"]}, "column alpha is String, expected Float64"),
        ({"event_date": [DAY], "symbol": [None], "alpha": [1.0]}, "alphas: row 0 has no symbol"),
        ({"event_date": [DAY] * 2, "symbol": ["A"] * 2, "alpha": [1.0, 2.0]}, "two rows for 2016-12-30, A"),
    ],
)
def test_a_frame_that_does_not_fit_is_rejected_by_column_or_row(columns: dict[str, list[object]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rows_of(COMBINED, pl.DataFrame(columns), "alphas", ("alpha",))


def test_what_is_no_frame_is_rejected() -> None:
    with pytest.raises(TypeError, match="bars is of type dict"):
        as_polars({}, "bars")
