"""Session assets as plain Dagster assets: partitions, dependencies, checks in the asset's own step."""

import datetime as dt
import json
import uuid
import warnings
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import dagster as dg
from dagster._core.events import DagsterEventBatchMetadata
from dagster._core.execution.context.metadata_logging import AssetMetadataHandle, OutputMetadataAccumulator
from threadpoolctl import threadpool_limits

from configs.settings import Profile
from feature_store.catalog import ready_query
from feature_store.dataset import Dataset
from feature_store.errors import StoreError
from feature_store.numeric_platform import advice, in_force
from quant_assets.engine.asset import Recursive, SessionAsset, Source, run_together
from quant_assets.engine.identity import code_of
from quant_assets.engine.lookahead_checks import CONTRACT, NO_LOOKAHEAD, Verdict, judge_run
from quant_assets.engine.opening import open_runner
from quant_assets.engine.partitions import session_partitions
from quant_assets.engine.runner import Outcome, Runner
from quant_resources.home import Home, git_commit
from quant_resources.platform import Platform

Result = dg.MaterializeResult[None] | dg.AssetCheckResult

OWNERS = ["team:quant"]


def to_dagster(name: str, assets: Sequence[SessionAsset], profile: Profile) -> dg.AssetsDefinition:
    """The assets, each with one partition a session, as one step of Dagster that runs any of them.

    A step costs Dagster more than a small asset's session costs us. And of several assets in a step, one that fails
    stops what reads it, while a failed step would stop every step that reads any of its assets.

    Args:
        name: of the step.
        assets: topologically sorted.
    """
    with warnings.catch_warnings():
        # backfill policies: pinned with dagster, and tested
        warnings.simplefilter("ignore", dg.BetaWarning)
        return _decorated(name, assets, profile)


def _decorated(name: str, assets: Sequence[SessionAsset], profile: Profile) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=name,
        specs=[_spec(asset, profile) for asset in assets],
        check_specs=[dg.AssetCheckSpec(check, asset=_key(asset)) for asset in assets for check in _checks(asset)],
        partitions_def=session_partitions(profile.history.start, profile.history.end),
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
    )
    def step(context: dg.AssetExecutionContext, platform: Platform) -> Iterator[Result]:
        with workers(platform.workers) as pool:
            runner = open_runner(
                Home(Path(platform.home)), platform.store(), platform.profile(), context.run.run_id, git_commit(), pool
            )
            yield from _run(context, runner, assets)

    return step


def _spec(asset: SessionAsset, profile: Profile) -> dg.AssetSpec:
    windows = _windows(asset, profile)
    return dg.AssetSpec(
        key=_key(asset),
        # session to session: a trailing mapping would make Dagster widen a selected range downstream (ADR 7)
        deps=[name.split("/") for name in windows],
        group_name=asset.dataset.slice,
        kinds={"parquet", "polars", asset.kind.replace(" ", "_")},
        owners=OWNERS,
        code_version=None if isinstance(asset, Source) else code_of(asset, Runner).digest,
        description=f"{asset.dataset.description} ({asset.summary})",
        metadata={
            "dagster/column_schema": _column_schema(asset.dataset),
            "schema_version": asset.dataset.version,
            "sql": dg.MetadataValue.md(
                f"`asof sql` or the resource `catalogue`:\n```sql\n{ready_query(asset.dataset)}\n```"
            ),
            "reads": "\n".join(f"{name}: {length} sessions" for name, length in windows.items()),
        },
    )


def _key(asset: SessionAsset) -> dg.AssetKey:
    return dg.AssetKey(asset.name.split("/"))


def _checks(asset: SessionAsset) -> list[str]:
    return [CONTRACT, NO_LOOKAHEAD, *asset.checks]


def _windows(asset: SessionAsset, profile: Profile) -> dict[str, int]:
    """Longest window of each dataset that the asset reads, the session itself included."""
    lengths: dict[str, int] = {}
    for window in asset.inputs.values():
        name = window.dataset.name
        lengths[name] = max(asset.longest(window, profile), lengths.get(name, 0))
    return lengths


