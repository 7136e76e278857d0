"""Which parts of which files a read opens, and reading them in the order of sessions."""

import itertools
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from feature_store.digests import AlteredFileError, require_intact
from feature_store.errors import CorruptPartitionError, StoreError
from feature_store.index import Readable
from feature_store.layout import SESSION, UNREADABLE, Layout
from feature_store.partition import StoredPartition

HIVE = {SESSION: pl.Date()}
ADVICE = "run `asof verify`, then `asof backfill` over these sessions and `asof refresh`"


@dataclass(frozen=True)
class Segment:
    """Whole files, or consecutive rows of one.

    Attributes:
        packs: whether the files hold several sessions and say which in a column; else their folder says it.
        rows: (first, number) of the one file, or None for all.
        digests: of the files' bytes.
    """

    paths: list[str]
    packs: bool
    rows: tuple[int, int] | None = None
    digests: tuple[str, ...] = ()


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
    """Rows of the segments in their order, with the partition's `session`.

    Raises one of UNREADABLE, or AlteredFileError where a file holds other bytes than were stored.
    """
    require_intact((path, digest) for part in parts for path, digest in zip(part.paths, part.digests, strict=True))
    lazy = [_lazy(part, predicates).select(columns) for part in parts]
    # Sums of floats go chunk by chunk, and how Polars cuts what it scans depends on files and threads.
    return (lazy[0] if len(lazy) == 1 else pl.concat(lazy)).collect().rechunk()


def corrupt(layout: Layout, name: str, version: int, stored: Sequence[Readable], error: BaseException) -> StoreError:
    """What to raise when a scan failed: it names the files that cannot be read, and their sessions."""
    sessions: dict[tuple[str, str], list[str]] = {}
    for one in stored:
        path = layout.path_of(name, version, one.session, one.generation, one.file)
        sessions.setdefault((path, one.digest), []).append(one.session)
    broken = [f"{path} ({name}, {_days(days)}): {fault}" for (path, digest), days in sessions.items()
              if (fault := _fault(path, digest))]  # fmt: skip
    more = f", and {len(broken) - 3} files more" if len(broken) > 3 else ""
    return CorruptPartitionError(f"{'; '.join(broken[:3]) or f'{name}: {error}'}{more}; {ADVICE}")


def _days(sessions: Sequence[str]) -> str:
    return f"session {sessions[0]}" if len(sessions) == 1 else f"sessions {sessions[0]} to {sessions[-1]}"


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
    return Segment([path], first.file is not None, None if whole else (first.offset, height), (first.digest,))


def _alike(segment: Segment) -> tuple[bool, bool]:
    return segment.packs, segment.rows is None


def _merged(alike: Sequence[Segment]) -> Sequence[Segment]:
    if alike[0].rows is not None:
        return alike
    paths = [path for segment in alike for path in segment.paths]
    return [Segment(paths, alike[0].packs, None, tuple(digest for segment in alike for digest in segment.digests))]


def _fault(path: str, digest: str) -> str:
    if not os.path.exists(path):  # noqa: PTH110 -- thousands may have to be asked
        return "it is not there"
    try:
        require_intact([(path, digest)])
        pl.read_parquet(path, glob=False, hive_partitioning=False)
    except AlteredFileError:
        return "its bytes are not those that were stored"
    except UNREADABLE:
        return "it cannot be read"
    return ""
