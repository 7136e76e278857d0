"""Orders that there are not, and what is said instead."""

from pathlib import Path

import polars as pl
import pytest

from feature_store import sessions
from feature_store.schemas.execution import BOOK, ORDERS
from quant_assets.execution.trading.orders import orders
from quant_assets.reporting.orders.explanation import explain
from quant_assets.reporting.orders.lookup import UnknownOrderError
from quant_resources.home import Home
from tests.execution.markets import DAYS
from tests.reporting.orders.sessions import DAY, LAST, market, write_book
from tests.support.accounts import CLOCK, home_of, write
from tests.support.tiny import asof

# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("order", "said"), [
    ("DDD", f"no order id; write SESSION-SYMBOL, such as {DAYS[LAST]}-"),
    ("2016-13-01-DDD", "no order id"),
    (f"{DAY}", "no order id"),
    (f"{DAY}-ddd", f"did you mean {DAY}-DDD"),
    (f"{DAY}-ZZZ", f"{DAY} sent "),
    ("2015-01-02-DDD", f"the book is stored from {DAYS[0]} to {DAYS[LAST]}"),
    ("2016-01-09-DDD", "2016-01-09 is not stored"),
])  # fmt: skip
def test_an_unknown_order_is_refused_with_those_there_are(stored: Path, order: str, said: str) -> None:
    answer = asof(stored, "explain", order)
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    assert said in answer.err


def test_a_session_without_orders_says_why(home: Home) -> None:
    at, day = market(), DAYS[LAST + 1]
    at.prices = {s: [*bars, bars[-1]] for s, bars in at.prices.items()}
    state = home.open_store().versions(BOOK, DAYS[LAST], DAYS[LAST]).drop("session", "known_at")
    write_book(home.open_store(), at.steps(state, LAST + 1), day)
    with pytest.raises(UnknownOrderError, match="sent no orders; status of its optimization problem: no predictions"):
        explain(home, f"{day}-DDD")


def test_a_name_that_was_kept_is_told_so(home: Home) -> None:
    store = home.open_store()
    book = store.versions(BOOK, DAY, DAY).drop("session", "known_at")
    kept = book.with_columns(order_shares=pl.when(pl.col("symbol") != "DDD").then("order_shares"))
    write(store, BOOK, {DAY: kept}, "second")
    write(store, ORDERS, {DAY: orders(kept, DAY, CLOCK.decision_time(DAY))}, "second")
    with pytest.raises(UnknownOrderError, match=r"DDD was held at 4\.84 % of NAV with a target of 40\.00 %"):
        explain(home, f"{DAY}-DDD")


def test_without_any_order_none_is_named(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    home.open_store()
    assert sessions.is_session(DAY)
    with pytest.raises(UnknownOrderError, match="no order is stored yet"):
        explain(home, "first")
    with pytest.raises(UnknownOrderError, match="no book is stored yet"):
        explain(home, f"{DAY}-DDD")
