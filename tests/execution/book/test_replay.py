"""The path: one step a session, worked by hand, against a double-entry ledger, and refused."""

import datetime as dt
import math

import pytest

from configs.settings import Execution
from feature_store import sessions
from tests.execution.book.samples import FREE, HALF, LAST, flat, nav, row, wanting
from tests.execution.markets import DAYS, Market, plain_portfolio
from tests.execution.random_markets import random_market
from tests.oracles.ledger import replay

# --- known values ----------------------------------------------------------------------------------------------------


def test_the_first_session_starts_from_cash_and_only_decides() -> None:
    (book,) = Market({"A": flat(100.0)}, alphas=wanting(0.5, "A"), portfolio=HALF, execution=FREE).run(0)
    cash, a = row(book, "USD"), row(book, "A")
    assert (cash["value_usd"], cash["pnl_usd"], cash["interest_usd"]) == (1e7, 0.0, 0.0)
    assert (cash["status"], cash["target_weight"]) == ("optimal", pytest.approx(0.5))
    assert (a["shares"], a["fill_shares"], a["order_shares"], a["reference_price_usd"]) == (0.0, None, 50_000.0, 100.0)


def test_an_order_is_filled_at_the_open_after_its_decision_and_never_at_the_close_it_saw() -> None:
    prices = [(90.0, 100.0), (101.0, 103.0), *flat(103.0, 10)]
    charged = Execution(impact_multiplier=0)
    market = Market({"A": prices}, alphas={0: {"A": 0.5}}, portfolio=HALF, execution=charged, half_spread_bp=2.5)
    a, cash = (row(market.run(1)[1], s) for s in ("A", "USD"))
    assert (a["fill_shares"], a["fill_price_usd"], a["shares"]) == (50_000.0, 101.0, 50_000.0)
    assert (a["decided_on"], a["filled_at"]) == (DAYS[0], sessions.opens_at(DAYS[1]))
    assert a["cost_usd"] == pytest.approx(50_000 * 101 * 3e-4)
    assert a["pnl_usd"] == pytest.approx(50_000 * 2.0)  # from the open to the close
    assert cash["value_usd"] == pytest.approx(1e7 - 50_000 * 101 * (1 + 3e-4))


def test_impact_follows_the_square_root_law_with_what_the_decision_knew() -> None:
    liquid = {"volume": 1_000_000, "volatility": 0.3, "half_spread_bp": 2.5}
    market = Market({"A": flat(100.0)}, alphas={0: {"A": 0.5}}, portfolio=HALF, **liquid)
    before, a = (row(book, "A") for book in market.run(1))
    rate = 3e-4 + 0.3 / math.sqrt(252) * math.sqrt(a["fill_shares"] * 100 / 1e8)
    assert (before["adv_usd"], before["half_spread_bp"]) == (pytest.approx(1e8), 2.5)
    assert before["volatility_daily"] == pytest.approx(0.3 / math.sqrt(252))
    assert a["cost_usd"] == pytest.approx(a["fill_shares"] * 100 * rate)


def test_a_pending_order_knows_the_split_of_the_next_morning() -> None:
    split = {"symbol": "A", "action": "split", "value": 2.0, "ex": 1}
    prices = [(100.0, 100.0), *flat(50.0, 11)]
    market = Market({"A": prices}, [split], {0: {"A": 0.5}}, portfolio=HALF, execution=FREE)
    decided, filled = (row(book, "A") for book in market.run(1))
    assert (decided["order_shares"], decided["reference_price_usd"]) == (100_000.0, 50.0)
    assert (filled["fill_shares"], filled["shares"], filled["pnl_usd"]) == (100_000.0, 100_000.0, 0.0)


def test_a_split_learned_only_on_its_ex_date_adjusts_the_pending_order() -> None:
    split = {"symbol": "A", "action": "split", "value": 2.0, "ex": 1, "known": 1}
    prices = [(100.0, 100.0), *flat(50.0, 11)]
    market = Market({"A": prices}, [split], {0: {"A": 0.5}}, portfolio=HALF, execution=FREE)
    decided, filled = (row(book, "A") for book in market.run(1))
    assert decided["order_shares"] == 50_000.0
    assert (filled["fill_shares"], filled["status"]) == (100_000.0, "adjusted")


