"""Polygon's stocks API (now also under the name Massive): its requests and its answers. Pure.

Formats: https://polygon.io/docs/rest/stocks, pages `aggregates/custom-bars`, `aggregates/daily-market-summary`,
`corporate-actions/splits`, `corporate-actions/dividends`, `tickers/all-tickers`; the recorded answers of the vendor's
own Python client (github.com/polygon-io/client-python, test_rest/mocks) show the same fields. The key goes in the
header `Authorization: Bearer`. Prices are requested unadjusted, as they were traded.
"""

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import polars as pl

from configs.settings import PolygonSource
from feature_store import sessions as calendar
from feature_store.decision_time import end_of_day
from quant_resources.vendors.http.client import canonical
from quant_resources.vendors.http.downloads import Resource, next_url_follows
from quant_resources.vendors.http.payloads import Field, fault_of_rows
from quant_resources.vendors.ingest import moments

Wrong = Callable[[Mapping[str, Any]], str | None]
Parse = Callable[[bytes], pl.DataFrame]
VENDOR = "polygon"
HOSTS = ("api.polygon.io", "api.massive.com")
NEW_YORK = "America/New_York"
BAR_SCHEMA: dict[str, pl.DataType] = {
    "ticker": pl.String(),
    "event_date": pl.Date(),
    "open": pl.Float64(),
    "high": pl.Float64(),
    "low": pl.Float64(),
    "close": pl.Float64(),
    "volume": pl.Int64(),
    "vwap": pl.Float64(),
    "transactions": pl.Int64(),
}
ACTION_SCHEMA: dict[str, pl.DataType] = {
    "ticker": pl.String(),
    "event_date": pl.Date(),  # ex-date
    "action": pl.String(),
    "value": pl.Float64(),
    "declared": pl.Date(),
    "id": pl.String(),  # of the vendor: equal payments with two ids are two payments
}
TICKER_SCHEMA: dict[str, pl.DataType] = {
    "ticker": pl.String(),
    "composite_figi": pl.String(),
    "share_class_figi": pl.String(),
    "cik": pl.String(),
    "name": pl.String(),
    "type": pl.String(),
}
# CD is a regular cash dividend, SC a special one, LT and ST are distributions of capital gains, which recur no more.
DIVIDENDS = {"CD": "cash_dividend", "SC": "special_dividend", "LT": "special_dividend", "ST": "special_dividend"}
BAR_FIELDS = (
    Field("T", "text"), Field("t", "whole", required=True), *(Field(name, "number") for name in "ohlcv"),
    Field("vw", "number"), Field("n", "number"),
)  # fmt: skip
SPLIT_FIELDS = (
    Field("id", "text"), Field("ticker", "text", required=True), Field("execution_date", "day", required=True),
    Field("split_from", "number", required=True), Field("split_to", "number", required=True),
)  # fmt: skip
DIVIDEND_FIELDS = (
    Field("id", "text"), Field("ticker", "text", required=True), Field("ex_dividend_date", "day", required=True),
    Field("dividend_type", "text"), Field("cash_amount", "number"), Field("declaration_date", "day"),
    Field("currency", "text"),
)  # fmt: skip
TICKER_FIELDS = (Field("ticker", "text", required=True), *(Field(n, "text") for n in TICKER_SCHEMA if n != "ticker"))
ASK_WHOLE_LIST = 50  # new tickers on a day: the list of all (some ten pages) is then cheaper than one request each


# -- requests -------------------------------------------------------------------------------------------------------


def whole(body: Mapping[str, Any]) -> str | None:
    """What is wrong with an answer: bars announce how many they are (reference data do not, beyond their page)."""
    if body.get("status") not in ("OK", "DELAYED"):
        return f"status is {body.get('status')!r}"
    results = _results(body)
    if not isinstance(results, list):
        return f"results are a {type(results).__name__}, not a list"
    announced = body.get("resultsCount", len(results))
    return None if announced == len(results) else f"{len(results)} results where {announced} are announced"


def _wrong_rows(fields: Sequence[Field]) -> Wrong:
    return lambda body: whole(body) or fault_of_rows(_results(body), fields)


def _wrong_bars(first: dt.date, last: dt.date) -> Wrong:
    """Of bars that belong to the days that were requested, each with its ticker."""

    def wrong(body: Mapping[str, Any]) -> str | None:
        if fault := whole(body) or fault_of_rows(_results(body), BAR_FIELDS):
            return fault
        bars = parse_bars(json.dumps(body).encode())
        outside = bars.filter(pl.col("ticker").is_null() | ~pl.col("event_date").is_between(first, last))
        if outside.height:
            return f"{outside.height} bars have no ticker, or a day outside {first} to {last}"
        return None

    return wrong


