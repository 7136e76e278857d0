"""Dated facts become the full state of each session: who is a member, and in which industry. Pure."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence

import polars as pl

from feature_store.dataset import KNOWN_AT, Dataset
from feature_store.decision_time import DecisionClock
from feature_store.schemas.market import INDUSTRIES, MEMBERS
from quant_resources.vendors.errors import VendorError

UNLINKED = ".UNLINKED"
UNKNOWN = "Unknown"
# A row carried back by a named exception is declared known from before any session.
BEFORE_ALL = dt.datetime(1990, 1, 1, tzinfo=dt.UTC)
# Sessions times facts are crossed; a year of them at once keeps memory flat over any range.
CHUNK = 252

MEMBER_SCHEMA: dict[str, pl.DataType] = {
    "file": pl.String(),
    "symbol": pl.String(),
    "ticker": pl.String(),
    "from": pl.Date(),
    "until": pl.Date(),
    "recorded": pl.Date(),
    "known_at": KNOWN_AT,
    "linked": pl.Boolean(),
    "grade": pl.Int8(),
}

# `link` rows have the security that a ticker named (columns of a member), `sector` rows what was published of it.
INDUSTRY_SCHEMA: dict[str, pl.DataType] = {
    **MEMBER_SCHEMA,
    "kind": pl.String(),
    "industry": pl.String(),
    "carried_back": pl.Boolean(),
}


def parse_members(raw: pl.DataFrame, sessions: Sequence[dt.date], clock: DecisionClock) -> pl.DataFrame:
    """Members of each session: recorded and in force by it, one row a security.

    A member of several rows carries the earliest `known_at` among those in force.
    """
    reject_bad_intervals(raw, "member")
    return by_chunks(MEMBERS, sessions, clock, lambda days: _members(raw, days))


def parse_industries(raw: pl.DataFrame, sessions: Sequence[dt.date], clock: DecisionClock) -> pl.DataFrame:
    """Industry of each security: what was published last of the tickers that named it.

    A publication speaks of the security that its ticker named on its day, by the membership recorded by the session.
    One carried back to sessions before the first publication speaks of the security that the ticker names on the
    session; such a row is stamped with the decision time, and its grade is hindsight. Securities whose
    last publication is null or Unknown have no row.
    """
    links = raw.filter(kind="link")
    published = raw.filter(kind="sector")
    reject_bad_intervals(links, "member")
    _reject_undated(published)
    pairs = pl.concat([_linked(published, links), _direct(published)])
    return by_chunks(INDUSTRIES, sessions, clock, lambda days: _industries(pairs, days))


def by_chunks(
    dataset: Dataset,
    sessions: Sequence[dt.date],
    clock: DecisionClock,
    state: Callable[[pl.DataFrame], pl.DataFrame],
) -> pl.DataFrame:
    """The full state of each session, from `state` of a frame of sessions and their `decided_at`."""
    columns = ["session", *dataset.schema, "grade"]
    empty = pl.DataFrame(schema={"session": pl.Date(), **dataset.schema, "grade": pl.Int8()})
    frames = [state(days).with_columns(event_date=pl.col("session")).select(columns) for days in _days(sessions, clock)]
    return pl.concat([empty, *frames]).sort("session", *dataset.sort_key)


def _days(sessions: Sequence[dt.date], clock: DecisionClock) -> Iterator[pl.DataFrame]:
    for i in range(0, len(sessions), CHUNK):
        chunk = list(sessions[i : i + CHUNK])
        decided = [clock.decision_time(day) for day in chunk]
        yield pl.DataFrame(
            {"session": chunk, "decided_at": decided}, schema={"session": pl.Date, "decided_at": KNOWN_AT}
        )


def in_force(raw: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    """The rows recorded and in force on each session, with `session` and `decided_at`; in no order."""
    day = pl.col("session")
    # a lifetime of lists of thousands of names: crossing all of them with every session would fill the memory
    near = raw.filter(pl.col("from") <= days["session"].max(), pl.col("recorded") <= days["session"].max())
    ends = near.with_columns(end=pl.col("until").fill_null(dt.date.max)).filter(pl.col("end") > days["session"].min())
    return days.join_where(
        ends,
        pl.col("recorded") <= day,
        pl.col("from") <= day,
        pl.col("end") > day,
        pl.col("known_at") <= pl.col("decided_at"),
    )


def _members(raw: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    return (
        in_force(raw, days)
        .with_columns(symbol=security())
        .sort("session", "symbol", "known_at", "grade")
        .unique(["session", "symbol"], keep="first", maintain_order=True)
    )


def security() -> pl.Expr:
    """Id of a row's security; its ticker, marked, where it has no price series."""
    return pl.when("linked").then("symbol").otherwise(pl.col("ticker") + UNLINKED)


