"""Which security a ticker named, and when that was looked up. Pure.

A ticker is looked up on the session on which it is first seen, and again when it comes back after a long gap, because
another company may carry it then. What was looked up about a day was known at the end of that day. A security keeps its
id, its FIGI, through every change of ticker.
"""

import datetime as dt

import polars as pl

from feature_store import sessions as calendar

LOOKUPS: dict[str, pl.DataType] = {
    "ticker": pl.String(),
    "from": pl.Date(),
    "symbol": pl.String(),
    "cik": pl.String(),
    "name": pl.String(),
    "type": pl.String(),
    "load": pl.Int64(),
}


def to_look_up(seen: pl.DataFrame, lookups: pl.DataFrame, gap: int, first: dt.date) -> pl.DataFrame:
    """(ticker, day) to be looked up: the first bar at hand, and each that comes after more than `gap` sessions without.

    Args:
        seen: (ticker, event_date) of bars from `first` on, and of the `gap` sessions before it.
        lookups: (ticker, day) that were looked up, whatever the answer was. One at most `gap` sessions old will do, and
            any will for a ticker that has bars before `first`: those bars were looked up where that was due.
    """
    ordered = _placed(seen.unique(), "event_date").sort("ticker", "place")
    pause = pl.col("place") - pl.col("place").shift(1).over("ticker")
    starts = ordered.filter(pause.is_null() | (pause > gap)).select("ticker", "place", day="event_date")
    known = _placed(lookups, "day").select("ticker", looked_up="place")
    age = pl.col("place") - pl.col("looked_up")
    answered = starts.join(known, on="ticker", how="inner").filter(
        pl.when(pl.col("day") < first).then(age >= 0).otherwise(age.is_between(0, gap))
    )
    return starts.join(answered, on=["ticker", "day"], how="anti").select("ticker", "day").sort("day", "ticker")


def securities(answers: pl.DataFrame, seen: pl.DataFrame) -> pl.DataFrame:
    """The result of each lookup, in `LOOKUPS`: from its day on the ticker names the security.

    A security is named by its composite FIGI, else its share class's, else its issuer's CIK, else the ticker. A CIK
    names an issuer and not a share: where a ticker comes while another one of the same CIK still has bars, it is not a
    change of ticker but a second class, and the ticker is added.

    Args:
        answers: ticker, day, composite_figi, share_class_figi, cik, name, type and load; null where the vendor knew
            nothing.
        seen: (ticker, event_date) of bars, on the days of lookups that have a CIK and no FIGI at least.
    """
    bars = set(seen.iter_rows())
    holder: dict[str, str] = {}
    rows = []
    for row in answers.unique(["ticker", "day"], keep="first", maintain_order=True).sort("day", "ticker").to_dicts():
        ticker, day = row["ticker"], row["day"]
        figi = row["composite_figi"] or row["share_class_figi"]
        symbol = figi or (f"CIK{row['cik']}" if row["cik"] else ticker)
        if not figi and row["cik"]:
            held = holder.get(symbol, ticker)
            if held != ticker and (held, day) in bars:
                symbol = f"{symbol}.{ticker}"
            else:
                holder[symbol] = ticker
        rows.append((ticker, day, symbol, row["cik"], row["name"], row["type"], row["load"]))
    return pl.DataFrame(rows, schema=LOOKUPS, orient="row")


def named_by(rows: pl.DataFrame, lookups: pl.DataFrame, day: str) -> pl.DataFrame:
    """`rows` with what their ticker named on the column `day`, by the last lookup up to it; null without one."""
    names = lookups.drop("load").sort("from")
    return rows.sort(day).join_asof(
        names, left_on=day, right_on="from", by="ticker", strategy="backward", check_sortedness=False
    )


def changes(lookups: pl.DataFrame) -> pl.DataFrame:
    """The lookups of a security that traded under another ticker before."""
    ordered = lookups.sort("symbol", "from", "ticker")
    before = pl.col("ticker").shift(1).over("symbol")
    return ordered.filter(before.is_not_null() & (before != pl.col("ticker")))


def _placed(rows: pl.DataFrame, day: str) -> pl.DataFrame:
    """`rows` with the place of their session in the calendar."""
    days = calendar.all_sessions()
    places = pl.DataFrame({day: days, "place": range(len(days))}, schema={day: pl.Date, "place": pl.Int64})
    return rows.join(places, on=day, how="inner")
