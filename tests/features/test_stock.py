import datetime as dt
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Features
from feature_store.schemas.features import STOCK_FEATURES
from quant_assets.features.stock import (
    LOOKBACK_SESSIONS,
    price_impact,
    range_volatility,
    relative_strength,
    stock_features,
)
from tests.lookahead import assert_causal
from tests.oracles import features as oracle
from tests.oracles.panels import adjusted, assert_stored_as, random_returns, sessions

FEATURES = Features(min_observations_share=0.8)
NAMES = STOCK_FEATURES.values
NAN = float("nan")


def last_of(frame: pl.DataFrame, days: list[dt.date]) -> dict[str, float | None]:
    return stock_features(frame, days, FEATURES).row(-1, named=True)


# known values


def test_a_steady_climber_by_hand():
    days = sessions(260)
    frame = adjusted(days, {"A": [0.001] * 260}, intraday=0.0004, dollars=2e6)
    last = last_of(frame.with_columns(overnight_log_return=0.0006), days)
    assert last["return_1"] == 0.001
    assert last["reversal_5"] == pytest.approx(-0.005)
    assert last["reversal_21"] == pytest.approx(-0.021)
    assert last["momentum_63"] == pytest.approx(0.063)
    assert last["momentum_126_21"] == pytest.approx(0.105)
    assert last["momentum_252_21"] == pytest.approx(0.231)
    assert last["overnight_63"] == pytest.approx(63 * 0.0006)
    assert last["intraday_63"] == pytest.approx(63 * 0.0004)
    for n in (20, 50, 200):
        assert last[f"ma_gap_{n}"] == pytest.approx(-math.log(np.exp(-0.001 * np.arange(n)).mean()))
    assert last["high_gap_252"] == 0.0
    assert last["rsi_14"] == 100.0
    assert last["volatility_252"] == pytest.approx(0.0, abs=1e-15)
    assert last["downside_volatility_63"] == 0.0
    assert last["range_volatility_21"] == pytest.approx(math.log(101 / 99) / math.sqrt(4 * math.log(2) / 252))
    assert last["skewness_63"] is None  # no spread
    assert last["max_return_21"] == 0.001
    assert last["volume_trend_5_63"] == pytest.approx(0.0, abs=1e-15)
    assert last["volume_volatility_63"] == pytest.approx(0.0, abs=1e-15)
    for name in ("amihud_21", "amihud_252"):
        assert last[name] == pytest.approx(0.0005)  # 0.001 for each of two million dollars
    assert last["adv_21_usd"] == pytest.approx(2e6)
    assert last["log_adv_63"] == pytest.approx(math.log(2e6))


def test_volatility_is_the_sample_deviation_times_the_root_of_252():
    days = sessions(21)
    path = [0.01, -0.01] * 10 + [0.01]
    assert last_of(adjusted(days, {"A": path}), days)["volatility_21"] == pytest.approx(
        np.std(path, ddof=1) * math.sqrt(252)
    )


def test_downside_volatility_counts_gains_as_nothing_and_not_as_absent():
    days = sessions(63)
    last = last_of(adjusted(days, {"A": [-0.02] * 21 + [0.05] * 42}), days)
    assert last["downside_volatility_63"] == pytest.approx(0.02 * math.sqrt(252 / 3))


@pytest.mark.parametrize(
    ("name", "oldest", "newest"), [("momentum_252_21", 251, 21), ("momentum_126_21", 125, 21), ("momentum_63", 62, 0)]
)
def test_momentum_holds_its_window_and_nothing_else(name: str, oldest: int, newest: int):
    days = sessions(260)
    path = [0.0] * 260
    path[-1 - oldest], path[-1 - newest] = 1.0, 10.0
    path[-2 - oldest] = 100.0
    if newest:
        path[-newest] = 1000.0
    assert last_of(adjusted(days, {"A": path}), days)[name] == 11.0


def test_relative_strength_is_gains_over_gains_and_losses():
    returns = np.array([[0.03], [-0.01], [0.0], [np.nan]])
    assert relative_strength(returns, 4, 3)[-1, 0] == pytest.approx(75.0)
    assert relative_strength(-returns, 4, 3)[-1, 0] == pytest.approx(25.0)
    assert np.isnan(relative_strength(np.zeros((4, 1)), 4, 3)[-1, 0])  # nothing moved