PAIR: dict[str, pl.DataType] = {
    "symbol": pl.String(),
    "ticker": pl.String(),
    "industry": pl.String(),
    "recorded": pl.Date(),
    "known_at": KNOWN_AT,
    "carried_back": pl.Boolean(),
    "grade": pl.Int8(),
    "from": pl.Date(),
    "until": pl.Date(),
    "link_recorded": pl.Date(),
    "link_known_at": KNOWN_AT,
}


def _linked(published: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """Publications by ticker, each beside every membership row that linked the ticker to a security."""
    rows = published.filter(pl.col("symbol").is_null()).drop("symbol", "from", "until")
    named = links.filter("linked").select(
        "symbol", "ticker", "from", "until", link_recorded="recorded", link_known_at="known_at"
    )
    return rows.join(named, on="ticker", how="inner").select(PAIR.keys())


def _direct(published: pl.DataFrame) -> pl.DataFrame:
    """Publications that name the security themselves: linked at all times."""
    always = pl.lit(dt.date.min)
    rows = published.filter(pl.col("symbol").is_not_null()).with_columns(
        always.alias("from"),
        pl.lit(None, pl.Date).alias("until"),
        link_recorded=always,
        link_known_at="known_at",
    )
    return rows.select(PAIR.keys())


def _industries(pairs: pl.DataFrame, days: pl.DataFrame) -> pl.DataFrame:
    day, back = pl.col("session"), pl.col("carried_back")
    spoken_of = pl.when(back).then(day).otherwise("recorded")
    rows = days.join(pairs, how="cross").filter(
        pl.when(back).then(day < pl.col("recorded")).otherwise(pl.col("recorded") <= day),
        pl.col("link_recorded") <= day,
        pl.col("from") <= spoken_of,
        pl.col("until").is_null() | (pl.col("until") > spoken_of),
        pl.max_horizontal("known_at", "link_known_at") <= pl.col("decided_at"),
    )
    order = ["session", "symbol", "recorded", "link_known_at", "ticker", "industry"]
    last = rows.sort(order).unique(["session", "symbol"], keep="last", maintain_order=True)
    known_at = pl.when(back).then("decided_at").otherwise(pl.max_horizontal("known_at", "link_known_at"))
    return last.with_columns(known_at=known_at).filter(pl.col("industry").is_not_null(), pl.col("industry") != UNKNOWN)


def _reject_undated(published: pl.DataFrame) -> None:
    bad = published.filter(pl.col("recorded").is_null() | (pl.col("symbol").is_null() & pl.col("ticker").is_null()))
    if bad.height:
        raise VendorError(
            f"{bad.item(0, 'file')}: {bad.height} industry rows have no day of publication, or no name, first of "
            f"{bad.item(0, 'symbol') or bad.item(0, 'ticker')} ({bad.item(0, 'industry')}); fill it, or delete them"
        )


def reject_bad_intervals(raw: pl.DataFrame, kind: str) -> None:
    """Reject rows without a date or a name, and those that end before they begin; `kind` is what a row is called."""
    for column in ("from", "recorded", "known_at"):
        bad = raw.filter(pl.col(column).is_null())
        if bad.height:
            raise VendorError(
                f"{bad.item(0, 'file')}: {bad.height} {kind} rows have no {column}, first of "
                f"{bad.item(0, 'symbol') or bad.item(0, 'ticker')}; fill it, or delete them"
            )
    bad = raw.filter(pl.col("ticker").is_null() & (pl.lit(kind == "ticker") | pl.col("symbol").is_null()))
    if bad.height:
        missing = "no ticker" if kind == "ticker" else "neither symbol nor ticker"
        raise VendorError(f"{bad.item(0, 'file')}: {bad.height} {kind} rows name {missing}; fill it, or delete them")
    bad = raw.filter(pl.col("until") <= pl.col("from"))
    if bad.height:
        raise VendorError(
            f"{bad.item(0, 'file')}: {bad.item(0, 'symbol') or bad.item(0, 'ticker')} is a {kind} from "
            f"{bad.item(0, 'from')} until {bad.item(0, 'until')}; the first session out comes after the first one in"
        )
