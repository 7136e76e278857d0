"""Violations of an optimization problem's limits, and problems that are rejected."""

from dataclasses import replace

import numpy as np
import pytest

from quant_assets.portfolio.optimizer import constraint_violations
from tests.portfolio.problems import neutral, one_name

# --- known values ----------------------------------------------------------------------------------------------------


def test_violations_are_measured_constraint_by_constraint() -> None:
    problem = one_name(turnover_cap=0.1, volatility_cap=0.1, bands=np.ones((1, 1)), band_upper=np.array([0.5]))
    broken = constraint_violations(problem, np.array([1.5]))
    assert broken == pytest.approx(
        {
            "lower": 0.0,
            "upper": 0.5,
            "cash_floor": 0.5,
            "cash_ceiling": 0.0,
            "turnover": 1.4,
            "band_lower": 0.0,
            "band_upper": 1.0,
            "volatility": 0.2,
        }
    )


def test_violations_of_a_long_and_short_book_are_measured_by_hand() -> None:
    problem = neutral(gross_cap=1.0, bands=np.eye(2), band_lower=np.array([-np.inf, -0.4]), volatility_cap=0.1)
    broken = constraint_violations(problem, np.array([0.5, -0.8]))
    told = {"lower": 0.3, "net": 0.28, "gross": 0.3, "band_lower": 0.4, "band_upper": 0.0}
    assert {name: broken[name] for name in told} == pytest.approx(told)
    assert broken["volatility"] == pytest.approx(np.sqrt(0.04 * 0.89) - 0.1)
    assert "volatility" not in constraint_violations(replace(problem, volatility_penalty=1.0), np.array([0.5, -0.8]))


# --- refusals --------------------------------------------------------------------------------------------------------


def test_an_alpha_that_is_not_a_number_is_refused_with_the_mend() -> None:
    with pytest.raises(ValueError, match="alpha is not finite; leave a name without it out"):
        one_name(alpha=np.array([np.nan]))


def test_bounds_turned_round_are_refused() -> None:
    with pytest.raises(ValueError, match=r"lower bounds above upper ones at \[0\]"):
        one_name(lower=np.array([2.0]))


@pytest.mark.parametrize(
    "wrong", [{"specific_variance": np.array([-0.1])}, {"linear_cost": -0.1}, {"risk_aversion": np.nan}]
)
def test_what_would_not_be_concave_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"not concave|not finite"):
        one_name(**wrong)


def test_a_shape_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"exposures has shape \(2, 1\), not \(1, 1\)"):
        one_name(exposures=np.zeros((2, 1)))


def test_an_asymmetric_factor_covariance_is_refused() -> None:
    with pytest.raises(ValueError, match="not symmetric"):
        one_name(exposures=np.zeros((1, 2)), factor_covariance=np.array([[1.0, 0.2], [0.1, 1.0]]))


def test_an_indefinite_factor_covariance_is_refused() -> None:
    with pytest.raises(ValueError, match="eigenvalue -1: the problem is not concave"):
        one_name(exposures=np.zeros((1, 2)), factor_covariance=np.array([[0.0, 1.0], [1.0, 0.0]]))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"net_bounds": (0.1, -0.1)}, r"net bounds \(0.1, -0.1\) turned round"),
        ({"gross_cap": -1.0}, "caps must be 0 or more"),
        ({"volatility_cap": np.nan}, "caps must be 0 or more"),
        ({"borrow_cost": -0.01}, "not concave"),
        ({"volatility_cap": 0.1, "volatility_penalty": -1.0}, "not concave"),
        ({"exposures": np.array([[np.inf]])}, "exposures is not finite"),
        (
            {"bands": np.ones((1, 1)), "band_lower": np.ones(1), "band_upper": np.zeros(1), "band_names": ("Energy",)},
            r"bands turned round: \['Energy'\]",
        ),
        ({"bands": np.ones((1, 1)), "band_names": ("Energy", "Materials")}, "2 band_names for 1 bands"),
    ],
)
def test_limits_that_no_book_can_have_are_refused(wrong: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        one_name(**wrong)
