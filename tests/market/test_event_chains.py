"""Ten real chains of events, walked by hand: security ids, returns, positions and cash.

Prices, splits and dividends are those of the bundle. What it does not record (mergers, spin-offs by their shares,
changes of tickers, delistings) is given by hand, with the terms that the companies published.
"""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from configs.settings import Execution, Macro, Market, Portfolio
from feature_store import sessions as calendar
from feature_store.schemas.companies import BORROW
from feature_store.schemas.execution import BOOK, CASH
from feature_store.schemas.market import CORPORATE_ACTIONS, MACRO, UNIVERSE
from feature_store.schemas.risk import COST_PARAMETERS
from quant_assets.execution.book.inputs import MarketInputs
from quant_assets.execution.book.replay import equal_weight_step
from quant_assets.market.adjustment import adjusted_bars
from quant_assets.market.suspects import suspected_actions
from tests.execution.markets import frame
from tests.oracles.bundle import bundle_actions, bundle_bars, needs

pytestmark = [pytest.mark.shared, needs("data/prices_daily.parquet")]

D = dt.date
STILL = Execution(cash_rate_annual=0.0, borrow_rate_annual=0.0)
CENTS = pytest.approx


def recorded(*rows: tuple) -> pl.DataFrame:
    """CORPORATE_ACTIONS from (ex-date, symbol, action, value, cash_usd, other_symbol)."""
    keys = ("event_date", "symbol", "action", "value", "cash_usd", "other_symbol")
    return frame(CORPORATE_ACTIONS, [dict(zip(keys, row, strict=True)) for row in rows])


def simple_return(symbol: str, day: dt.date, actions: pl.DataFrame, settings: Market | None = None) -> float | None:
    """From the close before to the close of the day, in total."""
    days = calendar.between(calendar.shift(day, -5), day)
    bars = bundle_bars(symbol, first=days[0], last=day)
    row = adjusted_bars(bars, actions, days, settings or Market()).filter(event_date=day).row(0, named=True)
    return None if row["log_return"] is None else float(np.expm1(row["log_return"]))


def walk(
    held: dict[str, float], first: dt.date, last: dt.date, actions: pl.DataFrame, *others: str
) -> dict[dt.date, pl.DataFrame]:
    """Books from the session before `first`, holding these shares at its close and a million in cash.

    The step of the equal-weight book, with nothing that may be traded: only events move it. Nothing is a member but
    what is held at the start.
    """
    before = calendar.shift(first, -1)
    bars = bundle_bars(*held, *others, first=before, last=last)
    closes = dict(bars.filter(event_date=before).select("symbol", "close").iter_rows())
    rows = [
        {"symbol": s, "shares": n, "price_usd": closes[s], "value_usd": n * closes[s], "sessions_without_bar": 0}
        for s, n in held.items()
    ]
    cash = {"symbol": CASH, "shares": 1e6, "price_usd": 1.0, "value_usd": 1e6, "sessions_without_bar": 0}
    state = frame(BOOK, [row | {"event_date": before, "pnl_usd": 0.0} for row in sorted([*rows, cash], key=_symbol)])
    books = {before: state}
    for day in calendar.between(first, last):
        members = [{"symbol": s, "event_date": day, "tradable": True, "has_bar": True} for s in sorted(held)]
        books[day] = equal_weight_step(
            state=books[calendar.shift(day, -1)],
            market=MarketInputs(
                bars=bars.filter(event_date=day),
                actions=actions,
                cost_parameters=frame(COST_PARAMETERS, []),
                universe=frame(UNIVERSE, members),
                macro=frame(MACRO, []),
                borrow=frame(BORROW, []),
            ),
            session=day,
            portfolio=Portfolio(),
            execution=STILL,
            series=Macro(),
        )
    return books


def _symbol(row: dict) -> str:
    return row["symbol"]


def row(book: pl.DataFrame, symbol: str) -> dict:
    return book.row(by_predicate=pl.col("symbol") == symbol, named=True)


