"""Polygon's answers become bars, actions and tickers of securities, requested where they are missing."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import polars as pl
import pytest

from configs.settings import History, HttpVendor, Profile
from feature_store import sessions as calendar
from feature_store.dataset import Dataset, Grade
from feature_store.decision_time import DecisionClock, end_of_day, morning_of
from feature_store.schemas.market import BARS, BENCHMARKS, CORPORATE_ACTIONS, INDUSTRIES, MEMBERS, TICKERS
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.http.vendor import RemoteMarket
from quant_resources.vendors.ingest.raw_payloads import RawStore
from tests.quant_resources.vendors import local_vendor as faulty
from tests.quant_resources.vendors.local_vendor import LocalVendor, TestClock
from tests.quant_resources.vendors.vendor_formats import FakePolygon, Listing, dividend, split, trading

CLOCK = DecisionClock()
DAYS = calendar.between(dt.date(2017, 3, 1), dt.date(2017, 3, 31))
LATER = dt.datetime(2018, 1, 2, 12, tzinfo=dt.UTC)
Start = Callable[..., tuple[LocalVendor, RemoteMarket, TestClock]]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a local Polygon, and a market that requests from it."""
    monkeypatch.setenv("POLYGON_API_KEY", "a-key-of-polygon")
    with ExitStack() as servers:

        def started(
            fake: FakePolygon, now: dt.datetime = LATER, live: bool = False, **options: object
        ) -> tuple[LocalVendor, RemoteMarket, TestClock]:
            server, clock = servers.enter_context(LocalVendor(fake)), TestClock(now)
            return server, market(server, tmp_path, clock, live, **options), clock

        yield started


def market(server: LocalVendor, folder: Path, clock: TestClock, live: bool = False, **options: object) -> RemoteMarket:
    fast = {"requests_per_minute": 60_000, "burst": 100, "tries": 12}
    source = {"base_url": server.url, "transport": fast, "recheck_sessions": 0, **options}
    vendor = HttpVendor.model_validate({"kind": "http", "live": live, "polygon": source})
    profile = Profile(name="own", history=History(start=DAYS[0]), vendor=vendor)
    return RemoteMarket(profile, RawStore(folder / "raw"), clock)


def parsed(vendor: RemoteMarket, dataset: Dataset, days: Sequence[dt.date]) -> pl.DataFrame:
    return vendor.parse(dataset, vendor.fetch(dataset, days, CLOCK.decision_time(days[-1])), days)


TWO = [Listing("AAA", "BBG00AAA"), Listing("BBB", "BBG00BBB", cik="0000000022")]


# --- known values ---------------------------------------------------------------------------------------------------


def test_bars_of_the_whole_market_are_known_by_rule_under_their_figi(start: Start) -> None:
    fake = FakePolygon(
        trading({"AAA": 10, "BBB": 20, "FUND": 30, "NOBODY": 5}, DAYS[:2]), [*TWO, Listing("FUND", "F", type="ETF")]
    )
    server, vendor, _ = start(fake, benchmarks=["FUND"])
    rows = parsed(vendor, BARS, DAYS[:2])
    shown = ["event_date", "symbol", "close", "volume", "vwap", "transactions", "known_at", "grade"]
    assert rows.select(shown).rows() == [
        (DAYS[0], "BBG00AAA", 10.0, 1_500_000, 10.01, 1234, end_of_day(DAYS[0]), Grade.RULED),
        (DAYS[0], "BBG00BBB", 20.0, 1_500_000, 20.02, 1234, end_of_day(DAYS[0]), Grade.RULED),
        (DAYS[1], "BBG00AAA", 10.01, 1_500_000, 10.02001, 1234, end_of_day(DAYS[1]), Grade.RULED),
        (DAYS[1], "BBG00BBB", 20.01, 1_500_000, 20.03001, 1234, end_of_day(DAYS[1]), Grade.RULED),
    ]  # fmt: skip
    assert parsed(vendor, BENCHMARKS, DAYS[:2]).select("symbol", "close").rows() == [("FUND", 30.0), ("FUND", 30.01)]
    assert all(request.headers["Authorization"] == "Bearer a-key-of-polygon" for request in server.requests)


