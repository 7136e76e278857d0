"""Long frames as dense (sessions, symbols) arrays, and back. NaN in an array is null in a frame."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl

from feature_store import sessions as calendar
from quant_assets.numerics.arrays import Array, Index, Mask


@dataclass(frozen=True)
class Panel:
    """Where each row of a frame lies in the dense array of its sessions and symbols.

    Attributes:
        sessions: the T rows of the array, ascending.
        symbols: its N columns, ascending.
        row, column: position of each row of the frame, in the frame's order.
    """

    sessions: list[dt.date]
    symbols: list[str]
    row: Index
    column: Index

    def dense(self, values: pl.Series) -> Array:
        """(T, N), C-contiguous; NaN where the frame has no row or a null."""
        array = np.full((len(self.sessions), len(self.symbols)), np.nan)
        array[self.row, self.column] = values.cast(pl.Float64).fill_null(np.nan).to_numpy()
        return array

    def present(self) -> Mask:
        """(T, N), true where the frame has a row."""
        array = np.zeros((len(self.sessions), len(self.symbols)), dtype=np.bool_)
        array[self.row, self.column] = True
        return array

    def flat(self, array: Array) -> pl.Series:
        """The array at the frame's rows, in the frame's order; NaN becomes null."""
        return pl.Series(array[self.row, self.column], nan_to_null=True)


def panel(frame: pl.DataFrame, sessions: list[dt.date], key: str = "symbol") -> Panel:
    """Positions of a frame's rows by `event_date` and `key`.

    Raises:
        ValueError: a row outside `sessions`, or two rows with one event_date and key.
    """
    symbols = frame[key].unique().sort()
    days = np.array(sessions, dtype="datetime64[D]").astype(np.int64)
    dates = frame["event_date"].to_physical().to_numpy().astype(np.int64)
    inside = np.isin(dates, days)
    if not inside.all():
        day = dates[~inside][0].astype("datetime64[D]")
        raise ValueError(
            f"rows of {day} lie outside the window of {len(days)} sessions; pass the window they belong to"
        )
    column = frame[key].cast(pl.Enum(symbols)).to_physical().to_numpy().astype(np.int64)
    placed = Panel(sessions, symbols.to_list(), np.searchsorted(days, dates).astype(np.int64), column)
    if np.count_nonzero(placed.present()) < len(frame):
        twice = frame.filter(frame.select("event_date", key).is_duplicated()).row(0, named=True)
        raise ValueError(f"{twice[key]} has two rows on {twice['event_date']}; pass rows as known at one moment")
    return placed


def window(frame: pl.DataFrame, session: dt.date, length: int) -> pl.DataFrame:
    """Rows whose event_date is one of the last `length` sessions up to and including `session`."""
    return frame.filter(pl.col("event_date").is_between(window_sessions(session, length)[0], session))


def window_sessions(session: dt.date, length: int) -> list[dt.date]:
    """The last `length` sessions up to and including `session`; fewer where the calendar begins."""
    end = calendar.index_of(session) + 1
    return list(calendar.all_sessions()[max(0, end - length) : end])
