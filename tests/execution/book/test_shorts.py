"""The dollar-neutral book: short sales, what they pay and how they end."""

import math

import polars as pl
import pytest

from configs.settings import Execution
from tests.execution.markets import DAYS, Market, plain_portfolio

FREE = Execution(commission_bp=0, impact_multiplier=0, borrow_rate_annual=0)
NEUTRAL = plain_portfolio(mode="dollar_neutral", weight_cap=0.5, short_cap=0.5, net_band=1.0)
SHORT = {0: {"A": -0.5}}


def flat(price: float, n: int = 12) -> list[tuple[float, float] | None]:
    return [(price, price)] * n


def row(book: pl.DataFrame, symbol: str) -> dict:
    return book.row(by_predicate=pl.col("symbol") == symbol, named=True)


def shorted(prices: list, *actions: dict, execution: Execution = FREE, **fields) -> Market:
    """Half of NAV is sold short at the second session's open, at 100; then nothing more is decided."""
    defaults = {"alphas": SHORT, "portfolio": NEUTRAL, "half_spread_bp": 0.0} | fields
    return Market({"A": prices, "B": flat(10.0, len(prices))}, list(actions), execution=execution, **defaults)


# --- known values ----------------------------------------------------------------------------------------------------


def test_a_short_sale_brings_cash_and_a_negative_position() -> None:
    decided, book = shorted([(100.0, 100.0), (100.0, 98.0), *flat(98.0, 10)]).run(1)
    a, cash = row(book, "A"), row(book, "USD")
    assert row(decided, "A")["order_shares"] == -50_000.0
    assert (a["fill_shares"], a["shares"], a["value_usd"]) == (-50_000.0, -50_000.0, -4.9e6)
    assert (a["pnl_usd"], cash["value_usd"]) == (pytest.approx(1e5), pytest.approx(1.5e7))


def test_without_the_mode_nothing_is_sold_short() -> None:
    books = shorted(flat(100.0), portfolio=plain_portfolio()).run(1)
    assert "A" not in books[1]["symbol"]


def test_a_dividend_on_a_short_is_paid() -> None:
    dividend = {"symbol": "A", "action": "cash_dividend", "value": 2.0, "ex": 2}
    before, book = shorted([*flat(100.0, 2), *flat(98.0, 10)], dividend).run(2)[1:]
    a = row(book, "A")
    assert (a["dividend_usd"], a["pnl_usd"]) == (-100_000.0, pytest.approx(0.0))
    assert row(book, "USD")["value_usd"] == pytest.approx(row(before, "USD")["value_usd"] - 100_000.0)


def test_a_split_multiplies_a_short_and_earns_nothing() -> None:
    split = {"symbol": "A", "action": "split", "value": 2.0, "ex": 2}
    a = row(shorted([*flat(100.0, 2), *flat(50.0, 10)], split).run(2)[2], "A")
    assert (a["shares"], a["value_usd"], a["pnl_usd"]) == (-100_000.0, -5e6, 0.0)


def test_a_short_of_a_failed_company_gains() -> None:
    delisting = {"symbol": "A", "action": "delisting", "value": -0.4, "ex": 3}
    books = shorted([*flat(100.0, 3), *[None] * 9], delisting).run(3)
    a = row(books[3], "A")
    assert (a["shares"], a["pnl_usd"], a["status"]) == (0.0, pytest.approx(2e6), "delisted")
    assert row(books[3], "USD")["value_usd"] == pytest.approx(1.2e7)


def test_a_short_whose_bars_stop_is_bought_back_at_its_last_price_and_gains_nothing() -> None:
    execution = FREE.model_copy(update={"write_off_sessions": 3, "delisting_return": -0.3})
    a = row(shorted([*flat(100.0, 2), *[None] * 10], execution=execution).run(4)[4], "A")
    assert (a["shares"], a["pnl_usd"], a["status"]) == (0.0, 0.0, "written_off")


def test_a_short_pays_its_fee_over_the_calendar_days_of_a_weekend() -> None:
    execution = FREE.model_copy(update={"borrow_rate_annual": 0.036})
    friday, monday = shorted(flat(100.0), execution=execution).run(5)[4:]
    assert (DAYS[5] - DAYS[4]).days == 3
    assert row(monday, "A")["borrow_usd"] == pytest.approx(5e6 * 0.036 * 3 / 360)
    assert (row(monday, "A")["pnl_usd"], row(monday, "USD")["borrow_usd"]) == (0.0, None)
    paid = row(friday, "USD")["value_usd"] - row(monday, "USD")["value_usd"]
    assert paid == pytest.approx(5e6 * 0.036 * 3 / 360)


def test_a_short_that_was_bought_back_pays_for_its_last_night() -> None:
    execution = FREE.model_copy(update={"borrow_rate_annual": 0.036})
    market = shorted(flat(100.0), execution=execution, alphas=SHORT | {1: {"A": 0.5}})
    a = row(market.run(2)[2], "A")
    assert a["fill_shares"] > 50_000.0
    assert a["borrow_usd"] == pytest.approx(5e6 * 0.036 / 360)


def test_a_short_pays_what_was_quoted_by_the_session_before() -> None:
    execution = FREE.model_copy(update={"borrow_rate_annual": 0.036, "borrow_max_age_sessions": 2})
    books = shorted(flat(100.0), execution=execution, quotes={2: {"A": (0.72, None)}, 3: {"B": (0.1, None)}}).run(5)
    fees = [row(book, "A")["borrow_usd"] for book in books[2:]]
    weekend = 3  # from Friday's close, on which Wednesday's quote is too old, to Monday's
    assert fees == pytest.approx([5e6 * rate / 360 for rate in (0.036, 0.72, 0.72, 0.036 * weekend)])


