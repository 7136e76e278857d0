"""Requests are rate-limited, retried where that can help, bounded, and never show the key in any text."""

import datetime as dt
import logging
import random
import threading
import traceback
from collections.abc import Iterator
from email.utils import format_datetime

import polars as pl
import pytest
import urllib3

from configs.settings import Transport
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.http.client import HttpClient, RejectedError, UnusableError, canonical
from quant_resources.vendors.http.keys import Key
from quant_resources.vendors.ingest.clock import TokenBucket
from tests.quant_resources.vendors import local_vendor as faulty
from tests.quant_resources.vendors.local_vendor import Fault, LocalVendor, TestClock

NOW = dt.datetime(2018, 7, 2, 12, 0, tzinfo=dt.UTC)
SECRET = "s3cret/key+of=mine"
FAST = Transport(requests_per_minute=60_000, burst=100, timeout_seconds=20, tries=4, total_seconds=120)


@pytest.fixture
def vendor() -> Iterator[LocalVendor]:
    with LocalVendor(lambda path, parameters: {"status": "OK", "path": path}) as server:
        yield server


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", SECRET)


def client(
    vendor: LocalVendor, clock: TestClock, transport: Transport = FAST, parameter: str | None = None
) -> HttpClient:
    key = Key("TEST_KEY")
    return HttpClient("test", vendor.url, transport, clock, key=key, key_parameter=parameter, jitter=random.Random(1))


# --- known values ---------------------------------------------------------------------------------------------------


def test_the_key_goes_in_a_header_or_in_the_parameter_that_the_vendor_knows(vendor: LocalVendor) -> None:
    clock = TestClock(NOW)
    answer = client(vendor, clock).get(canonical("/v2/x", {"b": "2", "a": "1"}))
    assert answer.body == {"status": "OK", "path": "/v2/x"}
    assert answer.request == "/v2/x?a=1&b=2"
    assert vendor.requests[0].headers["Authorization"] == f"Bearer {SECRET}"
    client(vendor, clock, parameter="api_key").get("/y")
    assert vendor.requests[1].parameters == {"api_key": SECRET}
    assert "Authorization" not in vendor.requests[1].headers


@pytest.mark.parametrize(
    "fault",
    [
        faulty.status(500), faulty.status(502), faulty.status(503, b"<html>"), faulty.status(429), faulty.malformed,
        faulty.half, faulty.cut, faulty.reset, faulty.status(200, b"[1]"), faulty.status(200, b'{"x": NaN}'),
        faulty.status(200, b""),
    ],
)  # fmt: skip
def test_what_may_go_well_the_next_time_is_asked_again(vendor: LocalVendor, fault: Fault) -> None:
    vendor.faults = [fault, fault]
    assert client(vendor, TestClock(NOW)).get("/x").body["status"] == "OK"
    assert len(vendor.requests) == 3


def test_a_body_that_does_not_come_is_asked_for_again(vendor: LocalVendor) -> None:
    released = threading.Event()
    vendor.faults = [faulty.slow(released)]
    impatient = FAST.model_copy(update={"timeout_seconds": 0.5, "tries": 20})
    assert client(vendor, TestClock(NOW), impatient).get("/x").body["status"] == "OK"
    released.set()
    assert len(vendor.requests) >= 2


def test_an_answer_that_cannot_be_whole_is_asked_for_again(vendor: LocalVendor) -> None:
    vendor.faults = [faulty.status(200, b'{"count": 2, "results": [1]}')]
    answer = client(vendor, TestClock(NOW)).get(
        "/x", lambda body: "1 result where 2 are announced" if body.get("count") == 2 else None
    )
    assert answer.body["status"] == "OK"


@pytest.mark.parametrize(
    ("header", "minimum"), [("17", 17.0), (format_datetime(NOW + dt.timedelta(seconds=40), usegmt=True), 39.0)]
)
def test_retry_after_is_kept_in_seconds_and_as_a_date(vendor: LocalVendor, header: str, minimum: float) -> None:
    vendor.faults = [faulty.status(429, Retry_After=header)]
    clock = TestClock(NOW)
    client(vendor, clock).get("/x")
    assert [seconds for seconds in clock.slept if seconds >= minimum] == [pytest.approx(minimum, abs=1.1)]


