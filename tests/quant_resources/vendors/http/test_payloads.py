"""What a later step could not read is never kept: it is named, set aside, and a retry works."""

import datetime as dt
import gzip
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from configs.settings import PolygonSource, Transport
from feature_store import sessions as calendar
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.http import edgar, fred, polygon
from quant_resources.vendors.http.client import HttpClient
from quant_resources.vendors.http.downloads import Downloads, Resource
from quant_resources.vendors.http.keys import Key
from quant_resources.vendors.http.payloads import read_object
from quant_resources.vendors.ingest.raw_payloads import RawStore
from tests.quant_resources.vendors.local_vendor import LocalVendor, TestClock
from tests.quant_resources.vendors.vendor_formats import bar, dividend, split

NOW = dt.datetime(2018, 7, 2, 12, 0, tzinfo=dt.UTC)
DAY = dt.date(2017, 3, 1)
FAST = Transport(requests_per_minute=60_000, burst=100, tries=2)
SOURCE = PolygonSource()
SECRET = "the-secret-of-a-test"

BARS = polygon.market_on(DAY, DAY, SOURCE)
SPLITS, DIVIDENDS = polygon.actions_of([calendar.between(DAY, DAY)[0]], SOURCE)[:2]
TICKERS = polygon.ticker_on("AAA", DAY)
FACTS = edgar.company_facts("7", DAY)
FILINGS = edgar.submissions("7", DAY)
MACRO = fred.vintages("DGS10", [], DAY)[-1]
FACT = {"end": "2016-12-31", "val": 5, "accn": "1", "form": "10-K", "filed": "2017-02-01"}
MONTH = dt.date(2017, 2, 15) if SPLITS.first.month == 2 else DAY


def results(*rows: object) -> dict[str, Any]:
    return {"status": "OK", "results": list(rows), "resultsCount": len(rows)}


def facts(*rows: object) -> dict[str, Any]:
    return {"cik": 7, "facts": {"us-gaap": {"Assets": {"units": {"USD": list(rows)}}}}}


def observed(*rows: object) -> dict[str, Any]:
    return {"count": len(rows), "offset": 0, "limit": 100_000, "observations": list(rows)}


GOOD: dict[str, tuple[Resource, dict[str, Any]]] = {
    "bars": (BARS, results(bar(10.0, DAY) | {"T": "AAA"})),
    "splits": (SPLITS, results(split("AAA", MONTH, 2, 1))),
    "dividends": (DIVIDENDS, results(dividend("AAA", MONTH, 0.5))),
    "tickers": (TICKERS, results({"ticker": "AAA", "composite_figi": "F", "type": "CS", "cik": None})),
    "facts": (FACTS, facts(FACT)),
    "filings": (FILINGS, {"cik": "7", "sic": "3571", "name": "A", "filings": {
        "recent": {"form": ["10-K"], "filingDate": ["2017-02-01"]}}}),
    "macro": (MACRO, observed({"date": "2017-02-01", "value": "2.4", "realtime_start": "2017-02-02"})),
}  # fmt: skip


def encoded(body: object) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def changed(kind: str, field: str, value: object) -> tuple[str, bytes]:
    """The good answer with one field of its first row set to something else."""
    body = json.loads(json.dumps(GOOD[kind][1]))
    row = {
        "facts": lambda: body["facts"]["us-gaap"]["Assets"]["units"]["USD"][0],
        "filings": lambda: body["filings"]["recent"],
        "macro": lambda: body["observations"][0],
    }.get(kind, lambda: body["results"][0])()
    row[field] = value
    return kind, json.dumps(body).encode()


def replaced(kind: str, text: bytes) -> tuple[str, bytes]:
    return kind, text


def with_text(kind: str, old: str, new: str) -> tuple[str, bytes]:
    good = json.dumps(GOOD[kind][1])
    assert old in good
    return kind, good.replace(old, new, 1).encode()


