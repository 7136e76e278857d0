"""What is stored, and how two stores differ."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from feature_store import sessions
from feature_store.adoptions import WITHDRAWN
from feature_store.store import Store
from quant_assets.engine.asset import SessionAsset
from quant_assets.engine.opening import open_runner
from quant_assets.engine.plan import plan
from quant_assets.engine.runner import Runner
from quant_assets.graph import all_assets
from quant_assets.operations.power import certified_at, cycle_ends, power_of
from quant_assets.operations.trading import state_of
from quant_resources.home import Home


def status_rows(home: Home) -> list[dict[str, Any]]:
    """Per dataset: stored, missing between history's start and the last stored session, stale, adopted, failed.

    `waived` counts all waivers that were ever recorded; `blocked` says what stops the orders of the last session.
    """
    store = home.open_store()
    profile = home.profile
    runner = open_runner(home, store)
    assets = all_assets(profile)
    state = state_of(store, profile, assets)
    last = max((days[-1] for a in assets if (days := store.sessions(a.dataset))), default=None)
    stale = plan(runner, [(asset, store.sessions(asset.dataset)) for asset in assets])
    rows = []
    for asset in assets:
        partitions = store.partitions(asset.dataset)
        stored = {p.session: p for p in partitions}
        expected = sessions.between(profile.history.start, last) if last else []
        failed = {(r.session, r.check) for r in store.checks.table.failures(
            asset.name, asset.dataset.version, dt.date.min, dt.date.max)}  # fmt: skip
        rows.append({
            "dataset": asset.name,
            "stored": len(stored),
            "missing": sum(s not in stored for s in expected),
            "stale": len(stale.of(asset.name).stale),
            "adopted": sum(p.adopted is not None and WITHDRAWN not in p.parts for p in partitions),
            "failed": len(failed),
            "waived": sum(waiver.dataset == asset.name for waiver in state.waivers),
            "blocked": [str(block) for block in state.blocks.get(asset.name, [])],
            "first": min(stored, default=None),
            "last": max(stored, default=None),
            "rows": sum(p.rows for p in partitions),
            **_power(runner, asset, profile.certification.cycle_days),
        })  # fmt: skip
    return rows


def _power(runner: Runner, asset: SessionAsset, cycle_days: int) -> dict[str, Any]:
    """What leaks the sessions that were computed again would have shown, and when all of them will have been."""
    ends = cycle_ends(certified_at(runner, asset), cycle_days, dt.datetime.now(dt.UTC))
    return power_of(runner, asset) | {"cycle_ends": ends}


def cycle_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """When the cycle of certification ends, in a sentence."""
    ends = max((row["cycle_ends"] for row in rows if row["cycle_ends"]), default=None)
    return f"certification: every stored session by {ends}, if `asof certify --rotation` runs each night"


def diff_rows(
    a: Store, b: Store, first: dt.date | None, last: dt.date | None, select: Sequence[str]
) -> list[dict[str, Any]]:
    """Per dataset: sessions equal, different, and stored in one only."""
    names = sorted({name for store in (a, b) for name, _ in store.index.datasets()})
    rows = []
    for name in names:
        if select and name not in select and name.split("/")[0] not in select:
            continue
        in_a = {p.session: p.content_hash for p in a.partitions(name, first, last)}
        in_b = {p.session: p.content_hash for p in b.partitions(name, first, last)}
        differ = sorted(s for s in in_a.keys() & in_b.keys() if in_a[s] != in_b[s])
        rows.append({
            "dataset": name,
            "equal": len(in_a.keys() & in_b.keys()) - len(differ),
            "differ": len(differ),
            "only_a": len(in_a.keys() - in_b.keys()),
            "only_b": len(in_b.keys() - in_a.keys()),
            "first_difference": differ[0] if differ else None,
        })  # fmt: skip
    return rows
