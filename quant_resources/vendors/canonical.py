"""Raw payloads of events become canonical rows, or are refused with the mend. Pure."""

import datetime as dt
from collections.abc import Sequence

import polars as pl

from feature_store import sessions as calendar
from feature_store.dataset import Dataset
from feature_store.decision_time import DecisionClock
from feature_store.errors import LookaheadError
from feature_store.schemas.market import BARS, BENCHMARKS, CORPORATE_ACTIONS, MACRO
from quant_resources.vendors import moments
from quant_resources.vendors.errors import VendorError

EVENTS = (BARS.name, CORPORATE_ACTIONS.name, BENCHMARKS.name, MACRO.name)
PRICED = (BARS.name, BENCHMARKS.name)
PRICES = ("open", "high", "low", "close")
ACTIONS = ("split", "cash_dividend", "delisting")


def raw_schema(dataset: Dataset) -> dict[str, pl.DataType]:
    """Columns of a raw payload of events.

    `file` names where the row came from; `version` orders rows of one `known_at` (the greatest stands; null where the
    source has no such order); `may_be_off_calendar` lets the parser drop a bar off the exchange calendar.
    """
    return {
        **dataset.schema,
        "file": pl.String(),
        "version": pl.Int64(),
        "may_be_off_calendar": pl.Boolean(),
        "grade": pl.Int8(),
    }


def empty_payload(dataset: Dataset) -> pl.DataFrame:
    return pl.DataFrame(schema=raw_schema(dataset))


def parse_events(
    dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date], clock: DecisionClock
) -> pl.DataFrame:
    """Rows whose `known_at` falls into one of the sessions: session, the dataset's columns, grade.

    Bars speak of sessions. Actions and macro observations may speak of any day: an observation of the first of a month
    or of a Saturday stays dated so, in the session that first knew it. What was known before the first session of a
    history is not in it: a daily series begins with the first value learned from then on, a monthly one within a month.
    """
    rows = _of_sessions(dataset, raw, sessions, clock)
    rows = _last_version(dataset, rows.filter(~_off_calendar(dataset)))
    _refuse_duplicates(dataset, rows)
    if dataset.name in PRICED:
        _refuse_bad_bars(dataset, rows)
    elif dataset.name == CORPORATE_ACTIONS.name:
        _refuse_bad_actions(rows)
    else:
        _refuse_bad_observations(dataset, rows)
    return rows.select("session", *dataset.schema, "grade").sort("session", *dataset.sort_key)


def events_left_out(
    dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date], clock: DecisionClock
) -> dict[str, int]:
    """Rows that `parse_events` leaves out by a declared rule."""
    rows = _of_sessions(dataset, raw, sessions, clock)
    on = rows.filter(~_off_calendar(dataset))
    return {
        "off_calendar": rows.height - on.height,
        "superseded_at_the_same_moment": on.height - _last_version(dataset, on).height,
    }


def _of_sessions(
    dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date], clock: DecisionClock
) -> pl.DataFrame:
    _refuse_nulls(dataset, raw)
    assigned = clock.assign_sessions(raw)
    return assigned.filter(pl.col("session").is_in(list(sessions)))


def _off_calendar(dataset: Dataset) -> pl.Expr:
    if dataset.name not in PRICED:
        return pl.lit(False)
    return pl.col("may_be_off_calendar") & ~_on_calendar()


def _on_calendar() -> pl.Expr:
    return pl.col("event_date").is_in(list(calendar.all_sessions()))


def _last_version(dataset: Dataset, rows: pl.DataFrame) -> pl.DataFrame:
    """Of rows captured at one moment the last version stands."""
    latest = pl.col("version").max().over("event_date", *dataset.key, "known_at")
    return rows.filter(pl.col("version").is_null() | (pl.col("version") == latest))


def _refuse_nulls(dataset: Dataset, raw: pl.DataFrame) -> None:
    for column in ("event_date", *dataset.key, "known_at"):
        bad = raw.filter(pl.col(column).is_null())
        if bad.height:
            raise VendorError(
                f"{_file(bad)}: {bad.height} rows have no {column}, first {_row(dataset, bad)}; fill it, or delete them"
            )


