"""What stored sessions must say of themselves to be current: fingerprint, grade, stamp and lineage."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from configs.settings import Profile
from feature_store import sessions
from feature_store.dataset import Column, Dataset, Grade
from feature_store.partition import StoredPartition
from feature_store.partition_table import PartitionTable
from feature_store.versioning import fingerprint
from quant_assets.engine.asset import Recursive, SessionAsset, Window
from quant_assets.engine.lineage import Lineage, lineage_of

STATE = "state"  # the part of a fingerprint that stands for the session before


@dataclass(frozen=True)
class Expected:
    """What a session's stored partition must say of itself to be current."""

    parts: dict[str, str]
    grade: Grade
    latest_known_at: dt.datetime | None
    lineage: Lineage

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.parts)

    def after(self, state: str) -> "Expected":
        """The same after another state."""
        return self if self.parts[STATE] == state else replace(self, parts={**self.parts, STATE: state})


class Partitions(Protocol):
    """Which partitions there are: those of a store, or what would be stored."""

    def partitions(self, dataset: Dataset, first: dt.date, last: dt.date) -> Sequence[StoredPartition]: ...

    def table(self, dataset: Dataset, first: dt.date, last: dt.date) -> PartitionTable: ...

    def require(self, dataset: Dataset, needed: Sequence[dt.date]) -> None: ...


def expected_of(
    asset: SessionAsset, chunk: Sequence[dt.date], base: Mapping[str, str], stored: Partitions, profile: Profile
) -> dict[dt.date, Expected]:
    """Of each session, from the inputs as they are stored; of a recursive asset, over the states as they are stored.

    Args:
        base: the parts of its fingerprint that are no input.
    """
    read = {name: InputTable(asset, w, profile, stored, chunk) for name, w in asset.inputs.items()}
    column_grade = max(
        (c.grade for w in asset.inputs.values() for c in columns_read(w, profile)), default=Grade.OBSERVED
    )
    states = _States(asset, chunk, stored, profile) if isinstance(asset, Recursive) else None
    found: dict[dt.date, Expected] = {}
    for t in chunk:
        end = asset.last_needed(t, profile)
        windows = [(table, table.window(t, end)) for table in read.values()]
        parts = {**base, **{f"input:{n}": i.digest(w) for n, (i, w) in zip(read, windows, strict=True)}}
        if states:
            parts[STATE] = states.before(t)
        known = [moment for i, w in windows if (moment := i.table.latest_known_at(w))]
        lineage = [i.table.lineage(w.stop - 1) for i, w in windows if w.stop > w.start]
        found[t] = Expected(
            parts,
            Grade(max([column_grade, *(i.table.grade(w) for i, w in windows)])),
            max(known, default=None),
            lineage_of(asset, end, lineage, profile),
        )
    return found


class InputTable:
    """Partitions of one input that any target of a chunk reads, and what of them counts."""

    def __init__(
        self, asset: SessionAsset, window: Window, profile: Profile, stored: Partitions, chunk: Sequence[dt.date]
    ) -> None:
        self._asset, self._window, self._profile = asset, window, profile
        self._columns = ("event_date", *window.dataset.key, *window.values(profile), "known_at")
        self.table = stored.table(window.dataset, asset.first_needed(chunk[0], window, profile), chunk[-1])

    def window(self, target: dt.date, end: dt.date) -> slice:
        """Positions of the sessions that a target reads, up to `end`."""
        return self.table.between(self._asset.first_needed(target, self._window, self._profile), end)

    def digest(self, window: slice) -> str:
        """Of the columns that are read, and of no other: an added one makes nothing stale."""
        return self.table.digest(window, self._columns)


class _States:
    """What the sessions before those of a chunk hold: a recursive value rests on the one before it, by content."""

    def __init__(self, asset: Recursive, chunk: Sequence[dt.date], stored: Partitions, profile: Profile) -> None:
        self._dataset = asset.datasets[0]
        self._start = sessions.at_or_after(profile.history.start)
        self._table = stored.table(self._dataset, sessions.shift(chunk[0], -1), chunk[-1])

    def before(self, session: dt.date) -> str:
        """A digest; empty at the start of the history."""
        if session == self._start:
            return ""
        before = sessions.shift(session, -1)
        return self._table.digest(self._table.between(before, before), handed_on(self._dataset))


def handed_on(dataset: Dataset) -> tuple[str, ...]:
    """Columns that a session of a recursive asset hands to the next."""
    return ("event_date", *dataset.key, *dataset.values)


def columns_read(window: Window, profile: Profile) -> list[Column]:
    return [c for c in window.dataset.columns if c.name in (*window.dataset.key, *window.values(profile))]
