"""Weights of the benchmark, and the returns at which it is optimal."""

import numpy as np
import pytest

from configs.settings import Portfolio
from quant_assets.portfolio.program import (
    benchmark_kind,
    benchmark_weights,
    implied_returns,
)

# --- known values ----------------------------------------------------------------------------------------------------


def test_benchmark_weights_are_equal_or_by_dollar_volume_over_the_eligible() -> None:
    eligible, adv = np.array([True, False, True]), np.array([3.0, np.nan, 1.0])
    assert benchmark_weights(eligible, adv, "equal").tolist() == [0.5, 0.0, 0.5]
    assert benchmark_weights(eligible, adv, "dollar_volume").tolist() == [0.75, 0.0, 0.25]
    assert benchmark_weights(np.zeros(3, dtype=bool), adv, "equal").tolist() == [0.0, 0.0, 0.0]


def test_by_capitalisation_a_name_whose_shares_are_not_known_is_not_in_the_benchmark() -> None:
    eligible, adv = np.array([True, False, True, True]), np.array([3e6, 1e6, 1e6, 1e6])
    cap = np.array([6e9, 9e9, 2e9, np.nan])
    assert benchmark_weights(eligible, adv, "capitalisation", cap).tolist() == [0.75, 0.0, 0.25, 0.0]
    assert benchmark_weights(~eligible, adv, "capitalisation", np.full(4, np.nan)).tolist() == [0.0] * 4


@pytest.mark.parametrize(("least", "kind"), [(0.8, "capitalisation"), (0.81, "dollar_volume")])
def test_with_too_few_capitalisations_dollar_volume_weights(least: float, kind: str) -> None:
    eligible, adv = np.array([True, False, True, True]), np.array([3e6, 1e6, 1e6, 1e6])
    cap = np.array([6e9, 9e9, 2e9, np.nan])  # of 4 of the 5 million that the eligible trade
    asked = Portfolio(benchmark="capitalisation", benchmark_coverage=least)
    assert benchmark_kind(eligible, adv, cap, asked) == kind
    assert benchmark_kind(eligible, adv, np.full(4, np.nan), asked.model_copy(update={"benchmark_coverage": 0.0})) == (
        "dollar_volume"
    )
    assert benchmark_kind(eligible, adv, cap, Portfolio()) == "equal"


def test_implied_returns_of_one_name_are_its_variance_times_aversion() -> None:
    found = implied_returns(np.array([[2.0]]), np.array([[0.01]]), np.array([0.05]), 4.0, np.array([0.5]))
    assert found == pytest.approx([4.0 * (4 * 0.01 + 0.05) * 0.5])


# --- refusals --------------------------------------------------------------------------------------------------------


def test_a_benchmark_by_dollar_volume_needs_one_of_every_name() -> None:
    with pytest.raises(ValueError, match="an eligible name has no dollar volume"):
        benchmark_weights(np.array([True, True]), np.array([1.0, np.nan]), "dollar_volume")


def test_an_unknown_benchmark_is_refused() -> None:
    with pytest.raises(ValueError, match="benchmark 'cap' is neither equal nor dollar_volume"):
        benchmark_weights(np.array([True]), np.ones(1), "cap")
