"""Twelve months, balance sheets and shares of companies, as known."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import Market
from feature_store import sessions as calendar
from feature_store.schemas.companies import COMPANY_FINANCIALS, FUNDAMENTALS
from quant_assets.market.company_financials import action_sessions, company_financials, lookback_sessions
from tests.oracles.companies import told
from tests.oracles.panels import assert_stored_as, stored

DAY = dt.date(2017, 3, 10)
SET = Market()
NO_ACTIONS = pl.DataFrame(schema={"event_date": pl.Date, "symbol": pl.String, "action": pl.String, "value": pl.Float64})
MARCH, JUNE, SEPTEMBER, DECEMBER = (dt.date(2016, *day) for day in ((3, 31), (6, 30), (9, 30), (12, 31)))
LAST_MARCH, LAST_JUNE, LAST_SEPTEMBER, LAST_DECEMBER = (
    day.replace(year=2015) for day in (MARCH, JUNE, SEPTEMBER, DECEMBER)
)

Rows = list[tuple[dt.date, str, str, int, float | None]]


def facts(rows: Rows) -> pl.DataFrame:
    """FUNDAMENTALS from (end of the period, symbol, item, months, value)."""
    whole = [(*row, None) for row in rows]
    frame = pl.DataFrame(whole, schema=stored(FUNDAMENTALS), orient="row").drop("form")
    return frame.sort("event_date", "symbol", "item", "months")


def of_a(item: str, *amounts: tuple[dt.date, int, float | None]) -> Rows:
    return [(day, "A", item, months, value) for day, months, value in amounts]


def splits(*rows: tuple[dt.date, str, float | None]) -> pl.DataFrame:
    whole = [(day, symbol, "split", value) for day, symbol, value in rows]
    return pl.DataFrame(whole, schema=NO_ACTIONS.schema, orient="row")


def closes(prices: dict[str, float], day: dt.date = DAY) -> pl.DataFrame:
    whole = [(day, symbol, price) for symbol, price in prices.items()]
    return pl.DataFrame(whole, schema={"event_date": pl.Date, "symbol": pl.String, "close": pl.Float64}, orient="row")


def financials(
    rows: Rows, actions: pl.DataFrame = NO_ACTIONS, prices: dict[str, float] | None = None, session: dt.date = DAY
) -> dict:
    """The row of A."""
    frame = company_financials(facts(rows), closes(prices or {}, session), actions, session, SET)
    assert_stored_as(frame, COMPANY_FINANCIALS)
    return frame.row(by_predicate=pl.col("symbol") == "A", named=True)


# --- known values ---------------------------------------------------------------------------------------------------


def test_four_single_quarters_are_twelve_months() -> None:
    quarters = [(MARCH, 3, 1.0), (JUNE, 3, 2.0), (SEPTEMBER, 3, 4.0), (DECEMBER, 3, 8.0)]
    row = financials(of_a("revenue", *quarters))
    assert (row["revenue_ttm_usd"], row["period_end"], row["age_days"]) == (15.0, DECEMBER, 69)
    assert row["net_income_ttm_usd"] is None
    assert financials(of_a("revenue", *quarters[1:]))["revenue_ttm_usd"] is None


def test_a_year_is_twelve_months_whatever_its_quarters_add_up_to() -> None:
    quarters = [(MARCH, 3, 1.0), (JUNE, 3, 2.0), (SEPTEMBER, 3, 4.0), (DECEMBER, 3, 8.0)]
    assert financials(of_a("revenue", *quarters, (DECEMBER, 12, 16.0)))["revenue_ttm_usd"] == 16.0


def test_the_last_year_and_the_year_to_date_less_that_of_the_year_before() -> None:
    year, half, half_before = (LAST_DECEMBER, 12, 100.0), (JUNE, 6, 60.0), (LAST_JUNE, 6, 45.0)
    assert (
        financials(
            of_a("operating_cash_flow", year, half, half_before)
            + of_a("assets", (JUNE, 0, 1.0))
            + of_a("assets", (LAST_DECEMBER, 0, 1.0), (LAST_JUNE, 0, 1.0))
        )["operating_cash_flow_ttm_usd"]
        == 115.0
    )
    assert financials(of_a("revenue", year, half, half_before))["revenue_ttm_usd"] == 115.0
    assert financials(of_a("revenue", year, half))["revenue_ttm_usd"] is None


def test_the_year_to_date_may_be_the_sum_of_its_quarters() -> None:
    """As 10-Qs tell income: single quarters, and the year once it is over."""
    before = [(LAST_MARCH, 3, 10.0), (LAST_JUNE, 3, 20.0), (LAST_SEPTEMBER, 3, 30.0), (LAST_DECEMBER, 12, 100.0)]
    since = [(MARCH, 3, 11.0), (JUNE, 3, 22.0), (SEPTEMBER, 3, 33.0)]
    assert financials(of_a("net_income", *before, *since))["net_income_ttm_usd"] == pytest.approx(106.0)
    assert financials(of_a("net_income", *before, *since[:2]))["net_income_ttm_usd"] == pytest.approx(103.0)
    assert financials(of_a("net_income", *before[1:], *since))["net_income_ttm_usd"] is None


def test_the_fourth_quarter_is_the_year_less_nine_months_where_both_are_known() -> None:
    known = [(MARCH, 3, 5.0), (LAST_JUNE, 3, 2.0), (LAST_SEPTEMBER, 3, 3.0)]
    fourth = [(LAST_DECEMBER, 12, 20.0), (LAST_SEPTEMBER, 9, 12.0)]
    assert financials(of_a("revenue", *known, *fourth))["revenue_ttm_usd"] == 2.0 + 3.0 + (20.0 - 12.0) + 5.0
    assert financials(of_a("revenue", *known, fourth[0]))["revenue_ttm_usd"] is None
    assert financials(of_a("revenue", *known, fourth[1]))["revenue_ttm_usd"] is None


def test_nothing_of_another_period_fills_a_hole() -> None:
    """September is missing: neither the three months of the year before nor a year that ended in December stands in."""
    holes = [(LAST_SEPTEMBER, 3, 7.0), (LAST_DECEMBER, 3, 1.0), (MARCH, 3, 1.0), (JUNE, 3, 2.0), (DECEMBER, 3, 8.0)]
    assert financials(of_a("revenue", *holes, (LAST_DECEMBER, 12, 50.0)))["revenue_ttm_usd"] is None


def test_fiscal_quarters_of_12_and_16_weeks_follow_one_another() -> None:
    ends = [dt.date(2016, 2, 14), dt.date(2016, 5, 8), dt.date(2016, 8, 28), dt.date(2016, 11, 20)]  # Costco
    assert financials(of_a("revenue", *((day, 3, 1.0) for day in ends)))["revenue_ttm_usd"] == 4.0
    year = [(dt.date(2016, 8, 28), 12, 116.0), (dt.date(2016, 11, 20), 3, 27.5), (dt.date(2015, 11, 22), 3, 26.6)]
    assert financials(of_a("revenue", *year))["revenue_ttm_usd"] == pytest.approx(116.0 + 27.5 - 26.6)


def test_balance_sheets_are_those_of_the_last_report_and_of_the_one_a_year_before() -> None:
    assets = of_a("assets", (LAST_DECEMBER, 0, 90.0), (SEPTEMBER, 0, 95.0), (DECEMBER, 0, 100.0))
    row = financials(assets + of_a("cash", (SEPTEMBER, 0, 5.0)))
    assert (row["assets_usd"], row["assets_year_ago_usd"], row["equity_usd"]) == (100.0, 90.0, None)
    assert row["cash_usd"] is None  # September's is not December's


def test_gross_profit_is_revenue_less_its_cost_where_it_is_not_reported_itself() -> None:
    rows = of_a("revenue", (DECEMBER, 12, 10.0)) + of_a("cost_of_revenue", (DECEMBER, 12, 6.0))
    assert financials(rows)["gross_profit_ttm_usd"] == 4.0
    assert financials(rows + of_a("gross_profit", (DECEMBER, 12, 3.5)))["gross_profit_ttm_usd"] == 3.5


def test_ebitda_needs_the_depreciation() -> None:
    rows = of_a("revenue", (DECEMBER, 12, 10.0)) + of_a("operating_income", (DECEMBER, 12, 3.0))
    assert financials(rows)["ebitda_ttm_usd"] is None
    assert financials(rows + of_a("depreciation", (DECEMBER, 12, 1.0)))["ebitda_ttm_usd"] == 4.0


def test_shares_are_multiplied_by_the_splits_since_and_by_no_other() -> None:
    count = dt.date(2017, 1, 20)
    rows = of_a("shares_outstanding", (count, 0, 100.0)) + of_a("net_income", (DECEMBER, 12, 50.0))
    acted = splits(
        (count, "A", 5.0), (dt.date(2017, 2, 1), "A", 2.0), (DAY, "A", 3.0), (DAY + dt.timedelta(1), "A", 7.0)
    )
    row = financials(rows, acted, {"A": 1.5})
    assert (row["shares_outstanding"], row["market_cap_usd"], row["period_end"]) == (600.0, 900.0, DECEMBER)
    assert row["eps_ttm_usd"] == pytest.approx(50.0 / 600.0)
    assert financials(rows, splits((DAY, "A", None)), {"B": 2.0})["market_cap_usd"] is None


def test_what_is_too_old_is_null_and_its_age_stays_to_be_seen() -> None:
    rows = of_a("revenue", (DECEMBER, 12, 10.0)) + of_a("assets", (DECEMBER, 0, 5.0))
    rows += of_a("shares_outstanding", (DECEMBER, 0, 2.0))
    limit = DECEMBER + dt.timedelta(days=SET.fundamentals_max_age_days)
    fresh, stale = (financials(rows, session=day, prices={"A": 1.0}) for day in (limit, limit + dt.timedelta(days=1)))
    assert (fresh["revenue_ttm_usd"], fresh["assets_usd"], fresh["market_cap_usd"]) == (10.0, 5.0, 2.0)
    assert {name for name, value in stale.items() if value is not None} == {
        "event_date",
        "symbol",
        "period_end",
        "age_days",
    }
    assert (stale["period_end"], stale["age_days"]) == (DECEMBER, SET.fundamentals_max_age_days + 1)


def test_a_withdrawn_item_is_none_and_a_company_without_any_has_no_row() -> None:
    assert company_financials(facts(of_a("revenue", (DECEMBER, 12, None))), closes({}), NO_ACTIONS, DAY, SET).is_empty()
    nothing = company_financials(facts([]), closes({"A": 1.0}), splits((DAY, "A", 2.0)), DAY, SET)
    assert_stored_as(nothing, COMPANY_FINANCIALS)
    assert nothing.is_empty()


# --- properties -----------------------------------------------------------------------------------------------------

ITEMS = ("revenue", "net_income", "cost_of_revenue", "operating_cash_flow")


def year_ends(rng: np.random.Generator, weeks: bool) -> list[dt.date]:
    """Ends of the quarters of five fiscal years up to 2017-02, by months or by weeks (12, 12, 12 and 16 or 17)."""
    if not weeks:
        shift = int(rng.integers(0, 3))
        months = [(2012 * 12 + shift + 3 * i) for i in range(21)]
        firsts = [dt.date((m + 1) // 12, (m + 1) % 12 + 1, 1) for m in months]
        return [day - dt.timedelta(days=1) for day in firsts]
    lengths = [12, 12, 12, 16] * 5
    lengths[11] = 17
    start = dt.date(2012, 1, 1) + dt.timedelta(days=int(rng.integers(0, 60)))
    return [start + dt.timedelta(weeks=int(w)) for w in np.cumsum([0, *lengths])]


@st.composite
def companies(draw: st.DrawFn) -> tuple[Rows, dict[str, dict[str, float]]]:
    """Facts of which some are missing, all true, and the true flows of each quarter by symbol and item."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    rows: Rows = []
    truth: dict[str, dict] = {}
    for name in ("A", "B", "C"):
        ends = year_ends(rng, weeks=bool(rng.random() < 0.5))
        told_share = rng.choice([0.5, 0.8, 1.0])
        quarterly = {item: rng.normal(5, 3, len(ends)).round(2) for item in ITEMS}
        truth[name] = {item: dict(zip(ends, values, strict=True)) for item, values in quarterly.items()}
        for i, day in enumerate(ends):
            if i < 1 or day > DAY:
                continue
            since = (i - 1) % 4 + 1  # quarters of the fiscal year so far
            for item, values in quarterly.items():
                for quarters in {1, since}:
                    if rng.random() < told_share:
                        value = float(values[i - quarters + 1 : i + 1].sum())
                        rows.append((day, name, item, 3 * quarters, value))
            if rng.random() < told_share:
                rows.append((day, name, "assets", 0, float(rng.normal(100, 10))))
                rows.append((day + dt.timedelta(days=20), name, "shares_outstanding", 0, float(rng.integers(1, 9))))
    return rows, truth


