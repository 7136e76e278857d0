"""What an asset's sessions hold, computed from versions of its inputs: windows, anchors, segments, bounded chunks.

Nothing here writes. `Versions` hands out stored rows with the session that learned them; everything that a target may
not know is dropped here, once, for all assets.
"""

import datetime as dt
import inspect
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from functools import cache, lru_cache
from typing import Any, Protocol, cast

import polars as pl
from threadpoolctl import ThreadpoolController

from configs.settings import Profile, Settings
from feature_store import sessions
from feature_store.dataset import Dataset
from feature_store.decision_time import DecisionClock
from feature_store.errors import LookaheadError
from feature_store.hashing import digest_of
from quant_assets.engine.access_profile import bounded
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
from quant_assets.engine.segments import own_rows, segments_of, stacked
from quant_assets.engine.settings_seen import seen
from quant_assets.engine.views import View
from quant_resources.vendors.protocol import Vendor

Frames = dict[dt.date, pl.DataFrame]
Rows = tuple[pl.DataFrame, ...]  # of one session, one frame a dataset
OTHERS = Mapping[str, pl.DataFrame]  # type of a parameter that takes the inputs that no other one names

SEGMENT_ROWS = 2_000_000  # rows handed to a time series' function at once: bounds memory, never values


class Versions(Protocol):
    """Rows of a dataset as stored, every version, with the session that learned each."""

    def versions(self, dataset: Dataset, first: dt.date, last: dt.date, columns: Sequence[str]) -> pl.DataFrame: ...

    def state(self, dataset: Dataset, session: dt.date) -> pl.DataFrame | None:
        """The asset's own rows of an earlier session, or None when it is not stored."""


_thread = threading.local()


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums of several threads differ in their last digits, and spinning ones cost most."""
    if getattr(_thread, "is_limited", False):
        yield
        return
    with _thread_pools(len(sys.modules)).limit(limits=1):
        _thread.is_limited = True
        try:
            yield
        finally:
            _thread.is_limited = False


@lru_cache(1)
def _thread_pools(_: int) -> ThreadpoolController:
    """Those of the loaded libraries: to look for them takes 2 ms, and is done again where more modules are loaded."""
    return ThreadpoolController()


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
        """As `compute`, of all datasets that the asset's function gives, by name; it reaches nothing but its inputs."""
        asset = bounded(asset)
        with one_thread():
            match asset:
                case Source():
                    return {asset.name: self._source(asset, targets)}
                case TimeSeries():
                    return {asset.name: self._time_series(asset, targets, data)}
                case CrossSection():
                    computed = self._cross_sections(asset, targets, data)
                case ModelFit():
                    computed = self._fits(asset, targets, data)
                case Recursive():
                    computed = dict(self.steps(asset, targets, data))
        return by_dataset(asset, computed)

    def ahead(self, asset: SessionAsset, target: dt.date, until: dt.date, data: Versions) -> dict[str, Frames]:
        """As `compute_all` of one session, in a calculation that has read everything up to `until`.

        What a target may not know is then there to be handed out by mistake. Of a model fit the target is the refit;
        of a time series the sessions up to `until` are computed too.
        """
        if isinstance(asset, TimeSeries):
            computed = self.compute_all(asset, sessions.between(target, until), data)
            return {name: {target: frames[target]} for name, frames in computed.items()}
        asset = bounded(asset)
        with one_thread():
            return by_dataset(asset, {target: self._ahead(asset, target, until, data)})

    def _ahead(self, asset: SessionAsset, target: dt.date, until: dt.date, data: Versions) -> Rows:
        match asset:
            case Recursive():
                return next(self.steps(asset, sessions.between(target, until), data))[1]
            case ModelFit(chained=True):
                return self._chain(asset, sorted({target, asset.refit_session(until, self.profile)}), data)[target]
            case CrossSection() | ModelFit():
                views = self._views(asset, target, until, data)
                return self.call(asset, {name: view.at(target) for name, view in views.items()}, session=target)
            case _:
                raise TypeError(f"{asset.name}: a {asset.kind} reads nothing that it is handed ahead of its session")

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

    def steps(
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
            rows = self.call(asset, frames, session=t, state=state)
            # Through the stored form, so that continuing equals restarting from disk.
            state = rows[0].select(list(of_state.computed_schema)).sort(
                of_state.sort_key[:-1]
            )  # fmt: skip
            yield t, (state, *rows[1:])

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
        segments = self._segments(asset, read, first, last)
        window = sessions.between(min(starts.values()), last)
        others: dict[str, object] = {"sessions": window}
        if not asset.dataset.restates:
            others["first"] = first  # rows before it are dropped below: a function need not compute them
        outputs = [
            self.call(asset, stacked(asset, read, chunk, self.profile), **others)[0]
            for chunk in segments.iter_slices(max(1, SEGMENT_ROWS // len(window)))
        ]
        rows = pl.concat(outputs) if outputs else asset.dataset.empty().drop("known_at")
        if "session" not in rows.columns:
            rows = rows.with_columns(session=pl.col("event_date"))
        return _by_session(own_rows(asset, rows, segments, self.profile), targets)

    def _segments(
        self, asset: TimeSeries, read: Mapping[str, pl.DataFrame], first: dt.date, last: dt.date
    ) -> pl.DataFrame:
        return segments_of(asset, read, first, last)

    # -- calling the pure function -----------------------------------------------------------------------------------

    def call(self, asset: Computed, frames: Mapping[str, pl.DataFrame], **others: object) -> Rows:
        return _rows(asset, asset.function(**self._arguments(asset, frames, **others)))

    def _arguments(self, asset: Computed, frames: Mapping[str, pl.DataFrame], **others: object) -> dict[str, Any]:
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
            elif name in others:
                arguments[name] = others[name]
            elif name == "seed":
                arguments[name] = session_seed(self.profile.seed, asset.datasets[0].name, others["session"])
            elif name == "decided_at":
                arguments[name] = self.clock.decision_time(cast(dt.date, others["session"]))
            else:
                raise TypeError(f"{asset.name}: its function takes {name!r}, which is not an input, setting or session")
        return arguments


def by_dataset(asset: SessionAsset, rows_by_session: Mapping[dt.date, Rows]) -> dict[str, Frames]:
    """Frames of each of the asset's datasets."""
    return {d.name: {t: rows[i] for t, rows in rows_by_session.items()} for i, d in enumerate(asset.datasets)}


def _rows(asset: Computed, result: pl.DataFrame | Rows) -> Rows:
    rows = result if isinstance(result, tuple) else (result,)
    if len(rows) != len(asset.datasets):
        raise TypeError(f"{asset.name}: its function gives {len(rows)} frames, and {len(asset.datasets)} are declared")
    return rows


def _record(asset: Computed, record: type, frames: Mapping[str, pl.DataFrame]) -> object:
    """Inputs by the names of the record's fields."""
    names = [field.name for field in fields(record)]
    if missing := [name for name in names if name not in frames]:
        raise TypeError(f"{asset.name}: its function takes {record.__name__}, whose {missing} are not inputs")
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
