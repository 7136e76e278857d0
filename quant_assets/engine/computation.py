"""What an asset's sessions hold, computed from versions of its inputs: windows, anchors, epochs, bounded chunks.

Nothing here writes. `Versions` hands out stored rows with the session that learned them; everything that a target may
not know is dropped here, once, for all assets.
"""

import datetime as dt
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Protocol, cast

import polars as pl
from threadpoolctl import threadpool_limits

from configs.settings import Profile, Settings
from feature_store import sessions
from feature_store.dataset import Dataset
from feature_store.decision_time import DecisionClock
from feature_store.errors import LookaheadError
from feature_store.hashing import digest_of
from feature_store.readers import last_of_each
from quant_assets.engine.asset import (
    Computed,
    CrossSection,
    ModelFit,
    Recursive,
    SessionAsset,
    Source,
    TimeSeries,
    Window,
)
from quant_assets.engine.settings_seen import seen
from quant_assets.engine.view import View
from quant_resources.vendors.protocol import Vendor

Frames = dict[dt.date, pl.DataFrame]
Rows = tuple[pl.DataFrame, ...]  # of one session, one frame a dataset
OTHERS = Mapping[str, pl.DataFrame]  # type of a parameter that takes the inputs that no other one names

PIECE = "\x1f"  # separates a symbol from the epoch of one of its versions
PIECE_ROWS = 2_000_000  # rows handed to a time series' function at once: bounds memory, never values


class Versions(Protocol):
    """Rows of a dataset as stored, every version, with the session that learned each."""

    def versions(self, dataset: Dataset, first: dt.date, last: dt.date, columns: Sequence[str]) -> pl.DataFrame: ...

    def state(self, dataset: Dataset, session: dt.date) -> pl.DataFrame | None:
        """The asset's own rows of an earlier session, or None when it is not stored."""


