"""What a drop of files may not hold is quarantined, or the file is rejected with the fix."""

import datetime as dt
import json
import os
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from configs.settings import KnownAt
from feature_store import sessions as calendar
from feature_store.dataset import Grade
from feature_store.errors import HindsightError
from feature_store.schemas.market import (
    BARS,
    BENCHMARKS,
    CORPORATE_ACTIONS,
    MACRO,
    MEMBERS,
    UNIVERSE,
)
from feature_store.schemas.quality import QUARANTINE
from quant_resources.vendors.errors import VendorError
from tests.quant_resources.vendors.files.drops import (
    FRI,
    GOOD,
    HEADER,
    MON,
    TUE,
    WED,
    drop_of,
    parsed,
    quarantined,
    write,
)

# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("price", ["0", "-1", "nan", "inf", ""])
@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
def test_a_price_that_is_none_is_quarantined_with_file_symbol_date_and_value(
    tmp_path: Path, column: str, price: str
) -> None:
    values = {"open": "1", "high": "1", "low": "1", "close": "1", column: price}
    write(tmp_path, "bars.csv", HEADER, f"XYZ,2017-03-06,{','.join(values.values())},5", GOOD)
    shown = {"": "None", "0": "0.0", "-1": "-1.0", "nan": "NaN"}.get(price, price)
    ((rule, message),) = quarantined(drop_of(tmp_path), [MON])
    assert rule == f"{column}_not_positive"
    assert re.search(rf"bars.csv: XYZ 2017-03-06 has {column} {shown};.*fix it", message)
    assert parsed(drop_of(tmp_path), BARS, [MON])["symbol"].to_list() == ["GOOD"]


@pytest.mark.parametrize(
    ("prices", "rule", "shown"),
    [
        ("1,1,2,1", "high_below_low", "high 1.0, low 2.0"),
        ("3,2,1,1.5", "open_outside_range", "open 3.0, low 1.0, high 2.0"),
        ("1.5,2,1,0.5", "close_outside_range", "close 0.5, low 1.0, high 2.0"),
    ],
)
def test_prices_out_of_order_are_quarantined(tmp_path: Path, prices: str, rule: str, shown: str) -> None:
    write(tmp_path, "bars.csv", HEADER, f"XYZ,2017-03-06,{prices},5", GOOD)
    ((found, message),) = quarantined(drop_of(tmp_path), [MON])
    assert found == rule
    assert f"XYZ 2017-03-06 has {shown}" in message
    assert parsed(drop_of(tmp_path), BARS, [MON])["symbol"].to_list() == ["GOOD"]


def test_a_vwap_may_lie_a_little_outside_the_range_and_no_more(tmp_path: Path) -> None:
    lines = [f"{name},2017-03-06,1,1,1,1,5,{vwap}" for name, vwap in (("A", "1.009"), ("B", "1.02"), ("C", ""))]
    write(tmp_path, "bars.csv", f"{HEADER},vwap", *lines)
    assert [rule for rule, _ in quarantined(drop_of(tmp_path), [MON])] == ["vwap_outside_range"]
    assert parsed(drop_of(tmp_path), BARS, [MON])["vwap"].to_list() == [1.009, None]


def test_a_bad_row_of_another_session_does_not_stop_this_one(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, "A,2017-03-06,0,1,1,1,5", "A,2017-03-07,1,1,1,1,5")
    assert parsed(drop_of(tmp_path), BARS, [TUE]).height == 1


@pytest.mark.parametrize(
    ("volume", "rule", "message"),
    [
        ("-5", "volume_negative", "A 2017-03-06 has volume -5"),
        ("2.5", "unreadable", "column 'volume' holds '2.5' where a whole number belongs"),
        ("many", "unreadable", "column 'volume' holds 'many' where a whole number belongs"),
    ],
)
def test_a_negative_or_broken_volume_is_quarantined(tmp_path: Path, volume: str, rule: str, message: str) -> None:
    write(tmp_path, "bars.csv", HEADER, f"A,2017-03-06,1,1,1,1,{volume}", GOOD)
    ((found, reason),) = quarantined(drop_of(tmp_path), [MON])
    assert found == rule
    assert message in reason
    assert parsed(drop_of(tmp_path), BARS, [MON])["symbol"].to_list() == ["GOOD"]


