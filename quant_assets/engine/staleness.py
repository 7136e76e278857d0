"""Which stored sessions are no longer what today's code, config and inputs would store; asked here and nowhere else."""

import datetime as dt
import itertools
from collections.abc import Sequence

from configs.settings import Profile
from feature_store import sessions
from quant_assets.engine.asset import Recursive, SessionAsset, Source
from quant_assets.engine.runner import Expected, Runner


def count_stale(runner: Runner, asset: SessionAsset, stored: Sequence[dt.date]) -> int:
    """Stored sessions whose code, config or inputs have changed since; sources are compared by code and config."""
    judged = supported(asset, stored, runner.profile)
    return len(stored) - len(judged) + len(stale_sessions(runner, asset, judged))


def stale_sessions(runner: Runner, asset: SessionAsset, stored: Sequence[dt.date]) -> list[dt.date]:
    """As `count_stale`; of a recursive asset, sessions without a gap, the one before them stored."""
    partitions = {p.session: p for p in runner.store.partitions(asset.dataset)}
    if isinstance(asset, Source):
        base = runner.base_parts(asset)
        return [s for s in stored if any(partitions[s].parts.get(name) != value for name, value in base.items())]
    expected: dict[dt.date, Expected] = {}
    for _, year in itertools.groupby(stored, key=lambda session: session.year):
        expected |= runner.expected(asset, list(year))
    return [s for s in stored if expected[s].fingerprint != partitions[s].fingerprint]


def supported(asset: SessionAsset, stored: Sequence[dt.date], profile: Profile) -> list[dt.date]:
    """Stored sessions that rest on what is stored.

    Of a recursive asset, those from the history's start up to the first that is not stored.
    """
    if not isinstance(asset, Recursive) or not stored:
        return list(stored)
    required = sessions.between(profile.history.start, stored[-1])
    return [a for a, b in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(stored, required, strict=False))]
