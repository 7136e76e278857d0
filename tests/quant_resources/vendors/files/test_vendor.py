"""A drop of files becomes canonical rows of each session, or is refused with the mend."""

import datetime as dt
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.load import load
from configs.settings import FilesVendor, History, KnownAt, Market, Profile
from configs.validation import TABLES
from feature_store import decision_time
from feature_store import sessions as calendar
from feature_store.dataset import Dataset, Grade
from feature_store.decision_time import DecisionClock, end_of_day, morning_of
from feature_store.errors import HindsightError
from feature_store.schemas.market import (
    BARS,
    BENCHMARKS,
    CORPORATE_ACTIONS,
    INDUSTRIES,
    MACRO,
    MEMBERS,
    TICKERS,
    UNIVERSE,
)
from feature_store.schemas.quality import COMPARED_BARS, QUARANTINE
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.files.vendor import FileDrop
from quant_resources.vendors.ingest import moments
from quant_resources.vendors.registry import make_vendor

SERVED = (BARS, CORPORATE_ACTIONS, MEMBERS, TICKERS, INDUSTRIES, BENCHMARKS, MACRO, COMPARED_BARS, QUARANTINE)
CLOCK = DecisionClock()
MON, TUE, WED, THU, FRI = calendar.between(dt.date(2017, 3, 6), dt.date(2017, 3, 10))
HEADER = "symbol,date,open,high,low,close,volume"


def drop_of(folder: Path, source: str = "bars", exceptions: dict[str, str] | None = None, **tables: object) -> FileDrop:
    vendor = FilesVendor.model_validate({"kind": "files", "folder": folder, **tables})
    market = Market(universe_source=source)
    history = History(start=dt.date(2017, 1, 3))
    named = exceptions or {}
    return FileDrop(Profile(name="own", history=history, vendor=vendor, market=market, exceptions=named))


def told(vendor: FileDrop, dataset: Dataset, days: Iterable[dt.date]) -> pl.DataFrame:
    days = list(days)
    return vendor.parse(dataset, vendor.fetch(dataset, days, CLOCK.decision_time(max(days))), days)


def kept_out(vendor: FileDrop, days: Iterable[dt.date]) -> list[tuple[str, str]]:
    """Rule and `file: reason` of each row of the sessions that is in quarantine."""
    rows = told(vendor, QUARANTINE, days)
    return [(row["rule"], f"{row['file']}: {row['reason']}") for row in rows.sort("reason").iter_rows(named=True)]


def write(folder: Path, name: str, *lines: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


# --- known values ---------------------------------------------------------------------------------------------------


def test_moments_by_rule_are_those_of_the_decision_clock() -> None:
    days = [dt.date(2016, 1, 4), dt.date(2016, 3, 11), dt.date(2016, 3, 13), dt.date(2016, 11, 6), dt.date(2016, 7, 1)]
    frame = pl.DataFrame({"day": days}).select(
        end=moments.end_of_day(pl.col("day")), morning=moments.morning_of(pl.col("day"))
    )
    assert frame["end"].to_list() == [decision_time.end_of_day(day) for day in days]
    assert frame["morning"].to_list() == [decision_time.morning_of(day) for day in days]


def test_a_plain_csv_of_bars_is_known_by_rule_at_the_end_of_its_day(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, "A,2017-03-06,10,11,9.5,10.5,1000", "B,2017-03-06,20,21,19,20,")
    rows = told(drop_of(tmp_path), BARS, [MON, TUE])
    assert rows.rows() == [
        (MON, MON, "A", 10.0, 11.0, 9.5, 10.5, 1000, None, None, end_of_day(MON), int(Grade.RULED)),
        (MON, MON, "B", 20.0, 21.0, 19.0, 20.0, None, None, None, end_of_day(MON), int(Grade.RULED)),
    ]
    assert rows.schema == {"session": pl.Date(), **BARS.schema, "grade": pl.Int8()}


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2017-03-07", end_of_day(TUE)),
        ("2017-03-07T12:00:59", dt.datetime(2017, 3, 7, 12, 0, 59, tzinfo=dt.UTC)),
        ("2017-03-07 12:00:59.5Z", dt.datetime(2017, 3, 7, 12, 0, 59, 500_000, tzinfo=dt.UTC)),
        ("2017-03-07T12:00:59-05:00", dt.datetime(2017, 3, 7, 17, 0, 59, tzinfo=dt.UTC)),
    ],
)
def test_a_known_at_column_is_read_in_utc(tmp_path: Path, written: str, moment: dt.datetime) -> None:
    write(tmp_path, "bars.csv", f"{HEADER},known_at", f"A,2017-03-06,10,11,9,10,5,{written}")
    row = told(drop_of(tmp_path), BARS, [MON, TUE]).row(0, named=True)
    assert row["known_at"] == moment
    assert row["session"] == CLOCK.session_of(moment)
    assert row["grade"] == Grade.OBSERVED


def test_a_correction_is_a_later_row_of_a_later_session_and_versions_of_one_session_are_all_kept(
    tmp_path: Path,
) -> None:
    write(
        tmp_path,
        "bars.csv",
        f"{HEADER},known_at",
        "A,2017-03-06,10,11,9,10,5,2017-03-06T22:00:00",
        "A,2017-03-06,10,11,9,10.1,5,2017-03-06T23:00:00",
        "A,2017-03-06,10,11,9,10.2,5,2017-03-08T22:00:00",
    )
    rows = told(drop_of(tmp_path), BARS, [MON, TUE, WED])
    assert rows.select("session", "close").rows() == [(MON, 10.0), (MON, 10.1), (WED, 10.2)]


def test_of_versions_captured_at_one_moment_the_last_stands(tmp_path: Path) -> None:
    write(
        tmp_path,
        "bars.csv",
        f"{HEADER},known_at,version",
        "A,2017-03-06,10,11,9,10.1,5,2017-03-06T22:00:00,2",
        "A,2017-03-06,10,11,9,10.0,5,2017-03-06T22:00:00,1",
    )
    vendor = drop_of(tmp_path)
    raw = vendor.fetch(BARS, [MON], CLOCK.decision_time(MON))
    assert vendor.parse(BARS, raw, [MON])["close"].to_list() == [10.1]
    assert vendor.left_out(BARS, raw, [MON]) == {
        "off_calendar": 0,
        "superseded_at_the_same_moment": 1,
        "in_quarantine": 0,
    }