def test_waits_double_and_are_spread(vendor: LocalVendor) -> None:
    vendor.faults = [faulty.status(500)] * 4
    clock = TestClock(NOW)
    client(vendor, clock, FAST.model_copy(update={"tries": 5})).get("/x")
    waits = [seconds for seconds in clock.slept if seconds > 0.1]
    assert all(0.5 * 2**i <= wait <= 2**i for i, wait in enumerate(waits))
    assert len(waits) == 4
    assert len({wait / 2**i for i, wait in enumerate(waits)}) == 4


def test_the_bucket_lets_a_burst_through_and_then_keeps_the_rate() -> None:
    clock = TestClock(NOW)
    bucket = TokenBucket(per_minute=5, burst=2, clock=clock)
    for _ in range(6):
        bucket.take()
    assert clock.slept == pytest.approx([12.0] * 4)
    clock.sleep(600)
    for _ in range(2):
        bucket.take()
    assert len(clock.slept) == 5


@pytest.mark.parametrize("base", ["", "{url}", "https://api.vendor.example"])
def test_the_next_page_is_asked_of_the_base_address_without_any_key(vendor: LocalVendor, base: str) -> None:
    address = f"{base.format(url=vendor.url)}/v3/t?cursor=Y%3D&apiKey={SECRET}&API_KEY=x"
    asked = client(vendor, TestClock(NOW)).request_of(address, also=["api.vendor.example"])
    assert asked == "/v3/t?cursor=Y%3D"


# --- refusals -------------------------------------------------------------------------------------------------------


def test_after_all_tries_the_error_names_the_request_and_the_mend(vendor: LocalVendor) -> None:
    vendor.faults = [faulty.malformed] * 9
    message = r"test: http://127.*/v2/x\?a=1 gave no whole answer in 4 tries: no JSON .*again"
    with pytest.raises(VendorError, match=message):
        client(vendor, TestClock(NOW)).get("/v2/x?a=1")
    assert len(vendor.requests) == 4


def test_the_total_time_is_bounded_whatever_the_vendor_asks_for(vendor: LocalVendor) -> None:
    vendor.faults = [faulty.status(429, Retry_After="100000")]
    clock = TestClock(NOW)
    with pytest.raises(VendorError, match="status 429"):
        client(vendor, clock).get("/x")
    assert sum(clock.slept) < 120
    assert len(vendor.requests) == 1


ELSEWHERE = [
    "@evil.example/v3/x", "//evil.example/v3/x", "https://evil.example/v3/x", "https://api.vendor.example@evil.example/",
    "https://api.vendor.example.evil.example/x", "https://api.vendor.example:8443/x", "http://api.vendor.example/x",
    "file:///etc/passwd", "javascript:alert(1)", "\\\\evil.example\\x", "https:/\\evil.example/x", ":80@evil.example/x",
    "v3/x", "?cursor=1", "https://[::1", "https://api.vendor.example:99999999/x", "/v3/x\r\nHost: evil.example",
    "https://user:pass@api.vendor.example/x", ".evil.example/x", "https://api.vendor.example\uff0f@evil.example/x",
]  # fmt: skip


@pytest.mark.parametrize("address", ELSEWHERE)
def test_no_page_and_no_request_goes_to_another_place_than_the_vendors(vendor: LocalVendor, address: str) -> None:
    asker = client(vendor, TestClock(NOW))
    with pytest.raises(VendorError, match=r"test: .*requests go .*nothing was sent"):
        asker.request_of(address, also=["api.vendor.example"])
    with pytest.raises(VendorError, match=r"nothing was sent"):  # as a page of the log that says so
        asker.get(address if not address.startswith(("/v3", "?", "v3", "//", "\\")) else "@evil.example/x")
    assert vendor.requests == []


def test_a_redirect_is_not_followed(vendor: LocalVendor) -> None:
    with LocalVendor(lambda path, parameters: {"status": "OK"}) as elsewhere:
        for code in (301, 302, 303, 307, 308):
            vendor.faults = [faulty.status(code, Location=f"{elsewhere.url}/x")]
            with pytest.raises(RejectedError, match="no redirect is followed"):
                client(vendor, TestClock(NOW)).get("/x")
        assert elsewhere.requests == []


