"""Files of what companies report, of what is expected of them, and of what their shares cost to borrow."""

import datetime as dt
from collections.abc import Iterable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.settings import FilesVendor, History, Profile
from feature_store import sessions as calendar
from feature_store.dataset import Dataset, Grade
from feature_store.decision_time import DecisionClock, end_of_day
from feature_store.readers import last_of_each
from feature_store.schemas.companies import BORROW, EARNINGS_DATES, ESTIMATES, FUNDAMENTALS, SHORT_INTEREST
from feature_store.schemas.market import MACRO
from quant_resources.vendors.files.vendor import FileDrop

CLOCK = DecisionClock()
MON, TUE, WED, THU, FRI = calendar.between(dt.date(2017, 3, 6), dt.date(2017, 3, 10))
WEEK = [MON, TUE, WED, THU, FRI]
DECEMBER, SEPTEMBER = dt.date(2016, 12, 31), dt.date(2016, 9, 30)
REPORTS = "symbol,event_date,item,months,value,known_at"
WHY = {"market/fundamentals": "to see what it would do", "market/earnings_dates": "to see what it would do"}


def drop_of(folder: Path, exceptions: dict[str, str] | None = None, **tables: object) -> FileDrop:
    vendor = FilesVendor.model_validate({"kind": "files", "folder": folder, **tables})
    history = History(start=dt.date(2017, 1, 3))
    return FileDrop(Profile(name="own", history=history, vendor=vendor, exceptions=exceptions or {}))


def parsed(vendor: FileDrop, dataset: Dataset, days: Iterable[dt.date]) -> pl.DataFrame:
    days = list(days)
    return vendor.parse(dataset, vendor.fetch(dataset, days, CLOCK.decision_time(max(days))), days)


def left_out(vendor: FileDrop, dataset: Dataset, days: list[dt.date]) -> dict[str, int]:
    counts = vendor.left_out(dataset, vendor.fetch(dataset, days, CLOCK.decision_time(max(days))), days)
    return {name: count for name, count in counts.items() if count}


def write(folder: Path, name: str, *lines: str) -> None:
    (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")


# --- known values ---------------------------------------------------------------------------------------------------


def test_a_long_file_of_reports_is_dated_by_its_filings_and_an_amendment_is_a_later_row(tmp_path: Path) -> None:
    write(
        tmp_path,
        "fundamentals",
        f"{REPORTS},form",
        "A,2016-12-31,revenue,12,100,2017-03-06,10-K",
        "A,2016-12-31,revenue,12,90,2017-03-08,10-K/A",
        "A,2016-12-31,assets,0,500,2017-03-06,10-K",
        "A,2016-12-31,assets,0,,2017-03-09,10-K/A",
    )
    rows = parsed(drop_of(tmp_path), FUNDAMENTALS, WEEK)
    assert rows.select("session", "item", "months", "value", "form", "grade").rows() == [
        (MON, "assets", 0, 500.0, "10-K", Grade.DATED),
        (MON, "revenue", 12, 100.0, "10-K", Grade.DATED),
        (WED, "revenue", 12, 90.0, "10-K/A", Grade.DATED),
        (THU, "assets", 0, None, "10-K/A", Grade.DATED),  # withdrawn
    ]
    assert rows.schema == {"session": pl.Date(), **FUNDAMENTALS.schema, "grade": pl.Int8()}


WIDE = {
    "file": "fundamentals",
    "columns": {"event_date": "end", "form": "type"},
    "known_at": {"column": "seen"},
    "items": {
        "sales": {"item": "revenue", "months": {"type": {"10-Q": 3, "10-K": 12}}},
        "cfo": {"item": "operating_cash_flow", "months": {"focus": {"Q1": 3, "Q2": 6, "Q3": 9, "FY": 12}}},
        "quarterly": {"item": "net_income", "months": 3},
        "yearly": {"item": "net_income", "months": 12},
        "total": {"item": "assets"},
    },
}
WIDE_HEADER = "symbol,end,type,focus,seen,sales,cfo,quarterly,yearly,total"


def test_a_wide_file_is_one_row_for_each_item_that_is_there(tmp_path: Path) -> None:
    write(
        tmp_path,
        "fundamentals",
        WIDE_HEADER,
        "A,2016-09-30,10-Q,Q3,2017-03-06T22:00:00,30,70,3,,900",
        "A,2016-12-31,10-K,FY,2017-03-08T22:00:00,120,,,11,950",
    )
    vendor = drop_of(tmp_path, fundamentals=[WIDE])
    rows = parsed(vendor, FUNDAMENTALS, WEEK)
    third, year = {"event_date": SEPTEMBER, "form": "10-Q"}, {"event_date": DECEMBER, "form": "10-K"}
    assert rows.filter(**third).select("item", "months", "value").rows() == [
        ("assets", 0, 900.0),
        ("net_income", 3, 3.0),
        ("operating_cash_flow", 9, 70.0),
        ("revenue", 3, 30.0),
    ]
    assert rows.filter(**year).select("item", "months", "value").rows() == [
        ("assets", 0, 950.0),
        ("net_income", 12, 11.0),
        ("revenue", 12, 120.0),
    ]
    assert rows.select("event_date", "session").unique(maintain_order=True).rows() == [
        (SEPTEMBER, MON),
        (DECEMBER, WED),
    ]


def test_a_wide_parquet_file_of_pandas_types_is_read(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"symbol": ["A", "B"], "date": [DECEMBER] * 2, "known_at": [MON] * 2, "net": [float("nan"), 7]}
    )
    frame.write_parquet(tmp_path / "fundamentals.parquet")
    table = {"file": "fundamentals", "items": {"net": {"item": "net_income", "months": 12}}}
    rows = parsed(drop_of(tmp_path, fundamentals=[table]), FUNDAMENTALS, [MON])
    assert rows.select("symbol", "value").rows() == [("B", 7.0)]