@contextmanager
def workers(count: int) -> Iterator[Executor | None]:
    """Processes for independent fits; none when one is enough.

    Raises:
        RuntimeError: this process calculates with other kernels than its workers would.
    """
    if count < 2:
        yield None
        return
    here = in_force()
    if here.reaches_target and not here.is_pinned:  # a process that is spawned takes up the pins, and fits would differ
        raise RuntimeError(f"{count} worker processes would calculate with other kernels than this one: {advice(here)}")
    # spawn: Polars' threads do not survive a fork
    with ProcessPoolExecutor(count, get_context("spawn"), threadpool_limits, (1,)) as pool:
        yield pool


def _run(context: dg.AssetExecutionContext, runner: Runner, assets: Sequence[SessionAsset]) -> Iterator[Result]:
    """Results of the selected assets in their order; what fails is told at the end, once the others are stored.

    Raises:
        dagster.Failure: with what was wrong, by asset.
    """
    failed: dict[str, Exception] = {}
    stopped: set[str] = set()
    for group in run_together(assets):
        selected = [asset for asset in group if _key(asset) in context.selected_asset_keys]
        for asset in group:
            if asset not in selected and (judged := _selected_checks(context, asset)):
                yield from _judge_stored(context, runner, asset, judged)
        if not selected:
            continue
        names = [asset.name for asset in selected]
        if blocked := sorted({w.dataset.name for w in group[0].inputs.values()} & (failed.keys() | stopped)):
            stopped.update(names)
            context.log.warning(f"{', '.join(names)}: not run, since it reads {', '.join(blocked)}")
            continue
        try:
            outcomes = _stored(context, runner, selected)
        except Exception as error:
            failed |= dict.fromkeys(names, error)
            context.log.exception(f"{', '.join(names)} failed")
            continue
        for asset in selected:
            try:
                result = _materialized(context, runner, asset, outcomes[asset.name])
            except Exception as error:
                failed[asset.name] = error
                context.log.exception(f"{asset.name} failed")
            else:
                yield result
    if failed:
        raise _failure(failed, stopped) from next(iter(failed.values()))


def _failure(failed: Mapping[str, Exception], stopped: Collection[str]) -> dg.Failure:
    said = {name: f"{type(error).__name__}: {error}" for name, error in failed.items()}
    readers = f"\nnot run, since they read these: {', '.join(sorted(stopped))}" if stopped else ""
    return dg.Failure("\n".join(f"{name}: {text}" for name, text in said.items()) + readers, metadata=said)


def _stored(
    context: dg.AssetExecutionContext, runner: Runner, assets: Sequence[SessionAsset]
) -> dict[str, list[Outcome]]:
    """What became of the sessions of assets of one function."""
    targets = [dt.date.fromisoformat(key) for key in context.partition_keys]
    outcomes: dict[str, list[Outcome]] = {asset.name: [] for asset in assets}
    with _told_on_failure(context, assets, outcomes):
        for asset, group in runner.run_together(assets, targets):
            outcomes[asset.name] += group
            if len(targets) > 1:
                done = len(outcomes[asset.name])
                context.log.info(f"{asset.name}: {done} of {len(targets)} sessions, up to {group[-1].session}")
    return outcomes