def test_adjusting_a_pending_order_for_a_late_split_loses_no_share_to_rounding() -> None:
    for seed in (149, 173, 294):  # an order times the ratio of two prices fell a hair short of a whole share
        market = random_market(seed)
        books = market.run(LAST, book="equal_weight")
        ledgers = replay(market, books, DAYS[: LAST + 1])
        assert nav(books[-1]) == pytest.approx(ledgers[-1].nav, rel=1e-12)


def test_a_split_over_night_multiplies_what_is_held_and_earns_nothing() -> None:
    split = {"symbol": "A", "action": "split", "value": 2.0, "ex": 2}
    prices = [*flat(100.0, 2), *flat(50.0, 10)]
    market = Market({"A": prices}, [split], {0: {"A": 0.5}}, portfolio=HALF, execution=FREE)
    a = row(market.run(2)[2], "A")
    assert (a["shares"], a["value_usd"], a["pnl_usd"]) == (100_000.0, 5e6, 0.0)


def test_a_dividend_is_paid_on_what_was_held_over_night() -> None:
    dividend = {"symbol": "A", "action": "cash_dividend", "value": 2.0, "ex": 2}
    prices = [*flat(100.0, 2), (98.0, 98.5), *flat(98.5, 9)]
    market = Market({"A": prices}, [dividend], {0: {"A": 0.5}}, portfolio=HALF, execution=FREE)
    before, book = market.run(2)[1:]
    a = row(book, "A")
    assert a["dividend_usd"] == 100_000.0
    assert a["pnl_usd"] == pytest.approx(50_000 * (98.5 + 2.0 - 100.0))
    assert row(book, "USD")["value_usd"] == pytest.approx(row(before, "USD")["value_usd"] + 100_000.0)


def test_who_buys_on_the_ex_date_gets_no_dividend() -> None:
    dividend = {"symbol": "A", "action": "cash_dividend", "value": 2.0, "ex": 1}
    market = Market({"A": flat(100.0)}, [dividend], {0: {"A": 0.5}}, portfolio=HALF, execution=FREE)
    assert row(market.run(1)[1], "A")["dividend_usd"] is None


def test_a_delisting_closes_the_position_at_its_last_price_and_recorded_return() -> None:
    delisting = {"symbol": "A", "action": "delisting", "value": -0.4, "ex": 3}
    prices = [*flat(100.0, 3), *[None] * 9]
    market = Market({"A": prices, "B": flat(10.0)}, [delisting], {0: {"A": 0.5}}, portfolio=HALF, execution=FREE)
    books = market.run(4)
    a = row(books[3], "A")
    assert (a["shares"], a["value_usd"], a["pnl_usd"], a["status"]) == (0.0, 0.0, pytest.approx(-2e6), "delisted")
    assert row(books[3], "USD")["value_usd"] == pytest.approx(8e6)
    assert "A" not in books[4]["symbol"]


def test_a_delisting_learned_late_closes_what_has_been_frozen_since() -> None:
    delisting = {"symbol": "A", "action": "delisting", "value": 0.0, "ex": 3, "known": 5}
    prices = [*flat(100.0, 3), *[None] * 9]
    market = Market({"A": prices}, [delisting], {0: {"A": 0.5}}, portfolio=HALF, execution=FREE)
    books = market.run(5)
    assert [row(book, "A")["status"] for book in books[3:]] == [None, None, "delisted"]
    assert row(books[5], "USD")["value_usd"] == pytest.approx(1e7)


def test_without_a_recorded_delisting_a_position_is_frozen_and_then_written_off() -> None:
    execution = FREE.model_copy(update={"write_off_sessions": 3, "delisting_return": -0.3})
    prices = [*flat(100.0, 2), *[None] * 10]
    market = Market({"A": prices}, alphas={0: {"A": 0.5}}, portfolio=HALF, execution=execution)
    books = market.run(4)
    assert [row(book, "A")["sessions_without_bar"] for book in books[1:]] == [0, 1, 2, 3]
    assert [row(book, "A")["value_usd"] for book in books[1:]] == [5e6, 5e6, 5e6, 0.0]
    assert (row(books[4], "A")["pnl_usd"], row(books[4], "A")["status"]) == (pytest.approx(-1.5e6), "written_off")
    assert row(books[4], "USD")["value_usd"] == pytest.approx(8.5e6)