def test_bars_of_configured_tickers_take_one_request_each_for_the_whole_range(start: Start) -> None:
    server, vendor, _ = start(FakePolygon(trading({"AAA": 10, "BBB": 20}, DAYS), TWO), tickers=["AAA", "BBB"])
    assert parsed(vendor, BARS, DAYS).height == 2 * len(DAYS)
    assert [line for line in server.lines() if "/range/" in line] == [
        f"/v2/aggs/ticker/{t}/range/1/day/{DAYS[0]}/{DAYS[-1]}&adjusted=false&limit=50000&sort=asc"
        for t in ("AAA", "BBB")
    ]  # fmt: skip


@pytest.mark.parametrize("tickers", [None, ["AAA", "BBB"]])
def test_a_second_fetch_asks_only_for_what_is_new(start: Start, tickers: list[str] | None) -> None:
    server, vendor, _ = start(FakePolygon(trading({"AAA": 10, "BBB": 20}, DAYS), TWO), tickers=tickers)
    before = parsed(vendor, BARS, DAYS[:10])
    server.requests.clear()
    parsed(vendor, BARS, DAYS[:10])
    assert server.requests == []
    whole = parsed(vendor, BARS, DAYS[:12])
    assert len(server.requests) == 2  # two sessions, or two tickers
    assert whole.filter(pl.col("session") <= DAYS[9]).equals(before)
    assert all(str(day) not in line for day in DAYS[:10] for line in server.lines())


def test_sessions_are_asked_for_once_more_and_what_changed_or_came_late_is_a_late_row(start: Start) -> None:
    fake = FakePolygon(trading({"AAA": 10, "BBB": 20}, DAYS), TWO)
    del fake.bars["BBB", DAYS[1]]
    server, vendor, clock = start(fake, now=end_of_day(DAYS[1]), recheck_sessions=1)
    assert parsed(vendor, BARS, DAYS[:2]).height == 3
    fake.bars["AAA", DAYS[1]] = 99.0
    fake.bars["BBB", DAYS[1]] = 77.0
    clock.moment = arrived = end_of_day(DAYS[2]) + dt.timedelta(hours=1)
    server.requests.clear()
    rows = parsed(vendor, BARS, DAYS[2:3])
    assert sorted(line.split("/")[-1][:10] for line in server.lines() if "grouped" in line) == [
        str(DAYS[1]),
        str(DAYS[2]),
    ]
    late = rows.filter(pl.col("event_date") == DAYS[1])
    assert late.select("symbol", "close", "known_at", "grade").rows() == [
        ("BBG00AAA", 99.0, arrived, Grade.OBSERVED),
        ("BBG00BBB", 77.0, arrived, Grade.OBSERVED),
    ]
    assert parsed(vendor, BARS, DAYS[1:2]).select("symbol", "close").rows() == [("BBG00AAA", 10.01)]


def test_in_live_operation_bars_are_known_when_they_arrive(start: Start) -> None:
    fake = FakePolygon(trading({"AAA": 10}, DAYS), TWO)
    _, vendor, clock = start(fake, now=end_of_day(DAYS[4]) + dt.timedelta(hours=2), live=True)
    vendor.complete(BARS, DAYS[:5])
    clock.moment = arrived = end_of_day(DAYS[5]) + dt.timedelta(hours=3)
    rows = parsed(vendor, BARS, DAYS[:6])
    assert rows["known_at"].to_list() == [*map(end_of_day, DAYS[:5]), arrived]


