"""Features of a company by hand."""

import datetime as dt
import math
from collections.abc import Sequence

import polars as pl
import pytest

from feature_store.schemas.companies import (
    COMPANY_FINANCIALS,
)
from feature_store.schemas.company_features import COMPANY_FEATURES, REACH
from feature_store.schemas.company_snapshots import COMPANY_SNAPSHOTS
from quant_assets.features.company.features import company_features
from tests.features.company.samples import FEATURES, TODAY, frame, one
from tests.oracles.panels import adjusted, assert_stored_as, sessions


def flat(days: Sequence[dt.date], dollars: float | None = 1e6) -> pl.DataFrame:
    """A at 100 USD a share; a million dollars of them change hands in each session."""
    return adjusted(list(days), {"A": [0.0] * len(days)}, dollars=dollars)


def split_on(bars: pl.DataFrame, day: dt.date, ratio: float) -> pl.DataFrame:
    """Two for one, say: prices before are so many times those of `bars`."""
    earlier, prices = pl.col("event_date") < day, ("open", "high", "low", "close", "vwap")
    return bars.with_columns(
        *(pl.when(earlier).then(pl.col(name) * ratio).otherwise(name).alias(name) for name in prices),
        split_ratio=pl.when(pl.col("event_date") == day).then(ratio).otherwise("split_ratio"),
    )


# known values
REPORT = {
    "period_end": dt.date(2015, 3, 31),
    "age_days": 62,
    "revenue_ttm_usd": 1000.0,
    "gross_profit_ttm_usd": 400.0,
    "operating_income_ttm_usd": 150.0,
    "ebitda_ttm_usd": 200.0,
    "net_income_ttm_usd": 100.0,
    "operating_cash_flow_ttm_usd": 130.0,
    "capital_expenditure_ttm_usd": 50.0,
    "revenue_quarter_usd": 260.0,
    "net_income_quarter_usd": 30.0,
    "revenue_ttm_year_ago_usd": 800.0,
    "net_income_ttm_year_ago_usd": -50.0,
    "assets_usd": 1100.0,
    "current_assets_usd": 300.0,
    "cash_usd": 100.0,
    "liabilities_usd": 600.0,
    "current_liabilities_usd": 200.0,
    "debt_usd": 350.0,
    "equity_usd": 500.0,
    "assets_year_ago_usd": 900.0,
    "equity_year_ago_usd": 300.0,
    "shares_outstanding": 20.0,
    "market_cap_usd": 2000.0,
}


def test_a_report_by_hand():
    days = sessions(2, TODAY)
    found = one(days, flat(days), REPORT, [])
    assert {name: value for name, value in found.items() if value is not None} == {
        "event_date": days[-1],
        "symbol": "A",
        "earnings_to_price": 0.05,
        "book_to_price": 0.25,
        "sales_to_price": 0.5,
        "cash_flow_to_price": 0.065,
        "free_cash_flow_to_price": 0.04,
        "ev_to_ebitda": 11.25,  # 2000 + 350 - 100
        "ebitda_to_ev": pytest.approx(1 / 11.25),
        "return_on_equity": 0.25,  # of 400
        "return_on_assets": 0.1,
        "gross_profitability": pytest.approx(400 / 1100),
        "gross_margin": 0.4,
        "operating_margin": 0.15,
        "net_margin": 0.1,
        "asset_turnover": 1.0,
        "accruals": -0.03,
        "debt_to_equity": 0.7,
        "liabilities_to_assets": pytest.approx(600 / 1100),
        "net_debt_to_ebitda": 1.25,
        "current_ratio": 1.5,
        "cash_to_assets": pytest.approx(100 / 1100),
        "revenue_growth": 0.25,
        "earnings_growth": 3.0,  # from a loss of 50 to 100
        "asset_growth": pytest.approx(2 / 9),
        "equity_growth": pytest.approx(2 / 3),
        "report_age_days": 62.0,
    }


