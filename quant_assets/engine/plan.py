"""What is due, why, and how long it will take: one plan, which is executed or explained.

`plan` goes through the assets, each after what it reads, so that a session is also due where something in its windows
is: it may turn out current once that comes out as it was.
"""

import datetime as dt
import itertools
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from feature_store.dataset import Dataset
from feature_store.partition import StoredPartition
from feature_store.partition_table import PartitionTable
from feature_store.store import Store
from feature_store.versioning import fingerprint
from quant_assets.engine.asset import Recursive, SessionAsset, Source
from quant_assets.engine.reasons import Histories, Reason, Reasons
from quant_assets.engine.recomputation import spans
from quant_assets.engine.runner import Runner
from quant_assets.engine.staleness import Fingerprinted, differing, due, followed
from quant_assets.engine.stored_versions import StoredVersions

MISSING, UPSTREAM = "missing", "upstream"
PAYLOAD = "input:payload"


@dataclass(frozen=True)
class Due:
    """What of one asset is due.

    Attributes:
        sessions: why, by session, ascending.
        each: seconds that a session took so far, by part of the work; empty where none was timed.
    """

    dataset: str
    sessions: Mapping[dt.date, tuple[Reason, ...]]
    each: Mapping[str, float]

    @property
    def missing(self) -> list[dt.date]:
        return [t for t, why in self.sessions.items() if why[0].kind == MISSING]

    @property
    def stale(self) -> list[dt.date]:
        """Stored, and not what would be stored today."""
        return [t for t, why in self.sessions.items() if why[0].kind not in (MISSING, UPSTREAM)]

    @property
    def upstream(self) -> list[dt.date]:
        """Due only because something that they read is."""
        return [t for t, why in self.sessions.items() if why[0].kind == UPSTREAM]

    @property
    def first(self) -> dt.date | None:
        return next(iter(self.sessions), None)

    @property
    def seconds(self) -> float | None:
        """Expected of all sessions; None where nothing is known."""
        return len(self.sessions) * sum(self.each.values()) if self.each else None

    def reasons(self) -> dict[Reason, list[dt.date]]:
        """Sessions of each reason, the most frequent first; `since` is the earliest."""
        found: dict[tuple[str, str], list[dt.date]] = {}
        since: dict[tuple[str, str], dt.date] = {}
        for t, why in self.sessions.items():
            for reason in why:
                same = (reason.kind, reason.text)
                found.setdefault(same, []).append(t)
                if reason.since:
                    since[same] = min(reason.since, since.get(same, reason.since))
        ordered = sorted(found.items(), key=lambda item: -len(item[1]))
        return {Reason(*same, since.get(same)): days for same, days in ordered}


@dataclass(frozen=True)
class Plan:
    """
    Attributes:
        assets: all that were planned, each after what it reads.
    """

    assets: tuple[Due, ...]

    def of(self, name: str) -> Due:
        return next(due for due in self.assets if due.dataset == name)

    @property
    def due(self) -> list[Due]:
        """Those of which anything is."""
        return [asset for asset in self.assets if asset.sessions]

    @property
    def seconds(self) -> float:
        """Expected of all, without the assets that were never timed."""
        return sum(asset.seconds or 0.0 for asset in self.due)

    @property
    def untimed(self) -> list[str]:
        return [asset.dataset for asset in self.due if asset.seconds is None]


class Held(NamedTuple):
    """What the index says of a stored session."""

    fingerprint: str
    written: str
    written_at: dt.datetime

    @property
    def parts(self) -> Mapping[str, str]:
        return _parts(self.written)


@dataclass(frozen=True)
class AsStored:
    """What a source's session would say of itself."""

    parts: Mapping[str, str]

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.parts)


@lru_cache(maxsize=4096)
def _parts(text: str) -> Mapping[str, str]:
    found: dict[str, str] = json.loads(text)
    return found


