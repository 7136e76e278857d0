import dataclasses
import json

import numpy as np
import pytest

from quant_assets.numerics.arrays import Array
from quant_assets.regimes.detectors.dcc import (
    DccFit,
    _full,
    _pairs,
    _residuals,
    filter_correlations,
    fit,
    forecast_correlations,
    forecast_volatilities,
)
from tests.oracles.bundle import SHARED, needs
from tests.oracles.dcc import correlations, log_density, simulated

R_BAR = np.array([[1.0, 0.5, 0.3, 0.4], [0.5, 1.0, 0.6, 0.2], [0.3, 0.6, 1.0, 0.5], [0.4, 0.2, 0.5, 1.0]])
RETURNS = 0.01 * simulated(np.random.default_rng(3), 1000, R_BAR, 0.04, 0.93, (0.05, 0.05, 0.9))
FIT = fit(RETURNS)


def residuals_of(returns: Array, fitted: DccFit) -> Array:
    return _residuals(returns, fitted.omega, fitted.alpha, fitted.beta, fitted.initial_variance)[0]


def reference() -> tuple[dict, Array]:
    """The case of three series, and its returns."""
    case = json.loads((SHARED / "reference/dcc.json").read_text())
    return case, np.loadtxt(SHARED / "reference/dcc_sim3.csv", delimiter=",", skiprows=1)


def as_fit(rmgarch: dict) -> DccFit:
    variances = (np.array(rmgarch[name]) for name in ("omega", "alpha", "beta"))
    first = np.array(rmgarch["sigma_first"]) ** 2
    return DccFit(rmgarch["dcc_a"], rmgarch["dcc_b"], np.array(rmgarch["Qbar"]), *variances, first)


# -- known values ------------------------------------------------------------------------------------------------------


@pytest.mark.shared
@needs("reference/dcc.json")
def test_a_fit_is_rmgarchs():
    case, x = reference()
    theirs, tolerance = case["dcc_sim3"]["rmgarch"], case["tolerance"]
    ours = fit(x)
    assert ours.converged
    assert ours.a == pytest.approx(theirs["dcc_a"], abs=tolerance["dcc_a"])
    assert ours.b == pytest.approx(theirs["dcc_b"], abs=tolerance["dcc_b"])
    assert ours.log_likelihood == pytest.approx(theirs["loglik"], abs=tolerance["loglik_total"]["abs"])
    ccgarch = dict(zip(case["dcc_sim3"]["ccgarch"]["columns"][3:], range(9, 11), strict=True))
    errors = [case["dcc_sim3"]["ccgarch"]["values"][1][i] for i in ccgarch.values()]
    np.testing.assert_allclose(ours.standard_errors, errors, rtol=0.35)  # theirs count the first step too


@pytest.mark.shared
@needs("reference/dcc.json")
def test_correlations_under_rmgarchs_parameters_are_rmgarchs():
    case, x = reference()
    theirs, atol = case["dcc_sim3"]["rmgarch"], case["tolerance"]["recursion_R_t_given_Q1_sigma"]["abs"]
    as_theirs = as_fit(theirs)
    path = filter_correlations(x, as_theirs)
    np.testing.assert_allclose(path[theirs["R_index_0based"]], theirs["R_t"], rtol=0, atol=atol)
    np.testing.assert_allclose((path.sum(axis=(1, 2)) - 3) / 6, theirs["mean_corr"], rtol=0, atol=atol)
    np.testing.assert_allclose(forecast_correlations(x, as_theirs)[-1], theirs["R_forecast1"], rtol=0, atol=atol)
    covariance = np.outer(*[forecast_volatilities(x, as_theirs)[-1]] * 2) * forecast_correlations(x, as_theirs)[-1]
    np.testing.assert_allclose(covariance, theirs["H_forecast1"], rtol=0, atol=atol)
    np.testing.assert_allclose(np.cov(residuals_of(x, as_theirs), rowvar=False), theirs["Qbar"], rtol=0, atol=atol)


@pytest.mark.shared
@needs("reference/dcc.json")
def test_a_composite_fit_is_xdcclarges():
    case, x = reference()
    theirs, tolerance = case["dcc_sim3"]["xdcclarge"]["dcc_composite"]["par"], case["tolerance"]
    ours = fit(x, composite=True)
    assert (ours.a, ours.b) == (
        pytest.approx(theirs[0], abs=tolerance["dcc_a"]),
        pytest.approx(theirs[1], abs=tolerance["dcc_b"]),
    )