def cash(book: pl.DataFrame) -> float:
    return row(book, CASH)["value_usd"]


def shares(book: pl.DataFrame) -> dict[str, float]:
    return {s: n for s, n in book.select("symbol", "shares").iter_rows() if s != CASH and n}


# --- known values ----------------------------------------------------------------------------------------------------


def test_1_google_2014_the_class_c_share_is_worth_half_of_what_was_one():
    """Each share, since then GOOGL, brought one of class C, since then GOOG, on 2014-04-03."""
    day = D(2014, 4, 3)
    by_bundle = bundle_actions("GOOGL")
    assert by_bundle.filter(event_date=day).select("action", "value").rows() == [("cash_dividend", 567.9717)]
    assert simple_return("GOOGL", day, by_bundle) == pytest.approx((571.5 + 567.9717) / 1135.1 - 1)  # +0.385 %
    paid = walk({"GOOGL": 1000.0}, day, day, by_bundle)[day]
    assert (shares(paid), cash(paid)) == ({"GOOGL": 1000.0}, CENTS(1_567_971.70))
    # as it was: a share of GOOG, published at its first regular price
    truth = recorded((day, "GOOGL", "spin_off", 1.0, 567.9717, "GOOG"))
    book = walk({"GOOGL": 1000.0}, day, D(2014, 4, 4), truth, "GOOG")
    assert simple_return("GOOGL", day, truth) == pytest.approx(0.0038514, abs=1e-6)
    assert (shares(book[day]), cash(book[day])) == ({"GOOG": 1000.0, "GOOGL": 1000.0}, 1e6)
    assert row(book[day], "GOOGL")["pnl_usd"] == CENTS(1000 * (571.50 + 569.74 - 1135.10))
    assert row(book[D(2014, 4, 4)], "GOOG")["pnl_usd"] == CENTS(1000 * (543.14 - 569.74))


def test_2_johnson_controls_2016_the_id_is_tycos_whose_shares_were_consolidated():
    """Tyco made 0.955 shares of one and took the name Johnson Controls International on 2016-09-06."""
    day = D(2016, 9, 6)
    truth = pl.concat([bundle_actions("JCI"), recorded((day, "JCI", "symbol_change", 1.0, None, "JCI"))])
    assert simple_return("JCI", day, truth) == pytest.approx(0.955 * 48.90 / 45.59 - 1)  # +2.43 %, not +7.26 %
    book = walk({"JCI": 1000.0}, day, day, truth)[day]
    assert (shares(book), cash(book)) == ({"JCI": CENTS(955.0)}, 1e6)
    assert row(book, "JCI")["value_usd"] == CENTS(46_699.50)
    # Adient, one for ten shares on 2016-10-31, is in no file: neither its shares nor its worth can be had
    spun = D(2016, 10, 31)
    truth = recorded((spun, "JCI", "spin_off", 0.1, None, "ADNT"))
    assert simple_return("JCI", spun, truth) is None
    assert simple_return("JCI", spun, bundle_actions("JCI")) == pytest.approx(40.32 / 43.76 - 1)  # a loss that was none
    book = walk({"JCI": 1000.0}, spun, spun, truth)[spun]
    assert (row(book, "JCI")["status"], shares(book), cash(book)) == ("spin_off_unknown", {"JCI": 1000.0}, 1e6)