def test_an_action_is_known_on_the_morning_of_its_ex_date_so_the_session_before_knows_it(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER)
    write(tmp_path, "corporate_actions.csv", "symbol,ex_date,action,value", "A,2017-03-08,split,2")
    row = told(drop_of(tmp_path), CORPORATE_ACTIONS, [MON, TUE, WED]).row(0, named=True)
    assert (row["session"], row["event_date"], row["known_at"]) == (TUE, WED, morning_of(WED))
    assert row["grade"] == Grade.RULED


def test_an_action_with_its_declaration_is_dated(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER)
    write(tmp_path, "corporate_actions.csv", "symbol,ex_date,action,value,known_at", "A,2017-03-10,split,2,2017-03-06")
    row = told(drop_of(tmp_path), CORPORATE_ACTIONS, [MON, TUE]).row(0, named=True)
    assert (row["session"], row["event_date"], row["grade"]) == (MON, FRI, Grade.DATED)


def test_benchmarks_are_bars_of_their_own_file(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, "A,2017-03-06,10,11,9.5,10.5,1000")
    write(tmp_path, "benchmarks.csv", HEADER, "SPY,2017-03-06,237,238,236,237.5,", "SPY,2017-03-07,237,238,236,237,9")
    vendor = drop_of(tmp_path)
    assert told(vendor, BARS, [MON, TUE])["symbol"].to_list() == ["A"]
    rows = told(vendor, BENCHMARKS, [MON, TUE])
    assert rows.select("session", "symbol", "close", "volume", "grade").rows() == [
        (MON, "SPY", 237.5, None, Grade.RULED),
        (TUE, "SPY", 237.0, 9, Grade.RULED),
    ]
    assert rows.schema == {"session": pl.Date(), **BENCHMARKS.schema, "grade": pl.Int8()}


def test_an_observation_of_any_day_enters_the_session_that_first_knew_it(tmp_path: Path) -> None:
    saturday, sunday = dt.date(2017, 3, 4), dt.date(2017, 3, 5)
    write(
        tmp_path,
        "macro.csv",
        "series,date,value,known_at",
        "DFF,2017-03-04,0.66,2017-03-06",
        "DFF,2017-03-05,0.66,2017-03-06",
        "UNRATE,2017-02-01,4.7,2017-03-10T13:30:00Z",  # before the next open: the Thursday's decision knows it
        "DGS10,2017-03-07,,2017-03-08",  # nothing observed
        "OLD,2017-01-01,1,2017-01-05",  # known before the first session asked for
    )
    rows = told(drop_of(tmp_path), MACRO, [MON, TUE, WED, THU, FRI])
    assert rows.select("session", "event_date", "series", "value", "grade").rows() == [
        (MON, saturday, "DFF", 0.66, Grade.DATED),
        (MON, sunday, "DFF", 0.66, Grade.DATED),
        (WED, TUE, "DGS10", None, Grade.DATED),
        (THU, dt.date(2017, 2, 1), "UNRATE", 4.7, Grade.DATED),
    ]
    assert rows.schema == {"session": pl.Date(), **MACRO.schema, "grade": pl.Int8()}


def macro_of(folder: Path, known_at: dict[str, object], *lines: str) -> FileDrop:
    write(folder, "macro.csv", *lines)
    return drop_of(folder, macro=[{"file": "macro", "known_at": known_at}])


def test_an_estimated_date_is_ruled_and_one_without_trading_is_the_end_of_the_next_session(tmp_path: Path) -> None:
    lines = ("series,date,value,out", "DGS10,2017-03-02,2.49,2017-03-03", "DGS10,2017-03-03,2.49,2017-03-04")
    friday = calendar.shift(MON, -1)
    rows = told(macro_of(tmp_path, {"column": "out"}, *lines), MACRO, [friday, MON])
    assert rows.select("session", "grade").rows() == [(friday, Grade.DATED), (friday, Grade.DATED)]
    rows = told(macro_of(tmp_path, {"column": "out", "estimated": True}, *lines), MACRO, [friday, MON])
    assert rows.select("session", "event_date", "known_at", "grade").rows() == [
        (friday, dt.date(2017, 3, 2), end_of_day(friday), Grade.RULED),
        (MON, friday, end_of_day(MON), Grade.RULED),
    ]


def test_an_estimated_date_survives_the_longest_closure(tmp_path: Path) -> None:
    lines = ("series,date,value,out", "DFF,2001-09-10,3.5,2001-09-11")
    reopened = dt.date(2001, 9, 17)
    rows = told(macro_of(tmp_path, {"column": "out", "estimated": True}, *lines), MACRO, [reopened])
    assert rows["known_at"].to_list() == [end_of_day(reopened)]


def test_a_daily_series_may_be_dated_by_rule_where_the_profile_says_so(tmp_path: Path) -> None:
    rows = told(macro_of(tmp_path, {"rule": "end_of_day"}, "series,date,value", "VIX,2017-03-06,11.24"), MACRO, [MON])
    assert rows.select("value", "known_at", "grade").rows() == [(11.24, end_of_day(MON), Grade.RULED)]


def members_of(folder: Path, **changes: object) -> FileDrop:
    write(folder, "bars.csv", HEADER)
    write(
        folder,
        "members.csv",
        "symbol,ticker,from,until,recorded,link",
        "A,AA,2017-03-06,2017-03-09,2017-03-06,good",
        "B,BB,2017-03-06,,2017-03-08,good",  # recorded after it began
        "C,CC,2017-03-08,,2017-03-06,good",  # recorded ahead
        "C,CX,2017-03-09,,2017-03-09,good",  # the same security by a second ticker
        ",ZZ,2017-03-06,,2017-03-06,none",
        "Y,YY,2017-03-06,,2017-03-06,splice",
    )
    table = {"file": "members", "unlinked": {"link": ["splice"]}, **changes}
    return drop_of(folder, source="members", members=[table])


