"""One input as known at any session of a range, read once for all of them."""

import datetime as dt
import itertools
from bisect import bisect_left
from collections.abc import Sequence

import polars as pl

from configs.settings import Profile
from feature_store.dataset import Dataset
from feature_store.readers import latest_versions
from quant_assets.engine.asset import Window


class View:
    """One input as known at any target of a range."""

    def __init__(self, window: Window, profile: Profile, versions: pl.DataFrame) -> None:
        self._window = window
        self._profile = profile
        self._columns = ["event_date", *window.dataset.key, *window.values(profile)]
        self._succession = succession(versions, window.dataset) if window.dataset.restates else None
        self._rows = versions if self._succession is None else self._succession
        # rows of a succession lie by event_date, others by session
        counts = self._rows.get_column("event_date" if self._succession is not None else "session").rle()
        self._days = counts.struct.field("value").to_list()
        self._offsets = [0, *itertools.accumulate(counts.struct.field("len").to_list())]
        self._plain = self._rows.select(self._columns)

    def at(self, target: dt.date) -> pl.DataFrame:
        """Rows with event_date in the target's window, as known at the target, sorted by (event_date, key)."""
        first = self._window.first(target, self._profile)
        if self._succession is not None:
            rows = self._succession.slice(self._offsets[_position(self._days, first)])
            in_force = pl.col("session").is_between(first, target) & (pl.col("until") > target).fill_null(value=True)
            return rows.filter(in_force).select(self._columns)
        end = self._offsets[_position(self._days, target + dt.timedelta(days=1))]
        begin = self._offsets[_position(self._days, first)]
        if not self._window.dataset.restates:
            return self._plain.slice(begin, end - begin)
        rows = self._rows.slice(begin, end - begin).filter(pl.col("event_date") >= first)
        rows = latest_versions(rows, self._window.dataset, repeated=True).sort(self._window.dataset.sort_key[:-1])
        return rows.select(self._columns)


def succession(versions: pl.DataFrame, dataset: Dataset) -> pl.DataFrame | None:
    """All versions sorted by (event_date, key), each with `until`, the session of the version after it; null if none.

    One sort then serves every target. None where some version known later lies in an earlier session than the one it
    outdoes: which of them counts depends on where the window begins.
    """
    key = dataset.sort_key[:-1]
    rows = versions.sort([*key, "known_at", "session"])
    same_key = pl.all_horizontal(pl.col(name) == pl.col(name).shift(-1) for name in key)
    rows = rows.with_columns(until=pl.when(same_key).then(pl.col("session").shift(-1)))
    return None if (rows.get_column("until") < rows.get_column("session")).any() else rows


def _position(values: Sequence[dt.date], day: dt.date) -> int:
    return bisect_left(values, day)