class Calculation:
    """Computes sessions of assets under one profile."""

    def __init__(self, profile: Profile, clock: DecisionClock, vendor: Vendor, pool: Executor | None = None) -> None:
        self.profile = profile
        self.clock = clock
        self.vendor = vendor
        self._pool = pool

    def compute(self, asset: SessionAsset, targets: Sequence[dt.date], data: Versions) -> dict[dt.date, pl.DataFrame]:
        """Rows of each target session, without `known_at` except for sources.

        Args:
            targets: ascending. All but a recursive asset share the reading of neighbours; that needs its targets
                consecutive.
        """
        return self.compute_all(asset, targets, data)[asset.name]

    def compute_all(self, asset: SessionAsset, targets: Sequence[dt.date], data: Versions) -> dict[str, Frames]:
        """As `compute`, of all datasets that the asset's function gives, by name."""
        with threadpool_limits(1):  # sums of several threads differ in their last digits, and spinning ones cost most
            match asset:
                case Source():
                    return {asset.name: self._source(asset, targets)}
                case TimeSeries():
                    return {asset.name: self._time_series(asset, targets, data)}
                case CrossSection():
                    found = self._cross_sections(asset, targets, data)
                case ModelFit():
                    found = self._fits(asset, targets, data)
                case Recursive():
                    found = dict(self.walk(asset, targets, data))
        return by_dataset(asset, found)

    # -- sources ---------------------------------------------------------------------------------------------------

    def _source(self, asset: Source, targets: Sequence[dt.date]) -> dict[dt.date, pl.DataFrame]:
        until = self.clock.decision_time(targets[-1])
        raw = self.vendor.fetch(asset.dataset, targets, until)
        # Parsing can only be tested on a cut payload (law 6) when the cut is kept, whoever wrote the vendor.
        if (late := raw.filter(pl.col("known_at") > until)).height:
            raise LookaheadError(
                f"{asset.name}: the vendor fetched {late.height} rows known after {until}, first "
                f"{late.head(1).to_dicts()[0]}; its fetch must keep `until`"
            )
        return _by_session(self.vendor.parse(asset.dataset, raw, targets), targets)

    # -- cross sections, one call a session --------------------------------------------------------------------------

    def _cross_sections(self, asset: CrossSection, targets: Sequence[dt.date], data: Versions) -> dict[dt.date, Rows]:
        views = self._views(asset, targets[0], targets[-1], data)
        return {t: self.call(asset, {name: view.at(t) for name, view in views.items()}, session=t) for t in targets}

    def _views(self, asset: Computed, first: dt.date, last: dt.date, data: Versions) -> dict[str, View]:
        return {
            name: View(window, self.profile, data.versions(
                window.dataset, window.first(first, self.profile), last, _columns(window, self.profile)))
            for name, window in asset.inputs.items()
        }  # fmt: skip

    # -- fits in force -----------------------------------------------------------------------------------------------

    def _fits(self, asset: ModelFit, targets: Sequence[dt.date], data: Versions) -> dict[dt.date, Rows]:
        refits = sorted({asset.refit_session(t, self.profile) for t in targets})
        fitted = self._chain(asset, refits, data) if asset.chained else self._independent(asset, refits, data)
        return {
            t: tuple(
                frame.with_columns(event_date=pl.lit(t, pl.Date))
                for frame in fitted[asset.refit_session(t, self.profile)]
            )
            for t in targets
        }

    def _independent(self, asset: ModelFit, refits: Sequence[dt.date], data: Versions) -> dict[dt.date, Rows]:
        views = self._views(asset, refits[0], refits[-1], data)
        calls = ((r, self._arguments(asset, {n: v.at(r) for n, v in views.items()}, session=r)) for r in refits)
        if self._pool is None or len(refits) == 1:
            return {r: _rows(asset, asset.function(**arguments)) for r, arguments in calls}
        waiting = [(r, self._pool.submit(asset.function, **arguments)) for r, arguments in calls]
        return {r: _rows(asset, future.result()) for r, future in waiting}

    def _chain(self, asset: ModelFit, refits: Sequence[dt.date], data: Versions) -> dict[dt.date, Rows]:
        first = asset.chain_start(refits[0], self.profile)
        every = sorted({asset.refit_session(s, self.profile) for s in sessions.between(first, refits[-1])})
        views = self._views(asset, first, refits[-1], data)
        fitted: dict[dt.date, Rows] = {}
        for r in every:
            before = asset.previous_refit(r, self.profile)
            previous = fitted[before][0] if before else None
            fitted[r] = self.call(asset, {n: v.at(r) for n, v in views.items()}, session=r, previous=previous)
        return fitted

    # -- one step from the stored state --------------------------------------------------------------------------------

    def walk(
        self, asset: Recursive, targets: Sequence[dt.date], data: Versions, state: pl.DataFrame | None = None
    ) -> Iterator[tuple[dt.date, Rows]]:
        """The targets one after the other, for a caller who may stop on the way.

        Args:
            state: the rows of the session before, without `known_at`; None takes them from `data`.
        """
        views = self._views(asset, targets[0], targets[-1], data)
        of_state = asset.datasets[0]
        if state is None and targets[0] != sessions.at_or_after(self.profile.history.start):
            state = data.state(of_state, sessions.shift(targets[0], -1))
        for t in targets:
            frames = {name: view.at(t) for name, view in views.items()}
            found = self.call(asset, frames, session=t, state=state)
            # Through the stored form, so that continuing equals restarting from disk.
            state = found[0].select(list(of_state.computed_schema)).sort(
                of_state.sort_key[:-1]
            )  # fmt: skip
            yield t, (state, *found[1:])

    # -- time series of each entity ----------------------------------------------------------------------------------

    def _time_series(
        self, asset: TimeSeries, targets: Sequence[dt.date], data: Versions
    ) -> dict[dt.date, pl.DataFrame]:
        first, last = targets[0], targets[-1]
        starts = {name: asset.first_needed(first, w, self.profile) for name, w in asset.inputs.items()}
        read = {
            name: data.versions(w.dataset, starts[name], last, _columns(w, self.profile)).filter(
                pl.col("event_date") >= starts[name]
            )
            for name, w in asset.inputs.items()
        }
        pieces = self._pieces(asset, read, first, last)
        window = sessions.between(min(starts.values()), last)
        given: dict[str, object] = {"sessions": window}
        if not asset.dataset.restates:
            given["first"] = first  # rows before it are dropped below: a function need not compute them
        outputs = [
            self.call(asset, self._stack(asset, read, chunk), **given)[0]
            for chunk in pieces.iter_slices(max(1, PIECE_ROWS // len(window)))
        ]
        rows = pl.concat(outputs) if outputs else asset.dataset.empty().drop("known_at")
        if "session" not in rows.columns:
            rows = rows.with_columns(session=pl.col("event_date"))
        return _by_session(self._select(asset, rows, pieces), targets)

    def _pieces(
        self, asset: TimeSeries, read: Mapping[str, pl.DataFrame], first: dt.date, last: dt.date
    ) -> pl.DataFrame:
        """(entity, piece, start, as_of): epochs in which nothing late was learned about an entity.

        A correction learned in session s starts a new piece at s; the piece before it knows nothing of it. A
        restating asset also gets the piece that ends just before `first`, to see what changed on `first`.
        """
        entity = asset.entity
        everyone = pl.concat([f.select(entity) for f in read.values() if entity in f.columns]).unique()
        earliest = sessions.shift(first, -1) if asset.dataset.restates else first
        late = []
        for name, window in asset.inputs.items():
            if window.dataset.restates:
                rows = read[name].filter((pl.col("session") > pl.col("event_date")) & (pl.col("session") > earliest))
                some = rows.select(entity, "session") if entity in rows.columns else everyone.join(
                    rows.select("session"), how="cross")  # fmt: skip
                late.append(some)
        starts = pl.concat([
            everyone.with_columns(start=pl.lit(first, pl.Date)),
            *(frame.select(entity, start="session") for frame in late),
        ]).unique()  # fmt: skip
        if asset.dataset.restates:
            changed = starts.join(pl.concat(late).filter(pl.col("session") == first).select(entity).unique(), on=entity)
            starts = pl.concat([starts, changed.select(entity, start=pl.lit(earliest, pl.Date))]).unique()
        starts = starts.sort(entity, "start").with_columns(following=pl.col("start").shift(-1).over(entity))
        before = {s: sessions.shift(s, -1) for s in starts.get_column("following").drop_nulls().unique()}
        ends = pl.DataFrame(
            {"following": list(before), "as_of": list(before.values())},
            schema={"following": pl.Date, "as_of": pl.Date},
        )
        return (
            starts.join(ends, on="following", how="left", maintain_order="left")
            .with_columns(pl.col("as_of").fill_null(pl.lit(last, pl.Date)))
            .with_columns(piece=pl.concat_str(entity, pl.lit(PIECE), pl.col("start").cast(pl.String)))
            .select(entity, "piece", "start", "as_of")
        )

    def _stack(
        self, asset: TimeSeries, read: Mapping[str, pl.DataFrame], pieces: pl.DataFrame
    ) -> dict[str, pl.DataFrame]:
        """Each input once per piece, as known at the piece's end, under the piece's name."""
        stacked = {}
        for name, window in asset.inputs.items():
            dataset, frame = window.dataset, read[name]
            if asset.entity not in frame.columns:
                raise ValueError(f"{asset.name}: input {name} has no column {asset.entity}; a time series needs it")
            rows = (
                frame.join(pieces, on=asset.entity, how="inner", maintain_order="left")
                .filter(pl.col("session") <= pl.col("as_of"))
                .with_columns(pl.col("piece").alias(asset.entity))
            )
            if dataset.restates:
                rows = last_of_each(rows, dataset)
            keys = [asset.entity, *(k for k in dataset.key if k != asset.entity), "event_date"]
            stacked[name] = rows.select(["event_date", *dataset.key, *window.values(self.profile)]).sort(keys)
        return stacked

    def _select(self, asset: TimeSeries, rows: pl.DataFrame, pieces: pl.DataFrame) -> pl.DataFrame:
        """The rows that belong to each piece's own sessions, under the entity's real name."""
        entity = asset.entity
        named = rows.rename({entity: "piece"}).join(pieces, on="piece", how="inner", maintain_order="left")
        own = named.filter(pl.col("session").is_between(pl.col("start"), pl.col("as_of")))
        if not asset.dataset.restates or not asset.restate_sessions:
            return own.drop("piece", "start", "as_of")
        return pl.concat([own, self._restated(asset, named, pieces)], how="diagonal").drop("piece", "start", "as_of")

    def _restated(self, asset: TimeSeries, named: pl.DataFrame, pieces: pl.DataFrame) -> pl.DataFrame:
        """Rows of earlier dates that read differently from one piece to the next: learned where the next starts."""
        reach = asset.restated(self.profile)
        keys = ["event_date", *asset.dataset.key]
        order = pieces.sort(asset.entity, "start").with_columns(before=pl.col("piece").shift(1).over(asset.entity))
        later = order.filter(pl.col("before").is_not_null()).select("piece", "before")
        floors = {s: sessions.shift(s, -reach) for s in pieces.get_column("start").unique()}
        floor = pl.DataFrame(
            {"start": list(floors), "floor": list(floors.values())}, schema={"start": pl.Date, "floor": pl.Date}
        )
        now = (
            named.join(later, on="piece", how="inner", maintain_order="left")
            .join(floor, on="start", how="left", maintain_order="left")
            .filter((pl.col("event_date") < pl.col("start")) & (pl.col("event_date") >= pl.col("floor")))
        )
        then = named.select(pl.col("piece").alias("before"), *keys, *asset.dataset.values)
        both = now.join(then, on=["before", *keys], how="left", suffix="_then", maintain_order="left")
        known = named.select(pl.col("piece").alias("before"), *keys).with_columns(was_known=pl.lit(True))
        both = both.join(known, on=["before", *keys], how="left", maintain_order="left")
        differs = pl.any_horizontal(*(pl.col(v).ne_missing(pl.col(f"{v}_then")) for v in asset.dataset.values))
        changed = both.filter(differs | pl.col("was_known").is_null())
        return changed.with_columns(session=pl.col("start")).select(named.columns)

    # -- calling the pure function -----------------------------------------------------------------------------------

    def call(self, asset: Computed, frames: Mapping[str, pl.DataFrame], **given: object) -> Rows:
        return _rows(asset, asset.function(**self._arguments(asset, frames, **given)))

    def _arguments(self, asset: Computed, frames: Mapping[str, pl.DataFrame], **given: object) -> dict[str, Any]:
        """By name (inputs, session, sessions, first, state, previous, seed, decided_at) and by type.

        A type is one of settings, a dataclass whose fields are inputs, or OTHERS for all inputs that nothing names.
        """
        arguments: dict[str, Any] = {}
        for name, annotation in parameters(asset.function):
            if name in frames:
                arguments[name] = frames[name]
            elif annotation == OTHERS:
                arguments[name] = _others(asset, frames)
            elif isinstance(annotation, type) and issubclass(annotation, Settings):
                arguments[name] = seen(asset, annotation, self.profile)
            elif isinstance(annotation, type) and is_dataclass(annotation):
                arguments[name] = _record(asset, annotation, frames)
            elif name in given:
                arguments[name] = given[name]
            elif name == "seed":
                arguments[name] = session_seed(self.profile.seed, asset.datasets[0].name, given["session"])
            elif name == "decided_at":
                arguments[name] = self.clock.decision_time(cast(dt.date, given["session"]))
            else:
                raise TypeError(f"{asset.name}: its function wants {name!r}, which is no input, setting or session")
        return arguments


def by_dataset(asset: SessionAsset, found: Mapping[dt.date, Rows]) -> dict[str, Frames]:
    """Frames of each of the asset's datasets."""
    return {d.name: {t: rows[i] for t, rows in found.items()} for i, d in enumerate(asset.datasets)}


def _rows(asset: Computed, result: pl.DataFrame | Rows) -> Rows:
    rows = result if isinstance(result, tuple) else (result,)
    if len(rows) != len(asset.datasets):
        raise TypeError(f"{asset.name}: its function gives {len(rows)} frames, and {len(asset.datasets)} are declared")
    return rows


def _record(asset: Computed, record: type, frames: Mapping[str, pl.DataFrame]) -> object:
    """Inputs by the names of the record's fields."""
    names = [field.name for field in fields(record)]
    if missing := [name for name in names if name not in frames]:
        raise TypeError(f"{asset.name}: its function wants {record.__name__}, whose {missing} are no inputs")
    return record(**{name: frames[name] for name in names})


def _others(asset: Computed, frames: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Inputs that neither a parameter nor a record's field names."""
    declared = parameters(asset.function)
    records = [kind for _, kind in declared if isinstance(kind, type) and is_dataclass(kind)]
    named = {name for name, _ in declared} | {field.name for record in records for field in fields(record)}
    return {name: rows for name, rows in frames.items() if name not in named}


@cache
def parameters(function: Callable[..., object] | None) -> Sequence[tuple[str, object]]:
    """Name and annotation of each parameter."""
    if function is None:
        return []
    return [(p.name, p.annotation) for p in inspect.signature(function, eval_str=True).parameters.values()]


def session_seed(seed: int, dataset: str, session: object) -> int:
    """A seed is a hash of (config seed, dataset, session) (law 10)."""
    return int(digest_of([str(seed), dataset, str(session)])[:8], 16)


def _columns(window: Window, profile: Profile) -> list[str]:
    return ["event_date", *window.dataset.key, *window.values(profile), "known_at"]


def _by_session(rows: pl.DataFrame, targets: Sequence[dt.date]) -> dict[dt.date, pl.DataFrame]:
    parts = {key[0]: part for key, part in rows.partition_by("session", as_dict=True, include_key=False).items()}
    empty = rows.clear().drop("session")
    return {t: parts.get(t, empty) for t in targets}
