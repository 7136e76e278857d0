"""A drop of files that changes after it was read: the changed row is a late row, and what it was before stays known."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from configs.settings import FilesVendor, History, Market, Profile
from feature_store import sessions as calendar
from feature_store.dataset import Dataset, Grade
from feature_store.decision_time import DecisionClock, end_of_day
from feature_store.schemas.market import BARS, CORPORATE_ACTIONS, MACRO
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.files.vendor import FileDrop
from quant_resources.vendors.ingest.raw_payloads import RawStore
from tests.engine.market import make_runner, run
from tests.quant_resources.vendors.local_vendor import TestClock
from tests.support import tiny

CLOCK = DecisionClock()
MON, TUE, WED, THU, FRI = calendar.between(dt.date(2017, 3, 6), dt.date(2017, 3, 10))
WEEK = [MON, TUE, WED, THU, FRI]
HEADER = "symbol,date,open,high,low,close,volume"
HOUR = dt.timedelta(hours=1)


def write(folder: Path, *closes: tuple[str, dt.date, float], name: str = "bars.csv") -> None:
    folder.mkdir(exist_ok=True)
    lines = [f"{symbol},{day},{c},{c},{c},{c},100" for symbol, day, c in closes]
    temporary = folder / "new"
    temporary.write_text("\n".join([HEADER, *lines]) + "\n")
    temporary.replace(folder / name)


def drop(tmp_path: Path, clock: TestClock, **tables: object) -> FileDrop:
    vendor = FilesVendor.model_validate({"kind": "files", "folder": tmp_path / "drop", "live": True, **tables})
    profile = Profile(name="own", history=History(start=MON), vendor=vendor, market=Market(universe_source="bars"))
    return FileDrop(profile, RawStore(tmp_path / "raw"), clock)


def parsed(vendor: FileDrop, days: list[dt.date], dataset: Dataset = BARS) -> pl.DataFrame:
    return vendor.parse(dataset, vendor.fetch(dataset, days, CLOCK.decision_time(days[-1])), days)


# --- known values ---------------------------------------------------------------------------------------------------


def test_a_changed_row_is_a_late_row_of_the_session_in_which_it_was_seen(tmp_path: Path) -> None:
    clock = TestClock(end_of_day(TUE) + HOUR)
    write(tmp_path / "drop", ("A", MON, 10.0), ("A", TUE, 11.0), ("B", MON, 20.0))
    vendor = drop(tmp_path, clock)
    assert parsed(vendor, [MON, TUE])["close"].to_list() == [10.0, 20.0, 11.0]
    write(tmp_path / "drop", ("A", MON, 10.5), ("A", TUE, 11.0), ("B", MON, 20.0), ("A", WED, 12.0), ("B", TUE, 21.0))
    clock.moment = arrived = end_of_day(WED) + HOUR
    assert parsed(vendor, [WED]).select("event_date", "symbol", "close", "known_at", "grade").rows() == [
        (MON, "A", 10.5, arrived, Grade.OBSERVED),
        (TUE, "B", 21.0, arrived, Grade.OBSERVED),  # it was not there when its session was decided
        (WED, "A", 12.0, arrived, Grade.OBSERVED),
    ]
    assert parsed(vendor, [MON, TUE])["close"].to_list() == [10.0, 20.0, 11.0]


def test_the_first_reading_is_a_history_known_by_its_rule(tmp_path: Path) -> None:
    write(tmp_path / "drop", ("A", MON, 10.0), ("A", TUE, 11.0))
    rows = parsed(drop(tmp_path, TestClock(end_of_day(FRI))), WEEK)
    assert rows.select("known_at", "grade").rows() == [
        (end_of_day(MON), Grade.RULED),
        (end_of_day(TUE), Grade.RULED),
    ]


def test_a_drop_that_was_read_and_has_not_changed_is_not_kept_again(tmp_path: Path) -> None:
    write(tmp_path / "drop", ("A", MON, 10.0))
    clock = TestClock(end_of_day(MON))
    vendor = drop(tmp_path, clock)
    assert vendor.read_drop(BARS)
    for _ in range(3):
        clock.moment += HOUR
        write(tmp_path / "drop", ("A", MON, 10.0))
        assert not vendor.read_drop(BARS)
        assert not drop(tmp_path, clock).read_drop(BARS)
    assert len(RawStore(tmp_path / "raw").loads("files/")) == 1
    assert len(list((tmp_path / "raw").rglob("*.gz"))) == 1


def test_a_column_of_the_file_still_says_when_a_version_was_known(tmp_path: Path) -> None:
    folder, clock = tmp_path / "drop", TestClock(end_of_day(MON) + HOUR)
    folder.mkdir()
    line = "A,2017-03-06,10,11,9,{close},5,{known}"
    first = line.format(close=10, known="2017-03-06T22:00:00")
    (folder / "bars.csv").write_text(f"{HEADER},known_at\n{first}\n")
    vendor = drop(tmp_path, clock)
    assert parsed(vendor, [MON]).height == 1
    second = line.format(close=10.1, known="2017-03-08T22:00:00")
    (folder / "bars.csv").write_text(f"{HEADER},known_at\n{first}\n{second}\n")
    clock.moment = arrived = end_of_day(WED)
    assert parsed(vendor, WEEK).select("close", "known_at").rows() == [
        (10.0, dt.datetime(2017, 3, 6, 22, tzinfo=dt.UTC)),
        (10.1, arrived),
    ]


def test_actions_and_macro_are_compared_too(tmp_path: Path) -> None:
    folder, clock = tmp_path / "drop", TestClock(end_of_day(MON) + HOUR)
    write(folder, ("A", MON, 10.0))
    (folder / "corporate_actions.csv").write_text("symbol,ex_date,action,value\nA,2017-03-07,cash_dividend,0.25\n")
    (folder / "macro.csv").write_text("series,date,value,known_at\nVIX,2017-03-06,15.0,2017-03-06\n")
    vendor = drop(tmp_path, clock)
    assert [parsed(vendor, [MON], x).height for x in (CORPORATE_ACTIONS, MACRO)] == [1, 1]
    (folder / "corporate_actions.csv").write_text("symbol,ex_date,action,value\nA,2017-03-07,cash_dividend,0.30\n")
    (folder / "macro.csv").write_text("series,date,value,known_at\nVIX,2017-03-06,16.0,2017-03-06\n")
    clock.moment = arrived = end_of_day(TUE) + HOUR
    for dataset, value in ((CORPORATE_ACTIONS, 0.30), (MACRO, 16.0)):
        assert parsed(vendor, [TUE], dataset).select("value", "known_at").rows() == [(value, arrived)]


def test_a_stored_session_keeps_its_content_when_the_drop_changes(tmp_path: Path) -> None:
    from quant_assets.market.assets import ASSETS

    (bars,) = (asset for asset in ASSETS if asset.name == BARS.name)
    clock = TestClock(end_of_day(TUE) + HOUR)
    write(tmp_path / "drop", ("A", MON, 10.0), ("A", TUE, 11.0))
    vendor = drop(tmp_path, clock)
    runner = make_runner(tmp_path / "store", vendor._profile, vendor)
    run(runner, bars, [MON, TUE])
    write(tmp_path / "drop", ("A", MON, 99.0), ("A", TUE, 11.0), ("A", WED, 12.0))
    clock.moment = end_of_day(WED) + HOUR
    assert [outcome.skipped for outcome in run(runner, bars, [MON, TUE, WED])] == [True, True, False]
    assert runner.store.read(BARS.name, TUE, MON, MON)["close"].to_list() == [10.0]
    assert runner.store.read(BARS.name, WED, MON, MON)["close"].to_list() == [99.0]


def test_fetch_reads_the_drop_and_says_what_is_new(tmp_path: Path) -> None:
    write(tmp_path / "drop", ("A", MON, 10.0), ("A", TUE, 11.0))
    words = ["fetch", "--profile", "files", "--data", tmp_path / "drop", "--set", "vendor.live=true",
             "--set", "history.start=2017-03-06", "--from", MON, "--to", TUE]  # fmt: skip
    first = tiny.asof(tmp_path / "home", *words)
    assert (first.code, first.err) == (0, "")
    assert "read the drop: new in market/bars" in first.out
    assert "read the drop: nothing new" in tiny.asof(tmp_path / "home", *words).out


# --- properties -----------------------------------------------------------------------------------------------------


def test_many_readings_tell_the_same_day_by_day_as_at_once_and_without_what_is_kept_beside(tmp_path: Path) -> None:
    clock = TestClock(end_of_day(MON) + HOUR)
    vendor, days, prices = drop(tmp_path, clock), [], {}
    for i, day in enumerate(WEEK):
        prices |= {("A", day): 10.0 + i, ("B", day): 20.0 + i}
        prices["A", MON] = 10.0 + i // 2  # corrected every other day
        if day == THU:
            del prices["B", TUE]  # and a row that goes for a day
        else:
            prices["B", TUE] = 21.0
        write(tmp_path / "drop", *((*key, close) for key, close in prices.items()))
        clock.moment = end_of_day(day) + HOUR
        days.append(parsed(vendor, [day]))
    whole = parsed(vendor, WEEK)
    assert pl.concat(days).equals(whole)
    assert whole.filter(symbol="A", event_date=MON)["close"].to_list() == [10.0, 11.0, 12.0]
    assert whole.filter(symbol="B", event_date=TUE)["close"].to_list() == [21.0]
    (tmp_path / "raw" / "parsed").rename(tmp_path / "gone")
    assert parsed(vendor, WEEK).equals(whole)


# --- refusals -------------------------------------------------------------------------------------------------------


def test_a_live_drop_needs_a_place_to_keep_what_it_held(tmp_path: Path) -> None:
    write(tmp_path / "drop", ("A", MON, 10.0))
    with pytest.raises(VendorError, match="needs the folder of a home"):
        FileDrop(drop(tmp_path, TestClock(end_of_day(MON)))._profile)


def test_a_drop_that_is_not_live_has_nothing_to_fetch(tmp_path: Path) -> None:
    write(tmp_path / "drop", ("A", MON, 10.0))
    answer = tiny.asof(tmp_path / "home", "fetch", "--profile", "files", "--data", tmp_path / "drop")
    assert answer.code == 2
    assert "its vendor is files, and vendor.live is not set" in answer.err