def test_rows_that_contradict_one_another_are_all_quarantined_with_what_they_say(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, "A,2017-03-06,1,1,1,1,5", "A,2017-03-06,1,2,1,2,5", GOOD)
    vendor = drop_of(tmp_path)
    found = parsed(vendor, QUARANTINE, [MON])
    assert found["rule"].to_list() == ["duplicate_conflicting"] * 2
    assert {json.loads(content)["close"] for content in found["content"]} == {"1.0", "2.0"}
    assert all("A 2017-03-06 contradicts another row" in r and "keep one" in r for r in found["reason"])
    assert parsed(vendor, BARS, [MON])["symbol"].to_list() == ["GOOD"]


def test_of_equal_rows_one_stands_and_the_others_are_counted_one_by_one(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, *["A,2017-03-06,1,1,1,1,5"] * 2)
    write(tmp_path, "more.csv", HEADER, "A,2017-03-06,1,1,1,1,5")
    vendor = drop_of(tmp_path, bars=[{"file": "bars"}, {"file": "more"}])
    found = parsed(vendor, QUARANTINE, [MON])
    assert found["rule"].to_list() == ["duplicate"] * 2
    assert found["row"].n_unique() == 2
    assert parsed(vendor, BARS, [MON]).height == 1


def test_a_sound_row_is_not_held_against_a_broken_duplicate(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, "A,2017-03-06,1,1,1,1,5", "A,2017-03-06,1,1,1,-1,5")
    vendor = drop_of(tmp_path)
    assert [rule for rule, _ in quarantined(vendor, [MON])] == ["close_not_positive"]
    assert parsed(vendor, BARS, [MON])["close"].to_list() == [1.0]