def test_zeros_that_stand_for_nothing_found_are_no_items(tmp_path: Path) -> None:
    write(
        tmp_path, "fundamentals", "symbol,date,known_at,paid", "A,2016-12-31,2017-03-06,0", "B,2016-12-31,2017-03-06,2"
    )
    paid = {"paid": {"item": "dividends_per_share", "months": 12}}
    table = {"file": "fundamentals", "items": paid, "replace": {"paid": {0: None}}}
    assert parsed(drop_of(tmp_path, fundamentals=[table]), FUNDAMENTALS, [MON])["symbol"].to_list() == ["B"]


def test_rows_without_a_security_and_items_of_the_year_before_are_left_out_and_counted(tmp_path: Path) -> None:
    write(
        tmp_path,
        "fundamentals",
        REPORTS,
        "A,2016-12-31,revenue,12,100,2017-03-06",
        ",2016-12-31,revenue,12,200,2017-03-06",
        "A,2015-12-31,revenue,12,80,2017-03-06",
        "A,2015-12-31,revenue,3,20,2017-03-13",  # of a session that is not asked for
    )
    table = {"file": "fundamentals", "without_symbol": "drop", "max_lag_days": 200}
    vendor = drop_of(tmp_path, fundamentals=[table])
    assert parsed(vendor, FUNDAMENTALS, WEEK)["value"].to_list() == [100.0]
    assert left_out(vendor, FUNDAMENTALS, WEEK) == {"max_lag_days": 1, "without_symbol": 1}
    plain = drop_of(tmp_path)
    assert parsed(plain, FUNDAMENTALS, WEEK)["value"].to_list() == [80.0, 100.0]
    assert left_out(plain, FUNDAMENTALS, WEEK) == {"in_quarantine": 1}


def test_an_earnings_date_is_known_on_its_day_or_ahead_where_the_file_says_so(tmp_path: Path) -> None:
    write(tmp_path, "earnings_dates", "symbol,date", "A,2017-03-08")
    rows = parsed(drop_of(tmp_path), EARNINGS_DATES, WEEK)
    assert rows.drop("session").rows() == [(WED, "A", "unknown", end_of_day(WED), Grade.RULED)]
    write(
        tmp_path,
        "earnings_dates",
        "symbol,date,time_of_day,known_at",
        "A,2017-04-20,after_close,2017-03-06",
        "A,2017-04-20,,2017-03-08",  # withdrawn
        "A,2017-04-25,before_open,2017-03-08",
    )
    rows = parsed(drop_of(tmp_path), EARNINGS_DATES, WEEK)
    assert rows.select("session", "event_date", "time_of_day").rows() == [
        (MON, dt.date(2017, 4, 20), "after_close"),
        (WED, dt.date(2017, 4, 20), None),
        (WED, dt.date(2017, 4, 25), "before_open"),
    ]


def test_each_revision_of_an_estimate_is_a_row_about_a_period_that_lies_ahead(tmp_path: Path) -> None:
    write(
        tmp_path,
        "estimates",
        "symbol,date,item,months,mean,analysts,known_at",
        "A,2017-12-31,eps_diluted,12,4.1,11,2017-03-06",
        "A,2017-12-31,eps_diluted,12,4.3,12,2017-03-09",
    )
    rows = parsed(drop_of(tmp_path), ESTIMATES, WEEK)
    assert rows.select("session", "mean", "std", "analysts").rows() == [
        (MON, 4.1, None, 11),
        (THU, 4.3, None, 12),
    ]


def test_short_interest_and_borrow_are_served_by_their_own_dates(tmp_path: Path) -> None:
    write(tmp_path, "short_interest", "symbol,date,shares_short,known_at", "A,2017-02-28,1000,2017-03-09")
    write(tmp_path, "borrow", "symbol,date,fee_annual,shares_available", "A,2017-03-07,0.25,0", "B,2017-03-07,,500")
    vendor = drop_of(tmp_path)
    assert parsed(vendor, SHORT_INTEREST, WEEK).select("session", "shares_short", "days_to_cover").rows() == [
        (THU, 1000.0, None)
    ]
    assert parsed(vendor, BORROW, WEEK).select(
        "session", "symbol", "fee_annual", "shares_available", "grade"
    ).rows() == [
        (TUE, "A", 0.25, 0.0, Grade.RULED),
        (TUE, "B", None, 500.0, Grade.RULED),
    ]


