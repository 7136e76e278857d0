"""Content hashes of frames: of their values, never of a file's bytes."""

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from feature_store.partition import DIGEST

DIGEST_BYTES = 16
NULL = "\0null"  # ends the name of a mask; no column's does

Values = memoryview | list[str]


@dataclass(frozen=True)
class ContentHash:
    """
    Attributes:
        content: of all columns by name and type, and of the number of rows.
        names, columns: of each column alone, DIGEST bytes each in the order of the names; nothing where not requested.
    """

    content: str
    names: tuple[str, ...]
    columns: bytes


def content_hash(frame: pl.DataFrame, sort_key: Sequence[str] = ()) -> str:
    """Hash of the columns by name and type, rows in the order of `sort_key` (as they are, without one).

    Null slots are zeroed and NaN and −0.0 made canonical, so that equal values give equal hashes however the frame
    was chunked or computed.
    """
    if sort_key:
        frame = frame.sort(sort_key)
    return content_hashes(frame, [0, frame.height])[0].content


def content_hashes(frame: pl.DataFrame, bounds: Sequence[int], *, of_columns: bool = True) -> list[ContentHash]:
    """Of each part of a frame, rows [bounds[i], bounds[i + 1]), as `content_hash` gives it for that part alone.

    Many parts are hashed at once because a call of Polars costs more than the work on a small part.

    Args:
        of_columns: give a hash of each column too, which costs as much again.
    """
    schema = frame.schema  # a property that is built anew at each access
    names = tuple(sorted(schema))
    values, masks = _canonical(frame, schema, names)
    heads = [f"|{name}:{schema[name]}|".encode() for name in names]
    columns = [_Column(head, values[name], masks.get(name)) for head, name in zip(heads, names, strict=True)]
    if of_columns:
        return [_of_part(names, columns, a, b) for a, b in itertools.pairwise(bounds)]
    return [ContentHash(_whole(columns, a, b), (), b"") for a, b in itertools.pairwise(bounds)]


class _Column(NamedTuple):
    head: bytes
    values: Values
    mask: bytes | None  # one byte a row, 1 where it is null


def _of_part(names: tuple[str, ...], columns: Sequence[_Column], first: int, end: int) -> ContentHash:
    height = f"{end - first}".encode()
    whole = hashlib.blake2b(height, digest_size=DIGEST_BYTES)
    each = []
    for head, values, mask in columns:
        of_column = hashlib.blake2b(height + head, digest_size=DIGEST)
        whole.update(head)
        for data in _parts(values, mask, first, end):
            whole.update(data)
            of_column.update(data)
        each.append(of_column.digest())
    return ContentHash(whole.hexdigest(), names, b"".join(each))


def _whole(columns: Sequence[_Column], first: int, end: int) -> str:
    whole = hashlib.blake2b(f"{end - first}".encode(), digest_size=DIGEST_BYTES)
    for head, values, mask in columns:
        whole.update(head)
        for data in _parts(values, mask, first, end):
            whole.update(data)
    return whole.hexdigest()


def _parts(values: Values, mask: bytes | None, first: int, end: int) -> list[bytes | memoryview]:
    found: list[bytes | memoryview] = []
    if mask is not None and 1 in (nulls := mask[first:end]):
        found.append(nulls)
    if isinstance(values, list):
        texts = values[first:end]
        # lengths too, because a text may hold the separator
        found += [np.fromiter(map(len, texts), np.int64, len(texts)).tobytes(), "\0".join(texts).encode()]
    else:
        found.append(values[first:end])
    return found


def _canonical(
    frame: pl.DataFrame, schema: Mapping[str, pl.DataType], names: Sequence[str]
) -> tuple[dict[str, Values], dict[str, bytes]]:
    """Values of each column with null slots zeroed, −0.0 and NaN canonical; and where the nulls are, if anywhere."""
    nulls = dict(zip(schema, frame.null_count().row(0), strict=True)) if frame.width else {}
    # one query for all that need one
    changed = [name for name in names if nulls[name] or not _needs_no_query(schema[name])]
    columns = [_without_nulls(name, schema[name], nulls[name] > 0) for name in changed]
    masked = [name for name in changed if nulls[name]]
    masks = [pl.col(name).is_null().alias(f"{name}{NULL}") for name in masked]
    found = {column.name: column for column in frame.select(*columns, *masks).get_columns()} if changed else {}
    plain = {name: found[name] if name in found else frame.get_column(name) for name in names}
    # slices of memory: those of an array cost ten times as much
    values: dict[str, Values] = {name: column.data for name, column in _canonical_floats(plain).items()}
    values |= {name: _plain_values(column) for name, column in plain.items() if name not in values}
    return values, {name: found[f"{name}{NULL}"].to_numpy().tobytes() for name in masked}


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


def _plain_values(column: pl.Series) -> Values:
    if column.dtype == pl.String:
        return column.to_list()
    values = np.ascontiguousarray(column.to_numpy())
    if column.dtype == pl.Date:
        values = values.astype(np.int32)  # days since 1970, as Polars holds them
    # a view of plain numbers: the buffer of dates cannot be handed out as it is
    return (values.view(np.int64) if values.dtype.kind in "mM" else values).data