def test_a_bar_from_the_future_is_quarantined_in_the_session_that_it_was_declared_in(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", f"{HEADER},known_at", "A,2017-03-08,1,1,1,1,5,2017-03-07T12:00:00")
    vendor = drop_of(tmp_path)
    ((rule, message),) = quarantined(vendor, [MON])
    assert rule == "future_date"
    assert "A 2017-03-08 is declared known at 2017-03-07 12:00:00" in message
    assert "a future date" in message
    assert quarantined(vendor, [TUE, WED]) == []
    assert parsed(vendor, BARS, [MON, TUE, WED]).is_empty()


def test_a_bar_off_the_calendar_is_quarantined(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, "A,2017-03-05,1,1,1,1,5")
    ((rule, message),) = quarantined(drop_of(tmp_path), [calendar.shift(MON, -1), MON])
    assert rule == "off_calendar"
    assert re.search(r"A 2017-03-05 is no trading session of XNYS.*off_calendar: drop", message)


def test_benchmarks_are_checked_as_bars_are(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER)
    write(tmp_path, "benchmarks.csv", HEADER, "SPY,2017-03-05,1,1,1,1,5", "SPY,2017-03-06,1,1,0,1,5")
    found = quarantined(drop_of(tmp_path), [calendar.shift(MON, -1), MON])
    assert [rule for rule, _ in found] == ["off_calendar", "low_not_positive"]
    assert "benchmarks.csv: SPY 2017-03-05 is no trading session" in found[0][1]
    assert "SPY 2017-03-06 has low 0.0" in found[1][1]
    named = drop_of(tmp_path, benchmarks=[{"file": "funds"}])
    with pytest.raises(VendorError, match=r"no funds, funds.parquet or funds.csv for market/benchmarks"):
        parsed(named, BENCHMARKS, [MON])


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
def test_an_impossible_observation_is_quarantined(tmp_path: Path, written: str, wrong: str) -> None:
    write(tmp_path, "bars.csv", HEADER)
    write(tmp_path, "macro.csv", "series,date,value,known_at", written, "GOOD,2017-03-06,1,2017-03-06")
    found = quarantined(drop_of(tmp_path), [MON])
    assert found
    assert all(re.search(f"macro.csv: .*{wrong}", message) for _, message in found)
    assert parsed(drop_of(tmp_path), MACRO, [MON])["series"].to_list() == ["GOOD"]


def test_macro_without_a_date_of_publication_is_rejected(tmp_path: Path) -> None:
    write(tmp_path, "macro.csv", "series,date,value", "CPI,2017-03-01,244")
    with pytest.raises(VendorError, match=r"macro.csv has no date of publication of its values.*rule: end_of_day"):
        parsed(drop_of(tmp_path), MACRO, [MON])


def test_a_rule_is_no_estimate_of_another() -> None:
    with pytest.raises(ValueError, match="`estimated` is for the dates in a `column`"):
        KnownAt(rule="end_of_day", estimated=True)


def test_a_missing_column_is_rejected_with_what_the_file_has(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", "symbol,date,open,high,low,last,volume")
    with pytest.raises(VendorError, match=r"bars.csv has no column 'close'; it has symbol, date, open.*last"):
        parsed(drop_of(tmp_path), BARS, [MON])
    with pytest.raises(VendorError, match="no column 'nowhere'"):
        parsed(drop_of(tmp_path, bars=[{"file": "bars", "columns": {"close": "nowhere"}}]), BARS, [MON])
    with pytest.raises(VendorError, match="no column 'kind'"):
        filtered = {"file": "bars", "columns": {"close": "last"}, "where": {"kind": ["x"]}}
        parsed(drop_of(tmp_path, bars=[filtered]), BARS, [MON])


@pytest.mark.parametrize("written", ["3/6/2017", "2017-13-01", "soon"])
def test_a_date_that_is_none_is_rejected_wherever_it_stands(tmp_path: Path, written: str) -> None:
    write(tmp_path, "bars.csv", HEADER, "A,2017-03-06,1,1,1,1,5", f"A,{written},1,1,1,1,5")
    with pytest.raises(VendorError, match=rf"bars.csv: column 'date' holds '{written}'.*YYYY-MM-DD"):
        parsed(drop_of(tmp_path), BARS, [FRI])
    write(tmp_path, "bars.csv", f"{HEADER},known_at", f"A,2017-03-06,1,1,1,1,5,{written}")
    with pytest.raises(VendorError, match=rf"column 'known_at' holds '{written}'"):
        parsed(drop_of(tmp_path), BARS, [FRI])


def test_rows_without_a_symbol_are_quarantined(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, ",2017-03-06,1,1,1,1,5", '"  ",2017-03-06,1,1,1,1,5', GOOD)
    assert [rule for rule, _ in quarantined(drop_of(tmp_path), [MON])] == ["symbol_blank", "symbol_missing"]
    assert parsed(drop_of(tmp_path), BARS, [MON])["symbol"].to_list() == ["GOOD"]


def test_rows_that_no_session_can_claim_are_rejected(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, "A,,1,1,1,1,5")
    with pytest.raises(VendorError, match="1 rows have no event_date"):
        parsed(drop_of(tmp_path), BARS, [MON])


@pytest.mark.parametrize("name", ["bars.parquet", "bars.csv"])
@pytest.mark.parametrize("content", [b"", b"PAR1 and then nothing of the kind", b"\xff\xfe\x00\x01\n\xff"])
def test_an_unreadable_file_is_rejected_with_the_fix(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VendorError, match=rf"{name} (cannot be read as|has no column)"):
        parsed(drop_of(tmp_path), BARS, [MON])


def test_a_truncated_parquet_file_is_rejected(tmp_path: Path) -> None:
    days = calendar.between(dt.date(2010, 1, 4), dt.date(2017, 3, 6))
    frame = pl.DataFrame({"symbol": "A", "date": days, "volume": 1}).with_columns(
        pl.Series(name, np.random.default_rng(1).random(len(days)) + 1) for name in ("open", "high", "low", "close")
    )
    path = tmp_path / "bars.parquet"
    frame.write_parquet(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(VendorError, match=r"cannot be read as Parquet .* export it again"):
        parsed(drop_of(tmp_path), BARS, [MON])
    # a sound footer over broken pages
    path.write_bytes(whole[:4] + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :])
    with pytest.raises(VendorError, match="cannot be read as Parquet"):
        parsed(drop_of(tmp_path), BARS, [MON])


def test_missing_bars_a_missing_folder_and_a_named_file_that_is_absent_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(VendorError, match=r"has no bars, bars.parquet or bars.csv .*--data"):
        parsed(drop_of(tmp_path), BARS, [MON])
    with pytest.raises(VendorError, match=r"data folder .* is not there"):
        parsed(drop_of(tmp_path / "nowhere"), BARS, [MON])
    named = drop_of(tmp_path, corporate_actions=[{"file": "actions"}])
    with pytest.raises(VendorError, match=r"no actions, actions.parquet or actions.csv for market/corporate_actions"):
        parsed(named, CORPORATE_ACTIONS, [MON])


def test_a_universe_of_members_needs_the_members_file(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER)
    with pytest.raises(VendorError, match="universe_source=bars"):
        parsed(drop_of(tmp_path, source="members"), MEMBERS, [MON])


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("split,0", "has split 0.0; a split is new shares per old one"),
        ("split,inf", "has split inf"),
        ("cash_dividend,-1", "has cash_dividend -1.0"),
        ("delisting,-1.5", "has delisting -1.5"),
        ("spinoff,1", "has action 'spinoff'; it is none of split"),
    ],
)
def test_an_impossible_action_is_quarantined(tmp_path: Path, written: str, message: str) -> None:
    write(tmp_path, "bars.csv", HEADER)
    lines = (f"A,2017-03-07,{written}", "GOOD,2017-03-07,split,2")
    write(tmp_path, "corporate_actions.csv", "symbol,ex_date,action,value", *lines)
    ((_, reason),) = quarantined(drop_of(tmp_path), [MON])
    assert "corporate_actions.csv: A " in reason
    assert message in reason
    assert parsed(drop_of(tmp_path), CORPORATE_ACTIONS, [MON])["symbol"].to_list() == ["GOOD"]


