"""The change of net asset value by source."""

from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_store.contract import validated
from feature_store.schemas.backtest import ATTRIBUTION
from feature_store.schemas.execution import BOOK
from feature_store.schemas.risk import EXPOSURES, FACTOR_RETURNS, SPECIFIC_RETURNS, STYLES
from quant_assets.backtest.attribution import attribution
from tests.backtest.books import DAYS, Inputs, frame, known, random_inputs
from tests.oracles.attribution import sources

NONE = dict.fromkeys(STYLES, 0.0)
# B has a beta of 0.5; C is held without exposures; D is bought at 50 and closes at 51
YESTERDAY = [
    {"symbol": "A", "shares": 10.0, "price_usd": 10.0, "value_usd": 100.0, "pnl_usd": 0.0},
    {"symbol": "B", "shares": -5.0, "price_usd": 20.0, "value_usd": -100.0, "pnl_usd": 0.0},
    {"symbol": "C", "shares": 1.0, "price_usd": 200.0, "value_usd": 200.0, "pnl_usd": 0.0},
    {"symbol": "USD", "shares": 800.0, "price_usd": 1.0, "value_usd": 800.0, "pnl_usd": 0.0},
]
TODAY = [
    # A earned 5 %: 2 market, 1 industry, 2 specific
    {"symbol": "A", "shares": 10.0, "price_usd": 10.5, "value_usd": 105.0, "pnl_usd": 5.0},
    # B fell 1 %: 2 market, 1 industry, 0.5 × −4 beta, −2 specific
    {"symbol": "B", "shares": -5.0, "price_usd": 19.8, "value_usd": -99.0, "pnl_usd": 1.0, "borrow_usd": 0.25},
    {"symbol": "C", "shares": 1.0, "price_usd": 190.0, "value_usd": 190.0, "pnl_usd": -7.0, "dividend_usd": 3.0},
    {"symbol": "D", "shares": 2.0, "price_usd": 51.0, "value_usd": 102.0, "pnl_usd": 2.0, "cost_usd": 0.5}
    | {"fill_shares": 2.0, "fill_price_usd": 50.0},
    {"symbol": "USD", "shares": 703.25, "price_usd": 1.0, "value_usd": 703.25, "pnl_usd": 1.0, "interest_usd": 1.0},
]
FACTORS = [
    {"factor": "market", "simple_return": 0.02, "n_stocks": 3},
    {"factor": "industry:Tech", "simple_return": 0.01, "n_stocks": 3},
    {"factor": "beta", "simple_return": -0.04, "n_stocks": 3},
    *({"factor": style, "simple_return": 0.0, "n_stocks": 3} for style in STYLES[1:]),
]
EXPOSED = [
    {"symbol": "A", "industry": "Tech", "weight": 0.5} | NONE,
    {"symbol": "B", "industry": "Tech", "weight": 0.5} | NONE | {"beta": 0.5},
]
SPECIFIC = [
    {"symbol": "A", "simple_return": 0.05, "specific_return": 0.02},
    {"symbol": "B", "simple_return": -0.01, "specific_return": -0.02},
]


def by_hand(
    today: list[dict] | None = None, factors: list[dict] | None = None, exposed: list[dict] = EXPOSED
) -> Inputs:
    return Inputs(
        pl.concat([frame(BOOK, YESTERDAY, DAYS[0]), frame(BOOK, today or TODAY, DAYS[1])]),
        frame(EXPOSURES, exposed, DAYS[0]),
        frame(FACTOR_RETURNS, FACTORS if factors is None else factors, DAYS[1]),
        frame(SPECIFIC_RETURNS, SPECIFIC, DAYS[1]),
    )


def attributed(inputs: Inputs) -> dict[str, float]:
    rows = attribution(**inputs.arguments())
    validated(ATTRIBUTION, [(inputs.session, known(rows))])
    return dict(rows.select("source", "pnl_usd").iter_rows())


def nav(inputs: Inputs, day: int) -> float:
    return float(inputs.book.filter(event_date=DAYS[day])["value_usd"].sum())


# --- known values ----------------------------------------------------------------------------------------------------


def test_a_session_worked_by_hand() -> None:
    assert (
        attributed(by_hand())
        == {
            "market": pytest.approx(0.0, abs=1e-12),  # 100 − 100
            "industry:Tech": pytest.approx(0.0, abs=1e-12),
            "beta": pytest.approx(2.0),  # −100 × 0.5 × −0.04
            **dict.fromkeys(STYLES[1:], 0.0),
            "specific": pytest.approx(4.0),  # 100 × 0.02 + −100 × −0.02
            "unexplained": pytest.approx(0.0, abs=1e-12),
            "unmodelled": pytest.approx(-7.0),  # C with its dividend
            "trading": pytest.approx(2.0),  # D, from 50 to 51
            "interest": 1.0,
            "cost": -0.5,
            "borrow": -0.25,
        }
    )


