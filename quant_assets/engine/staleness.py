"""Which stored sessions are no longer what today's code, config and inputs would store; asked here and nowhere else."""

import datetime as dt
import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from configs.settings import Profile
from feature_store import sessions
from feature_store.dataset import Dataset
from feature_store.partition import StoredPartition
from feature_store.partition_table import PartitionTable
from feature_store.store import Store
from quant_assets.engine.asset import Recursive, SessionAsset, Source
from quant_assets.engine.runner import Expected, Runner


def count_stale(runner: Runner, asset: SessionAsset, stored: Sequence[dt.date]) -> int:
    """Stored sessions whose code, config or inputs have changed since; sources are compared by code and config."""
    judged = supported(asset, stored, runner.profile)
    return len(stored) - len(judged) + len(stale_sessions(runner, asset, judged))


class Snapshot:
    """The partitions of a store, each dataset's read once, for a question that is asked of many assets."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: dict[str, tuple[list[dt.date], list[StoredPartition]]] = {}
        self._tables: dict[str, PartitionTable] = {}

    def partitions(self, dataset: Dataset, first: dt.date, last: dt.date) -> Sequence[StoredPartition]:
        if dataset.name not in self._read:
            found = self._store.partitions(dataset)
            self._read[dataset.name] = [p.session for p in found], found
        days, partitions = self._read[dataset.name]
        return partitions[bisect_left(days, first) : bisect_right(days, last)]

    def table(self, dataset: Dataset, first: dt.date, last: dt.date) -> PartitionTable:
        """All of the dataset's partitions, those in [first, last] among them."""
        if dataset.name not in self._tables:
            self._tables[dataset.name] = self._store.table(dataset)
        return self._tables[dataset.name]

    def require(self, dataset: Dataset, needed: Sequence[dt.date]) -> None:
        self._store.require(dataset, needed)


def stale_sessions(
    runner: Runner, asset: SessionAsset, stored: Sequence[dt.date], seen: Snapshot | None = None
) -> list[dt.date]:
    """As `count_stale`; of a recursive asset, sessions without a gap, the one before them stored."""
    if not stored:
        return []
    seen = seen or Snapshot(runner.store)
    partitions = {p.session: p for p in seen.partitions(asset.dataset, stored[0], stored[-1])}
    if isinstance(asset, Source):
        base = runner.base_parts(asset)
        return [s for s in stored if any(partitions[s].parts.get(name) != value for name, value in base.items())]
    expected: dict[dt.date, Expected] = {}
    for _, year in itertools.groupby(stored, key=lambda session: session.year):
        expected |= runner.expected(asset, list(year), seen)
    return [s for s in stored if expected[s].fingerprint != partitions[s].fingerprint]


def first_due(
    runner: Runner, asset: SessionAsset, targets: Sequence[dt.date], seen: Snapshot | None = None
) -> dt.date | None:
    """The first target that is not stored, or stale; None where all are current. Sources as in `count_stale`.

    Args:
        targets: sessions that follow on one another.
    """
    stored = set(runner.store.sessions(asset.dataset))
    begun = targets[0] > sessions.at_or_after(runner.profile.history.start)
    if isinstance(asset, Recursive) and begun and sessions.shift(targets[0], -1) not in stored:
        return targets[0]
    present = list(itertools.takewhile(stored.__contains__, targets))
    stale = stale_sessions(runner, asset, present, seen)
    return min([*targets[len(present) : len(present) + 1], *stale[:1]], default=None)


def supported(asset: SessionAsset, stored: Sequence[dt.date], profile: Profile) -> list[dt.date]:
    """Stored sessions that rest on what is stored.

    Of a recursive asset, those from the history's start up to the first that is not stored.
    """
    if not isinstance(asset, Recursive) or not stored:
        return list(stored)
    required = sessions.between(profile.history.start, stored[-1])
    return [a for a, b in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(stored, required, strict=False))]