@effort(max_examples=25, deadline=None)
@given(known=companies())
def test_twelve_months_are_the_last_four_quarters_that_there_were_or_null(known: tuple[Rows, dict]) -> None:
    rows, truth = known
    found = company_financials(facts(rows), closes({}), NO_ACTIONS, DAY, SET)
    for row in found.iter_rows(named=True):
        for item in ("revenue", "net_income", "operating_cash_flow"):
            quarters = truth[row["symbol"]][item]
            ends = [day for day in quarters if day <= row["period_end"]]
            now, before = sum(quarters[d] for d in ends[-4:]), sum(quarters[d] for d in ends[-8:-4])
            assert row[f"{item}_ttm_usd"] is None or row[f"{item}_ttm_usd"] == pytest.approx(now, abs=1e-9)
            year_ago = row.get(f"{item}_ttm_year_ago_usd")
            assert year_ago is None or year_ago == pytest.approx(before, abs=1e-9)


@effort(max_examples=25, deadline=None)
@given(known=companies(), day=st.dates(dt.date(2015, 1, 5), dt.date(2018, 6, 1)), seed=st.integers(0, 99))
def test_every_row_is_what_a_loop_over_the_items_gives(known: tuple[Rows, dict], day: dt.date, seed: int) -> None:
    rows, session = known[0], calendar.at_or_after(day)
    rng = np.random.default_rng(seed)
    odd = [(d + dt.timedelta(days=int(rng.integers(-9, 9))), *rest) for d, *rest in rows[::17]]  # ends that nobody has
    rows = list({row[:4]: row for row in [*rows, *odd]}.values())
    acted = splits(*((rows[i][0] + dt.timedelta(days=40), "AB"[i % 2], 2.0) for i in range(0, len(rows), 31)))
    acted = acted.unique(["event_date", "symbol"], maintain_order=True)
    found = company_financials(facts(rows), closes({"A": 3.0, "C": 4.0}, session), acted, session, SET)
    assert_stored_as(found, COMPANY_FINANCIALS)
    expected = {}
    for name, close in (("A", 3.0), ("B", None), ("C", 4.0)):
        own = {(item, months, end): value for end, symbol, item, months, value in rows if symbol == name}
        cut = [(ex, ratio) for ex, symbol, _, ratio in acted.sort("event_date").iter_rows() if symbol == name]
        if (row := told(own, session, close, cut, SET.fundamentals_max_age_days)) is not None:
            expected[name] = row
    assert found["symbol"].to_list() == list(expected)
    for row in found.iter_rows(named=True):
        for column, value in expected[row["symbol"]].items():
            assert row[column] == (pytest.approx(value, abs=1e-9) if isinstance(value, float) else value), column


