"""Law 6 over any number of stored sessions of every asset."""

from collections.abc import Sequence
from typing import Any

from quant_assets.engine.lookahead_checks import Checker, record, sampled_sessions
from quant_assets.engine.opening import open_runner
from quant_assets.graph import all_assets
from quant_assets.operations.backfill import selected_names
from quant_resources.home import Home


def certify_rows(home: Home, select: Sequence[str], count: int | None) -> list[dict[str, Any]]:
    """Per asset: sessions recomputed, those that could not be checked because they are stale, those that differ.

    `within_rounding` counts those that passed so, since they were stored on another platform than that in force.
    The file is read back too: a value is proved only if it is what a reader gets.
    """
    assets = all_assets(home.profile)
    names = selected_names(assets, select)
    runner = open_runner(home)
    store = runner.store
    checker = Checker(runner)
    rows = []
    for asset in (a for a in assets if a.name in names):
        stored = store.sessions(asset.dataset)
        sampled = stored if count is None else (
            sampled_sessions(asset, runner, stored[0], stored[-1], count) if stored else [])  # fmt: skip
        on_disk = checker.contract(asset, [p for p in store.partitions(asset.dataset) if p.session in set(sampled)])
        results = [v for s in sampled if (v := checker.recompute(asset, s))]
        record(runner, asset, [*on_disk, *results])
        differ = sorted((v for v in [*on_disk, *results] if not v.passed), key=lambda v: v.session)
        rows.append({
            "dataset": asset.name,
            "checked": len(results),
            "stale": len(sampled) - len(results),
            "differ": len({v.session for v in differ}),
            "within_rounding": sum(v.passed and bool(v.detail) for v in results),
            "first_difference": f"{differ[0].session}: {differ[0].detail}" if differ else None,
        })  # fmt: skip
    return rows
