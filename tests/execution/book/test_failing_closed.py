"""A book without its inputs, without a solution or with broken limits keeps its positions and sends no orders."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from feature_store.schemas.execution import BOOK
from quant_assets.execution.book import decision
from quant_assets.portfolio.optimizer import LADDER, Problem, Solution, solve
from tests.execution.book.samples import FREE, HALF, flat, row, wanting
from tests.execution.markets import Market, plain_portfolio


def holding_then(**changes) -> tuple[Market, pl.DataFrame]:
    market = Market({"A": flat(100.0)}, alphas=wanting(0.5, "A"), portfolio=HALF, execution=FREE)
    before = market.run(1)[1]
    for name, value in changes.items():
        setattr(market, name, value)
    return market, before


# --- fails closed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("empty", "status"),
    [
        ("combined", "no predictions"),
        ("exposures", "no risk model"),
        ("factor_covariance", "no risk model"),
        ("specific_risk", "no risk model"),
        ("cost_parameters", "no eligible names"),
    ],
)
def test_without_its_inputs_the_book_keeps_its_positions_and_says_why(empty: str, status: str) -> None:
    market, before = holding_then()
    book = market.step(before, 2, **{empty: market.inputs(2)[empty].clear()})
    assert row(book, "USD")["status"] == status
    assert row(book, "A")["shares"] == row(before, "A")["shares"]
    assert book["order_shares"].null_count() == book.height
    assert book["target_weight"].null_count() == book.height


def test_alphas_that_are_all_null_are_no_predictions() -> None:
    market, before = holding_then(alphas=wanting(None, "A"))
    assert row(market.step(before, 2), "USD")["status"] == "no predictions"


@pytest.mark.parametrize("missing", ["exposures", "specific_risk", "cost_parameters", "combined"])
def test_a_held_name_without_one_of_its_inputs_keeps_its_shares(missing: str) -> None:
    market, before = holding_then(prices={"A": flat(100.0), "B": flat(50.0)}, alphas=wanting(-0.5, "A", "B"))
    rows = market.inputs(2)[missing].filter(pl.col("symbol") != "A")
    a = row(market.step(before, 2, **{missing: rows}), "A")
    assert (a["order_shares"], a["alpha"], a["adv_usd"]) == (None, None, row(before, "A")["adv_usd"])
    assert a["target_weight"] == pytest.approx(0.5)


def test_an_empty_universe_orders_nothing() -> None:
    market = Market({"A": flat(100.0)}, members={0: []})
    (book,) = market.run(0)
    assert book["symbol"].to_list() == ["USD"]
    assert row(book, "USD")["status"] == "no predictions"
    assert book.schema == BOOK.computed_schema


def test_an_unsolved_programme_sends_no_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    def unsolved(problem: Problem) -> Solution:
        return Solution(problem, None, np.nan, "unsolved", np.nan, {}, {}, (), "Clarabel: MaxIterations", 200)

    market, before = holding_then(alphas=wanting(-0.5, "A"))
    monkeypatch.setattr(decision, "solve", unsolved)
    book = market.step(before, 2)
    assert (row(book, "USD")["status"], row(book, "USD")["detail"]) == ("unsolved", "Clarabel: MaxIterations")
    assert row(book, "A")["shares"] == row(before, "A")["shares"]
    assert book["order_shares"].null_count() == book.height


def test_weights_that_break_a_limit_outside_the_solver_send_no_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    market, before = holding_then(alphas=wanting(-0.5, "A"))
    monkeypatch.setattr(decision, "solve", lambda p: replace(solve(p, LADDER), weights=np.array([0.51])))
    book = market.step(before, 2)
    assert row(book, "USD")["status"] == "unsolved"
    assert row(book, "USD")["detail"].startswith("a limit is broken by 0.01")
    assert book["order_shares"].null_count() == book.height


def test_orders_beyond_what_was_decided_are_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    market, before = holding_then(alphas=wanting(-0.5, "A"))
    market.portfolio = plain_portfolio(turnover_cap=0.1)
    monkeypatch.setattr(decision, "order_shares", lambda *_: np.array([-50_000.0]))
    book = market.step(before, 2)
    assert row(book, "USD")["status"] == "unsolved"
    assert row(book, "USD")["detail"].startswith("orders of 5000000.00 USD are more than the 1000010.00 USD")
    assert book["order_shares"].null_count() == book.height
