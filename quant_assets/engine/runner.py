"""Runs a session asset over sessions: what is missing or stale is computed, stamped and stored, in order, in groups.

A backfill of many sessions and a daily run of one take the same way; what a session holds depends on the session alone.
"""

import contextlib
import datetime as dt
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import polars as pl

from configs.settings import Profile
from feature_store import sessions
from feature_store.dataset import Column, Grade
from feature_store.describing import NewPartition, Provenance
from feature_store.errors import HindsightError
from feature_store.partition import StoredPartition
from feature_store.store import Store
from feature_store.texts import Texts
from quant_assets.engine.asset import CrossSection, ModelFit, Recursive, SessionAsset, Source, TimeSeries, Window
from quant_assets.engine.computation import Calculation, Frames, session_seed
from quant_assets.engine.expected import Expected, InputTable, Partitions, columns_read, expected_of
from quant_assets.engine.gate import Block, Gate, error_of
from quant_assets.engine.identity import identity
from quant_assets.engine.lineage import ActionsKnown, as_written, lineage_of
from quant_assets.engine.recursion import recomputed_steps
from quant_assets.engine.staleness import due
from quant_assets.engine.stamps import payload_digests, stamped
from quant_assets.engine.stored_versions import StoredVersions

GROUP = 60  # sessions, at least, that share one sync and one transaction; whole months
READING, COMPUTING, STORING, CHECKS = "reading", "computing", "storing", "checks"  # parts of the work
LOOKS = "looks"  # sessions computed again, to see whether the future could have mattered
CHUNK_ROWS = 3_000_000  # input rows held at once: bounds memory, never values


@dataclass(frozen=True)
class Outcome:
    """What became of one session of a run."""

    session: dt.date
    partition: StoredPartition
    skipped: bool
    seconds: float
    metadata: Mapping[str, float] = field(default_factory=dict)


