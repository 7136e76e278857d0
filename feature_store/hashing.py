"""Content hash of a frame: of its values, never of a file's bytes."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

DIGEST_BYTES = 16
NULL = "\0null"  # ends the name of a mask; no column's does


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
    # one query for all that need one: a call of Polars costs more than the work on a small partition
    changed = [name for name in names if nulls[name] or not _needs_no_query(schema[name])]
    columns = [_without_nulls(name, schema[name], nulls[name] > 0) for name in changed]
    masks = [pl.col(name).is_null().alias(f"{name}{NULL}") for name in changed if nulls[name]]
    found = {column.name: column for column in frame.select(*columns, *masks).get_columns()} if changed else {}
    plain = {name: found[name] if name in found else frame.get_column(name) for name in names}
    floats = _canonical_floats(plain)
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    digest.update(f"{frame.height}".encode())
    for name in names:
        digest.update(f"|{name}:{schema[name]}|".encode())
        if nulls[name]:
            digest.update(found[f"{name}{NULL}"].to_numpy().tobytes())
        if name in floats:
            digest.update(floats[name].data)
            continue
        for part in _canonical_bytes(plain[name]):
            digest.update(part)
    return digest.hexdigest()


def _canonical_floats(plain: Mapping[str, pl.Series]) -> dict[str, NDArray[np.floating]]:
    """Float columns without nulls, each as one block of memory, with −0.0 and NaN made canonical."""
    canonical: dict[str, NDArray[np.floating]] = {}
    for dtype in (pl.Float32, pl.Float64):
        chosen = [name for name, column in plain.items() if column.dtype == dtype]
        if not chosen or not len(plain[chosen[0]]):
            continue
        # all of a type at once: a hundred columns one by one cost more than hashing them
        columns = pl.DataFrame([plain[name] for name in chosen])
        block = np.array(columns.to_numpy(order="fortran"), order="F", copy=True)
        block += block.dtype.type(0)  # −0.0 + 0.0 is 0.0
        block[np.isnan(block)] = np.nan
        canonical |= {name: block[:, i] for i, name in enumerate(chosen)}
    return canonical


def digest_of(parts: Sequence[str]) -> str:
    """One hash of an ordered list of texts."""
    return hashlib.blake2b("\0".join([*parts, ""]).encode(), digest_size=DIGEST_BYTES).hexdigest()


def _needs_no_query(dtype: pl.DataType) -> bool:
    return dtype.is_float() or dtype.is_integer() or dtype in (pl.String, pl.Boolean, pl.Date, pl.Datetime)


def _without_nulls(name: str, dtype: pl.DataType, has_nulls: bool) -> pl.Expr:
    column = pl.col(name)
    if dtype.is_temporal() or dtype.is_integer():
        column = column.to_physical()
    if not has_nulls and (dtype.is_numeric() or dtype.is_temporal()):
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
    values = np.ascontiguousarray(column.to_numpy())
    if column.dtype == pl.Date:
        values = values.astype(np.int32)  # days since 1970, as Polars holds them
    return [values.tobytes()]
