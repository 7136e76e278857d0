"""Risk models, and optimal portfolios under constraints of one's own."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import asof
from asof import risk
from asof.features import adjusted_bars
from asof.portfolio import Constraint, constrained, constraint_violations, problem, solve
from configs.settings import Risk
from feature_store.errors import StoreError
from tests.asof.market import bars
from tests.support.tiny import FIRST, LAST

ALPHA = np.array([0.10, 0.08, 0.05, 0.02])
COVARIANCE = np.diag([0.04, 0.04, 0.01, 0.01])
SHORT = Risk(lookback_sessions=63, min_observations=42)

# -- known values ------------------------------------------------------------------------------------------------------


def test_without_limits_weights_are_those_of_the_formula() -> None:
    solution = solve(problem(ALPHA, COVARIANCE, risk_aversion=4.0, lower=-10, upper=10, cash=(-np.inf, np.inf)))
    assert solution.status == "optimal"
    assert solution.weights == pytest.approx(np.linalg.solve(4.0 * COVARIANCE, ALPHA), rel=1e-6)


def test_a_constraint_of_ones_own_is_kept_and_priced() -> None:
    free = problem(ALPHA, COVARIANCE, risk_aversion=1.0)
    score = np.array([0.0, 0.0, 1.0, 1.0])
    bound = constrained(free, Constraint("quality", score, lower=0.6))
    assert solve(free).weights @ score < 0.6
    solution = solve(bound)
    assert solution.weights @ score == pytest.approx(0.6, abs=1e-6)
    assert solution.weights.sum() == pytest.approx(1.0)
    assert max(constraint_violations(bound, solution.weights).values()) < 1e-6
    assert solution.duals["band_lower"][0] > 0
    again = problem(ALPHA, COVARIANCE, risk_aversion=1.0, constraints=[Constraint("quality", pl.Series(score), 0.6)])
    assert solve(again).weights == pytest.approx(solution.weights)


def test_what_cannot_be_kept_is_infeasible_or_relaxed_by_the_smallest_amount() -> None:
    impossible = problem(ALPHA, COVARIANCE, constraints=[Constraint("much", np.ones(4), lower=1.2)])
    impossible_weights = solve(impossible)
    assert (impossible_weights.status, impossible_weights.weights) == ("infeasible", None)
    relaxed = solve(impossible, relax=True)
    assert relaxed.status == "relaxed"
    assert "much from 1.2 to 0.99" in relaxed.relaxations[0]


def test_the_stored_risk_model_is_the_frames_as_matrices(stored_home: Path) -> None:
    store = asof.open(stored_home)
    model = risk.read(store, str(LAST))
    n, k = model.exposures.shape
    assert (n, k) == (len(model.symbols), len(model.factors))
    pairs = store.read("risk/factor_covariance", LAST, LAST)
    row = pairs.filter(factor=model.factors[0], other=model.factors[-1])
    assert model.factor_covariance[0, -1] == row["covariance_annual"].item()
    own = store.read("risk/specific_risk", LAST, LAST).filter(symbol=model.symbols[0])["volatility_annual"].item()
    assert model.specific_variance[0] == own**2
    weights = np.full(n, 1 / n)
    assert model.volatility(weights) == pytest.approx(np.sqrt(weights @ model.covariance() @ weights))
    assert model.frame()["symbol"].to_list() == list(model.symbols)
    solution = solve(problem(np.zeros(n), model, cash=(0.0, 0.0)))
    assert solution.status == "optimal"


def test_factor_returns_are_those_of_the_regression() -> None:
    rng = np.random.default_rng(0)
    exposures, planted = rng.normal(size=(50, 3)), np.array([0.01, -0.02, 0.03])
    assert risk.factor_returns(exposures @ planted, exposures) == pytest.approx(planted)
    zero_sum = risk.factor_returns(exposures @ planted, exposures, constraint=[[1.0, 1.0, 1.0]])
    assert zero_sum.sum() == pytest.approx(0.0, abs=1e-15)


# -- properties --------------------------------------------------------------------------------------------------------


def test_a_model_of_ones_own_bars_explains_their_volatility() -> None:
    frame = adjusted_bars(bars(n_symbols=12))
    model = risk.estimate(frame, settings=SHORT)
    assert model.symbols == tuple(sorted(frame["symbol"].unique()))
    assert np.linalg.eigvalsh(model.covariance()).min() > 0
    recent = frame.filter(pl.col("event_date") > frame["event_date"].unique().sort()[-64])
    mean = recent.group_by("event_date").agg(pl.col("log_return").mean())["log_return"]
    assert model.volatility(np.full(12, 1 / 12)) == pytest.approx(mean.std() * np.sqrt(252), rel=0.25)
    industries = pl.DataFrame({"symbol": model.symbols, "industry": ["A", "B"] * 6})
    split = risk.estimate(frame.to_pandas(), industries.to_pandas(), settings=SHORT)
    assert {"industry:A", "industry:B"} <= set(split.factors)


def test_covariances_are_symmetric_and_shrink() -> None:
    returns = np.random.default_rng(0).normal(0, 0.01, (250, 5))
    weighted = risk.weighted_covariance(returns, half_life=60)
    assert np.allclose(weighted, weighted.T)
    shrunk, shrinkage = risk.ledoit_wolf(pl.DataFrame(returns))
    assert 0 <= shrinkage <= 1
    assert np.linalg.eigvalsh(shrunk).min() > 0
    assert risk.specific_volatility(returns, 60) == pytest.approx(np.full(5, 0.01 * np.sqrt(252)), rel=0.2)


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"risk": np.eye(3)}, r"risk has shape \(3, 3\), expected \(N, N\) with N = 4, as of alpha"),
        ({"risk": np.full((4, 4), np.nan)}, "risk holds nan at"),
        ({"risk": -np.eye(4)}, "eigenvalue -1"),
        ({"previous": [0.5]}, r"previous has shape \(1,\), expected \(N,\) with N = 4"),
        ({"upper": np.ones((4, 1))}, r"upper has shape \(4, 1\), expected \(N,\)"),
        ({"lower": 2.0}, "lower bounds above upper ones"),
        ({"constraints": [Constraint("x", np.ones(3))]}, r"coefficients of x has shape \(3,\)"),
        ({"constraints": [Constraint("x", np.ones(4), 1, 0)]}, r"bands turned round: \['x'\]"),
        ({"constraints": [Constraint("x", np.ones(4))] * 2}, "two have one name among x, x"),
    ],
)
def test_a_problem_that_does_not_fit_is_rejected_by_name(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        problem(**({"alpha": ALPHA, "risk": COVARIANCE} | changes))


def test_risk_rejects_what_does_not_fit(stored_home: Path) -> None:
    frame = adjusted_bars(bars(n_symbols=3, n_sessions=30))
    with pytest.raises(ValueError, match="sessions of factor returns, expected at least 63"):
        risk.estimate(frame)
    with pytest.raises(ValueError, match="industries has no column industry"):
        risk.estimate(frame, pl.DataFrame({"symbol": ["S0"]}))
    with pytest.raises(ValueError, match="there is no risk model of 2016-12-01"):
        risk.read(asof.open(stored_home), FIRST)
    with pytest.raises(StoreError, match="2020-01-02"):
        risk.read(asof.open(stored_home), "2020-01-02")
    with pytest.raises(ValueError, match=r"returns has shape \(3,\), expected \(N,\) with N = 2"):
        risk.factor_returns(np.ones(3), np.ones((2, 1)))
    with pytest.raises(ValueError, match="half_life is 0"):
        risk.weighted_covariance(np.ones((3, 2)), 0)
