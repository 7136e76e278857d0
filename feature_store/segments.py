"""Which parts of which files a read opens, and reading them in the order of sessions."""

import itertools
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from feature_store.errors import CorruptPartitionError
from feature_store.index import Readable
from feature_store.layout import SESSION, UNREADABLE, Layout
from feature_store.partition import StoredPartition

HIVE = {SESSION: pl.Date()}


@dataclass(frozen=True)
class Segment:
    """Whole files, or consecutive rows of one.

    Attributes:
        packs: whether the files hold several sessions and say which in a column; else their folder says it.
        rows: (first, number) of the one file, or None for all.
    """

    paths: list[str]
    packs: bool
    rows: tuple[int, int] | None = None


def segments(layout: Layout, name: str, version: int, stored: Iterable[Readable]) -> list[Segment]:
    """What to open for these partitions, in their order."""
    runs = [_run(layout, name, version, list(run)) for run in _adjacent(stored)]
    return [merged for _, group in itertools.groupby(runs, key=_alike) for merged in _merged(list(group))]


def readable(partitions: Iterable[StoredPartition]) -> list[Readable]:
    """Partitions as the index's plan gives them."""
    return [
        Readable(p.session.isoformat(), p.generation, p.rows, p.late_rows, p.repeated_rows,
                 p.latest_known_at.isoformat() if p.latest_known_at else None, *p.place)
        for p in partitions if p.rows
    ]  # fmt: skip


def scan(parts: Sequence[Segment], predicates: Sequence[pl.Expr], columns: Sequence[str]) -> pl.DataFrame:
    """Rows of the segments in their order, with the partition's `session`; raises UNREADABLE."""
    lazy = [_lazy(part, predicates).select(columns) for part in parts]
    # Sums of floats go chunk by chunk, and how Polars cuts what it scans depends on files and threads.
    return (lazy[0] if len(lazy) == 1 else pl.concat(lazy)).collect().rechunk()


def corrupt(parts: Sequence[Segment], error: BaseException) -> CorruptPartitionError:
    """What to raise when a scan failed: it names the files that cannot be read."""
    broken = [path for part in parts for path in part.paths if not _can_be_read(path)]
    return CorruptPartitionError(
        f"cannot be read: {', '.join(broken[:3]) or error}; run `asof verify`, then backfill these sessions again"
    )


def _lazy(part: Segment, predicates: Sequence[pl.Expr]) -> pl.LazyFrame:
    hive: dict[str, Any] = {} if part.packs else {"hive_partitioning": True, "hive_schema": HIVE}
    lazy = pl.scan_parquet(part.paths, glob=False, cache=False, **hive)
    if part.rows is not None:
        lazy = lazy.slice(*part.rows)
    return lazy.filter(*predicates) if predicates else lazy


def _adjacent(stored: Iterable[Readable]) -> Iterable[list[Readable]]:
    """Runs that lie one after the other in one pack; what has a file of its own is a run of its own."""
    run: list[Readable] = []
    for one in stored:
        follows = run and one.file is not None and one.file == run[-1].file
        if run and not (follows and run[-1].offset + run[-1].rows == one.offset):
            yield run
            run = []
        run.append(one)
    if run:
        yield run


def _run(layout: Layout, name: str, version: int, run: Sequence[Readable]) -> Segment:
    first = run[0]
    path = layout.path_of(name, version, first.session, first.generation, first.file)
    height = sum(one.rows for one in run)
    whole = first.file is None or height == first.file_rows
    return Segment([path], first.file is not None, None if whole else (first.offset, height))


def _alike(segment: Segment) -> tuple[bool, bool]:
    return segment.packs, segment.rows is None


def _merged(alike: Sequence[Segment]) -> Sequence[Segment]:
    if alike[0].rows is not None:
        return alike
    return [Segment([path for segment in alike for path in segment.paths], alike[0].packs)]


def _can_be_read(path: str) -> bool:
    if not os.path.exists(path):  # noqa: PTH110 -- thousands may have to be asked
        return False
    try:
        pl.read_parquet(path, glob=False, hive_partitioning=False)
    except UNREADABLE:
        return False
    return True
