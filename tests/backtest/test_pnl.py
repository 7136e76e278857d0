"""The account of each book, one row a session and book."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_store.contract import validated
from feature_store.schemas.backtest import PNL
from feature_store.schemas.execution import BOOK
from quant_assets.backtest.pnl import pnl
from tests.backtest.books import DAYS, frame, known, random_inputs

YESTERDAY = [
    {"symbol": "A", "shares": 10.0, "value_usd": 400.0, "pnl_usd": 0.0},
    {"symbol": "USD", "shares": 600.0, "value_usd": 600.0, "pnl_usd": 0.0, "status": "optimal"},
]
TODAY = [
    {"symbol": "A", "shares": 10.0, "value_usd": 420.0, "pnl_usd": 25.0, "dividend_usd": 5.0, "order_shares": -2.0},
    {"symbol": "B", "shares": -2.0, "value_usd": -100.0, "pnl_usd": -2.0, "cost_usd": 1.0, "borrow_usd": 0.25}
    | {"fill_shares": -2.0, "fill_price_usd": 49.0},
    {"symbol": "C", "shares": 0.0, "value_usd": 0.0, "pnl_usd": -3.0, "cost_usd": 0.5}
    | {"fill_shares": -1.0, "fill_price_usd": 52.0},
    {"symbol": "USD", "shares": 698.75, "value_usd": 698.75, "pnl_usd": 0.5, "interest_usd": 0.5}
    | {"status": "no predictions"},
]


def book(*of_days: tuple[int, list[dict]]) -> pl.DataFrame:
    return pl.concat([frame(BOOK, rows, DAYS[t]) for t, rows in of_days])


def account(main: pl.DataFrame, t: int) -> dict:
    rows = pnl(main, book((t, YESTERDAY)), book((t, YESTERDAY)), DAYS[t])
    validated(PNL, [(DAYS[t], known(rows))])
    assert rows["book"].to_list() == ["equal_weight", "main", "shuffled"]
    return rows.row(by_predicate=pl.col("book") == "main", named=True)


# --- known values ----------------------------------------------------------------------------------------------------


def test_the_account_of_a_session_is_read_off_two_books() -> None:
    assert account(book((0, YESTERDAY), (1, TODAY)), 1) == {
        "event_date": DAYS[1],
        "book": "main",
        "nav_usd": 1018.75,
        "return_net": pytest.approx(0.01875),
        "pnl_usd": pytest.approx(20.5),
        "cost_usd": 1.5,
        "dividend_usd": 5.0,
        "borrow_usd": 0.25,
        "interest_usd": 0.5,
        "cash_weight": pytest.approx(698.75 / 1018.75),
        "gross_weight": pytest.approx(520 / 1018.75),
        "turnover": pytest.approx((98 + 52) / 1000),
        "n_positions": 2,
        "n_orders": 1,
        "status": "no predictions",
    }


def test_net_asset_value_changes_by_profit_less_costs_and_fees() -> None:
    row = account(book((0, YESTERDAY), (1, TODAY)), 1)
    assert row["pnl_usd"] - row["cost_usd"] - row["borrow_usd"] == pytest.approx(18.75)


def test_the_first_session_has_no_return() -> None:
    row = account(book((0, YESTERDAY)), 0)
    assert (row["nav_usd"], row["return_net"], row["turnover"], row["cost_usd"]) == (1000.0, None, 0.0, 0.0)


def test_each_book_has_its_own_row() -> None:
    double = [{**row, "value_usd": 2 * row["value_usd"]} for row in YESTERDAY]
    rows = pnl(book((0, YESTERDAY)), book((0, double)), book((0, YESTERDAY)), DAYS[0])
    assert rows["nav_usd"].to_list() == [2000.0, 1000.0, 1000.0]


# --- properties ------------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 100_000))
def test_the_account_closes(seed: int) -> None:
    main = random_inputs(seed).book
    rows = pnl(main, main, main, DAYS[1])
    before = main.filter(event_date=DAYS[0])["value_usd"].sum()
    change = rows["pnl_usd"] - rows["cost_usd"] - rows["borrow_usd"]
    assert (rows["nav_usd"] - before).to_list() == pytest.approx(change.to_list(), abs=1e-10 * before)
    assert rows["return_net"].to_list() == pytest.approx((change / before).to_list(), abs=1e-10)


# --- refusals --------------------------------------------------------------------------------------------------------


def test_a_book_without_its_cash_row_is_refused_by_name() -> None:
    whole = book((0, YESTERDAY))
    with pytest.raises(ValueError, match="shuffled has 0 cash rows"):
        pnl(whole, whole, book((0, YESTERDAY[:1])), DAYS[0])


def test_a_book_that_is_not_there_is_refused() -> None:
    whole = book((0, YESTERDAY))
    with pytest.raises(ValueError, match="store the book"):
        pnl(whole, whole.clear(), whole, DAYS[0])
