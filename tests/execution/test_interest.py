"""What cash earns and shorts pay."""

import numpy as np
import polars as pl
import pytest

from configs.settings import Execution, Macro
from feature_store.schemas.market import MACRO
from quant_assets.execution.interest import borrow_fees_usd, cash_rate_annual, interest_usd
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
