"""Reading as known: nothing learned after `as_of` is visible, and the latest version known by then wins."""

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from feature_store.dataset import Dataset
from feature_store.decision_time import DecisionClock
from feature_store.digests import AlteredFileError
from feature_store.errors import MissingSessionsError
from feature_store.index import Index, Readable
from feature_store.layout import UNREADABLE, Layout
from feature_store.segments import HIVE, Segment, corrupt, readable, scan, segments


@dataclass(frozen=True)
class _Plan:
    segments: list[Segment]
    stored: Sequence[Readable]
    late: bool = False  # some rows speak of other dates than their session's
    repeated: bool = False  # some session holds two versions of one row
    latest_known_at: dt.datetime | None = None

    def knows_after(self, moment: dt.datetime) -> bool:
        return self.latest_known_at is not None and self.latest_known_at > moment


class Reader:
    """Reads one store."""

    def __init__(self, layout: Layout, index: Index, clock: DecisionClock) -> None:
        self._layout = layout
        self._index = index
        self._clock = clock

    def read(
        self,
        dataset: Dataset,
        as_of: dt.date | dt.datetime,
        first: dt.date | None = None,
        last: dt.date | None = None,
        columns: Sequence[str] | None = None,
        symbols: Collection[str] | None = None,
        written_before: dt.datetime | None = None,
    ) -> pl.DataFrame:
        """Rows with event_date in [first, last] as known at `as_of`, sorted by (event_date, key).

        Args:
            as_of: a moment with time zone, or a date, which means its decision time.
            columns: stored columns to return; the key columns come anyway. `session` may be requested.
            symbols: pushed down to Parquet.
            written_before: generations written before this moment only.
        """
        moment = self._clock.as_of(as_of)
        if symbols is not None and "symbol" not in dataset.key:
            raise ValueError(f"{dataset.name} has no symbols; its key is {dataset.key}")
        requested = list(dataset.schema) if columns is None else _with_key(dataset, columns)
        keep = list(dict.fromkeys([*requested, "known_at", "session"])) if dataset.restates else requested
        predicates = _bounds(first, last)
        if symbols is not None:
            predicates.append(pl.col("symbol").is_in(list(symbols)))
        plan, frame = self._scanned(
            dataset,
            lambda: self._plan(dataset, moment, first, last, written_before),
            lambda plan: [*predicates, *([pl.col("known_at") <= moment] if plan.knows_after(moment) else [])],
            keep,
        )
        if frame is None:
            return pl.DataFrame(schema={**dataset.schema, **HIVE}).select(requested)
        if dataset.restates:
            frame = latest_versions(frame, dataset, plan.repeated) if plan.late or plan.repeated else frame
        return frame.select(requested)

    def versions(
        self,
        dataset: Dataset,
        first: dt.date,
        last: dt.date,
        columns: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """All rows stored in the sessions [first, last], every version, with their `session`; in stored order.

        For calculations over a range, which take what was known at each session themselves.
        """
        if columns:
            _reject_unknown(dataset, columns)

        def stored() -> list[Readable]:
            return self._index.plan(dataset.name, dataset.version, last, dt.date.min, dt.date.max, first)

        return self._every_row(dataset, stored, columns or list(dataset.schema))

    def of_sessions(self, dataset: Dataset, days: Collection[dt.date], columns: Sequence[str]) -> pl.DataFrame:
        """As `versions`, of these sessions alone; `session` comes too."""
        _reject_unknown(dataset, columns)

        def stored() -> list[Readable]:
            within = self._index.current(dataset.name, dataset.version, min(days), max(days))
            return readable(p for p in within if p.session in days)

        return self._every_row(dataset, stored, columns)

    def _every_row(
        self, dataset: Dataset, stored: Callable[[], Sequence[Readable]], columns: Sequence[str]
    ) -> pl.DataFrame:
        keep = list(dict.fromkeys([*columns, "session"]))
        _, frame = self._scanned(dataset, lambda: self._whole(dataset, stored()), lambda _: [], keep)
        return pl.DataFrame(schema={**dataset.schema, **HIVE}).select(keep) if frame is None else frame

    def sessions(self, dataset: Dataset) -> list[dt.date]:
        """Stored sessions, ascending."""
        return self._index.sessions(dataset.name, dataset.version)

    def require(self, dataset: Dataset, needed: Sequence[dt.date]) -> None:
        """Reject when one of the sessions is not stored (law 2)."""
        if not needed:
            return
        stored = set(self.sessions(dataset))
        if missing := [session for session in needed if session not in stored]:
            shown = ", ".join(str(session) for session in missing[:5]) + (" …" if len(missing) > 5 else "")
            raise MissingSessionsError(
                f"{dataset.name} is not stored for {len(missing)} sessions that are needed: {shown}; "
                f"run `asof backfill --from {missing[0]} --to {missing[-1]}` first"
            )

    def _plan(
        self,
        dataset: Dataset,
        moment: dt.datetime,
        first: dt.date | None,
        last: dt.date | None,
        written_before: dt.datetime | None,
    ) -> _Plan:
        horizon = self._clock.session_of(moment)
        lowest, highest = first or dt.date.min, last or dt.date.max
        if written_before is None:
            # where rows speak of their session only, no other session need be looked at
            begin, end = (dt.date.min, horizon) if dataset.restates else (lowest, min(horizon, highest))
            rows = self._index.plan(dataset.name, dataset.version, end, lowest, highest, begin)
        else:
            latest = {
                p.session: p
                for p in self._index.generations(dataset.name, dataset.version)
                if p.written_at < written_before and p.session <= horizon
            }
            rows = readable(
                p
                for p in latest.values()
                if p.last_event and p.first_event and p.last_event >= lowest and p.first_event <= highest
            )
        return _Plan(
            self._segments(dataset, rows),
            rows,
            late=any(row.late_rows for row in rows),
            repeated=any(row.repeated_rows for row in rows),
            latest_known_at=max((dt.datetime.fromisoformat(r.latest_known_at) for r in rows if r.latest_known_at),
                                default=None),
        )  # fmt: skip

    def _segments(self, dataset: Dataset, rows: Sequence[Readable]) -> list[Segment]:
        return segments(self._layout, dataset.name, dataset.version, rows)

    def _whole(self, dataset: Dataset, rows: Sequence[Readable]) -> _Plan:
        return _Plan(self._segments(dataset, rows), rows)

    def _scanned(
        self,
        dataset: Dataset,
        planned: Callable[[], _Plan],
        predicates: Callable[[_Plan], list[pl.Expr]],
        columns: Sequence[str],
    ) -> tuple[_Plan, pl.DataFrame | None]:
        """What was planned and read at last; None where nothing is stored.

        Files go when their rows have been moved into others (compaction, `verify`): then the index says where, and a
        read that came too late begins again. It is unreadable when the plan has not changed.
        """
        plan = planned()
        while plan.segments:
            try:
                return plan, scan(plan.segments, predicates(plan), columns)
            except (*UNREADABLE, AlteredFileError) as error:
                again = planned()
                if again == plan:
                    raise corrupt(self._layout, dataset.name, dataset.version, plan.stored, error) from error
                plan = again
        return plan, None


def latest_versions(frame: pl.DataFrame, dataset: Dataset, repeated: bool) -> pl.DataFrame:
    """Of each (event_date, key), the row known last, sorted by (event_date, key).

    `frame` lies in session order, rows of one session in stored order. Few rows have a rival: those whose key appears
    in a late or repeated row. The rows that came on time are copied once and the few that lost are patched in place;
    where a key came late only, the frame is sorted.
    """
    key = dataset.sort_key[:-1]
    rivals = pl.col("event_date") != pl.col("session")
    if repeated:
        rivals |= pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in key)
    narrow = frame.select(*key, "known_at", "session", late=rivals.fill_null(False)).with_row_index("row")
    late = narrow.filter("late")
    if not late.height:
        return frame
    if late.height * 4 > frame.height or any(dtype.is_nested() for dtype in frame.dtypes):
        return last_of_each(frame, dataset)
    winners = _last_of_sorted(late.sort([*key, "known_at", "session"]), key)
    places = narrow.filter(~pl.col("late")).with_row_index("place").join(winners, on=key, how="inner", suffix="_late")
    if places.height < winners.height:
        return last_of_each(frame, dataset)
    # a row that spoke ahead of its date (an announced action) may have been restated on time
    later = (pl.col("known_at_late") > pl.col("known_at")) | (
        (pl.col("known_at_late") == pl.col("known_at")) & (pl.col("session_late") > pl.col("session"))
    )
    places = places.filter(later).sort("row_late")
    is_late = narrow.get_column("late")
    replacing = frame.filter(np.isin(narrow.get_column("row").to_numpy(), places.get_column("row_late").to_numpy()))
    columns = frame.filter(~is_late).rechunk().get_columns()  # a copy of our own: `scatter` writes into it
    place = places.get_column("place")
    return pl.DataFrame([column.scatter(place, replacing.get_column(column.name)) for column in columns])


def last_of_each(frame: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """`latest_versions` of rows in any order, by sorting them all."""
    key = dataset.sort_key[:-1]
    return _last_of_sorted(frame.sort([*key, "known_at", "session"]), key)


def _last_of_sorted(frame: pl.DataFrame, key: Sequence[str]) -> pl.DataFrame:
    following_differs = pl.any_horizontal(*(pl.col(name).ne_missing(pl.col(name).shift(-1)) for name in key))
    return frame.filter(following_differs)


def _bounds(first: dt.date | None, last: dt.date | None) -> list[pl.Expr]:
    bounds = []
    if first is not None:
        bounds.append(pl.col("event_date") >= first)
    if last is not None:
        bounds.append(pl.col("event_date") <= last)
    return bounds


def _with_key(dataset: Dataset, columns: Sequence[str]) -> list[str]:
    _reject_unknown(dataset, columns)
    return list(dict.fromkeys(["event_date", *dataset.key, *columns]))


def _reject_unknown(dataset: Dataset, columns: Sequence[str]) -> None:
    known = {*dataset.schema, "session"}
    if unknown := [name for name in columns if name not in known]:
        raise ValueError(f"{dataset.name} has no column {unknown}; it has {sorted(known)}")