@pytest.mark.parametrize("composite", [False, True])
def test_planted_parameters_come_back(composite: bool):
    ours = FIT if not composite else fit(RETURNS, composite=True)
    assert abs(ours.a - 0.04) < 2 * ours.standard_errors[0] < 0.04
    assert abs(ours.b - 0.93) < 2 * ours.standard_errors[1] < 0.15


# -- properties --------------------------------------------------------------------------------------------------------


def test_recursion_and_likelihood_are_their_definitions():
    e = residuals_of(RETURNS[:200], FIT)
    path = correlations(e, FIT.q_bar, FIT.a, FIT.b)
    np.testing.assert_allclose(filter_correlations(RETURNS[:200], FIT), path[:-1], rtol=0, atol=1e-12)
    np.testing.assert_allclose(forecast_correlations(RETURNS[:200], FIT), path[1:], rtol=0, atol=1e-12)
    np.testing.assert_allclose(_full(e, FIT.q_bar, FIT.a, FIT.b), log_density(e, path), rtol=0, atol=1e-12)


def test_the_pairs_likelihood_is_the_mean_of_each_pairs_own():
    e = residuals_of(RETURNS[:200], FIT)
    each = [
        _full(np.ascontiguousarray(e[:, i : i + 2]), FIT.q_bar[i : i + 2, i : i + 2].copy(), 0.05, 0.9)
        for i in range(3)
    ]
    np.testing.assert_allclose(_pairs(e, FIT.q_bar, 0.05, 0.9), np.mean(each, axis=0), rtol=0, atol=1e-12)
    two = np.ascontiguousarray(e[:, :2])
    q_bar = FIT.q_bar[:2, :2].copy()
    np.testing.assert_allclose(_pairs(two, q_bar, 0.05, 0.9), _full(two, q_bar, 0.05, 0.9), rtol=0, atol=1e-12)


def test_the_stream_is_the_batch_and_never_sees_tomorrow():
    whole = forecast_correlations(RETURNS[:60], FIT)
    for t in (1, 17, 59):
        np.testing.assert_array_equal(forecast_correlations(RETURNS[:t], FIT)[-1], whole[t - 1])
        np.testing.assert_array_equal(filter_correlations(RETURNS[: t + 1], FIT)[-1], whole[t - 1])


def test_correlations_are_correlations():
    path = filter_correlations(RETURNS, FIT)
    np.testing.assert_array_equal(np.diagonal(path, axis1=1, axis2=2), 1.0)
    np.testing.assert_array_equal(path, path.transpose(0, 2, 1))
    assert np.linalg.eigvalsh(path).min() > 0


def test_no_parameters_near_a_fit_are_likelier():
    e = residuals_of(RETURNS, FIT)
    best = _full(e, FIT.q_bar, FIT.a, FIT.b).sum()
    for da, db in ((0.003, 0), (-0.003, 0), (0, 0.01), (0, -0.01)):
        assert _full(e, FIT.q_bar, FIT.a + da, FIT.b + db).sum() < best


def test_a_fit_is_the_same_bits_again_and_in_other_units():
    again = fit(RETURNS)
    for field in dataclasses.fields(DccFit):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(FIT, field.name))
    percent = fit(RETURNS * 128)
    assert (percent.a, percent.b) == pytest.approx((FIT.a, FIT.b), abs=1e-9)


def test_independent_returns_have_no_dynamics_to_speak_of():
    still = fit(np.random.default_rng(5).normal(0, 0.01, (600, 3)))
    spread = forecast_correlations(np.random.default_rng(5).normal(0, 0.01, (600, 3)), still).std(axis=0)
    assert spread.max() < 0.1


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("returns", "message"),
    [
        (RETURNS[:, :1], "at least two series"),
        (np.where(np.arange(4) == 2, np.nan, RETURNS), "NaN"),
        (RETURNS[:30], "at least 60"),
    ],
)
def test_a_panel_that_cannot_be_fitted_is_rejected(returns: Array, message: str):
    with pytest.raises(ValueError, match=message):
        fit(returns)


def test_a_filter_takes_the_fits_series_alone():
    with pytest.raises(ValueError, match=r"pass \(T, 4\)"):
        filter_correlations(RETURNS[:, :3], FIT)
