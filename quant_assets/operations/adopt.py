"""`asof adopt`: after a change that moves no value, stored sessions are taken over, on evidence.

Every fit that is stale and a sample of the other stale sessions are computed again from stored inputs, with today's
code. Where all of a dataset have the stored content, its stale sessions count from then on as stored by today's code.
Another setting or another input is no such change, and what reads something that is still stale stays stale.
"""

import datetime as dt
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import polars as pl

from feature_store import sessions
from feature_store.adoptions import Adoption
from feature_store.contract import validated
from feature_store.errors import StoreError
from feature_store.hashing import content_hash
from feature_store.partition import StoredPartition
from quant_assets.engine.asset import ModelFit, Recursive, SessionAsset, Source
from quant_assets.engine.comparison import Comparison, compared
from quant_assets.engine.expected import Expected
from quant_assets.engine.identity import identity
from quant_assets.engine.opening import open_runner
from quant_assets.engine.plan import Held, Snapshot, expected, reaching
from quant_assets.engine.reasons import Histories, Reason, Reasons
from quant_assets.engine.recomputation import spans
from quant_assets.engine.runner import Runner
from quant_assets.engine.sampling import sample
from quant_assets.engine.staleness import Fingerprinted, differing, due, supported
from quant_assets.engine.stored_versions import StoredVersions
from quant_assets.graph import all_assets
from quant_assets.operations.backfill import selected_names
from quant_resources.home import Home, git_commit

ADOPTABLE = {"schema", "code", "shape"}  # parts of a fingerprint that may change and leave a value what it is
SAMPLE = 20  # sessions of a dataset


@dataclass(frozen=True)
class Difference:
    """A session that does not come out as it is stored.

    Attributes:
        what: what differs, for people.
        comparison: None where it could not be computed.
    """

    dataset: str
    session: dt.date
    what: str
    comparison: Comparison | None


@dataclass(frozen=True)
class Assessment:
    """What became of the stale sessions of one dataset.

    Attributes:
        recomputed: content hash by session.
        adopted: sessions.
        why_not: of the others, sessions by what stands against them.
    """

    dataset: str
    stale: int
    recomputed: Mapping[dt.date, str]
    adopted: tuple[dt.date, ...]
    why_not: Mapping[str, int]
    differences: tuple[Difference, ...]

    def as_row(self) -> dict[str, Any]:
        return {
            "dataset": self.dataset,
            "stale": self.stale,
            "recomputed": len(self.recomputed),
            "adopted": len(self.adopted),
            "left": self.stale - len(self.adopted),
            "why": "; ".join(f"{why} ({count})" for why, count in self.why_not.items()),
        }


@dataclass(frozen=True)
class Adopted:
    """
    Attributes:
        assessments: of the datasets with stale sessions, each after what it reads.
        number: of the record; None where nothing was taken over.
    """

    assessments: tuple[Assessment, ...]
    number: int | None

    @property
    def complete(self) -> bool:
        return all(len(one.adopted) == one.stale for one in self.assessments)

    def rows(self) -> list[dict[str, Any]]:
        return [one.as_row() for one in self.assessments]

    def differences(self) -> list[str]:
        return [f"{d.dataset} {d.session}: {d.what}" for one in self.assessments for d in one.differences]

    def summary(self) -> str:
        if not self.assessments:
            return "nothing is stale"
        if self.number is None:
            return "nothing was adopted"
        count = sum(len(one.adopted) for one in self.assessments)
        shown = sum(len(one.recomputed) for one in self.assessments if one.adopted)
        datasets = sum(bool(one.adopted) for one in self.assessments)
        return f"adoption {self.number}: {count} sessions of {datasets} datasets, {shown} computed again and equal"

    def as_json(self) -> dict[str, Any]:
        datasets = [one.as_row() | {"differences": [_as_json(d) for d in one.differences]} for one in self.assessments]
        return {"adoption": self.number, "datasets": datasets}


def adopt(
    home: Home | Runner,
    select: Sequence[str] = (),
    count: int | None = SAMPLE,
    why: str = "",
    assets: Sequence[SessionAsset] | None = None,
) -> Adopted:
    """
    Args:
        home: or a runner on its store.
        count: sessions of a dataset that are computed again; None for all. Of fits, every refit in any case.
        why: the reason that is kept with the record.
        assets: all by default, each after what it reads.
    """
    runner = home if isinstance(home, Runner) else open_runner(home)
    graph = all_assets(runner.profile) if assets is None else assets
    work = _Adopting(runner, set(selected_names(graph, select)), count)
    for asset in graph:
        work.assess(asset)
    number = None
    if work.adoptions:
        runner.texts.keep(work.texts)
        about = {"at": f"{dt.datetime.now(dt.UTC):%FT%TZ}", "who": _user(), "why": why, "git_commit": git_commit()}
        number = runner.store.adopt(about, work.adoptions)
    return Adopted(tuple(work.assessments), number)