def test_a_column_of_hindsight_is_rejected_without_a_named_exception_and_graded_with_one(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", f"{HEADER},adjusted", "A,2017-03-06,1,1,0.9,1,5,0.9")
    table = {"file": "bars", "columns": {"close": "adjusted"}, "hindsight": ["adjusted"]}
    with pytest.raises(HindsightError, match=r"adjusted holds hindsight.*exceptions: \{market/bars"):
        parsed(drop_of(tmp_path, bars=[table]), BARS, [MON])
    named = drop_of(tmp_path, bars=[table], exceptions={"market/bars": "to see what it would do"})
    assert parsed(named, BARS, [MON])["grade"].to_list() == [Grade.HINDSIGHT]


def test_a_dataset_that_files_do_not_serve_is_rejected(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER)
    with pytest.raises(VendorError, match="not market/universe"):
        parsed(drop_of(tmp_path), UNIVERSE, [MON])


# --- what lies outside of a drop ------------------------------------------------------------------------------------


def test_a_link_out_of_the_drop_is_rejected_and_nothing_of_it_is_quoted(tmp_path: Path) -> None:
    secret = write(tmp_path, "passwd", "root:x:0:0:a-secret-line", "more,of,it")
    drop = tmp_path / "drop"
    drop.mkdir()
    for name in ("bars.csv", "bars.parquet", "bars"):
        (drop / name).symlink_to(secret)
        with pytest.raises(VendorError, match="lies outside of the data folder") as error:
            parsed(drop_of(drop), BARS, [MON])
        assert "secret" not in str(error.value)
        assert error.value.__cause__ is None
        (drop / name).unlink()


def test_a_name_that_leads_out_of_the_drop_is_rejected(tmp_path: Path) -> None:
    write(tmp_path, "bars.csv", HEADER, GOOD)
    drop = tmp_path / "drop"
    drop.mkdir()
    for name in ("../bars", "../bars.csv", str(tmp_path / "bars.csv"), "x/../../bars"):
        (drop / "x").mkdir(exist_ok=True)
        with pytest.raises(VendorError, match="lies outside of the data folder"):
            parsed(drop_of(drop, bars=[{"file": name}]), BARS, [MON])


def test_a_link_inside_of_the_drop_and_a_drop_that_is_a_link_are_read(tmp_path: Path) -> None:
    write(tmp_path / "real", "today.csv", HEADER, GOOD)
    (tmp_path / "real" / "bars.csv").symlink_to("today.csv")
    (tmp_path / "drop").symlink_to(tmp_path / "real")
    assert parsed(drop_of(tmp_path / "drop"), BARS, [MON])["symbol"].to_list() == ["GOOD"]


def test_what_is_no_file_is_named_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "bars.csv")
    with pytest.raises(VendorError, match=r"bars\.csv is a pipe, a socket or a device"):
        parsed(drop_of(tmp_path), BARS, [MON])
    (tmp_path / "bars.csv").unlink()
    (tmp_path / "bars.csv").symlink_to(tmp_path / "gone.csv")
    with pytest.raises(VendorError, match=r"bars\.csv is a link to nothing"):
        parsed(drop_of(tmp_path), BARS, [MON])
