import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_store import sessions as calendar
from quant_assets.numerics.panel import panel, window, window_sessions
from tests.oracles.panels import adjusted, random_returns, sessions
from tests.support.lookahead import assert_causal, assert_stream_equals_batch

DAYS = sessions(4)

# known values


def test_rows_find_their_session_and_symbol():
    frame = adjusted(DAYS, {"B": [1.0, None, 3.0, None], "A": [None, 5.0, None, None]})
    where = panel(frame, DAYS)
    nan = np.nan
    assert where.symbols == ["A", "B"]
    np.testing.assert_equal(where.dense(frame["log_return"]), [[nan, 1.0], [5.0, nan], [nan, 3.0], [nan, nan]])
    assert where.present().sum() == 3


def test_a_null_and_a_missing_row_are_both_nan_but_only_one_is_present():
    frame = adjusted(DAYS, {"A": [float("nan"), None, 1.0, None]})
    where = panel(frame, DAYS)
    assert np.isnan(where.dense(frame["log_return"])[:, 0]).tolist() == [True, True, False, True]
    assert where.present()[:, 0].tolist() == [True, False, True, False]


def test_an_empty_frame_is_an_empty_panel():
    frame = adjusted(DAYS, {})
    assert panel(frame, DAYS).dense(frame["log_return"]).shape == (4, 0)


def test_a_window_holds_the_last_sessions_and_the_session():
    frame = adjusted(DAYS, {"A": [1.0, 2.0, 3.0, 4.0]})
    assert window(frame, DAYS[2], 2)["log_return"].to_list() == [2.0, 3.0]


def test_a_window_is_short_where_the_calendar_begins():
    first = calendar.all_sessions()[0]
    assert window_sessions(calendar.shift(first, 1), 252) == [first, calendar.shift(first, 1)]


# properties


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_what_goes_into_the_array_comes_back(seed: int):
    frame, days = random_returns(seed, 10)
    where = panel(frame, days)
    assert where.flat(where.dense(frame["log_return"])).equals(frame["log_return"], null_equal=True)


def test_the_lookahead_test_catches_a_score_over_all_time():
    frame, _ = random_returns(1, 10)
    trailing = pl.col("log_return").fill_null(0.0).cum_sum().over("symbol")
    assert_causal(lambda f: f.with_columns(x=trailing), frame)
    with pytest.raises(AssertionError):
        assert_causal(lambda f: f.with_columns(x=pl.col("log_return") - pl.col("log_return").mean()), frame)


def test_the_stream_test_catches_a_recursion_that_forgets():
    xs = [1.0, 2.0, 3.0]
    assert_stream_equals_batch(lambda s, x: ((s or 0.0) + x, (s or 0.0) + x), np.cumsum, xs)
    with pytest.raises(AssertionError):
        assert_stream_equals_batch(lambda s, x: (x, x), np.cumsum, xs)


# refusals


def test_a_row_outside_the_sessions_is_refused():
    with pytest.raises(ValueError, match="outside the window"):
        panel(adjusted(DAYS, {"A": [1.0, 2.0, 3.0, 4.0]}), DAYS[1:])


def test_two_rows_of_one_cell_are_refused():
    frame = adjusted(DAYS, {"A": [1.0, None, None, None]})
    with pytest.raises(ValueError, match="A has two rows on 2015-01-02"):
        panel(pl.concat([frame, frame]), DAYS)
