"""Content hash of a frame: of its values, never of a file's bytes."""

import hashlib
from collections.abc import Sequence

import numpy as np
import polars as pl

DIGEST_BYTES = 16


def content_hash(frame: pl.DataFrame, sort_key: Sequence[str]) -> str:
    """Hash of the columns by name and type, rows sorted by key.

    Null slots are zeroed and NaN and −0.0 made canonical, so that equal values give equal hashes however the frame
    was chunked or computed.
    """
    if sort_key and not _is_sorted(frame, sort_key):
        frame = frame.sort(list(sort_key))
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    digest.update(f"{frame.height}".encode())
    for name in sorted(frame.columns):
        column = frame.get_column(name)
        digest.update(f"|{name}:{column.dtype}|".encode())
        if column.null_count():
            digest.update(column.is_null().to_numpy().tobytes())
        for part in _canonical_bytes(column):
            digest.update(part)
    return digest.hexdigest()


def digest_of(parts: Sequence[str]) -> str:
    """One hash of an ordered list of texts."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        digest.update(part.encode())
        digest.update(b"\0")
    return digest.hexdigest()


def _is_sorted(frame: pl.DataFrame, sort_key: Sequence[str]) -> bool:
    if frame.height < 2:
        return True
    # NumPy decides on the leading key alone where it is strictly ascending; else the sort itself is cheap enough
    first = frame.get_column(sort_key[0])
    return first.is_sorted() and bool((first.diff().cast(pl.Int64) > 0).slice(1).all()) if first.dtype == pl.Date else False


def _canonical_bytes(column: pl.Series) -> list[memoryview | bytes]:
    dtype = column.dtype
    if dtype == pl.String:
        filled = column.fill_null("")
        lengths = filled.str.len_bytes().to_numpy()
        return [np.ascontiguousarray(lengths).tobytes(), "".join(filled.to_list()).encode()]
    if dtype.is_float():
        values = column.fill_null(0.0).to_numpy() + 0.0  # −0.0 + 0.0 is 0.0; the sum is also a writable copy
        values[np.isnan(values)] = np.nan
        return [values.tobytes()]
    if dtype == pl.Boolean:
        return [column.fill_null(False).to_numpy().tobytes()]
    if dtype.is_temporal() or dtype.is_integer():
        return [np.ascontiguousarray(column.to_physical().fill_null(0).to_numpy()).tobytes()]
    raise TypeError(f"column {column.name} has type {dtype}, which the store does not hash; use a plain type")
