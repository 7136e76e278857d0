"""The limits of a programme as rows, and the check that they hold."""

import datetime as dt
import json
from dataclasses import replace

import polars as pl

from configs.settings import Portfolio
from feature_store.decision_time import DecisionClock
from feature_store.schemas.portfolio import DIAGNOSTICS
from quant_assets.portfolio.checks import limits_hold
from quant_assets.portfolio.diagnostics import diagnostics
from quant_assets.portfolio.optimizer import solve
from quant_assets.portfolio.weights import describe, programme
from tests.portfolio.test_weights import NAMES, OUTLOOK

DAY = dt.date(2016, 1, 4)
CLOCK = DecisionClock()
SETTINGS = Portfolio(weight_cap=0.4, turnover_cap=0.6, industry_band=0.3, volatility_penalty=0.001)


def book(text: str | None) -> pl.DataFrame:
    """A position and the cash row."""
    return pl.DataFrame(
        {"event_date": [DAY, DAY], "symbol": ["A", "USD"], "programme": [None, text]},
        schema={"event_date": pl.Date, "symbol": pl.String, "programme": pl.String},
    )


def rows(settings: Portfolio = SETTINGS) -> pl.DataFrame:
    asked = programme(NAMES, replace(OUTLOOK, volatility_target_annual=0.08), settings)
    return diagnostics(book(json.dumps(describe(asked, solve(asked), settings))), DAY)


def verdict(found: pl.DataFrame) -> str | None:
    return limits_hold(found, pl.DataFrame(), CLOCK)


# --- known values ----------------------------------------------------------------------------------------------------


def test_every_limit_is_a_row_in_the_schema_of_the_dataset() -> None:
    found = rows()
    assert found.height == 10
    assert found["limit"].is_sorted()
    assert dict(found.schema) == {name: dtype for name, dtype in DIAGNOSTICS.schema.items() if name != "known_at"}
    assert found.filter(pl.col("limit") == "cash_floor")["upper"].to_list() == [None]


def test_without_a_programme_there_are_no_rows() -> None:
    for text in (None, json.dumps({"limits": []})):
        found = diagnostics(book(text), DAY)
        assert found.is_empty()
        assert found.columns == rows().columns
        assert verdict(found) is None


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