def market_on(session: dt.date, last: dt.date, source: PolygonSource) -> Resource:
    """Bars of every stock on a session; requested once more when `recheck_sessions` more have ended, up to `last`."""
    request = canonical(
        f"/v2/aggs/grouped/locale/us/market/stocks/{session}", {"adjusted": "false", "include_otc": "false"}
    )
    series, settled = f"{VENDOR}/grouped/{session}", _rechecked(session, last, source)
    return _resource(series, (session, session), settled, request, _wrong_bars(session, session), parse_bars)


def bars_of(ticker: str, first: dt.date, last: dt.date, settled: dt.datetime) -> Resource:
    """Daily bars of a ticker."""
    request = canonical(
        f"/v2/aggs/ticker/{quote(ticker, safe='')}/range/1/day/{first}/{last}",
        {"adjusted": "false", "sort": "asc", "limit": "50000"},
    )
    return _resource(bars_series(ticker), (first, last), settled, request, _wrong_bars(first, last), parse_bars)


def bars_series(ticker: str) -> str:
    return f"{VENDOR}/bars/{ticker}"


def settled_days(sessions: Sequence[dt.date], source: PolygonSource) -> dict[dt.date, dt.datetime]:
    """Of each session, the moment from which an answer is complete."""
    return {session: _rechecked(session, sessions[-1], source) for session in sessions}


def actions_of(sessions: Sequence[dt.date], source: PolygonSource) -> list[Resource]:
    """Splits and dividends by the month of their ex-date, as known at the last session: what may be known in them.

    A month is requested again while it is ahead, while it lasts, and once `recheck_sessions` after it.
    """
    last = sessions[-1]
    # the session is decided on the morning of the next one, and knows what goes ex then
    end = month_after(calendar.shift(last, 1), source.ahead_months)
    month = month_after(calendar.shift(sessions[0], -source.recheck_sessions), 0)
    resources = []
    while month <= end:
        resources += _actions_in(month, last, source)
        month = month_after(month, 1)
    return resources


def _actions_in(month: dt.date, last: dt.date, source: PolygonSource) -> list[Resource]:
    end = month_after(month, 1) - dt.timedelta(days=1)
    settled = end_of_day(min(last, calendar.shift(calendar.at_or_before(end), source.recheck_sessions)))
    resources = []
    for kind, field, fields, parse in (
        ("splits", "execution_date", SPLIT_FIELDS, parse_splits),
        ("dividends", "ex_dividend_date", DIVIDEND_FIELDS, parse_dividends),
    ):
        bounds = {f"{field}.gte": str(month), f"{field}.lte": str(end), "sort": field, "order": "asc", "limit": "1000"}
        request = canonical(f"/v3/reference/{kind}", bounds)
        series = f"{VENDOR}/{kind}/{month:%Y-%m}"
        resources.append(_resource(series, (month, end), settled, request, _wrong_rows(fields), parse))
    return resources


