"""One copy of the code on one store: what it holds to be stale, and what really changes. For `staleness`.

Every asset is computed anew whatever its fingerprint says, in order, each over the changed contents of those before it;
with `due` nothing is computed, and a source is judged by its code and settings. Without a store, one is made.
"""

import datetime as dt
import itertools
import json
import sys
from pathlib import Path

from configs.load import load
from feature_store import sessions
from feature_store.contract import validated
from feature_store.decision_time import DecisionClock
from feature_store.describing import NewPartition, Provenance
from feature_store.hashing import content_hash
from feature_store.schemas.catalogue import DATASETS
from feature_store.store import Store
from quant_assets.engine.asset import Recursive, Source
from quant_assets.engine.computation import Calculation
from quant_assets.engine.gate import Gate
from quant_assets.engine.recursion import recomputed_steps
from quant_assets.engine.runner import Runner
from quant_assets.engine.stored_versions import StoredVersions
from quant_assets.graph import core_assets
from quant_resources.vendors.registry import make_vendor


def open_runner(folder, overrides):
    profile = load("demo", overrides=overrides)
    clock = DecisionClock(profile.decision_minutes_before_open)
    store = Store(folder, clock=clock, hindsight_allowed=list(DATASETS))
    return Runner(store, Calculation(profile, clock, make_vendor(profile, folder)), gate=OpenGate(()))


class OpenGate(Gate):
    """Stops nothing: what is stored here is compared, not checked."""

    def blocked(self, store, profile, asset, days):
        return {}


def fill(runner, days):
    for asset in core_assets():
        for _ in runner.run(asset, days):
            pass


def judged(runner, asset, days):
    """Sessions that are due, sessions whose content is another, and of those the ones that are not due."""
    stored = {p.session: p for p in runner.store.partitions(asset.dataset)}
    frames, expected = computed(runner, asset, days)
    contents = {t: stamped_content(runner, asset, t, frames[t], expected[t]) for t in days}
    hashes = {t: content_hash(frame, asset.dataset.sort_key) for t, frame in contents.items()}
    due = [t for t in days if t not in stored or stored[t].fingerprint != expected[t].fingerprint]
    changed = [t for t in days if t not in stored or stored[t].content_hash != hashes[t]]
    missed = [t for t in changed if t not in due]
    # the store refuses another content under the same fingerprint, as it should
    prints = {t: expected[t].fingerprint + " missed" * (t in missed) for t in changed}
    new = [NewPartition(t, contents[t], Provenance(prints[t], expected[t].parts, expected[t].grade)) for t in changed]
    runner.store.write(asset.dataset, new)
    return due, changed, missed


def computed(runner, asset, days):
    data = StoredVersions(runner.store)
    frames = {}
    if isinstance(asset, Recursive):  # each step from the one before it, as it comes out now
        expected = {asset.name: runner.expected(asset, days)}
        steps, now = recomputed_steps(runner.calculation, [asset], days, expected, lambda *_: True, data)
        return steps[asset.name], now[asset.name]
    for _, year in itertools.groupby(days, key=lambda t: t.year):  # as runs do
        frames |= runner.calculation.compute(asset, list(year), data)
    if isinstance(asset, Source):
        return runner.of_source(asset, frames)
    return frames, runner.expected(asset, days)


def stamped_content(runner, asset, day, frame, expected):
    return validated(asset.dataset, [(day, runner.stamped(asset, day, frame, expected))])[0]


def due_alone(runner, asset, days):
    """As `judged`, of contents as they are stored."""
    stored = {p.session: p for p in runner.store.partitions(asset.dataset)}
    if isinstance(asset, Source):
        base = runner.base_parts(asset)
        return [t for t in days if t not in stored or any(stored[t].parts.get(k) != v for k, v in base.items())], [], []
    expected = runner.expected(asset, days)
    return [t for t in days if t not in stored or stored[t].fingerprint != expected[t].fingerprint], [], []


def main():
    folder, overrides, answer = Path(sys.argv[1]), json.loads(sys.argv[2]), Path(sys.argv[3])
    settled = dt.date.fromisoformat(sys.argv[4])
    judge = due_alone if "due" in sys.argv else judged
    runner = open_runner(folder, overrides)
    days = sessions.between(runner.profile.history.start, runner.profile.history.end)
    if not runner.store.sessions(core_assets()[0].dataset):
        fill(runner, days)
    found = {}
    for asset in core_assets():
        due, changed, missed = judge(runner, asset, days)
        found[asset.name] = {
            "due": sum(t >= settled for t in due),
            "changed": sum(t >= settled for t in changed),
            "due_ever": len(due),
            "changed_ever": len(changed),
            "missed": len(missed),
        }
    answer.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