def test_3_aetna_2018_waits_for_its_merger_though_the_vendor_stopped():
    """CVS paid 145.00 USD and 0.8378 shares, announced 2017-12-03; Aetna last traded on 2018-11-28."""
    closed = D(2018, 11, 29)
    terms = recorded((closed, "AET", "merger", 0.8378, 145.0, "CVS"))
    book = walk({"AET": 1000.0}, D(2018, 3, 27), D(2018, 11, 30), terms, "CVS")
    waiting = row(book[D(2018, 11, 28)], "AET")
    assert (waiting["price_usd"], waiting["shares"], waiting["sessions_without_bar"]) == (168.36, 1000.0, 171)
    assert (shares(book[closed]), cash(book[closed])) == ({"CVS": CENTS(837.8)}, CENTS(1_145_000.0))
    assert row(book[closed], "AET")["pnl_usd"] == CENTS(145_000 + 837.8 * 80.00 - 168_360)
    assert row(book[D(2018, 11, 30)], "CVS")["pnl_usd"] == CENTS(837.8 * 0.20)
    # nobody told: written off after 21 sessions
    ignorant = walk({"AET": 1000.0}, D(2018, 3, 27), D(2018, 4, 27), recorded())
    ended = next(b for b in ignorant.values() if "AET" in b["symbol"] and row(b, "AET")["status"] == "written_off")
    assert ended["event_date"][0] == calendar.shift(D(2018, 3, 27), 21)
    assert cash(ended) == CENTS(1e6 + 0.7 * 168_360)


def test_4_lehman_2008_is_a_loss_and_not_a_suspect():
    day = D(2008, 9, 15)
    assert simple_return("LEH", day, recorded()) == pytest.approx(0.21 / 3.65 - 1)  # -94.2 %
    book = walk({"LEH": 1000.0}, day, D(2008, 9, 19), recorded())
    assert [row(book[d], "LEH")["value_usd"] for d in calendar.between(day, D(2008, 9, 19))] == CENTS(
        [210.0, 300.0, 130.0, 50.0, 220.0]
    )
    assert cash(book[D(2008, 9, 19)]) == 1e6


def test_5_citigroup_2011_and_aig_2009_made_one_share_of_many():
    citi, aig = D(2011, 5, 9), D(2009, 7, 1)
    acts = bundle_actions("C", "AIG")
    assert simple_return("C", citi, acts) == pytest.approx(44.16 / 45.20 - 1)
    assert simple_return("AIG", aig, acts) == pytest.approx(18.08 / 23.20 - 1)
    book = walk({"C": 1000.0}, citi, citi, acts)[citi]
    assert (shares(book), row(book, "C")["pnl_usd"], cash(book)) == ({"C": CENTS(100.0)}, CENTS(-104.0), 1e6)
    book = walk({"AIG": 1000.0}, aig, aig, acts)[aig]
    assert (shares(book), row(book, "AIG")["pnl_usd"]) == ({"AIG": CENTS(50.0)}, CENTS(-256.0))


def test_6_microsoft_2004_paid_three_dollars_beside_its_eight_cents():
    """The bundle has one sum of 3.08; apart, a special and a usual dividend of one day, they pay the same."""
    day = D(2004, 11, 15)
    apart = recorded(
        (day, "MSFT", "cash_dividend", 0.08, None, None), (day, "MSFT", "special_dividend", 3.0, None, None)
    )
    for acts in (bundle_actions("MSFT"), apart):
        assert simple_return("MSFT", day, acts) == pytest.approx((27.39 + 3.08) / 29.97 - 1)  # +1.67 %
        book = walk({"MSFT": 1000.0}, day, day, acts)[day]
        assert (row(book, "MSFT")["dividend_usd"], cash(book)) == (CENTS(3080.0), CENTS(1_003_080.0))
        assert row(book, "MSFT")["pnl_usd"] == CENTS(500.0)


