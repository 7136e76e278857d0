import datetime as dt
import math

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from feature_store.schemas.features import STOCK_FEATURES
from feature_store.schemas.stock_features import FEATURES as DECLARED
from quant_assets.features.stock.features import stock_features
from quant_assets.features.stock.liquidity import price_impact
from quant_assets.features.stock.ranges import garman_klass, parkinson, rogers_satchell, yang_zhang
from tests.features.stock.samples import FEATURES
from tests.oracles.panels import adjusted, assert_stored_as, random_traded, sessions

NAN = float("nan")


def last_of(frame: pl.DataFrame, days: list[dt.date]) -> dict[str, float | None]:
    return stock_features(frame, days, days[0], FEATURES).row(-1, named=True)


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


def test_volatility_is_the_sample_standard_deviation_times_the_root_of_252():
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
    days = sessions(14)
    path = [0.03, -0.01, 0.0, None] + [0.0] * 10
    assert last_of(adjusted(days, {"A": path}), days)["rsi_14"] == pytest.approx(75.0)
    falling = [None if r is None else -r for r in path]
    assert last_of(adjusted(days, {"A": falling}), days)["rsi_14"] == pytest.approx(25.0)


def test_ranges_of_a_random_walk_tell_its_volatility():
    steps = np.random.default_rng(1).normal(0, 0.02 / math.sqrt(2000), (400, 2000)).cumsum(axis=1)
    prices = np.ones(400), np.exp(steps.max(axis=1)), np.exp(steps.min(axis=1)), np.exp(steps[:, -1])
    high = np.maximum(prices[1], 1.0), np.minimum(prices[2], 1.0)
    bars = prices[0], high[0], high[1], prices[3]
    squares = parkinson(*bars[1:3]), garman_klass(*bars), rogers_satchell(*bars)
    for squared in squares:
        assert math.sqrt(squared.mean()) == pytest.approx(0.02, rel=0.06)
    day = np.log(prices[3]).var(ddof=1)
    assert math.sqrt(yang_zhang(0.0, day, squares[2].mean(), 400)) == pytest.approx(0.02, rel=0.06)


def test_price_impact_is_per_million_dollars_and_unknown_without_volume():
    impact = price_impact(np.array([-0.02, 0.02, 0.02]), np.array([4e6, 0.0, np.nan]))
    np.testing.assert_allclose(impact, [0.005, NAN, NAN])


def test_four_of_five_returns_are_enough_and_three_are_not():
    days = sessions(5)
    frame = adjusted(days, {"A": [0.1, None, 0.1, 0.1, 0.1], "B": [0.1, None, None, 0.1, 0.1]})
    last = stock_features(frame, days, days[0], FEATURES).filter(event_date=days[-1])
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


def test_what_always_rises_is_at_the_end_of_its_scale_and_no_digit_beyond():
    """Shares of sums that add up to all of it, by another order of adding or after a rounded division."""
    frame, days = random_traded(5, 130, 40, holes=0.0, breaks=0.0)
    rng = np.random.default_rng(5)
    rising = frame.with_columns(log_return=pl.Series(np.abs(rng.normal(0.02, 0.01, len(frame))) + 1e-4))
    level = rising.with_columns(
        pl.col("log_return").cum_sum().over("symbol").exp().alias("close"), split_ratio=pl.lit(1.0)
    ).with_columns(high="close", low="close", open="close", vwap=pl.lit(None, pl.Float64))
    made = stock_features(level, days, days[20], FEATURES)
    for feature in DECLARED:
        low, high = made[feature.name].min(), made[feature.name].max()
        assert low is None or feature.at_least is None or low >= feature.at_least, feature.name
        assert high is None or feature.at_most is None or high <= feature.at_most, feature.name
    assert made["mfi_14"].max() == 100.0


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
    result = stock_features(frame, days, days[0], FEATURES)
    assert_frame_equal(result.select("event_date", "symbol"), frame.select("event_date", "symbol"))
    assert_stored_as(result, STOCK_FEATURES)


def test_no_bars_give_no_rows_of_the_right_schema():
    days = sessions(3)
    assert_stored_as(stock_features(adjusted(days, {}), days, days[0], FEATURES), STOCK_FEATURES)
