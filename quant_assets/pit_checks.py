"""The checks that every asset carries: `contract` and `no_lookahead`.

`no_lookahead` recomputes stored sessions alone, from what was known at them, in a store that now holds later data, and
once more inside a range whose inputs after a random session are scrambled: the content must be the stored one.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from feature_store import sessions
from feature_store.contract import validated
from feature_store.dataset import Dataset
from feature_store.errors import StoreError
from feature_store.hashing import content_hash, digest_of
from feature_store.index import StoredPartition
from quant_assets.calculation import Versions
from quant_assets.runner import Runner, StoredVersions
from quant_assets.windows import SessionAsset

NO_LOOKAHEAD = "no_lookahead"
CONTRACT = "contract"
SPAN = 10  # sessions on either side of the scrambled pass's cut


@dataclass(frozen=True)
class Verdict:
    session: dt.date
    check: str
    passed: bool
    detail: str = ""


class Scrambled:
    """Versions in which every number learned after `cut` belongs to somebody else, and is half as large again."""

    def __init__(self, data: Versions, cut: dt.date, seed: int) -> None:
        self._data = data
        self._cut = cut
        self._seed = seed

    def versions(self, dataset: Dataset, first: dt.date, last: dt.date, columns: Sequence[str]) -> pl.DataFrame:
        rows = self._data.versions(dataset, first, last, columns)
        later = rows.filter(pl.col("session") > self._cut)
        order = np.random.default_rng(self._seed).permutation(later.height)
        numbers = [name for name in dataset.values if name in rows.columns and rows.schema[name].is_numeric()]
        moved = [(later.get_column(name).gather(order) * 1.5).cast(rows.schema[name]) for name in numbers]
        return pl.concat([rows.filter(pl.col("session") <= self._cut), later.with_columns(moved)])

    def state(self, dataset: Dataset, session: dt.date) -> pl.DataFrame | None:
        return self._data.state(dataset, session)


class Judge:
    """Judges stored sessions of assets."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._data = StoredVersions(runner.store)

    def contract(self, asset: SessionAsset, partitions: Sequence[StoredPartition]) -> list[Verdict]:
        """Read back from disk: the content is what was announced, and what the subject demands holds."""
        verdicts = []
        for partition in partitions:
            try:
                self._runner.store.verify_partition(partition)
                verdicts.append(Verdict(partition.session, CONTRACT, True))
            except StoreError as error:
                verdicts.append(Verdict(partition.session, CONTRACT, False, str(error)))
        return verdicts

    def subject(self, asset: SessionAsset, partitions: Sequence[StoredPartition]) -> list[Verdict]:
        """The asset's own checks of each session, over its rows and the bars of the session."""
        verdicts = []
        for partition in partitions if asset.checks else []:
            s = partition.session
            rows = self._runner.store.read(asset.dataset, s, first=s, last=s)
            bars = self._runner.store.read("market/bars", s, first=s, last=s)
            for name, check in asset.checks.items():
                wrong = check(rows, bars, self._runner.calculation.clock)
                verdicts.append(Verdict(s, name, wrong is None, wrong or ""))
        return verdicts

    def recompute(self, asset: SessionAsset, session: dt.date) -> Verdict | None:
        """Compute one stored session alone, from what was known at it; None where it is stale and cannot be judged."""
        stored = self._stored(asset, session)
        if stored is None:
            return None
        frame = self._runner.calculation.compute(asset, [session], self._data)[session]
        return self._compare(asset, stored, frame, "computed alone")

    def scrambled(self, asset: SessionAsset, cut: dt.date, last: dt.date) -> list[Verdict]:
        """Compute a short range over `cut` with everything learned after it scrambled; what lies before must agree."""
        if asset.kind in ("source", "path", "fit"):  # a payload is cut, a path walks one step, a fit sees one window
            return []
        store, profile = self._runner.store, self._runner.profile
        first = max(sessions.shift(cut, -SPAN), sessions.at_or_after(profile.history.start))
        if asset.anchor == "year":
            first = max(first, sessions.first_of_year(cut))
        end = min(sessions.shift(cut, SPAN), last)
        targets = [s for s in store.sessions(asset.dataset) if first <= s <= end]
        if not targets or (len({t.year for t in targets}) > 1 and asset.anchor):
            return []
        seed = int(digest_of([asset.name, str(cut)])[:8], 16)
        try:
            frames = self._runner.calculation.compute(asset, targets, Scrambled(self._data, cut, seed))
        except Exception as error:
            return [Verdict(cut, NO_LOOKAHEAD, True, f"scrambled inputs were refused: {error}")]
        judged = []
        for t in targets:
            stored = self._stored(asset, t) if t <= cut else None
            if stored:
                judged.append(self._compare(asset, stored, frames[t], f"everything after {cut} scrambled"))
        return judged

    def _stored(self, asset: SessionAsset, session: dt.date) -> StoredPartition | None:
        """The stored partition, if it is what code, config and inputs of today would store."""
        found = self._runner.store.partitions(asset.dataset, session, session)
        if not found:
            return None
        if asset.kind == "source":
            return found[0]
        expected = self._runner.expected(asset, [session])[session]
        return found[0] if found[0].fingerprint == expected.fingerprint else None

    def _compare(self, asset: SessionAsset, stored: StoredPartition, frame: pl.DataFrame, how: str) -> Verdict:
        session = stored.session
        if asset.kind == "source":
            rows = frame.drop("grade", strict=False)
        else:
            rows = self._runner.stamped(asset, session, frame, self._runner.expected(asset, [session])[session])
        found = content_hash(validated(asset.dataset, [(session, rows)])[0], [])
        same = found == stored.content_hash
        return Verdict(session, NO_LOOKAHEAD, same, "" if same else f"{how}: {found}, stored {stored.content_hash}")


