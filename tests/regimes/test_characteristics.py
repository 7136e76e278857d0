"""What states were like, by hand."""

import numpy as np
import pytest

from quant_assets.numerics.units import ANNUAL
from quant_assets.regimes.characteristics import (
    durations,
    labels_of,
    median_volatility,
    state_volatility,
    weighted_correlation,
    weighted_mean,
)

HELD = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
NAN = np.nan

# -- known values ------------------------------------------------------------------------------------------------------


def test_a_states_volatility_is_the_root_mean_square_of_its_sessions() -> None:
    returns = np.array([0.01, -0.01, 0.03, 0.04, 0.0, 0.01])
    expected = ANNUAL * np.array([0.01, np.sqrt((0.03**2 + 0.04**2) / 3)])
    assert state_volatility(returns, HELD) == pytest.approx(expected)
    half = np.full((6, 2), 0.5)
    assert state_volatility(returns, half) == pytest.approx(ANNUAL * np.sqrt(np.mean(returns**2)) * np.ones(2))
    never = np.column_stack([np.ones(6), np.zeros(6)])
    assert np.isnan(state_volatility(returns, never)[1])


def test_the_median_volatility_is_that_of_a_gaussian_and_does_not_see_a_wild_third() -> None:
    rng = np.random.default_rng(1)
    returns = rng.normal(0, 0.01, 20_000)
    assert median_volatility(returns) == pytest.approx(0.01 * ANNUAL, rel=0.02)
    returns[::3] *= 10
    assert median_volatility(returns) < 0.02 * ANNUAL


def test_spells_are_counted_where_a_state_is_the_likeliest() -> None:
    assert durations(HELD) == pytest.approx([1.5, 3.0])
    assert np.isnan(durations(np.column_stack([np.ones(4), np.zeros(4)]))[1])


def test_trend_is_named_by_order_and_volatility_by_level() -> None:
    assert labels_of("trend", np.array([9.0, 1.0, 1.0]), 0.3) == ["bear", "sideways", "bull"]
    assert labels_of("trend", np.array([0.1, 0.1]), 0.3) == ["bear", "bull"]
    assert labels_of("volatility", np.array([0.1, 0.2, 0.29]), 0.3) == ["calm", "turbulent", "turbulent"]
    assert labels_of("volatility", np.array([0.4, 0.3, NAN]), 0.3) == ["calm", "crisis", "turbulent"]


def test_what_is_not_known_has_no_weight() -> None:
    x, y = np.array([1.0, 2.0, NAN, 4.0]), np.array([2.0, 4.0, 7.0, 8.0])
    assert weighted_mean(x, np.array([1.0, 1.0, 5.0, 0.0])) == 1.5
    assert weighted_mean(x, np.array([0.0, 0.0, 5.0, 0.0])) is None
    assert weighted_correlation(x, y, np.ones(4)) == pytest.approx(1.0)
    assert weighted_correlation(x, -y, np.ones(4)) == pytest.approx(-1.0)
    assert weighted_correlation(x, np.ones(4), np.ones(4)) is None
    assert weighted_correlation(x, y, np.zeros(4)) is None