def test_membership_is_what_was_recorded_and_in_force(tmp_path: Path) -> None:
    rows = told(members_of(tmp_path), MEMBERS, [MON, TUE, WED, THU])
    by_day = {day: rows.filter(session=day)["symbol"].to_list() for day in (MON, TUE, WED, THU)}
    assert by_day == {
        MON: ["A", "YY.UNLINKED", "ZZ.UNLINKED"],
        TUE: ["A", "YY.UNLINKED", "ZZ.UNLINKED"],
        WED: ["A", "B", "C", "YY.UNLINKED", "ZZ.UNLINKED"],
        THU: ["B", "C", "YY.UNLINKED", "ZZ.UNLINKED"],
    }
    assert rows.filter(pl.col("symbol").str.ends_with("UNLINKED"))["linked"].any() is False
    known = dict(rows.filter(session=THU).select("symbol", "known_at").iter_rows())
    assert known["B"] == end_of_day(WED)
    assert known["C"] == end_of_day(WED)
    assert (rows["event_date"] == rows["session"]).all()
    assert rows["grade"].unique().to_list() == [Grade.DATED]


def test_members_without_a_record_date_are_known_by_rule_when_they_enter(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER)
    write(tmp_path, "members.csv", "symbol,from,until", "A,2017-03-07,")
    rows = told(drop_of(tmp_path), MEMBERS, [MON, TUE])
    assert rows.select("session", "known_at", "grade").rows() == [(TUE, end_of_day(TUE), Grade.RULED)]


def sectors_of(folder: Path, *, carry_back: bool, exceptions: dict[str, str] | None = None) -> FileDrop:
    write(folder, "bars.csv", HEADER)
    write(
        folder,
        "members.csv",
        "security,symbol,from,until,recorded",
        "A,AA,2017-03-01,2017-03-08,2017-03-01",
        "A,AX,2017-03-01,,2017-03-08",  # renamed, and listed under the new ticker from the record on
        "B,BB,2017-03-01,,2017-03-01",
    )
    write(
        folder,
        "industries.csv",
        "symbol,sector,first_seen",
        "AA,Energy,2017-03-07",
        "BB,Materials ,2017-03-07",
        "AX,Tech,2017-03-09",
        "BB,Unknown,2017-03-10",
    )
    members = {
        "file": "members",
        "columns": {"symbol": "security", "ticker": "symbol"},
        "known_at": {"column": "recorded"},
    }
    industries = {
        "file": "industries",
        "columns": {"ticker": "symbol", "industry": "sector"},
        "known_at": {"column": "first_seen"},
        "carry_back": carry_back,
        "replace": {"industry": {"Tech": "Technology"}},
    }
    return drop_of(folder, members=[members], industries=[industries], exceptions=exceptions)


def test_an_industry_is_what_was_published_last_of_the_tickers_of_a_security(tmp_path: Path) -> None:
    rows = told(sectors_of(tmp_path, carry_back=False), INDUSTRIES, [MON, TUE, WED, THU, FRI])
    assert rows.select("session", "symbol", "industry").rows() == [
        (TUE, "A", "Energy"),
        (TUE, "B", "Materials"),
        (WED, "A", "Energy"),  # AX has not been published yet; AA was this security
        (WED, "B", "Materials"),
        (THU, "A", "Technology"),
        (THU, "B", "Materials"),
        (FRI, "A", "Technology"),  # B's last word is Unknown
    ]
    assert rows["grade"].unique().to_list() == [Grade.DATED]
    assert rows["known_at"].to_list()[:2] == [end_of_day(TUE)] * 2


def test_the_first_publication_is_carried_back_by_a_named_exception_only(tmp_path: Path) -> None:
    refused = sectors_of(tmp_path, carry_back=True)
    assert told(refused, INDUSTRIES, [MON]).is_empty()
    named = sectors_of(tmp_path, carry_back=True, exceptions={INDUSTRIES.name: "nothing earlier was published"})
    rows = told(named, INDUSTRIES, [MON, TUE])
    assert rows.select("session", "symbol", "industry", "grade").rows() == [
        (MON, "A", "Energy", Grade.HINDSIGHT),
        (MON, "B", "Materials", Grade.HINDSIGHT),
        (TUE, "A", "Energy", Grade.DATED),
        (TUE, "B", "Materials", Grade.DATED),
    ]
    assert rows.item(0, "known_at") == CLOCK.decision_time(MON)


def test_industries_may_name_the_security_themselves(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER)
    write(tmp_path, "industries.csv", "symbol,industry,recorded", "A,Energy,2017-03-07")
    rows = told(drop_of(tmp_path), INDUSTRIES, [MON, TUE])
    assert rows.select("session", "symbol", "industry").rows() == [(TUE, "A", "Energy")]


def test_optional_files_may_be_absent_where_the_profile_does_not_name_them(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER)
    for dataset in (CORPORATE_ACTIONS, MEMBERS, INDUSTRIES, BENCHMARKS, MACRO):
        rows = told(drop_of(tmp_path), dataset, [MON])
        assert rows.is_empty()
        assert rows.schema == {"session": pl.Date(), **dataset.schema, "grade": pl.Int8()}


def test_values_that_mean_missing_are_replaced(tmp_path: Path) -> None:
    bars = pl.DataFrame({"symbol": ["A", "B"], "date": [MON, MON], "volume": [0, 7]}).with_columns(
        pl.lit(1.0).alias(name) for name in ("open", "high", "low", "close")
    )
    bars.write_parquet(tmp_path / "bars.parquet")
    table = {"file": "bars", "replace": {"volume": {0: None}}}
    assert told(drop_of(tmp_path, bars=[table]), BARS, [MON])["volume"].to_list() == [None, 7]


def test_a_parquet_file_of_pandas_types_is_read(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "symbol": pl.Series(["A", "B"], dtype=pl.Categorical),
            "date": [dt.datetime(2017, 3, 6), dt.datetime(2017, 3, 6)],  # noqa: DTZ001 - as pandas writes dates
            "volume": [7.0, float("nan")],
        }
    ).with_columns(pl.lit(5).alias(name) for name in ("open", "high", "low", "close"))
    frame.write_parquet(tmp_path / "bars.parquet")
    rows = told(drop_of(tmp_path), BARS, [MON])
    assert rows.select("symbol", "close", "volume").rows() == [("A", 5.0, 7), ("B", 5.0, None)]


