"""A Parquet file of the store: rows of one session, or of several one after the other, and a footer that says which."""

import contextlib
import datetime as dt
import io
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from feature_store.digests import BLANK, KEY, AlteredFileError, require_intact, sealed, whole_digest
from feature_store.errors import CorruptPartitionError
from feature_store.hashing import ContentHash, content_hashes
from feature_store.layout import FOOTER, PACK, SESSION, UNREADABLE, read_footer
from feature_store.partition import StoredPartition

# Of packs. Pages without a requested row are neither decompressed nor decoded, so small ones make reading
# cheap: with 500 rows x 100 columns a session, one session costs what it costs in a file of its own, and one symbol of
# a month a sixth of what it costs in 21 of these. Smaller ones make writing dear: at this size a month takes half as
# long as its sessions in files of their own, at a third of it as long. A page holds less than a session.
PAGE, PAGE_OF_A_ROW = 1536, 3  # bytes at least, and for each row of the largest session
ROW_GROUP, SESSIONS = 2048, 4  # rows, and sessions, at least; fewer make more of a footer to read than they save


def encoded(frame: pl.DataFrame, partitions: Sequence[StoredPartition], pack: bool) -> bytes:
    """A file in memory: Polars reports a full disk as a ComputeError without its number.

    Args:
        frame: the partitions' rows in their order, in stored column order.
    """
    days = np.repeat(np.array([p.session for p in partitions], dtype="datetime64[D]"), [p.rows for p in partitions])
    footer = {PACK: [p.written() for p in partitions]} if pack else partitions[0].written()
    largest = max(p.rows for p in partitions)
    target = io.BytesIO()
    frame.with_columns(pl.Series(SESSION, days, dtype=pl.Date)).write_parquet(
        target,
        compression="zstd",
        compression_level=1,
        # they would serve to skip row groups, and the index says where each session lies
        statistics=False,
        # a session's own file is one group of one page a column: it is read as a whole
        row_group_size=max(ROW_GROUP, SESSIONS * largest) if pack else max(frame.height, 1),
        data_page_size=max(PAGE, PAGE_OF_A_ROW * largest) if pack else None,
        metadata={FOOTER: json.dumps(footer | {KEY: BLANK})},
    )
    return sealed(target.getvalue())


