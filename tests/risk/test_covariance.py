import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Risk
from feature_store.schemas.risk import FACTOR_COVARIANCE
from quant_assets.risk.covariance import decay, factor_covariance, ledoit_wolf_constant_correlation, weighted_covariance
from tests.oracles import covariance as oracle
from tests.oracles.panels import assert_stored_as, sessions
from tests.risk.markets import cross_section, factor_rows, on, planted

RISK = Risk(lookback_sessions=30, min_observations=20, factor_half_life=10)
DAYS = sessions(40)
TODAY = DAYS[-1]
FEW = on(cross_section(np.random.default_rng(0), 9), TODAY)  # market and three industries
INDUSTRIES = ["industry:Energy", "industry:Health Care", "industry:Utilities"]


def matrix(frame: pl.DataFrame) -> tuple[list[str], np.ndarray]:
    names = frame["factor"].unique(maintain_order=True).to_list()
    return names, frame["covariance_annual"].to_numpy().reshape(len(names), len(names))


def random_factors(seed: int, n_rows: int = 40, missing: float = 0.0) -> dict[str, list[float]]:
    rng = np.random.default_rng(seed)
    drawn = rng.normal(0, [0.01, 0.004, 0.005, 0.006], (n_rows, 4))
    drawn[:, 1:][rng.random((n_rows, 3)) < missing] = np.nan
    return {name: drawn[:, k].tolist() for k, name in enumerate(["market", *INDUSTRIES])}


def stock_returns(seed: int, n_rows: int = 40, n: int = 6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.01, (n_rows, 1)) + rng.normal(0, 0.015, (n_rows, n))


# known values


def test_weights_halve_every_half_life():
    np.testing.assert_allclose(decay(5, 2.0), [0.25, math.sqrt(0.125), 0.5, math.sqrt(0.5), 1.0])


def test_variance_is_about_zero_and_annual():
    rows = factor_rows(DAYS, {"market": [0.01] * 40, "industry:Energy": [0.002, -0.002] * 20})
    names, covariance = matrix(factor_covariance(rows, FEW, TODAY, RISK))
    assert names == [*INDUSTRIES, "market"]
    assert covariance[3, 3] == pytest.approx(1e-4 * 252)
    assert covariance[0, 0] == pytest.approx(4e-6 * 252)


def test_a_factor_without_a_past_has_the_usual_variance_of_its_kind_and_moves_with_nothing():
    paths = random_factors(1) | {"industry:Utilities": [math.nan] * 40}
    names, covariance = matrix(factor_covariance(factor_rows(DAYS, paths), FEW, TODAY, RISK))
    young = names.index("industry:Utilities")
    assert covariance[young, young] == pytest.approx(np.median(covariance.diagonal()[:2]))
    np.testing.assert_array_equal(np.delete(covariance[young], young), 0.0)


def test_where_no_factor_of_its_kind_has_a_past_all_others_say_what_is_usual():
    sixteen = on(cross_section(np.random.default_rng(0), 16), TODAY)
    names, covariance = matrix(factor_covariance(factor_rows(DAYS, random_factors(2)), sixteen, TODAY, RISK))
    known = [names.index(name) for name in ["market", *INDUSTRIES]]
    assert covariance[0, 0] == pytest.approx(np.median(covariance.diagonal()[known]))  # beta


def test_half_a_past_counts_half():
    paths = random_factors(3)
    paths["industry:Energy"] = [math.nan] * 35 + paths["industry:Energy"][35:]
    names, covariance = matrix(factor_covariance(factor_rows(DAYS, paths), FEW, TODAY, RISK))
    x = np.array([paths[name] for name in names]).T[-30:]
    usual = np.array([np.median(covariance.diagonal()[1:3])] * 4) / 252
    np.testing.assert_allclose(covariance, oracle.weighted_covariance(x, 10, usual) * 252, rtol=1e-12)


def test_too_young_a_market_has_no_covariance():
    paths = {name: [math.nan] * 21 + path[21:] for name, path in random_factors(1).items()}
    rows = factor_rows(DAYS, paths)
    assert len(factor_covariance(rows, FEW, TODAY, RISK)) == 0
    assert len(factor_covariance(rows, FEW, TODAY, RISK.model_copy(update={"min_observations": 19}))) == 16


