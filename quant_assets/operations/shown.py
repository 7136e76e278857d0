"""What Dagster shows of what is stored.

A run that was killed has stored more than it has reported, and `asof certify` checks without a run.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from quant_assets.engine.asset import SessionAsset
from quant_assets.engine.gate import checks_of
from quant_assets.engine.runner import Runner

if TYPE_CHECKING:
    from dagster import DagsterInstance


def sessions_shown(instance: "DagsterInstance", names: Sequence[str]) -> dict[str, set[str]]:
    """Sessions that Dagster shows as materialized, by dataset."""
    import dagster as dg  # noqa: PLC0415 -- as in `run_range`

    return {name: instance.get_materialized_partitions(dg.AssetKey(name.split("/"))) for name in names}


def checks_shown(instance: "DagsterInstance", assets: Sequence[SessionAsset]) -> dict[tuple[str, str], bool]:
    """Whether the check passes, as Dagster shows it, by dataset and check; without those that it has no result of."""
    import dagster as dg  # noqa: PLC0415 -- as in `run_range`
    from dagster._core.storage.asset_check_execution_record import (  # noqa: PLC0415
        AssetCheckExecutionRecordStatus as Status,
    )

    keys = [dg.AssetCheckKey(dg.AssetKey(a.name.split("/")), check) for a in assets for check in checks_of(a)]
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    ended = {key: record.status for key, record in latest.items() if record.status in (Status.SUCCEEDED, Status.FAILED)}
    return {(key.asset_key.to_user_string(), key.name): status is Status.SUCCEEDED for key, status in ended.items()}


def shown_otherwise(instance: "DagsterInstance", runner: Runner, assets: Sequence[SessionAsset]) -> list[str]:
    """Datasets one of whose checks Dagster shows otherwise than the stored results say, or not at all."""
    shown = checks_shown(instance, assets)
    return [
        a.name for a in assets if any(shown.get((a.name, c)) != (not _failures(runner, a, c)) for c in checks_of(a))
    ]


def failed_checks(runner: Runner, assets: Sequence[SessionAsset]) -> list[str]:
    """A line for each check with a failed stored session, as the run that stored it reported."""
    failed = {(a.name, check): _failures(runner, a, check) for a in assets for check in checks_of(a)}
    return [
        f"check {check} of {name} fails: {json.dumps(lines[:20])}" for (name, check), lines in failed.items() if lines
    ]


def _failures(runner: Runner, asset: SessionAsset, check: str) -> list[str]:
    stored = set(runner.store.sessions(asset.dataset))
    results = runner.store.check_results(asset.name, check)
    return [f"{session}: {detail}" for session, passed, detail in results if not passed and session in stored]
