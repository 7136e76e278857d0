"""What the market says of each name on a session, as aligned arrays."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from feature_store import sessions

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Tape:
    """Arrays (N,) in the order of the names.

    Attributes:
        open, close: USD, as traded; NaN where there is no bar.
        split: new per old share, ex since the session before; 1 where none.
        dividend: USD per share held after that split; 0 where none.
        delisting: recorded return (simple) of a delisting that is ex by now; NaN where none.
        delisted_today: the delisting's ex-date is this session, whether or not there is still a bar.
        next_split: ex at the next session, as far as known.
        leaving: a delisting is known that is ex by the next session.
    """

    open: Array
    close: Array
    split: Array
    dividend: Array
    delisting: Array
    delisted_today: Mask
    next_split: Array
    leaving: Mask

    @property
    def has_bar(self) -> Mask:
        return ~np.isnan(self.close)


def tape(bars: pl.DataFrame, actions: pl.DataFrame, names: list[str], session: dt.date) -> Tape:
    """What happened on the session, and what is known of the next.

    Args:
        bars: BARS of the session, as known at it.
        actions: rows of CORPORATE_ACTIONS as known at the session; those without a value are withdrawn.
        names: sorted.
    """
    opens, closes = aligned(bars, names, "open", "close")
    return Tape(open=opens, close=closes, **_effects(actions, names, session))


def aligned(frame: pl.DataFrame, names: list[str], *columns: str) -> list[Array]:
    """Columns of a frame with one row a symbol, as (N,) arrays in the order of the names; NaN where missing."""
    place, known = positions(frame, names)
    out = [np.full(len(names), np.nan) for _ in columns]
    for values, column in zip(out, columns, strict=True):
        values[place[known]] = frame[column].cast(pl.Float64).to_numpy()[known]
    return out


def positions(frame: pl.DataFrame, names: list[str]) -> tuple[NDArray[np.intp], Mask]:
    """Where each row's symbol stands among the names, and whether it is there at all."""
    index = {name: i for i, name in enumerate(names)}  # of some hundred names, faster than a join
    place = np.array([index.get(symbol, -1) for symbol in frame["symbol"].to_list()], dtype=np.intp)
    return place, place >= 0


def _effects(actions: pl.DataFrame, names: list[str], session: dt.date) -> dict[str, Any]:
    """Splits, dividends and delistings by their ex-date; one on a day without trading acts at the next session."""
    n = len(names)
    before, after = sessions.shift(session, -1), sessions.shift(session, 1)
    split, dividend, next_split, delisting = np.ones(n), np.zeros(n), np.ones(n), np.full(n, np.nan)
    delisted_today, leaving = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    index = {name: i for i, name in enumerate(names)}
    recent = (pl.col("event_date") > before) | (pl.col("action") == "delisting")
    # within a day splits come first: a dividend of that day is per new share
    due = actions.filter(pl.col("value").is_not_null(), pl.col("event_date") <= after, recent).sort(
        "event_date", "action", "symbol", descending=[False, True, False]
    )
    for day, symbol, action, value in due.select("event_date", "symbol", "action", "value").iter_rows():
        if (i := index.get(symbol)) is None:
            continue
        if action == "delisting":
            leaving[i] = True
            if day <= session:
                delisting[i], delisted_today[i] = value, day > before
        elif action == "split" and day > session:
            next_split[i] *= value
        elif action == "split" and day > before:
            # a dividend of an earlier day without trading was per old share
            split[i], dividend[i] = split[i] * value, dividend[i] / value
        elif action == "cash_dividend" and before < day <= session:
            dividend[i] += value
    return {
        "split": split,
        "dividend": dividend,
        "delisting": delisting,
        "delisted_today": delisted_today,
        "next_split": next_split,
        "leaving": leaving,
    }