def test_a_key_does_not_cross_a_network_in_clear() -> None:
    with pytest.raises(VendorError, match=r"unencrypted; write https://api\.example"):
        HttpClient("test", "http://api.example", FAST, TestClock(NOW), key=Key("TEST_KEY"))


def test_what_its_reader_cannot_read_is_asked_again_and_handed_over_in_the_end(vendor: LocalVendor) -> None:
    def reader(content: bytes) -> None:
        raise pl.exceptions.PanicException("index out of bounds")

    with pytest.raises(UnusableError, match="PanicException: index out of bounds") as error:
        client(vendor, TestClock(NOW)).get("/x", parses=[reader])
    assert error.value.content == b'{"status": "OK", "path": "/x"}'
    assert len(vendor.requests) == 4


@pytest.mark.parametrize("code", [400, 401, 403, 404, 301])
def test_a_refusal_is_not_asked_again(vendor: LocalVendor, code: int) -> None:
    vendor.faults = [faulty.status(code, b'{"error": "no such thing"}')]
    with pytest.raises(RejectedError, match=f"status {code} .*no such thing"):
        client(vendor, TestClock(NOW)).get("/x")
    assert len(vendor.requests) == 1


def test_an_answer_that_is_too_large_is_not_read_to_its_end(vendor: LocalVendor) -> None:
    vendor.faults = [faulty.status(200, b'{"x": "' + b"y" * 2_000_000 + b'"}')]
    with pytest.raises(RejectedError, match="more than 1 MB"):
        client(vendor, TestClock(NOW), FAST.model_copy(update={"max_megabytes": 1})).get("/x")


@pytest.mark.parametrize("value", ["", "short"])
def test_a_missing_key_is_named_with_the_fix(vendor: LocalVendor, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", value)
    with pytest.raises(VendorError, match="export TEST_KEY with your key"):
        client(vendor, TestClock(NOW)).get("/x")
    assert vendor.requests == []


@pytest.mark.parametrize("parameter", [None, "api_key"])
@pytest.mark.parametrize(
    "fault",
    [
        faulty.status(403, f"unknown key {SECRET}".encode()), faulty.status(500, SECRET.encode()), faulty.reset,
        faulty.cut, faulty.status(200, f'{{"x": "{SECRET}"}}'.encode()),
        faulty.status(200, b'{"x": "s3cret\\/key+of=mine"}'), faulty.status(400, b"s3cret%2fkey%2bof%3dmine"),
    ],
)  # fmt: skip
def test_no_error_log_or_answer_holds_the_key(
    vendor: LocalVendor, fault: Fault, parameter: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    vendor.faults = [None, *[fault] * 9]
    caplog.set_level(logging.DEBUG)
    asker = client(vendor, TestClock(NOW), parameter=parameter)
    asker.get("/x?a=1")
    texts = [repr(vars(asker)), repr(asker)]
    try:
        answer = asker.get("/x?a=1")
        texts += [repr(answer), answer.content.decode()]
    except VendorError as error:
        chain: BaseException | None = error
        texts += traceback.format_exception(error)
        while chain is not None:
            texts += [repr(chain), str(chain.args)]
            chain = chain.__cause__ or chain.__context__
    texts += [record.getMessage() for record in caplog.records] + [caplog.text]
    assert any("GET /x" in text for text in texts)  # the log was listened to
    for form in (SECRET, "s3cret%2Fkey%2Bof%3Dmine", "s3cret%2fkey%2bof%3dmine", "s3cret\\/key+of=mine"):
        assert not [text for text in texts if form in text]


def test_an_error_of_the_connection_that_names_the_address_tells_no_key(
    vendor: LocalVendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: urllib3.PoolManager, method: str, address: str, **options: object) -> None:
        raise urllib3.exceptions.LocationParseError(address)

    monkeypatch.setattr(urllib3.PoolManager, "request", broken)
    with pytest.raises(VendorError, match=r"api_key=\*\*\*") as error:
        client(vendor, TestClock(NOW), parameter="api_key").get("/x")
    assert "s3cret" not in "".join(traceback.format_exception(error.value))