def test_a_security_keeps_its_id_through_a_change_of_ticker_and_a_ticker_may_change_hands(start: Start) -> None:
    change, reuse = DAYS[3], DAYS[20]
    listings = [
        Listing("OLD", "BBG1", last=DAYS[2]),
        Listing("NEW", "BBG1", first=change),
        Listing("OLD", "BBG2", first=reuse),
    ]
    bars = trading({"OLD": 10}, DAYS[:3]) | trading({"NEW": 11}, DAYS[3:]) | trading({"OLD": 50}, DAYS[20:])
    server, vendor, _ = start(FakePolygon(bars, listings))
    rows = parsed(vendor, BARS, DAYS)
    assert rows.filter(symbol="BBG1").height == len(DAYS)
    assert rows.filter(symbol="BBG2")["event_date"].to_list() == list(DAYS[20:])
    assert len([line for line in server.lines() if "reference/tickers" in line]) == 3
    changed = parsed(vendor, CORPORATE_ACTIONS, DAYS)
    assert changed.select("event_date", "symbol", "action", "value", "other_symbol", "known_at").rows() == [
        (change, "BBG1", "symbol_change", 1.0, "NEW", end_of_day(change))
    ]
    named = parsed(vendor, TICKERS, DAYS)
    assert named.filter(symbol="BBG1")["ticker"].to_list() == ["OLD"] * 3 + ["NEW"] * (len(DAYS) - 3)


def test_without_a_figi_the_cik_names_the_company_and_a_second_class_gets_its_ticker(start: Start) -> None:
    listings = [
        Listing("CHG", None, cik="0000000001", last=DAYS[1]),
        Listing("CHX", None, cik="0000000001", first=DAYS[2]),
        Listing("DUA", None, cik="0000000002"),
        Listing("DUB", None, cik="0000000002"),
        Listing("NIL", None),
    ]
    bars = trading({"CHG": 1}, DAYS[:2]) | trading({"CHX": 2}, DAYS[2:4])
    bars |= trading({"DUA": 3, "DUB": 4, "NIL": 5}, DAYS[:4])
    _, vendor, _ = start(FakePolygon(bars, listings))
    rows = parsed(vendor, BARS, DAYS[:4])
    assert rows.group_by("symbol").len().sort("symbol").rows() == [
        ("CIK0000000001", 4), ("CIK0000000002", 4), ("CIK0000000002.DUB", 4), ("NIL", 4),
    ]  # fmt: skip


def test_many_new_tickers_are_looked_up_by_the_list_of_the_day_page_by_page(start: Start) -> None:
    names = [f"T{i:03d}" for i in range(60)]
    fake = FakePolygon(trading(dict.fromkeys(names, 10.0), DAYS[:2]), [Listing(t, f"F{t}") for t in names], page=7)
    server, vendor, _ = start(fake)
    assert parsed(vendor, BARS, DAYS[:2])["symbol"].n_unique() == 60
    pages = [request for request in server.requests if request.path == "/v3/reference/tickers"]
    assert len(pages) == 9
    assert not any("apiKey" in request.parameters for request in pages)


MANY = [f"T{i:03d}" for i in range(60)]


def interrupted(start: Start, days: int) -> tuple[LocalVendor, RemoteMarket, TestClock, FakePolygon]:
    """The list of tickers came to its third page of nine, and then nothing more."""
    fake = FakePolygon(trading(dict.fromkeys(MANY, 10.0), DAYS[:days]), [Listing(t, f"F{t}") for t in MANY], page=7)
    server, vendor, clock = start(fake)
    server.faults = [*[None] * (days + 3), *[faulty.status(500)] * 12]
    with pytest.raises(VendorError, match="gave no whole answer in 12 tries: status 500"):
        vendor.complete(BARS, DAYS[:days])
    server.requests.clear()
    return server, vendor, clock, fake


def test_an_interrupted_list_goes_on_at_the_page_where_it_stopped(start: Start) -> None:
    server, vendor, _, _ = interrupted(start, 1)
    assert parsed(vendor, BARS, DAYS[:1])["symbol"].to_list() == [f"F{t}" for t in MANY]
    assert len(server.requests) == 6
    assert all("cursor" in request.parameters for request in server.requests)


def test_a_cursor_that_is_no_longer_known_begins_the_list_anew(start: Start) -> None:
    server, vendor, _, _ = interrupted(start, 1)
    server.faults = [faulty.status(400, b'{"status": "ERROR", "error": "cursor expired"}')]
    assert parsed(vendor, BARS, DAYS[:1])["symbol"].to_list() == [f"F{t}" for t in MANY]
    assert len(server.requests) == 1 + 9


