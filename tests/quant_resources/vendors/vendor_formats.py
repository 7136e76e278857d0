"""Small vendors that answer in the documented formats, from what a test describes."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from tests.quant_resources.vendors.local_vendor import BadRequestError, NotFoundError

NEW_YORK = ZoneInfo("America/New_York")


@dataclass
class Listing:
    """Which security a ticker names over a time."""

    ticker: str
    figi: str | None
    first: dt.date = dt.date(2000, 1, 3)
    last: dt.date = dt.date(2030, 1, 2)
    cik: str | None = None
    type: str | None = "CS"
    name: str = "Some Company Inc."


@dataclass
class FakePolygon:
    """
    Attributes:
        bars: by (ticker, session), the close; the other prices follow from it.
        page: results on a page of reference data.
        repeats: each further page begins with the last result of the one before.
    """

    bars: dict[tuple[str, dt.date], float]
    listings: list[Listing] = field(default_factory=list)
    splits: list[dict[str, Any]] = field(default_factory=list)
    dividends: list[dict[str, Any]] = field(default_factory=list)
    page: int = 2
    repeats: bool = False

    def __call__(self, path: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        parts = path.strip("/").split("/")
        if parts[:3] == ["v2", "aggs", "grouped"]:
            return self._grouped(dt.date.fromisoformat(parts[-1]), parameters)
        if parts[:3] == ["v2", "aggs", "ticker"]:
            first, last = (dt.date.fromisoformat(day) for day in parts[-2:])
            return self._range(parts[3], first, last, parameters)
        if parts[:2] == ["v3", "reference"]:
            return self._paged(path, parts[2], parameters)
        raise NotFoundError('{"status": "NOT_FOUND"}')

    def _grouped(self, day: dt.date, parameters: Mapping[str, str]) -> dict[str, Any]:
        assert parameters["adjusted"] == "false"
        rows = [bar(close, day) | {"T": t} for (t, d), close in sorted(self.bars.items()) if d == day]
        return {"adjusted": False, "queryCount": len(rows), "resultsCount": len(rows), "status": "OK",
                "request_id": "1", "count": len(rows), "results": rows}  # fmt: skip

    def _range(self, ticker: str, first: dt.date, last: dt.date, parameters: Mapping[str, str]) -> dict[str, Any]:
        assert parameters["adjusted"] == "false"
        found = sorted((day, close) for (t, day), close in self.bars.items() if t == ticker and first <= day <= last)
        rows = [bar(close, day) for day, close in found]
        return {"ticker": ticker, "adjusted": False, "queryCount": len(rows), "resultsCount": len(rows),
                "status": "OK", "request_id": "2", "results": rows}  # fmt: skip

    def _paged(self, path: str, kind: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        query = dict(parameters)
        start = 0
        if "cursor" in query:
            query, start = json.loads(bytes.fromhex(query["cursor"]))
        rows = {"tickers": self._tickers, "splits": self._actions, "dividends": self._actions}[kind](kind, query)
        shown = rows[start : start + self.page]
        body: dict[str, Any] = {"results": shown, "status": "OK", "request_id": "3", "count": len(shown)}
        following = start + self.page - (1 if self.repeats and self.page > 1 else 0)
        if start + self.page < len(rows):
            cursor = json.dumps([query, following]).encode().hex()
            # the host that the vendor calls its own, with a key that must not come back
            body["next_url"] = f"https://api.polygon.io{path}?cursor={cursor}&apiKey=from-the-vendor"
        return body

    def _tickers(self, kind: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        day = dt.date.fromisoformat(query["date"])
        return [
            {
                "ticker": x.ticker, "name": x.name, "market": "stocks", "locale": "us", "primary_exchange": "XNYS",
                "type": x.type, "active": True, "currency_name": "usd", "cik": x.cik, "composite_figi": x.figi,
                "last_updated_utc": f"{day}T00:00:00Z",
            }
            for x in sorted(self.listings, key=lambda x: x.ticker)
            if x.first <= day <= x.last and query.get("ticker", x.ticker) == x.ticker
        ]  # fmt: skip

    def _actions(self, kind: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        name = {"splits": "execution_date", "dividends": "ex_dividend_date"}[kind]
        rows = {"splits": self.splits, "dividends": self.dividends}[kind]
        return [row for row in rows if query[f"{name}.gte"] <= row[name] <= query[f"{name}.lte"]]


def bar(close: float, day: dt.date) -> dict[str, Any]:
    opened = dt.datetime.combine(day, dt.time(0), NEW_YORK)
    return {"v": 1.5e6, "vw": round(close * 1.001, 6), "o": close, "c": close, "h": close * 1.01, "l": close * 0.99,
            "t": int(opened.timestamp() * 1000), "n": 1234}  # fmt: skip


def dividend(ticker: str, ex: dt.date, amount: float, declared: dt.date | None = None, **more: Any) -> dict[str, Any]:
    return {"id": f"{ticker}{ex}{amount}{more}", "ticker": ticker, "cash_amount": amount, "dividend_type": "CD",
            "ex_dividend_date": str(ex), "frequency": 4, "pay_date": str(ex), "record_date": str(ex), "currency": "USD",
            "declaration_date": None if declared is None else str(declared)} | more  # fmt: skip


def split(ticker: str, ex: dt.date, new: float, old: float) -> dict[str, Any]:
    return {"id": f"{ticker}{ex}", "ticker": ticker, "execution_date": str(ex), "split_from": old, "split_to": new}


def trading(tickers: Mapping[str, float], sessions: Sequence[dt.date]) -> dict[tuple[str, dt.date], float]:
    """Closes that rise by a cent a session."""
    return {(t, day): round(start + 0.01 * i, 4) for t, start in tickers.items() for i, day in enumerate(sessions)}


@dataclass
class FakeEdgar:
    """
    Attributes:
        filings: (cik, form, filed, values), values by tag: {start, end, val}.
    """

    filings: list[tuple[str, str, dt.date, dict[str, list[dict[str, Any]]]]]
    today: dt.date = dt.date(2030, 1, 1)
    sic: str = "3571"

    def __call__(self, path: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        cik = path.rsplit("CIK", maxsplit=1)[-1].removesuffix(".json").lstrip("0")
        mine = [f for f in self.filings if f[0] == cik and f[2] <= self.today]
        if path.startswith("/submissions/"):
            recent = {
                "accessionNumber": [accession(f) for f in mine], "form": [f[1] for f in mine],
                "filingDate": [str(f[2]) for f in mine], "acceptanceDateTime": [f"{f[2]}T16:30:00.000Z" for f in mine],
            }  # fmt: skip
            return {"cik": cik, "name": f"Company {cik}", "sic": self.sic, "tickers": [],
                    "filings": {"recent": recent, "files": []}}  # fmt: skip
        if not any(f[3] for f in mine):
            raise NotFoundError('<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>')
        facts: dict[str, Any] = {}
        for filing in mine:
            for tag, values in filing[3].items():
                taxonomy, name = tag.split(":")
                unit = "USD/shares" if "PerShare" in name else "shares" if "Shares" in name else "USD"
                place = facts.setdefault(taxonomy, {}).setdefault(name, {"label": name, "units": {}})["units"]
                place.setdefault(unit, []).extend(
                    value | {"accn": accession(filing), "fy": 2017, "fp": "FY", "form": filing[1],
                              "filed": str(filing[2])}
                    for value in values
                )  # fmt: skip
        return {"cik": int(cik), "entityName": f"Company {cik}", "facts": facts}


def accession(filing: tuple[str, str, dt.date, object]) -> str:
    return f"{filing[0].zfill(10)}-{filing[2]:%y}-{filing[2]:%m%d}{len(filing[1]):02d}"


@dataclass
class FakeFred:
    """
    Attributes:
        vintages: by series, (observed on, published on, value or None where missing).
        page: observations on one page, however many are requested.
    """

    vintages: dict[str, list[tuple[dt.date, dt.date, float | None]]]
    page: int = 3

    def __call__(self, path: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        assert path == "/fred/series/observations"
        first, last = (dt.date.fromisoformat(parameters[f"realtime_{end}"]) for end in ("start", "end"))
        known = self.vintages[parameters["series_id"]]
        if not any(published <= last for _, published, _ in known):
            raise BadRequestError("Bad Request.  The series does not exist in ALFRED but may exist in FRED.")
        rows = []
        for day in sorted({day for day, _, _ in known}):
            history = sorted((published, value) for d, published, value in known if d == day)
            for i, (published, value) in enumerate(history):
                ends = history[i + 1][0] - dt.timedelta(days=1) if i + 1 < len(history) else dt.date.max
                if published <= last and ends >= first:
                    # the vendor moves the dates into the requested period
                    rows.append({"realtime_start": str(max(published, first)), "realtime_end": str(min(ends, last)),
                                 "date": str(day), "value": "." if value is None else str(value)})  # fmt: skip
        offset, limit = int(parameters["offset"]), min(int(parameters["limit"]), self.page)
        return {"realtime_start": str(first), "realtime_end": str(last), "output_type": 1, "file_type": "json",
                "order_by": "observation_date", "sort_order": "asc", "count": len(rows), "offset": offset,
                "limit": limit, "observations": rows[offset : offset + limit]}  # fmt: skip
