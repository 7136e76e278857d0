"""What a store would hold today, recomputed where its inputs have changed and nowhere else.

Asset after asset, over an `Overlay`: sessions whose fingerprint differs are looked at; those whose inputs differ on
what the asset reads are computed; those whose content differs stand before the stored ones for all that follows.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from configs.settings import Profile
from feature_store import sessions
from feature_store.contract import validated_group
from feature_store.dataset import Dataset
from feature_store.errors import StoreError
from feature_store.hashing import content_hashes
from feature_store.partition import StoredPartition
from quant_assets.engine.asset import Computed, Recursive, SessionAsset, Source, Window, Windowed
from quant_assets.engine.expected import STATE, Expected
from quant_assets.engine.overlay import NewContent, OfEntities, Overlay
from quant_assets.engine.recursion import recomputed_steps
from quant_assets.engine.runner import Runner
from quant_assets.engine.staleness import due, supported

Frames = dict[dt.date, pl.DataFrame]


class StaleStoreError(StoreError):
    """Stored sessions no longer follow from what is stored before them."""


class Recomputation:
    """Recomputes the stored sessions of [first, last] that differ.

    Args:
        replacement: rows of one source by session, in the place of those stored. Other sources are then as they are
            stored, and a touched session that is stale without `replacement` is rejected. Without it, the vendor is
            fetched from again.
    """

    def __init__(
        self,
        runner: Runner,
        first: dt.date | None = None,
        last: dt.date | None = None,
        replacement: tuple[Dataset, Mapping[dt.date, pl.DataFrame]] | None = None,
    ) -> None:
        self.overlay = Overlay(runner.store)
        self._runner = runner
        self._first, self._last = first, last
        self._replacement = replacement

    def add(self, asset: SessionAsset) -> None:
        """Recompute one asset; what it reads has been added before.

        Raises:
            StaleStoreError: with `replacement`, a touched session is stale already.
            MissingSessionsError: a touched session's input is not stored.
        """
        stored = {p.session: p for p in self.overlay.stored.partitions(asset.dataset, self._first, self._last)}
        if not stored:
            return
        match asset:
            case Source():
                found = self._source(asset, stored)
            case Recursive():
                found = self._recursive(asset, stored)
            case _:
                found = self._windowed(asset, stored)
        self.overlay.put(asset.dataset, list(found))

    # -- kinds of assets ---------------------------------------------------------------------------------------------

    def _source(self, asset: Source, stored: Mapping[dt.date, StoredPartition]) -> Iterator[NewContent]:
        if self._replacement:
            dataset, rows = self._replacement
            if dataset.name == asset.name:
                frames = {t: frame for t, frame in rows.items() if t in stored}
                yield from self._contents(asset, frames, self._runner.of_source(asset, frames)[1], stored)
            return
        for chunk in self._chunks(asset, stored):
            found = self._runner.calculation.compute(asset, chunk, self.overlay)
            rows, expected = self._runner.of_source(asset, found)
            changed = {t: rows[t] for t in due(chunk, expected, stored)}
            yield from self._contents(asset, changed, expected, stored)

    def _windowed(self, asset: Windowed, stored: Mapping[dt.date, StoredPartition]) -> Iterator[NewContent]:
        moved = Moved(asset, self._runner, self.overlay)
        for chunk in self._chunks(asset, stored):
            expected = self._runner.expected(asset, chunk, self.overlay)
            touched = due(chunk, expected, stored)
            if not touched:
                continue
            settled = self._runner.expected(asset, touched, self.overlay.stored)
            stale = set(due(touched, settled, stored))
            self._reject_stale(asset, stale)
            todo = [t for t in touched if t in stale or moved.reaches(t)]
            # what reads the same says the same; its stamp may still be another
            frames = self._stored(asset, set(touched) - set(todo))
            if todo:
                self._runner.require_inputs(asset, todo)
                frames |= self._computed(asset, todo, None if stale else moved)
            yield from self._contents(asset, frames, expected, stored)

    def _computed(self, asset: Windowed, todo: Sequence[dt.date], moved: "Moved | None") -> Frames:
        """Without `moved`, all of it; else the entities that have moved, beside the others as they are stored."""
        calculation, entity = self._runner.calculation, asset.entity
        entities = moved.entities(entity, todo) if moved and entity else None
        if entity is None or entities is None:
            return calculation.compute(asset, todo, self.overlay)
        data = OfEntities(self.overlay, entity, entities)
        others = pl.col(entity).is_in(list(entities)).not_()
        columns = list(asset.dataset.computed_schema)
        before = self._stored(asset, set(todo))
        return {
            t: pl.concat([before[t].filter(others), rows.select(columns)])
            for t, rows in calculation.compute(asset, todo, data).items()
        }

    def _recursive(self, asset: Recursive, stored: Mapping[dt.date, StoredPartition]) -> Iterator[NewContent]:
        """From the first session whose inputs differ until the state is the stored one again."""
        moved = Moved(asset, self._runner, self.overlay)
        calculation, state = self._runner.calculation, None
        for chunk in self._chunks(asset, stored):
            expected = self._runner.expected(asset, chunk, self.overlay)
            settled = self._runner.expected(asset, chunk, self.overlay.stored)
            stale = set(due(chunk, settled, stored))
            self._reject_stale(asset, stale)
            touched = set(due(chunk, expected, stored))
            todo = stale | {t for t in touched if moved.reaches(t)}
            frames = self._stored(asset, touched - todo)
            needs = partial(_needs, todo, settled)
            steps, now = recomputed_steps(
                calculation, [asset], chunk, {asset.name: expected}, needs, self.overlay, state
            )
            state = steps[asset.datasets[0].name].get(chunk[-1])
            yield from self._contents(asset, frames | steps[asset.name], now[asset.name], stored)

    # -- contents ----------------------------------------------------------------------------------------------------

    def _contents(
        self,
        asset: SessionAsset,
        frames: Frames,
        expected: Mapping[dt.date, Expected],
        stored: Mapping[dt.date, StoredPartition],
    ) -> list[NewContent]:
        """Those of the frames that differ from what is stored."""
        days = sorted(frames)
        stamped = [(t, self._runner.stamped(asset, t, frames[t], expected[t])) for t in days]
        contents = []
        group = validated_group(asset.dataset, stamped)
        hashes = content_hashes(group.frame, group.bounds)
        for t, rows, found in zip(days, group.frames(), hashes, strict=True):
            if found.content != stored[t].content_hash:
                partition = replace(
                    stored[t],
                    content_hash=found.content,
                    column_names=found.names,
                    column_hashes=found.columns,
                    fingerprint=expected[t].fingerprint,
                    parts=expected[t].parts,
                    grade=int(expected[t].grade),
                    rows=rows.height,
                    latest_known_at=cast(dt.datetime | None, rows.get_column("known_at").max()),
                )
                contents.append(NewContent(partition, rows))
        return contents

    def _stored(self, asset: SessionAsset, days: Set[dt.date]) -> Frames:
        """Rows as stored, without `known_at`."""
        if not days:
            return {}
        rows = self.overlay.stored_rows(asset.dataset, sorted(days)).drop("known_at")
        parts = rows.partition_by("session", as_dict=True, include_key=False, maintain_order=True)
        empty = rows.clear().drop("session")
        return {t: parts.get((t,), empty) for t in days}

    def _chunks(self, asset: SessionAsset, stored: Mapping[dt.date, StoredPartition]) -> Iterator[list[dt.date]]:
        days = set(stored)
        if isinstance(asset, Recursive):
            every = [p.session for p in self.overlay.stored.partitions(asset.dataset)]
            days &= set(supported(asset, every, self._runner.profile))
        for span in spans(sorted(days)):
            yield from self._runner.chunks(asset, span, self.overlay)

    def _reject_stale(self, asset: SessionAsset, stale: Set[dt.date]) -> None:
        if stale and self._replacement:
            raise StaleStoreError(
                f"{asset.name}: {len(stale)} stored sessions from {min(stale)} on are stale: their code, config or "
                "inputs have changed since, and the answer would mix that with the overlay; run `asof refresh` first"
            )


@dataclass(frozen=True)
class _Rows:
    """Rows of one input that differ: the first date that each reaches back to, and the session that knows it."""

    window: Window
    oldest: NDArray[np.datetime64]
    session: NDArray[np.datetime64]
    rows: pl.DataFrame


class Moved:
    """What has changed among the inputs of an asset, on the columns that it reads."""

    def __init__(self, asset: Computed, runner: Runner, overlay: Overlay) -> None:
        self._asset = asset
        self._profile = runner.profile
        self._inputs = [self._differing(window, overlay, runner.profile) for window in asset.inputs.values()]

    @staticmethod
    def _differing(window: Window, overlay: Overlay, profile: Profile) -> _Rows:
        dataset = window.dataset
        # a function sees no known_at; among versions it says which is the latest
        columns = ["event_date", *dataset.key, *window.values(profile), *(["known_at"] if dataset.restates else [])]
        rows = overlay.differing(dataset, columns)
        oldest = rows.select(pl.min_horizontal("event_date", "session")).to_series()
        return _Rows(window, oldest.to_numpy(), rows.get_column("session").to_numpy(), rows)

    def reaches(self, target: dt.date) -> bool:
        """Whether the function is handed anything else at the target."""
        return any(self._within(rows, target, target).any() for rows in self._inputs)

    def entities(self, entity: str, targets: Sequence[dt.date]) -> Set[str] | None:
        """Entities of which the function is handed anything else, at any of the targets; None where it may be all."""
        found: set[str] = set()
        for rows in self._inputs:
            near = rows.rows.filter(pl.Series(self._within(rows, targets[0], targets[-1]), dtype=pl.Boolean))
            if entity not in near.columns:
                if near.height:
                    return None
                continue
            found |= set(near.get_column(entity))
        return found

    def _within(self, rows: _Rows, first: dt.date, last: dt.date) -> NDArray[np.bool_]:
        end = self._asset.last_needed(last, self._profile)
        begin = self._asset.first_needed(first, rows.window, self._profile)
        within: NDArray[np.bool_] = (rows.oldest >= np.datetime64(begin)) & (rows.session <= np.datetime64(end))
        return within


def spans(days: Sequence[dt.date]) -> Iterator[list[dt.date]]:
    """Runs of consecutive sessions."""
    run: list[dt.date] = []
    for day in days:
        if run and sessions.shift(run[-1], 1) != day:
            yield run
            run = []
        run.append(day)
    if run:
        yield run


def _needs(
    todo: Set[dt.date], settled: Mapping[dt.date, Expected], _: str, session: dt.date, expected: Expected
) -> bool:
    """Whether a step is to be taken anew: for what it reads, or for the state before it."""
    return session in todo or expected.parts[STATE] != settled[session].parts[STATE]
