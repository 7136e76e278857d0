"""What must hold of every stored session of a book."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_store import sessions
from feature_store.decision_time import DecisionClock
from quant_assets.execution.checks import fills_come_after_decisions
from tests.execution.markets import DAYS, STEPS, Market
from tests.execution.random_markets import random_market

CLOCK = DecisionClock()


def traded(**changes: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """A session with a fill, changed; its bars; and the session before."""
    market = Market({"A": [(100.0, 100.0), (101.0, 103.0)]}, alphas={0: {"A": 0.5}})
    before, book = market.run(1)
    is_a = pl.col("symbol") == "A"
    changed = [pl.when(is_a).then(value).otherwise(pl.col(name)).alias(name) for name, value in changes.items()]
    return book.with_columns(changed), market.bars(1), before


def verdict(rows: tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]) -> str | None:
    book, bars, before = rows
    return fills_come_after_decisions(book, bars, CLOCK, before)


# --- known values ----------------------------------------------------------------------------------------------------


def test_a_fill_at_the_next_open_of_what_was_ordered_passes() -> None:
    assert verdict(traded()) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fill_price_usd": pl.lit(103.0)}, "not filled at the open"),
        ({"decided_on": pl.lit(DAYS[1])}, "A 2016-01-05: filled at"),
        ({"decided_on": pl.lit(None)}, "without the session that decided it"),
        ({"filled_at": pl.lit(sessions.opens_at(DAYS[2]))}, "A 2016-01-05: filled at"),
        ({"fill_shares": pl.col("fill_shares") + 1}, "filled what was not ordered"),
        ({"fill_shares": -pl.col("fill_shares")}, "filled what was not ordered"),
    ],
)
def test_any_other_fill_is_told(changes: dict[str, pl.Expr], said: str) -> None:
    assert said in str(verdict(traded(**changes)))


def test_an_order_adjusted_for_a_late_split_may_fill_in_more_shares_of_the_same_worth() -> None:
    split = {"symbol": "A", "action": "split", "value": 2.0, "ex": 1, "known": 1}
    market = Market({"A": [(100.0, 100.0), (51.0, 52.0)]}, [split], {0: {"A": 0.5}})
    before, book = market.run(1)
    rows = (book, market.bars(1), before)
    assert verdict(rows) is None
    tripled = book.with_columns(fill_shares=3 * pl.col("fill_shares"))
    assert "filled what was not ordered" in str(verdict((tripled, *rows[1:])))


# --- properties ------------------------------------------------------------------------------------------------------


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 100_000), st.sampled_from(["long_only", "dollar_neutral"]), st.sampled_from(sorted(STEPS)))
def test_every_book_passes(seed: int, mode: str, name: str) -> None:
    market = random_market(seed, mode=mode)
    before: pl.DataFrame | None = None
    for t, book in enumerate(market.run(11, book=name)):
        assert fills_come_after_decisions(book, market.bars(t), CLOCK, before) is None
        before = book
