import math

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from polars.testing import assert_frame_equal

from feature_store.schemas.risk import FACTOR_RETURNS, SPECIFIC_RETURNS
from quant_assets.risk.factor_model import explained_variance, factor_and_specific_returns, factor_returns
from tests.oracles import factor_model as oracle
from tests.oracles.panels import adjusted, assert_stored_as
from tests.risk.markets import Planted, planted

Array = NDArray[np.float64]
NONE = np.empty((0, 2))


def cross_section(seed: int, n: int = 30) -> tuple[Array, Array, Array, Array]:
    """Returns, exposures (market, three industries, two styles), weights, and industries that sum to zero by weight."""
    rng = np.random.default_rng(seed)
    industry = np.eye(3)[np.arange(n) % 3]
    exposures = np.column_stack([np.ones(n), industry, rng.normal(0, 1, (n, 2))])
    weights = rng.uniform(0.1, 2, n)
    constraint = np.array([[0.0, *(weights @ industry), 0.0, 0.0]])
    return rng.normal(0.001, 0.02, n), exposures, weights, constraint


def rows_of(market: Planted, t: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    day = market.days[t]
    return factor_and_specific_returns(market.bars, market.exposures, day)


def in_order(rows: pl.DataFrame, factors: list[str]) -> Array:
    known = dict(rows.select("factor", "simple_return").iter_rows())
    return np.array([known[name] for name in factors])


# known values


def test_two_industries_by_hand():
    # weighted mean 2.0; by industry 1.5 (weight 2) and 2.5 (weight 2)
    exposures = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1], [1, 0, 1]], dtype=float)
    f = factor_returns(np.array([1.0, 2.0, 2.0, 3.0]), exposures, np.ones(4), np.array([[0.0, 2, 2]]))
    assert f == pytest.approx([2.0, -0.5, 0.5])


def test_the_weighted_least_squares_of_statsmodels_under_the_constraint():
    returns, exposures, weights, constraint = cross_section(7)
    fitted = sm.GLM(returns, exposures, var_weights=weights).fit_constrained((constraint, [0.0]))
    np.testing.assert_allclose(factor_returns(returns, exposures, weights, constraint), fitted.params, atol=1e-12)


def test_without_constraints_it_is_weighted_least_squares():
    returns, exposures, weights, _ = cross_section(8)
    x = exposures[:, 1:]
    fitted = sm.WLS(returns, x, weights=weights).fit()
    np.testing.assert_allclose(factor_returns(returns, x, weights, np.empty((0, 5))), fitted.params, atol=1e-12)


def test_factors_that_exposures_cannot_tell_apart_share_what_they_explain():
    x = np.array([1.0, -1.0, 2.0])
    assert factor_returns(2 * x, np.column_stack([x, x]), np.ones(3), NONE) == pytest.approx([1.0, 1.0])


def test_returns_without_noise_give_the_planted_factors_and_no_residuals():
    market = planted(1, 3, noise=0.0)
    factors, specific = rows_of(market, 2)
    np.testing.assert_allclose(in_order(factors, market.factors), market.factor_returns[2], atol=1e-12)
    np.testing.assert_allclose(specific["specific_return"], 0.0, atol=1e-12)
    assert explained_variance(specific)["r_squared"] == pytest.approx(1.0)
    assert_stored_as(factors, FACTOR_RETURNS)
    assert_stored_as(specific, SPECIFIC_RETURNS)


def test_the_first_session_of_history_has_no_exposures_and_no_rows():
    market = planted(1, 2)
    factors, specific = rows_of(market, 0)
    assert_stored_as(factors, FACTOR_RETURNS)
    assert_stored_as(specific, SPECIFIC_RETURNS)
    assert len(factors) == len(specific) == 0
    assert explained_variance(specific) == {}


def test_only_the_exposures_of_the_session_before_count_and_only_stocks_with_a_return_today():
    market = planted(2, 4)
    day = market.days[2]
    others = market.exposures.filter(event_date=market.days[1])
    noise = market.exposures.filter(pl.col("event_date") != market.days[1]).with_columns(beta=pl.lit(9.0))
    halted = market.bars.filter((pl.col("symbol") != "S004") | (pl.col("event_date") != day))
    halted = halted.with_columns(log_return=pl.when(pl.col("symbol") != "S005").then("log_return"))
    got = factor_and_specific_returns(halted, pl.concat([noise, others]).sort("event_date", "symbol"), day)[1]
    assert_frame_equal(got, factor_and_specific_returns(halted, others, day)[1], check_exact=True)
    assert got["symbol"].to_list() == [f"S{i:03d}" for i in range(40) if i not in (4, 5)]
    assert factor_and_specific_returns(halted, others, day)[0].row(by_predicate=pl.col("factor") == "market")[-1] == 38


def test_an_industry_without_stocks_today_has_no_row():
    market = planted(2, 3)
    energy = market.exposures.filter(industry="Energy")["symbol"].unique()
    day = market.days[2]
    bars = market.bars.filter((pl.col("event_date") != day) | ~pl.col("symbol").is_in(energy.implode()))
    factors = factor_and_specific_returns(bars, market.exposures, day)[0]["factor"]
    assert [name for name in factors if name.startswith("industry:")] == ["industry:Health Care", "industry:Utilities"]


