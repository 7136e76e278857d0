"""What is written of a session, and what its footer will say: computed for a group at once."""

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from feature_store.contract import Group
from feature_store.dataset import Dataset, Grade
from feature_store.decision_time import DecisionClock
from feature_store.errors import HindsightError, LookaheadError
from feature_store.hashing import ContentHash, content_hashes
from feature_store.partition import StoredPartition

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Provenance:
    """Where a partition comes from (law 9).

    Attributes:
        fingerprint: hash of schema, code version, config and input digests; equal means skip.
        parts: the fingerprint's parts by name.
        grade: weakest knowledge grade among the inputs.
        lineage: what it rests on however far back, by name; no part of the fingerprint.
    """

    fingerprint: str
    parts: dict[str, str]
    grade: Grade = Grade.OBSERVED
    run_id: str = ""
    git_commit: str = ""
    seeds: dict[str, int] = field(default_factory=dict)
    lineage: dict[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class NewPartition:
    session: dt.date
    frame: pl.DataFrame
    provenance: Provenance


def described(
    dataset: Dataset,
    partitions: Sequence[NewPartition],
    group: Group,
    clock: DecisionClock,
    now: dt.datetime,
    hindsight_allowed: Collection[str],
) -> list[StoredPartition]:
    """What will be announced of each session, without its generation number.

    Args:
        group: the validated rows of the partitions.

    Raises:
        LookaheadError: a row known after its session's decision time, or a decision time that has not come.
        HindsightError: grade hindsight without a named exception of the profile.
    """
    hashes = content_hashes(group.frame, group.bounds)
    known = group.frame.get_column("known_at").to_physical().to_numpy()
    events = group.frame.get_column("event_date").to_physical().to_numpy()
    nulls, repeated = _nulls(group.frame), _repeated(dataset, group)
    found = []
    for new, (a, b), content in zip(partitions, group.spans(), hashes, strict=True):
        rows = _Rows(a, b, known[a:b], events[a:b], int(nulls[a:b].sum()), int(repeated[a + 1 : b].sum()))
        latest = _latest_known(dataset, new, rows, group.frame, clock.decision_time(new.session), now)
        if new.provenance.grade == Grade.HINDSIGHT and dataset.name not in hindsight_allowed:
            raise HindsightError(
                f"{dataset.name} {new.session} rests on hindsight; name the exception in the profile: "
                f"exceptions: {{{dataset.name}: why}}"
            )
        found.append(_partition(dataset, new, rows, content, latest, now))
    return found


@dataclass(frozen=True)
class _Rows:
    """What a session's rows [first, end) of a group say: `known_at` in us and dates in days since 1970, counts."""

    first: int
    end: int
    known: NDArray[np.int64]
    events: NDArray[np.int32]
    nulls: int
    repeated: int


def _nulls(frame: pl.DataFrame) -> NDArray[np.int64]:
    """Of each row, how many of its values are missing."""
    counts = np.zeros(frame.height, np.int64)
    for column in frame.get_columns():
        if column.null_count():
            counts += column.is_null().to_numpy()
    return counts


def _repeated(dataset: Dataset, group: Group) -> NDArray[np.bool_]:
    """Whether a row speaks of the same as the row before it."""
    if not dataset.restates or not group.frame.height:
        return np.zeros(group.frame.height, np.bool_)
    same = pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in dataset.sort_key[:-1])
    return group.frame.select(same.fill_null(value=False)).to_series().to_numpy()


def _day(days: int) -> dt.date:
    return EPOCH.date() + dt.timedelta(days=days)


def _partition(
    dataset: Dataset, new: NewPartition, rows: _Rows, content: ContentHash, latest: dt.datetime | None, now: dt.datetime
) -> StoredPartition:
    some = len(rows.events) > 0
    return StoredPartition(
        dataset=dataset.name,
        version=dataset.version,
        session=new.session,
        generation=0,
        content_hash=content.content,
        fingerprint=new.provenance.fingerprint,
        parts=new.provenance.parts,
        rows=rows.end - rows.first,
        nulls=rows.nulls,
        late_rows=int((rows.events != (new.session - EPOCH.date()).days).sum()),
        repeated_rows=rows.repeated,
        first_event=_day(int(rows.events.min())) if some else None,
        last_event=_day(int(rows.events.max())) if some else None,
        latest_known_at=latest,
        grade=int(new.provenance.grade),
        run_id=new.provenance.run_id,
        git_commit=new.provenance.git_commit,
        seeds=new.provenance.seeds,
        written_at=now,
        lineage=new.provenance.lineage,
        column_names=content.names,
        column_hashes=content.columns,
    )


def _latest_known(
    dataset: Dataset, new: NewPartition, rows: _Rows, frame: pl.DataFrame, decision: dt.datetime, now: dt.datetime
) -> dt.datetime | None:
    if decision > now:
        raise LookaheadError(
            f"{dataset.name} {new.session}: its decision time {decision} has not come (it is {now:%F %T} UTC)"
        )
    latest = EPOCH + dt.timedelta(microseconds=int(rows.known.max())) if len(rows.known) else None
    if latest is not None and latest > decision:
        part = frame.slice(rows.first, rows.end - rows.first)
        row = part.filter(pl.col("known_at") > decision).head(1).to_dicts()[0]
        raise LookaheadError(
            f"{dataset.name} {new.session}: {row} is known after the decision time {decision}; "
            "it belongs to a later session"
        )
    return latest
