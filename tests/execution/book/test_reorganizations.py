"""Spin-offs and mergers through the book, worked by hand."""

import math
from dataclasses import replace

import polars as pl
import pytest

from configs.settings import Execution
from tests.execution.book.test_shorts import NEUTRAL, SHORT
from tests.execution.markets import Market, plain_portfolio

FREE = Execution(commission_bp=0, impact_multiplier=0, borrow_rate_annual=0)
HALF = plain_portfolio(weight_cap=0.5)
SPIN_OFF = {"symbol": "A", "action": "spin_off", "value": 0.5, "ex": 3, "other_symbol": "KID"}
MERGER = {"symbol": "A", "action": "merger", "value": 0.0, "cash_usd": 130.0, "ex": 3}


def flat(price: float, n: int = 12) -> list[tuple[float, float] | None]:
    return [(price, price)] * n


def row(book: pl.DataFrame, symbol: str) -> dict:
    return book.row(by_predicate=pl.col("symbol") == symbol, named=True)


def nav(book: pl.DataFrame) -> float:
    return math.fsum(book["value_usd"])


def holding(prices: dict[str, list], *actions: dict, short: bool = False, **fields) -> Market:
    """50,000 shares of A, or as many short, from the second session's open on, at 100; nothing else is wanted."""
    defaults = {
        "alphas": SHORT if short else {0: {"A": 0.5}},
        "portfolio": NEUTRAL if short else HALF,
        "execution": FREE,
        "members": {t: ["A", "B"] for t in range(12)},
    }
    return Market({"B": flat(10.0)} | prices, list(actions), **defaults | fields)


def with_child(*actions: dict, child: list | None = None, **options) -> Market:
    """A falls from 100 to 80 on the ex-date; the child trades from then on, at 40 and then 42."""
    kid = [*[None] * 3, (40.0, 42.0), *flat(42.0, 8)] if child is None else child
    return holding({"A": [*flat(100.0, 3), *flat(80.0, 9)], "KID": kid}, *actions, **options)


# --- known values ----------------------------------------------------------------------------------------------------


def test_a_spin_off_brings_shares_of_the_child_and_the_parent_earns_what_it_gave() -> None:
    books = with_child(SPIN_OFF).run(4)
    parent, child = row(books[3], "A"), row(books[3], "KID")
    assert (child["shares"], child["value_usd"], child["pnl_usd"]) == (25_000.0, 1_050_000.0, 0.0)
    assert (child["status"], child["fill_shares"], child["decided_on"]) == ("received", None, None)
    assert (parent["shares"], parent["value_usd"]) == (50_000.0, 4_000_000.0)
    # 80 and half of 42 for what was 100
    assert parent["pnl_usd"] == pytest.approx(50_000 * (80 + 0.5 * 42 - 100))
    assert nav(books[3]) == pytest.approx(nav(books[2]) + 50_000 * 1.0)


def test_a_child_that_is_no_member_is_sold_whole_at_the_next_open() -> None:
    books = with_child(SPIN_OFF, alphas={t: {"A": 0.5} for t in range(12)}).run(4)
    child = row(books[3], "KID")
    assert (child["order_shares"], child["target_weight"]) == (-25_000.0, 0.0)
    # its costs are those of its parent until it has its own
    assert child["adv_usd"] == row(books[2], "A")["adv_usd"]
    assert row(books[4], "KID")["shares"] == 0.0
    assert row(books[4], "KID")["fill_shares"] == -25_000.0


def test_a_child_that_is_held_already_adds_up_and_its_own_row_earns_on_its_own_shares() -> None:
    child = [*flat(50.0, 3), (40.0, 42.0), *flat(42.0, 8)]
    both = {t: ["A", "KID"] for t in range(12)}
    market = with_child(SPIN_OFF, child=child, alphas={0: {"A": 0.5, "KID": 0.5}}, members=both)
    before, after = (row(book, "KID") for book in market.run(3)[2:])
    assert after["shares"] == before["shares"] + 25_000.0
    assert after["pnl_usd"] == pytest.approx(before["shares"] * (42 - 50))


def test_a_short_parent_delivers_the_child() -> None:
    books = with_child(SPIN_OFF, short=True).run(3)
    parent, child = row(books[3], "A"), row(books[3], "KID")
    assert (parent["shares"], child["shares"], child["value_usd"]) == (-50_000.0, -25_000.0, -1_050_000.0)
    assert parent["pnl_usd"] == pytest.approx(-50_000 * (80 + 0.5 * 42 - 100))
    assert nav(books[3]) == pytest.approx(nav(books[2]) - 50_000 * 1.0)


