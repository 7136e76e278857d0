"""The interface of every vendor of data: fetch apart from parse."""

import datetime as dt
from collections.abc import Sequence
from typing import Protocol

import polars as pl

from feature_store.dataset import Dataset


class Vendor(Protocol):
    """Serves the sources of the slice market: every dataset whose declaration has an origin.

    A vendor may have `payload_table`, the name of a dictionary of its module from dataset to what makes its payload: a
    source's code is then that entry of it, and an edit of another one does not make it stale.
    """

    def fetch(self, dataset: Dataset, sessions: Sequence[dt.date], until: dt.datetime) -> pl.DataFrame:
        """Raw payload rows that speak of the sessions, cut by their declared date of knowledge.

        No row has `known_at` after `until`. Parsing a payload cut at an earlier moment gives, for the sessions
        decided by then, what parsing the whole payload gives.
        """

    def parse(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> pl.DataFrame:
        """Canonical rows of the sessions: `session`, event_date, key, values, known_at and `grade` (Int8). Pure."""

    def left_out(self, dataset: Dataset, raw: pl.DataFrame, sessions: Sequence[dt.date]) -> dict[str, int]:
        """Rows of the payload that `parse` omits by a declared rule, counted by its name."""