def test_what_nobody_lends_is_not_shorted_further_and_may_be_bought_back() -> None:
    more = {"alphas": {t: {"A": -0.5} for t in range(4)}, "portfolio": NEUTRAL.model_copy(update={"short_cap": 0.8})}
    none, some = {0: {"A": (None, 0.0)}}, {0: {"A": (None, 10_000.0)}}
    assert row(shorted(flat(100.0), quotes=none, **more).run(0)[0], "USD")["status"] == "optimal"
    assert "A" not in shorted(flat(100.0), quotes=none, **more).run(1)[1]["symbol"]
    assert row(shorted(flat(100.0), quotes=some, **more).run(1)[1], "A")["shares"] == pytest.approx(-10_000.0, abs=1)
    dried_up = shorted(flat(100.0), quotes={t: {"A": (None, 0.0)} for t in (1, 2, 3)}, **more).run(3)
    shares = [row(book, "A")["shares"] for book in dried_up[1:]]
    assert shares[0] < -50_000
    assert shares == [shares[0]] * 3
    back = shorted(flat(100.0), quotes={1: {"A": (None, 0.0)}}, alphas=SHORT | {1: {"A": 0.5}}).run(2)
    assert row(back[2], "A")["fill_shares"] > 50_000.0


def test_a_dear_short_is_smaller_than_a_cheap_one_of_the_same_alpha() -> None:
    alone = NEUTRAL.model_copy(update={"turnover_penalty": 0.0, "risk_aversion": 5.0})
    prices = {s: flat(100.0) for s in "AB"}
    said = {"alphas": {0: {"A": -0.006, "B": -0.006}}, "quotes": {0: {"B": (0.06, None)}}, "correlation": 0.0}
    book = Market(prices, execution=FREE, portfolio=alone, half_spread_bp=0.0, **said).run(0)[0]
    cheap, dear = (row(book, s)["target_weight"] for s in "AB")
    month = 21 * 365 / 252 / 360
    assert cheap == pytest.approx(-0.006 / (5 * 0.04 / 12), abs=1e-6)
    assert dear == pytest.approx(-(0.006 - 0.06 * month) / (5 * 0.04 / 12), abs=1e-6)


def test_the_proceeds_of_a_short_sale_earn_no_interest() -> None:
    before, book = shorted(flat(100.0), execution=FREE.model_copy(update={"cash_rate_annual": 0.036})).run(2)[1:]
    own = row(before, "USD")["value_usd"] - 5e6
    assert row(book, "USD")["interest_usd"] == pytest.approx(own * 0.036 / 360)


def test_a_short_that_left_the_universe_is_bought_back_whole() -> None:
    split = {"symbol": "A", "action": "split", "value": 1.00001, "ex": 2}  # leaves a fraction
    members = {t: ["A", "B"] if t < 2 else ["B"] for t in range(12)}
    market = shorted(flat(100.0), split, members=members, alphas=SHORT | {2: {"B": 0.0}})
    books = market.run(3)
    a = row(books[2], "A")
    assert (a["order_shares"], a["target_weight"]) == (-a["shares"], 0.0)
    assert row(books[3], "A")["shares"] == 0.0


def test_an_order_may_turn_a_long_position_into_a_short_one() -> None:
    market = shorted(flat(100.0), alphas={0: {"A": 0.5}, 1: {"A": -0.5}})
    held, turned = (row(book, "A") for book in market.run(2)[1:])
    assert (held["shares"], turned["fill_shares"], turned["shares"]) == (50_000.0, -100_000.0, -50_000.0)


def test_fees_and_lost_interest_enter_the_programme() -> None:
    costly = FREE.model_copy(update={"borrow_rate_annual": 0.2, "cash_rate_annual": 0.1})
    alone = NEUTRAL.model_copy(update={"turnover_penalty": 0.0, "risk_aversion": 5.0})
    said = {"alphas": {0: {"A": -0.03}}, "portfolio": alone, "correlation": 0.0}
    dear, free = (row(shorted(flat(100.0), execution=e, **said).run(0)[0], "A") for e in (costly, FREE))
    month = 21 * 365 / 252 / 360
    # what a short gives up is the fee and the interest on its proceeds; what it brings to cash earns that interest
    assert free["target_weight"] == pytest.approx(max(-0.03 / (5 * 0.04 / 12), -0.5), abs=1e-6)
    assert dear["target_weight"] == pytest.approx(-(0.03 - 0.3 * month) / (5 * 0.04 / 12), abs=1e-6)


def test_net_asset_value_moves_by_profit_less_costs_and_fees() -> None:
    market = shorted([(100.0, 100.0 + t) for t in range(12)], execution=Execution(borrow_rate_annual=0.05))
    market.half_spread_bp = 2.5
    before, after = market.run(2)[1:]
    spent = math.fsum([*after["cost_usd"].drop_nulls(), *after["borrow_usd"].drop_nulls()])
    change = math.fsum(after["value_usd"]) - math.fsum(before["value_usd"])
    assert change == pytest.approx(math.fsum(after["pnl_usd"]) - spent, abs=1e-3)
    assert row(after, "A")["borrow_usd"] > 0
