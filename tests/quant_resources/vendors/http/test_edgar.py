"""SEC's company facts become items as they were filed; a list of filings shows when to request them again."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from configs.settings import History, HttpVendor, Profile
from feature_store import sessions as calendar
from feature_store.dataset import Dataset, Grade
from feature_store.decision_time import DecisionClock, end_of_day
from feature_store.schemas.companies import FLOWS, FUNDAMENTALS, INSTANTS
from feature_store.schemas.market import TICKERS
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.http import edgar
from quant_resources.vendors.http.vendor import RemoteMarket
from quant_resources.vendors.ingest.raw_payloads import RawStore
from tests.quant_resources.vendors import local_vendor as faulty
from tests.quant_resources.vendors.local_vendor import LocalVendor, TestClock
from tests.quant_resources.vendors.vendor_formats import FakeEdgar

CLOCK = DecisionClock()
LATER = dt.datetime(2019, 1, 2, 12, tzinfo=dt.UTC)
DAYS = calendar.between(dt.date(2017, 1, 3), dt.date(2018, 6, 29))
Q1, Q2, FY = dt.date(2017, 5, 3), dt.date(2017, 8, 2), dt.date(2018, 2, 14)


def flow(start: str, end: str, value: float) -> dict[str, Any]:
    return {"start": start, "end": end, "val": value}


def at(end: str, value: float) -> dict[str, Any]:
    return {"end": end, "val": value}


FILINGS = [
    ("77", "10-Q", Q1, {
        "us-gaap:Revenues": [flow("2017-01-01", "2017-03-31", 100.0), flow("2016-01-01", "2016-03-31", 90.0)],
        "us-gaap:SalesRevenueNet": [flow("2017-01-01", "2017-03-31", 95.0)],
        "us-gaap:Assets": [at("2017-03-31", 1000.0)],
        "us-gaap:EarningsPerShareDiluted": [flow("2017-01-01", "2017-03-31", 0.51)],
        "dei:EntityCommonStockSharesOutstanding": [at("2017-04-21", 5e7)],
    }),
    ("77", "10-Q", Q2, {
        "us-gaap:Revenues": [flow("2017-04-02", "2017-07-01", 110.0), flow("2017-01-01", "2017-07-01", 210.0)],
        "us-gaap:PaymentsToAcquirePropertyPlantAndEquipment": [flow("2017-01-01", "2017-07-01", 20.0)],
    }),
    ("77", "10-K", FY, {
        "us-gaap:Revenues": [flow("2017-01-01", "2017-12-30", 400.0), flow("2017-01-01", "2017-03-31", 101.0),
                             flow("2017-04-02", "2017-07-01", 110.0), flow("2017-12-01", "2017-12-30", 30.0)],
        "us-gaap:Assets": [at("2017-03-31", 1000.0)],
    }),
]  # fmt: skip


def market(
    server: LocalVendor, folder: Path, clock: TestClock | None = None, live: bool = False, **companies: str
) -> RemoteMarket:
    fast = {"requests_per_minute": 60_000, "burst": 100, "tries": 3}
    source = {"base_url": server.url, "transport": fast, "user_agent": "Tests tests@example.com",
              "companies": companies or {"ACME": "77"}}  # fmt: skip
    vendor = HttpVendor.model_validate({"kind": "http", "live": live, "edgar": source})
    profile = Profile(name="own", history=History(start=DAYS[0]), vendor=vendor)
    return RemoteMarket(profile, RawStore(folder / "raw"), clock or TestClock(LATER))


def parsed(vendor: RemoteMarket, dataset: Dataset, days: Sequence[dt.date]) -> pl.DataFrame:
    return vendor.parse(dataset, vendor.fetch(dataset, days, CLOCK.decision_time(days[-1])), days)


# --- known values ---------------------------------------------------------------------------------------------------


def test_figures_are_known_by_their_filing_and_a_restatement_is_a_later_fact(tmp_path: Path) -> None:
    with LocalVendor(FakeEdgar(FILINGS)) as server:
        rows = parsed(market(server, tmp_path), FUNDAMENTALS, DAYS)
    assert set(rows.select("item", "months", "event_date", "value", "form", "known_at", "symbol", "grade").rows()) == {
        (item, months, dt.date.fromisoformat(end), value, form, end_of_day(filed), "ACME", Grade.DATED)
        for item, months, end, value, form, filed in [
            ("revenue", 3, "2017-03-31", 100.0, "10-Q", Q1),  # of two tags in one filing the preferred one
            ("revenue", 3, "2016-03-31", 90.0, "10-Q", Q1),
            ("assets", 0, "2017-03-31", 1000.0, "10-Q", Q1),  # repeated in the 10-K: nothing new
            ("eps_diluted", 3, "2017-03-31", 0.51, "10-Q", Q1),
            ("shares_outstanding", 0, "2017-04-21", 5e7, "10-Q", Q1),
            ("revenue", 3, "2017-07-01", 110.0, "10-Q", Q2),
            ("revenue", 6, "2017-07-01", 210.0, "10-Q", Q2),
            ("capital_expenditure", 6, "2017-07-01", 20.0, "10-Q", Q2),
            ("revenue", 12, "2017-12-30", 400.0, "10-K", FY),  # 52 weeks
            ("revenue", 3, "2017-03-31", 101.0, "10-K", FY),  # restated; one month is no period of ours
        ]
    }


def test_every_item_of_the_schema_has_its_tags() -> None:
    assert set(edgar.TAGS) == {*INSTANTS, *FLOWS}
    assert all(tag.split(":")[0] in ("us-gaap", "dei") for tags in edgar.TAGS.values() for tag in tags)


def test_sec_gets_the_user_agent_and_no_key(tmp_path: Path) -> None:
    with LocalVendor(FakeEdgar(FILINGS)) as server:
        parsed(market(server, tmp_path), FUNDAMENTALS, DAYS)
        assert server.lines() == ["/submissions/CIK0000000077.json", "/api/xbrl/companyfacts/CIK0000000077.json"]
        assert all(request.headers["User-Agent"] == "Tests tests@example.com" for request in server.requests)
        assert not any("Authorization" in request.headers for request in server.requests)


def test_facts_are_asked_for_again_only_when_something_was_filed(tmp_path: Path) -> None:
    fake = FakeEdgar(FILINGS, today=dt.date(2017, 7, 1))
    clock = TestClock(end_of_day(dt.date(2017, 6, 30)) + dt.timedelta(hours=1))
    with LocalVendor(fake) as server:
        vendor = market(server, tmp_path, clock)
        first = parsed(vendor, FUNDAMENTALS, calendar.between(DAYS[0], dt.date(2017, 6, 30)))
        server.requests.clear()
        parsed(vendor, FUNDAMENTALS, calendar.between(DAYS[0], dt.date(2017, 6, 30)))
        assert server.requests == []
        clock.moment = end_of_day(dt.date(2017, 7, 14)) + dt.timedelta(hours=1)
        parsed(vendor, FUNDAMENTALS, [dt.date(2017, 7, 14)])
        assert server.lines() == ["/submissions/CIK0000000077.json"]
        fake.today = clock.moment.date() + dt.timedelta(days=60)
        clock.moment = end_of_day(dt.date(2017, 8, 31)) + dt.timedelta(hours=1)
        server.requests.clear()
        whole = parsed(vendor, FUNDAMENTALS, calendar.between(DAYS[0], dt.date(2017, 8, 31)))
        assert len(server.requests) == 2
    assert whole.filter(pl.col("session") <= dt.date(2017, 6, 30)).equals(first)
    assert whole.height == first.height + 3


def test_in_live_operation_a_filing_is_known_when_it_arrives(tmp_path: Path) -> None:
    fake = FakeEdgar(FILINGS, today=dt.date(2017, 7, 1))
    clock = TestClock(end_of_day(dt.date(2017, 6, 30)) + dt.timedelta(hours=1))
    with LocalVendor(fake) as server:
        vendor = market(server, tmp_path, clock, live=True)
        vendor.complete(FUNDAMENTALS, [dt.date(2017, 6, 30)])
        fake.today = Q2
        clock.moment = arrived = end_of_day(Q2) + dt.timedelta(hours=2)
        rows = parsed(vendor, FUNDAMENTALS, calendar.between(DAYS[0], Q2))
    assert set(rows.select("event_date", "known_at").rows()) == {
        (dt.date(2017, 3, 31), end_of_day(Q1)), (dt.date(2016, 3, 31), end_of_day(Q1)),
        (dt.date(2017, 4, 21), end_of_day(Q1)), (dt.date(2017, 7, 1), arrived),
    }  # fmt: skip


def test_a_company_without_statements_has_no_facts_and_is_not_asked_for_again(tmp_path: Path) -> None:
    with LocalVendor(FakeEdgar([("88", "8-K", Q1, {})])) as server:
        vendor = market(server, tmp_path, NONE="88")
        assert parsed(vendor, FUNDAMENTALS, DAYS).is_empty()
        server.requests.clear()
        assert parsed(vendor, FUNDAMENTALS, DAYS).is_empty()
        assert server.requests == []


def test_the_sic_code_is_known_from_the_day_on_which_it_was_read(tmp_path: Path) -> None:
    day = dt.date(2018, 6, 27)
    with LocalVendor(FakeEdgar(FILINGS)) as server:
        vendor = market(server, tmp_path, TestClock(end_of_day(day)))
        rows = parsed(vendor, TICKERS, calendar.between(dt.date(2018, 6, 25), day))
    assert rows.select("event_date", "symbol", "company", "sic").rows() == [
        (dt.date(2018, 6, 25), "ACME", "0000000077", None),
        (dt.date(2018, 6, 26), "ACME", "0000000077", None),
        (day, "ACME", "0000000077", 3571),
    ]


# --- properties -----------------------------------------------------------------------------------------------------


def test_a_range_is_its_days_and_a_cut_payload_tells_what_was_known(tmp_path: Path) -> None:
    around = [day for filed in (Q1, Q2, FY) for day in calendar.between(filed, filed + dt.timedelta(days=3))]
    with LocalVendor(FakeEdgar(FILINGS)) as server:
        vendor = market(server, tmp_path)
        whole = parsed(vendor, FUNDAMENTALS, DAYS)
        assert pl.concat([parsed(vendor, FUNDAMENTALS, [day]) for day in around]).equals(whole)
        for cut in around:
            raw = vendor.fetch(FUNDAMENTALS, DAYS, CLOCK.decision_time(cut))
            known = [day for day in DAYS if day <= cut]
            assert vendor.parse(FUNDAMENTALS, raw, known).equals(whole.filter(pl.col("session") <= cut))


# --- refusals -------------------------------------------------------------------------------------------------------


def test_an_answer_without_facts_is_asked_for_again_and_then_refused(tmp_path: Path) -> None:
    with LocalVendor(FakeEdgar(FILINGS)) as server:
        server.faults = [None, *[faulty.status(200, b'{"cik": 77}')] * 3]
        with pytest.raises(VendorError, match="it holds no facts"):
            parsed(market(server, tmp_path), FUNDAMENTALS, DAYS)


def test_a_request_that_sec_refuses_says_why_that_may_be(tmp_path: Path) -> None:
    with LocalVendor(FakeEdgar(FILINGS)) as server:
        server.faults = [faulty.status(403, b"<html>Undeclared Automated Tool</html>")]
        with pytest.raises(VendorError, match=r"Undeclared Automated Tool.*`user_agent` does not name you"):
            parsed(market(server, tmp_path), FUNDAMENTALS, DAYS)
