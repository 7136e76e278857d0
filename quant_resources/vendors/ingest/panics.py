"""Failures of Polars at ingest, panics among them, as errors: of which file and row, and what to do.

A panic is a `BaseException`: it would pass every handler of errors and end the process. This is the one place that
turns it into an error of the vendor's data; whatever reads or checks rows at ingest runs in here.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import polars as pl
from polars.exceptions import PanicException

from quant_resources.vendors.errors import VendorError

T = TypeVar("T")
# A file of columns that differ in length is read, and fails later.
FAILURES = (PanicException, pl.exceptions.PolarsError)
SHOWN = 200  # characters of a panic or of a row that an error quotes


@contextmanager
def named_failures(where: str) -> Iterator[None]:
    """A failure inside is a `VendorError` that begins with `where`: a file, or what was being read."""
    try:
        yield
    except FAILURES as panic:
        raise VendorError(f"{where} cannot be read: Polars fails on it ({_text(panic)}); {FIX}") from None


def checked(rows: pl.DataFrame, check: Callable[[pl.DataFrame], T]) -> T:
    """`check` of the rows, in one chunk each column: Polars has panicked on frames with empty chunks.

    Args:
        rows: with the column `file` where they come from files.

    Raises:
        VendorError: the check panics; names the file and the first row that makes it panic by itself.
    """
    whole = rows.rechunk()
    try:
        return check(whole)
    except FAILURES as panic:
        culprit = _culprit(whole, check)
        raise VendorError(f"{culprit} cannot be read: Polars fails on it ({_text(panic)}); {FIX}") from None


FIX = "fix or remove it (nothing of it was stored), and please report it"


def _culprit(rows: pl.DataFrame, check: Callable[[pl.DataFrame], object]) -> str:
    """The file and row that panics alone; else the files, as it is their combination."""
    low, high = 0, rows.height
    while high - low > 1:
        middle = (low + high) // 2
        first, second = (_panics(rows[a:b], check) for a, b in ((low, middle), (middle, high)))
        if not first and not second:
            break
        low, high = (low, middle) if first else (middle, high)
    part = rows[low:high]
    files = part["file"].drop_nulls().unique().sort().to_list() if "file" in part.columns else []
    named = ", ".join(files) or "the vendor's payload"
    return f"{named}: the row {_text(part.row(0, named=True))}" if part.height == 1 else f"{named}: {part.height} rows"


def _panics(rows: pl.DataFrame, check: Callable[[pl.DataFrame], object]) -> bool:
    try:
        check(rows)
    except FAILURES:
        return True
    except Exception:  # of a part of the rows another error is no answer to the question
        return False
    return False


def _text(value: object) -> str:
    return " ".join(str(value).split())[:SHOWN]