def test_no_stocks_and_no_history_give_no_rows_of_the_right_schema():
    rows = factor_rows(DAYS, random_factors(1))
    for frame in (factor_covariance(rows, FEW.clear(), TODAY, RISK), factor_covariance(rows.clear(), FEW, TODAY, RISK)):
        assert_stored_as(frame, FACTOR_COVARIANCE)
        assert len(frame) == 0


def test_two_assets_leave_nothing_to_shrink():
    x = stock_returns(3, n=2)
    covariance, shrinkage = ledoit_wolf_constant_correlation(x)
    assert shrinkage == 0.0
    np.testing.assert_allclose(covariance, np.cov(x.T, bias=True))


# properties


@given(st.integers(0, 10**6), st.sampled_from([0.0, 0.3]))
@settings(max_examples=10, deadline=None)
def test_the_sums_are_those_of_the_slow_twin(seed: int, missing: float):
    x = np.array(list(random_factors(seed, missing=missing).values())).T
    typical = np.array([0.0, 1e-5, 2e-5, 3e-5])
    fast = weighted_covariance(x, decay(40, 10), typical)
    np.testing.assert_allclose(fast, oracle.weighted_covariance(x, 10, typical), rtol=1e-10, atol=1e-18)


@given(st.integers(0, 10**6), st.floats(0, 0.9))
@settings(max_examples=20, deadline=None)
def test_both_triangles_are_stored_and_no_portfolio_of_factors_has_a_negative_variance(seed: int, missing: float):
    frame = factor_covariance(factor_rows(DAYS, random_factors(seed, missing=missing)), FEW, TODAY, RISK)
    assert_stored_as(frame, FACTOR_COVARIANCE)
    assert frame.sort("factor", "other").equals(frame)
    _, covariance = matrix(frame)
    np.testing.assert_array_equal(covariance, covariance.T)
    assert np.linalg.eigvalsh(covariance)[0] >= -1e-15


@given(st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_the_window_is_exact_and_nothing_later_matters(seed: int):
    rows, today = factor_rows(DAYS, random_factors(seed, missing=0.1)), DAYS[-5]
    members = FEW.with_columns(event_date=pl.lit(today, pl.Date))
    cut = rows.filter(pl.col("event_date").is_between(DAYS[-34], today))
    assert_frame_equal(
        factor_covariance(cut, members, today, RISK),
        factor_covariance(rows.sample(fraction=1.0, shuffle=True, seed=1), pl.concat([members, FEW]), today, RISK),
        check_exact=True,
    )


def test_the_planted_covariance_is_found():
    market = planted(1, 253, n=9)
    rows = factor_rows(market.days, dict(zip(market.factors, market.factor_returns.T.tolist(), strict=True)))
    long = Risk(lookback_sessions=252, factor_half_life=1e6)
    names, covariance = matrix(factor_covariance(rows, market.exposures, market.days[-1], long))
    x = market.factor_returns[1:, [market.factors.index(name) for name in names]]
    np.testing.assert_allclose(covariance, x.T @ x / 252 * 252, rtol=1e-3, atol=1e-6)


@given(st.integers(0, 10**6), st.integers(3, 6), st.integers(12, 60))
@settings(max_examples=12, deadline=None)
def test_shrinkage_is_that_of_the_papers_sums(seed: int, n: int, n_rows: int):
    x = stock_returns(seed, n_rows, n) * np.linspace(0.5, 2, n)
    covariance, shrinkage = ledoit_wolf_constant_correlation(x)
    slow, delta = oracle.ledoit_wolf(x)
    assert shrinkage == pytest.approx(delta, abs=1e-9)
    np.testing.assert_allclose(covariance, slow, rtol=1e-9, atol=1e-15)


@given(st.integers(0, 10**6), st.floats(0.01, 100))
@settings(max_examples=10, deadline=None)
def test_shrinkage_keeps_variances_and_scales_with_units(seed: int, unit: float):
    x = stock_returns(seed)
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