def test_without_share_counts_what_needs_them_is_null_and_the_rest_is_there():
    days = sessions(2, TODAY)
    known = {name: value for name, value in REPORT.items() if name not in ("shares_outstanding", "market_cap_usd")}
    whole, found = one(days, flat(days), REPORT, []), one(days, flat(days), known, [])
    missing = {name for name in whole if whole[name] is not None and found[name] is None}
    assert missing == {
        "earnings_to_price", "book_to_price", "sales_to_price", "cash_flow_to_price", "free_cash_flow_to_price",
        "ev_to_ebitda", "ebitda_to_ev",
    }  # fmt: skip


def test_a_loss_has_no_multiple_and_a_hole_in_equity_no_return():
    days = sessions(2, TODAY)
    found = one(days, flat(days), REPORT | {"ebitda_ttm_usd": -1.0, "equity_usd": -400.0, "revenue_ttm_usd": 0.0}, [])
    for name in ("ev_to_ebitda", "net_debt_to_ebitda", "return_on_equity", "debt_to_equity", "net_margin"):
        assert found[name] is None
    assert found["ebitda_to_ev"] == pytest.approx(-1 / 2250)
    assert found["book_to_price"] == -0.2
    assert found["equity_growth"] == pytest.approx(-7 / 3)
    cash_rich = one(days, flat(days), REPORT | {"cash_usd": 3000.0}, [])
    assert cash_rich["ev_to_ebitda"] is None and cash_rich["ebitda_to_ev"] is None


def test_a_revision_is_of_the_same_quarter_whatever_number_it_had_and_in_shares_of_today():
    days = sessions(64, TODAY)
    bars = split_on(flat(days), days[40], 2.0)
    ended, ends = dt.date(2015, 3, 31), dt.date(2015, 6, 30)
    said = [
        {
            "event_date": days[0], "quarter_end": ended, "quarter_eps_usd": 9.0, "quarter_revenue_usd": 7.0,
            "next_quarter_end": ends, "next_quarter_eps_usd": 4.0, "next_quarter_revenue_usd": 100.0,
            "year_end": dt.date(2015, 12, 31), "year_eps_usd": 16.0,
        },
        {"event_date": days[42], "quarter_end": dt.date(2015, 6, 27), "quarter_eps_usd": 2.5},
        {
            "event_date": days[63], "quarter_end": ends, "quarter_eps_usd": 3.0, "quarter_revenue_usd": 110.0,
            "year_end": dt.date(2015, 12, 31), "year_eps_usd": 9.0, "year_revenue_usd": 400.0, "analysts": 7,
            "quarter_eps_std_usd": 0.3,
        },
    ]  # fmt: skip
    found = one(days, bars, REPORT, said)
    assert found["earnings_revision_63"] == pytest.approx((3.0 - 4.0 / 2) / 100)
    assert found["earnings_revision_21"] == pytest.approx((3.0 - 2.5) / 100)  # three days apart are one quarter
    assert found["year_earnings_revision_63"] == pytest.approx((9.0 - 8.0) / 100)
    assert found["revenue_revision_63"] == pytest.approx(math.log(1.1))
    assert found["expected_earnings_to_price"] == 0.09
    assert found["expected_revenue_growth"] == pytest.approx(-0.6)
    assert found["estimate_dispersion"] == pytest.approx(0.1)
    assert found["analysts"] == 7


def test_a_surprise_is_against_the_last_session_that_still_expected_the_quarter():
    days = sessions(20, TODAY)
    bars = split_on(flat(days), days[15], 2.0)
    ended = dt.date(2015, 3, 31)
    said = [
        {"event_date": days[8], "quarter_end": ended, "quarter_eps_usd": 9.0, "quarter_eps_std_usd": 9.0},
        {
            "event_date": days[9], "quarter_end": dt.date(2015, 3, 28), "quarter_eps_usd": 2.0,
            "quarter_eps_std_usd": 0.4, "quarter_revenue_usd": 250.0,
        },
        {"event_date": days[10], "quarter_end": dt.date(2015, 6, 30), "quarter_eps_usd": 7.0},
    ]  # fmt: skip
    found = one(days, bars, REPORT, said)
    # 30 / 20 = 1.5 a share against 2.0 of old shares, two of which are one new
    assert found["earnings_surprise"] == pytest.approx((1.5 - 1.0) / 100)
    assert found["standardized_earnings_surprise"] == pytest.approx(0.5 / 0.2)
    assert found["revenue_surprise"] == pytest.approx(math.log(260 / 250))