def _refuse_duplicates(dataset: Dataset, rows: pl.DataFrame) -> None:
    key = ["event_date", *dataset.key, "known_at"]
    if rows.select(key).is_unique().all():
        return
    twice = rows.filter(pl.struct(key).is_duplicated()).sort(*key, *dataset.values)
    first = twice.join(twice.head(1).select(key), on=key)
    shown = "; ".join(str(row) for row in first.select(dataset.values).head(4).rows(named=True))
    raise VendorError(
        f"{_file(first)}: {_row(dataset, first)} stands {first.height} times with known_at "
        f"{first.item(0, 'known_at')}: {shown} ({twice.height} such rows in all). Keep one of each, "
        "date the later one later, or order them by a column `version`"
    )


def _refuse_bad_bars(dataset: Dataset, rows: pl.DataFrame) -> None:
    off = rows.filter(~_on_calendar())
    if off.height:
        raise VendorError(
            f"{_file(off)}: {_row(dataset, off)} is no trading session of {calendar.EXCHANGE} ({off.height} such "
            "rows); delete them, or set `off_calendar: drop` for the table"
        )
    late = rows.filter(pl.col("event_date") > pl.col("session"))
    if late.height:
        raise VendorError(
            f"{_file(late)}: {_row(dataset, late)} is declared known at {late.item(0, 'known_at')}, in session "
            f"{late.item(0, 'session')}: a future date ({late.height} such rows); mend the date or known_at"
        )
    for price in PRICES:
        bad = rows.filter(~(pl.col(price).is_finite() & (pl.col(price) > 0)).fill_null(False))
        if bad.height:
            raise VendorError(
                f"{_file(bad)}: {_row(dataset, bad)} has {price} {bad.item(0, price)} ({bad.height} such rows); "
                "a price is finite and above zero: mend it, or delete the row (a missing bar is no row)"
            )
    bad = rows.filter(pl.col("volume") < 0)
    if bad.height:
        raise VendorError(
            f"{_file(bad)}: {_row(dataset, bad)} has volume {bad.item(0, 'volume')} ({bad.height} such rows); "
            "leave it empty where it is not known"
        )


def _refuse_bad_actions(rows: pl.DataFrame) -> None:
    bad = rows.filter(~pl.col("action").is_in(ACTIONS))
    if bad.height:
        raise VendorError(f"{_file(bad)}: action {bad.item(0, 'action')!r} is none of {', '.join(ACTIONS)}; rename it")
    value, split = pl.col("value"), pl.col("action") == "split"
    above = (split & (value <= 0)) | ((pl.col("action") == "cash_dividend") & (value < 0)) | (value < -1)
    bad = rows.filter(above.fill_null(False) | ~value.is_finite())
    if bad.height:
        raise VendorError(
            f"{_file(bad)}: {bad.item(0, 'symbol')} has {bad.item(0, 'action')} {bad.item(0, 'value')} on "
            f"{bad.item(0, 'event_date')} ({bad.height} such rows); a split is new shares per old one (above 0), "
            "a dividend USD per share (not below 0), a delisting a simple return (not below -1)"
        )


def _refuse_bad_observations(dataset: Dataset, rows: pl.DataFrame) -> None:
    bad = rows.filter(~pl.col("value").is_finite())
    if bad.height:
        raise VendorError(
            f"{_file(bad)}: {_row(dataset, bad)} has value {bad.item(0, 'value')} ({bad.height} such rows); "
            "leave it empty where nothing was observed"
        )
    early = rows.filter(pl.col("event_date") > moments.day_of(pl.col("known_at")))
    if early.height:
        raise VendorError(
            f"{_file(early)}: {_row(dataset, early)} is declared known at {early.item(0, 'known_at')}, before the day "
            f"it observes ({early.height} such rows); mend the date or known_at"
        )


def refuse_later_than(raw: pl.DataFrame, until: dt.datetime) -> pl.DataFrame:
    """`raw` itself, once no row is known after `until`."""
    late = raw.filter(pl.col("known_at") > until)
    if late.height:
        raise LookaheadError(f"{late.height} rows were fetched that nobody knew by {until}; this is a fault of asof")
    return raw


def _file(rows: pl.DataFrame) -> str:
    return str(rows.item(0, "file"))


def _row(dataset: Dataset, rows: pl.DataFrame) -> str:
    return " ".join(str(rows.item(0, column)) for column in (*dataset.key, "event_date"))