class Snapshot:
    """A store's index, each dataset's read once for all that ask."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tables: dict[str, PartitionTable] = {}

    def held(self, dataset: Dataset) -> dict[dt.date, Held]:
        names = ("session", "fingerprint", "parts", "written_at")
        rows = self._store.index.table(dataset.name, dataset.version, names, None, None)
        return {dt.date.fromisoformat(t): Held(f, p, dt.datetime.fromisoformat(at)) for t, f, p, at in rows}

    def table(self, dataset: Dataset, first: dt.date, last: dt.date) -> PartitionTable:
        if dataset.name not in self._tables:
            self._tables[dataset.name] = self._store.table(dataset)
        return self._tables[dataset.name]

    def partitions(self, dataset: Dataset, first: dt.date, last: dt.date) -> Sequence[StoredPartition]:
        return self._store.partitions(dataset, first, last)

    def require(self, dataset: Dataset, needed: Sequence[dt.date]) -> None:
        self._store.require(dataset, needed)


def plan(
    runner: Runner,
    targets: Iterable[tuple[SessionAsset, Sequence[dt.date]]],
    *,
    explain: bool = False,
    ask_vendor: bool = False,
) -> Plan:
    """
    Args:
        targets: assets, each after what it reads, and their sessions, ascending; a recursive asset's without a gap.
        explain: say which definitions, settings, columns; else only of which kind a reason is.
        ask_vendor: of sources ask the vendor for what it says now; else they are due by code and config alone.
    """
    seen, histories = Snapshot(runner.store), Histories(runner.store)
    found: dict[str, Due] = {}
    for asset, days in targets:
        held = seen.held(asset.dataset)
        own = _own(runner, asset, days, held, seen, histories if explain else None, ask_vendor)
        why = own | _upstream(runner, asset, days, found, own)
        found[asset.name] = Due(asset.name, dict(sorted(why.items())), runner.store.index.seconds(asset.name))
    return Plan(tuple(found.values()))


def expected(
    runner: Runner, asset: SessionAsset, days: Sequence[dt.date], held: Mapping[dt.date, Held], seen: Snapshot
) -> Mapping[dt.date, Fingerprinted]:
    """What stored sessions would say of themselves if they were stored today; of a source, with the same payload."""
    if not days:
        return {}
    if isinstance(asset, Source):
        base = runner.base_parts(asset)
        payloads = {t: {n: text for n, text in held[t].parts.items() if n == PAYLOAD} for t in days}
        return {t: AsStored(base | payload) for t, payload in payloads.items()}
    return runner.expected(asset, days, seen)


def _own(
    runner: Runner,
    asset: SessionAsset,
    days: Sequence[dt.date],
    held: Mapping[dt.date, Held],
    seen: Snapshot,
    histories: Histories | None,
    ask_vendor: bool,
) -> dict[dt.date, tuple[Reason, ...]]:
    """Sessions that are due by themselves."""
    why: dict[dt.date, tuple[Reason, ...]] = {t: (Reason(MISSING),) for t in days if t not in held}
    checkable = followed(asset, days, set(held), runner.profile)
    why |= {t: (Reason("state", "the session before is not stored"),) for t in set(days) & set(held) - set(checkable)}
    if isinstance(asset, Source) and ask_vendor:
        current = _from_vendor(runner, asset, checkable)
    else:
        current = expected(runner, asset, checkable, held, seen)
    reasons = Reasons(runner, asset, histories) if histories else None
    for t in due(checkable, current, held):
        parts = held[t].parts, current[t].parts
        why[t] = reasons.of(t, held[t].written_at, *parts) if reasons else tuple(map(_kind, differing(*parts)))
    return why


def _from_vendor(runner: Runner, asset: Source, days: Sequence[dt.date]) -> Mapping[dt.date, Fingerprinted]:
    """As the vendor serves stored sessions now."""
    found: dict[dt.date, Fingerprinted] = {}
    for chunk in itertools.chain.from_iterable(runner.chunks(asset, run) for run in spans(days)):
        found |= runner.of_source(asset, runner.calculation.compute(asset, chunk, StoredVersions(runner.store)))[1]
    return found


def _kind(part: str) -> Reason:
    if part == PAYLOAD:
        return Reason("payload")
    kind, _, _ = part.partition(":")
    return Reason("setting" if kind == "config" else kind)


def _upstream(
    runner: Runner,
    asset: SessionAsset,
    days: Sequence[dt.date],
    due_before: Mapping[str, Due],
    own: Mapping[dt.date, tuple[Reason, ...]],
) -> dict[dt.date, tuple[Reason, ...]]:
    """Sessions with a due session of another asset in their windows; of a recursive asset, and what follows."""
    changing = {name: list(due.sessions) for name, due in due_before.items()}
    read = reaching(runner, asset, [t for t in days if t not in own], changing)
    why = {t: tuple(Reason(UPSTREAM, name) for name in names) for t, names in read.items()}
    if isinstance(asset, Recursive) and (begin := min([*why, *own], default=None)):
        after = (Reason(UPSTREAM, asset.name),)
        why |= {t: after for t in days if t > begin and t not in why and t not in own}
    return why


def reaching(
    runner: Runner, asset: SessionAsset, days: Sequence[dt.date], changing: Mapping[str, Sequence[dt.date]]
) -> dict[dt.date, list[str]]:
    """Sessions in whose windows a changing session of another dataset lies: which datasets, by name.

    Args:
        changing: ascending, by dataset.
    """
    windows = [(w, changing[w.dataset.name]) for w in asset.inputs.values() if changing.get(w.dataset.name)]
    found = {}
    for t in days:
        last = asset.last_needed(t, runner.profile)
        names = {
            w.dataset.name
            for w, those in windows
            if bisect_left(those, asset.first_needed(t, w, runner.profile)) < bisect_right(those, last)
        }
        if names:
            found[t] = sorted(names)
    return found