def test_a_takeover_moves_no_factor_and_keeps_its_residual():
    market = planted(3, 3)
    day = market.days[2]

    def jump(to: float) -> pl.DataFrame:
        there = (pl.col("event_date") == day) & (pl.col("symbol") == "S010")
        return market.bars.with_columns(log_return=pl.when(there).then(math.log1p(to)).otherwise("log_return"))

    half, double = (factor_and_specific_returns(jump(to), market.exposures, day)[0] for to in (0.5, 1.0))
    assert_frame_equal(half, double)  # both are seen at five robust deviations
    (own,) = factor_and_specific_returns(jump(1.0), market.exposures, day)[1].filter(symbol="S010").rows(named=True)
    loadings = market.matrix[10] @ in_order(double, market.factors)
    assert own["simple_return"] == pytest.approx(1.0)
    assert own["specific_return"] == pytest.approx(1.0 - loadings)


def test_one_stock_is_the_market():
    market = planted(4, 3, n=1)
    factors, specific = rows_of(market, 2)
    assert factors.select("factor", "n_stocks").rows() == [("market", 1)]
    assert factors["simple_return"].to_list() == specific["simple_return"].to_list()
    assert specific["specific_return"].to_list() == [0.0]


# properties


@given(st.integers(0, 10**6), st.integers(8, 60))
@settings(max_examples=30, deadline=None)
def test_the_solution_meets_the_first_order_conditions(seed: int, n: int):
    returns, exposures, weights, constraint = cross_section(seed, n)
    f = factor_returns(returns, exposures, weights, constraint)
    np.testing.assert_allclose(f, oracle.constrained_least_squares(returns, exposures, weights, constraint), atol=1e-10)
    assert constraint @ f == pytest.approx(0, abs=1e-12)
    # along every direction that the constraint leaves free, residuals are orthogonal by weight
    slope = exposures.T @ (weights * (returns - exposures @ f))
    np.testing.assert_allclose(
        slope - constraint[0] * (slope @ constraint[0]) / (constraint @ constraint.T), 0, atol=1e-9
    )


@given(st.integers(0, 10**6), st.floats(0.01, 100))
@settings(max_examples=15, deadline=None)
def test_order_of_stocks_and_size_of_weights_do_not_matter_and_returns_scale(seed: int, unit: float):
    returns, exposures, weights, constraint = cross_section(seed)
    f = factor_returns(returns, exposures, weights, constraint)
    order = np.random.default_rng(seed).permutation(len(returns))
    np.testing.assert_allclose(
        factor_returns(returns[order], exposures[order], weights[order], constraint), f, atol=1e-12
    )
    np.testing.assert_allclose(
        factor_returns(unit * returns, exposures, unit * weights, unit * constraint),
        unit * f,
        rtol=1e-9,
        atol=1e-12 * unit,
    )


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_with_centred_styles_the_market_is_the_weighted_mean_stock(seed: int):
    returns, exposures, weights, constraint = cross_section(seed)
    exposures[:, 4:] -= weights @ exposures[:, 4:] / weights.sum()
    f = factor_returns(returns, exposures, weights, constraint)
    assert f[0] == pytest.approx(weights @ returns / weights.sum(), abs=1e-12)


@given(st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_factors_and_residual_add_up_and_industries_sum_to_zero_by_weight(seed: int):
    market = planted(seed, 2)
    factors, specific = rows_of(market, 1)
    f = in_order(factors, market.factors)
    explained = market.matrix @ f
    np.testing.assert_allclose(
        specific["simple_return"], explained + specific["specific_return"].to_numpy(), atol=1e-15
    )
    share = market.exposures.filter(event_date=market.days[0])["weight"].to_numpy() @ market.matrix
    industry = np.array([name.startswith("industry:") for name in market.factors])
    assert share[industry] @ f[industry] == pytest.approx(0, abs=1e-15)


def test_planted_factors_are_recovered_from_noisy_returns():
    market = planted(5, 61, n=240)
    found = np.array([in_order(rows_of(market, t)[0], market.factors) for t in range(1, 61)])
    error = np.sqrt(((found - market.factor_returns[1:]) ** 2).mean(axis=0))
    noise = np.sqrt((market.specific_deviation**2).mean() / (market.matrix != 0).sum(axis=0))
    assert (error < 1.5 * noise).all()  # unequal weights cost some of the precision


# refusals


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"returns": np.array([1.0, np.nan, 0.0])}, "missing values"),
        ({"returns": np.ones(2)}, "do not fit"),
        ({"constraint": np.ones((1, 3))}, "do not fit"),
        ({"weights": np.array([1.0, 0.0, 1.0])}, "smallest weight is 0.0"),
        ({"constraint": np.ones((2, 2))}, "depend on one another"),
        ({"constraint": np.zeros((1, 2))}, "depend on one another"),
    ],
)
def test_what_cannot_be_regressed_is_refused_with_the_mend(changed: dict[str, Array], message: str):
    given_ = {"returns": np.ones(3), "exposures": np.eye(3)[:, :2], "weights": np.ones(3), "constraint": NONE}
    with pytest.raises(ValueError, match=message):
        factor_returns(**(given_ | changed))


def test_a_session_without_bars_has_no_rows():
    market = planted(1, 2)
    assert len(factor_and_specific_returns(adjusted([], {}), market.exposures, market.days[1])[0]) == 0
