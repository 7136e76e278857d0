"""Benchmarks as levels."""

import math

import polars as pl
import pytest

from feature_store.schemas.market import ADJUSTED_BENCHMARKS
from quant_assets.backtest.benchmarks import levels
from tests.backtest.books import DAYS, frame


def benchmarks(symbol: str, returns: dict[int, float | None]) -> pl.DataFrame:
    """Log returns by the index of the session."""
    rows = [{"event_date": DAYS[t], "symbol": symbol, "log_return": r} for t, r in returns.items()]
    return frame(ADJUSTED_BENCHMARKS, rows)


def path(returns: dict[int, float | None], n: int) -> list[float | None]:
    return levels(benchmarks("SPY", returns), DAYS[:n])["level"].to_list()


# --- known values ----------------------------------------------------------------------------------------------------


def test_a_level_compounds_from_one() -> None:
    found = path({0: 0.5, 1: math.log(1.1), 2: math.log(0.9)}, 3)
    assert found == pytest.approx([1.0, 1.1, 0.99])


def test_a_session_without_a_bar_has_no_level_and_the_next_one_holds_its_return() -> None:
    assert path({0: None, 2: math.log(1.2)}, 3) == [1.0, None, pytest.approx(1.2)]


def test_a_late_listing_begins_at_one() -> None:
    assert path({1: None, 2: math.log(1.2)}, 3) == [None, 1.0, pytest.approx(1.2)]


def test_after_a_gap_without_a_return_nothing_is_known() -> None:
    assert path({0: 0.1, 1: None, 2: 0.1}, 3) == [1.0, None, None]


# --- properties ------------------------------------------------------------------------------------------------------


def test_benchmarks_do_not_touch_one_another_and_other_sessions_are_not_looked_at() -> None:
    both = pl.concat([benchmarks("RSP", {0: 9.0, 1: 0.1}), benchmarks("SPY", {0: 9.0, 1: 0.2, 2: 0.3, 5: 9.0})])
    found = levels(both.sample(fraction=1, shuffle=True, seed=1), DAYS[1:3])
    assert found.columns == ["event_date", "symbol", "level"]
    assert found.rows() == [
        (DAYS[1], "RSP", 1.0),
        (DAYS[2], "RSP", None),
        (DAYS[1], "SPY", 1.0),
        (DAYS[2], "SPY", pytest.approx(math.exp(0.3))),
    ]


def test_without_benchmarks_there_are_no_levels() -> None:
    assert levels(benchmarks("SPY", {}), DAYS[:3]).is_empty()
