"""Whether sessions that were computed again are what is stored: by content hash, all of a batch at once."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from feature_store.contract import Group, validated_group
from feature_store.errors import StoreError
from feature_store.hashing import content_hashes
from feature_store.numeric_platform import PART, in_force, is_pinned
from feature_store.partition import StoredPartition
from feature_store.rounding import equal_within_rounding
from feature_store.versioning import fingerprint
from quant_assets.engine.asset import SessionAsset, Source
from quant_assets.engine.expected import Expected
from quant_assets.engine.runner import Runner
from quant_assets.engine.stamps import stamped


@dataclass(frozen=True)
class Current:
    """A stored session that is what code, config and inputs of today would store on its platform.

    Attributes:
        latest_known_at: that its rows are stamped with; None where they are stamped by the session's own day.
    """

    partition: StoredPartition
    latest_known_at: dt.datetime | None


@dataclass(frozen=True)
class Agreement:
    """Whether a session came out as it is stored; the detail says how it differs, or that it is within rounding."""

    passed: bool
    detail: str = ""


def current_of(
    runner: Runner,
    asset: SessionAsset,
    days: Sequence[dt.date],
    written: Mapping[dt.date, StoredPartition] | None = None,
) -> dict[dt.date, Current]:
    """Of the sessions, those that are stored and not stale.

    Args:
        days: ascending.
        written: of them, those that have just been stored, as what is expected of them.
    """
    new = written or {}
    found = {t: Current(new[t], new[t].latest_known_at) for t in days if t in new}
    others = [t for t in days if t not in new]
    return found | (_looked_up(runner, asset, others) if others else {})


def _looked_up(runner: Runner, asset: SessionAsset, days: Sequence[dt.date]) -> dict[dt.date, Current]:
    requested = set(days)
    stored = [p for p in runner.store.partitions(asset.dataset, days[0], days[-1]) if p.session in requested]
    if not stored:
        return {}
    expected, base = runner.expected(asset, [p.session for p in stored]), runner.base_parts(asset)
    return {
        p.session: Current(p, expected[p.session].latest_known_at)
        for p in stored
        if _is_current(asset, p, base, expected[p.session])
    }


def _is_current(asset: SessionAsset, stored: StoredPartition, base: Mapping[str, str], expected: Expected) -> bool:
    there = {PART: stored.parts.get(PART, "")}
    if isinstance(asset, Source):  # what the payload would be is not known without fetching it
        return {**stored.parts, **base, **there} == stored.parts
    return stored.fingerprint == fingerprint(expected.parts | there)


def agreements(
    runner: Runner, asset: SessionAsset, current: Mapping[dt.date, Current], frames: Mapping[dt.date, pl.DataFrame]
) -> dict[dt.date, Agreement]:
    """Of each session that was computed and is current.

    Args:
        frames: rows by session, without `known_at` except of sources.
    """
    days = [t for t in sorted(frames) if t in current]
    rows = stamped(asset, {t: frames[t] for t in days}, current)
    return dict(_agreements(runner, asset, current, [(t, rows[t]) for t in days]))


def _agreements(
    runner: Runner,
    asset: SessionAsset,
    current: Mapping[dt.date, Current],
    rows: Sequence[tuple[dt.date, pl.DataFrame]],
) -> Iterator[tuple[dt.date, Agreement]]:
    try:
        group = validated_group(asset.dataset, rows)
    except StoreError as error:
        if len(rows) == 1:
            yield rows[0][0], Agreement(False, str(error))
        else:
            for one in rows:
                yield from _agreements(runner, asset, current, [one])
        return
    for t, content, frame in zip(group.sessions, _contents(group), group.frames(), strict=True):
        yield t, _agreement(runner, asset, current[t].partition, content, frame)


def _contents(group: Group) -> list[str]:
    return [hashes.content for hashes in content_hashes(group.frame, group.bounds)]


def _agreement(
    runner: Runner, asset: SessionAsset, stored: StoredPartition, content: str, rows: pl.DataFrame
) -> Agreement:
    if content == stored.content_hash:
        return Agreement(True)
    platform = stored.parts[PART]
    if must_be_exact(platform):
        return Agreement(False, f"{content}, stored {stored.content_hash}")
    kept = runner.store.rows_of(stored)
    return Agreement(*equal_within_rounding(kept, rows, asset.dataset.sort_key, platform))


def must_be_exact(platform: str) -> bool:
    """Whether what was stored on the platform must come out to the bit here."""
    return platform == in_force().identity and is_pinned(platform)