def chosen_sessions(asset: SessionAsset, runner: Runner, first: dt.date, last: dt.date, count: int) -> list[dt.date]:
    """Stored sessions worth recomputing: a year's edge, a refit, one with late rows, and random ones.

    The choice is a hash of (asset, range), so that a repeated run repeats it.
    """
    partitions = runner.store.partitions(asset.dataset, None, last)
    if not partitions:
        return []
    rng = np.random.default_rng(int(digest_of([asset.name, str(first), str(last)])[:8], 16))
    stored = [p.session for p in partitions]
    picks: list[dt.date] = []
    edges = [b for a, b in zip(stored, stored[1:], strict=False) if a.year != b.year]
    refits = [s for s in stored if asset.kind == "fit" and asset.refit_session(s, runner.profile) == s]
    late = [p.session for p in partitions if asset.dataset.restates and p.late_rows]
    for group in (edges, refits, late):
        if group:
            picks.append(group[int(rng.integers(len(group)))])
    picks += [stored[int(i)] for i in rng.integers(len(stored), size=count)]
    return sorted(dict.fromkeys(picks[:count]))


def judge_run(
    runner: Runner, asset: SessionAsset, written: Sequence[StoredPartition], targets: Sequence[dt.date]
) -> list[Verdict]:
    """Both checks after a run of the asset over `targets`; the verdicts are recorded in the store's index."""
    judge = Judge(runner)
    count = 1 if len(targets) == 1 else 4
    verdicts = judge.contract(asset, written) + judge.subject(asset, written)
    sessions_judged = chosen_sessions(asset, runner, targets[0], targets[-1], count)
    verdicts += [v for s in sessions_judged if (v := judge.recompute(asset, s))]
    if len(targets) > 2:
        rng = np.random.default_rng(int(digest_of([asset.name, "cut", str(targets[0]), str(targets[-1])])[:8], 16))
        verdicts += judge.scrambled(asset, targets[int(rng.integers(len(targets) - 1))], targets[-1])
    record(runner, asset, verdicts)
    return verdicts


def record(runner: Runner, asset: SessionAsset, verdicts: Sequence[Verdict]) -> None:
    # A pass never hides a failure of the same run and session.
    worst: dict[tuple[dt.date, str], Verdict] = {}
    for verdict in verdicts:
        slot = (verdict.session, verdict.check)
        if slot not in worst or not verdict.passed:
            worst[slot] = verdict
    runner.store.record_verdicts([(asset.name, v.session, v.check, v.passed, v.detail) for v in worst.values()])
