"""Whether decisions leave the house: what stops them and since when, and what a person has let pass."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from configs.errors import did_you_mean
from configs.settings import Profile
from feature_store import sessions
from feature_store.check_results import RECORD
from feature_store.check_table import Waiver, value_of
from feature_store.errors import StoreError
from feature_store.store import Store
from quant_assets.engine.asset import SessionAsset
from quant_assets.engine.gate import MISSING, NO_LOOKAHEAD, Block, Gate, blocks_of, checks_of, is_gated, summary
from quant_assets.graph import all_assets
from quant_resources.home import Home


class WaiverError(StoreError):
    """There is nothing to waive, or no reason to."""


@dataclass(frozen=True)
class TradingState:
    """
    Attributes:
        blocks: what stops each gated asset at the last session that its inputs are stored of; empty where nothing does.
        waivers: all that were ever recorded, oldest first.
    """

    blocks: Mapping[str, Sequence[Block]]
    waivers: Sequence[Waiver]

    def lines(self) -> list[str]:
        """For people: blocks first."""
        blocked = [f"{name} blocked: {line}" for name, blocks in self.blocks.items() for line in summary(blocks)]
        return blocked + [waiver_line(waiver) for waiver in self.waivers]

    def as_json(self) -> dict[str, Any]:
        blocks = [{"blocked": name, **asdict(b)} for name, each in self.blocks.items() for b in each]
        return {"blocks": blocks, "waivers": [asdict(waiver) for waiver in self.waivers]}


def waiver_line(waiver: Waiver) -> str:
    of = f"{waiver.dataset}" + (f" {waiver.session}" if waiver.session else "")
    failed = f" ({waiver.detail})" if waiver.detail else ""
    return f"waived: {waiver.check} of {of}{failed} by {waiver.by}, {waiver.at[:19]}: {waiver.why}"


def trading_state(home: Home, store: Store | None = None) -> TradingState:
    return state_of(store or home.open_store(), home.profile, all_assets(home.profile))


def state_of(store: Store, profile: Profile, assets: Sequence[SessionAsset]) -> TradingState:
    gate = Gate(assets)
    blocks = {asset.name: _at_the_end(gate, store, profile, asset) for asset in assets if is_gated(asset)}
    return TradingState(blocks, store.checks.table.waivers())


def _at_the_end(gate: Gate, store: Store, profile: Profile, asset: SessionAsset) -> list[Block]:
    ends = [store.index.last_session(w.dataset.name, w.dataset.version) for w in asset.inputs.values()]
    last = max((end for end in ends if end), default=None)
    return gate.blocked(store, profile, asset, [last]).get(last, []) if last else []


# -- letting a check pass ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """What is to be waived.

    Attributes:
        days: each of them has something to waive.
        span: or: all that there is to waive in these sessions, both included.
    """

    check: str
    dataset: str
    days: tuple[dt.date, ...]
    span: tuple[dt.date, dt.date] | None
    why: str
    by: str


def waive(home: Home, request: Request) -> list[Waiver]:
    """Let failed or missing checks of stored sessions pass, for ever on record.

    Raises:
        WaiverError: no reason, no such asset or check, or nothing to waive.
    """
    if not request.why.strip():
        raise WaiverError("a waiver needs a reason, which every report prints: --why TEXT")
    store, asset = home.open_store(), _asset(home, request)
    span = request.span or (min(request.days, default=dt.date.min), max(request.days, default=dt.date.max))
    there = [block for block in _blocks(store, asset, request, span) if block.check == request.check]
    if request.check != RECORD:
        there = [b for b in there if not request.days or b.session in request.days]
        _require_all(store, asset, request, {b.session for b in there})
    if not there:
        raise WaiverError(_nothing(request, f"{span[0]} to {span[1]}"))
    at = store.checks.moment()
    waivers = [
        Waiver(b.asset, b.session, b.check, b.value, request.why.strip(), request.by, at, b.reason) for b in there
    ]
    store.checks.waive(waivers)
    return waivers


def _asset(home: Home, request: Request) -> SessionAsset:
    by_name = {asset.name: asset for asset in all_assets(home.profile)}
    if request.dataset not in by_name:
        raise WaiverError(f"no asset {request.dataset!r}{did_you_mean(request.dataset, by_name)}")
    asset = by_name[request.dataset]
    recorded = home.open_store().checks.table.checks_recorded(asset.name)
    if request.check not in (*checks_of(asset), *recorded, RECORD):
        raise WaiverError(f"{asset.name} has no check {request.check!r}; it has {', '.join(checks_of(asset))}")
    return asset


def _blocks(store: Store, asset: SessionAsset, request: Request, span: tuple[dt.date, dt.date]) -> list[Block]:
    """What is there to waive; where no session was ever computed again, each that is requested."""
    found = blocks_of(store, asset, span)
    whole = [b for b in found if (b.kind, b.check, b.session) == (MISSING, NO_LOOKAHEAD, None)]
    partitions = store.partitions(asset.dataset, *span) if whole else []
    return found + [Block(MISSING, asset.name, NO_LOOKAHEAD, p.session, "", b.reason, value_of(p))
                    for b in whole for p in partitions if p.session in request.days]  # fmt: skip


def _require_all(store: Store, asset: SessionAsset, request: Request, there: set[dt.date | None]) -> None:
    for day in sorted(set(request.days) - there):
        if day not in store.sessions(asset.dataset):
            near = "" if sessions.is_session(day) else " is no session, and"
            raise WaiverError(f"{day}{near} is not stored of {asset.name}: there is nothing to waive")
        waived = [w for w in store.checks.table.waivers() if (w.dataset, w.session, w.check)
                  == (asset.name, day, request.check)]  # fmt: skip
        raise WaiverError(_nothing(request, f"{day}", waived[-1] if waived else None))


def _nothing(request: Request, when: str, waiver: Waiver | None = None) -> str:
    text = f"nothing to waive: {request.check} of {request.dataset} {when} has not failed"
    return f"{text} since it was waived by {waiver.by}, {waiver.at[:19]}: {waiver.why}" if waiver else text
