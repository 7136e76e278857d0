import datetime as dt
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from feature_store.dataset import Dataset
from feature_store.schemas.market import BARS
from feature_store.schemas.regimes import TREND_STATES
from quant_assets.engine.asset import CrossSection
from quant_assets.engine.lookahead_checks import Checker, CheckResult
from quant_assets.regimes.checks import probabilities_sum_to_one

DAY = dt.date(2015, 8, 25)


def rows(*triple: float | None, **other: float | None) -> pl.DataFrame:
    names = ("p_bear", "p_sideways", "p_bull")
    values = dict(zip(names, triple, strict=True)) | other
    return pl.DataFrame({"event_date": [DAY], "industry": ["Energy"], **{n: [v] for n, v in values.items()}})


# known values


def test_probabilities_that_sum_to_one_pass():
    assert probabilities_sum_to_one(rows(0.1, 0.2, 0.7)) is None
    assert probabilities_sum_to_one(rows(0.1, 0.2, 0.7, p_calm=1.0, p_turbulent=0.0, p_crisis=0.0)) is None
    assert probabilities_sum_to_one(rows(0.1, 0.2, 0.7).clear()) is None


def test_a_check_is_given_the_rows_and_what_it_names_and_nothing_else_is_read():
    read: list[object] = []

    def with_bars(own: pl.DataFrame, bars: pl.DataFrame, clock: str) -> str | None:
        named = set(bars.columns) == set(BARS.schema) and own.equals(rows(0.1, 0.2, 0.8))
        return None if clock == "clock" and named else "given something else"

    def versions(dataset: Dataset, *_: object) -> pl.DataFrame:
        read.append(dataset)
        found = dataset.empty() if dataset == BARS else rows(0.1, 0.2, 0.8)
        return found.with_columns(session=pl.lit(DAY))

    calculation = SimpleNamespace(clock="clock")
    store = SimpleNamespace(versions=versions)
    runner: Any = SimpleNamespace(store=store, calculation=calculation, profile=None)
    partition: Any = SimpleNamespace(session=DAY)
    sums = CrossSection(TREND_STATES, rows, {}, checks={"sums": probabilities_sum_to_one})
    (result,) = Checker(runner).subject(sums, [partition])
    assert (result.session, result.check, result.passed) == (DAY, "sums", False)
    assert "Energy" in result.detail
    assert read == [TREND_STATES]
    bars = CrossSection(TREND_STATES, rows, {}, checks={"bars": with_bars})
    assert Checker(runner).subject(bars, [partition]) == [CheckResult(DAY, "bars", True)]
    assert read[1:] == [TREND_STATES, BARS]


# refusals


@pytest.mark.parametrize(
    "wrong",
    [
        rows(0.1, 0.2, 0.8),
        rows(0.1, 0.2, 0.7 + 1e-11),
        rows(0.1, 0.9, None),
        rows(float("nan"), 0.2, 0.8),
        rows(0.1, 0.2, 0.7, p_calm=0.9, p_turbulent=0.0, p_crisis=0.0),
    ],
)
def test_probabilities_that_do_not_are_named_with_their_industry(wrong: pl.DataFrame):
    message = probabilities_sum_to_one(wrong)
    assert message is not None
    assert "Energy" in message
