import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.numerics.rolling import (
    index_over_highest,
    index_over_mean,
    min_observations,
    total_return,
    window_count,
    window_max,
    window_mean,
    window_skewness,
    window_std,
    window_sum,
)

NAN = np.nan


def column(values: list[float]) -> np.ndarray:
    return np.array(values)[:, None]


def walk(seed: int, n: int = 60, holes: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.where(rng.random((n, 3)) < holes, NAN, rng.normal(0, 0.02, (n, 3)))


# known values


def test_a_fraction_of_a_window_rounds_up_but_not_by_an_ulp():
    assert [
        min_observations(21, 0.8),
        min_observations(10, 0.7),
        min_observations(5, 1.0),
        min_observations(3, 0.01),
    ] == [17, 7, 5, 1]


def test_missing_values_are_left_out_of_every_statistic():
    x = column([1.0, NAN, 2.0, 6.0])
    assert window_count(x, 3)[:, 0].tolist() == [1.0, 1.0, 2.0, 2.0]
    assert window_sum(x, 3, 1)[-1, 0] == 8.0
    assert window_mean(x, 3, 1)[-1, 0] == 4.0
    assert window_max(x, 3, 1)[-1, 0] == 6.0
    assert window_std(x, 3, 1)[-1, 0] == pytest.approx(np.sqrt(8.0))
    assert np.isnan(window_max(x, 3, 3)[:, 0]).all()


def test_a_window_longer_than_the_array_is_short_not_wrong():
    x = np.ones((3, 1))
    assert window_sum(x, 5, 1)[:, 0].tolist() == [1.0, 2.0, 3.0]
    np.testing.assert_equal(total_return(x, ~np.isnan(x), 5, 1, lag=2)[:, 0], [NAN, NAN, 1.0])


def test_the_skewness_of_0_0_3_is_1_over_the_root_of_2():
    assert window_skewness(column([0.0, 0.0, 3.0]), 3, 3)[-1, 0] == pytest.approx(1 / np.sqrt(2))  # m2 = 2, m3 = 2


def test_values_that_do_not_differ_have_no_skewness():
    x = column([0.1] * 9)
    assert np.isnan(window_skewness(x, 7, 7)).all()
    assert np.isnan(window_skewness(column([0.0] * 9), 7, 7)).all()


def test_a_total_return_begins_anew_after_a_row_without_one():
    returns = column([0.5, 0.25, NAN, 1.0, 2.0])
    absent, unknown = column([True, True, False, True, True]) > 0, np.ones((5, 1), dtype=bool)
    assert total_return(returns, absent, 5, 1)[-1, 0] == 3.75  # the return of the fourth covers the third
    assert total_return(returns, unknown, 5, 1)[-1, 0] == 3.0
    assert np.isnan(total_return(returns, unknown, 5, 3)[-1, 0])


def test_an_index_that_doubles_stands_at_twice_seven_thirds_of_the_mean():
    log2 = np.log(2)
    returns, there = column([NAN, log2, log2]), np.ones((3, 1), dtype=bool)
    assert index_over_mean(returns, there, 3, 3)[-1, 0] == pytest.approx(np.log(4 / (7 / 3)))  # levels 1, 2, 4
    assert index_over_highest(returns, there, 3, 3)[-1, 0] == 0.0


def test_an_index_below_its_high_says_by_how_much():
    returns, there = column([NAN, 0.3, -0.1, -0.1]), np.ones((4, 1), dtype=bool)
    assert index_over_highest(returns, there, 4, 4)[-1, 0] == pytest.approx(-0.2)
    assert index_over_highest(returns, there, 2, 2)[-1, 0] == pytest.approx(-0.1)


def test_an_index_has_no_level_where_there_is_no_row_nor_before_an_unknown_return():
    returns = column([NAN, 1.0, NAN, 0.5, NAN, -0.5])
    there = column([True, True, False, True, False, True]) > 0
    assert index_over_highest(returns, there, 6, 4)[-1, 0] == -0.5
    assert np.isnan(index_over_highest(returns, there, 6, 5)[-1, 0])  # four levels in six rows
    assert np.isnan(index_over_mean(returns, there, 6, 1)[4, 0])  # none of its own
    unknown = there.copy()
    unknown[2] = True  # a row without a return: the first two are out of reach
    assert index_over_mean(returns, unknown, 6, 3)[-1, 0] == pytest.approx(-np.log((1 + np.exp(0.5) + 1) / 3))


# properties


@given(st.integers(0, 10**6), st.integers(2, 30))
@settings(max_examples=10, deadline=None)
def test_whole_windows_are_those_of_pandas(seed: int, window: int):
    x = walk(seed)
    there, frame = np.ones_like(x, dtype=bool), pd.DataFrame(x)
    index = np.exp(frame.cumsum())
    expected = {
        "sum": (window_sum(x, window, window), frame.rolling(window).sum()),
        "deviation": (window_std(x, window, window), frame.rolling(window).std()),
        "max": (window_max(x, window, window), frame.rolling(window).max()),
        "return": (total_return(x, there, window, window, 5), frame.rolling(window).sum().shift(5)),
        "mean": (index_over_mean(x, there, window, window), np.log(index / index.rolling(window).mean())),
        "highest": (index_over_highest(x, there, window, window), np.log(index / index.rolling(window).max())),
    }
    for name, (ours, theirs) in expected.items():
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12, err_msg=name)


@given(st.integers(0, 10**6), st.integers(3, 30))
@settings(max_examples=10, deadline=None)
def test_skewness_is_that_of_pandas_without_its_correction_for_small_samples(seed: int, window: int):
    x, n = walk(seed), window
    corrected = pd.DataFrame(x).rolling(window).skew() * (n - 2) / np.sqrt(n * (n - 1))
    np.testing.assert_allclose(window_skewness(x, window, window), corrected, rtol=0, atol=1e-7)  # pandas runs on


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_an_index_is_never_above_its_high_nor_a_negative_zero(seed: int):
    x = walk(seed, holes=0.3)
    gap = index_over_highest(x, ~np.isnan(x), 20, 1)
    seen = gap[~np.isnan(gap)]
    assert (seen <= 0).all() and not np.signbit(seen[seen == 0]).any()


@given(st.integers(0, 10**6), st.integers(1, 20), st.integers(1, 40))
@settings(max_examples=15, deadline=None)
def test_every_statistic_is_the_same_bits_wherever_the_array_begins(seed: int, window: int, start: int):
    x, rng = walk(seed, holes=0.2), np.random.default_rng(seed)
    there = ~np.isnan(x) | (rng.random(x.shape) < 0.1)

    def all_of(x: np.ndarray, there: np.ndarray) -> np.ndarray:
        return np.stack([
            window_sum(x, window, 1),
            window_mean(x, window, 1),
            window_std(x, window, 1),
            window_skewness(x, window, 1),
            window_max(x, window, 1),
            total_return(x, there, window, 1),
            total_return(x, there, max(1, window - 3), 1, min(3, window - 1)),
            index_over_mean(x, there, window, 1),
            index_over_highest(x, there, window, 1),
        ])  # fmt: skip

    sure = start + window - 1
    np.testing.assert_array_equal(all_of(x[start:], there[start:])[:, window - 1 :], all_of(x, there)[:, sure:])
