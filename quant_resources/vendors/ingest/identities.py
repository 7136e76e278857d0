"""Which security a ticker names, and what was recorded of its issuer. Pure."""

import datetime as dt
from collections.abc import Sequence

import polars as pl

from configs.settings import Market
from feature_store.dataset import Dataset, Events
from feature_store.decision_time import DecisionClock
from feature_store.schemas.market import INDUSTRIES, MEMBERS, TICKERS
from quant_resources.vendors.ingest.fama_french import Grouping, industry
from quant_resources.vendors.ingest.snapshots import (
    MEMBER_SCHEMA,
    by_chunks,
    in_force,
    parse_industries,
    parse_members,
    reject_bad_intervals,
    security,
)

# `linked` is false of a ticker that names no security with a price series.
TICKER_SCHEMA: dict[str, pl.DataType] = {
    **MEMBER_SCHEMA,
    "company": pl.String(),
    "name": pl.String(),
    "sic": pl.Int32(),
}
NOT_NAMED = "ticker_of_no_security"


def payload_of(dataset: Dataset, market: Market) -> Dataset:
    """The dataset whose payload gives the session's state: industries may be grouped by the codes of tickers."""
    return TICKERS if dataset.name == INDUSTRIES.name and market.grouping != "published" else dataset


def parse_states(
    dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date], clock: DecisionClock, market: Market
) -> pl.DataFrame:
    """Members, industries or tickers of each session, from the payload of `payload_of`."""
    if dataset.name == MEMBERS.name:
        return parse_members(raw, sessions, clock)
    if dataset.name == TICKERS.name:
        return parse_tickers(raw, sessions, clock)
    if market.grouping == "published":
        return parse_industries(raw, sessions, clock)
    return _grouped(parse_tickers(raw, sessions, clock), market.grouping)


def parse_tickers(raw: pl.DataFrame, sessions: Sequence[dt.date], clock: DecisionClock) -> pl.DataFrame:
    """Ticker, company, name and code of each security on each session; of several rows the last recorded stands."""
    reject_bad_intervals(raw, "ticker")
    return by_chunks(TICKERS, sessions, clock, lambda days: _tickers(raw, days))


def _tickers(raw: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    order = ["session", "symbol", "recorded", "from", "known_at", "ticker"]
    rows = in_force(raw, days).with_columns(symbol=security()).sort(*order, nulls_last=False)
    return rows.unique(["session", "symbol"], keep="last", maintain_order=True)


def _grouped(tickers: pl.DataFrame, grouping: Grouping) -> pl.DataFrame:
    """INDUSTRIES by code; a security whose code is not recorded, or in no range, has no row: it is Unknown."""
    rows = tickers.with_columns(industry=industry(pl.col("sic"), grouping)).drop_nulls("industry")
    return rows.select("session", *INDUSTRIES.schema, "grade")


def named(dataset: Dataset, rows: pl.DataFrame, tickers: pl.DataFrame, clock: DecisionClock) -> pl.DataFrame:
    """The security of each row of events whose `symbol` is a ticker.

    By what was recorded by the decision of the session that knows the row: later names do not apply to earlier rows.
    A bar has the ticker of its day. A corporate action speaks of the share that was held before its ex-date. Of the
    others, which are documents, the ticker is that of the session in which they became known.

    Args:
        rows: symbol (a ticker), event_date, known_at.
        tickers: TICKER_SCHEMA.

    Returns:
        A row for each: symbol, the security (the ticker where it names two, null where it names none); complaint, what
        is wrong where it names two, else null; known_at, when both the row and its security were known.
    """
    dated = clock.assign_sessions(rows.select("symbol", "event_date", "known_at"))
    return _security_on(dated.with_columns(_day_of(dataset).alias("day")), tickers, clock)


def named_on(rows: pl.DataFrame, tickers: pl.DataFrame, clock: DecisionClock) -> pl.DataFrame:
    """As `named`, for rows whose column `day` is the date on which the ticker applies, at most their own session."""
    dated = clock.assign_sessions(rows.select("symbol", "day", "known_at"))
    return _security_on(dated.with_columns(pl.min_horizontal("day", "session")), tickers, clock)


def _day_of(dataset: Dataset) -> pl.Expr:
    assert isinstance(dataset.origin, Events)
    match dataset.origin.ticker_day:
        case "event_date":
            return pl.col("event_date")
        case "day_before":
            return pl.min_horizontal(pl.col("event_date") - pl.duration(days=1), "session")
        case "session":
            return pl.col("session")


def _security_on(dated: pl.DataFrame, tickers: pl.DataFrame, clock: DecisionClock) -> pl.DataFrame:
    once = dated.select("symbol", "day", "session").unique()
    sessions = once["session"].unique()
    decided = pl.DataFrame({"session": sessions, "decided_at": [clock.decision_time(day) for day in sessions]})
    links = tickers.filter("linked").select("ticker", "from", "until", security="symbol", link_known_at="known_at")
    matches = (
        once.join(decided, on="session")
        .join(links, left_on="symbol", right_on="ticker")
        .filter(
            pl.col("from") <= pl.col("day"),
            pl.col("until").is_null() | (pl.col("until") > pl.col("day")),
            pl.col("link_known_at") <= pl.col("decided_at"),
        )
        .group_by("symbol", "day", "session")
        .agg(pl.col("link_known_at").min(), first=pl.col("security").min(), last=pl.col("security").max())
    )
    two = pl.col("first") != pl.col("last")
    linked = dated.join(matches, on=["symbol", "day", "session"], how="left", maintain_order="left")
    complaint = pl.format("'symbol' holds {}, on {} a ticker of {} and of {}", "symbol", "day", "first", "last")
    return linked.select(
        symbol=pl.when(two).then("symbol").otherwise("first"),
        complaint=pl.when(two).then(complaint),
        known_at=pl.max_horizontal("known_at", "link_known_at"),
    )
