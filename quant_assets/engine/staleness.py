"""Which sessions are due: not stored, or not what today's code, config and inputs would store.

Whatever computes, plans, counts or takes over looks here.
"""

import datetime as dt
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from configs.settings import Profile
from feature_store import sessions
from quant_assets.engine.asset import Recursive, SessionAsset


class Fingerprinted(Protocol):
    """What a session rests on, as it is stored or as it would be."""

    @property
    def fingerprint(self) -> str: ...

    @property
    def parts(self) -> Mapping[str, str]: ...


def due(
    targets: Iterable[dt.date], expected: Mapping[dt.date, Fingerprinted], stored: Mapping[dt.date, Fingerprinted]
) -> list[dt.date]:
    """Targets that are not stored, or under another fingerprint than is expected."""
    return [t for t in targets if t not in stored or stored[t].fingerprint != expected[t].fingerprint]


def differing(stored: Mapping[str, str], expected: Mapping[str, str]) -> list[str]:
    """Names of the parts of a fingerprint that are not the same, sorted."""
    return sorted(name for name in stored.keys() | expected.keys() if stored.get(name) != expected.get(name))


def supported(asset: SessionAsset, stored: Sequence[dt.date], profile: Profile) -> list[dt.date]:
    """Stored sessions that rest on what is stored.

    Of a recursive asset, those from the history's start up to the first that is not stored.
    """
    if not isinstance(asset, Recursive) or not stored:
        return list(stored)
    return _without_gap(stored, sessions.at_or_after(profile.history.start))


def followed(asset: SessionAsset, targets: Sequence[dt.date], stored: set[dt.date], profile: Profile) -> list[dt.date]:
    """Stored targets that a fingerprint can be expected of.

    Of a recursive asset, those that follow on one another from one whose predecessor is stored.
    """
    if not isinstance(asset, Recursive) or not targets:
        return [t for t in targets if t in stored]
    begin = targets[0]
    begun = begin == sessions.at_or_after(profile.history.start) or sessions.shift(begin, -1) in stored
    return list(itertools.takewhile(stored.__contains__, _without_gap(targets, begin))) if begun else []


def _without_gap(days: Sequence[dt.date], begin: dt.date) -> list[dt.date]:
    """Days up to the first that does not follow on the one before."""
    required = sessions.between(begin, days[-1])
    return [a for a, b in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(days, required, strict=False))]
