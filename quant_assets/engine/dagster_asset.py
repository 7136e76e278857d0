"""A session asset as a plain Dagster asset: partitions, dependencies, checks in its own step."""

import datetime as dt
import json
import uuid
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import dagster as dg
from dagster._core.events import DagsterEventBatchMetadata
from dagster._core.execution.context.metadata_logging import AssetMetadataHandle, OutputMetadataAccumulator
from threadpoolctl import threadpool_limits

from configs.settings import Profile
from feature_store import sessions
from feature_store.dataset import Dataset
from feature_store.errors import StoreError
from feature_store.versioning import code_version
from quant_assets.engine.asset import SessionAsset
from quant_assets.engine.lookahead_checks import CONTRACT, NO_LOOKAHEAD, judge_run
from quant_assets.engine.opening import open_runner
from quant_assets.engine.partitions import session_partitions
from quant_assets.engine.runner import Outcome, Runner
from quant_resources.home import Home, git_commit
from quant_resources.platform import Platform

OWNERS = ["team:quant"]
DESCRIPTIONS = {
    "source": "from the vendor",
    "along_time": "along time, per symbol",
    "per_session": "across symbols, per session",
    "fit": "parameters in force",
    "path": "one step from the stored state",
}


def to_dagster(asset: SessionAsset, profile: Profile) -> dg.AssetsDefinition:
    """The asset with one partition a session, run for a session or a range in one step."""
    checks = [CONTRACT, NO_LOOKAHEAD, *asset.checks]
    with warnings.catch_warnings():
        # backfill policies: pinned with dagster, and tested
        warnings.simplefilter("ignore", dg.BetaWarning)
        return _decorated(asset, profile, checks)


def _decorated(asset: SessionAsset, profile: Profile, checks: Sequence[str]) -> dg.AssetsDefinition:
    @dg.asset(
        key=asset.name.split("/"),
        partitions_def=session_partitions(profile.history.start, profile.history.end),
        # session to session: a trailing mapping would make Dagster widen a selected range downstream (ADR 7)
        deps=[name.split("/") for name in _windows(asset, profile)],
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[dg.AssetCheckSpec(name, asset=asset.name.split("/")) for name in checks],
        group_name=asset.dataset.slice,
        kinds={"parquet", "polars", asset.kind},
        owners=OWNERS,
        code_version=code_version(asset.function.__module__) if asset.function else None,
        description=f"{asset.dataset.description} ({DESCRIPTIONS[asset.kind]})",
        metadata={
            "dagster/column_schema": _column_schema(asset.dataset),
            "schema_version": asset.dataset.version,
            "reads": "\n".join(f"{name}: {length} sessions" for name, length in _windows(asset, profile).items()),
        },
    )
    def session_asset(context: dg.AssetExecutionContext, platform: Platform) -> dg.MaterializeResult:  # type: ignore[type-arg]
        targets = [dt.date.fromisoformat(key) for key in context.partition_keys]
        with workers(platform.workers) as pool:
            runner = open_runner(
                Home(Path(platform.home)), platform.store(), platform.profile(), context.run.run_id, git_commit(), pool
            )
            return _materialize(context, runner, asset, targets)

    return session_asset


def _windows(asset: SessionAsset, profile: Profile) -> dict[str, int]:
    """Longest window of each dataset that the asset reads, the session itself included."""
    lengths: dict[str, int] = {}
    for window in asset.inputs.values():
        name = window.dataset.name
        lengths[name] = max(asset.longest(window, profile), lengths.get(name, 0))
    return lengths


@contextmanager
def workers(count: int) -> Iterator[Executor | None]:
    """Processes for independent fits; none when one is enough."""
    if count < 2:
        yield None
        return
    # spawn: Polars' threads do not survive a fork
    with ProcessPoolExecutor(count, get_context("spawn"), threadpool_limits, (1,)) as pool:
        yield pool


