"""The whole model on returns that it should explain."""

import math

import numpy as np
import polars as pl
import pytest

from configs.settings import Risk
from quant_assets.risk.covariance import factor_covariance
from quant_assets.risk.factor_model import factor_and_specific_returns
from quant_assets.risk.specific import specific_risk
from tests.risk.markets import Planted, planted

RISK = Risk(lookback_sessions=100, min_observations=63, factor_half_life=60, specific_half_life=60)
WARM, JUDGED = 101, 160


@pytest.fixture(scope="module")
def forecasts() -> tuple[Planted, np.ndarray]:
    """A market, and the (T, N, N) covariance per session that each judged session's eve forecast for it."""
    market = planted(11, WARM + JUDGED, n=60)
    found = [factor_and_specific_returns(market.bars, market.exposures, day) for day in market.days]
    factors, residuals = (pl.concat(frames) for frames in zip(*found, strict=True))
    eves = market.days[WARM - 1 : -1]
    return market, np.array([_covariance(market, factors, residuals, t) / 252 for t, _ in enumerate(eves, WARM - 1)])


def _covariance(market: Planted, factors: pl.DataFrame, residuals: pl.DataFrame, t: int) -> np.ndarray:
    day = market.days[t]
    rows = factor_covariance(factors, market.exposures, day, RISK)
    names = rows["factor"].unique(maintain_order=True).to_list()
    loadings = market.matrix[:, [market.factors.index(name) for name in names]]
    common = rows["covariance_annual"].to_numpy().reshape(len(names), len(names))
    own = specific_risk(residuals, market.exposures, day, RISK)["volatility_annual"].to_numpy()
    return loadings @ common @ loadings.T + np.diag(own**2)


def portfolios(market: Planted) -> dict[str, np.ndarray]:
    """(P, N) weights by kind: long only, and what is left of random ones without factors."""
    rng = np.random.default_rng(1)
    n = len(market.matrix)
    random = rng.normal(0, 1, (20, n))
    neutral = random - random @ market.matrix @ np.linalg.pinv(market.matrix)
    return {"long": rng.random((20, n)) < 0.5, "equal": np.ones((1, n)), "neutral": neutral}


@pytest.mark.parametrize("kind", ["equal", "long", "neutral"])
def test_returns_are_as_large_as_forecast(forecasts: tuple[Planted, np.ndarray], kind: str):
    market, covariance = forecasts
    returns = np.expm1(market.bars.sort("event_date", "symbol")["log_return"].to_numpy()).reshape(-1, 60)[WARM:]
    weights = portfolios(market)[kind].astype(float)
    risk = np.sqrt(np.einsum("pi,tij,pj->tp", weights, covariance, weights))
    bias = (returns @ weights.T / risk).std(axis=0, ddof=1)
    bound = math.sqrt(2 / JUDGED)
    assert abs(bias.mean() - 1) < bound
    assert (np.abs(bias - 1) < bound).mean() > 0.8


def test_the_forecast_is_near_the_planted_covariance(forecasts: tuple[Planted, np.ndarray]):
    market, covariance = forecasts
    own = np.sqrt(covariance[-1].diagonal())
    share = (market.factor_deviation**2 * market.matrix**2).sum(axis=1)
    planted_deviation = np.sqrt(share + market.specific_deviation**2)
    assert np.corrcoef(own, planted_deviation)[0, 1] > 0.8
    assert own.mean() == pytest.approx(planted_deviation.mean(), rel=0.1)