def test_off_calendar_bars_are_dropped_and_counted_where_the_table_says_so(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, "A,2017-03-05,1,1,1,1,1", "A,2017-03-06,1,1,1,1,1")
    vendor = drop_of(tmp_path, bars=[{"file": "bars", "off_calendar": "drop"}])
    days = [calendar.shift(MON, -1), MON]
    raw = vendor.fetch(BARS, days, CLOCK.decision_time(MON))
    assert vendor.parse(BARS, raw, days)["event_date"].to_list() == [MON]
    assert vendor.left_out(BARS, raw, days)["off_calendar"] == 1


def test_make_vendor_gives_the_vendor_that_the_profile_names(tmp_path: Path) -> None:
    assert isinstance(make_vendor(load("files", data=tmp_path)), FileDrop)
    assert not isinstance(make_vendor(load("demo")), FileDrop)


# --- properties -----------------------------------------------------------------------------------------------------


@st.composite
def captured_bars(draw: st.DrawFn) -> pl.DataFrame:
    """Versions of bars of eight sessions, captured at any moment after their day, weekends included."""
    days = calendar.between(dt.date(2017, 3, 6), dt.date(2017, 3, 15))
    version = st.tuples(st.sampled_from("AB"), st.sampled_from(days), st.integers(17 * 60, 8 * 24 * 60))
    chosen = draw(st.lists(version, unique=True, max_size=25))
    rows = [
        (symbol, day, price / 4, dt.datetime.combine(day, dt.time()) + dt.timedelta(minutes=late))
        for price, (symbol, day, late) in enumerate(chosen, start=1)
    ]
    schema = {"symbol": pl.String, "date": pl.Date, "close": pl.Float64, "known_at": pl.Datetime}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(open="close", high="close", low="close", volume=pl.lit(1))


