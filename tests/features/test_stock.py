import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Features
from feature_store.schemas.features import STOCK_FEATURES
from quant_assets.features.stock import LOOKBACK_SESSIONS, stock_features, window_sum
from tests.lookahead import assert_causal
from tests.oracles import features as oracle
from tests.oracles.panels import adjusted, assert_stored_as, random_returns, sessions

FEATURES = Features(min_observations_share=0.8)
NAMES = STOCK_FEATURES.values

# known values


def test_a_steady_climber_by_hand():
    days = sessions(260)
    last = stock_features(adjusted(days, {"A": [0.001] * 260}, dollars=2e6), days, FEATURES).row(-1, named=True)
    assert last["return_1"] == 0.001
    assert last["reversal_5"] == pytest.approx(-0.005)
    assert last["reversal_21"] == pytest.approx(-0.021)
    assert last["momentum_252_21"] == pytest.approx(0.231)
    assert last["volatility_63"] == pytest.approx(0.0, abs=1e-15)
    assert last["amihud_21"] == pytest.approx(0.0005)  # 0.001 for each of two million dollars
    assert last["adv_21_usd"] == pytest.approx(2e6)


def test_volatility_is_the_sample_deviation_times_the_root_of_252():
    days = sessions(21)
    path = [0.01, -0.01] * 10 + [0.01]
    last = stock_features(adjusted(days, {"A": path}), days, FEATURES).row(-1, named=True)
    assert last["volatility_21"] == pytest.approx(np.std(path, ddof=1) * math.sqrt(252))


def test_momentum_leaves_out_the_last_21_sessions():
    days = sessions(252)
    path = [0.0] * 252
    path[0] = 1.0  # the oldest return of the window
    path[230] = 10.0  # its newest: 21 sessions before the last
    path[231] = 100.0  # one too new
    last = stock_features(adjusted(days, {"A": path}), days, FEATURES).row(-1, named=True)
    assert last["momentum_252_21"] == 11.0


def test_four_of_five_returns_are_enough_and_three_are_not():
    days = sessions(5)
    frame = adjusted(days, {"A": [0.1, None, 0.1, 0.1, 0.1], "B": [0.1, None, None, 0.1, 0.1]})
    last = stock_features(frame, days, FEATURES).filter(event_date=days[-1])
    assert last["reversal_5"].to_list() == [pytest.approx(-0.4), None]


def test_a_halted_day_without_volume_is_no_infinite_illiquidity():
    days = sessions(21)
    frame = adjusted(days, {"A": [0.01] * 21}, dollars=1e6)
    halted = frame.with_columns(
        dollar_volume_usd=pl.when(pl.col("event_date") == days[10]).then(0.0).otherwise("dollar_volume_usd")
    )
    last = stock_features(halted, days, FEATURES).row(-1, named=True)
    assert last["amihud_21"] == pytest.approx(0.01)
    assert last["adv_21_usd"] == pytest.approx(20e6 / 21)


def test_rows_exist_only_where_bars_do():
    days = sessions(4)
    frame = adjusted(days, {"A": [0.1, None, 0.1, None], "B": [None, None, None, 0.2]})
    result = stock_features(frame, days, FEATURES)
    assert_frame_equal(result.select("event_date", "symbol"), frame.select("event_date", "symbol"))
    assert_stored_as(result, STOCK_FEATURES)


def test_no_bars_give_no_rows_of_the_right_schema():
    days = sessions(3)
    assert_stored_as(stock_features(adjusted(days, {}), days, FEATURES), STOCK_FEATURES)


# properties


@given(st.integers(0, 10**6), st.sampled_from([0.5, 0.8, 1.0]), st.sampled_from([0.0, 0.15]))
@settings(max_examples=6, deadline=None)
def test_every_feature_is_the_slow_one(seed: int, share: float, holes: float):
    frame, days = random_returns(seed, 256, n_symbols=2, holes=holes)
    fast = stock_features(frame, days, Features(min_observations_share=share))
    for symbol in fast["symbol"].unique():
        returns = oracle.series(frame, days, symbol, "log_return")
        dollars = oracle.series(frame, days, symbol, "dollar_volume_usd")
        for row in fast.filter(symbol=symbol).gather_every(7).iter_rows(named=True):
            slow = oracle.stock_features(returns, dollars, days.index(row["event_date"]), share)
            for name in NAMES:
                assert row[name] == (None if slow[name] is None else pytest.approx(slow[name], rel=1e-10, abs=1e-14))


@given(st.integers(0, 10**6))
@settings(max_examples=5, deadline=None)
def test_no_feature_sees_tomorrow(seed: int):
    frame, days = random_returns(seed, 30)
    assert_causal(lambda f: stock_features(f, days, FEATURES), frame)


@given(st.integers(0, 10**6), st.integers(1, 15))
@settings(max_examples=8, deadline=None)
def test_a_feature_is_the_same_bits_wherever_the_window_begins(seed: int, start: int):
    frame, days = random_returns(seed, LOOKBACK_SESSIONS + 20)
    sure = pl.col("event_date") >= days[start + LOOKBACK_SESSIONS - 1]
    later = frame.filter(pl.col("event_date") >= days[start])
    assert_frame_equal(
        stock_features(later, days[start:], FEATURES).filter(sure),
        stock_features(frame, days, FEATURES).filter(sure),
        check_exact=True,
    )


@given(st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_symbols_do_not_touch_one_another(seed: int):
    frame, days = random_returns(seed, 70, n_symbols=9)  # nine: whole vector lanes and a rest
    alone = pl.col("symbol") == "S7"
    assert_frame_equal(
        stock_features(frame.filter(alone), days, FEATURES),
        stock_features(frame, days, FEATURES).filter(alone),
        check_exact=True,
    )


def test_two_versions_of_one_stock_may_stand_side_by_side():
    frame, days = random_returns(3, 30, n_symbols=1)
    twice = pl.concat([frame, frame.with_columns(symbol=pl.lit("S0\x1f2015-01-09"))]).sort("symbol", "event_date")
    result = stock_features(twice, days, FEATURES)
    assert_frame_equal(
        result.filter(symbol="S0").drop("symbol"), result.filter(symbol="S0\x1f2015-01-09").drop("symbol")
    )


def test_a_window_longer_than_the_array_is_short_not_wrong():
    x = np.ones((3, 1))
    assert window_sum(x, 5, 0, 1)[:, 0].tolist() == [1.0, 2.0, 3.0]
    np.testing.assert_equal(window_sum(x, 5, 2, 1)[:, 0], [np.nan, np.nan, 1.0])


# refusals


def test_a_bar_outside_the_window_is_refused():
    frame, days = random_returns(1, 5)
    with pytest.raises(ValueError, match="outside the window"):
        stock_features(frame, days[1:], FEATURES)