def write_synced(path: Path, data: bytes) -> None:
    """Write a new file, on disk when this returns; no part of one is left behind."""
    try:
        with path.open("wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def rows_of(path: Path, rows: tuple[int, int] | None = None) -> pl.DataFrame:
    """Rows of a file, all or (first, number), without their session.

    Raises:
        CorruptPartitionError: unreadable.
    """
    try:
        lazy = pl.scan_parquet(path, hive_partitioning=False, glob=False)
        frame = lazy.collect() if rows is None else lazy.slice(*rows).collect()
        return frame.drop(SESSION, strict=False)
    except UNREADABLE as error:
        raise CorruptPartitionError(f"{path} cannot be read: {error}") from error


def rows_of_partition(path: Path, partition: StoredPartition) -> pl.DataFrame:
    """A partition's rows in the file that holds it.

    Raises:
        CorruptPartitionError: unreadable, or other bytes than were stored.
    """
    try:
        require_intact([(str(path), partition.place.digest)])
    except OSError as error:
        raise CorruptPartitionError(f"{path} cannot be read: {error}") from error
    return rows_of(path, (partition.place.offset, partition.rows))


def parts_of(path: Path, partitions: Sequence[StoredPartition]) -> dict[tuple[dt.date, int], pl.DataFrame]:
    """Rows of the partitions that can be read, by session and generation; damage elsewhere in the file harms none."""
    try:
        whole = rows_of(path)
    except CorruptPartitionError:
        return _parts_one_by_one(path, partitions)
    return {(p.session, p.generation): whole.slice(p.place.offset, p.rows) for p in partitions}


def intact_parts(path: Path, partitions: Sequence[StoredPartition]) -> dict[tuple[dt.date, int], pl.DataFrame]:
    """As `parts_of`, of the partitions that hold what was stored; of an altered file that is asked of each."""
    try:
        require_intact([(str(path), partitions[0].place.digest)])
    except (OSError, AlteredFileError):
        faults = contents_of(path, partitions)
        partitions = [p for p in partitions if (p.session, p.generation) not in faults]
    return parts_of(path, partitions) if partitions else {}


class Stored(NamedTuple):
    """A partition as a file holds it."""

    footer: StoredPartition
    rows: pl.DataFrame


def held_by(path: Path, partitions: Iterable[StoredPartition]) -> dict[tuple[dt.date, int], Stored]:
    """Those of the partitions that a file holds as they were stored, wherever in it; judged by footer and content."""
    try:
        footers = {(f.session, f.generation): f for f in read_footer(path)}
    except (FileNotFoundError, CorruptPartitionError):
        return {}
    described = [(p, f) for p in partitions if (f := footers.get((p.session, p.generation))) and p.is_described_by(f)]
    parts = parts_of(path, [f for _, f in described])
    found = {(p.session, p.generation): (p, Stored(f, parts[f.session, f.generation]))
             for p, f in described if (f.session, f.generation) in parts}  # fmt: skip
    return {name: stored for name, (p, stored) in found.items() if _content(stored.rows) == p.content_hash}


def _content(rows: pl.DataFrame) -> str:
    return content_hashes(rows, [0, rows.height], of_columns=False)[0].content


def _parts_one_by_one(path: Path, partitions: Sequence[StoredPartition]) -> dict[tuple[dt.date, int], pl.DataFrame]:
    found = {}
    for p in partitions:
        with contextlib.suppress(CorruptPartitionError):
            found[p.session, p.generation] = rows_of(path, (p.place.offset, p.rows))
    return found


def read_back(
    path: Path, partitions: Sequence[StoredPartition], *, of_columns: bool = True
) -> dict[tuple[dt.date, int], str]:
    """What is wrong with partitions that lie in one file, by session and generation; empty where nothing is.

    Args:
        of_columns: compare the hash of each column too, which says nothing of the rows that the whole's does not.
    """
    faults = contents_of(path, partitions, of_columns=of_columns)
    digest = partitions[0].place.digest
    if digest and whole_digest(path) != digest:
        altered = {(p.session, p.generation): f"{path}: its bytes are not those that were stored" for p in partitions}
        return altered | faults
    return faults


def contents_of(
    path: Path, partitions: Sequence[StoredPartition], *, of_columns: bool = True
) -> dict[tuple[dt.date, int], str]:
    """As `read_back`, by footer and content alone: in an altered file most sessions may be what was stored."""
    wrong: str | None = None
    try:
        footers = read_footer(path)
        hashes = _hashes(path, footers, of_columns)
    except FileNotFoundError:
        wrong = f"{path} cannot be read: it is not there"
    except CorruptPartitionError as error:
        wrong = str(error)
    if wrong is not None:
        return {(p.session, p.generation): wrong for p in partitions}
    found = {(p.session, p.generation): (p, h) for p, h in zip(footers, hashes, strict=True)}
    checked = {(p.session, p.generation): _fault(p, *found.get((p.session, p.generation), (None, None)))
               for p in partitions}  # fmt: skip
    return {name: f"{path}: {name[0]} {fault}" for name, fault in checked.items() if fault}


def _hashes(path: Path, footers: Sequence[StoredPartition], of_columns: bool) -> list[ContentHash | None]:
    """Of each partition in the file, in the order of its rows; None where they cannot be read."""
    bounds = np.cumsum([0, *(p.rows for p in footers)]).tolist()
    try:
        frame = rows_of(path)
    except CorruptPartitionError:
        parts = _parts_one_by_one(path, footers) if len(footers) > 1 else {}
        if not parts:
            raise
        read = (parts.get((p.session, p.generation)) for p in footers)
        return [
            None if rows is None else content_hashes(rows, [0, rows.height], of_columns=of_columns)[0] for rows in read
        ]
    if bounds[-1] != frame.height:
        raise CorruptPartitionError(f"{path} has {frame.height} rows, its footer says {bounds[-1]}")
    return list(content_hashes(frame, bounds, of_columns=of_columns))


def _fault(partition: StoredPartition, footer: StoredPartition | None, hashes: ContentHash | None) -> str | None:
    if footer is None:
        return "is not in it"
    if not partition.is_described_by(footer) or footer.place[:3] != partition.place[:3]:
        return "is described in another way than was stored"
    if hashes is None:
        return "cannot be read"
    if hashes.content != partition.content_hash:
        return "holds another content than was stored"
    if (
        hashes.names
        and partition.column_names
        and (hashes.names, hashes.columns) != (partition.column_names, partition.column_hashes)
    ):
        return "holds other columns than was stored"
    return None
