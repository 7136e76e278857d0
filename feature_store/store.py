"""The point-in-time store: one folder of Parquet files, an index, and readers that require `as_of`."""

import contextlib
import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from feature_store.adoptions import Adoption, Adoptions, withdrawals
from feature_store.check_results import CheckResults, NewResult
from feature_store.compaction import Compactor
from feature_store.dataset import Dataset
from feature_store.decision_time import DecisionClock
from feature_store.describing import NewPartition
from feature_store.errors import CorruptPartitionError, StoreError
from feature_store.files import rows_of_partition
from feature_store.health import Health, Verified
from feature_store.layout import Layout
from feature_store.opening import check_format, locked, open_index
from feature_store.partition import StoredPartition
from feature_store.partition_table import COLUMNS as PARTITION_COLUMNS
from feature_store.partition_table import PartitionTable
from feature_store.readers import Reader
from feature_store.rebuilding import Rebuilder
from feature_store.schemas.catalogue import DATASETS
from feature_store.served import Served
from feature_store.training_sets import Choice, training_set
from feature_store.writers import Writer

Selection = str | Dataset | Sequence[str | Dataset] | Mapping[str, Sequence[str]]


class Store:
    """A store at a folder (`url`: a path or file:// address).

    Args:
        datasets: what the store may hold, by name; the platform's own by default.
        clock: decision times; they must be those the store was written with.
        hindsight_allowed: datasets for which the profile names an exception (law 11).

    Raises:
        NewerStoreError: written by a newer format or dataset schema.
    """

    def __init__(
        self,
        url: str | Path,
        *,
        datasets: Mapping[str, Dataset] = DATASETS,
        clock: DecisionClock | None = None,
        hindsight_allowed: Collection[str] = (),
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        reached: Callable[[str], None] = lambda _: None,
    ) -> None:
        root = Path(str(url).removeprefix("file://")).absolute()
        if unsafe := set("=*?[]") & set(str(root)):
            raise StoreError(
                f"{root} holds {' '.join(sorted(unsafe))}, which engines take for a pattern or a column; "
                "choose another folder"
            )
        self.layout = Layout(root)
        self._datasets = dict(datasets)
        self.clock = clock or DecisionClock()
        self.layout.root.mkdir(parents=True, exist_ok=True)
        with self._opening():
            check_format(self.layout.root, self._datasets.values())
            self.index, stale = open_index(self.layout)
            self._writer = Writer(self.layout, self.index, self.clock, frozenset(hindsight_allowed), now, reached)
            self._compactor = Compactor(self.layout, self.index, self._writer, reached)
            self._served = Served(self.layout, self.index, self._writer)
            self._health = Health(self.layout, self.index, self._writer, self._compactor, self._served)
            self._reader = Reader(self.layout, self.index, self.clock)
            self._adoptions = Adoptions(self.layout, self.index, self._writer, self.locked, reached)
            self.checks = CheckResults(self.layout, self.index, self.locked, now, reached)
            self._rebuilder = Rebuilder(
                self.layout, self.index, self._writer, self._adoptions, self.checks, lambda: self._datasets,
                self._settle_all,
            )  # fmt: skip
            self.index.heal = self._rebuilder.heal
            if stale:
                self._rebuilder.rebuild(stale)
        self._settle_all()
        self._adoptions.settle()
        self.checks.settle(self._versions())

    # -- reading ---------------------------------------------------------------------------------------------------

    def read(
        self,
        dataset: str | Dataset,
        as_of: dt.date | dt.datetime,
        first: dt.date | None = None,
        last: dt.date | None = None,
        columns: Sequence[str] | None = None,
        written_before: dt.datetime | None = None,
        symbols: Collection[str] | None = None,
    ) -> pl.DataFrame:
        """Rows with `event_date` in [first, last] as known at `as_of`; see `Reader.read`."""
        return self._reader.read(self.dataset(dataset), as_of, first, last, columns, symbols, written_before)

    def versions(
        self, dataset: str | Dataset, first: dt.date, last: dt.date, columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Every version stored in the sessions [first, last], with its `session`."""
        return self._reader.versions(self.dataset(dataset), first, last, columns)

    def training_set(
        self,
        entities: pl.DataFrame,
        datasets: Selection,
        labels: Selection,
        as_of: dt.date | dt.datetime,
    ) -> pl.DataFrame:
        """`entities` with what was known at each row's session, and labels that matured by `as_of`.

        Args:
            entities: rows of `session` and keys, in any order, repeated or not; see `training_sets.training_set`.
            datasets, labels: a dataset, several, or datasets to their columns; all values unless columns are named.
            as_of: a moment with time zone, or a date, which means its decision time.
        """
        return training_set(self._reader, self.clock, entities, self._choices(datasets), self._choices(labels), as_of)

    def _choices(self, selection: Selection) -> list[Choice]:
        if isinstance(selection, Mapping):
            return [Choice(self.dataset(name), tuple(columns)) for name, columns in selection.items()]
        several = [selection] if isinstance(selection, str | Dataset) else selection
        found = [self.dataset(name) for name in several]
        return [Choice(dataset, tuple(dataset.values)) for dataset in found]

    def require(self, dataset: Dataset, needed: Sequence[dt.date]) -> None:
        self._reader.require(dataset, needed)

    def sessions(self, dataset: str | Dataset) -> list[dt.date]:
        """Stored sessions, ascending."""
        found = self.dataset(dataset)
        return self.index.sessions(found.name, found.version)

    def content_hashes(self, dataset: str | Dataset, last: dt.date) -> list[tuple[dt.date, str]]:
        """Of each stored session up to `last`, ascending."""
        found = self.dataset(dataset)
        return self.index.content_hashes(found.name, found.version, last)

    def history(self, dataset: str | Dataset, session: dt.date) -> list[StoredPartition]:
        """All generations of a session, oldest first."""
        found = self.dataset(dataset)
        return self.index.generations(found.name, found.version, session)

    def partitions(
        self, dataset: str | Dataset, first: dt.date | None = None, last: dt.date | None = None
    ) -> list[StoredPartition]:
        """The latest generation of each stored session in [first, last]."""
        found = self.dataset(dataset)
        return self.index.current(found.name, found.version, first, last)

    def table(
        self, dataset: str | Dataset, first: dt.date | None = None, last: dt.date | None = None
    ) -> PartitionTable:
        """The latest generation of each stored session in [first, last], in columns."""
        found = self.dataset(dataset)
        rows = self.index.table(found.name, found.version, PARTITION_COLUMNS, first, last)
        return PartitionTable(rows, self.index.names_of)

    @property
    def datasets(self) -> list[Dataset]:
        """What the store may hold."""
        return list(self._datasets.values())

    def dataset(self, name: str | Dataset) -> Dataset:
        if isinstance(name, Dataset):
            self._datasets.setdefault(name.name, name)
            return name
        if name not in self._datasets:
            raise StoreError(f"no dataset {name!r}; there are {', '.join(sorted(self._datasets))}")
        return self._datasets[name]

    # -- writing ---------------------------------------------------------------------------------------------------

    def write(self, dataset: str | Dataset, partitions: Sequence[NewPartition]) -> list[StoredPartition]:
        """Store a group of sessions as new generations; see `Writer.write`."""
        return self._writer.write(self.dataset(dataset), partitions)

    def adopt(self, about: Mapping[str, object], adoptions: Sequence[Adoption]) -> int:
        """Take stored generations over under other fingerprints; see `Adoptions.adopt`."""
        return self._adoptions.adopt(about, adoptions)

    def withdraw(self, partitions: Sequence[StoredPartition], why: str, by: str) -> int:
        """Let generations count no more as what they were stored as: the next run stores their sessions anew.

        They stay readable, and the record says why; it may be another content then, under the fingerprint of before.

        Args:
            partitions: latest generations, of any datasets.

        Returns:
            the number of the record.
        """
        at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        return self._adoptions.adopt({"at": at, "by": by, "why": why}, withdrawals(partitions, f"{at} {why}"))

    def adoptions(self) -> list[dict[str, Any]]:
        """Records of all that was taken over, oldest first."""
        return self._adoptions.records()

    def locked(self, name: str) -> contextlib.AbstractContextManager[None]:
        """Hold a lock of the store by name, across processes; a killed process lets go."""
        return locked(self.layout.root / "_locks" / f"{name.replace('/', '.')}.run.lock")

    def record_check_results(self, results: Iterable[Sequence[Any]], run_id: str = "") -> None:
        """Keep results for good: each a `NewResult`, or its fields in their order."""
        self.checks.record([NewResult(*result) for result in results], self._versions(), run_id)

    def check_results(self, dataset: str | Dataset, check: str) -> list[tuple[dt.date, bool, str]]:
        """Of each stored session with a result in force: whether it passes (or is waived), and what was wrong."""
        found = self.dataset(dataset)
        return self.checks.table.latest(found.name, found.version, check)

    def _versions(self) -> dict[str, int]:
        return {dataset.name: dataset.version for dataset in self._datasets.values()}

    # -- health ----------------------------------------------------------------------------------------------------

    def verify_partition(self, partition: StoredPartition) -> None:
        """Read one generation back and compare it with its footer and the index.

        Raises:
            CorruptPartitionError: unreadable, or another content than announced.
        """
        if fault := self.faults([partition]).get((partition.session, partition.generation)):
            raise CorruptPartitionError(fault)

    def faults(self, partitions: Sequence[StoredPartition]) -> dict[tuple[dt.date, int], str]:
        """Read generations of one dataset back: what is wrong, by session and generation; empty where nothing is."""
        return self._health.faults(partitions)

    def rows_of(self, partition: StoredPartition) -> pl.DataFrame:
        """All rows of one generation, as stored.

        Raises:
            CorruptPartitionError: unreadable.
        """
        return rows_of_partition(self.layout.generation(partition), partition)

    def verify(self) -> Verified:
        """Read every file again and repair what is not as it was stored; see `Health`."""
        done = self._health.verify()
        for name in sorted({p.dataset for p in done.repaired}):
            repaired = [p for p in done.repaired if p.dataset == name]
            self.checks.record_repairs(name, repaired, "verify has repaired its file")
        return done

    def require_served(self, dataset: str | Dataset) -> None:
        """Reject a dataset of which other engines would see anything but its latest generations, as stored.

        Raises:
            CorruptPartitionError: it names the files, and the fix.
        """
        found = self.dataset(dataset)
        self._served.require(found.name, found.version)

    def count_files(self, name: str | Dataset) -> int:
        """Files that hold the dataset, superseded generations too."""
        found = self.dataset(name)
        return self.index.count_files(found.name, found.version)

    def compact(self, name: str | Dataset, before: dt.date | None = None, first: dt.date = dt.date.min) -> int:
        """Move each month of a dataset that is over into one file; returns how many sessions moved.

        Args:
            before: a month is over when it ended before this day; by default, before the month of the last session.
            first: months from the one of this day on.

        Raises:
            CorruptPartitionError: a file does not hold what was stored; its month stays as it is.
            StoreError: the disk is full; nothing is lost.
        """
        dataset = self.dataset(name)
        self._compactor.settle(dataset.name, dataset.version)
        last = self.index.last_session(dataset.name, dataset.version)
        if last is None:
            return 0
        end = before or last.replace(day=1)
        months = self.index.scattered_months(dataset.name, dataset.version, first, end)
        return sum(self._compactor.compact(dataset.name, dataset.version, month) for month in months)

    def rebuild_index(self) -> list[Path]:
        """Forget the index and read every footer; returns the files whose footer could not be read, set aside."""
        return self._rebuilder.rebuild()

    # -- opening ---------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _opening(self) -> Iterator[None]:
        with locked(self.layout.root / "_locks" / "open.lock"):
            yield

    def _settle_all(self) -> None:
        for name in self.index.unsettled():
            if name in self._datasets:
                with self._writer.locked(name):
                    self._writer.settle(name, self._datasets[name].version)
