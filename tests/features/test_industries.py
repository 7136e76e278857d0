import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Features
from feature_store.schemas.features import INDUSTRY_FEATURES, INDUSTRY_RETURNS
from quant_assets.features.industries import industry_features, industry_returns
from quant_assets.features.stock import LOOKBACK_SESSIONS
from tests.lookahead import assert_causal
from tests.oracles import features as oracle
from tests.oracles import panels
from tests.oracles.panels import adjusted, assert_stored_as, industries, sessions, universe

DAYS = sessions(2)
TODAY = DAYS[1]
UNIVERSE = universe(
    [(TODAY, "A", True), (TODAY, "B", True), (TODAY, "C", True), (TODAY, "D", True), (TODAY, "H", False)]
)
INDUSTRIES = industries([(TODAY, "A", "Energy"), (TODAY, "B", "Energy"), (TODAY, "C", "Tech"), (TODAY, "H", "Tech")])
NAN = float("nan")
BARS = adjusted(
    DAYS,
    {"A": [0.0, np.log(1.1)], "B": [0.0, np.log(0.9)], "C": [0.0, NAN], "D": [0.0, np.log(1.5)], "H": [0.0, 9.0]},
)
FEATURES = Features(min_observations_share=0.8)


def random_industries(seed: int, n: int, holes: float = 0.02) -> pl.DataFrame:
    """INDUSTRY_RETURNS of three industries with missing rows and nulls."""
    rng = np.random.default_rng(seed)

    def one() -> float | None:
        chance = rng.random()
        return None if chance < holes else NAN if chance < 1.25 * holes else float(rng.normal(0, 0.01))

    return panels.industry_returns(sessions(n), {name: [one() for _ in range(n)] for name in ("A", "B", "C")})


# known values


def test_the_mean_is_of_simple_returns_over_tradable_members_with_a_return():
    frame = industry_returns(BARS, UNIVERSE, INDUSTRIES, TODAY)
    assert frame["industry"].to_list() == ["Energy", "Tech", "Unknown"]
    assert frame["n_members"].to_list() == [2, 0, 1]
    energy, tech, unknown = frame["log_return"]
    assert energy == pytest.approx(0.0, abs=1e-15)  # +10 % and -10 %
    assert tech is None
    assert unknown == pytest.approx(np.log(1.5))
    assert_stored_as(frame, INDUSTRY_RETURNS)


def test_an_empty_universe_gives_no_rows_of_the_right_schema():
    assert_stored_as(industry_returns(BARS, universe([]), industries([]), TODAY), INDUSTRY_RETURNS)


def test_features_of_a_steady_industry_by_hand():
    days = sessions(252)
    frame = industry_features(panels.industry_returns(days, {"A": [0.001] * 252}), days, FEATURES)
    assert_stored_as(frame, INDUSTRY_FEATURES)
    last = frame.row(-1, named=True)
    assert last["return_10"] == pytest.approx(0.001)
    assert last["momentum_21"] == pytest.approx(0.021)
    assert last["momentum_63"] == pytest.approx(0.063)
    assert last["momentum_252_21"] == pytest.approx(0.231)
    assert last["ma_gap_50"] == pytest.approx(-math.log(np.exp(-0.001 * np.arange(50)).mean()))
    assert last["drawdown_252"] == 0.0
    assert last["volatility_10"] == pytest.approx(0.001 * math.sqrt(252))  # about zero, not about the mean
    assert last["volatility_21"] == pytest.approx(0.0, abs=1e-15)


def test_a_drawdown_is_from_the_highest_close_of_the_window():
    days = sessions(252)
    path = [NAN, *[0.0] * 199, 0.2, -0.3, 0.1, *[0.0] * 49]
    last = industry_features(panels.industry_returns(days, {"A": path}), days, FEATURES).row(-1, named=True)
    assert last["drawdown_252"] == pytest.approx(-0.2)


def test_no_industries_give_no_features_of_the_right_schema():
    days = sessions(3)
    assert_stored_as(industry_features(panels.industry_returns(days, {}), days, FEATURES), INDUSTRY_FEATURES)


# properties


@given(st.integers(0, 10**6), st.sampled_from([0.5, 0.9]), st.sampled_from([0.0, 0.02]))
@settings(max_examples=6, deadline=None)
def test_every_industry_feature_is_the_slow_one(seed: int, share: float, holes: float):
    days, frame = sessions(256), random_industries(seed, 256, holes)
    fast = industry_features(frame, days, Features(min_observations_share=share))
    for industry in "ABC":
        own = {row["event_date"]: row["log_return"] for row in frame.filter(industry=industry).iter_rows(named=True)}
        returns, there = [own.get(day) for day in days], [day in own for day in days]
        rows = fast.filter(industry=industry)
        for row in pl.concat([rows.gather_every(13), rows.tail(2)]).iter_rows(named=True):
            slow = oracle.industry_features(returns, there, days.index(row["event_date"]), share)
            assert slow.keys() == set(INDUSTRY_FEATURES.values)
            for name, value in slow.items():
                assert row[name] == (None if value is None else pytest.approx(value, rel=1e-9, abs=1e-12)), name


@given(st.integers(0, 10**6))
@settings(max_examples=4, deadline=None)
def test_no_industry_feature_sees_tomorrow(seed: int):
    days = sessions(30)
    assert_causal(lambda f: industry_features(f, days, FEATURES), random_industries(seed, 30))


@given(st.integers(0, 10**6), st.integers(1, 15))
@settings(max_examples=6, deadline=None)
def test_an_industry_feature_is_the_same_bits_wherever_the_window_begins(seed: int, start: int):
    days, frame = sessions(LOOKBACK_SESSIONS + 20), random_industries(seed, LOOKBACK_SESSIONS + 20)
    sure = pl.col("event_date") >= days[start + LOOKBACK_SESSIONS - 1]
    later = frame.filter(pl.col("event_date") >= days[start])
    assert_frame_equal(
        industry_features(later, days[start:], FEATURES).filter(sure),
        industry_features(frame, days, FEATURES).filter(sure),
        check_exact=True,
    )


def test_neither_other_days_nor_the_order_of_rows_matter():
    assert_frame_equal(
        industry_returns(BARS.filter(event_date=TODAY).reverse(), UNIVERSE.reverse(), INDUSTRIES.reverse(), TODAY),
        industry_returns(BARS, UNIVERSE, INDUSTRIES, TODAY),
        check_exact=True,
    )


def test_a_stranger_to_the_universe_changes_nothing():
    stranger = pl.concat([BARS, adjusted(DAYS, {"Z": [0.0, 5.0]})])
    assert_frame_equal(
        industry_returns(stranger, UNIVERSE, INDUSTRIES, TODAY), industry_returns(BARS, UNIVERSE, INDUSTRIES, TODAY)
    )