def _materialize(
    context: dg.AssetExecutionContext, runner: Runner, asset: SessionAsset, targets: Sequence[dt.date]
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    outcomes: list[Outcome] = []
    try:
        for group in runner.run(asset, targets):
            outcomes += group
            if len(targets) > 1:
                done = len(outcomes)
                context.log.info(f"{asset.name}: {done} of {len(targets)} sessions, up to {group[-1].session}")
        _warn_of_left_out(context, runner, asset, targets)
        verdicts = judge_run(runner, asset, [o.partition for o in outcomes if not o.skipped], targets)
        _compact(context, runner, asset, targets[0])
    except BaseException:
        # What was stored before the failure is stored: Dagster is told exactly those sessions.
        log_stored(context, {o.session.isoformat(): _metadata(o) for o in outcomes})
        raise
    report_partitions(context, {o.session.isoformat(): _metadata(o) for o in outcomes})
    judged = {name: [v for v in verdicts if v.check == name] for name in (CONTRACT, NO_LOOKAHEAD, *asset.checks)}
    return dg.MaterializeResult(
        check_results=[check_result(runner, asset, name, len(found)) for name, found in judged.items()]
    )


def _warn_of_left_out(
    context: dg.AssetExecutionContext, runner: Runner, asset: SessionAsset, targets: Sequence[dt.date]
) -> None:
    """Rows of the payload that a declared rule leaves out are counted where people look (law 8)."""
    if asset.kind == "source":
        calculation = runner.calculation
        raw = calculation.vendor.fetch(asset.dataset, targets, calculation.clock.decision_time(targets[-1]))
        for rule, count in calculation.vendor.left_out(asset.dataset, raw, targets).items():
            if count:
                context.log.warning(f"{asset.name}: {count} rows left out: {rule}")


def _compact(context: dg.AssetExecutionContext, runner: Runner, asset: SessionAsset, first: dt.date) -> None:
    """Months of the run that are over, and the one before, become one file each: one query where there is none.

    Nobody's values wait for it: what hinders it is said, and `asof compact` fails with it.
    """
    try:
        moved = runner.store.compact(asset.dataset, first=first.replace(day=1) - dt.timedelta(days=1))
    except StoreError as error:
        context.log.warning(f"{asset.name}: months that are over were not compacted: {error}")
        return
    if moved:
        context.log.info(f"{asset.name}: {moved} sessions of months that are over moved into one file a month")


def report_partitions(context: dg.AssetExecutionContext, metadata: dict[str, dict[str, float | str]]) -> None:
    """Metadata of each partition, for the UI's plots.

    `context.add_asset_metadata` lists the range's partitions and copies all metadata at every call: 2,977 sessions take
    minutes. The accumulator behind it takes them at once.
    """
    step = context.get_step_execution_context()
    accumulated = dict(step._metadata_accumulator.per_output_metadata)
    accumulated |= {
        AssetMetadataHandle(asset_key=context.asset_key, partition_key=key): values for key, values in metadata.items()
    }
    step._metadata_accumulator = OutputMetadataAccumulator(per_output_metadata=accumulated)


def log_stored(context: dg.AssetExecutionContext, metadata: dict[str, dict[str, float | str]]) -> None:
    """Materializations of the sessions that a failing step has stored, as one batch of events.

    `context.log_event` writes each on its own: 24 s for 2,000 sessions where a batch takes one.
    """
    step = context.get_step_execution_context()
    batch, last = str(uuid.uuid4()), len(metadata) - 1
    for i, (session, values) in enumerate(metadata.items()):
        stored = dg.AssetMaterialization(context.asset_key, metadata=values, partition=session)
        dg.DagsterEvent.asset_materialization(step, stored, DagsterEventBatchMetadata(batch, i == last))


def check_result(runner: Runner, asset: SessionAsset, name: str, judged: int) -> dg.AssetCheckResult:
    """One verdict over all stored sessions, so that Friday's green cannot hide Wednesday's red."""
    stored = set(runner.store.sessions(asset.dataset))
    verdicts = [v for v in runner.store.index.verdicts(asset.name, name) if v[0] in stored]
    failed = [(session, detail) for session, passed, detail in verdicts if not passed]
    return dg.AssetCheckResult(
        check_name=name,
        passed=not failed,
        metadata={
            "sessions judged in this run": judged,
            "sessions with a verdict": len(verdicts),
            "failed": json.dumps([f"{session}: {detail}" for session, detail in failed[:20]]),
        },
    )


def _metadata(outcome: Outcome) -> dict[str, float | str]:
    partition = outcome.partition
    return {
        "rows": partition.rows,
        "nulls": partition.nulls,
        "seconds": round(outcome.seconds, 4),
        "generation": partition.generation,
        "content_hash": partition.content_hash,
        **outcome.figures,
    }


def _column_schema(dataset: Dataset) -> dg.TableSchema:
    columns = [dg.TableColumn("event_date", "Date", "session that the row speaks of")]
    columns += [
        dg.TableColumn(c.name, str(c.dtype), f"{c.description} [{c.unit}]; {c.grade.label}") for c in dataset.columns
    ]
    return dg.TableSchema([*columns, dg.TableColumn("known_at", "Datetime", "when it could be known, UTC")])


def sessions_needed(
    assets: Sequence[SessionAsset], selected: Sequence[str], first: dt.date, profile: Profile
) -> dict[str, dt.date]:
    """First session of every asset that the selected ones need, themselves included, for targets from `first` on."""
    by_name = {asset.name: asset for asset in assets}
    start = sessions.at_or_after(profile.history.start)
    needed = {name: (start if by_name[name].kind == "path" else first) for name in selected}
    for asset in reversed(assets):  # topological: consumers before what they read
        if asset.name in needed:
            for window in asset.inputs.values():
                begin = asset.first_needed(needed[asset.name], window, profile)
                name = window.dataset.name
                if by_name[name].kind == "path":
                    begin = start
                needed[name] = min(begin, needed.get(name, begin))
    return needed
