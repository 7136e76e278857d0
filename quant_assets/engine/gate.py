"""What stops a decision: failed and missing checks of all that it rests on, unless a person let them pass.

Research goes on whatever fails. What leaves the house does not: a session of a gated asset is stored only when every
check of it and of what is before it, over the sessions that it rests on, has passed.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from configs.settings import Profile
from feature_store import sessions
from feature_store.check_results import RECORD
from feature_store.errors import StoreError
from feature_store.store import Store
from quant_assets.engine.asset import CrossSection, SessionAsset, rests_on

CONTRACT, NO_LOOKAHEAD = "contract", "no_lookahead"  # the checks that every asset has
FAILED, MISSING = "failed", "missing"
SHOWN = 5  # reasons that an error names

Span = tuple[dt.date, dt.date]


class DecisionBlockedError(StoreError):
    """Sessions of a gated asset are not stored, because of checks of what they rest on."""


@dataclass(frozen=True)
class Block:
    """One reason for which decisions are not stored; whatever else stops trading joins as another kind.

    Attributes:
        kind: `failed` or `missing`.
        session: that the check speaks of; None where it is the whole asset.
        since: when it was first recorded, UTC in ISO form; empty where it never was.
        value: the stored value that was checked, which a waiver names.
    """

    kind: str
    asset: str
    check: str
    session: dt.date | None
    since: str
    reason: str
    value: str

    def __str__(self) -> str:
        of = f"{self.check} of {self.asset}" + (f" {self.session}" if self.session else "")
        return f"{of} {'failed' if self.kind == FAILED else 'is missing'}: {self.reason}"

    @property
    def remedy(self) -> str:
        """What a person can do."""
        session = f" --session {self.session or 'YYYY-MM-DD'}" if self.check != RECORD else ""
        waive = f"`asof waive {self.check} --asset {self.asset}{session} --why TEXT`"
        if self.check == RECORD:
            return f"put the file back from a copy, or {waive}"
        if self.kind == MISSING:
            return f"`asof certify --all --select {self.asset}`, or {waive}"
        if self.check == CONTRACT:
            return f"`asof verify`, then store the session anew with `asof backfill`, or {waive}"
        return f"repair what is wrong and store the session anew with `asof refresh`, or {waive}"


def checks_of(asset: SessionAsset) -> list[str]:
    """Names of the checks that its sessions must pass."""
    return [CONTRACT, NO_LOOKAHEAD, *asset.checks]


def is_gated(asset: SessionAsset) -> bool:
    return isinstance(asset, CrossSection) and asset.gated


class Gate:
    """Says which sessions of a gated asset are blocked.

    Args:
        assets: the whole graph, topologically sorted.
    """

    def __init__(self, assets: Sequence[SessionAsset]) -> None:
        self._assets = assets

    def blocked(
        self, store: Store, profile: Profile, asset: SessionAsset, days: Sequence[dt.date]
    ) -> dict[dt.date, list[Block]]:
        """Those of the days (ascending) that must not be stored, with the reasons.

        Raises:
            StoreError: the asset is none of the graph's: what it rests on is not known.
        """
        if not is_gated(asset) or not days:
            return {}
        if asset.name not in {a.name for a in self._assets}:
            raise StoreError(f"internal error: {asset.name} is gated, and its runner does not know what it rests on")
        whole = self.spans(asset, days[0], days[-1], profile)
        blocks = [b for a in self._assets if a.name in whole for b in blocks_of(store, a, whole[a.name])]
        blocks += _failures(store, asset, (dt.date.min, sessions.shift(days[-1], -1)))
        if not blocks:
            return {}
        found = {t: _concerning(blocks, self.spans(asset, t, t, profile), asset.name, t) for t in days}
        return {t: reasons for t, reasons in found.items() if reasons}

    def spans(self, asset: SessionAsset, first: dt.date, last: dt.date, profile: Profile) -> dict[str, Span]:
        """First and last session of every asset on which sessions [first, last] of one rest, itself left out.

        What comes out of the same call as one of these counts too: limits that do not hold are those of the book.
        """
        needed = {asset.name: (first, last)}
        for each in reversed(self._assets):
            if each.name in needed:
                begin, end = needed[each.name]
                begin = each.own_first_needed(begin, profile)
                needed[each.name] = (begin, end)
                for window in each.inputs.values():
                    _widen(needed, window.dataset.name, each.first_needed(begin, window, profile),
                           each.last_needed(end, profile))  # fmt: skip
                for name in rests_on(each)[len(each.inputs) :]:
                    _widen(needed, name, begin, end)
        for each in self._assets:
            if each.name in needed and each.name != asset.name:
                for dataset in each.datasets:
                    _widen(needed, dataset.name, *needed[each.name])
        del needed[asset.name]
        return needed


def error_of(name: str, blocked: Mapping[dt.date, Sequence[Block]]) -> DecisionBlockedError:
    """Names the sessions, the reasons and what helps."""
    days = sorted(blocked)
    lines = summary(list(dict.fromkeys(block for day in days for block in blocked[day])))
    more = [f"and {len(lines) - SHOWN} more; `asof status` has all"] if len(lines) > SHOWN else []
    span = f"{days[0]}" if len(days) == 1 else f"{len(days)} sessions from {days[0]} to {days[-1]}"
    return DecisionBlockedError(f"{name} {span} not stored, since it rests on: " + "; ".join([*lines[:SHOWN], *more]))


def summary(blocks: Sequence[Block]) -> list[str]:
    """A line for each check that failed or is missing: its first session, how many more, and what helps."""
    groups: dict[tuple[str, str, str], list[Block]] = {}
    for block in blocks:
        groups.setdefault((block.kind, block.asset, block.check), []).append(block)
    return [_line(first, len(others), (others or [first])[-1]) for first, *others in groups.values()]


def _line(first: Block, others: int, last: Block) -> str:
    more = f", and so for {others} more sessions up to {last.session}" if others else ""
    since = f" (since {first.since[:19]} UTC)" if first.since else ""
    return f"{first}{more}{since}; {first.remedy}"


def _concerning(blocks: Sequence[Block], spans: Mapping[str, Span], own: str, session: dt.date) -> list[Block]:
    """Blocks of the sessions that one rests on; of its own asset, those of earlier sessions."""
    reach = {**spans, own: (dt.date.min, sessions.shift(session, -1))}
    return [
        b for b in blocks
        if b.asset in reach and (b.session is None or reach[b.asset][0] <= b.session <= reach[b.asset][1])
    ]  # fmt: skip


def _widen(needed: dict[str, Span], name: str, first: dt.date, last: dt.date) -> None:
    before = needed.get(name, (first, last))
    needed[name] = (min(first, before[0]), max(last, before[1]))


# -- what is recorded of one asset -------------------------------------------------------------------------------------


def blocks_of(store: Store, asset: SessionAsset, span: Span) -> list[Block]:
    """What speaks against the stored sessions of one asset, both ends of the span included."""
    return [*_failures(store, asset, span), *_missing(store, asset, span), *_unreadable(store, asset)]


def _failures(store: Store, asset: SessionAsset, span: Span) -> list[Block]:
    found = store.checks.table.failures(asset.name, asset.dataset.version, *span)
    worst = {(r.session, r.check): r for r in reversed(found)}  # of several looks, the first
    return [Block(FAILED, asset.name, r.check, r.session, r.since, r.detail, r.value) for r in worst.values()][::-1]


def _missing(store: Store, asset: SessionAsset, span: Span) -> Iterator[Block]:
    table, version = store.checks.table, asset.dataset.version
    for check in (CONTRACT, *asset.checks):
        for session, value in table.unchecked(asset.name, version, check, *span):
            yield Block(MISSING, asset.name, check, session, "", "the stored session was never checked", value)
    stored = store.index.last_session(asset.name, version)
    if stored is not None and not table.is_checked(asset.name, version, NO_LOOKAHEAD):
        yield Block(MISSING, asset.name, NO_LOOKAHEAD, None, "", "no session as it is stored was computed again", "")


def _unreadable(store: Store, asset: SessionAsset) -> list[Block]:
    return [
        Block(FAILED, asset.name, RECORD, None, "", f"line {line.number} of {path}: {line.reason}", line.digest)
        for path, line in store.checks.unreadable(asset.name)
    ]
