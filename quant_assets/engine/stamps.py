"""What computed rows are stored with: the moment of the latest input, and of a source the digest of its payload."""

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import polars as pl

from feature_store.contract import NUMBER
from feature_store.dataset import KNOWN_AT
from feature_store.decision_time import end_of_day
from feature_store.describing import EPOCH
from feature_store.hashing import content_hashes
from quant_assets.engine.asset import SessionAsset, Source


class Known(Protocol):
    """Of a session, when the latest of its inputs was known; None without any."""

    @property
    def latest_known_at(self) -> dt.datetime | None: ...


def stamped(
    asset: SessionAsset, frames: Mapping[dt.date, pl.DataFrame], expected: Mapping[dt.date, Known]
) -> dict[dt.date, pl.DataFrame]:
    """Rows as they are stored: an output carries the latest `known_at` of its inputs (law 3)."""
    if isinstance(asset, Source):
        return {t: frame.drop("grade", strict=False) for t, frame in frames.items()}
    heights = [frame.height for frame in frames.values()]
    known = np.array([_microseconds(expected[t].latest_known_at or end_of_day(t)) for t in frames], np.int64)
    # all at once, and no query for each: on small frames these cost more than storing them
    moments = pl.Series("known_at", np.repeat(known, heights)).cast(KNOWN_AT)
    offsets = itertools.accumulate(heights, initial=0)
    return {
        t: _only_values(frame).hstack([moments.slice(offset, frame.height)])
        for (t, frame), offset in zip(frames.items(), offsets, strict=False)
    }


def payload_digests(frames: Sequence[pl.DataFrame], sort_key: Sequence[str]) -> list[str]:
    """Content hash of each payload, in the order of the key; all hashed at once."""
    if not frames:
        return []
    columns = sorted(frames[0].columns)
    bounds = list(itertools.accumulate((frame.height for frame in frames), initial=0))
    number = pl.Series(NUMBER, np.repeat(np.arange(len(frames)), np.diff(bounds)))
    whole = pl.concat([frame.select(columns) for frame in frames]).with_columns(number).sort(NUMBER, *sort_key)
    return [hashes.content for hashes in content_hashes(whole.drop(NUMBER), bounds)]


def _only_values(frame: pl.DataFrame) -> pl.DataFrame:
    stamps = [name for name in ("session", "known_at") if name in frame.columns]
    return frame.drop(stamps) if stamps else frame


def _microseconds(moment: dt.datetime) -> int:
    return (moment - EPOCH) // dt.timedelta(microseconds=1)