def test_the_range_of_a_random_walk_tells_its_volatility():
    steps = np.random.default_rng(1).normal(0, 0.02 / math.sqrt(2000), (300, 2000)).cumsum(axis=1)
    high, low = (np.exp(f(steps, axis=1))[:, None] for f in (np.max, np.min))
    assert range_volatility(high, low, 300, 300)[-1, 0] == pytest.approx(0.02, rel=0.05)


def test_price_impact_is_per_million_dollars_and_unknown_without_volume():
    impact = price_impact(np.array([-0.02, 0.02, 0.02]), np.array([4e6, 0.0, np.nan]))
    np.testing.assert_allclose(impact, [0.005, NAN, NAN])


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
    last = last_of(halted, days)
    assert last["amihud_21"] == pytest.approx(0.01)
    assert last["adv_21_usd"] == pytest.approx(20e6 / 21)


def test_what_is_never_traded_has_no_volume_features_rather_than_infinite_ones():
    days = sessions(63)
    last = last_of(adjusted(days, {"A": [0.01] * 63}, dollars=0.0), days)
    assert last["adv_21_usd"] == 0.0
    for name in ("volume_trend_5_63", "volume_volatility_63", "amihud_21", "log_adv_63"):
        assert last[name] is None


def test_a_price_that_never_moves_has_no_strength_and_no_skewness():
    days = sessions(63)
    last = last_of(adjusted(days, {"A": [0.0] * 63}), days)
    assert (last["rsi_14"], last["skewness_63"], last["ma_gap_20"]) == (None, None, 0.0)


def test_what_a_gap_too_long_earned_is_not_taken_for_nothing():
    days = sessions(252)
    path: list[float | None] = [0.01] * 252
    path[100] = NAN  # the first bar after such a gap has no return
    last = last_of(adjusted(days, {"A": path}), days)
    assert last["volatility_252"] == pytest.approx(0.0, abs=1e-15)
    assert last["momentum_126_21"] == pytest.approx(1.05)
    assert last["momentum_252_21"] is None
    assert last["ma_gap_200"] is None
    assert last["high_gap_252"] is None
    assert last["ma_gap_50"] is not None


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


@given(
    st.integers(0, 10**6), st.sampled_from([0.5, 0.8, 1.0]), st.sampled_from([0.0, 0.1]), st.sampled_from([0.0, 0.01])
)
@settings(max_examples=8, deadline=None)
def test_every_feature_is_the_slow_one(seed: int, share: float, holes: float, breaks: float):
    frame, days = random_returns(seed, 256, n_symbols=2, holes=holes, breaks=breaks)
    fast = stock_features(frame, days, Features(min_observations_share=share))
    assert_stored_as(fast, STOCK_FEATURES)
    for symbol in fast["symbol"].unique():
        bars = {name: oracle.series(frame, days, symbol, name) for name in frame.columns[2:]}
        rows = fast.filter(symbol=symbol)
        for row in pl.concat([rows.gather_every(11), rows.tail(2)]).iter_rows(named=True):
            slow = oracle.stock_features(bars, days.index(row["event_date"]), share)
            assert slow.keys() == set(NAMES)
            for name in NAMES:
                known = slow[name] is not None
                assert row[name] == (pytest.approx(slow[name], rel=1e-9, abs=1e-12) if known else None), name


def test_every_feature_is_there_after_a_whole_window():
    frame, days = random_returns(1, LOOKBACK_SESSIONS, holes=0.0, breaks=0.0)
    assert stock_features(frame, days, FEATURES).filter(event_date=days[-1]).null_count().sum_horizontal().item() == 0


@given(st.integers(0, 10**6))
@settings(max_examples=5, deadline=None)
def test_no_feature_sees_tomorrow(seed: int):
    frame, days = random_returns(seed, 30)
    assert_causal(lambda f: stock_features(f, days, FEATURES), frame)


@given(st.integers(0, 10**6), st.integers(1, 15))
@settings(max_examples=8, deadline=None)
def test_a_feature_is_the_same_bits_wherever_the_window_begins(seed: int, start: int):
    frame, days = random_returns(seed, LOOKBACK_SESSIONS + 20, breaks=0.003)
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


# refusals


def test_a_bar_outside_the_window_is_refused():
    frame, days = random_returns(1, 5)
    with pytest.raises(ValueError, match="outside the window"):
        stock_features(frame, days[1:], FEATURES)
