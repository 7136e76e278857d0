import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from configs.settings import CrossAsset, Regimes
from feature_store.schemas.features import MARKET_FEATURES
from feature_store.schemas.fused_regimes import CROSS_ASSETS, MARKET_FITS
from quant_assets.regimes.cross_asset import RETURNS, market_fits, market_probabilities
from tests.oracles.panels import assert_stored_as, sessions, stored

N, LIFE = 400, 50
DAYS = sessions(N)
SETTINGS = Regimes(cross_asset=CrossAsset(n_states=2, lookback_sessions=N, min_observations=200))
ANNUAL = 252**0.5
SIGMA = np.array([[0.10, 0.08, 0.12, 0.05], [0.40, 0.16, 0.25, 0.20]]) / ANNUAL  # calm and crisis, annual as written
WILD = (np.arange(N) // LIFE) % 2 == 1  # planted


def planted(seed: int = 1) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    returns = SIGMA[WILD.astype(int)] * rng.standard_normal((N, 4))
    returns[:, 1] -= 0.5 * WILD * returns[:, 0] * SIGMA[1, 1] / SIGMA[1, 0]  # bonds hedge in the crisis
    columns = dict(zip(RETURNS, returns.T, strict=True))
    frame = pl.DataFrame({"event_date": DAYS, **columns, "vix": np.where(WILD, 40.0, 12.0)})
    empty = [
        pl.lit(None, dtype).alias(name) for name, dtype in stored(MARKET_FEATURES).items() if name not in frame.columns
    ]
    return frame.with_columns(empty).select(*stored(MARKET_FEATURES))


FEATURES = planted()
FITS = market_fits(FEATURES, DAYS[-1], SETTINGS)

# known values


def test_states_are_named_by_level_and_described() -> None:
    assert_stored_as(FITS, MARKET_FITS)
    assert FITS.columns == list(stored(MARKET_FITS))
    assert FITS["volatility"].to_list() == ["calm", "crisis"]
    assert FITS["volatility_annual"].to_list() == pytest.approx([0.10, 0.40], rel=0.15)
    assert FITS["fraction"].to_list() == pytest.approx([0.5, 0.5], abs=0.05)
    assert FITS["mean_vix"].to_list() == pytest.approx([12, 40], rel=0.1)
    assert FITS["duration_sessions"].to_list() == pytest.approx([LIFE, LIFE], rel=0.5)
    calm, crisis = FITS["equity_bond_correlation"].to_list()
    assert abs(calm) < 0.25
    assert crisis < -0.25


def test_planted_regimes_are_recognized_within_a_week() -> None:
    right = []
    for t in range(LIFE, N):
        volatility = market_probabilities(FEATURES[: t + 1], FITS)[1]
        right.append((volatility[2] > 0.5) == WILD[t])
    assert np.mean(right) > 0.95
    blocks = np.array(right).reshape(-1, LIFE)
    assert blocks[:, 5:].mean() > 0.97


def test_a_session_without_all_returns_moves_by_the_transition_alone() -> None:
    blind = FEATURES.with_columns(gold_return_1=pl.when(pl.col("event_date") < DAYS[-3]).then("gold_return_1"))
    transition = FITS.select("to_0", "to_1").to_numpy()
    before = market_probabilities(FEATURES[:-3], FITS)[1][[0, 2]]
    after = market_probabilities(blind, FITS)[1]
    assert after[[0, 2]] == pytest.approx(before @ np.linalg.matrix_power(transition, 3))
    assert after[1] == 0.0


# properties


def test_fits_see_their_window_alone_in_any_order() -> None:
    refit = DAYS[299]
    short = Regimes(cross_asset=CrossAsset(n_states=2, lookback_sessions=250, min_observations=200))
    whole = market_fits(FEATURES, refit, short)
    inside = FEATURES[50:300].sample(fraction=1, shuffle=True, seed=2)
    assert_frame_equal(market_fits(inside, refit, short), whole, check_exact=True)


def test_probabilities_sum_to_one_with_two_states_or_three() -> None:
    three = Regimes(cross_asset=CrossAsset(min_observations=200))
    for fits in (FITS, market_fits(FEATURES, DAYS[-1], three)):
        for probabilities in market_probabilities(FEATURES, fits):
            assert probabilities.sum() == pytest.approx(1.0, abs=1e-12)
            assert len(probabilities) == 3


# refusals


def test_too_few_sessions_or_an_asset_that_never_moves_give_no_fit() -> None:
    few = Regimes(cross_asset=CrossAsset(min_observations=N + 1))
    flat = FEATURES.with_columns(bonds_return_1=pl.lit(0.0))
    for nothing in (market_fits(FEATURES, DAYS[-1], few), market_fits(flat, DAYS[-1], SETTINGS)):
        assert nothing.is_empty()
        assert_stored_as(nothing, MARKET_FITS)
        assert all(np.isnan(p).all() for p in market_probabilities(FEATURES, nothing))
    assert len(CROSS_ASSETS) == len(RETURNS)
