"""What the market says of each name on a session, as aligned arrays."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from feature_store import sessions

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Tape:
    """Arrays (N,) in the order of the names.

    Attributes:
        open, close: USD, as traded; NaN where there is no bar.
        adv_usd: mean dollar volume of the bars in the window that have a volume; NaN where none, or nothing traded.
        split: new per old share, ex since the session before; 1 where none.
        dividend: USD per share held after that split; 0 where none.
        delisting: recorded return (simple) of a delisting that is ex by now; NaN where none.
        delisted_today: the delisting's ex-date is this session, whether or not there is still a bar.
        next_split: ex at the next session, as far as known.
        leaving: a delisting is known that is ex by the next session.
    """

    open: Array
    close: Array
    adv_usd: Array
    split: Array
    dividend: Array
    delisting: Array
    delisted_today: NDArray[np.bool_]
    next_split: Array
    leaving: NDArray[np.bool_]


def tape(bars: pl.DataFrame, actions: pl.DataFrame, names: list[str], session: dt.date) -> Tape:
    """What happened on the session, and what is known of the next.

    Args:
        bars: trailing window of BARS as known at the session; all of it makes the mean dollar volume.
        actions: rows of CORPORATE_ACTIONS as known at the session; those without a value are withdrawn.
        names: sorted.
    """
    code, known = positions(bars, names)
    is_today = (bars["event_date"] == session).to_numpy() & known
    return Tape(
        open=_scatter(bars["open"], code, is_today, len(names)),
        close=_scatter(bars["close"], code, is_today, len(names)),
        adv_usd=_mean_dollar_volume(bars, code, known, len(names)),
        **_effects(actions, names, session),
    )


def aligned(frame: pl.DataFrame, names: list[str], *columns: str) -> list[Array]:
    """Columns of a frame with one row a symbol, as (N,) arrays in the order of the names; NaN where missing."""
    code, known = positions(frame, names)
    return [_scatter(frame[column], code, known, len(names)) for column in columns]


def positions(frame: pl.DataFrame, names: list[str]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Where each row's symbol stands among the sorted names, and whether it is there at all."""
    code = frame["symbol"].cast(pl.Enum(names), strict=False).to_physical()
    return code.fill_null(0).to_numpy().astype(np.intp), code.is_not_null().to_numpy()


def _scatter(values: pl.Series, code: NDArray[np.intp], rows: NDArray[np.bool_], n: int) -> Array:
    out = np.full(n, np.nan)
    out[code[rows]] = values.cast(pl.Float64).to_numpy()[rows]
    return out


def _mean_dollar_volume(bars: pl.DataFrame, code: NDArray[np.intp], known: NDArray[np.bool_], n: int) -> Array:
    dollars = bars["close"].to_numpy() * bars["volume"].cast(pl.Float64).to_numpy()
    rows = known & ~np.isnan(dollars)
    # bincount adds row by row, in the stored order: the same bits whatever the threads
    total = np.bincount(code[rows], weights=dollars[rows], minlength=n)
    count = np.bincount(code[rows], minlength=n)
    mean: Array = np.divide(total, count, out=np.full(n, np.nan), where=total > 0)
    return mean


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