@effort(max_examples=12, deadline=None)
@given(bars=captured_bars(), seed=st.integers(0, 9))
def test_a_range_is_its_days_and_a_payload_cut_earlier_tells_the_same(
    tmp_path_factory: pytest.TempPathFactory, bars: pl.DataFrame, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("drop")
    bars.sample(fraction=1.0, shuffle=True, seed=seed).write_parquet(folder / "bars.parquet")
    vendor, days = drop_of(folder), calendar.between(dt.date(2017, 3, 6), dt.date(2017, 3, 24))
    raw = vendor.fetch(BARS, days, CLOCK.decision_time(days[-1]))
    whole = vendor.parse(BARS, raw, days)
    assert whole.height == bars.height
    for day in days:
        single = whole.filter(session=day)
        assert_frame_equal(told(vendor, BARS, [day]), single)
        cut = raw.filter(pl.col("known_at") <= CLOCK.decision_time(day))
        assert_frame_equal(vendor.parse(BARS, cut, [day]), single)


@effort(max_examples=12, deadline=None)
@given(bars=captured_bars(), broken=st.lists(st.integers(0, 40), max_size=30), seed=st.integers(0, 9))
def test_every_row_is_stored_or_in_quarantine_and_a_range_of_it_is_its_days(
    tmp_path_factory: pytest.TempPathFactory, bars: pl.DataFrame, broken: list[int], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("drop")
    spoilt = [index % max(bars.height, 1) for index in broken]
    copies = bars[spoilt] if bars.height else bars  # twins, some of them spoilt
    twins = copies.with_columns(close=pl.when(pl.int_range(pl.len()) % 2 == 0).then(-1.0).otherwise("close"))
    whole_drop = pl.concat([bars, twins])
    whole_drop.sample(fraction=1.0, shuffle=True, seed=seed).write_parquet(folder / "bars.parquet")
    vendor, days = drop_of(folder), calendar.between(dt.date(2017, 3, 6), dt.date(2017, 3, 24))
    kept = told(vendor, QUARANTINE, days)
    assert kept.select("source", "row").n_unique() + told(vendor, BARS, days).height == whole_drop.height
    assert told(vendor, BARS, days).height == bars.height
    raw = vendor.fetch(QUARANTINE, days, CLOCK.decision_time(days[-1]))
    for day in days:
        assert_frame_equal(told(vendor, QUARANTINE, [day]), kept.filter(session=day))
        cut = raw.filter(pl.col("known_at") <= CLOCK.decision_time(day))
        assert_frame_equal(vendor.parse(QUARANTINE, cut, [day]), kept.filter(session=day))


@effort(max_examples=12, deadline=None)
@given(
    days=st.lists(st.dates(dt.date(2017, 2, 25), dt.date(2017, 3, 20)), unique=True, min_size=1, max_size=12),
    lag=st.integers(0, 9),
    estimated=st.booleans(),
)
def test_a_range_of_macro_is_its_days_whatever_days_are_observed(
    tmp_path_factory: pytest.TempPathFactory, days: list[dt.date], lag: int, estimated: bool
) -> None:
    frame = pl.DataFrame({"series": "X", "date": days, "value": [float(day.day) for day in days]})
    frame = frame.with_columns(out=pl.col("date") + dt.timedelta(days=lag))
    folder = tmp_path_factory.mktemp("drop")
    frame.write_parquet(folder / "macro.parquet")
    table = {"file": "macro", "known_at": {"column": "out", "estimated": estimated}}
    vendor = drop_of(folder, macro=[table])
    asked = calendar.between(dt.date(2017, 2, 24), dt.date(2017, 4, 7))
    raw = vendor.fetch(MACRO, asked, CLOCK.decision_time(asked[-1]))
    whole = vendor.parse(MACRO, raw, asked)
    assert sorted(whole["event_date"]) == sorted(days)
    if estimated:
        assert (whole["session"] >= whole["event_date"]).all()
    for day in asked:
        assert_frame_equal(told(vendor, MACRO, [day]), whole.filter(session=day))
        cut = raw.filter(pl.col("known_at") <= CLOCK.decision_time(day))
        assert_frame_equal(vendor.parse(MACRO, cut, [day]), whole.filter(session=day))


def test_nothing_known_later_is_fetched(tmp_path: Path) -> None:
    write(
        tmp_path,
        "bars.csv",
        f"{HEADER},known_at",
        "A,2017-03-06,1,1,1,1,1,2017-03-06T22:00:00",
        "A,2017-03-06,2,2,2,2,1,2017-03-06T22:30:00",
    )
    until = dt.datetime(2017, 3, 6, 22, 15, tzinfo=dt.UTC)
    assert drop_of(tmp_path).fetch(BARS, [MON], until)["close"].to_list() == [1.0]
    raw = members_of(tmp_path).fetch(MEMBERS, [MON, THU], CLOCK.decision_time(WED))
    assert raw.filter(pl.col("known_at") > CLOCK.decision_time(WED)).is_empty()
    assert raw["until"].null_count() == raw.height  # the end of A, on Thursday, had not come


# --- refusals -------------------------------------------------------------------------------------------------------


GOOD = "GOOD,2017-03-06,1,1,1,1,5"


@pytest.mark.parametrize("price", ["0", "-1", "nan", "inf", ""])
@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
def test_a_price_that_is_none_is_kept_out_with_file_symbol_date_and_value(
    tmp_path: Path, column: str, price: str
) -> None:
    values = {"open": "1", "high": "1", "low": "1", "close": "1", column: price}
    write(tmp_path, "bars.csv", HEADER, f"XYZ,2017-03-06,{','.join(values.values())},5", GOOD)
    shown = {"": "None", "0": "0.0", "-1": "-1.0", "nan": "NaN"}.get(price, price)
    ((rule, said),) = kept_out(drop_of(tmp_path), [MON])
    assert rule == f"{column}_not_positive"
    assert re.search(rf"bars.csv: XYZ 2017-03-06 has {column} {shown};.*mend", said)
    assert told(drop_of(tmp_path), BARS, [MON])["symbol"].to_list() == ["GOOD"]


@pytest.mark.parametrize(
    ("prices", "rule", "shown"),
    [
        ("1,1,2,1", "high_below_low", "high 1.0, low 2.0"),
        ("3,2,1,1.5", "open_outside_range", "open 3.0, low 1.0, high 2.0"),
        ("1.5,2,1,0.5", "close_outside_range", "close 0.5, low 1.0, high 2.0"),
    ],
)
def test_prices_out_of_order_are_kept_out(tmp_path: Path, prices: str, rule: str, shown: str) -> None:
    write(tmp_path, "bars.csv", HEADER, f"XYZ,2017-03-06,{prices},5", GOOD)
    ((found, said),) = kept_out(drop_of(tmp_path), [MON])
    assert found == rule
    assert f"XYZ 2017-03-06 has {shown}" in said
    assert told(drop_of(tmp_path), BARS, [MON])["symbol"].to_list() == ["GOOD"]


def test_a_vwap_may_lie_a_little_outside_the_range_and_no_more(tmp_path: Path) -> None:
    lines = [f"{name},2017-03-06,1,1,1,1,5,{vwap}" for name, vwap in (("A", "1.009"), ("B", "1.02"), ("C", ""))]
    write(tmp_path, "bars.csv", f"{HEADER},vwap", *lines)
    assert [rule for rule, _ in kept_out(drop_of(tmp_path), [MON])] == ["vwap_outside_range"]
    assert told(drop_of(tmp_path), BARS, [MON])["vwap"].to_list() == [1.009, None]


def test_a_bad_row_of_another_session_does_not_stop_this_one(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, "A,2017-03-06,0,1,1,1,5", "A,2017-03-07,1,1,1,1,5")
    assert told(drop_of(tmp_path), BARS, [TUE]).height == 1


@pytest.mark.parametrize(
    ("volume", "rule", "said"),
    [
        ("-5", "volume_negative", "A 2017-03-06 has volume -5"),
        ("2.5", "unreadable", "column 'volume' holds '2.5' where a whole number belongs"),
        ("many", "unreadable", "column 'volume' holds 'many' where a whole number belongs"),
    ],
)
def test_a_negative_or_broken_volume_is_kept_out(tmp_path: Path, volume: str, rule: str, said: str) -> None:
    write(tmp_path, "bars.csv", HEADER, f"A,2017-03-06,1,1,1,1,{volume}", GOOD)
    ((found, reason),) = kept_out(drop_of(tmp_path), [MON])
    assert found == rule
    assert said in reason
    assert told(drop_of(tmp_path), BARS, [MON])["symbol"].to_list() == ["GOOD"]


def test_rows_that_contradict_one_another_are_all_kept_out_with_what_they_say(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, "A,2017-03-06,1,1,1,1,5", "A,2017-03-06,1,2,1,2,5", GOOD)
    vendor = drop_of(tmp_path)
    found = told(vendor, QUARANTINE, [MON])
    assert found["rule"].to_list() == ["duplicate_conflicting"] * 2
    assert {json.loads(content)["close"] for content in found["content"]} == {"1.0", "2.0"}
    assert all("A 2017-03-06 contradicts another row" in r and "keep one" in r for r in found["reason"])
    assert told(vendor, BARS, [MON])["symbol"].to_list() == ["GOOD"]


def test_of_equal_rows_one_stands_and_the_others_are_counted_one_by_one(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, *["A,2017-03-06,1,1,1,1,5"] * 2)
    write(tmp_path, "more.csv", HEADER, "A,2017-03-06,1,1,1,1,5")
    vendor = drop_of(tmp_path, bars=[{"file": "bars"}, {"file": "more"}])
    found = told(vendor, QUARANTINE, [MON])
    assert found["rule"].to_list() == ["duplicate"] * 2
    assert found["row"].n_unique() == 2
    assert told(vendor, BARS, [MON]).height == 1


def test_a_sound_row_is_not_held_against_a_broken_twin(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, "A,2017-03-06,1,1,1,1,5", "A,2017-03-06,1,1,1,-1,5")
    vendor = drop_of(tmp_path)
    assert [rule for rule, _ in kept_out(vendor, [MON])] == ["close_not_positive"]
    assert told(vendor, BARS, [MON])["close"].to_list() == [1.0]


def test_a_bar_from_the_future_is_kept_out_in_the_session_that_it_was_declared_in(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", f"{HEADER},known_at", "A,2017-03-08,1,1,1,1,5,2017-03-07T12:00:00")
    vendor = drop_of(tmp_path)
    ((rule, said),) = kept_out(vendor, [MON])
    assert rule == "future_date"
    assert "A 2017-03-08 is declared known at 2017-03-07 12:00:00" in said
    assert "a future date" in said
    assert kept_out(vendor, [TUE, WED]) == []
    assert told(vendor, BARS, [MON, TUE, WED]).is_empty()


def test_a_bar_off_the_calendar_is_kept_out(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, "A,2017-03-05,1,1,1,1,5")
    ((rule, said),) = kept_out(drop_of(tmp_path), [calendar.shift(MON, -1), MON])
    assert rule == "off_calendar"
    assert re.search(r"A 2017-03-05 is no trading session of XNYS.*off_calendar: drop", said)


def test_benchmarks_are_judged_as_bars_are(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER)
    write(tmp_path, "benchmarks.csv", HEADER, "SPY,2017-03-05,1,1,1,1,5", "SPY,2017-03-06,1,1,0,1,5")
    found = kept_out(drop_of(tmp_path), [calendar.shift(MON, -1), MON])
    assert [rule for rule, _ in found] == ["off_calendar", "low_not_positive"]
    assert "benchmarks.csv: SPY 2017-03-05 is no trading session" in found[0][1]
    assert "SPY 2017-03-06 has low 0.0" in found[1][1]
    named = drop_of(tmp_path, benchmarks=[{"file": "funds"}])
    with pytest.raises(VendorError, match=r"no funds, funds.parquet or funds.csv for market/benchmarks"):
        told(named, BENCHMARKS, [MON])


@pytest.mark.parametrize(
    ("written", "wrong"),
    [
        ("X,2017-03-06,nan,2017-03-06", "X 2017-03-06 has value NaN; leave it empty"),
        ("X,2017-03-06,inf,2017-03-06", "X 2017-03-06 has value inf"),
        ("X,2017-03-06,.,2017-03-06", r"column 'value' holds '\.' where a number belongs"),
        ("X,2017-03-07,1,2017-03-06", "X 2017-03-07 is declared known at .* before the day it observes"),
        (",2017-03-06,1,2017-03-06", "has no series"),
        ("X,,1,2017-03-06", "X has no event_date"),
        ("X,2017-03-06,1,2017-03-06\nX,2017-03-06,2,2017-03-06", "X 2017-03-06 contradicts another row"),
    ],
)
def test_an_impossible_observation_is_kept_out(tmp_path: Path, written: str, wrong: str) -> None:
    write(tmp_path, "bars.csv", HEADER)
    write(tmp_path, "macro.csv", "series,date,value,known_at", written, "GOOD,2017-03-06,1,2017-03-06")
    found = kept_out(drop_of(tmp_path), [MON])
    assert found
    assert all(re.search(f"macro.csv: .*{wrong}", said) for _, said in found)
    assert told(drop_of(tmp_path), MACRO, [MON])["series"].to_list() == ["GOOD"]


def test_macro_that_does_not_say_when_it_was_published_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "macro.csv", "series,date,value", "CPI,2017-03-01,244")
    with pytest.raises(VendorError, match=r"macro.csv does not say when each value was published.*rule: end_of_day"):
        told(drop_of(tmp_path), MACRO, [MON])


def test_a_rule_is_no_estimate_of_another() -> None:
    with pytest.raises(ValueError, match="`estimated` speaks of the dates in a `column`"):
        KnownAt(rule="end_of_day", estimated=True)


def test_a_missing_column_is_refused_with_what_the_file_has(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", "symbol,date,open,high,low,last,volume")
    with pytest.raises(VendorError, match=r"bars.csv has no column 'close'; it has symbol, date, open.*last"):
        told(drop_of(tmp_path), BARS, [MON])
    with pytest.raises(VendorError, match="no column 'nowhere'"):
        told(drop_of(tmp_path, bars=[{"file": "bars", "columns": {"close": "nowhere"}}]), BARS, [MON])
    with pytest.raises(VendorError, match="no column 'kind'"):
        filtered = {"file": "bars", "columns": {"close": "last"}, "where": {"kind": ["x"]}}
        told(drop_of(tmp_path, bars=[filtered]), BARS, [MON])


@pytest.mark.parametrize("written", ["3/6/2017", "2017-13-01", "soon"])
def test_a_date_that_is_none_is_refused_wherever_it_stands(tmp_path: Path, written: str) -> None:
    write(tmp_path, "bars.csv", HEADER, "A,2017-03-06,1,1,1,1,5", f"A,{written},1,1,1,1,5")
    with pytest.raises(VendorError, match=rf"bars.csv: column 'date' holds '{written}'.*YYYY-MM-DD"):
        told(drop_of(tmp_path), BARS, [FRI])
    write(tmp_path, "bars.csv", f"{HEADER},known_at", f"A,2017-03-06,1,1,1,1,5,{written}")
    with pytest.raises(VendorError, match=rf"column 'known_at' holds '{written}'"):
        told(drop_of(tmp_path), BARS, [FRI])


def test_rows_without_a_symbol_are_kept_out(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, ",2017-03-06,1,1,1,1,5", '"  ",2017-03-06,1,1,1,1,5', GOOD)
    assert [rule for rule, _ in kept_out(drop_of(tmp_path), [MON])] == ["symbol_blank", "symbol_missing"]
    assert told(drop_of(tmp_path), BARS, [MON])["symbol"].to_list() == ["GOOD"]


def test_rows_that_no_session_can_claim_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, "A,,1,1,1,1,5")
    with pytest.raises(VendorError, match="1 rows have no event_date"):
        told(drop_of(tmp_path), BARS, [MON])


@pytest.mark.parametrize("name", ["bars.parquet", "bars.csv"])
@pytest.mark.parametrize("content", [b"", b"PAR1 and then nothing of the kind", b"\xff\xfe\x00\x01\n\xff"])
def test_an_unreadable_file_is_refused_with_the_mend(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VendorError, match=rf"{name} (cannot be read as|has no column)"):
        told(drop_of(tmp_path), BARS, [MON])


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    days = calendar.between(dt.date(2010, 1, 4), dt.date(2017, 3, 6))
    frame = pl.DataFrame({"symbol": "A", "date": days, "volume": 1}).with_columns(
        pl.Series(name, np.random.default_rng(1).random(len(days)) + 1) for name in ("open", "high", "low", "close")
    )
    path = tmp_path / "bars.parquet"
    frame.write_parquet(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(VendorError, match=r"cannot be read as Parquet .* export it again"):
        told(drop_of(tmp_path), BARS, [MON])
    # a sound footer over broken pages
    path.write_bytes(whole[:4] + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :])
    with pytest.raises(VendorError, match="cannot be read as Parquet"):
        told(drop_of(tmp_path), BARS, [MON])


def test_missing_bars_a_missing_folder_and_a_named_file_that_is_absent_are_refused(tmp_path: Path) -> None:
    with pytest.raises(VendorError, match=r"has no bars, bars.parquet or bars.csv .*--data"):
        told(drop_of(tmp_path), BARS, [MON])
    with pytest.raises(VendorError, match=r"data folder .* is not there"):
        told(drop_of(tmp_path / "nowhere"), BARS, [MON])
    named = drop_of(tmp_path, corporate_actions=[{"file": "actions"}])
    with pytest.raises(VendorError, match=r"no actions, actions.parquet or actions.csv for market/corporate_actions"):
        told(named, CORPORATE_ACTIONS, [MON])


def test_a_universe_of_members_needs_the_members_file(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER)
    with pytest.raises(VendorError, match="universe_source=bars"):
        told(drop_of(tmp_path, source="members"), MEMBERS, [MON])


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("split,0", "has split 0.0; a split is new shares per old one"),
        ("split,inf", "has split inf"),
        ("cash_dividend,-1", "has cash_dividend -1.0"),
        ("delisting,-1.5", "has delisting -1.5"),
        ("spinoff,1", "has action 'spinoff'; it is none of split"),
    ],
)
def test_an_impossible_action_is_kept_out(tmp_path: Path, written: str, said: str) -> None:
    write(tmp_path, "bars.csv", HEADER)
    lines = (f"A,2017-03-07,{written}", "GOOD,2017-03-07,split,2")
    write(tmp_path, "corporate_actions.csv", "symbol,ex_date,action,value", *lines)
    ((_, reason),) = kept_out(drop_of(tmp_path), [MON])
    assert "corporate_actions.csv: A " in reason
    assert said in reason
    assert told(drop_of(tmp_path), CORPORATE_ACTIONS, [MON])["symbol"].to_list() == ["GOOD"]