class Runner:
    """Runs assets of one profile on one store.

    Args:
        run_id, git_commit: written into every footer (law 9).
        gate: stops decisions; without one that knows the graph, all of them.

    Attributes:
        took: seconds to read, compute and store what was run, by asset; without checks.
    """

    def __init__(
        self, store: Store, calculation: Calculation, run_id: str = "", git_commit: str = "", gate: Gate | None = None
    ) -> None:
        self.store = store
        self.calculation = calculation
        self.profile = calculation.profile
        self.texts = Texts(store.layout.texts)
        self.took: dict[str, float] = {}
        self.run_id = run_id
        self._git_commit = git_commit
        self.gate = gate or Gate(())

    # -- running ---------------------------------------------------------------------------------------------------

    def run(self, asset: SessionAsset, targets: Sequence[dt.date]) -> Iterator[list[Outcome]]:
        """Store every target session that is missing or stale; yields groups of outcomes as they are safe on disk.

        Raises:
            MissingSessionsError: an input session from `history.start` on is not stored.
            HindsightError: an input column graded hindsight without a named exception.
            DecisionBlockedError: checks stop a gated asset; its sessions that they do not concern are stored.
        """
        yield from (outcomes for _, outcomes in self.run_together([asset], targets))

    def run_together(
        self, assets: Sequence[SessionAsset], targets: Sequence[dt.date]
    ) -> Iterator[tuple[SessionAsset, list[Outcome]]]:
        """As `run`, of assets of one function, which is called once for all of them."""
        asset, targets = assets[0], self._within_history(sorted(targets))
        self.took = {name: seconds for name, seconds in self.took.items() if name not in {a.name for a in assets}}
        if isinstance(asset, Recursive):
            _reject_gaps(asset, targets)
        self._reject_hindsight(asset)
        blocked: dict[dt.date, list[Block]] = {}
        with contextlib.ExitStack() as locks:
            for name in sorted(a.name for a in assets if isinstance(a, Recursive)):
                locks.enter_context(self.store.locked(name))
            for chunk in self.chunks(asset, targets):
                yield from self._run_chunk(assets, chunk, blocked)
        if blocked:
            raise error_of(asset.name, blocked)

    def _run_chunk(
        self, assets: Sequence[SessionAsset], chunk: list[dt.date], blocked: dict[dt.date, list[Block]]
    ) -> Iterator[tuple[SessionAsset, list[Outcome]]]:
        asset, started, data = assets[0], time.perf_counter(), StoredVersions(self.store)
        frames: dict[str, Frames] = {}
        if isinstance(asset, Source):
            frames[asset.name], of_source = self.of_source(asset, self.calculation.compute(asset, chunk, data))
            expected = {asset.name: of_source}
        else:
            self.require_inputs(asset, chunk)
            expected = {a.name: self.expected(a, chunk) for a in assets}
        stored = {a.name: {p.session: p for p in self.store.partitions(a.dataset, chunk[0], chunk[-1])} for a in assets}
        compared = time.perf_counter()
        if isinstance(asset, Recursive):
            steps = [a for a in assets if isinstance(a, Recursive)]
            frames, expected = recomputed_steps(
                self.calculation, steps, chunk, expected, partial(_differs, stored), data
            )
        todo = {a.name: due(chunk, expected[a.name], stored[a.name]) for a in assets}
        for a in assets:
            current = [stored[a.name][t] for t in chunk if t not in set(todo[a.name])]
            if current:
                yield a, [Outcome(p.session, p, skipped=True, seconds=0.0) for p in current]
        blocked |= self.gate.blocked(self.store, self.profile, asset, todo[asset.name])
        todo = {name: [t for t in days if t not in blocked] for name, days in todo.items()}
        computed_sessions = sorted(set().union(*todo.values()))
        if not computed_sessions:
            return
        if isinstance(asset, ModelFit):
            fits = [a for a in assets if isinstance(a, ModelFit)]
            frames = self._fits(fits, todo, expected, data)
        elif isinstance(asset, TimeSeries | CrossSection):
            frames = self.calculation.compute_all(asset, computed_sessions, data)
        computed = time.perf_counter()
        # of a source, asking the vendor is the computing
        computing = computed - started if isinstance(asset, Source) else computed - compared - data.seconds
        took = {READING: computed - started - computing, COMPUTING: computing}
        some = [a for a in assets if todo[a.name]]
        for a in some:
            of_each = {part: seconds / len(some) for part, seconds in took.items()}
            for outcomes in self._store_all(a, todo[a.name], frames[a.name], expected[a.name], of_each):
                yield a, outcomes

    def _store_all(
        self,
        asset: SessionAsset,
        todo: Sequence[dt.date],
        frames: Frames,
        expected: Mapping[dt.date, Expected],
        took: Mapping[str, float],
    ) -> Iterator[list[Outcome]]:
        """Group after group; then what all of them took is recorded."""
        each, storing, actions = sum(took.values()) / len(todo), 0.0, ActionsKnown(self.store, todo[-1])
        for group in _batched(todo, GROUP):
            outcomes = self._store(asset, {t: frames.pop(t) for t in group}, expected, actions, each)
            storing += sum(o.seconds - each for o in outcomes)
            yield outcomes
        self.took[asset.name] = self.took.get(asset.name, 0.0) + sum(took.values()) + storing
        self.record_seconds(asset, todo, {**took, STORING: storing})

    def record_seconds(self, asset: SessionAsset, days: Sequence[dt.date], took: Mapping[str, float]) -> None:
        """What the sessions took together, by part of the work."""
        each = {(t, part): seconds / len(days) for part, seconds in took.items() for t in days}
        self.store.index.record_seconds(asset.name, each, dt.datetime.now(dt.UTC))

    def _store(
        self,
        asset: SessionAsset,
        frames: Mapping[dt.date, pl.DataFrame],
        expected: Mapping[dt.date, Expected],
        actions: ActionsKnown,
        seconds: float,
    ) -> list[Outcome]:
        started = time.perf_counter()
        self.texts.keep(identity(asset, self.calculation, type(self)).texts)
        rows = stamped(asset, frames, expected)
        new = [NewPartition(t, rows[t], self._provenance(asset, t, expected[t], actions)) for t in frames]
        written = self.store.write(asset.dataset, new)
        seconds += (time.perf_counter() - started) / len(new)
        return [
            Outcome(p.session, p, False, seconds, asset.metadata(frames[p.session]) if asset.metadata else {})
            for p in written
        ]

    def _fits(
        self,
        assets: Sequence[ModelFit],
        todo: Mapping[str, Sequence[dt.date]],
        expected: Mapping[str, Mapping[dt.date, Expected]],
        data: StoredVersions,
    ) -> dict[str, Frames]:
        """Parameters already stored under the same fingerprint are carried on; the others are fitted."""
        found = {a.name: self._carried(a, todo[a.name], expected[a.name], data) for a in assets}
        rest = sorted({t for name, days in todo.items() for t in days if t not in found[name]})
        for name, frames in (self.calculation.compute_all(assets[0], rest, data) if rest else {}).items():
            found[name] = frames | found.get(name, {})
        return found

    def _carried(
        self, asset: ModelFit, todo: Sequence[dt.date], expected: Mapping[dt.date, Expected], data: StoredVersions
    ) -> Frames:
        """Sessions of the first period: only that can have been begun by an earlier run."""
        if not todo:
            return {}
        refits = {t: asset.refit_session(t, self.profile) for t in todo}
        begun = self.store.partitions(asset.dataset, refits[todo[0]], sessions.shift(todo[0], -1))
        same = [p for p in begun if p.fingerprint == expected[todo[0]].fingerprint]
        if not same:
            return {}
        columns = list(asset.dataset.computed_schema)
        rows = data.versions(asset.dataset, same[-1].session, same[-1].session, columns).drop("session")
        return {t: rows.with_columns(event_date=pl.lit(t, pl.Date)) for t in todo if refits[t] == refits[todo[0]]}

    def stamped(self, asset: SessionAsset, session: dt.date, frame: pl.DataFrame, expected: Expected) -> pl.DataFrame:
        """One session as it is stored."""
        return stamped(asset, {session: frame}, {session: expected})[session]

    def _provenance(
        self, asset: SessionAsset, session: dt.date, expected: Expected, actions: ActionsKnown
    ) -> Provenance:
        seeded = asset.last_needed(session, self.profile)
        seeds = (
            {"seed": session_seed(self.profile.seed, asset.datasets[0].name, seeded)}
            if "config:seed" in expected.parts
            else {}
        )
        return Provenance(
            expected.fingerprint,
            expected.parts,
            expected.grade,
            self.run_id,
            self._git_commit,
            seeds,
            as_written(expected.lineage, actions),
        )

    # -- what a session depends on ------------------------------------------------------------------------------------

    def expected(
        self, asset: SessionAsset, chunk: Sequence[dt.date], stored: Partitions | None = None
    ) -> dict[dt.date, Expected]:
        """Fingerprint, grade and stamp of each session, from the inputs as they are in `stored`; by default, now."""
        return expected_of(asset, chunk, self.base_parts(asset), stored or self.store, self.profile)

    def base_parts(self, asset: SessionAsset) -> dict[str, str]:
        """What the asset's sessions depend on beside their inputs."""
        return identity(asset, self.calculation, type(self)).parts

    def of_source(
        self, asset: SessionAsset, frames: Mapping[dt.date, pl.DataFrame]
    ) -> tuple[dict[dt.date, pl.DataFrame], dict[dt.date, Expected]]:
        """A source's input is its payload: the digest of the rows that it says of the session."""
        base = self.base_parts(asset)
        days = list(frames)
        rows = {t: frame.drop("grade", strict=False) for t, frame in frames.items()}
        found = {}
        for t, digest in zip(days, payload_digests(list(rows.values()), asset.dataset.sort_key), strict=True):
            worst = max(frames[t].get_column("grade").to_list(), default=0) if "grade" in frames[t].columns else 0
            lineage = lineage_of(asset, t, [], self.profile)
            found[t] = Expected({**base, "input:payload": digest}, Grade(worst), None, lineage)
        return rows, found

    def require_inputs(self, asset: SessionAsset, chunk: Sequence[dt.date]) -> None:
        """Reject, naming them, when declared input sessions are not stored (law 2)."""
        for window in asset.inputs.values():
            first = asset.first_needed(chunk[0], window, self.profile)
            self.store.require(window.dataset, sessions.between(first, asset.last_needed(chunk[-1], self.profile)))

    def _reject_hindsight(self, asset: SessionAsset) -> None:
        for window in asset.inputs.values():
            for column in _hindsight_columns(window, self.profile):
                if f"{window.dataset.name}.{column.name}" not in self.profile.exceptions:
                    raise HindsightError(
                        f"{asset.name} reads {window.dataset.name}.{column.name}, which was not known then; leave "
                        f"the column out of its window, or name an exception in the profile: "
                        f"exceptions: {{{window.dataset.name}.{column.name}: why}}"
                    )

    # -- chunks ------------------------------------------------------------------------------------------------------

    def _within_history(self, targets: Sequence[dt.date]) -> list[dt.date]:
        start = self.profile.history.start
        if early := [t for t in targets if t < start]:
            raise ValueError(
                f"{early[0]} lies before history.start {start} of profile {self.profile.name}; start there, or move it"
            )
        return list(targets)

    def chunks(
        self, asset: SessionAsset, targets: Sequence[dt.date], stored: Partitions | None = None
    ) -> Iterator[list[dt.date]]:
        """Calendar years, or their months where a year would hold too many rows."""
        for _, year in itertools.groupby(targets, key=lambda t: t.year):
            whole = list(year)
            if self._rows(asset, whole, stored or self.store) <= CHUNK_ROWS:
                yield whole
            else:
                yield from (list(month) for _, month in itertools.groupby(whole, key=lambda t: t.month))

    def _rows(self, asset: SessionAsset, chunk: Sequence[dt.date], stored: Partitions) -> int:
        """Input rows that a chunk reads."""
        tables = (InputTable(asset, w, self.profile, stored, chunk).table for w in asset.inputs.values())
        return sum(table.rows(slice(None)) for table in tables)


def _differs(
    stored: Mapping[str, Mapping[dt.date, StoredPartition]], name: str, session: dt.date, expected: Expected
) -> bool:
    return session not in stored[name] or stored[name][session].fingerprint != expected.fingerprint


def _reject_gaps(asset: Recursive, targets: Sequence[dt.date]) -> None:
    if targets and (gaps := sorted({*sessions.between(targets[0], targets[-1])} - {*targets})):
        raise ValueError(f"{asset.name} goes from session to session; add {gaps[0]}, or run the parts on their own")


def _hindsight_columns(window: Window, profile: Profile) -> list[Column]:
    return [c for c in columns_read(window, profile) if c.grade == Grade.HINDSIGHT]


def _batched(items: Sequence[dt.date], size: int) -> Iterator[list[dt.date]]:
    """Whole months, as many as it takes to make a group of at least this size: a month is then one file."""
    group: list[dt.date] = []
    for _, month in itertools.groupby(items, key=lambda t: (t.year, t.month)):
        group += month
        if len(group) >= size:
            yield group
            group = []
    if group:
        yield group
