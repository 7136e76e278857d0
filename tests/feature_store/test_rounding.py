import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_store.rounding import OF_SCALE, RELATIVE, beyond_rounding, equal_within_rounding, largest_difference

DAY = dt.date(2017, 3, 8)
KEY = ["event_date", "symbol"]
STORED = pl.DataFrame(
    {
        "event_date": [DAY] * 3,
        "symbol": ["A", "B", "C"],
        "weight": [0.25, -1e-12, None],
        "shares": [100, 0, None],
        "side": ["buy", None, "sell"],
        "model": ['{"coefficients": [0.5, -2e-07], "rows": 120}', "", None],
    }
)


def changed(**columns: list[object]) -> pl.DataFrame:
    return STORED.with_columns(pl.Series(name, values, STORED.schema[name]) for name, values in columns.items())


# -- known values ------------------------------------------------------------------------------------------------------


def test_what_is_equal_differs_in_nothing() -> None:
    assert beyond_rounding(STORED, STORED, KEY) is None
    assert largest_difference(STORED, STORED) == 0.0


def test_floats_may_differ_by_a_millionth_or_by_a_billionth_of_the_largest() -> None:
    assert beyond_rounding(STORED, changed(weight=[0.25 * (1 + 0.9 * RELATIVE), 0.0, None]), KEY) is None
    assert beyond_rounding(STORED, changed(weight=[0.25, 0.9 * OF_SCALE * 0.25, None]), KEY) is None
    assert beyond_rounding(STORED, changed(weight=[0.25 * (1 + 1.1 * RELATIVE), -1e-12, None]), KEY) == (
        "1 of 3 values of weight differ, the first 0.250000275, stored 0.25"
    )
    assert beyond_rounding(STORED, changed(weight=[0.25, 1e-8, None]), KEY) is not None


def test_a_decision_that_rounding_has_turned_is_named_as_one() -> None:
    found = beyond_rounding(STORED, changed(shares=[101, 0, None], side=["buy", "sell", "sell"]), KEY)
    assert found == (
        "1 of 3 discrete outcomes of shares differ, the first 101, stored 100; "
        "1 of 3 discrete outcomes of side differ, the first sell, stored None"
    )


def test_numbers_written_out_in_text_may_round_and_counts_may_not() -> None:
    near = '{"coefficients": [0.50000000001, -2.0000001e-07], "rows": 120}'
    assert beyond_rounding(STORED, changed(model=[near, "", None]), KEY) is None
    for other in ('{"coefficients": [0.5001, -2e-07], "rows": 120}', '{"coefficients": [0.5, -2e-07], "rows": 121}',
                  '{"coefficients": [0.5], "rows": 120}', None):  # fmt: skip
        assert "discrete outcomes of model" in str(beyond_rounding(STORED, changed(model=[other, "", None]), KEY))


def test_the_result_names_the_platform_and_the_size_or_what_lies_beyond() -> None:
    passed, detail = equal_within_rounding(STORED, changed(weight=[0.25 + 1e-9, 0.0, None]), KEY, "not pinned, aarch64")
    assert passed
    assert detail == (
        "stored on not pinned, aarch64; compared within rounding: "
        "the largest difference is 4.0e-09 of its column's largest value"
    )
    passed, detail = equal_within_rounding(STORED, changed(shares=[101, 0, None]), KEY, "not pinned, aarch64")
    assert not passed
    assert "beyond it: 1 of 3 discrete outcomes of shares differ" in detail
    assert "asof refresh" in detail


# -- properties --------------------------------------------------------------------------------------------------------

FLOATS = st.lists(st.none() | st.floats(), min_size=1, max_size=8)


@given(FLOATS)
def test_every_column_is_within_rounding_of_itself(values: list[float | None]) -> None:
    frame = pl.DataFrame({"k": range(len(values)), "x": pl.Series(values, dtype=pl.Float64)})
    assert beyond_rounding(frame, frame, ["k"]) is None


@given(FLOATS, FLOATS)
def test_it_is_the_same_seen_from_either_side(a: list[float | None], b: list[float | None]) -> None:
    size = min(len(a), len(b))
    one, other = (pl.DataFrame({"k": range(size), "x": pl.Series(v[:size], dtype=pl.Float64)}) for v in (a, b))
    assert (beyond_rounding(one, other, ["k"]) is None) == (beyond_rounding(other, one, ["k"]) is None)


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_value_that_is_missing_or_not_finite_is_not_near_one_that_is(value: float | None) -> None:
    assert beyond_rounding(STORED, changed(weight=[value, -1e-12, None]), KEY) is not None
    assert beyond_rounding(changed(weight=[value, -1e-12, None]), STORED, KEY) is not None


def test_rows_that_come_or_go_are_counted() -> None:
    assert beyond_rounding(STORED, STORED.head(2), KEY) == (
        "1 stored rows are not there and 0 are new; their keys are event_date, symbol"
    )


def test_other_columns_are_no_rounding() -> None:
    assert "stored event_date Date" in str(beyond_rounding(STORED, STORED.drop("side"), KEY))
    assert "weight Float32" in str(beyond_rounding(STORED, STORED.cast({"weight": pl.Float32}), KEY))
