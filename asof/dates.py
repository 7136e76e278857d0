"""Days and moments as people write them."""

import datetime as dt
from collections.abc import Iterable
from typing import cast

import numpy as np
import polars as pl

from asof.frames import PANDAS, library_of
from feature_store import sessions as calendar

Day = str | dt.date | np.datetime64
Moment = str | dt.date | dt.datetime | np.datetime64
MIDNIGHT = dt.time()


def day(value: Day, name: str) -> dt.date:
    """A day of a text, a date, a NumPy or a pandas timestamp without a time of day.

    Raises:
        ValueError: no day, or a moment within one.
    """
    parsed = moment(value, name)
    if isinstance(parsed, dt.datetime):
        raise ValueError(f"{name} is {parsed}, a moment; pass a day, as '2016-12-30'")
    return parsed


def moment(value: Moment, name: str) -> dt.date | dt.datetime:
    """A date, or a datetime with a time zone where there is a time of day.

    Raises:
        ValueError: neither, or a time of day without a time zone.
    """
    parsed = _parsed(value, name)
    if not isinstance(parsed, dt.datetime):
        return parsed
    if parsed.tzinfo is None and parsed.time() == MIDNIGHT:  # what pandas and NumPy make of a day
        return parsed.date()
    if parsed.tzinfo is None:
        raise ValueError(f"{name} is {parsed}, without a time zone; write it in UTC, as '2016-12-30T14:00:00+00:00'")
    return dt.datetime.combine(
        parsed.date(), parsed.time(), parsed.tzinfo
    )  # a pandas Timestamp is a datetime of its own


def days(values: object, name: str) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    """(n,) days of a column of a frame, an array or a sequence.

    Raises:
        ValueError: a value that is missing or no day, or more than one dimension.
    """
    parsed = _column(values, name)
    if parsed.ndim != 1:
        raise ValueError(f"{name} has shape {parsed.shape}, expected (n,): a day for each row")
    if np.isnat(parsed).any():
        raise ValueError(f"{name}: row {int(np.isnat(parsed).argmax())} is missing; pass a day for each row")
    return parsed


def sessions(first: Day, last: Day) -> list[dt.date]:
    """Trading sessions of the exchange from first to last, both included."""
    return calendar.between(day(first, "first"), day(last, "last"))


def _column(values: object, name: str) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    if isinstance(values, pl.Series) or library_of(values) == PANDAS:
        values = cast(pl.Series, values).to_numpy()
    array = np.asarray(list(values) if not isinstance(values, np.ndarray) and isinstance(values, Iterable) else values)
    if array.dtype.kind not in "MOU":
        raise ValueError(f"{name} holds {array.dtype}, not days; pass dates, or texts as '2016-12-30'")
    try:
        return array.astype("datetime64[D]")
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is not of days throughout: {error}; write them as '2016-12-30'") from error


def _parsed(value: Moment, name: str) -> dt.date | dt.datetime:
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    if isinstance(value, dt.date):  # a datetime is one
        return value
    if isinstance(value, str):
        try:
            return dt.date.fromisoformat(value) if len(value) <= len("2016-12-30") else dt.datetime.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError(f"{name} is {value!r}, not a day; use '2016-12-30', a date, or a moment with its time zone")
