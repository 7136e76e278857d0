import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr

from quant_assets.alpha.evidence.information import (
    correlations,
    dense_ranks,
    quantile_means,
    quantiles,
    rank_correlations,
    replaced,
)

NAN = np.nan


def drawn(seed: int, n: int = 30, f: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Values with ties and holes, (n, f), and others with holes, (n,)."""
    rng = np.random.default_rng(seed)
    x = np.where(rng.random((n, f)) < 0.2, NAN, rng.integers(0, 9, (n, f)).astype(float))
    return x, np.where(rng.random(n) < 0.2, NAN, rng.normal(size=n))


# known values


def test_equal_values_share_a_code_and_missing_ones_have_none():
    codes = dense_ranks(np.array([[3.0, NAN], [1.0, NAN], [3.0, 0.5], [NAN, -0.5]]))
    assert codes.tolist() == [[1, 0, 1, -1], [-1, -1, 1, 0]]


def test_quantiles_hold_equal_shares_and_their_means_are_of_the_labels():
    x = dense_ranks(np.arange(10.0)[:, None])
    placed = quantiles(x, np.ones(10, dtype=bool), 5)
    assert placed.tolist() == [[0, 0, 1, 1, 2, 2, 3, 3, 4, 4]]
    labels = np.array([1.0, 3.0, NAN, 5.0, *[0.0] * 6])
    assert quantile_means(placed, labels, 5).tolist() == [[2.0, 5.0, 0.0, 0.0, 0.0]]
    few = quantiles(x[:, :4], np.ones(4, dtype=bool), 5)
    assert few.tolist() == [[-1] * 4]


def test_a_quantile_turns_over_by_who_came_into_it():
    now, before = np.array([[1, 1, 1, 1, 0]], dtype=np.int16), np.array([[1, 0, 0, -1, 1]], dtype=np.int16)
    assert replaced(now, before, 1).tolist() == [pytest.approx(2 / 3)]
    assert np.isnan(replaced(now, before, 4)[0])


# properties


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_correlations_are_those_of_scipy_on_the_rows_in_common(seed: int):
    x, y = drawn(seed)
    pearson = correlations(x, y)
    spearman = rank_correlations(dense_ranks(x), dense_ranks(y[:, None]))
    for f in range(x.shape[1]):
        both = ~np.isnan(x[:, f]) & ~np.isnan(y)
        assert pearson[f] == pytest.approx(pearsonr(x[both, f], y[both]).statistic)
        assert spearman[f] == pytest.approx(spearmanr(x[both, f], y[both]).statistic)


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_two_sessions_correlate_row_by_row(seed: int):
    x, _ = drawn(seed)
    y, _ = drawn(seed + 1)
    found = rank_correlations(dense_ranks(x), dense_ranks(y))
    for f in range(x.shape[1]):
        both = ~np.isnan(x[:, f]) & ~np.isnan(y[:, f])
        assert found[f] == pytest.approx(spearmanr(x[both, f], y[both, f]).statistic)


@given(st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_quantiles_are_of_average_ranks(seed: int):
    x, y = drawn(seed)
    placed = quantiles(dense_ranks(x), ~np.isnan(y), 5)
    for f in range(x.shape[1]):
        known = pl.Series(np.where(np.isnan(y), NAN, x[:, f]), nan_to_null=True)
        n = known.count()
        slow = ((known.rank("average") - 0.5) * 5 / n).floor().cast(pl.Int16).fill_null(-1)
        assert placed[f].tolist() == slow.to_list()


# refusals


def test_what_does_not_vary_or_is_too_little_has_no_correlation():
    x, y = np.array([[0.1, 1.0], [0.1, 2.0], [0.1, NAN]]), np.array([1.0, 2.0, 3.0])
    assert np.isnan(correlations(x, y)).all()
    assert np.isnan(rank_correlations(dense_ranks(x), dense_ranks(y[:, None]))).all()