def test_a_split_of_a_frozen_position_leaves_its_value() -> None:
    split = {"symbol": "A", "action": "split", "value": 4.0, "ex": 3}
    prices = [*flat(100.0, 2), None, None, *flat(25.0, 8)]
    market = Market({"A": prices}, [split], {0: {"A": 0.5}}, portfolio=HALF, execution=FREE)
    frozen, back = (row(book, "A") for book in market.run(4)[3:])
    assert (frozen["shares"], frozen["price_usd"], frozen["value_usd"]) == (200_000.0, 25.0, 5e6)
    assert (back["sessions_without_bar"], back["pnl_usd"]) == (0, 0.0)


def test_without_a_bar_on_the_fill_day_the_order_lapses_and_is_recorded() -> None:
    prices = [(100.0, 100.0), None, *flat(100.0, 10)]
    market = Market({"A": prices}, alphas={0: {"A": 0.5}}, portfolio=HALF, execution=FREE)
    books = market.run(2)
    a = row(books[1], "A")
    assert (a["fill_shares"], a["fill_price_usd"], a["filled_at"], a["cost_usd"]) == (0.0, None, None, None)
    assert (a["decided_on"], a["status"], a["shares"]) == (DAYS[0], "lapsed", 0.0)
    assert "A" not in books[2]["symbol"]  # nobody sends it again


def test_an_opening_above_the_close_buys_only_what_cash_pays_for() -> None:
    prices = [(100.0, 100.0), (125.0, 125.0), *flat(125.0, 10)]
    whole = plain_portfolio(weight_cap=1.0)
    market = Market({"A": prices}, alphas={0: {"A": 0.5}}, portfolio=whole, execution=FREE)
    a, cash = (row(market.run(1)[1], s) for s in ("A", "USD"))
    assert (a["fill_shares"], a["status"]) == (80_000.0, "scaled")
    assert cash["value_usd"] == pytest.approx(0.0, abs=1e-6)


def test_cash_earns_interest_over_the_calendar_days_of_a_weekend() -> None:
    execution = Execution(cash_rate_annual=0.036)
    market = Market({"A": flat(100.0)}, execution=execution)
    friday, monday = market.run(5)[4:]
    assert (DAYS[5] - DAYS[4]).days == 3
    cash = row(friday, "USD")["value_usd"]
    assert row(monday, "USD")["interest_usd"] == pytest.approx(cash * 0.036 * 3 / 360)
    assert row(monday, "USD")["value_usd"] == pytest.approx(cash * (1 + 0.036 * 3 / 360))


def test_a_name_that_left_the_universe_is_sold_whole() -> None:
    members = {t: ["A", "B"] if t < 2 else ["B"] for t in range(12)}
    prices = {"A": flat(100.0), "B": flat(50.0)}
    market = Market(prices, alphas=wanting(0.5, "A", "B"), members=members, portfolio=HALF, execution=FREE)
    books = market.run(3)
    assert row(books[2], "A")["order_shares"] == -row(books[2], "A")["shares"]
    assert row(books[2], "A")["target_weight"] == 0.0
    assert row(books[3], "A")["shares"] == 0.0


def test_a_leaver_without_a_bar_waits_for_one() -> None:
    members = {t: ["A", "B"] if t < 2 else ["B"] for t in range(12)}
    prices = {"A": [*flat(100.0, 2), None, *flat(100.0, 9)], "B": flat(50.0)}
    market = Market(prices, alphas=wanting(0.5, "A", "B"), members=members, portfolio=HALF, execution=FREE)
    books = market.run(3)
    assert row(books[2], "A")["order_shares"] is None
    assert row(books[2], "A")["target_weight"] == pytest.approx(row(books[2], "A")["value_usd"] / nav(books[2]))
    assert row(books[3], "A")["order_shares"] == -row(books[3], "A")["shares"]


