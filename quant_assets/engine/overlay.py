"""Partitions in memory over those of a store: what would be stored, read before it is, and never written."""

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from feature_store.dataset import Dataset
from feature_store.partition import StoredPartition
from feature_store.partition_table import PartitionTable
from feature_store.store import Store


@dataclass(frozen=True)
class NewContent:
    """What a session would hold.

    Attributes:
        partition: as the index would tell of it: content hash, rows, latest `known_at`, grade.
        rows: in stored order, with `known_at`.
    """

    partition: StoredPartition
    rows: pl.DataFrame


class StoredPartitions:
    """The store's index, each dataset request for once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, tuple[list[dt.date], list[StoredPartition]]] = {}

    def partitions(
        self, dataset: Dataset, first: dt.date | None = None, last: dt.date | None = None
    ) -> list[StoredPartition]:
        """The latest generation of each stored session in [first, last], by session."""
        if dataset.name not in self._known:
            found = self._store.partitions(dataset)
            self._known[dataset.name] = [p.session for p in found], found
        days, found = self._known[dataset.name]
        return found[bisect_left(days, first or dt.date.min) : bisect_right(days, last or dt.date.max)]

    def table(self, dataset: Dataset, first: dt.date | None = None, last: dt.date | None = None) -> PartitionTable:
        return PartitionTable.of(self.partitions(dataset, first, last))

    def require(self, dataset: Dataset, needed: Sequence[dt.date]) -> None:
        self._store.require(dataset, needed)


class Overlay:
    """Reads as a store does: a partition in memory stands before the stored one of its session.

    It is both `Versions` (what a calculation reads) and `Partitions` (what a fingerprint rests on).
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.stored = StoredPartitions(store)
        self._partitions: dict[str, dict[dt.date, StoredPartition]] = {}
        self._now: dict[str, pl.DataFrame] = {}
        self._then: dict[str, pl.DataFrame] = {}
        self._differing: dict[tuple[str, ...], pl.DataFrame] = {}

    # -- writing, in memory ------------------------------------------------------------------------------------------

    def put(self, dataset: Dataset, contents: Sequence[NewContent]) -> None:
        """Stand these before the stored partitions of their sessions. A dataset is put once."""
        if not contents:
            return
        parts = sorted(contents, key=lambda c: c.partition.session)
        self._partitions[dataset.name] = {c.partition.session: c.partition for c in parts}
        days = list(self._partitions[dataset.name])
        self._now[dataset.name] = pl.concat(
            c.rows.with_columns(session=pl.lit(c.partition.session, pl.Date)) for c in parts
        )
        self._then[dataset.name] = self.stored_rows(dataset, days)

    # -- reading -----------------------------------------------------------------------------------------------------

    def partitions(
        self, dataset: Dataset, first: dt.date | None = None, last: dt.date | None = None
    ) -> list[StoredPartition]:
        instead = self._partitions.get(dataset.name, {})
        return [instead.get(p.session, p) for p in self.stored.partitions(dataset, first, last)]

    def table(self, dataset: Dataset, first: dt.date | None = None, last: dt.date | None = None) -> PartitionTable:
        return PartitionTable.of(self.partitions(dataset, first, last))

    def require(self, dataset: Dataset, needed: Sequence[dt.date]) -> None:
        self.store.require(dataset, needed)

    def versions(self, dataset: Dataset, first: dt.date, last: dt.date, columns: Sequence[str]) -> pl.DataFrame:
        """As `Store.versions`."""
        instead = self._partitions.get(dataset.name, {})
        below = [p.session for p in self.stored.partitions(dataset, first, last) if p.session not in instead]
        if not any(first <= session <= last for session in instead):
            return self.store.versions(dataset, first, last, columns)
        wanted = list(dict.fromkeys([*columns, "session"]))
        above = self._now[dataset.name].filter(pl.col("session").is_between(first, last)).select(wanted)
        if not below:
            return above
        # one read over what lies outside the replaced sessions, which are mostly the last ones
        rows = self.store.versions(dataset, below[0], below[-1], columns)
        rows = rows.filter(~pl.col("session").is_in(list(instead))).select(wanted)
        return pl.concat([rows, above]).sort("session", maintain_order=True)

    def state(self, dataset: Dataset, session: dt.date) -> pl.DataFrame | None:
        self.require(dataset, [session])
        columns = list(dataset.computed_schema)
        return self.versions(dataset, session, session, columns).drop("session")

    def stored_rows(self, dataset: Dataset, days: Sequence[dt.date]) -> pl.DataFrame:
        """Rows that the store holds in these sessions, with `session`."""
        rows = self.store.versions(dataset, min(days), max(days), list(dataset.schema))
        return rows.filter(pl.col("session").is_in(list(days)))

    # -- what differs ------------------------------------------------------------------------------------------------

    def datasets(self) -> list[str]:
        """Datasets with a partition in memory, in the order in which they were put."""
        return list(self._partitions)

    def replaced(self, dataset: Dataset) -> Mapping[dt.date, StoredPartition]:
        """What would be stored, by session."""
        return self._partitions.get(dataset.name, {})

    def then(self, dataset: Dataset) -> pl.DataFrame:
        """Stored rows of the replaced sessions, with `session`."""
        return self._then.get(dataset.name, _nothing(dataset))

    def now(self, dataset: Dataset) -> pl.DataFrame:
        """Rows that would be stored in the replaced sessions, with `session`."""
        return self._now.get(dataset.name, _nothing(dataset))

    def differing(self, dataset: Dataset, columns: Sequence[str]) -> pl.DataFrame:
        """Rows on these columns, with `session`, that only one of the two holds."""
        request = (dataset.name, *columns)
        if request not in self._differing:
            on = list(dict.fromkeys(["session", *columns]))
            then, now = self.then(dataset).select(on), self.now(dataset).select(on)
            self._differing[request] = pl.concat([
                then.join(now, on=on, how="anti", nulls_equal=True), now.join(then, on=on, how="anti", nulls_equal=True)
            ])  # fmt: skip
        return self._differing[request]


class OfEntities:
    """Versions of some entities only."""

    def __init__(self, data: Overlay, entity: str, entities: Collection[str]) -> None:
        self._data = data
        self._entity = entity
        self._entities = list(entities)

    def versions(self, dataset: Dataset, first: dt.date, last: dt.date, columns: Sequence[str]) -> pl.DataFrame:
        rows = self._data.versions(dataset, first, last, columns)
        return rows.filter(pl.col(self._entity).is_in(self._entities)) if self._entity in rows.columns else rows

    def state(self, dataset: Dataset, session: dt.date) -> pl.DataFrame | None:
        return self._data.state(dataset, session)


def _nothing(dataset: Dataset) -> pl.DataFrame:
    return pl.DataFrame(schema={**dataset.schema, "session": pl.Date()})
