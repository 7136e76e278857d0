"""Files of a month to which the index does not refer: copies go, anything else is kept aside.

Such files are what compaction has moved, what a crash has left, and what `verify` has found broken.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path

from feature_store.errors import CorruptPartitionError
from feature_store.index import Index
from feature_store.layout import Layout, days_in, days_of, read_footer


def sweep(layout: Layout, index: Index, name: str, version: int, month: str) -> None:
    """Remove files whose partitions all lie elsewhere, and set the others aside.

    The caller holds the dataset's lock.
    """
    held = index.generations_in(name, version, *days_of(month))
    used = {layout.generation(p) for p in held}
    known = {(p.session, p.generation, p.content_hash) for p in held}
    for path in stored_in_month(layout, name, version, month):
        if path in used:
            continue
        if _partitions_in(path) <= known:
            path.unlink()
        else:
            set_aside(layout, path)
        if not any(path.parent.iterdir()):
            path.parent.rmdir()


def set_aside(layout: Layout, path: Path) -> None:
    """Out of the way of the next generation of that number, for whoever wants to look at it."""
    target = layout.aside(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    others = itertools.count(2)
    while target.exists():  # of the same name, set aside before
        target = layout.aside(path).with_name(f"{path.name}.{next(others)}")
    path.replace(target)


def stored_in_month(layout: Layout, name: str, version: int, month: str) -> Iterator[Path]:
    """Files of the generations of a month, whether the index refers to them or not."""
    archive = layout.archive(name, version)
    for folder in (*(archive / f"session={day}" for day in days_in(month)), archive / f"month={month}"):
        yield from sorted(folder.glob("*.parquet"))


def _partitions_in(path: Path) -> set[tuple[object, ...]]:
    """Session, generation and content of each; what cannot be read is nothing that is known."""
    try:
        return {(p.session, p.generation, p.content_hash) for p in read_footer(path)}
    except CorruptPartitionError:
        return {(path,)}
