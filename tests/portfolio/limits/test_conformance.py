"""What every kind of limit promises: each entry of the registry goes through all of it."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from configs.settings import Portfolio
from configs.settings.limits import LIMIT_SETTINGS, FactorExposureSettings, LimitSettings
from quant_assets.portfolio.inputs import AssetInputs
from quant_assets.portfolio.limits.protocol import LinearRows
from quant_assets.portfolio.limits.registry import LIMITS
from quant_assets.portfolio.optimizer import solve
from quant_assets.portfolio.problem import constraint_violations
from quant_assets.portfolio.program import optimization_problem
from tests.portfolio.test_program import NAMES, OUTLOOK

SMALL: dict[str, LimitSettings] = {"factor_exposure": FactorExposureSettings(bands={"beta": 0.05})}

pytestmark = pytest.mark.parametrize("kind", LIMITS)


def settings_of(kind: str) -> LimitSettings:
    return SMALL.get(kind) or LIMITS[kind].settings()


def rows_of(kind: str, assets: AssetInputs = NAMES) -> LinearRows:
    return LIMITS[kind].rows(assets, OUTLOOK, settings_of(kind))


def dense(rows: LinearRows) -> np.ndarray:
    return rows.matrix.toarray() if sparse.issparse(rows.matrix) else np.asarray(rows.matrix)


# -- known values ------------------------------------------------------------------------------------------------------


def test_its_settings_name_it_and_profiles_know_them(kind: str) -> None:
    assert settings_of(kind).kind == kind
    assert LIMIT_SETTINGS[kind] is LIMITS[kind].settings


def test_its_rows_are_named_apart_and_have_one_column_a_stock(kind: str) -> None:
    rows = rows_of(kind)
    count = len(rows.names)
    assert count == len(set(rows.names)) > 0
    assert dense(rows).shape == (count, len(NAMES.alpha))
    assert rows.lower.shape == rows.upper.shape == (count,)
    assert (rows.lower <= rows.upper).all()
    assert np.isfinite(np.where(np.isfinite(rows.lower), rows.lower, rows.upper)).all()  # a row without a side is none


# -- properties --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_its_values_are_those_of_its_rows_at_any_weights(kind: str, seed: int) -> None:
    weights = np.random.default_rng(seed).normal(size=len(NAMES.alpha))
    values = LIMITS[kind].values(weights, NAMES, OUTLOOK, settings_of(kind))
    assert values == pytest.approx(dense(rows_of(kind)) @ weights, abs=1e-12)


def test_the_same_inputs_give_the_same_rows_and_change_nothing(kind: str) -> None:
    first, second = rows_of(kind), rows_of(kind, replace(NAMES, alpha=NAMES.alpha.copy()))
    assert dense(first).tobytes() == dense(second).tobytes()
    assert first.names == second.names


def test_the_order_of_the_stocks_counts_for_nothing(kind: str) -> None:
    order = np.array([3, 0, 4, 1, 2])
    arrays = {name: value[order] for name, value in vars(NAMES).items() if isinstance(value, np.ndarray)}
    turned = replace(NAMES, **arrays, industry=[NAMES.industry[i] for i in order], exposures=NAMES.exposures[order])
    rows, other = rows_of(kind), rows_of(kind, turned)
    assert rows.names == other.names
    assert dense(other) == pytest.approx(dense(rows)[:, order])


def test_the_solution_keeps_it_or_says_that_it_was_relaxed(kind: str) -> None:
    listed = Portfolio(weight_cap=0.5, turnover_cap=2.0, industry_band=0.5, limits=(settings_of(kind),))
    problem = optimization_problem(NAMES, OUTLOOK, listed)
    assert problem.band_names[-len(rows_of(kind).names) :] == rows_of(kind).names
    solution = solve(problem)
    assert solution.weights is not None
    assert max(constraint_violations(solution.problem, solution.weights).values()) < 1e-6
    if solution.status == "optimal":
        values, rows = LIMITS[kind].values(solution.weights, NAMES, OUTLOOK, settings_of(kind)), rows_of(kind)
        assert ((rows.lower - 1e-6 <= values) & (values <= rows.upper + 1e-6)).all()
