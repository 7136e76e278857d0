"""The store as calculations read it: every version of a row, with the session that learned it."""

import datetime as dt
import time
from collections.abc import Sequence

import polars as pl

from feature_store.dataset import Dataset
from feature_store.store import Store


class StoredVersions:
    """The store as `Versions`.

    Attributes:
        seconds: that reading took so far.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.seconds = 0.0

    def versions(self, dataset: Dataset, first: dt.date, last: dt.date, columns: Sequence[str]) -> pl.DataFrame:
        started = time.perf_counter()
        rows = self._store.versions(dataset, first, last, columns)
        self.seconds += time.perf_counter() - started
        return rows

    def state(self, dataset: Dataset, session: dt.date) -> pl.DataFrame | None:
        self._store.require(dataset, [session])
        columns = list(dataset.computed_schema)
        return self.versions(dataset, session, session, columns).drop("session")