def test_a_list_that_was_interrupted_long_ago_is_asked_for_anew(start: Start) -> None:
    server, vendor, clock, fake = interrupted(start, 1)
    clock.moment += dt.timedelta(days=1)
    assert parsed(vendor, BARS, DAYS[:1]).height == len(fake.listings)
    assert len(server.requests) == 9


@pytest.mark.parametrize("repeats", [False, True])
def test_actions_are_known_at_their_declaration_or_on_the_morning_of_the_ex_date(start: Start, repeats: bool) -> None:
    ex = DAYS[10]
    fake = FakePolygon(
        trading({"AAA": 10, "BBB": 20}, DAYS),
        TWO,
        splits=[split("AAA", ex, 7, 1), split("BBB", DAYS[5], 1, 10), split("ZZZ", ex, 2, 1)],
        dividends=[
            dividend("AAA", ex, 0.25, DAYS[2]),
            dividend("AAA", ex, 1.0, DAYS[3], dividend_type="SC"),
            dividend("BBB", ex, 0.1),
            dividend("BBB", ex, 0.2, DAYS[4]),
            dividend("BBB", DAYS[12], 0.5, currency="CAD"),
            dividend("BBB", dt.date(2017, 5, 10), 0.3, dt.date(2017, 1, 5)),
            dividend("BBB", dt.date(2017, 6, 14), 0.4, dt.date(2017, 1, 5)),
            dividend("BBB", dt.date(2017, 7, 14), 0.4, dt.date(2017, 1, 5)),
        ],
        repeats=repeats,
    )
    _, vendor, _ = start(fake, ahead_months=2)
    rows = parsed(vendor, CORPORATE_ACTIONS, DAYS)
    assert sorted(rows.select("event_date", "symbol", "action", "value", "known_at").rows()) == sorted([
        (ex, "BBG00AAA", "split", 7.0, morning_of(ex)),
        (DAYS[5], "BBG00BBB", "split", 0.1, morning_of(DAYS[5])),
        (ex, "BBG00AAA", "cash_dividend", 0.25, end_of_day(DAYS[2])),
        (ex, "BBG00AAA", "special_dividend", 1.0, end_of_day(DAYS[3])),
        (ex, "BBG00BBB", "cash_dividend", pytest.approx(0.3), end_of_day(DAYS[4])),
        # no ex-date is requested more than two months ahead, nor can link a ticker before its first bar
        (dt.date(2017, 5, 10), "BBG00BBB", "cash_dividend", 0.3, end_of_day(DAYS[0])),
        (dt.date(2017, 6, 14), "BBG00BBB", "cash_dividend", 0.4, end_of_day(dt.date(2017, 4, 1))),
    ])  # fmt: skip


def test_an_action_that_is_amended_or_taken_back_is_a_late_row(start: Start) -> None:
    ex, gone = DAYS[10], DAYS[11]
    fake = FakePolygon(
        trading({"AAA": 10}, DAYS), TWO,
        dividends=[dividend("AAA", ex, 0.25, DAYS[0], id="1"), dividend("AAA", gone, 0.5, DAYS[0], id="2")],
    )  # fmt: skip
    _, vendor, clock = start(fake, now=end_of_day(DAYS[1]))
    vendor.complete(CORPORATE_ACTIONS, DAYS[:2])
    fake.dividends = [dividend("AAA", ex, 0.26, DAYS[0], id="1")]
    clock.moment = arrived = end_of_day(DAYS[2]) + dt.timedelta(hours=1)
    rows = parsed(vendor, CORPORATE_ACTIONS, DAYS[:3])
    assert rows.select("event_date", "value", "known_at").rows() == [
        (ex, 0.25, end_of_day(DAYS[0])),
        (gone, 0.5, end_of_day(DAYS[0])),
        (ex, 0.26, arrived),
        (gone, None, arrived),
    ]


