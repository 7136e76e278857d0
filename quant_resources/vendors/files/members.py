"""Files of members, of tickers and of industries, as rows of their payloads. Nothing is known here of other files."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from configs.settings import Table
from feature_store import sessions as calendar
from feature_store.dataset import Grade
from feature_store.decision_time import DecisionClock
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.ingest import moments, tables
from quant_resources.vendors.ingest.identities import TICKER_SCHEMA, named_on
from quant_resources.vendors.ingest.snapshots import INDUSTRY_SCHEMA, MEMBER_SCHEMA
from quant_resources.vendors.ingest.tables import File

INTERVAL: Mapping[str, pl.DataType] = {"symbol": pl.String(), "from": pl.Date(), "until": pl.Date()}
LIST: Mapping[str, pl.DataType] = {"symbol": pl.String(), "event_date": pl.Date()}
TICKER: Mapping[str, pl.DataType] = {**INTERVAL, "ticker": pl.String()}
ISSUER: Mapping[str, pl.DataType] = {"company": pl.String(), "name": pl.String(), "sic": pl.Int64()}
# First session on which a list is too old; null for intervals.
EXPIRES = "expires"


def member_columns(table: Table) -> Mapping[str, pl.DataType]:
    """What a file of members must have."""
    return LIST if table.snapshots else INTERVAL


def members(
    file: File, until: dt.datetime, grade: Grade, tickers: pl.DataFrame, clock: DecisionClock, max_age_sessions: int
) -> pl.DataFrame:
    """MEMBER_SCHEMA and EXPIRES: membership known by `until`; an end that had not come by then is not known.

    Args:
        tickers: TICKER_SCHEMA, for a file by ticker; a member whose ticker names no security, or two, is not linked.
        max_age_sessions: an older list has no members.
    """
    rows = _lists(file, until) if file.table.snapshots else _intervals(file, until)
    if by_ticker(file):
        securities = named_on(rows.with_columns(day="listed" if file.table.snapshots else "recorded"), tickers, clock)
        symbol = securities.select(pl.when(pl.col("complaint").is_null()).then("symbol")).to_series()
        rows = rows.with_columns(symbol, securities["known_at"], ticker="symbol", linked=symbol.is_not_null())
    ticker = pl.coalesce("ticker", "symbol") if "ticker" in rows.columns else pl.col("symbol")
    rows = rows.with_columns(ticker=ticker)
    rows = rows.with_columns(file=pl.lit(str(file.path)), grade=pl.lit(int(grade), pl.Int8))
    if file.table.snapshots:
        rows = _with_expiry(rows, max_age_sessions)
    return tables.completed(rows, {**MEMBER_SCHEMA, EXPIRES: pl.Date()})


def tickers(file: File, until: dt.datetime, grade: Grade) -> pl.DataFrame:
    """TICKER_SCHEMA: names known by `until`; an end that had not come by then is not known."""
    rows = _intervals(file, until, ISSUER)
    if "sic" in rows.columns:
        rows = rows.with_columns(pl.col("sic").cast(pl.Int32))
    rows = rows.with_columns(file=pl.lit(str(file.path)), grade=pl.lit(int(grade), pl.Int8))
    return tables.completed(rows, TICKER_SCHEMA)


def sectors(file: File, until: dt.datetime, grade: Grade) -> pl.DataFrame:
    """INDUSTRY_SCHEMA without `carried_back`: publications known by `until`."""
    if file.knowledge is None:
        raise VendorError(
            f"{file.path} has no date of publication of its industries; add a column `recorded` "
            "(a sector of today, used for yesterday, is hindsight)"
        )
    if not {"symbol", "ticker"} & set(file.columns):
        raise VendorError(f"{file.path} has neither `symbol` nor `ticker`; it has {', '.join(file.header)}")
    rows = tables.read(file, None, until)
    types: dict[str, pl.DataType] = {"symbol": pl.String(), "ticker": pl.String(), "industry": pl.String()}
    stripped = [pl.col(name).cast(pl.String).str.strip_chars() for name in types if name in rows.columns]
    rows = tables.typed_columns(rows.with_columns(stripped), types, file)
    if by_ticker(file) and "ticker" not in rows.columns:
        rows = rows.rename({"symbol": "ticker"})
    rows = rows.with_columns(
        recorded=moments.day_of(pl.col("known_at")),
        kind=pl.lit("sector"),
        file=pl.lit(str(file.path)),
        grade=pl.lit(int(grade), pl.Int8),
    )
    return tables.completed(rows, INDUSTRY_SCHEMA)


def by_ticker(file: File) -> bool:
    return file.table.by == "ticker"


def links(rows: pl.DataFrame) -> pl.DataFrame:
    """Members or tickers as rows of INDUSTRY_SCHEMA that link tickers to securities."""
    return tables.completed(rows.with_columns(kind=pl.lit("link")), INDUSTRY_SCHEMA)


def unexpired(rows: pl.DataFrame) -> pl.DataFrame:
    """MEMBER_SCHEMA: lists that are too old have ended."""
    ended = rows.with_columns(pl.min_horizontal("until", EXPIRES).alias("until"))
    return ended.filter(pl.col("until").is_null() | (pl.col("until") > pl.col("from")) | pl.col(EXPIRES).is_null())


def _intervals(file: File, until: dt.datetime, also: Mapping[str, pl.DataType] | None = None) -> pl.DataFrame:
    # dated by its begin where neither a column nor a date states when a row was known
    dated = replace(file, columns={**file.columns, "event_date": file.columns["from"]})
    rows = tables.typed_columns(tables.read(dated, None, until), {**TICKER, **(also or {})}, file)
    recorded = moments.day_of(pl.col("known_at")) if file.knowledge is not None else pl.col("from")
    unlinked = pl.col("unlinked") if "unlinked" in rows.columns else pl.lit(value=False)
    rows = rows.with_columns(
        pl.when(moments.end_of_day(pl.col("until")) <= moments.literal(until)).then("until").alias("until"),
        recorded=recorded,
        linked=pl.col("symbol").is_not_null() & ~unlinked,
        known_at=pl.max_horizontal("known_at", moments.end_of_day(pl.col("from"))),
    )
    return rows.filter(pl.col("known_at") <= moments.literal(until))


def _lists(file: File, until: dt.datetime) -> pl.DataFrame:
    """Dated lists as intervals: a name is in from the day its list was known until the first later list is.

    A list that arrives after a later one is never in force. A row that was added to a list later counts from then on.
    """
    types = {**LIST, "ticker": pl.String()}
    rows = tables.typed_columns(tables.read(file, None, until), types, file).rename({"event_date": "listed"})
    if rows["listed"].null_count():
        raise VendorError(
            f"{file.path}: {rows['listed'].null_count()} rows of lists have no date; fill it, or delete them"
        )
    rows = rows.with_columns(recorded=moments.day_of(pl.col("known_at")))
    began = pl.max_horizontal("listed", "recorded")
    begins = rows.group_by("listed").agg(begun=began.min()).sort("listed")
    # the first day on which a later list counts
    superseded = begins.with_columns(until=pl.col("begun").reverse().cum_min().reverse().shift(-1)).drop("begun")
    unlinked = pl.col("unlinked") if "unlinked" in rows.columns else pl.lit(value=False)
    rows = rows.join(superseded, on="listed", how="left", maintain_order="left").with_columns(
        began.alias("from"),
        pl.when(moments.end_of_day(pl.col("until")) <= moments.literal(until)).then("until").alias("until"),
        linked=pl.col("symbol").is_not_null() & ~unlinked,
        known_at=pl.max_horizontal("known_at", moments.end_of_day(pl.col("listed"))),
    )
    known = rows.filter(pl.col("known_at") <= moments.literal(until))
    return known.filter(pl.col("until").is_null() | (pl.col("until") > pl.col("from")))


def _with_expiry(rows: pl.DataFrame, max_age_sessions: int) -> pl.DataFrame:
    days = rows["listed"].unique().drop_nulls().to_list()
    expires = [_expiry(day, max_age_sessions) for day in days]
    table = pl.DataFrame({"listed": days, EXPIRES: expires}, schema={"listed": pl.Date, EXPIRES: pl.Date})
    return rows.join(table, on="listed", how="left", maintain_order="left")


def _expiry(day: dt.date, max_age_sessions: int) -> dt.date:
    every = calendar.all_sessions()
    i = calendar.index_of(calendar.at_or_before(day)) + max_age_sessions + 1
    return every[min(i, len(every) - 1)]
