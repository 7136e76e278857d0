"""By what the book's benchmark is weighted, and that the book says so where it is not what was asked for."""

import polars as pl
import pytest

from configs.settings import Portfolio
from tests.execution.markets import Market, Mode, plain_portfolio

FALLEN_BACK = "benchmark by dollar_volume: too few capitalisations are known"


def decided(asked: Portfolio, caps: dict[str, float]) -> tuple[dict[str, float], str]:
    """Benchmark weight of three names that trade 1, 2 and 1 million shares at 10 USD, and what the cash row says."""
    volumes = {"A": 1_000_000, "B": 2_000_000, "C": 1_000_000}
    market = Market(
        {name: [(10.0, 10.0)] for name in volumes}, alphas={0: dict.fromkeys(volumes, 0.5)}, volume=volumes,
        portfolio=asked,
    )  # fmt: skip
    known = pl.Series([caps.get(name) for name in volumes], dtype=pl.Float64)
    book = market.step(None, 0, universe=market.universe(0).with_columns(market_cap_usd=known))
    said = dict(book.select("symbol", "benchmark_weight").iter_rows())
    return {name: said.get(name, 0.0) for name in volumes}, book.filter(symbol="USD")["detail"][0]


# --- known values ----------------------------------------------------------------------------------------------------


def test_by_capitalisation_where_enough_of_it_is_known() -> None:
    asked = plain_portfolio(benchmark="capitalisation", benchmark_coverage=0.75)
    weights, said = decided(asked, {"A": 3e9, "B": 1e9})
    assert weights == pytest.approx({"A": 0.75, "B": 0.25, "C": 0.0})
    assert FALLEN_BACK not in said


def test_by_dollar_volume_with_a_word_of_it_where_too_little_is_known() -> None:
    for caps in ({"A": 3e9, "C": 1e9}, {}):
        weights, said = decided(plain_portfolio(benchmark="capitalisation"), caps)
        assert weights == pytest.approx({"A": 0.25, "B": 0.5, "C": 0.25})
        assert said.startswith(FALLEN_BACK)


@pytest.mark.parametrize("mode", ["long_only", "dollar_neutral"])
def test_nothing_is_said_where_capitalisation_was_not_asked_for_or_nothing_is_measured_from_it(mode: Mode) -> None:
    asked = plain_portfolio(benchmark="equal" if mode == "long_only" else "capitalisation", mode=mode)
    weights, said = decided(asked, {})
    assert weights == pytest.approx(dict.fromkeys("ABC", 1 / 3 if mode == "long_only" else 0.0))
    assert FALLEN_BACK not in (said or "")