@effort(max_examples=10, deadline=None)
@given(known=companies(), seed=st.integers(0, 99))
def test_neither_other_companies_nor_items_before_the_window_nor_the_order_matter(
    known: tuple[Rows, dict], seed: int
) -> None:
    whole = facts(known[0])
    one = company_financials(whole, closes({}), NO_ACTIONS, DAY, SET)
    first = calendar.shift(DAY, 1 - lookback_sessions(SET))
    for other in (
        whole.sample(fraction=1.0, shuffle=True, seed=seed),
        whole.filter(pl.col("event_date") >= first),
        pl.concat([whole, facts([(DAY + dt.timedelta(days=9), "A", "revenue", 3, 1e9)])]),  # an end that is to come
    ):
        assert_frame_equal(company_financials(other, closes({}), NO_ACTIONS, DAY, SET), one, check_exact=True)
    alone = company_financials(whole.filter(symbol="B"), closes({}), NO_ACTIONS, DAY, SET)
    assert_frame_equal(alone, one.filter(symbol="B"), check_exact=True)


def test_the_windows_reach_as_far_as_the_oldest_item_that_counts() -> None:
    oldest = DAY - dt.timedelta(days=SET.fundamentals_max_age_days + 3 * 378)
    assert calendar.shift(DAY, 1 - lookback_sessions(SET)) <= oldest
    declared = DAY - dt.timedelta(days=SET.fundamentals_max_age_days + 364)
    assert calendar.shift(DAY, 1 - action_sessions(SET)) <= declared
