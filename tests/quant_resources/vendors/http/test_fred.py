"""FRED's vintages become observations as they were published, requested from the last vintage on."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from configs.settings import History, HttpVendor, Profile
from feature_store import sessions as calendar
from feature_store.dataset import Grade
from feature_store.decision_time import DecisionClock, end_of_day
from feature_store.schemas.market import MACRO
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.http.vendor import RemoteMarket
from quant_resources.vendors.ingest.raw_payloads import RawStore
from tests.quant_resources.vendors import local_vendor as faulty
from tests.quant_resources.vendors.local_vendor import LocalVendor, TestClock
from tests.quant_resources.vendors.vendor_formats import FakeFred

CLOCK = DecisionClock()
DAYS = calendar.between(dt.date(2017, 1, 3), dt.date(2017, 6, 30))
LATER = dt.datetime(2018, 1, 2, 12, tzinfo=dt.UTC)
JAN, FEB, MAR = dt.date(2017, 1, 1), dt.date(2017, 2, 1), dt.date(2017, 3, 1)
GDP = [
    (JAN, dt.date(2017, 2, 10), 1.0),
    (JAN, dt.date(2017, 3, 10), 1.1),
    (JAN, dt.date(2017, 4, 14), 1.1),
    (JAN, dt.date(2017, 5, 12), 1.2),
    (FEB, dt.date(2017, 3, 10), 2.0),
    (MAR, dt.date(2017, 4, 13), None),
]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRED_API_KEY", "a-key-of-fred")


def market(
    server: LocalVendor, folder: Path, clock: TestClock | None = None, live: bool = False, **source: object
) -> RemoteMarket:
    fast = {"requests_per_minute": 60_000, "burst": 100, "tries": 3}
    named = {"base_url": server.url, "transport": fast, "series": {"GROWTH": "GDP"}, **source}
    vendor = HttpVendor.model_validate({"kind": "http", "live": live, "fred": named})
    profile = Profile(name="own", history=History(start=DAYS[0]), vendor=vendor)
    return RemoteMarket(profile, RawStore(folder / "raw"), clock or TestClock(LATER))


def parsed(vendor: RemoteMarket, days: Sequence[dt.date]) -> pl.DataFrame:
    return vendor.parse(MACRO, vendor.fetch(MACRO, days, CLOCK.decision_time(days[-1])), days)


# --- known values ---------------------------------------------------------------------------------------------------


def test_each_vintage_is_known_at_the_end_of_its_day_and_a_missing_value_is_null(tmp_path: Path) -> None:
    with LocalVendor(FakeFred({"GDP": GDP})) as server:
        rows = parsed(market(server, tmp_path), DAYS)
        periods = [(x.parameters["realtime_start"], x.parameters["realtime_end"]) for x in server.requests]
    assert set(rows.select("series", "event_date", "value", "known_at", "grade").rows()) == {
        ("GROWTH", day, value, end_of_day(published), Grade.DATED)
        for day, published, value in GDP
        if published != dt.date(2017, 4, 14)  # the same value again
    }
    assert rows.height == 5
    assert list(dict.fromkeys(periods)) == [
        ("1776-07-04", "1999-12-31"), ("1999-12-31", "2003-12-31"), ("2003-12-31", "2007-12-31"),
        ("2007-12-31", "2011-12-31"), ("2011-12-31", "2015-12-31"), ("2015-12-31", "2017-06-30"),
    ]  # fmt: skip
    assert len(periods) == 6 + 1  # before its first vintage the series does not exist; the last period has two pages


def test_the_next_fetch_asks_from_the_last_vintage_on(tmp_path: Path) -> None:
    fake = FakeFred({"GDP": [v for v in GDP if v[1] < dt.date(2017, 4, 1)]})
    clock = TestClock(end_of_day(dt.date(2017, 3, 31)) + dt.timedelta(hours=1))
    until = calendar.between(DAYS[0], dt.date(2017, 3, 31))
    with LocalVendor(fake) as server:
        vendor = market(server, tmp_path, clock)
        before = parsed(vendor, until)
        server.requests.clear()
        assert parsed(vendor, until).equals(before)
        assert server.requests == []
        fake.vintages = {"GDP": GDP}
        clock.moment = LATER
        whole = parsed(vendor, DAYS)
        assert {x.parameters["realtime_start"] for x in server.requests} == {"2017-03-28"}
    assert whole.filter(pl.col("session") <= until[-1]).equals(before)
    with LocalVendor(fake) as server:
        assert parsed(market(server, tmp_path / "other"), DAYS).equals(whole)


def test_in_live_operation_a_vintage_is_known_when_it_arrives(tmp_path: Path) -> None:
    fake = FakeFred({"GDP": GDP[:1]})
    clock = TestClock(end_of_day(dt.date(2017, 2, 28)) + dt.timedelta(hours=1))
    with LocalVendor(fake) as server:
        vendor = market(server, tmp_path, clock, live=True)
        vendor.complete(MACRO, [dt.date(2017, 2, 28)])
        fake.vintages = {"GDP": GDP[:2]}
        clock.moment = arrived = end_of_day(dt.date(2017, 3, 10)) + dt.timedelta(hours=3)
        rows = parsed(vendor, calendar.between(DAYS[0], dt.date(2017, 3, 10)))
    assert rows.select("value", "known_at").rows() == [(1.0, end_of_day(GDP[0][1])), (1.1, arrived)]


def test_before_its_vintages_begin_a_series_may_be_known_by_a_lag(tmp_path: Path) -> None:
    begin = dt.date(2017, 3, 6)
    quotes = [(day, max(begin, day + dt.timedelta(days=1)), 10.0 + i) for i, day in enumerate(DAYS[:60])]
    with LocalVendor(FakeFred({"VIXCLS": quotes}, page=200)) as server:
        names = {"series": {"VIX_CLOSE": "VIXCLS"}}
        bare = parsed(market(server, tmp_path / "a", **names), DAYS)
        ruled = parsed(market(server, tmp_path / "b", **names, first_vintage_lag_days={"VIX_CLOSE": 1}), DAYS)
    assert bare["known_at"].min() == end_of_day(begin)
    assert ruled.row(0, named=True)["known_at"] == end_of_day(DAYS[0] + dt.timedelta(days=1))
    early = ruled.filter(pl.col("known_at") < end_of_day(begin))
    assert set(early["grade"]) == {Grade.RULED}
    assert ruled.height == bare.height == 60


# --- properties -----------------------------------------------------------------------------------------------------


def test_a_range_is_its_days_and_a_cut_payload_tells_what_was_known(tmp_path: Path) -> None:
    days = sorted({day for _, published, _ in GDP for day in calendar.between(published, published)})
    with LocalVendor(FakeFred({"GDP": GDP})) as server:
        vendor = market(server, tmp_path)
        whole = parsed(vendor, DAYS)
        assert pl.concat([parsed(vendor, [day]) for day in days]).equals(whole.filter(pl.col("session").is_in(days)))
        for cut in days:
            raw = vendor.fetch(MACRO, DAYS, CLOCK.decision_time(cut))
            known = [day for day in DAYS if day <= cut]
            assert vendor.parse(MACRO, raw, known).equals(whole.filter(pl.col("session") <= cut))


# --- refusals -------------------------------------------------------------------------------------------------------


def test_a_page_that_is_shorter_than_it_says_is_asked_for_again(tmp_path: Path) -> None:
    short = b'{"count": 9, "offset": 0, "limit": 5, "observations": []}'
    with LocalVendor(FakeFred({"GDP": GDP})) as server:
        server.faults = [faulty.status(200, short), faulty.status(200, b'{"count": 1}')]
        rows = parsed(market(server, tmp_path), DAYS)
        assert rows.height == 5
        server.faults = [faulty.status(200, short)] * 3
        with pytest.raises(VendorError, match="0 observations where 5 are announced"):
            parsed(market(server, tmp_path / "other"), DAYS)


def test_a_key_that_is_rejected_is_named_by_its_variable_only(tmp_path: Path) -> None:
    with LocalVendor(FakeFred({"GDP": GDP})) as server:
        message = b'{"error_code": 400, "error_message": "The value a-key-of-fred for api_key is not registered."}'
        server.faults = [faulty.status(400, message)]
        with pytest.raises(VendorError, match=r"The value \*\*\* for api_key") as error:
            parsed(market(server, tmp_path), DAYS)
    assert "a-key-of-fred" not in str(error.value)