@pytest.mark.parametrize("terms", [{}, {"other_symbol": None}, {"value": 0.0}])
def test_without_the_childs_bar_its_name_or_its_terms_the_published_worth_is_paid(terms: dict) -> None:
    child = None if terms else [None] * 12
    spin_off = SPIN_OFF | {"cash_usd": 21.0} | terms
    before, book = with_child(spin_off, child=child).run(3)[2:]
    parent = row(book, "A")
    assert (parent["dividend_usd"], parent["status"]) == (1_050_000.0, None)
    assert parent["pnl_usd"] == pytest.approx(50_000 * (80 + 21 - 100))
    assert row(book, "USD")["value_usd"] == pytest.approx(row(before, "USD")["value_usd"] + 1_050_000)
    assert "KID" not in book["symbol"]


def test_where_neither_can_be_had_the_row_says_that_nothing_was_received() -> None:
    book = with_child(SPIN_OFF, child=[None] * 12).run(3)[3]
    parent = row(book, "A")
    assert (parent["status"], parent["dividend_usd"]) == ("spin_off_unknown", None)
    assert parent["pnl_usd"] == pytest.approx(50_000 * (80 - 100))


def test_a_spin_off_learned_after_its_session_gives_nothing() -> None:
    books = with_child(SPIN_OFF | {"known": 4}).run(5)
    assert "KID" not in pl.concat(books)["symbol"]


def test_a_halted_parent_is_marked_without_what_it_gave() -> None:
    prices = [*flat(100.0, 3), None, *flat(80.0, 8)]
    market = with_child(SPIN_OFF | {"ex": 3})
    market.prices["A"] = prices
    frozen, back = (row(book, "A") for book in market.run(4)[3:])
    assert (frozen["price_usd"], frozen["pnl_usd"]) == (79.0, 0.0)  # 100 less half of 42
    assert back["pnl_usd"] == pytest.approx(50_000 * 1.0)


def test_a_dividend_of_a_halted_name_leaves_net_asset_value() -> None:
    dividend = {"symbol": "A", "action": "special_dividend", "value": 20.0, "ex": 3}
    books = holding({"A": [*flat(100.0, 3), None, *flat(80.0, 8)]}, dividend).run(4)
    frozen = row(books[3], "A")
    assert (frozen["price_usd"], frozen["dividend_usd"], frozen["pnl_usd"]) == (80.0, 1_000_000.0, 0.0)
    assert nav(books[3]) == nav(books[2]) == nav(books[4])


def test_usual_and_special_dividends_of_a_day_are_both_paid() -> None:
    paid = [
        {"symbol": "A", "action": kind, "value": value, "ex": 3}
        for kind, value in (("cash_dividend", 1.0), ("special_dividend", 19.0))
    ]
    parent = row(holding({"A": [*flat(100.0, 3), *flat(80.0, 9)]}, *paid).run(3)[3], "A")
    assert (parent["dividend_usd"], parent["pnl_usd"]) == (1_000_000.0, pytest.approx(0.0))


def test_a_merger_for_cash_ends_the_position_at_its_terms() -> None:
    books = holding({"A": [*flat(100.0, 3), *[None] * 9]}, MERGER).run(4)
    target = row(books[3], "A")
    assert (target["shares"], target["value_usd"], target["status"]) == (0.0, 0.0, "merged")
    assert (target["pnl_usd"], target["dividend_usd"]) == (pytest.approx(50_000 * 30.0), None)
    assert row(books[3], "USD")["value_usd"] == pytest.approx(5e6 + 6.5e6)
    assert "A" not in books[4]["symbol"]


def test_a_merger_for_cash_and_shares_leaves_the_acquirers_shares_fractions_included() -> None:
    terms = MERGER | {"value": 1.23456, "cash_usd": 90.0, "other_symbol": "B"}
    prices = {"A": [*flat(100.0, 3), *[None] * 9], "B": [*flat(10.0, 3), (11.0, 12.0), *flat(12.0, 8)]}
    book = holding(prices, terms).run(3)[3]
    target, acquirer = row(book, "A"), row(book, "B")
    assert acquirer["shares"] == pytest.approx(61_728.0)
    assert (acquirer["pnl_usd"], acquirer["status"]) == (0.0, "received")
    assert target["pnl_usd"] == pytest.approx(50_000 * (90 + 1.23456 * 12 - 100))
    assert row(book, "USD")["value_usd"] == pytest.approx(5e6 + 4.5e6)