@pytest.mark.parametrize("dataset", [FUNDAMENTALS, ESTIMATES, EARNINGS_DATES, SHORT_INTEREST, BORROW])
def test_without_a_file_there_are_no_rows(tmp_path: Path, dataset: Dataset) -> None:
    rows = parsed(drop_of(tmp_path), dataset, WEEK)
    assert rows.is_empty()
    assert rows.schema == {"session": pl.Date(), **dataset.schema, "grade": pl.Int8()}


def test_a_file_of_survivors_is_served_by_a_named_exception_only_and_graded_hindsight(tmp_path: Path) -> None:
    write(tmp_path, "fundamentals", REPORTS, "A,2016-12-31,revenue,12,100,2017-03-06")
    table = {"file": "fundamentals", "coverage": "hindsight"}
    plain, named = drop_of(tmp_path, fundamentals=[table]), drop_of(tmp_path, WHY, fundamentals=[table])
    assert parsed(plain, FUNDAMENTALS, WEEK).is_empty()
    assert left_out(plain, FUNDAMENTALS, WEEK) == {"hindsight_coverage": 1}
    assert parsed(named, FUNDAMENTALS, WEEK)["grade"].to_list() == [Grade.HINDSIGHT]
    assert left_out(named, FUNDAMENTALS, WEEK) == {}


def test_vintages_of_a_macro_series_are_rows_of_one_day_and_the_latest_known_counts(tmp_path: Path) -> None:
    write(
        tmp_path,
        "macro",
        "series,date,value,known_at",
        "GDP,2016-10-01,18860.8,2017-03-06",
        "GDP,2016-10-01,18869.4,2017-03-08",
        "GDP,2016-10-01,18905.5,2017-03-10",
    )
    rows = parsed(drop_of(tmp_path), MACRO, WEEK)
    assert rows.select("session", "value", "grade").rows() == [
        (MON, 18860.8, Grade.DATED),
        (WED, 18869.4, Grade.DATED),
        (FRI, 18905.5, Grade.DATED),
    ]
    known = {day: last_of_each(rows.filter(pl.col("session") <= day), MACRO)["value"].item() for day in WEEK}
    assert known == {MON: 18860.8, TUE: 18860.8, WED: 18869.4, THU: 18869.4, FRI: 18905.5}


# --- properties -----------------------------------------------------------------------------------------------------


@st.composite
def filings(draw: st.DrawFn) -> pl.DataFrame:
    """Wide reports and amendments of a quarter, filed at any moment of two weeks."""
    filed = st.tuples(st.sampled_from("AB"), st.sampled_from([SEPTEMBER, DECEMBER]), st.integers(0, 14 * 24 * 60))
    chosen = draw(st.lists(filed, unique=True, max_size=20))
    begin = dt.datetime(2017, 3, 6)  # noqa: DTZ001 - as files have it
    rows = [
        (symbol, end, begin + dt.timedelta(minutes=late), float(n), None if n % 3 else float(-n))
        for n, (symbol, end, late) in enumerate(chosen, start=1)
    ]
    schema = {"symbol": pl.String, "end": pl.Date, "seen": pl.Datetime, "total": pl.Float64, "net": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


@effort(max_examples=12, deadline=None)
@given(reports=filings(), seed=st.integers(0, 9))
def test_a_range_is_its_days_and_a_payload_cut_earlier_gives_the_same(
    tmp_path_factory: pytest.TempPathFactory, reports: pl.DataFrame, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("drop")
    reports.sample(fraction=1.0, shuffle=True, seed=seed).write_parquet(folder / "fundamentals.parquet")
    items = {"total": {"item": "assets"}, "net": {"item": "net_income", "months": 3}}
    table = {"file": "fundamentals", "columns": {"event_date": "end"}, "known_at": {"column": "seen"}, "items": items}
    vendor, days = drop_of(folder, fundamentals=[table]), calendar.between(dt.date(2017, 3, 3), dt.date(2017, 3, 24))
    raw = vendor.fetch(FUNDAMENTALS, days, CLOCK.decision_time(days[-1]))
    whole = vendor.parse(FUNDAMENTALS, raw, days)
    assert whole.height == reports.select(pl.col("total", "net").count()).sum_horizontal().item()
    for day in days:
        single = whole.filter(session=day)
        assert_frame_equal(parsed(vendor, FUNDAMENTALS, [day]), single)
        cut = raw.filter(pl.col("known_at") <= CLOCK.decision_time(day))
        assert_frame_equal(vendor.parse(FUNDAMENTALS, cut, [day]), single)