def test_members_that_leave_before_they_enter_or_have_no_dates_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "members.csv", "symbol,from,until", "A,2017-03-06,2017-03-06")
    with pytest.raises(VendorError, match="from 2017-03-06 until 2017-03-06"):
        told(drop_of(tmp_path), MEMBERS, [TUE])
    write(tmp_path, "members.csv", "symbol,from,until,recorded", "A,2017-03-06,,")
    with pytest.raises(VendorError, match="1 member rows have no recorded"):
        told(drop_of(tmp_path), MEMBERS, [TUE])


def test_undated_industries_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "industries.csv", "symbol,industry", "A,Energy")
    with pytest.raises(VendorError, match="when each industry was published"):
        told(drop_of(tmp_path), INDUSTRIES, [MON])


def test_a_column_of_hindsight_is_refused_without_a_named_exception_and_graded_with_one(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", f"{HEADER},adjusted", "A,2017-03-06,1,1,0.9,1,5,0.9")
    table = {"file": "bars", "columns": {"close": "adjusted"}, "hindsight": ["adjusted"]}
    with pytest.raises(HindsightError, match=r"adjusted holds what nobody knew.*exceptions: \{market/bars"):
        told(drop_of(tmp_path, bars=[table]), BARS, [MON])
    named = drop_of(tmp_path, bars=[table], exceptions={"market/bars": "to see what it would do"})
    assert told(named, BARS, [MON])["grade"].to_list() == [Grade.HINDSIGHT]


def test_a_dataset_that_files_do_not_serve_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER)
    with pytest.raises(VendorError, match="not market/universe"):
        told(drop_of(tmp_path), UNIVERSE, [MON])