def test_a_held_name_without_an_alpha_keeps_its_shares() -> None:
    alphas = wanting(0.5, "A", "B") | {2: {"A": None, "B": -0.5}}
    market = Market({"A": flat(100.0), "B": flat(50.0)}, alphas=alphas, portfolio=HALF, execution=FREE)
    book = market.run(2)[2]
    assert row(book, "A")["order_shares"] is None
    assert row(book, "B")["order_shares"] == -row(book, "B")["shares"]


def test_a_delisting_announced_for_tomorrow_is_neither_bought_nor_sold() -> None:
    delisting = {"symbol": "A", "action": "delisting", "value": 0.0, "ex": 3}
    alphas = wanting(0.5, "A") | {2: {"A": -0.5}}
    market = Market({"A": flat(100.0), "B": flat(10.0)}, [delisting], alphas, portfolio=HALF, execution=FREE)
    books = market.run(2)
    assert row(books[1], "A")["shares"] == 50_000.0
    assert row(books[2], "A")["order_shares"] is None


def test_only_the_largest_by_dollar_volume_are_bought() -> None:
    small = plain_portfolio(max_candidates=1)
    market = Market({"A": flat(10.0), "B": flat(20.0)}, alphas=wanting(0.5, "A", "B"), portfolio=small)
    (book,) = market.run(0)  # the same volume in shares
    assert book["symbol"].to_list() == ["B", "USD"]


def test_tilt_and_alpha_are_worth_the_same_to_the_programme() -> None:
    alone = plain_portfolio(weight_cap=1.0, risk_aversion=5.0, turnover_penalty=0.0)
    said = {
        tilt: Market({"A": flat(100.0)}, alphas={0: {"A": 0.004 - tilt}}, tilts={"Energy": tilt}, portfolio=alone)
        for tilt in (0.0, 0.003)
    }
    for tilt, market in said.items():
        market.execution = FREE
        a = row(market.run(0)[0], "A")
        assert (a["alpha"], a["tilt"]) == (pytest.approx(0.004 - tilt), tilt)
        assert a["target_weight"] == pytest.approx((0.004 + 0.05 / 12) / (5 * 0.04 / 12), abs=1e-6)


def test_without_a_view_there_is_no_tilt() -> None:
    (book,) = Market({"A": flat(100.0)}, alphas={0: {"A": 0.5}}, portfolio=HALF, execution=FREE).run(0)
    assert row(book, "A")["tilt"] is None
    assert row(book, "A")["target_weight"] == pytest.approx(0.5)


def test_costs_of_each_name_and_the_penalty_enter_the_programme() -> None:
    terms = []
    for spread, penalty, multiple in ((2.5, 0.0, 1.0), (7.5, 0.0, 1.0), (2.5, 5e-4, 1.0), (2.5, 5e-4, 0.0)):
        chosen = HALF.model_copy(update={"turnover_penalty": penalty, "impact_multiple": multiple})
        market = Market({"A": flat(100.0)}, alphas=wanting(0.5, "A"), portfolio=chosen, half_spread_bp=spread)
        terms.append(dict(market.steps(None, 0)[2].select("metric", "value").iter_rows()))
    linear, quadratic = ([t[f"objective:{name}"] for t in terms] for name in ("linear_cost", "quadratic_cost"))
    assert linear[1] - linear[0] == pytest.approx(-0.5 * 5e-4)
    assert linear[2] - linear[0] == pytest.approx(-0.5 * 5e-4)
    assert linear[3] == pytest.approx(-0.5 * (3e-4 + 5e-4))
    assert (quadratic[2] < 0, quadratic[3]) == (True, 0.0)


