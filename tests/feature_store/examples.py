"""Two small datasets, their rows and groups, for the tests of the store."""

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from feature_store import sessions
from feature_store.dataset import Dataset, key, number
from feature_store.decision_time import DecisionClock
from feature_store.describing import NewPartition, Provenance
from feature_store.store import Store

CLOCK = DecisionClock()
DAYS = sessions.between(dt.date(2017, 3, 8), dt.date(2017, 3, 14))  # a weekend and the change to summer time
NOW = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)

FACTS = Dataset(
    "examples/facts",
    ("symbol",),
    (key("symbol", "name"), number("value", "1", "anything", at_least=-100)),
    "Rows may speak of other dates.",
    restates=True,
)
DERIVED = Dataset(
    "examples/derived",
    ("symbol",),
    (key("symbol", "name"), number("value", "1", "anything", at_least=-100)),
    "Rows speak of their session.",
)
DATASETS = {FACTS.name: FACTS, DERIVED.name: DERIVED}


def opened(root: Path, **options: Any) -> Store:
    return Store(root, **{"datasets": DATASETS, "now": lambda: NOW, **options})


def decided(session: dt.date) -> dt.datetime:
    return CLOCK.decision_time(session)


def rows(*given: tuple[dt.date, str, float | None, dt.datetime]) -> pl.DataFrame:
    """Frame of (event_date, symbol, value, known_at)."""
    return pl.DataFrame(list(given), schema=FACTS.schema, orient="row")


def row(session: dt.date, symbol: str = "A", value: float | None = 1.0) -> pl.DataFrame:
    """One row about its own session, known when that is decided."""
    return rows((session, symbol, value, decided(session)))


def new(session: dt.date, frame: pl.DataFrame | None = None, fingerprint: str = "first") -> NewPartition:
    return NewPartition(
        session, row(session) if frame is None else frame, Provenance(fingerprint, {"code": fingerprint})
    )


def group(days: Iterable[dt.date], fingerprint: str = "first", value: float = 1.0) -> list[NewPartition]:
    return [new(day, row(day, value=value), fingerprint) for day in days]


def values(store: Store, dataset: Dataset = FACTS, as_of: dt.date = DAYS[-1], **bounds: Any) -> list[float | None]:
    return store.read(dataset, as_of, **bounds)["value"].to_list()


def staged(store: Store) -> list[Path]:
    return list(store.layout.staging.rglob("*.parquet"))


def parts_are_current(store: Store) -> bool:
    """Whether engines that glob the dataset's folder see the generations that the index calls current, and no other."""
    stored = {d.name: store.partitions(d) for d in DATASETS.values()}
    files = {store.layout.part(p) for partitions in stored.values() for p in partitions}
    if set(store.layout.root.glob("examples/*/v*/*/*.parquet")) != files:
        return False
    return all(_seen_by_others(store, DATASETS[name]) == _seen_by_us(store, DATASETS[name]) for name in stored)


def _seen_by_others(store: Store, dataset: Dataset) -> list[tuple[Any, ...]]:
    files = sorted(store.layout.folder(dataset.name, dataset.version).glob("*/*.parquet"))
    columns = ["session", *dataset.schema]
    frames = [pl.read_parquet(file, hive_partitioning=False).select(columns) for file in files]
    return pl.concat(frames).sort(columns).rows() if frames else []


def _seen_by_us(store: Store, dataset: Dataset) -> list[tuple[Any, ...]]:
    columns = ["session", *dataset.schema]
    return store.versions(dataset, dt.date.min, dt.date.max).select(columns).sort(columns).rows()
