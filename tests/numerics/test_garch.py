import json

import numpy as np
import pytest

from quant_assets.numerics.arrays import Array
from quant_assets.numerics.garch import conditional_variances, fit_garch
from tests.oracles.bundle import SHARED, needs
from tests.oracles.dcc import simulated, variances


def series(seed: int, n: int = 1500) -> Array:
    return simulated(np.random.default_rng(seed), n, np.eye(1), 0.0, 0.0, (0.05, 0.08, 0.87))[:, 0]


X = series(1)
FIT = fit_garch(X)


# -- known values ------------------------------------------------------------------------------------------------------


@pytest.mark.shared
@needs("reference/dcc.json")
def test_the_likelihood_of_a_fit_is_no_worse_than_rugarchs():
    rmgarch = json.loads((SHARED / "reference/dcc.json").read_text())["dcc_sim3"]["rmgarch"]
    x = np.loadtxt(SHARED / "reference/dcc_sim3.csv", delimiter=",", skiprows=1)
    theirs = zip(*(rmgarch[name] for name in ("omega", "alpha", "beta", "sigma_first")), strict=True)
    for column, (omega, alpha, beta, sigma_first) in zip(x.T, theirs, strict=True):
        fitted = fit_garch(column)
        h = conditional_variances(column, omega, alpha, beta, sigma_first**2)[:-1]
        assert fitted.log_likelihood >= -0.5 * np.sum(np.log(2 * np.pi * h) + column**2 / h) - 0.05
        assert fitted.initial_variance == pytest.approx(sigma_first**2, rel=1e-12)
        assert fitted.converged


def test_two_variances_by_hand():
    assert conditional_variances(np.array([2.0, 1.0]), 0.1, 0.2, 0.5, 3.0).tolist() == pytest.approx([3.0, 2.4, 1.5])


def test_planted_parameters_come_back():
    assert (FIT.alpha, FIT.beta) == pytest.approx((0.08, 0.87), abs=0.04)


# -- properties --------------------------------------------------------------------------------------------------------


def test_the_recursion_is_its_definition_and_never_sees_tomorrow():
    parameters = (FIT.omega, FIT.alpha, FIT.beta, FIT.initial_variance)
    whole = conditional_variances(X, *parameters)
    np.testing.assert_allclose(whole, variances(X, *parameters), rtol=1e-12)
    np.testing.assert_array_equal(conditional_variances(X[:700], *parameters), whole[:701])


def test_units_do_not_matter_and_a_fit_is_the_same_bits_again():
    scaled = fit_garch(X / 128)
    assert (scaled.alpha, scaled.beta) == (FIT.alpha, FIT.beta)
    assert scaled.omega == FIT.omega / 128**2
    assert fit_garch(X) == FIT


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "message"),
    [(np.append(X, np.nan), "NaN"), (X[:59], "at least 60"), (np.full(100, 0.1), "never moves")],
)
def test_what_has_no_variance_to_fit_is_rejected(x: Array, message: str):
    with pytest.raises(ValueError, match=message):
        fit_garch(x)
