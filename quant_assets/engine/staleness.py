"""Which stored sessions are no longer what today's code, config and inputs would store; asked here and nowhere else."""

import datetime as dt
import itertools
from collections.abc import Sequence

from feature_store import sessions
from quant_assets.engine.asset import SessionAsset
from quant_assets.engine.runner import Expected, Runner


def count_stale(runner: Runner, asset: SessionAsset, stored: Sequence[dt.date]) -> int:
    """Stored sessions whose code, config or inputs have changed since; sources are compared by code and config."""
    judged = unbroken(stored, runner.profile.history.start) if asset.kind == "path" else stored
    return len(stored) - len(judged) + len(stale_sessions(runner, asset, judged))


def stale_sessions(runner: Runner, asset: SessionAsset, stored: Sequence[dt.date]) -> list[dt.date]:
    """As `count_stale`; of a path, sessions that follow on one another from one whose predecessor is stored."""
    partitions = {p.session: p for p in runner.store.partitions(asset.dataset)}
    if asset.kind == "source":
        base = runner.base_parts(asset)
        return [s for s in stored if any(partitions[s].parts.get(name) != value for name, value in base.items())]
    expected: dict[dt.date, Expected] = {}
    for _, year in itertools.groupby(stored, key=lambda session: session.year):
        expected |= runner.expected(asset, list(year))
    return [s for s in stored if expected[s].fingerprint != partitions[s].fingerprint]


def first_due(runner: Runner, asset: SessionAsset, targets: Sequence[dt.date]) -> dt.date | None:
    """The first target that is not stored, or stale; None where all are current. Sources as in `count_stale`.

    Args:
        targets: sessions that follow on one another.
    """
    stored = set(runner.store.sessions(asset.dataset))
    rests_on = sessions.shift(targets[0], -1) if targets[0] > sessions.at_or_after(runner.profile.history.start) else None
    if asset.kind == "path" and rests_on and rests_on not in stored:
        return targets[0]
    present = list(itertools.takewhile(stored.__contains__, targets))
    stale = stale_sessions(runner, asset, present)
    return min([*targets[len(present) : len(present) + 1], *stale[:1]], default=None)


def unbroken(stored: Sequence[dt.date], start: dt.date) -> list[dt.date]:
    """Sessions of a path from its start up to the first that is not stored; what lies behind rests on nothing."""
    if not stored:
        return []
    required = sessions.between(start, stored[-1])
    return [a for a, b in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(stored, required, strict=False))]
