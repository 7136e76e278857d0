"""The books that the main one is compared with: equal weights, and alphas shuffled across names."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from configs.settings import Execution
from tests.execution.markets import DAYS, Market, plain_portfolio

FREE = Execution(commission_bp=0, impact_multiplier=0)
FEBRUARY = next(t for t, day in enumerate(DAYS) if day.month == 2)


def flat(price: float, n: int = 24) -> list[tuple[float, float] | None]:
    return [(price, price)] * n


def four(**fields) -> Market:
    prices = {"A": flat(100.0), "B": flat(50.0), "C": flat(25.0), "D": flat(10.0)}
    return Market(prices | fields.pop("prices", {}), portfolio=plain_portfolio(), execution=FREE, **fields)


def row(book: pl.DataFrame, symbol: str) -> dict:
    return book.row(by_predicate=pl.col("symbol") == symbol, named=True)


def statuses(books: list[pl.DataFrame]) -> list[str]:
    return [row(book, "USD")["status"] for book in books]


# --- known values ----------------------------------------------------------------------------------------------------


def test_every_tradable_name_has_the_same_weight_without_any_alpha() -> None:
    first, second = four().run(1, book="equal_weight")
    names = first.filter(pl.col("symbol") != "USD")
    assert names["target_weight"].to_list() == [0.25] * 4
    assert names["order_shares"].to_list() == [25_000.0, 50_000.0, 100_000.0, 250_000.0]
    assert second.filter(pl.col("symbol") != "USD")["value_usd"].to_list() == [2.5e6] * 4
    assert statuses([first, second]) == ["rebalanced", "kept"]
    assert names["alpha"].null_count() == names["benchmark_weight"].null_count() == 4


def test_it_is_rebalanced_on_the_first_session_of_a_month() -> None:
    market = four(prices={"A": [*flat(100.0, 3), *flat(110.0, 21)]})
    books = market.run(FEBRUARY, book="equal_weight")
    assert statuses(books) == ["rebalanced", *["kept"] * (FEBRUARY - 1), "rebalanced"]
    assert DAYS[FEBRUARY] == dt.date(2016, 2, 1)
    sold = row(books[-1], "A")
    assert sold["order_shares"] == -np.trunc((sold["value_usd"] - 1.025e7 / 4) / 110)
    assert all(book["order_shares"].null_count() == book.height for book in books[1:-1])


def test_when_a_name_leaves_it_is_sold_whole_and_the_others_share_it() -> None:
    members = {t: list("ABC") for t in range(3, 24)}
    books = four(members=members).run(5, book="equal_weight")
    assert statuses(books) == ["rebalanced", "kept", "kept", "rebalanced", "kept", "kept"]
    assert row(books[3], "D")["order_shares"] == -250_000.0
    assert [row(books[3], s)["target_weight"] for s in "ABCD"] == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0.0])
    assert "D" not in books[5]["symbol"]


def test_what_cannot_be_traded_keeps_its_weight_and_the_others_share_the_rest() -> None:
    prices = {"A": [*flat(150.0, 2), None, *flat(150.0, 21)], "D": flat(10.0)}
    members = {t: list("ABC") for t in range(2, 24)}
    book = four(prices=prices, members=members).run(2, book="equal_weight")[2]
    a = row(book, "A")
    assert (a["order_shares"], a["target_weight"]) == (None, pytest.approx(0.25, abs=1e-4))
    assert row(book, "B")["target_weight"] == pytest.approx((1 - a["target_weight"]) / 2)


def test_large_orders_are_cut_and_the_cash_floor_is_kept() -> None:
    market = four(volume=200_000)
    market.portfolio = plain_portfolio(cash_floor=0.2)
    (book,) = market.run(0, book="equal_weight")
    assert [row(book, s)["target_weight"] for s in "ABCD"] == [0.2] * 4
    assert [row(book, s)["order_shares"] for s in "ABCD"] == [20_000.0] * 4  # a tenth of the volume
    assert [row(book, s)["status"] for s in "ABCD"] == [None, "cut", "cut", "cut"]


def test_without_a_name_to_trade_nothing_is_ordered() -> None:
    (book,) = four(members={0: []}).run(0, book="equal_weight")
    assert statuses([book]) == ["no eligible names"]


def test_it_never_sells_short_in_either_mode() -> None:
    market = four()
    market.portfolio = plain_portfolio(mode="dollar_neutral")
    assert row(market.run(1, book="equal_weight")[1], "A")["value_usd"] == 2.5e6


def test_the_shuffled_book_solves_the_same_programme_with_alphas_of_others() -> None:
    said = {"A": 0.4, "B": 0.3, "C": 0.2, "D": 0.1}
    market = four(alphas={0: said}, tilts={"Energy": 1e-3})
    market.portfolio = plain_portfolio(weight_cap=0.25)
    main, shuffled = (market.run(0, book=book)[0] for book in ("main", "shuffled"))
    borne = {s: row(shuffled, s)["alpha"] for s in said}
    assert sorted(borne.values()) == sorted(said.values())
    assert all(borne[s] != said[s] for s in said)
    assert [row(shuffled, s)["tilt"] for s in said] == [1e-3] * 4
    assert row(shuffled, "USD")["status"] == row(main, "USD")["status"] == "optimal"
