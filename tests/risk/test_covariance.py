import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Risk
from feature_store.schemas.risk import COVARIANCE
from quant_assets.risk.covariance import constant_correlation, ledoit_wolf_constant_correlation, mean_correlation
from tests.oracles import covariance as oracle
from tests.oracles.panels import adjusted, assert_stored_as, random_returns, sessions, universe

RISK = Risk(lookback_sessions=30, min_observations=20)
DAYS = sessions(40)
TODAY = DAYS[-1]


def factor_returns(seed: int, n_rows: int = 40, n: int = 6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.01, (n_rows, 1)) + rng.normal(0, 0.015, (n_rows, n))


def tradable(*symbols: str) -> pl.DataFrame:
    return universe([(TODAY, symbol, True) for symbol in symbols])


# known values


def test_volatility_is_of_simple_returns_and_annual():
    path = [math.log(1.01), math.log(0.99)] * 20
    row = constant_correlation(adjusted(DAYS, {"A": path}), tradable("A"), TODAY, RISK).row(0, named=True)
    assert row["volatility_annual"] == pytest.approx(0.01 * math.sqrt(30 / 29) * math.sqrt(252))
    assert row["n_observations"] == 30
    assert row["correlation"] == 0.0  # one stock has no pair


def test_three_stocks_of_which_one_stands_alone():
    x = np.array([[1.0, 1.0, 1.0], [-1.0, -1.0, 1.0], [1.0, 1.0, -1.0], [-1.0, -1.0, -1.0]])
    assert mean_correlation(x) == pytest.approx(1 / 3)  # pairs: 1, 0 and 0


def test_twins_are_bounded_below_one_and_opposites_at_zero():
    path = factor_returns(1)[:, 0]
    twins = adjusted(DAYS, {"A": path.tolist(), "B": path.tolist()})
    assert constant_correlation(twins, tradable("A", "B"), TODAY, RISK)["correlation"].to_list() == [0.99] * 2
    opposites = adjusted(DAYS, {"A": path.tolist(), "B": (-path).tolist()})
    assert constant_correlation(opposites, tradable("A", "B"), TODAY, RISK)["correlation"].to_list() == [0.0] * 2


def test_too_few_returns_no_movement_and_no_bar_today_give_no_row():
    paths = {"A": factor_returns(1)[:, 0].tolist(), "YOUNG": [None] * 25 + [0.01, -0.01, 0.0] * 5, "FLAT": [0.0] * 40}
    members = pl.concat([tradable("A", "YOUNG", "FLAT"), universe([(TODAY, "HALTED", False)])])
    frame = constant_correlation(adjusted(DAYS, {**paths, "HALTED": paths["A"]}), members, TODAY, RISK)
    assert frame["symbol"].to_list() == ["A"]
    assert_stored_as(frame, COVARIANCE)


def test_an_empty_universe_gives_no_rows_of_the_right_schema():
    frame = adjusted(DAYS, {"A": [0.01] * 40})
    assert_stored_as(constant_correlation(frame, universe([]), TODAY, RISK), COVARIANCE)
    assert_stored_as(constant_correlation(frame.clear(), tradable("A"), TODAY, RISK), COVARIANCE)


def test_two_assets_leave_nothing_to_shrink():
    x = factor_returns(3, n=2)
    covariance, shrinkage = ledoit_wolf_constant_correlation(x)
    assert shrinkage == 0.0
    np.testing.assert_allclose(covariance, np.cov(x.T, bias=True))


# properties


@given(st.integers(0, 10**6), st.integers(2, 9))
@settings(max_examples=20, deadline=None)
def test_the_mean_correlation_is_that_of_all_pairs(seed: int, n: int):
    x = factor_returns(seed, n=n)
    assert mean_correlation(x) == pytest.approx(oracle.mean_pairwise_correlation(x), abs=1e-12)


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_with_holes_each_pair_weighs_by_its_common_sessions(seed: int):
    x = factor_returns(seed)
    x[np.random.default_rng(seed).random(x.shape) < 0.2] = np.nan
    assert mean_correlation(x) == pytest.approx(oracle.mean_correlation_with_holes(x), abs=1e-12)


@given(st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_the_window_ends_today_and_begins_where_the_settings_say(seed: int):
    frame, days = random_returns(seed, 40, n_symbols=5)
    today = days[-5]
    members = universe([(today, f"S{i}", True) for i in range(5)])
    cut = frame.filter(pl.col("event_date").is_between(days[-34], today))
    assert_frame_equal(
        constant_correlation(cut, members, today, RISK),
        constant_correlation(frame, members, today, RISK),
        check_exact=True,
    )


def test_the_order_of_rows_does_not_matter():
    frame, days = random_returns(1, 40, n_symbols=5)
    members = universe([(days[-1], f"S{i}", True) for i in range(5)])
    assert_frame_equal(
        constant_correlation(frame.sample(fraction=1.0, shuffle=True, seed=1), members.reverse(), days[-1], RISK),
        constant_correlation(frame, members, days[-1], RISK),
        check_exact=True,
    )


@given(st.integers(0, 10**6), st.integers(3, 6), st.integers(12, 60))
@settings(max_examples=12, deadline=None)
def test_shrinkage_is_that_of_the_papers_sums(seed: int, n: int, n_rows: int):
    x = factor_returns(seed, n_rows, n) * np.linspace(0.5, 2, n)
    covariance, shrinkage = ledoit_wolf_constant_correlation(x)
    slow, delta = oracle.ledoit_wolf(x)
    assert shrinkage == pytest.approx(delta, abs=1e-9)
    np.testing.assert_allclose(covariance, slow, rtol=1e-9, atol=1e-15)


@given(st.integers(0, 10**6), st.floats(0.01, 100))
@settings(max_examples=10, deadline=None)
def test_shrinkage_keeps_variances_and_scales_with_units(seed: int, unit: float):
    x = factor_returns(seed)
    covariance, shrinkage = ledoit_wolf_constant_correlation(x)
    np.testing.assert_allclose(covariance.diagonal(), x.var(axis=0))
    assert 0.0 <= shrinkage <= 1.0
    scaled, same = ledoit_wolf_constant_correlation(x * unit)
    assert same == pytest.approx(shrinkage, abs=1e-9)
    np.testing.assert_allclose(scaled, covariance * unit**2, rtol=1e-9)


# refusals


@pytest.mark.parametrize(
    ("returns", "message"),
    [
        (np.ones((1, 3)), "at least two sessions"),
        (np.array([[1.0, np.nan], [0.0, 1.0]]), "missing values"),
        (np.array([[1.0, 2.0], [0.0, 2.0]]), "column 1 never moves"),
    ],
)
def test_what_has_no_covariance_is_refused_with_the_mend(returns: np.ndarray, message: str):
    with pytest.raises(ValueError, match=message):
        ledoit_wolf_constant_correlation(returns)