class _Adopting:
    """Assesses assets one after the other; nothing is written."""

    def __init__(self, runner: Runner, selected: Set[str], count: int | None) -> None:
        self.adoptions: list[Adoption] = []
        self.assessments: list[Assessment] = []
        self.texts: dict[str, str] = {}
        self._runner = runner
        self._selected = selected
        self._count = count
        self._seen = Snapshot(runner.store)
        self._histories = Histories(runner.store)
        self._left: dict[str, list[dt.date]] = {}  # sessions that are still not what they would be, by dataset
        self._differ: set[str] = set()  # datasets that do not come out as stored, and what reads them

    def assess(self, asset: SessionAsset) -> None:
        held = self._seen.held(asset.dataset)
        if not held:
            return
        days = sorted(held)
        checkable = supported(asset, days, self._runner.profile)
        current = expected(self._runner, asset, checkable, held, self._seen)
        stale = due(checkable, current, held)
        upstream = reaching(self._runner, asset, checkable, self._left)
        against = self._against(asset, stale, held, current, upstream)
        candidates = [t for t in stale if t not in against]
        evidence: _Evidence = _Evidence({}, ())
        if candidates:
            evidence = self._compared(asset, candidates, current)
            if evidence.differences:
                self._differ.add(asset.name)
                against |= dict.fromkeys(candidates, "does not come out as it is stored")
                candidates = []
        if candidates:
            self._take_over(asset, candidates, held, current, evidence.hashes)
        if stale and asset.name in self._selected:
            why_not = {why: list(against.values()).count(why) for why in dict.fromkeys(against.values())}
            self.assessments.append(
                Assessment(asset.name, len(stale), evidence.hashes, tuple(candidates), why_not, evidence.differences)
            )
        self._keep_left(asset, days, {*stale, *upstream, *(set(days) - set(checkable))} - set(candidates))

    def _keep_left(self, asset: SessionAsset, days: Sequence[dt.date], left: Set[dt.date]) -> None:
        """And what is not stored since the history's start; of a recursive asset, all that follows."""
        if isinstance(asset, Recursive) and left:
            left = left | {t for t in days if t > min(left)}
        absent = set(sessions.between(self._runner.profile.history.start, days[-1])) - set(days)
        self._left[asset.name] = sorted(left | absent)

    def _against(
        self,
        asset: SessionAsset,
        stale: Sequence[dt.date],
        held: Mapping[dt.date, Held],
        current: Mapping[dt.date, Fingerprinted],
        upstream: Mapping[dt.date, Sequence[str]],
    ) -> dict[dt.date, str]:
        """What stands against taking a stale session over."""
        if tainted := sorted({w.dataset.name for w in asset.inputs.values()} & self._differ):
            self._differ.add(asset.name)
            return dict.fromkeys(stale, f"reads {', '.join(tainted)}, which does not come out as it is stored")
        if asset.name not in self._selected:
            return dict.fromkeys(stale, "is not selected")
        reasons = Reasons(self._runner, asset, self._histories)
        broken = min(upstream, default=dt.date.max)
        against: dict[dt.date, str] = {}
        for t in stale:
            stored, would = held[t].parts, current[t].parts
            if set(differing(stored, would)) - ADOPTABLE:
                why = reasons.of(t, held[t].written_at, stored, would)
                against[t] = "; ".join(f"{reason}" for reason in why if reason.kind not in ADOPTABLE | {"library"})
            elif t in upstream:
                against[t] = f"reads {', '.join(upstream[t])}, which is stale or not stored"
            elif isinstance(asset, Recursive) and (against or t > broken):
                against[t] = "follows on a session that is not adopted"
        return against

    # -- evidence ------------------------------------------------------------------------------------------------------

    def _compared(
        self, asset: SessionAsset, candidates: Sequence[dt.date], current: Mapping[dt.date, Fingerprinted]
    ) -> "_Evidence":
        stored = {p.session: p for p in self._runner.store.partitions(asset.dataset, candidates[0], candidates[-1])}
        hashes: dict[dt.date, str] = {}
        differences = []
        for group in self._groups(asset, candidates):
            for t, computed in self._computed(asset, group, current):
                answer = self._difference(asset, stored[t], computed)
                if isinstance(answer, Difference):
                    differences.append(answer)
                else:
                    hashes[t] = answer
        return _Evidence(hashes, tuple(differences))

    def _groups(self, asset: SessionAsset, candidates: Sequence[dt.date]) -> Iterator[Sequence[dt.date]]:
        """Sessions that are computed together: all or the sample; a recursive asset's each from the stored state."""
        sampled = candidates if self._count is None else sample(self._runner, asset, candidates, self._count)
        if isinstance(asset, Recursive) or (self._count is not None and not isinstance(asset, ModelFit)):
            yield from ([t] for t in sampled)
        elif isinstance(asset, Source):
            yield from itertools.chain.from_iterable(self._runner.chunks(asset, run) for run in spans(sampled))
        else:
            yield from self._runner.chunks(asset, sampled)

    def _computed(
        self, asset: SessionAsset, group: Sequence[dt.date], current: Mapping[dt.date, Fingerprinted]
    ) -> Iterator[tuple[dt.date, "_Computed"]]:
        try:
            frames = self._runner.calculation.compute(asset, group, StoredVersions(self._runner.store))
        except Exception as error:  # code that cannot compute what is stored gives something else
            yield from ((t, _Computed(error=f"{type(error).__name__}: {error}")) for t in group)
            return
        now = self._runner.of_source(asset, frames)[1] if isinstance(asset, Source) else current
        for t in group:
            would = now[t]
            assert isinstance(would, Expected)
            same = would.fingerprint == current[t].fingerprint
            yield t, _Computed(self._runner.stamped(asset, t, frames[t], would), int(would.grade), same)

    def _difference(self, asset: SessionAsset, stored: StoredPartition, computed: "_Computed") -> Difference | str:
        """The content hash that both have, or what is different."""
        session, name = stored.session, asset.name
        if computed.rows is None:
            return Difference(name, session, f"cannot be computed: {computed.error}", None)
        try:
            (rows,) = validated(asset.dataset, [(session, computed.rows)])
        except StoreError as error:
            return Difference(name, session, f"cannot be stored: {error}", None)
        content = content_hash(rows)
        if content == stored.content_hash and computed.grade == stored.grade and computed.same_payload:
            return content
        comparison = compared(self._runner.store.rows_of(stored), rows, asset.dataset)
        lines = [f"{comparison.fraction:.3%} of the cells differ", *map(str, comparison.columns)]
        if computed.grade != stored.grade:
            lines.append(f"grade {stored.grade} -> {computed.grade}")
        if not computed.same_payload:
            lines.append("the vendor's payload is another")
        return Difference(name, session, "; ".join(lines), comparison)

    # -- taking over ---------------------------------------------------------------------------------------------------

    def _take_over(
        self,
        asset: SessionAsset,
        days: Sequence[dt.date],
        held: Mapping[dt.date, Held],
        current: Mapping[dt.date, Fingerprinted],
        hashes: Mapping[dt.date, str],
    ) -> None:
        generations = {p.session: p.generation for p in self._runner.store.partitions(asset.dataset, days[0], days[-1])}
        base = self._runner.base_parts(asset)
        reasons = Reasons(self._runner, asset, self._histories)
        counts: dict[Reason, int] = {}
        for t in days:
            for reason in reasons.of(t, held[t].written_at, held[t].parts, current[t].parts):
                counts[reason] = counts.get(reason, 0) + 1
        self.adoptions.append(
            Adoption(
                asset.name,
                asset.dataset.version,
                {name: base[name] for name in sorted(ADOPTABLE & base.keys())},
                tuple(days),
                tuple(generations[t] for t in days),
                tuple(held[t].fingerprint for t in days),
                tuple(current[t].fingerprint for t in days),
                {
                    "reasons": {f"{reason}": count for reason, count in counts.items()},
                    "recomputed": {f"{t}": content for t, content in hashes.items()},
                },
            )
        )
        self.texts |= identity(asset, self._runner.calculation, type(self._runner)).texts


@dataclass(frozen=True)
class _Evidence:
    hashes: Mapping[dt.date, str]
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class _Computed:
    """Rows of a session, or why there are none; of a source, whether its payload is the stored one."""

    rows: pl.DataFrame | None = None
    grade: int = 0
    same_payload: bool = True
    error: str = ""


def _as_json(difference: Difference) -> dict[str, Any]:
    comparison = difference.comparison
    return {
        "session": difference.session,
        "what": difference.what,
        "fraction": comparison.fraction if comparison else None,
        "columns": [vars(column) for column in comparison.columns] if comparison else [],
    }


def _user() -> str:
    return os.environ.get("USER") or f"uid {os.getuid()}"
