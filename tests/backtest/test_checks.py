"""What must hold of the account and its attribution."""

import polars as pl
import pytest

from feature_store.decision_time import DecisionClock
from feature_store.schemas.market import BARS
from quant_assets.backtest.attribution import attribution
from quant_assets.backtest.checks import account_closes, attribution_closes
from quant_assets.backtest.pnl import pnl
from tests.backtest.books import DAYS, Inputs, random_inputs

CLOCK = DecisionClock(30)
NO_BARS = BARS.empty()


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    return random_inputs(3)


@pytest.fixture(scope="module")
def attributed(inputs: Inputs) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Of the session before, and of the session."""
    first = inputs.arguments() | {"book": inputs.book.filter(event_date=DAYS[0]), "session": DAYS[0]}
    return attribution(**first), attribution(**inputs.arguments())


@pytest.fixture(scope="module")
def accounts(inputs: Inputs) -> tuple[pl.DataFrame, pl.DataFrame]:
    first = inputs.book.filter(event_date=DAYS[0]).with_columns(status=pl.lit("optimal"))
    return pnl(first, first, first, DAYS[0]), pnl(inputs.book, inputs.book, inputs.book, DAYS[1])


# --- known values ----------------------------------------------------------------------------------------------------


def test_books_that_add_up_pass(accounts: tuple, attributed: tuple) -> None:
    assert account_closes(accounts[1], NO_BARS, CLOCK, accounts[0]) is None
    assert attribution_closes(attributed[1], NO_BARS, CLOCK, attributed[0]) is None


def test_the_first_session_has_nothing_to_compare_with(accounts: tuple, attributed: tuple) -> None:
    assert account_closes(accounts[0], NO_BARS, CLOCK, accounts[0].clear()) is None
    assert attribution_closes(attributed[0], NO_BARS, CLOCK) is None


# --- refusals --------------------------------------------------------------------------------------------------------


def test_money_that_came_from_nowhere_is_found(accounts: tuple) -> None:
    before, after = accounts
    richer = after.with_columns(
        pl.when(pl.col("book") == "shuffled").then(pl.col("nav_usd") + 0.01).otherwise("nav_usd")
    )
    found = account_closes(richer, NO_BARS, CLOCK, before)
    assert found is not None
    assert "shuffled" in found
    assert "main" not in found


def test_a_book_that_was_not_there_before_is_found(accounts: tuple) -> None:
    before, after = accounts
    assert "main" in (account_closes(after, NO_BARS, CLOCK, before.filter(pl.col("book") != "main")) or "")


def test_a_source_too_many_is_found(attributed: tuple) -> None:
    before, after = attributed
    doubled = after.with_columns(
        pl.when(pl.col("source") == "trading").then(pl.col("pnl_usd") + 0.01).otherwise("pnl_usd")
    )
    assert "sources" in (attribution_closes(doubled, NO_BARS, CLOCK, before) or "")


def test_profit_that_the_book_never_had_is_found(inputs: Inputs, attributed: tuple) -> None:
    lying = inputs.book.with_columns(
        pl.when(pl.col("symbol") == "S001").then(pl.col("pnl_usd") + 1).otherwise("pnl_usd")
    )
    found = attribution(**(inputs.arguments() | {"book": lying}))
    assert "sources by -1.0" in (attribution_closes(found, NO_BARS, CLOCK, attributed[0]) or "")