def test_a_row_says_what_the_decision_used_and_which_bound_held_it_back() -> None:
    market = Market({"A": flat(100.0), "B": flat(50.0)}, portfolio=HALF, execution=FREE)
    market.alphas = {0: {"A": 0.5, "B": -0.5}}
    book, limits, metrics = market.steps(None, 0)
    a = row(book, "A")
    assert (a["alpha"], a["benchmark_weight"]) == (0.5, 0.5)
    assert a["dual_upper"] == pytest.approx(0.5 + 0.05 / 12 - 8 * 0.5 * 0.04 / 12 - 5e-4, rel=1e-3)
    assert a["dual_lower"] == pytest.approx(0.0, abs=1e-6)
    assert {"turnover", "industry:Energy", "upper"} <= set(limits["limit"])
    assert {"objective:alpha", "setting:turnover_cap", "iterations"} <= set(metrics["metric"])


def test_cash_earns_the_rate_that_was_last_observed_the_session_before() -> None:
    market = Market({"A": flat(100.0)}, rates={0: 3.6, 2: 7.2}, execution=FREE)
    cash = [row(book, "USD") for book in market.run(3)]
    assert cash[2]["interest_usd"] == pytest.approx(cash[1]["value_usd"] * 0.036 / 360)
    assert cash[3]["interest_usd"] == pytest.approx(cash[2]["value_usd"] * 0.072 / 360)


def test_a_name_that_fell_below_the_floors_is_sold_whole() -> None:
    prices = {"A": flat(100.0), "B": flat(50.0)}
    market = Market(prices, alphas=wanting(0.5, "A", "B"), below_floors={2: ["A"]}, portfolio=HALF, execution=FREE)
    book = market.run(2)[2]
    assert row(book, "A")["order_shares"] == -row(book, "A")["shares"]
    assert (row(book, "A")["alpha"], row(book, "A")["benchmark_weight"]) == (None, 0.0)


def test_an_order_above_its_share_of_the_volume_is_cut_and_the_row_says_so() -> None:
    market = Market({"A": flat(100.0)}, alphas=wanting(0.5, "A"), portfolio=HALF, execution=FREE, volume=100_000)
    decided, filled = (row(book, "A") for book in market.run(1))
    assert (decided["order_shares"], decided["status"]) == (10_000.0, "cut")
    assert decided["target_weight"] == pytest.approx(0.5)
    assert (filled["fill_shares"], filled["order_shares"]) == (10_000.0, 10_000.0)


def test_the_turnover_cap_is_raised_only_with_a_word_of_it() -> None:
    # two thirds of the account are over a cap that has just been lowered
    prices = {"A": flat(100.0), "B": flat(100.0)}
    market = Market(prices, alphas=wanting(0.5, "A", "B"), portfolio=HALF, execution=FREE)
    before = market.run(1)[1]
    market.portfolio = plain_portfolio(weight_cap=0.1, turnover_cap=0.1)
    book = market.run(2, first=2, state=before)[0]
    assert row(book, "USD")["status"] == "relaxed"
    assert row(book, "USD")["detail"].startswith("bounds: trades of 2 names outside their bounds do not count")
    assert row(book, "A")["target_weight"] == pytest.approx(0.1, abs=1e-6)


# --- refusals --------------------------------------------------------------------------------------------------------


def test_a_state_that_is_not_of_the_session_before_is_refused() -> None:
    market = Market({"A": flat(100.0)})
    (book,) = market.run(0)
    with pytest.raises(ValueError, match=r"not of 2016-01-05, the session before 2016-01-06; store that first"):
        market.step(book, 2)


def test_a_security_named_as_cash_is_refused() -> None:
    market = Market({"USD": flat(100.0)})
    with pytest.raises(ValueError, match="a security is named USD"):
        market.run(0)


def test_a_ruined_account_is_refused() -> None:
    delisting = {"symbol": "A", "action": "delisting", "value": -1.0, "ex": 3}
    prices = [*flat(100.0, 3), *[None] * 9]
    whole = plain_portfolio(weight_cap=1.0)
    market = Market({"A": prices}, [delisting], {0: {"A": 0.5}}, portfolio=whole, execution=FREE)
    with pytest.raises(ValueError, match="the account is ruined"):
        market.run(3)


def test_sessions_of_the_fixture_are_those_of_the_calendar() -> None:
    assert DAYS[:2] == [dt.date(2016, 1, 4), dt.date(2016, 1, 5)]
