"""Content hash of a frame: of its values, never of a file's bytes."""

import hashlib
from collections.abc import Sequence

import numpy as np
import polars as pl

DIGEST_BYTES = 16


def content_hash(frame: pl.DataFrame, sort_key: Sequence[str] = ()) -> str:
    """Hash of the columns by name and type, rows in the order of `sort_key` (as they are, without one).

    Null slots are zeroed and NaN and −0.0 made canonical, so that equal values give equal hashes however the frame
    was chunked or computed.
    """
    if sort_key:
        frame = frame.sort(sort_key)
    schema = frame.schema  # a property that is built anew at each access
    names = sorted(schema)
    nulls = dict(zip(schema, frame.null_count().row(0), strict=True)) if frame.width else {}
    # one query for all columns: a call of Polars costs more than the work on a small partition
    plain = frame.select(_without_nulls(name, schema[name], nulls[name] > 0) for name in names)
    masks = frame.select(pl.col(name).is_null() for name in names if nulls[name])
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    digest.update(f"{frame.height}".encode())
    for name in names:
        digest.update(f"|{name}:{schema[name]}|".encode())
        if nulls[name]:
            digest.update(masks.get_column(name).to_numpy().tobytes())
        for part in _canonical_bytes(plain.get_column(name)):
            digest.update(part)
    return digest.hexdigest()


def digest_of(parts: Sequence[str]) -> str:
    """One hash of an ordered list of texts."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        digest.update(part.encode())
        digest.update(b"\0")
    return digest.hexdigest()


def _without_nulls(name: str, dtype: pl.DataType, has_nulls: bool) -> pl.Expr:
    column = pl.col(name)
    if dtype.is_temporal() or dtype.is_integer():
        column = column.to_physical()
    if not has_nulls and (dtype.is_numeric() or dtype.is_temporal() or dtype in (pl.String, pl.Boolean)):
        return column
    if dtype == pl.String:
        return column.fill_null("")
    if dtype.is_float():
        return column.fill_null(0.0)
    if dtype == pl.Boolean:
        return column.fill_null(False)
    if dtype.is_temporal() or dtype.is_integer():
        return column.fill_null(0)
    raise TypeError(f"column {name} has type {dtype}, which the store does not hash; use a plain type")


def _canonical_bytes(column: pl.Series) -> list[bytes]:
    if column.dtype == pl.String:
        texts = column.to_list()
        encoded = "\0".join(texts).encode()
        # lengths too, because a text may hold the separator
        return [np.fromiter(map(len, texts), np.int64, len(texts)).tobytes(), encoded]
    values = column.to_numpy()
    if column.dtype.is_float():
        values = values + values.dtype.type(0)  # −0.0 + 0.0 is 0.0; the sum is also a writable copy
        values[np.isnan(values)] = np.nan
    return [np.ascontiguousarray(values).tobytes()]