def test_what_polygon_has_not_is_empty(start: Start) -> None:
    server, vendor, _ = start(FakePolygon(trading({"AAA": 10}, DAYS[:1]), TWO))
    for dataset in (MEMBERS, INDUSTRIES):
        assert parsed(vendor, dataset, DAYS[:1]).is_empty()
    assert server.requests == []


@pytest.mark.parametrize("body", [{"status": "OK"}, {"status": "OK", "results": None, "resultsCount": 0}])
def test_a_day_without_any_bar_is_an_answer(start: Start, body: dict[str, object]) -> None:
    server, vendor, _ = start(FakePolygon({}, []))
    server.answers = lambda path, parameters: body
    assert parsed(vendor, BARS, DAYS[:2]).is_empty()
    server.requests.clear()
    assert parsed(vendor, BARS, DAYS[:2]).is_empty()
    assert server.requests == []


# --- properties -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tickers", [None, ["AAA", "BBB"]])
def test_a_range_is_its_days_and_each_can_be_served_again_alone(
    start: Start, tmp_path: Path, tickers: list[str] | None
) -> None:
    days = DAYS[:5]
    fake = FakePolygon(
        trading({"AAA": 10, "BBB": 20}, days), TWO,
        splits=[split("AAA", DAYS[4], 7, 1)], dividends=[dividend("BBB", DAYS[8], 0.1, DAYS[3])],
    )  # fmt: skip
    server, vendor, _ = start(fake, tickers=tickers)
    alone = market(server, tmp_path / "other", TestClock(LATER), tickers=tickers)
    for dataset in (BARS, CORPORATE_ACTIONS, TICKERS):
        whole = parsed(vendor, dataset, days)
        assert pl.concat([parsed(alone, dataset, [day]) for day in days]).equals(whole)
        assert pl.concat([parsed(vendor, dataset, [day]) for day in days]).equals(whole)


def test_the_payload_cut_at_a_moment_tells_what_was_known_then(start: Start) -> None:
    fake = FakePolygon(
        trading({"AAA": 10, "BBB": 20}, DAYS), TWO,
        splits=[split("AAA", DAYS[10], 7, 1)], dividends=[dividend("BBB", DAYS[8], 0.1, DAYS[3])],
    )  # fmt: skip
    _, vendor, _ = start(fake)
    for dataset in (BARS, CORPORATE_ACTIONS, TICKERS):
        whole = parsed(vendor, dataset, DAYS)
        for cut in (DAYS[0], DAYS[4], DAYS[9]):
            known = [day for day in DAYS if day <= cut]
            raw = vendor.fetch(dataset, DAYS, CLOCK.decision_time(cut))
            assert raw.filter(pl.col("known_at") > CLOCK.decision_time(cut)).is_empty()
            assert vendor.parse(dataset, raw, known).equals(whole.filter(pl.col("session") <= cut))


def test_every_misbehaviour_is_survived_with_nothing_lost_or_doubled(start: Start, tmp_path: Path) -> None:
    names = {f"T{i:02d}": 10.0 + i for i in range(60)}
    fake = FakePolygon(
        trading(names, DAYS[:6]), [Listing(t, f"F{t}") for t in names], page=9, repeats=True,
        dividends=[dividend(t, DAYS[4], 0.1, DAYS[1]) for t in names],
    )  # fmt: skip
    server, vendor, _ = start(fake)
    good = {dataset.name: parsed(vendor, dataset, DAYS[:6]) for dataset in (BARS, CORPORATE_ACTIONS)}
    count = len(server.requests)
    bad = [
        faulty.status(429, Retry_After="3"), None, faulty.status(500), faulty.malformed, None, faulty.half,
        faulty.cut, faulty.reset, None, faulty.status(503), faulty.status(429), faulty.reset,
    ]  # fmt: skip
    server.faults = bad * 6
    server.requests.clear()
    again = market(server, tmp_path / "other", TestClock(LATER))
    for dataset in (BARS, CORPORATE_ACTIONS):
        assert parsed(again, dataset, DAYS[:6]).equals(good[dataset.name])
    assert good[BARS.name].height == 360
    assert good[CORPORATE_ACTIONS.name].height == 60
    assert len(server.requests) > count
