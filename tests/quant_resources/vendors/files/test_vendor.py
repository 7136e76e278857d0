"""A drop of files becomes canonical rows of each session."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from configs.load import load
from feature_store import decision_time
from feature_store import sessions as calendar
from feature_store.dataset import Grade
from feature_store.decision_time import end_of_day, morning_of
from feature_store.schemas.market import (
    BARS,
    BENCHMARKS,
    CORPORATE_ACTIONS,
    INDUSTRIES,
    MACRO,
    MEMBERS,
)
from feature_store.schemas.quality import QUARANTINE
from quant_resources.vendors.files.vendor import FileDrop
from quant_resources.vendors.ingest import moments
from quant_resources.vendors.registry import make_vendor
from tests.quant_resources.vendors.files.drops import (
    CLOCK,
    FRI,
    HEADER,
    MON,
    THU,
    TUE,
    WED,
    drop_of,
    macro_of,
    members_of,
    parsed,
    write,
)

# --- known values -----------------------------------------------------------------------------------------------------


def test_moments_by_rule_are_those_of_the_decision_clock() -> None:
    days = [dt.date(2016, 1, 4), dt.date(2016, 3, 11), dt.date(2016, 3, 13), dt.date(2016, 11, 6), dt.date(2016, 7, 1)]
    frame = pl.DataFrame({"day": days}).select(
        end=moments.end_of_day(pl.col("day")), morning=moments.morning_of(pl.col("day"))
    )
    assert frame["end"].to_list() == [decision_time.end_of_day(day) for day in days]
    assert frame["morning"].to_list() == [decision_time.morning_of(day) for day in days]


def test_a_plain_csv_of_bars_is_known_by_rule_at_the_end_of_its_day(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, "A,2017-03-06,10,11,9.5,10.5,1000", "B,2017-03-06,20,21,19,20,")
    rows = parsed(drop_of(tmp_path), BARS, [MON, TUE])
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
    row = parsed(drop_of(tmp_path), BARS, [MON, TUE]).row(0, named=True)
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
    rows = parsed(drop_of(tmp_path), BARS, [MON, TUE, WED])
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
    row = parsed(drop_of(tmp_path), CORPORATE_ACTIONS, [MON, TUE, WED]).row(0, named=True)
    assert (row["session"], row["event_date"], row["known_at"]) == (TUE, WED, morning_of(WED))
    assert row["grade"] == Grade.RULED


def test_an_action_with_its_declaration_is_dated(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER)
    write(tmp_path, "corporate_actions.csv", "symbol,ex_date,action,value,known_at", "A,2017-03-10,split,2,2017-03-06")
    row = parsed(drop_of(tmp_path), CORPORATE_ACTIONS, [MON, TUE]).row(0, named=True)
    assert (row["session"], row["event_date"], row["grade"]) == (MON, FRI, Grade.DATED)


def test_benchmarks_are_bars_of_their_own_file(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, "A,2017-03-06,10,11,9.5,10.5,1000")
    write(tmp_path, "benchmarks.csv", HEADER, "SPY,2017-03-06,237,238,236,237.5,", "SPY,2017-03-07,237,238,236,237,9")
    vendor = drop_of(tmp_path)
    assert parsed(vendor, BARS, [MON, TUE])["symbol"].to_list() == ["A"]
    rows = parsed(vendor, BENCHMARKS, [MON, TUE])
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
    rows = parsed(drop_of(tmp_path), MACRO, [MON, TUE, WED, THU, FRI])
    assert rows.select("session", "event_date", "series", "value", "grade").rows() == [
        (MON, saturday, "DFF", 0.66, Grade.DATED),
        (MON, sunday, "DFF", 0.66, Grade.DATED),
        (WED, TUE, "DGS10", None, Grade.DATED),
        (THU, dt.date(2017, 2, 1), "UNRATE", 4.7, Grade.DATED),
    ]
    assert rows.schema == {"session": pl.Date(), **MACRO.schema, "grade": pl.Int8()}


def test_an_estimated_date_is_ruled_and_one_without_trading_is_the_end_of_the_next_session(tmp_path: Path) -> None:
    lines = ("series,date,value,out", "DGS10,2017-03-02,2.49,2017-03-03", "DGS10,2017-03-03,2.49,2017-03-04")
    friday = calendar.shift(MON, -1)
    rows = parsed(macro_of(tmp_path, {"column": "out"}, *lines), MACRO, [friday, MON])
    assert rows.select("session", "grade").rows() == [(friday, Grade.DATED), (friday, Grade.DATED)]
    rows = parsed(macro_of(tmp_path, {"column": "out", "estimated": True}, *lines), MACRO, [friday, MON])
    assert rows.select("session", "event_date", "known_at", "grade").rows() == [
        (friday, dt.date(2017, 3, 2), end_of_day(friday), Grade.RULED),
        (MON, friday, end_of_day(MON), Grade.RULED),
    ]


def test_an_estimated_date_survives_the_longest_closure(tmp_path: Path) -> None:
    lines = ("series,date,value,out", "DFF,2001-09-10,3.5,2001-09-11")
    reopened = dt.date(2001, 9, 17)
    rows = parsed(macro_of(tmp_path, {"column": "out", "estimated": True}, *lines), MACRO, [reopened])
    assert rows["known_at"].to_list() == [end_of_day(reopened)]


def test_a_daily_series_may_be_dated_by_rule_where_the_profile_says_so(tmp_path: Path) -> None:
    rows = parsed(macro_of(tmp_path, {"rule": "end_of_day"}, "series,date,value", "VIX,2017-03-06,11.24"), MACRO, [MON])
    assert rows.select("value", "known_at", "grade").rows() == [(11.24, end_of_day(MON), Grade.RULED)]


def test_optional_files_may_be_absent_where_the_profile_does_not_name_them(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER)
    for dataset in (CORPORATE_ACTIONS, MEMBERS, INDUSTRIES, BENCHMARKS, MACRO):
        rows = parsed(drop_of(tmp_path), dataset, [MON])
        assert rows.is_empty()
        assert rows.schema == {"session": pl.Date(), **dataset.schema, "grade": pl.Int8()}


def test_values_that_mean_missing_are_replaced(tmp_path: Path) -> None:
    bars = pl.DataFrame({"symbol": ["A", "B"], "date": [MON, MON], "volume": [0, 7]}).with_columns(
        pl.lit(1.0).alias(name) for name in ("open", "high", "low", "close")
    )
    bars.write_parquet(tmp_path / "bars.parquet")
    table = {"file": "bars", "replace": {"volume": {0: None}}}
    assert parsed(drop_of(tmp_path, bars=[table]), BARS, [MON])["volume"].to_list() == [None, 7]


def test_a_parquet_file_of_pandas_types_is_read(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "symbol": pl.Series(["A", "B"], dtype=pl.Categorical),
            "date": [dt.datetime(2017, 3, 6), dt.datetime(2017, 3, 6)],  # noqa: DTZ001 - as pandas writes dates
            "volume": [7.0, float("nan")],
        }
    ).with_columns(pl.lit(5).alias(name) for name in ("open", "high", "low", "close"))
    frame.write_parquet(tmp_path / "bars.parquet")
    rows = parsed(drop_of(tmp_path), BARS, [MON])
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


# --- properties -------------------------------------------------------------------------------------------------------


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
def test_a_range_is_its_days_and_a_payload_cut_earlier_gives_the_same(
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
        assert_frame_equal(parsed(vendor, BARS, [day]), single)
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
    kept = parsed(vendor, QUARANTINE, days)
    assert kept.select("source", "row").n_unique() + parsed(vendor, BARS, days).height == whole_drop.height
    assert parsed(vendor, BARS, days).height == bars.height
    raw = vendor.fetch(QUARANTINE, days, CLOCK.decision_time(days[-1]))
    for day in days:
        assert_frame_equal(parsed(vendor, QUARANTINE, [day]), kept.filter(session=day))
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
        assert_frame_equal(parsed(vendor, MACRO, [day]), whole.filter(session=day))
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
