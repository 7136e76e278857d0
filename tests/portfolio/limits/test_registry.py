"""Limits that a portfolio lists, in the optimization problem and in its diagnostics."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from configs.settings import Portfolio
from configs.settings.limits import FactorExposureSettings, LimitSettings
from quant_assets.portfolio.limits import registry
from quant_assets.portfolio.limits.factor_exposure import FactorExposure
from quant_assets.portfolio.optimizer import solve
from quant_assets.portfolio.program import describe, optimization_problem
from tests.portfolio.test_program import NAMES, NEUTRAL, OUTLOOK

FREE = np.array([True, True, False, False, True])
BETA = np.array([0.5, -0.5, 0.0, 1.0, -1.0])


def listed(band: float, **changed: object) -> Portfolio:
    limits = (FactorExposureSettings(bands={"beta": band}),)
    settings = {"weight_cap": 0.5, "turnover_cap": 2.0, "industry_band": 0.5, "limits": limits}
    return Portfolio.model_validate(settings | changed)


class Wrong(FactorExposure):
    """States in `values` something else than in `rows`."""

    settings: ClassVar[type[LimitSettings]] = FactorExposureSettings

    @staticmethod
    def values(weights, assets, risk, settings):
        return 2 * FactorExposure.values(weights, assets, risk, settings)


# -- known values ------------------------------------------------------------------------------------------------------


def test_a_factor_band_by_hand() -> None:
    rows = FactorExposure.rows(NAMES, OUTLOOK, FactorExposureSettings(bands={"beta": 0.1}))
    benchmark = 0.25 * (0.5 - 0.5 - 1.0)  # of the three that can be traded
    assert rows.names == ("factor:beta",)
    assert rows.matrix == pytest.approx(np.where(FREE, BETA - benchmark, 0.0)[None, :])
    assert (rows.lower.tolist(), rows.upper.tolist()) == ([-0.1], [0.1])


def test_dollar_neutral_the_band_lies_around_nothing() -> None:
    rows = FactorExposure.rows(
        replace(NAMES, benchmark=np.zeros(5)), OUTLOOK, FactorExposureSettings(bands={"beta": 0.1})
    )
    assert rows.matrix == pytest.approx(np.where(FREE, BETA, 0.0)[None, :])


def test_without_listed_limits_the_problem_is_that_of_the_industries() -> None:
    problem = optimization_problem(NAMES, OUTLOOK, listed(0.1, limits=()))
    assert problem.band_names == ("industry:Energy", "industry:Materials", "industry:Utilities")
    with_limit = optimization_problem(NAMES, OUTLOOK, listed(0.1))
    assert with_limit.band_names == (*problem.band_names, "factor:beta")
    assert with_limit.bands.toarray()[:3].tobytes() == problem.bands.toarray().tobytes()


def test_a_tight_band_binds_and_is_a_row_of_the_diagnostics() -> None:
    loose = solve(optimization_problem(NAMES, OUTLOOK, listed(0.1, limits=())))
    (free,) = FactorExposure.values(loose.weights, NAMES, OUTLOOK, FactorExposureSettings(bands={"beta": 0.0}))
    settings = listed(abs(free) / 2)
    problem = optimization_problem(NAMES, OUTLOOK, settings)
    solution = solve(problem)
    values = registry.values(solution.weights, NAMES, OUTLOOK, settings)
    (row,) = [r for r in describe(problem, solution, settings, values)["limits"] if r["limit"] == "factor:beta"]
    assert abs(row["value"]) == pytest.approx(abs(free) / 2, abs=1e-6)
    assert row["violation"] < 1e-6
    assert row["dual"] > 0
    assert not row["relaxed"]


def test_several_limits_of_a_dollar_neutral_book_stand_in_their_order() -> None:
    settings = NEUTRAL.model_copy(update={"limits": (FactorExposureSettings(bands={"market": 0.2, "beta": 0.1}),)})
    problem = optimization_problem(replace(NAMES, benchmark=np.zeros(5)), OUTLOOK, settings)
    assert problem.band_names[-2:] == ("factor:market", "factor:beta")
    assert problem.band_upper[-2:].tolist() == [0.2, 0.1]


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_limit_whose_values_are_not_those_of_its_rows_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.LIMITS, "factor_exposure", Wrong)
    with pytest.raises(ValueError, match=r"factor_exposure, factor:beta: its rows give .* make the two state"):
        registry.values(np.array([0.2, 0.0, 0.0, 0.0, 0.0]), NAMES, OUTLOOK, listed(0.1))


def test_a_factor_that_the_risk_model_lacks_is_named() -> None:
    settings = listed(0.1, limits=(FactorExposureSettings(bands={"bta": 0.1}),))
    with pytest.raises(ValueError, match="no factor bta; it has market, beta"):
        optimization_problem(NAMES, OUTLOOK, settings)


def test_another_limit_of_the_same_kind_is_not_added() -> None:
    with pytest.raises(ValueError, match="'factor_exposure' is that of FactorExposure; rename that of Wrong"):
        registry.add_limit(Wrong)