@pytest.mark.parametrize(
    ("parent", "child", "day", "before", "after", "worth", "price"),
    [
        ("ABT", "ABBV", D(2013, 1, 2), 65.50, 32.05, 34.6497, 35.12),
        ("MO", "PM", D(2008, 3, 31), 73.83, 22.20, 50.4807, 50.58),
    ],
)
def test_7_abbott_2013_and_altria_2008_gave_a_share_for_each(
    parent: str, child: str, day: dt.date, before: float, after: float, worth: float, price: float
):
    """The bundle counts both as dividends; a spin-off of the same worth returns the same, and the book holds it."""
    truth = recorded((day, parent, "spin_off", 1.0, worth, child))
    for acts in (bundle_actions(parent), truth):
        assert simple_return(parent, day, acts) == pytest.approx((after + worth) / before - 1)
    book = walk({parent: 1000.0}, day, day, truth, child)[day]
    assert (shares(book), cash(book)) == ({parent: 1000.0, child: 1000.0}, 1e6)
    assert row(book, parent)["pnl_usd"] == CENTS(1000 * (after + price - before))
    # without the child's bars its worth is cash
    book = walk({parent: 1000.0}, day, day, truth)[day]
    assert (shares(book), cash(book)) == ({parent: 1000.0}, CENTS(1e6 + 1000 * worth))


@pytest.mark.parametrize(
    ("target", "acquirer", "day", "ratio", "last", "price"),
    [
        ("XTO", "XOM", D(2010, 6, 28), 0.7098, 41.81, 58.47),
        ("WB", "WFC", D(2009, 1, 2), 0.1991, 5.54, 30.00),
        ("NCC", "PNC", D(2009, 1, 2), 0.0392, 1.81, 48.59),
    ],
)
def test_8_mergers_for_shares_go_on_as_the_acquirer(
    target: str, acquirer: str, day: dt.date, ratio: float, last: float, price: float
):
    terms = recorded((day, target, "merger", ratio, None, acquirer))
    book = walk({target: 1000.0}, day, day, terms, acquirer)[day]
    assert (shares(book), cash(book)) == ({acquirer: CENTS(1000 * ratio)}, 1e6)
    assert row(book, target)["pnl_usd"] == CENTS(1000 * (ratio * price - last))
    assert (row(book, target)["status"], row(book, acquirer)["status"]) == ("merged", "received")


def test_8b_whole_foods_2017_was_paid_in_cash():
    day = D(2017, 8, 29)
    book = walk({"WFM": 1000.0}, day, day, recorded((day, "WFM", "merger", 0.0, 42.0, "AMZN")), "AMZN")[day]
    assert (shares(book), cash(book), row(book, "WFM")["pnl_usd"]) == ({}, CENTS(1_042_000.0), CENTS(10.0))


def test_9_priceline_2018_became_booking_and_nothing_happened():
    """PCLN traded as BKNG from 2018-02-27 on; the id is one and the same."""
    day = D(2018, 2, 27)
    change = recorded((day, "BKNG", "symbol_change", 1.0, None, "BKNG"))
    assert simple_return("BKNG", day, change) == pytest.approx(1905.01 / 1905.64 - 1)
    plain, changed = (walk({"BKNG": 10.0}, day, day, acts)[day] for acts in (recorded(), change))
    assert changed.equals(plain)
    assert (shares(changed), cash(changed)) == ({"BKNG": 10.0}, 1e6)


def test_10_lehman_2012_was_cancelled_and_the_delisting_takes_the_rest():
    """Its over-the-counter tail ends on 2012-06-21 at three cents."""
    day = D(2012, 6, 22)
    nothing_left = recorded((day, "LEH", "delisting", -1.0, None, None))
    book = walk({"LEH": 1000.0}, day, D(2012, 6, 25), nothing_left)
    assert (row(book[day], "LEH")["status"], row(book[day], "LEH")["pnl_usd"]) == ("delisted", CENTS(-30.0))
    assert (shares(book[day]), cash(book[day])) == ({}, 1e6)
    assert "LEH" not in book[D(2012, 6, 25)]["symbol"]


def test_no_failure_of_2008_is_a_suspect():
    failures = ("LEH", "FNM", "FRE", "AIG", "WB", "NCC", "ABK", "C", "GNW", "HIG", "ETFC", "STT")
    days = calendar.between(D(2008, 1, 2), D(2009, 6, 30))
    found = suspected_actions(
        bundle_bars(*failures, first=days[0], last=days[-1]), bundle_actions(*failures), days, Market()
    )
    assert found.is_empty()
