import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant_assets.numerics.arrays import Array
from quant_assets.regimes.pooling import capped, distance, log_pool

FLOOR = 0.02
TRIPLES = st.lists(st.floats(1e-6, 1.0), min_size=3, max_size=3).map(lambda x: np.array(x) / sum(x))


def pooled(*opinions: Array, weights: tuple[float, ...] = (1.0, 1.0)) -> Array:
    return log_pool(np.stack(opinions), np.array(weights), FLOOR)


# known values


def test_a_pool_is_the_weighted_geometric_mean() -> None:
    one, other = np.array([0.8, 0.2]), np.array([0.2, 0.8])
    assert pooled(one, other) == pytest.approx([0.5, 0.5])
    ratio = 4.0**0.75 * 0.25**0.25
    assert pooled(one, other, weights=(0.75, 0.25)) == pytest.approx([ratio / (1 + ratio), 1 / (1 + ratio)])


def test_no_opinion_is_a_veto() -> None:
    sure, doubtful = np.array([1.0, 0.0, 0.0]), np.array([0.1, 0.1, 0.8])
    powers = np.sqrt(np.array([1.0 * 0.1, FLOOR * 0.1, FLOOR * 0.8]))
    assert pooled(sure, doubtful) == pytest.approx(powers / powers.sum())


def test_an_opinion_that_is_missing_is_left_out() -> None:
    one, missing = np.array([0.7, 0.3]), np.array([np.nan, np.nan])
    assert pooled(one, missing) == pytest.approx(one)
    assert np.isnan(pooled(missing, missing)).all()


def test_a_contradiction_is_moved_onto_the_cap() -> None:
    child, parent = np.array([0.9, 0.1, 0.0]), np.array([0.0, 0.1, 0.9])
    moved = capped(child, parent, 0.6)
    assert moved == pytest.approx([0.6, 0.1, 0.3])
    assert distance(moved, parent) == pytest.approx(0.6)
    assert capped(child, parent, 0.95).tolist() == child.tolist()
    assert capped(child, np.full(3, np.nan), 0.1).tolist() == child.tolist()


# properties


@given(TRIPLES, TRIPLES, TRIPLES, st.floats(0, 1), st.floats(0.05, 1.0))
@settings(max_examples=60, deadline=None)
def test_pools_sum_to_one_and_lie_between_and_capped_ones_within_the_cap(
    one: Array, other: Array, parent: Array, weight: float, cap: float
) -> None:
    pool = pooled(one, other, weights=(1.0 - weight, weight))
    assert pool.sum() == pytest.approx(1.0, abs=1e-12)
    assert log_pool(np.stack([one, one]), np.array([0.3, 0.7]), 1e-9) == pytest.approx(one)
    moved = capped(pool, parent, cap)
    assert moved.sum() == pytest.approx(1.0, abs=1e-12)
    assert (moved >= 0).all()
    assert distance(moved, parent) <= cap + 1e-12


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_rows_are_pooled_apart_from_one_another(seed: int) -> None:
    rng = np.random.default_rng(seed)
    opinions, weights = rng.dirichlet(np.ones(3), size=(2, 5, 4)), rng.random((2, 5, 4))
    together = log_pool(opinions, weights, FLOOR)
    for t, i in ((0, 0), (4, 3)):
        assert log_pool(opinions[:, t, i], weights[:, t, i], FLOOR).tobytes() == together[t, i].tobytes()
