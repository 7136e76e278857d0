"""What an optimization found as rows, and the check that its limits hold."""

import datetime as dt
from dataclasses import replace

import polars as pl

from configs.settings import Portfolio
from feature_store.decision_time import DecisionClock
from feature_store.schemas.portfolio import DIAGNOSTICS, OPTIMIZATION
from quant_assets.portfolio.checks import limits_hold
from quant_assets.portfolio.diagnostics import limits, metrics
from quant_assets.portfolio.optimizer import solve
from quant_assets.portfolio.program import describe, optimization_problem
from tests.portfolio.test_program import NAMES, OUTLOOK

DAY = dt.date(2016, 1, 4)
CLOCK = DecisionClock()
SETTINGS = Portfolio(weight_cap=0.4, turnover_cap=0.6, industry_band=0.3, volatility_penalty=0.001)


def said(settings: Portfolio = SETTINGS) -> dict:
    asked = optimization_problem(NAMES, replace(OUTLOOK, volatility_target_annual=0.08), settings)
    return describe(asked, solve(asked), settings)


def rows(settings: Portfolio = SETTINGS) -> pl.DataFrame:
    return limits(said(settings), DAY)


def verdict(found: pl.DataFrame) -> str | None:
    return limits_hold(found, pl.DataFrame(), CLOCK)


# --- known values ----------------------------------------------------------------------------------------------------


def test_every_limit_is_a_row_in_the_schema_of_the_dataset() -> None:
    found = rows()
    assert found.height == 10
    assert found["limit"].is_sorted()
    assert dict(found.schema) == DIAGNOSTICS.computed_schema
    assert found.filter(pl.col("limit") == "cash_floor")["upper"].to_list() == [None]


def test_terms_and_controls_are_rows_in_the_schema_of_the_dataset() -> None:
    told = said()
    found = metrics(told, DAY)
    assert dict(found.schema) == OPTIMIZATION.computed_schema
    by_name = dict(found.select("metric", "value").iter_rows())
    assert list(by_name) == sorted(by_name)
    assert len(by_name) == len(told["terms"]) + len(told["controls"]) + 1
    assert by_name["setting:turnover_cap"] == 0.6
    assert by_name["objective:alpha"] == told["terms"]["alpha"]
    assert by_name["iterations"] == told["iterations"] > 0


def test_without_a_programme_there_are_no_rows_and_without_a_solution_only_settings() -> None:
    unsolved = {"limits": [], "terms": {}, "controls": {"turnover_cap": None}, "iterations": 3}
    for told in (None, unsolved):
        found = limits(told, DAY)
        assert found.is_empty()
        assert found.columns == rows().columns
        assert verdict(found) is None
    assert metrics(None, DAY).is_empty()
    assert metrics(unsolved, DAY).select("metric", "value").rows() == [
        ("iterations", 3.0), ("setting:turnover_cap", None)
    ]  # fmt: skip


# --- properties ------------------------------------------------------------------------------------------------------


def test_a_volatility_beyond_its_target_and_a_widened_limit_are_no_breach() -> None:
    elastic = rows()
    assert elastic.filter("relaxed")["limit"].to_list() == ["volatility"]
    assert verdict(elastic) is None
    widened = rows(SETTINGS.model_copy(update={"turnover_cap": 0.01, "cash_floor": 0.9}))
    assert "turnover" in widened.filter(pl.col("violation") > 1e-3)["limit"].to_list()
    assert verdict(widened) is None


# --- refusals --------------------------------------------------------------------------------------------------------


def test_a_limit_that_is_broken_without_being_widened_is_told() -> None:
    broken = rows().with_columns(
        violation=pl.when(pl.col("limit") == "industry:Energy").then(2e-6).otherwise("violation")
    )
    said = verdict(broken)
    assert said is not None
    assert said.startswith("1 limits are broken by the target weights")
    assert "industry:Energy" in said


def test_a_limit_that_could_not_be_evaluated_is_told() -> None:
    assert "turnover" in str(
        verdict(rows().with_columns(violation=pl.when(pl.col("limit") != "turnover").then("violation")))
    )