def test_exposures_are_over_the_net_asset_value_before() -> None:
    rows = attribution(**by_hand().arguments())
    exposure = dict(rows.select("source", "exposure").iter_rows())
    assert exposure["beta"] == pytest.approx(-0.05)
    assert exposure["market"] == pytest.approx(0.0, abs=1e-15)
    others = ("specific", "unexplained", "unmodelled", "trading", "interest", "cost", "borrow")
    assert [exposure[source] for source in others] == [None] * 7
    assert rows["nav_usd"].unique().to_list() == [1001.25]


def test_a_price_that_was_corrected_after_the_book_marked_it_is_unexplained() -> None:
    # the model now says that A closed at 9.9 yesterday, and so earned 6.06 %: 3.06 % specific
    inputs = by_hand()
    corrected = inputs.specific_returns.with_columns(
        specific_return=pl.when(pl.col("symbol") == "A").then(0.6 / 9.9 - 0.03).otherwise("specific_return")
    )
    found = attributed(replace(inputs, specific_returns=corrected))
    assert found["unexplained"] == pytest.approx(5 - 100 * 0.6 / 9.9)
    assert sum(found.values()) == pytest.approx(1.25)


def test_a_session_with_fewer_factors_leaves_the_rest_specific() -> None:
    alone = [row for row in FACTORS if row["factor"] == "market"]
    found = attributed(by_hand(factors=alone))
    assert "beta" not in found
    assert found["unexplained"] == pytest.approx(100 * 0.01 - 100 * (0.01 - 0.02))  # the specific returns are as before


def test_a_fill_that_lapsed_for_want_of_a_bar_is_no_trading() -> None:
    lapsed = {"symbol": "E", "shares": 0.0, "price_usd": 7.0, "value_usd": 0.0, "pnl_usd": 0.0, "fill_shares": 0.0}
    assert attributed(by_hand(today=[*TODAY, lapsed])) == attributed(by_hand())


def test_the_first_session_begins_with_the_initial_cash_and_has_no_factors() -> None:
    inputs = by_hand()
    first = replace(inputs, book=inputs.book.filter(event_date=DAYS[0]), session=DAYS[0])
    rows = attribution(**first.arguments())
    assert dict(rows.select("source", "pnl_usd").iter_rows()) == dict.fromkeys(
        ("specific", "unexplained", "unmodelled", "trading", "interest", "cost", "borrow"), 0.0
    )
    assert rows["nav_usd"].to_list() == [1000.0] * 7


# --- properties ------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000))
def test_sources_add_up_to_the_change_of_net_asset_value(seed: int) -> None:
    inputs = random_inputs(seed)
    change = nav(inputs, 1) - nav(inputs, 0)
    assert abs(sum(attributed(inputs).values()) - change) < 1e-10 * nav(inputs, 1)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000))
def test_it_is_what_adding_name_by_name_gives(seed: int) -> None:
    inputs = random_inputs(seed)
    slow, found = sources(**inputs.arguments()), attributed(inputs)
    assert slow.keys() <= found.keys()
    for source, usd in found.items():
        assert usd == pytest.approx(slow.get(source, 0.0), abs=1e-12 * nav(inputs, 0))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000))
def test_nothing_is_unexplained_where_prices_agree(seed: int) -> None:
    inputs = random_inputs(seed)
    assert abs(attributed(inputs)["unexplained"]) < 1e-9 * nav(inputs, 1)


@pytest.mark.parametrize("absent", ["exposures", "factor_returns", "specific_returns"])
def test_without_a_risk_model_everything_held_is_unmodelled(absent: str) -> None:
    inputs = by_hand()
    less = replace(inputs, **{absent: getattr(inputs, absent).clear()})
    found = attributed(less)
    assert sum(found.values()) == pytest.approx(1.25)
    if absent == "factor_returns":
        assert found["unexplained"] == pytest.approx(2.0)  # what the factors earned
    else:
        assert found["unmodelled"] == pytest.approx(-1.0)


def test_the_sessions_own_exposures_are_not_looked_at() -> None:
    inputs = by_hand()
    later = inputs.exposures.with_columns(pl.col("beta") + 9, event_date=pl.lit(DAYS[1]))
    assert attributed(replace(inputs, exposures=pl.concat([inputs.exposures, later]))) == attributed(inputs)
