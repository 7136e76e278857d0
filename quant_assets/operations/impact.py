"""The reach of a correction: stored sessions and past orders that would differ, had rows been known in their time."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from threadpoolctl import threadpool_limits

from configs.settings import Profile
from feature_store.dataset import Dataset
from feature_store.schemas.execution import ORDERS
from quant_assets.engine.asset import SessionAsset
from quant_assets.engine.opening import open_runner
from quant_assets.engine.overlay import Overlay
from quant_assets.engine.recomputation import Recomputation
from quant_assets.engine.runner import Runner
from quant_assets.graph import all_assets
from quant_assets.operations.what_if import in_sessions, read_rows, source_named
from quant_resources.home import Home

COUNTS = ("added", "removed", "changed", "restamped")
ORDER = ("side", "shares", "reference_price_usd")


@dataclass(frozen=True)
class Difference:
    """A stored partition whose content would be another.

    Attributes:
        stored, instead: content hashes.
        added, removed, changed: rows by (event_date, key), and by version where the dataset restates.
        restamped: rows that differ in `known_at` alone.
    """

    dataset: str
    session: dt.date
    stored: str
    instead: str
    added: int
    removed: int
    changed: int
    restamped: int

    @property
    def rows(self) -> int:
        return self.added + self.removed + self.changed + self.restamped


@dataclass(frozen=True)
class Impact:
    """What would differ.

    Attributes:
        differences: by dataset, in the order of the graph, and session.
        orders: session, symbol; side, shares and reference_price_usd as sent, and with `_instead` as they would have
            been. Null where there was, or would have been, no order.
    """

    differences: tuple[Difference, ...]
    orders: pl.DataFrame
    _overlay: Overlay

    def sessions(self) -> list[tuple[str, dt.date]]:
        return [(d.dataset, d.session) for d in self.differences]

    def frame(self, dataset: str) -> pl.DataFrame:
        """Rows of a dataset that differ: `version` is "stored" or "recomputed", then session and the stored columns."""
        of = self._overlay.store.dataset(dataset)
        then, now = self._overlay.then(of), self._overlay.now(of)
        on = ["session", *of.schema]
        only = [
            a.join(b, on=on, how="anti", nulls_equal=True).select(pl.lit(version).alias("version"), *on)
            for version, a, b in (("stored", then, now), ("recomputed", now, then))
        ]
        return pl.concat(only).sort("session", *of.sort_key, "version")

    def as_rows(self) -> list[dict[str, Any]]:
        """One row a dataset."""
        rows: dict[str, dict[str, Any]] = {}
        for d in self.differences:
            row = rows.setdefault(d.dataset, {"dataset": d.dataset, "sessions": 0, "first": d.session, "last": None}
                                  | dict.fromkeys(COUNTS, 0))  # fmt: skip
            row["sessions"] += 1
            row["last"] = d.session
            for name in COUNTS:
                row[name] += getattr(d, name)
        return list(rows.values())

    def as_json(self) -> dict[str, Any]:
        partitions = [{**vars(d), "rows": d.rows} for d in self.differences]
        return {"partitions": partitions, "orders": self.orders.to_dicts()}


def impact(
    home: Home | Runner,
    overlay: Path | pl.DataFrame | None = None,
    dataset: str = "market/bars",
    first: dt.date | None = None,
    last: dt.date | None = None,
    assets: Sequence[SessionAsset] | None = None,
    profile: Profile | None = None,
) -> Impact:
    """What stored sessions would hold if they were computed today; nothing is written.

    Without `overlay` the sources are fetched again: what the vendor serves of stored sessions now, and did not when
    they were stored, is what makes them differ.

    Args:
        home: or a runner on its store.
        overlay: rows of the source `dataset`, as a frame or a file, that are taken as known at their `known_at`; see
            `what_if.read_rows`. Nothing is fetched.
        first, last: sessions looked at; all that are stored by default.
        assets: all by default, in an order in which each comes after what it reads.
        profile: in the place of the home's, to ask another vendor or folder.

    Raises:
        WhatIfError: the overlay is not such rows.
        StaleStoreError: with an overlay, a stored session that it touches is stale already.
        MissingSessionsError: a touched session's input is not stored.
        VendorError: the vendor does not serve a stored session any more.
    """
    runner = home if isinstance(home, Runner) else open_runner(home, profile=profile)
    replacement = None
    if overlay is not None:
        source = source_named(dataset)
        replacement = source, in_sessions(read_rows(overlay, source), source, runner.store)
    work = Recomputation(runner, first, last, replacement)
    graph = all_assets(runner.profile) if assets is None else assets
    with threadpool_limits(1):  # as a calculation does
        for asset in graph:
            work.add(asset)
    recomputed = work.overlay
    each = [d for asset in graph for d in _differences(asset.dataset, recomputed)]
    return Impact(tuple(each), _orders(recomputed), recomputed)


def _differences(dataset: Dataset, overlay: Overlay) -> list[Difference]:
    replaced = overlay.replaced(dataset)
    if not replaced:
        return []
    counts = {row["session"]: row for row in _counts(dataset, overlay).iter_rows(named=True)}
    before = {p.session: p for p in overlay.stored.partitions(dataset)}
    return [
        Difference(dataset.name, t, before[t].content_hash, p.content_hash, *(counts[t][name] for name in COUNTS))
        for t, p in replaced.items()
    ]


def _counts(dataset: Dataset, overlay: Overlay) -> pl.DataFrame:
    """session, and rows of each kind."""
    then, now = (_numbered(rows, dataset) for rows in (overlay.then(dataset), overlay.now(dataset)))
    key = ["session", "event_date", *dataset.key, "version"]
    both = then.with_columns(was=True).join(
        now.with_columns(would=True), on=key, how="full", suffix="_instead", coalesce=True, nulls_equal=True
    )
    added, removed = pl.col("was").is_null(), pl.col("would").is_null()
    values = [pl.col(name).ne_missing(pl.col(f"{name}_instead")) for name in dataset.values]
    changed = ~added & ~removed & pl.any_horizontal(False, *values)
    stamp = pl.col("known_at").ne_missing(pl.col("known_at_instead"))
    restamped = ~added & ~removed & ~changed & stamp
    return both.group_by("session").agg(
        added.sum().alias("added"),
        removed.sum().alias("removed"),
        changed.sum().alias("changed"),
        restamped.sum().alias("restamped"),
    )


def _numbered(rows: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """Versions of one (event_date, key) of a session by number, in the order in which they were learned."""
    same = ["session", "event_date", *dataset.key]
    return rows.with_columns(version=pl.int_range(pl.len()).over(same))


def _orders(overlay: Overlay) -> pl.DataFrame:
    """Orders that differ in what is sent."""
    sent, instead = (rows.select("session", "symbol", *ORDER) for rows in (overlay.then(ORDERS), overlay.now(ORDERS)))
    both = sent.join(instead, on=["session", "symbol"], how="full", suffix="_instead", coalesce=True)
    differs = pl.any_horizontal(*(pl.col(name).ne_missing(pl.col(f"{name}_instead")) for name in ORDER))
    return both.filter(differs).sort("session", "symbol")
