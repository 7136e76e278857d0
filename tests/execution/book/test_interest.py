"""What cash earns and shorts pay."""

import numpy as np
import polars as pl
import pytest

from configs.settings import Execution, Macro
from feature_store.schemas.companies import BORROW
from feature_store.schemas.market import MACRO
from quant_assets.execution.book.interest import borrow_fees_usd, borrow_quotes, cash_rate_annual, interest_usd
from tests.execution.markets import DAYS, frame

SET = Execution(cash_rate_annual=0.01)


def observed(*rows: tuple[int, float | None], series: str = "DFF") -> pl.DataFrame:
    return frame(MACRO, [{"event_date": DAYS[t], "series": series, "value": value} for t, value in rows])


# --- known values ----------------------------------------------------------------------------------------------------


def test_the_rate_is_the_last_percentage_observed_by_then() -> None:
    rates = observed((2, 3.0), (4, 3.5), (5, 4.0))
    assert cash_rate_annual(rates, DAYS[4], Macro(), SET) == pytest.approx(0.035)
    assert cash_rate_annual(rates, DAYS[3], Macro(), SET) == pytest.approx(0.03)


def test_a_rate_that_is_missing_or_old_gives_way_to_the_setting() -> None:
    rates, series = observed((2, 3.0), (4, None)), Macro(max_age_sessions=3)
    assert cash_rate_annual(rates, DAYS[4], series, SET) == pytest.approx(0.03)
    assert cash_rate_annual(rates, DAYS[5], series, SET) == 0.01
    assert cash_rate_annual(observed((2, 3.0), series="DGS10"), DAYS[2], series, SET) == 0.01


def test_interest_runs_on_cash_that_no_short_sale_brought_in() -> None:
    values = np.array([500.0, -300.0])
    assert interest_usd(1000.0, values, 0.036, days=3) == pytest.approx(700 * 0.036 * 3 / 360)
    assert interest_usd(200.0, values, 0.036, days=3) == 0.0


def test_a_short_pays_for_each_calendar_day() -> None:
    fees = borrow_fees_usd(np.array([500.0, -300.0]), 0.006, days=3)
    assert fees.tolist() == pytest.approx([0.0, 300 * 0.006 * 3 / 360])
    fees = borrow_fees_usd(np.array([500.0, -300.0, -100.0]), np.array([0.5, 0.006, 0.2]), days=3)
    assert fees.tolist() == pytest.approx([0.0, 300 * 0.006 * 3 / 360, 100 * 0.2 * 3 / 360])


def quoted(*rows: tuple[int, str, float | None, float | None]) -> pl.DataFrame:
    said = [{"event_date": DAYS[t], "symbol": s, "fee_annual": fee, "shares_available": n} for t, s, fee, n in rows]
    return frame(BORROW, said)


def test_the_last_quote_counts_and_a_name_without_one_costs_what_the_setting_says() -> None:
    quotes = quoted((2, "A", 0.1, 500.0), (3, "A", 0.3, 0.0), (3, "B", None, 70.0), (4, "A", 0.9, 9.0))
    told = borrow_quotes(quotes, ["A", "B", "C"], DAYS[3], SET, short_sales=True)
    assert told.rate_annual.tolist() == [0.3, SET.borrow_rate_annual, SET.borrow_rate_annual]
    assert told.available.tolist() == [0.0, 70.0, np.inf]


def test_a_quote_that_is_old_counts_as_none() -> None:
    quotes, setting = quoted((2, "A", 0.1, 0.0)), Execution(borrow_max_age_sessions=3)
    assert borrow_quotes(quotes, ["A"], DAYS[4], setting, short_sales=True).rate_annual.tolist() == [0.1]
    assert borrow_quotes(quotes, ["A"], DAYS[5], setting, short_sales=True).available.tolist() == [np.inf]


def test_where_nothing_is_sold_short_no_quote_counts_and_none_need_be_given() -> None:
    unread = quoted((3, "A", 0.3, 0.0)).drop("fee_annual", "shares_available")
    told = borrow_quotes(unread, ["A", "B"], DAYS[3], SET, short_sales=False)
    assert told.rate_annual.tolist() == [SET.borrow_rate_annual] * 2
    assert told.available.tolist() == [np.inf] * 2