def test_short_interest_is_in_shares_of_today():
    days = sessions(30, TODAY)
    bars = split_on(flat(days, dollars=1000.0), days[25], 2.0)
    said = [{"settled": days[24], "shares_short": 1.0, "shares_to_borrow": 5.0, "borrow_fee_annual": 0.03}]
    found = one(days, bars, REPORT, said)
    assert found["short_interest_fraction"] == pytest.approx(0.1)  # of 20
    assert found["days_to_cover"] == pytest.approx(2 / 10)  # 1000 USD are ten shares at 100 or five old ones at 200
    assert (found["borrow_fee"], found["borrow_supply"]) == (0.03, 0.25)
    on_the_day = one(days, bars, REPORT, [said[0] | {"settled": days[25]}])
    assert on_the_day["short_interest_fraction"] == pytest.approx(0.05)
    unknown = bars.with_columns(split_ratio=pl.when(pl.col("event_date") != days[27]).then("split_ratio"))
    assert one(days, unknown, REPORT, said)["short_interest_fraction"] is None


def test_the_price_since_the_last_announcement_by_hand():
    days = sessions(12, TODAY)
    close = [90.0] * 5 + [100.0, 102.0, 104.0, 106.0, 108.0, 110.0, 112.0]
    bars = flat(days).with_columns(
        pl.Series("close", close), vwap=pl.Series(close), dollar_volume_usd=pl.Series(close) * 10
    )
    said = [{"last_earnings": days[5], "next_earnings": days[11] + dt.timedelta(days=1)}]
    found = one(days, bars, REPORT, said, avwap_slope_sessions=5)
    assert found["avwap_earnings_gap"] == pytest.approx(math.log(112 / 106))  # the mean of 100 .. 112
    assert found["avwap_earnings_slope"] == pytest.approx(math.log(106 / 101) / 5)  # of 100 and 102 before
    assert found["avwap_earnings_state"] == 1.0
    assert (found["sessions_since_earnings"], found["sessions_until_earnings"]) == (6, 1)
    today = one(days, bars, REPORT, [{"last_earnings": days[11]}])
    assert today["avwap_earnings_gap"] == pytest.approx(0.0, abs=1e-15)
    assert (today["avwap_earnings_slope"], today["sessions_since_earnings"]) == (None, 0)


def test_an_announcement_out_of_reach_is_no_anchor_and_still_has_its_age():
    days = sessions(REACH + 5, TODAY)
    found = {n: one(days, flat(days), REPORT, [{"last_earnings": days[-1 - n]}]) for n in (REACH - 1, REACH)}
    assert [row["avwap_earnings_gap"] is None for row in found.values()] == [False, True]
    assert [row["sessions_since_earnings"] for row in found.values()] == [REACH - 1, REACH]


def test_companies_of_which_nothing_is_known_and_names_without_a_bar_have_no_row():
    days = sessions(3, TODAY)
    bars = adjusted(days, {"A": [0.0] * 3, "B": [0.0] * 3})
    financials = frame(
        COMPANY_FINANCIALS, [{"event_date": day, "symbol": s, **REPORT} for day in days for s in ("A", "C")]
    )
    made = company_features(financials, frame(COMPANY_SNAPSHOTS, []), bars, days, days[1], FEATURES)
    assert made.select("event_date", "symbol").rows() == [(days[1], "A"), (days[2], "A")]
    nothing = company_features(
        frame(COMPANY_FINANCIALS, []), frame(COMPANY_SNAPSHOTS, []), bars, days, days[0], FEATURES
    )
    assert_stored_as(nothing, COMPANY_FEATURES)
    assert nothing.is_empty()


# refusals
def test_a_bar_outside_the_window_is_refused():
    days = sessions(3, TODAY)
    financials = frame(COMPANY_FINANCIALS, [{"event_date": days[2], "symbol": "A", **REPORT}])
    with pytest.raises(ValueError, match="outside the window"):
        company_features(financials, frame(COMPANY_SNAPSHOTS, []), flat(days), days[1:], days[2], FEATURES)