def _materialized(
    context: dg.AssetExecutionContext, runner: Runner, asset: SessionAsset, outcomes: Sequence[Outcome]
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    targets = [dt.date.fromisoformat(key) for key in context.partition_keys]
    with _told_on_failure(context, [asset], {asset.name: outcomes}):
        _warn_of_left_out(context, runner, asset, targets)
        verdicts = judge_run(runner, asset, [o.partition for o in outcomes if not o.skipped], targets)
        _compact(context, runner, asset, targets[0])
    report_partitions(context, asset, {o.session.isoformat(): _metadata(o) for o in outcomes})
    return dg.MaterializeResult(
        asset_key=_key(asset),
        check_results=_check_results(runner, asset, verdicts, _selected_checks(context, asset)),
    )


@contextmanager
def _told_on_failure(
    context: dg.AssetExecutionContext, assets: Sequence[SessionAsset], outcomes: Mapping[str, Sequence[Outcome]]
) -> Iterator[None]:
    """What was stored before a failure is stored: Dagster is told exactly those sessions."""
    try:
        yield
    except BaseException:
        for asset in assets:
            log_stored(context, asset, {o.session.isoformat(): _metadata(o) for o in outcomes[asset.name]})
        raise


def _selected_checks(context: dg.AssetExecutionContext, asset: SessionAsset) -> list[str]:
    selected = {key.name for key in context.selected_asset_check_keys if key.asset_key == _key(asset)}
    return [name for name in _checks(asset) if name in selected]


def _judge_stored(
    context: dg.AssetExecutionContext, runner: Runner, asset: SessionAsset, names: Sequence[str]
) -> Iterator[dg.AssetCheckResult]:
    """Checks that are asked for without their asset: over the sessions as they are stored."""
    targets = [dt.date.fromisoformat(key) for key in context.partition_keys]
    runner.store.require(asset.dataset, targets)
    verdicts = judge_run(runner, asset, runner.store.partitions(asset.dataset, targets[0], targets[-1]), targets)
    yield from _check_results(runner, asset, verdicts, names)


def _check_results(
    runner: Runner, asset: SessionAsset, verdicts: Sequence[Verdict], names: Sequence[str]
) -> list[dg.AssetCheckResult]:
    judged = Counter(verdict.check for verdict in verdicts)
    return [check_result(runner, asset, name, judged[name]) for name in names]


def _warn_of_left_out(
    context: dg.AssetExecutionContext, runner: Runner, asset: SessionAsset, targets: Sequence[dt.date]
) -> None:
    """Rows of the payload that a declared rule leaves out are counted where people look (law 8)."""
    if isinstance(asset, Source):
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


def report_partitions(
    context: dg.AssetExecutionContext, asset: SessionAsset, metadata: dict[str, dict[str, float | str]]
) -> None:
    """Metadata of each partition of the asset whose result comes next, for the UI's plots.

    `context.add_asset_metadata` lists the range's partitions and copies all metadata at every call: 2,977 sessions take
    minutes. The accumulator behind it takes them at once.
    """
    step = context.get_step_execution_context()
    step._metadata_accumulator = OutputMetadataAccumulator(
        per_output_metadata={
            AssetMetadataHandle(asset_key=_key(asset), partition_key=key): values for key, values in metadata.items()
        }
    )


def log_stored(
    context: dg.AssetExecutionContext, asset: SessionAsset, metadata: dict[str, dict[str, float | str]]
) -> None:
    """Materializations of the sessions that a failing asset has stored, as one batch of events.

    `context.log_event` writes each on its own: 24 s for 2,000 sessions where a batch takes one.
    """
    step = context.get_step_execution_context()
    batch, last = str(uuid.uuid4()), len(metadata) - 1
    for i, (session, values) in enumerate(metadata.items()):
        stored = dg.AssetMaterialization(_key(asset), metadata=values, partition=session)
        dg.DagsterEvent.asset_materialization(step, stored, DagsterEventBatchMetadata(batch, i == last))


def check_result(runner: Runner, asset: SessionAsset, name: str, judged: int) -> dg.AssetCheckResult:
    """One verdict over all stored sessions, so that Friday's green cannot hide Wednesday's red."""
    stored = set(runner.store.sessions(asset.dataset))
    verdicts = [v for v in runner.store.index.verdicts(asset.name, name) if v[0] in stored]
    failed = [(session, detail) for session, passed, detail in verdicts if not passed]
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=_key(asset),
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
        **({"adopted": f"by adoption {partition.adopted['adoption']}"} if partition.adopted else {}),
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
    needed = {name: by_name[name].own_first_needed(first, profile) for name in selected}
    for asset in reversed(assets):  # topological: consumers before what they read
        if asset.name in needed:
            for window in asset.inputs.values():
                name = window.dataset.name
                begin = by_name[name].own_first_needed(asset.first_needed(needed[asset.name], window, profile), profile)
                needed[name] = min(begin, needed.get(name, begin))
            first_of_call = asset.datasets[0].name
            if isinstance(asset, Recursive) and first_of_call != asset.name:  # which holds its state
                needed[first_of_call] = min(needed[asset.name], needed.get(first_of_call, needed[asset.name]))
    return needed