# --- the bundle of real data ----------------------------------------------------------------------------------------

BUNDLE = Path(__file__).parents[5] / "shared" / "data"
CUT = dt.date(2016, 6, 30)
shared = [
    pytest.mark.shared,
    pytest.mark.skipif(not BUNDLE.is_dir(), reason=f"the market data bundle is not at {BUNDLE}"),
]


def real(name: str, folder: Path = BUNDLE) -> FileDrop:
    return FileDrop(load(name, data=folder))


@lru_cache
def some_sessions(first: dt.date, last: dt.date, n: int) -> list[dt.date]:
    days = calendar.between(first, last)
    chosen = np.random.default_rng(11).choice(len(days), n, replace=False)
    return [days[i] for i in sorted(chosen)]


class TestBundle:
    pytestmark = shared

    def test_membership_is_the_point_in_time_query(self) -> None:
        table = pl.read_parquet(BUNDLE / "sp500_membership.parquet")
        days = some_sessions(dt.date(2007, 3, 5), dt.date(2018, 12, 31), 40)
        rows = told(real("sp500"), MEMBERS, days)
        for day in days:
            inside = table.filter(
                (pl.col("recorded_at") <= day)
                & (pl.col("date_added") <= day)
                & (pl.col("date_removed").is_null() | (pl.col("date_removed") > day))
            )
            asked = {
                ticker + ".UNLINKED" if security is None or method == "identity_splice" else security
                for ticker, security, method in inside.select("symbol", "security_id", "link_method").iter_rows()
            }
            assert set(rows.filter(session=day)["symbol"]) == asked
            assert rows.filter(session=day).height == len(asked)
            assert 480 <= len(asked) <= 506  # the query gives 497 to 506 rows; some name one security twice

    def test_vintages_land_in_the_session_that_first_knew_them(self) -> None:
        days = some_sessions(dt.date(2015, 3, 23), dt.date(2017, 3, 30), 12)
        table = pl.read_parquet(BUNDLE / "prices_vintages_2015_2017.parquet")
        for day in days:
            after, until = (CLOCK.decision_time(d).replace(tzinfo=None) for d in (calendar.shift(day, -1), day))
            asked = table.filter(
                (pl.col("knowledge_time") > after)
                & (pl.col("knowledge_time") <= until)
                & pl.col("date").is_in(list(calendar.all_sessions()))
            ).unique(["symbol", "date", "knowledge_time"])
            rows = told(real("vintages"), BARS, [day])
            assert set(rows.select("symbol", "event_date").iter_rows()) == set(
                asked.select("symbol", "date").iter_rows()
            )
            assert rows.height == asked.height
            assert rows["grade"].unique().to_list() in ([], [Grade.OBSERVED])

    def test_versions_of_one_capture_keep_the_last_word(self) -> None:
        day = CLOCK.session_of(dt.datetime(2015, 4, 7, 12, 1, 53, tzinfo=dt.UTC))
        row = told(real("vintages"), BARS, [day]).filter(symbol="SSE", event_date=dt.date(2015, 4, 6))
        assert row["close"].to_list() == [0.02]  # a wrong price that the vendor did publish

    @pytest.mark.parametrize(
        ("name", "year"), [("sp500", 2008), ("sp500", 2018), ("vintages", 2015), ("vintages", 2016)]
    )
    def test_whole_years_parse(self, name: str, year: int) -> None:
        days = calendar.between(max(load(name).history.start, dt.date(year, 1, 1)), dt.date(year, 12, 31))
        vendor = real(name)
        # on a few sessions the vintages were captured too late for the decision, and belong to the next one
        assert told(vendor, BARS, days)["session"].n_unique() > 0.98 * len(days)
        assert told(vendor, CORPORATE_ACTIONS, days)["session"].n_unique() > 0.9 * len(days)

    @pytest.mark.parametrize("dataset", SERVED, ids=lambda d: d.name)
    def test_a_range_is_its_days(self, dataset: Dataset) -> None:
        days = calendar.between(dt.date(2012, 11, 1), dt.date(2013, 5, 31))  # over the first snapshot of sectors
        whole = told(real("sp500"), dataset, days)
        for day in [days[0], *days[30:45:3], *days[100::20], days[-1]]:
            assert_frame_equal(told(real("sp500"), dataset, [day]), whole.filter(session=day))

    def test_macro_is_known_when_it_was_published(self) -> None:
        days = calendar.between(dt.date(2008, 9, 11), dt.date(2008, 10, 24))
        rows = told(real("sp500"), MACRO, days)
        vix = rows.filter(series="VIX_CLOSE", event_date=dt.date(2008, 10, 24))
        assert vix.select("session", "value").rows() == [(dt.date(2008, 10, 24), 79.13)]
        # the rates of Lehman's weekend: Friday's to Sunday's came out on Monday, Monday's on Tuesday
        funds = dict(rows.filter(series="DFF").select("event_date", "session").iter_rows())
        monday, tuesday = dt.date(2008, 9, 15), dt.date(2008, 9, 16)
        assert [funds[dt.date(2008, 9, day)] for day in (12, 13, 14, 15)] == [monday, monday, monday, tuesday]
        assert rows["grade"].unique().to_list() == [Grade.RULED]

    def test_macro_holds_no_hindsight_and_no_revised_series(self) -> None:
        rows = told(real("sp500"), MACRO, some_sessions(dt.date(2007, 3, 5), dt.date(2018, 12, 28), 60))
        assert not {"ACMTP10", "CPIAUCSL", "PAYEMS", "GDP", "INDPRO", "ICSA"} & set(rows["series"])
        daily = rows.filter(pl.col("series").is_in(["DGS10", "DGS2", "BAA10Y", "DFF"]))
        assert (daily["session"] > daily["event_date"]).all()

    @pytest.mark.parametrize("name", ["sp500", "vintages"])
    def test_benchmarks_have_their_bars_and_dividends(self, name: str) -> None:
        days = calendar.between(dt.date(2016, 1, 4), dt.date(2016, 12, 30))
        rows = told(real(name), BENCHMARKS, days)
        assert rows["symbol"].n_unique() == 67  # XLC came in 2018
        assert rows.filter(symbol="SPY").height == len(days)
        paid = told(real(name), CORPORATE_ACTIONS, days).filter(symbol="SPY")
        assert paid["value"].sum() == pytest.approx(4.54, abs=0.01)

    def test_sectors_before_the_first_snapshot_are_graded_hindsight(self) -> None:
        last, first = dt.date(2012, 12, 26), dt.date(2012, 12, 27)
        rows = told(real("sp500"), INDUSTRIES, [last, first])
        assert rows.filter(session=last)["grade"].unique().to_list() == [Grade.HINDSIGHT]
        assert rows.filter(session=first)["grade"].unique().to_list() == [Grade.DATED]

    def test_real_estate_appears_when_it_was_published(self) -> None:
        days = [dt.date(2017, 3, 7), dt.date(2017, 3, 8)]
        rows = told(real("sp500"), INDUSTRIES, days).filter(symbol="AMT")
        assert rows["industry"].to_list() == ["Financials", "Real Estate"]

    def test_most_members_have_an_industry(self) -> None:
        days = some_sessions(dt.date(2013, 1, 2), dt.date(2018, 12, 31), 20)
        members = told(real("sp500"), MEMBERS, days).filter("linked")
        known = members.join(told(real("sp500"), INDUSTRIES, days), on=["session", "symbol"], how="semi")
        assert known.height / members.height > 0.95

    @pytest.mark.parametrize("name", ["sp500", "vintages"])
    @pytest.mark.parametrize("dataset", SERVED, ids=lambda d: d.name)
    def test_a_bundle_cut_at_a_date_tells_the_same_up_to_it(
        self, cut_bundle: Path, name: str, dataset: Dataset
    ) -> None:
        first = max(load(name).history.start, dt.date(2007, 3, 5))
        days = [*some_sessions(first, CUT, 24), *calendar.between(CUT - dt.timedelta(days=7), CUT)]
        days = sorted(set(days) - {calendar.at_or_before(CUT)} if name == "vintages" else set(days))
        for chunk in (days[:6], days[6:12], days[12:]):
            inside = [d for d in chunk if not cut_short(dataset, d)]
            assert_frame_equal(told(real(name, cut_bundle), dataset, inside), told(real(name), dataset, inside))


def cut_short(dataset: Dataset, day: dt.date) -> bool:
    """The cut is by calendar day: what was known the morning after the last session is gone."""
    return dataset.name in (CORPORATE_ACTIONS.name, COMPARED_BARS.name) and day >= calendar.at_or_before(CUT)


@pytest.fixture(scope="module")
def cut_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the profiles read, as of the cut, by the bundle's own tool."""
    whole, cut = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("cut")
    for profile in ("sp500", "vintages"):
        vendor = load(profile).vendor
        for field in TABLES:
            for table in getattr(vendor, field):
                link, path = whole / f"{table.file}.parquet", BUNDLE / f"{table.file}.parquet"
                if path.exists() and not link.exists():
                    link.symlink_to(path)
    tool = BUNDLE.parent / "tools" / "cut_bundle.py"
    subprocess.run([sys.executable, str(tool), str(whole), str(cut), str(CUT)], check=True)
    return cut