def month_after(month: dt.date, count: int) -> dt.date:
    """First day of the month `count` months after (before, when negative) the day's.

    >>> month_after(dt.date(2018, 11, 30), 2)
    datetime.date(2019, 1, 1)
    """
    months = month.year * 12 + month.month - 1 + count
    return dt.date(months // 12, months % 12 + 1, 1)


def all_tickers_on(day: dt.date) -> Resource:
    """Every stock that traded on the day, those that were delisted since among them."""
    parameters = {
        "market": "stocks",
        "active": "true",
        "date": str(day),
        "sort": "ticker",
        "order": "asc",
        "limit": "1000",
    }
    request = canonical("/v3/reference/tickers", parameters)
    return _tickers(f"{VENDOR}/tickers/{day}", day, request)


def ticker_on(ticker: str, day: dt.date) -> Resource:
    """Which security the ticker named on the day."""
    request = canonical("/v3/reference/tickers", {"ticker": ticker, "market": "stocks", "date": str(day)})
    return _tickers(f"{VENDOR}/ticker/{day}/{ticker}", day, request)


def _rechecked(session: dt.date, last: dt.date, source: PolygonSource) -> dt.datetime:
    return end_of_day(min(calendar.shift(session, source.recheck_sessions), max(session, last)))


def _tickers(series: str, day: dt.date, request: str) -> Resource:
    return _resource(series, (day, day), end_of_day(day), request, _wrong_rows(TICKER_FIELDS), parse_tickers)


def _resource(
    series: str, days: tuple[dt.date, dt.date], settled: dt.datetime, request: str, wrong: Wrong, parse: Parse
) -> Resource:
    return Resource(
        series, *days, settled, request, next_url_follows, wrong, parses=(parse,), hosts=HOSTS
    )  # fmt: skip


# -- answers --------------------------------------------------------------------------------------------------------


def parse_bars(content: bytes) -> pl.DataFrame:
    """Rows of an answer with bars, in `BAR_SCHEMA`; the day is that of the bar's start in New York."""
    body = json.loads(content)
    fields = {"T": pl.String, "t": pl.Int64, "o": pl.Float64, "h": pl.Float64, "l": pl.Float64, "c": pl.Float64,
              "v": pl.Float64, "vw": pl.Float64, "n": pl.Float64}  # fmt: skip
    rows = _frame(body, fields)
    started = pl.from_epoch(pl.col("t"), time_unit="ms").dt.replace_time_zone("UTC").dt.convert_time_zone(NEW_YORK)
    return rows.select(
        ticker=pl.col("T").fill_null(pl.lit(body.get("ticker"), pl.String)),
        event_date=started.dt.date(),
        open="o",
        high="h",
        low="l",
        close="c",
        volume=pl.col("v").round().cast(pl.Int64, strict=False),
        vwap="vw",
        transactions=pl.col("n").cast(pl.Int64, strict=False),
    )


def parse_splits(content: bytes) -> pl.DataFrame:
    """Rows of an answer with splits, in `ACTION_SCHEMA`: new shares per old one. No declaration date is given."""
    rows = _frame(json.loads(content), {
        "id": pl.String, "ticker": pl.String, "execution_date": pl.String, "split_from": pl.Float64,
        "split_to": pl.Float64,
    })  # fmt: skip
    return rows.select(
        "ticker",
        event_date=_day("execution_date"),
        action=pl.lit("split"),
        value=pl.col("split_to") / pl.col("split_from"),
        declared=pl.lit(None, pl.Date),
        id="id",
    )


def parse_dividends(content: bytes) -> pl.DataFrame:
    """Rows of an answer with dividends, in `ACTION_SCHEMA`: USD per share as paid; other currencies are left out."""
    rows = _frame(json.loads(content), {
        "id": pl.String, "ticker": pl.String, "ex_dividend_date": pl.String, "dividend_type": pl.String,
        "cash_amount": pl.Float64, "declaration_date": pl.String, "currency": pl.String,
    })  # fmt: skip
    return rows.filter(pl.col("currency").is_null() | (pl.col("currency").str.to_uppercase() == "USD")).select(
        "ticker",
        event_date=_day("ex_dividend_date"),
        action=pl.col("dividend_type").replace_strict(DIVIDENDS, default="cash_dividend"),
        value="cash_amount",
        declared=_day("declaration_date"),
        id="id",
    )


def parse_tickers(content: bytes) -> pl.DataFrame:
    """Rows of an answer with tickers, in `TICKER_SCHEMA`."""
    return _frame(json.loads(content), dict.fromkeys(TICKER_SCHEMA, pl.String))


def action_rows(actions: pl.DataFrame, source: PolygonSource) -> pl.DataFrame:
    """Actions, one a ticker, kind and ex-date in a load, with the rule of their knowledge.

    Known at the end of the day of their declaration, or at 08:00 of the ex-date where that is not known or lies after
    it; not before the month of the ex-date comes within `ahead_months`, since nothing is requested earlier. Dividends
    of one kind on one day are added up: two are one payment.
    """
    key = ["load", "ticker", "event_date", "action"]
    added = pl.when(pl.col("action") == "split").then(pl.col("value").product()).otherwise(pl.col("value").sum())
    ahead = pl.col("event_date").dt.month_start().dt.offset_by(f"-{source.ahead_months}mo")
    morning = moments.morning_of(pl.col("event_date"))
    declared = moments.end_of_day(pl.col("declared"))
    known = pl.when(declared < morning).then(declared).otherwise(morning)
    summed = actions.unique(maintain_order=True).with_columns(
        value=added.over(key), declared=pl.col("declared").max().over(key)
    )
    return summed.unique(key, keep="first", maintain_order=True).with_columns(
        rule=pl.min_horizontal(morning, pl.max_horizontal(known, moments.end_of_day(ahead)))
    )


def _frame(body: Mapping[str, Any], fields: Mapping[str, Any]) -> pl.DataFrame:
    rows = [{name: row.get(name) for name in fields} for row in _results(body)]
    return pl.DataFrame(rows, schema=dict(fields), strict=False)


def _results(body: Mapping[str, Any]) -> list[Any]:
    """Absent or null where there are none."""
    return body.get("results") or []


def _day(column: str) -> pl.Expr:
    return pl.col(column).str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
