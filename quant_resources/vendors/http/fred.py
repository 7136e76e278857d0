"""FRED and ALFRED: its requests and its answers. Pure.

Format: https://fred.stlouisfed.org/docs/api/fred/series_observations.html, output type 1: each observation with the
real-time period in which it stood, {realtime_start, realtime_end, date, value}; "." is missing. Not documented:
`realtime_start` is moved up to the start of the period that was requested, and a period may hold no more than 2,000
vintages (github.com/mortada/fredapi, issues 48 and 69). So vintages are requested in periods that overlap by one day,
and what is dated by the first day of a period belongs to the one before it. The key is a parameter of the request:
this API knows no header.
"""

import datetime as dt
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import polars as pl

from feature_store.decision_time import end_of_day
from quant_resources.vendors.http.client import canonical
from quant_resources.vendors.http.downloads import Resource
from quant_resources.vendors.http.payloads import Field, fault_of_rows
from quant_resources.vendors.ingest.raw_payloads import Load

VENDOR = "fred"
EARLIEST = dt.date(1776, 7, 4)  # of the real-time periods that FRED knows
# Periods of a bootstrap: a daily series has some 250 vintages a year.
PERIODS = (dt.date(1999, 12, 31), *(dt.date(year, 12, 31) for year in range(2003, 2036, 4)))
# A vintage may be dated by the evening before it could be fetched: FRED's day ends after New York's.
OVERLAP = dt.timedelta(days=3)
PAGE = 100_000
FIELDS = (Field("date", "day", required=True), Field("value", "text", required=True),
          Field("realtime_start", "day", required=True))  # fmt: skip
SCHEMA: dict[str, pl.DataType] = {"event_date": pl.Date(), "value": pl.Float64(), "published": pl.Date()}


def vintages(series: str, loads: Sequence[Load], last: dt.date) -> list[Resource]:
    """What is missing of a series' vintages up to `last`, in periods of which each begins where one before it ends.

    Args:
        loads: of the series so far.
    """
    whole = [load.last for load in loads if load.begun >= end_of_day(load.last)]
    if whole and max(whole) >= last:
        return []
    begin = max(whole) - OVERLAP if whole else EARLIEST
    periods = []
    for end in [*(day for day in PERIODS if begin < day < last), last]:
        if begin < end:
            periods.append(_period(series, begin, end))
            begin = end
    return periods


def series_name(series: str) -> str:
    return f"{VENDOR}/{series}"


def _period(series: str, first: dt.date, last: dt.date) -> Resource:
    parameters = {
        "series_id": series, "realtime_start": str(first), "realtime_end": str(last), "file_type": "json",
        "output_type": "1", "sort_order": "asc", "limit": str(PAGE), "offset": "0",
    }  # fmt: skip
    request = canonical("/fred/series/observations", parameters)
    parses = (parse_observations,)
    return Resource(series_name(series), first, last, end_of_day(last), request, _following, _wrong, _absent, parses)


def _following(body: Mapping[str, Any], request: str) -> str | None:
    done = int(body["offset"]) + len(body["observations"])
    if done >= int(body["count"]):
        return None
    parts = urlsplit(request)
    return canonical(parts.path, dict(parse_qsl(parts.query)) | {"offset": str(done)})


def _wrong(body: Mapping[str, Any]) -> str | None:
    observations = body.get("observations")
    if not isinstance(observations, list) or not {"count", "offset", "limit"} <= set(body):
        return "it holds no observations"
    there = min(int(body["limit"]), int(body["count"]) - int(body["offset"]))
    if len(observations) != there:
        return f"{len(observations)} observations where {there} are announced"
    return fault_of_rows(observations, FIELDS) or _fault_of_values(observations)


def _fault_of_values(observations: Sequence[Mapping[str, Any]]) -> str | None:
    """Values are texts of numbers; a dot is a missing one."""
    for place, row in enumerate(observations):
        if row["value"] != "." and not math.isfinite(float(row["value"])):
            return f"row {place}: 'value' holds {row['value']}, not a number"
    return None


def _absent(status: int, body: Mapping[str, Any]) -> bool:
    """Before the first vintage of a series FRED answers that it does not exist in ALFRED."""
    return status == 400 and "does not exist in ALFRED" in str(body.get("error_message"))


def parse_observations(content: bytes) -> pl.DataFrame:
    """Observations in `SCHEMA`, each with the day that it was published on, or the first day of the period."""
    rows = [(row["date"], row["value"], row["realtime_start"]) for row in json.loads(content).get("observations", [])]
    text = pl.DataFrame(rows, schema=dict.fromkeys(SCHEMA, pl.String), orient="row")
    return text.select(
        pl.col("event_date").str.to_date("%Y-%m-%d"),
        pl.col("value").replace(".", None).cast(pl.Float64),
        pl.col("published").str.to_date("%Y-%m-%d"),
    )
