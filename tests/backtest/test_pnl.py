"""The book's account, one row a session."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_store.schemas.execution import BOOK, PNL
from quant_assets.backtest.pnl import pnl
from tests.execution.markets import DAYS, frame, random_market

YESTERDAY = [
    {"symbol": "A", "shares": 10.0, "value_usd": 400.0, "pnl_usd": 0.0},
    {"symbol": "USD", "shares": 600.0, "value_usd": 600.0, "pnl_usd": 0.0, "status": "optimal"},
]
TODAY = [
    {"symbol": "A", "shares": 10.0, "value_usd": 420.0, "pnl_usd": 25.0, "dividend_usd": 5.0, "order_shares": -2.0},
    {
        "symbol": "B",
        "shares": 2.0,
        "value_usd": 100.0,
        "pnl_usd": 2.0,
        "fill_shares": 2.0,
        "fill_price_usd": 49.0,
        "cost_usd": 1.0,
    },
    {
        "symbol": "C",
        "shares": 0.0,
        "value_usd": 0.0,
        "pnl_usd": -3.0,
        "fill_shares": -1.0,
        "fill_price_usd": 52.0,
        "cost_usd": 0.5,
    },
    {
        "symbol": "USD",
        "shares": 504.0,
        "value_usd": 504.0,
        "pnl_usd": 0.5,
        "interest_usd": 0.5,
        "status": "no predictions",
    },
]


def book(*of_days: tuple[int, list[dict]]) -> pl.DataFrame:
    return frame(BOOK, [row | {"event_date": DAYS[t]} for t, rows in of_days for row in rows])


# --- known values ----------------------------------------------------------------------------------------------------


def test_the_account_of_a_session_is_read_off_two_books() -> None:
    (row,) = pnl(book((0, YESTERDAY), (1, TODAY)), DAYS[1]).to_dicts()
    assert row == {
        "event_date": DAYS[1],
        "nav_usd": 1024.0,
        "return_net": pytest.approx(0.024),
        "pnl_usd": pytest.approx(24.5),
        "cost_usd": 1.5,
        "dividend_usd": 5.0,
        "interest_usd": 0.5,
        "cash_weight": pytest.approx(504 / 1024),
        "turnover": pytest.approx((98 + 52) / 1000),
        "n_positions": 2,
        "n_orders": 1,
        "status": "no predictions",
    }


def test_the_first_session_has_no_return() -> None:
    (row,) = pnl(book((0, YESTERDAY)), DAYS[0]).to_dicts()
    assert (row["nav_usd"], row["return_net"], row["turnover"], row["cost_usd"]) == (1000.0, None, 0.0, 0.0)


# --- properties ------------------------------------------------------------------------------------------------------


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 100_000))
def test_returns_compound_to_the_change_of_net_asset_value(seed: int) -> None:
    books = random_market(seed).run(8)
    rows = pl.concat(pnl(pl.concat(books[max(t - 1, 0) : t + 1]), DAYS[t]) for t in range(9))
    growth = (1 + rows["return_net"].drop_nulls()).product()
    assert growth == pytest.approx(rows["nav_usd"][-1] / rows["nav_usd"][0], rel=1e-12)
    assert dict(rows.schema) == {name: dtype for name, dtype in PNL.schema.items() if name != "known_at"}


# --- refusals --------------------------------------------------------------------------------------------------------


def test_a_book_without_its_cash_row_is_refused() -> None:
    with pytest.raises(ValueError, match="item"):
        pnl(book((0, YESTERDAY[:1])), DAYS[0])
