"""What a partition rests on, however far back: the source of the universe's members, and corporate actions."""

import datetime as dt
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from configs.settings import Profile
from feature_store.hashing import digest_of
from feature_store.schemas.market import CORPORATE_ACTIONS, MEMBERS, UNIVERSE
from feature_store.store import Store
from quant_assets.engine.asset import SessionAsset

CONSTITUENCY, ACTIONS = "constituency", "actions"


@dataclass(frozen=True)
class Lineage:
    """
    Attributes:
        constituency: the source of the universe's members; None where nothing that it rests on needs one.
        actions_until: the last session of corporate actions that it may rest on; None where it rests on none.
    """

    constituency: str | None
    actions_until: dt.date | None


class ActionsKnown:
    """Digests of all corporate actions that a store knew by a session."""

    def __init__(self, store: Store, last: dt.date) -> None:
        self._sessions: list[dt.date] = []
        self._digests: list[str] = []
        digest = ""
        for session, content in store.content_hashes(CORPORATE_ACTIONS, last):
            digest = digest_of([digest, content])
            self._sessions.append(session)
            self._digests.append(digest)

    def by(self, session: dt.date | None) -> str | None:
        """Of the partitions up to the session, each with all before it; None without a session, or without any."""
        i = bisect_right(self._sessions, session) if session else 0
        return self._digests[i - 1] if i else None


def lineage_of(
    asset: SessionAsset, last: dt.date, inputs: Sequence[Mapping[str, str | None]], profile: Profile
) -> Lineage:
    """
    Args:
        last: session up to which the asset reads its inputs.
        inputs: of each input the lineage of a partition that it reads, as it stands in the footer; one is enough, since
            all of a dataset rest on the same.
    """
    sources = sorted({name for lineage in inputs if (name := lineage.get(CONSTITUENCY))})
    if asset.name in (MEMBERS.name, UNIVERSE.name):
        sources = [constituency(profile, profile.market.universe_source if asset.name == UNIVERSE.name else "members")]
    direct = any(window.dataset.name == CORPORATE_ACTIONS.name for window in asset.inputs.values())
    rests_on_actions = direct or any(lineage.get(ACTIONS) for lineage in inputs)
    return Lineage("; ".join(sources) or None, last if rests_on_actions else None)


def constituency(profile: Profile, source: str) -> str:
    """The source of constituents, the vendor and its files: "members: files, sp500_membership"."""
    tables = getattr(profile.vendor, source, [])
    return ", ".join([f"{source}: {profile.vendor.kind}", *(table.file for table in tables)])


def as_written(lineage: Lineage, actions: ActionsKnown) -> dict[str, str | None]:
    """As it stands in the footer."""
    return {CONSTITUENCY: lineage.constituency, ACTIONS: actions.by(lineage.actions_until)}