def test_a_short_target_pays_and_delivers() -> None:
    terms = MERGER | {"value": 1.0, "cash_usd": 95.0, "other_symbol": "B"}
    before, book = holding({"A": [*flat(100.0, 3), *[None] * 9]}, terms, short=True).run(3)[2:]
    assert (row(book, "A")["shares"], row(book, "B")["shares"]) == (0.0, -50_000.0)
    assert row(book, "A")["pnl_usd"] == pytest.approx(-50_000 * (95 + 10 - 100))
    assert row(book, "USD")["value_usd"] == pytest.approx(row(before, "USD")["value_usd"] - 50_000 * 95)


@pytest.mark.parametrize("terms", [{"value": 0.5, "other_symbol": "ELSEWHERE"}, {"value": 0.5}, {"cash_usd": None}])
def test_without_the_acquirers_bar_or_any_terms_a_merger_ends_at_the_last_price(terms: dict) -> None:
    target = row(holding({"A": [*flat(100.0, 3), *[None] * 9]}, MERGER | terms).run(3)[3], "A")
    assert (target["shares"], target["pnl_usd"], target["status"]) == (0.0, 0.0, "merged_at_last_price")


def test_a_merger_learned_late_ends_what_was_frozen_and_its_terms_count_the_acquirers_splits() -> None:
    terms = MERGER | {"value": 5.0, "cash_usd": None, "other_symbol": "B", "known": 5}
    split = {"symbol": "B", "action": "split", "value": 2.0, "ex": 4}
    prices = {"A": [*flat(100.0, 3), *[None] * 9], "B": [*flat(20.0, 4), *flat(10.0, 8)]}
    books = holding(prices, terms, split).run(5)
    assert [row(book, "A")["status"] for book in books[3:]] == [None, None, "merged"]
    assert row(books[5], "B")["shares"] == 500_000.0
    assert nav(books[5]) == pytest.approx(1e7)


def test_a_known_merger_is_never_written_off_and_an_unknown_one_is() -> None:
    execution = FREE.model_copy(update={"write_off_sessions": 2})
    prices = {"A": [*flat(100.0, 3), *[None] * 9]}
    waiting = holding(prices, MERGER | {"ex": 8}, execution=execution).run(8)
    assert [row(book, "A")["status"] for book in waiting[3:]] == [None] * 5 + ["merged"]
    withdrawn = holding(prices, MERGER | {"ex": 8, "value": None}, execution=execution).run(4)
    assert row(withdrawn[4], "A")["status"] == "written_off"


def test_an_order_in_a_name_that_ends_lapses_even_where_there_is_still_a_bar() -> None:
    market = holding({"A": flat(100.0)}, MERGER | {"known": 3}, alphas={0: {"A": 0.5}, 2: {"A": -0.5}})
    pending, book = (row(b, "A") for b in market.run(3)[2:])
    assert pending["order_shares"] == -50_000.0
    assert (book["fill_shares"], book["shares"], book["status"]) == (0.0, 0.0, "merged")
    assert book["pnl_usd"] == pytest.approx(50_000 * 30.0)


def test_a_merger_announced_for_tomorrow_is_neither_bought_nor_sold() -> None:
    market = holding({"A": [*flat(100.0, 3), *[None] * 9]}, MERGER, alphas={0: {"A": 0.5}, 2: {"A": -0.5}})
    assert row(market.run(2)[2], "A")["order_shares"] is None


def test_an_acquirer_that_ends_on_the_same_day_delivers_nothing() -> None:
    first = MERGER | {"value": 1.0, "cash_usd": None, "other_symbol": "B"}
    second = {"symbol": "B", "action": "merger", "value": 0.0, "cash_usd": 10.0, "ex": 3}
    book = holding({"A": [*flat(100.0, 3), *[None] * 9]}, first, second).run(3)[3]
    assert row(book, "A")["status"] == "merged_at_last_price"


def test_a_change_of_the_ticker_changes_nothing() -> None:
    change = {"symbol": "A", "action": "symbol_change", "value": 1.0, "ex": 3, "other_symbol": "NEW"}
    plain, changed = (holding({"A": flat(100.0)}, *actions).run(4)[4] for actions in ((), (change,)))
    assert changed.equals(plain)


def test_the_comparison_book_goes_through_the_same_events() -> None:
    market = with_child(SPIN_OFF)
    books = replace(market, members={}).run(3, book="equal_weight")
    assert row(books[3], "KID")["shares"] == row(books[2], "A")["shares"] / 2