BAD = [
    changed("bars", "o", "ten"), changed("bars", "o", [1]), changed("bars", "t", None), changed("bars", "t", 1.5),
    changed("bars", "t", 10**17), changed("bars", "T", None), changed("bars", "T", 7), changed("bars", "v", {}),
    changed("bars", "T", "\ud800"), changed("bars", "o", True), changed("bars", "t", 1_000_000),
    with_text("bars", '"o": ', '"o": 1e999, "x": '), with_text("bars", '"o": ', '"o": NaN, "x": '),
    with_text("bars", '"o": ', '"o": 1, "o": '), with_text("bars", '"o": ', f'"o": {"9" * 400}, "x": '),
    with_text("bars", '"o": ', f'"o": {"9" * 5000}, "x": '), with_text("bars", "[{", "[[], {"),
    replaced("bars", b'{"status": "OK", "results": {"a": 1}}'), replaced("bars", b'{"status": "OK", "results": "x"}'),
    replaced("bars", b'{"x":' * 100_000), replaced("bars", b"[" * 200_000 + b"]" * 200_000),
    replaced("bars", gzip.compress(b"{}")[:10]), replaced("bars", b"\xff\xfe{}"), replaced("bars", b"null"),
    changed("splits", "execution_date", "2017-13-45"), changed("splits", "execution_date", None),
    changed("splits", "execution_date", 20170301), changed("splits", "split_to", "2"),
    changed("splits", "ticker", None), changed("splits", "execution_date", "0001-01-01"),
    changed("dividends", "cash_amount", "0.5"), changed("dividends", "declaration_date", "soon"),
    changed("dividends", "dividend_type", 4), changed("dividends", "ex_dividend_date", "9999-99-99"),
    changed("tickers", "ticker", None), changed("tickers", "composite_figi", 5), changed("tickers", "cik", ["1"]),
    changed("facts", "end", "2016-02-30"), changed("facts", "val", "five"), changed("facts", "filed", 2017),
    changed("facts", "start", "then"), changed("facts", "form", {}),
    replaced("facts", b'{"facts": {"us-gaap": []}}'), replaced("facts", b'{"facts": {"us-gaap": {"Assets": 7}}}'),
    changed("filings", "form", None), changed("filings", "filingDate", ["soon"]), changed("filings", "form", [None]),
    changed("filings", "form", ["10-K", "10-Q"]), replaced("filings", b'{"filings": []}'),
    replaced("filings", b'{"filings": {"recent": "x"}}'),
    changed("macro", "value", "NaN"), changed("macro", "value", "inf"), changed("macro", "value", "high"),
    changed("macro", "value", 2.4), changed("macro", "date", "1 Feb"), changed("macro", "realtime_start", None),
    with_text("macro", '"count": 1', '"count": "many"'), with_text("macro", '"offset": 0', '"offset": null'),
]  # fmt: skip


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", SECRET)


class Fetching:
    """Downloads from a local vendor into a raw store of its own."""

    def __init__(self, server: LocalVendor, folder: Path) -> None:
        self.raw, self.clock = RawStore(folder), TestClock(NOW)

        def client() -> HttpClient:
            return HttpClient("test", server.url, FAST, self.clock, key=Key("TEST_KEY"))

        self.downloads = Downloads(
            self.raw, dict.fromkeys(("polygon", "edgar", "fred"), client), self.clock, live=False
        )

    def rejected(self) -> list[bytes]:
        return [gzip.decompress(path.read_bytes()) for path in (self.raw.folder / "rejected").glob("*.gz")]


def answering(content: Callable[[], bytes]) -> Callable[[str, Mapping[str, str]], bytes]:
    return lambda path, parameters: content()


# --- known values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_answer_is_kept(kind: str, tmp_path: Path) -> None:
    resource, body = GOOD[kind]
    with LocalVendor(lambda path, parameters: body) as server:
        fetching = Fetching(server, tmp_path)
        fetching.downloads.complete([resource])
    assert len(fetching.raw.loads("")) == 1
    assert fetching.rejected() == []


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "content"), BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_what_cannot_be_read_is_named_and_set_aside_and_a_later_answer_is_kept(
    kind: str, content: bytes, tmp_path: Path
) -> None:
    resource, good = GOOD[kind]
    said = [content]
    with LocalVendor(answering(lambda: said[0])) as server:
        fetching = Fetching(server, tmp_path)
        with pytest.raises(VendorError, match="gave no whole answer in 2 tries") as error:
            fetching.downloads.complete([resource])
        assert fetching.raw.loads("") == []
        assert not (tmp_path / "objects").exists()
        assert fetching.rejected() == [content]
        assert "rejected" in str(error.value)
        assert len(str(error.value)) < 900
        assert SECRET not in str(error.value)
        said[0] = json.dumps(good).encode()
        fetching.downloads.complete([resource])
    assert len(fetching.raw.loads("")) == 1


def test_an_answer_that_always_names_another_page_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quant_resources.vendors.http.downloads.MAX_PAGES", 5)
    pages = iter(range(100))
    with LocalVendor(
        lambda path, parameters: results() | {"next_url": f"/v3/reference/tickers?cursor={next(pages)}"}
    ) as server, pytest.raises(VendorError, match="more than 5 pages"):  # fmt: skip
        Fetching(server, tmp_path).downloads.complete([TICKERS])


def test_the_page_of_another_host_is_not_asked_and_its_answer_not_kept(tmp_path: Path) -> None:
    with LocalVendor(lambda path, parameters: {}) as elsewhere:
        host = elsewhere.url.removeprefix("http://")
        for address in (f"@{host}/v3/x", f"//{host}/v3/x", elsewhere.url, f"https://api.polygon.io@{host}/v3/x"):
            with LocalVendor(answering(lambda a=address: json.dumps(results() | {"next_url": a}).encode())) as server:
                fetching = Fetching(server, tmp_path)
                with pytest.raises(VendorError, match="nothing was sent"):
                    fetching.downloads.complete([TICKERS])
                assert fetching.raw.loads("") == []
        assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b'{"a": 1, "a": 2}', "key 'a' stands twice"), (b'{"a": 1e400}', "larger number"), (b"[]", "holds a list"),
        (b'{"a": Infinity}', "Infinity is no JSON number"), (b'{"a": 18446744073709551616}', "larger number"),
        (b'{"a":' * 9_000, "nested too deeply"), (b"", "no JSON"), (b"\x80", "no JSON"),
    ],
)  # fmt: skip
def test_json_that_is_ambiguous_or_too_large_is_no_object(content: bytes, fault: str) -> None:
    body, problem = read_object(content)
    assert body == {}
    assert fault in problem
