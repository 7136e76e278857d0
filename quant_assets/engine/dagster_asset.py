"""Session assets as plain Dagster assets: partitions, dependencies, checks in the asset's own step."""

import datetime as dt
import inspect
import json
import uuid
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import dagster as dg
from dagster._core.events import DagsterEventBatchMetadata
from dagster._core.execution.context.metadata_logging import AssetMetadataHandle, OutputMetadataAccumulator

from configs.settings import Profile
from feature_store.catalog import ready_query
from feature_store.dataset import Dataset
from feature_store.partition import StoredPartition
from quant_assets.engine.asset import Recursive, SessionAsset, Source, run_together
from quant_assets.engine.gate import CONTRACT, NO_LOOKAHEAD, checks_of, error_of, is_gated
from quant_assets.engine.group_run import Fault, GroupRun
from quant_assets.engine.identity import code_of
from quant_assets.engine.lookahead_checks import check_run
from quant_assets.engine.opening import open_runner
from quant_assets.engine.partitions import session_partitions
from quant_assets.engine.runner import Outcome, Runner
from quant_assets.engine.schedule import Schedule
from quant_assets.engine.workers import Load, Spread, Work, in_turn, workers
from quant_resources.dagster.platform import Platform
from quant_resources.home import Home, git_commit

Result = dg.MaterializeResult[None] | dg.AssetCheckResult

OWNERS = ["team:quant"]
UPSTREAM = "upstream_checks"  # of a gated asset, beside the checks that are kept
DEMANDS = {
    CONTRACT: "Passes when every session that was stored reads back from disk as it was announced.",
    NO_LOOKAHEAD: "Passes when sessions come out the same, computed alone and with all later data scrambled.",
    UPSTREAM: "Passes when no check of what the decision rests on has failed or is missing, waived ones aside.",
}
SPREAD_FROM = 20  # sessions of a run, from which starting worker processes pays


def to_dagster(name: str, load: Load, profile: Profile) -> dg.AssetsDefinition:
    """The assets, each with one partition a session, as one step of Dagster that runs any of them.

    A step costs Dagster more than a small asset's session costs us. And of several assets in a step, one that fails
    stops what reads it, while a failed step would stop every step that reads any of its assets.

    Args:
        name: of the step.
        load: gives the profile's assets, topologically sorted; a function of a module, for workers to call.
    """
    with warnings.catch_warnings():
        # backfill policies: pinned with dagster, and tested
        warnings.simplefilter("ignore", dg.BetaWarning)
        return _decorated(name, load, profile)


def _decorated(name: str, load: Load, profile: Profile) -> dg.AssetsDefinition:
    assets = load(profile)

    @dg.multi_asset(
        name=name,
        specs=[_spec(asset, profile) for asset in assets],
        check_specs=[_check_spec(asset, check) for asset in assets for check in _checks(asset)],
        partitions_def=session_partitions(profile.history.start, profile.history.end),
        backfill_policy=dg.BackfillPolicy.single_run(),
        can_subset=True,
    )
    def step(context: dg.AssetExecutionContext, platform: Platform) -> Iterator[Result]:
        # a few sessions are done before processes are there
        count = platform.workers if len(context.partition_keys) >= SPREAD_FROM else 1
        with workers(count) as pool:
            home, run_id, commit = Home(Path(platform.home)), context.run.run_id, git_commit()
            runner = open_runner(home, platform.store(), platform.profile(), run_id, commit, pool, assets)
            spread = Spread(pool, runner, Work(home.folder, run_id, commit, load)) if pool else None
            yield from _run(context, runner, assets, spread)

    return step


def _spec(asset: SessionAsset, profile: Profile) -> dg.AssetSpec:
    windows = _windows(asset, profile)
    return dg.AssetSpec(
        key=_key(asset),
        # session to session: a trailing mapping would make Dagster widen a selected range downstream (ADR 7)
        deps=[name.split("/") for name in windows],
        group_name=asset.dataset.slice,
        tags={"slice": asset.dataset.slice},
        kinds={"parquet", "polars", asset.kind.replace(" ", "_")},
        owners=OWNERS,
        code_version=None if isinstance(asset, Source) else code_of(asset, profile, Runner).digest,
        description=f"{asset.dataset.description} ({asset.summary})",
        metadata={
            "dagster/column_schema": _column_schema(asset.dataset),
            "schema_version": asset.dataset.version,
            "sql": dg.MetadataValue.md(
                f"`asof sql` or the resource `catalogue`:\n```sql\n{ready_query(asset.dataset)}\n```"
            ),
            "reads": "\n".join(f"{name}: {length} sessions" for name, length in windows.items()),
            **({} if isinstance(asset, Source) else {"dagster/code_references": _where(asset.function)}),
        },
    )


def _where(function: Callable[..., object]) -> dg.CodeReferencesMetadataValue:
    """The file and line that the UI opens."""
    code = inspect.unwrap(function).__code__
    place = dg.LocalFileCodeReference(file_path=code.co_filename, line_number=code.co_firstlineno)
    return dg.CodeReferencesMetadataValue(code_references=[place])


def _check_spec(asset: SessionAsset, check: str) -> dg.AssetCheckSpec:
    description = DEMANDS.get(check) or _demand(asset.checks[check])
    return dg.AssetCheckSpec(check, asset=_key(asset), description=description, blocking=True)


def _demand(check: Callable[..., str | None]) -> str:
    """Of a check's docstring, which begins with "None when all is well; else what is wrong", when it passes."""
    first, _, _ = (inspect.getdoc(check) or "").partition("\n")
    return first.partition("; else")[0].replace("None when", "Passes when")


def _key(asset: SessionAsset) -> dg.AssetKey:
    return dg.AssetKey(asset.name.split("/"))


def _checks(asset: SessionAsset) -> list[str]:
    return [*checks_of(asset), *([UPSTREAM] if is_gated(asset) else [])]


def _windows(asset: SessionAsset, profile: Profile) -> dict[str, int]:
    """Longest window of each dataset that the asset reads, the session itself included."""
    lengths: dict[str, int] = {}
    for window in asset.inputs.values():
        name = window.dataset.name
        lengths[name] = max(asset.longest(window, profile), lengths.get(name, 0))
    return lengths


def _run(
    context: dg.AssetExecutionContext, runner: Runner, assets: Sequence[SessionAsset], spread: Spread | None
) -> Iterator[Result]:
    """Results of the selected assets, each after those it reads; failures are reported at the end.

    Raises:
        dagster.Failure: with what was wrong, by asset.
    """
    targets = _targets(context)
    selected = [asset for asset in assets if _key(asset) in context.selected_asset_keys]
    schedule = Schedule(run_together(selected))
    say = partial(_say, context)
    faults: dict[str, Fault] = {}
    reported: set[str] = set()
    try:
        runs = in_turn(schedule, runner, targets, say) if spread is None else spread.runs(schedule, targets, say)
        for group, run in runs:
            for asset in group:
                reported.add(asset.name)
                if asset.name not in run.faults:
                    yield _materialized(context, runner, asset, run)
                else:  # what was stored before a failure is stored: exactly those sessions are reported to Dagster
                    known = {o.session.isoformat(): _metadata(runner, o) for o in run.outcomes[asset.name]}
                    log_stored(context, asset, {**_stored_by_run(context, runner, asset), **known})
                    yield from _gate_results(context, runner, asset)
            for fault in dict.fromkeys(run.faults.values()):
                names = [name for name, found in run.faults.items() if found == fault]
                context.log.error(f"{', '.join(names)} failed\n{fault.traceback}")
            faults |= run.faults
    except BaseException:  # interrupted
        for asset in selected:
            if asset.name not in reported:
                log_stored(context, asset, _stored_by_run(context, runner, asset))
        raise
    for asset in assets:
        if asset not in selected and _selected_checks(context, asset):
            yield from _check_stored(context, runner, asset)
    for name, blocked in schedule.stopped.items():
        context.log.warning(f"{name}: not run, since it reads {', '.join(blocked)}")
    if faults:
        raise _failure(faults, schedule.stopped)


def _failure(faults: Mapping[str, Fault], stopped: Collection[str]) -> dg.Failure:
    said = {name: str(fault) for name, fault in faults.items()}
    readers = f"\nnot run, since they read these: {', '.join(sorted(stopped))}" if stopped else ""
    return dg.Failure("\n".join(f"{name}: {text}" for name, text in said.items()) + readers, metadata=said)


def _targets(context: dg.AssetExecutionContext) -> list[dt.date]:
    return [dt.date.fromisoformat(key) for key in context.partition_keys]


def _say(context: dg.AssetExecutionContext, level: str, text: str) -> None:
    (context.log.warning if level == "warning" else context.log.info)(text)


def _materialized(
    context: dg.AssetExecutionContext, runner: Runner, asset: SessionAsset, run: GroupRun
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    report_partitions(context, asset, {o.session.isoformat(): _metadata(runner, o) for o in run.outcomes[asset.name]})
    return dg.MaterializeResult(
        asset_key=_key(asset),
        check_results=_check_results(context, runner, asset, run.checked[asset.name]),
    )


def _stored_by_run(
    context: dg.AssetExecutionContext, runner: Runner, asset: SessionAsset
) -> dict[str, dict[str, float | str]]:
    """Sessions that this run has stored of an asset that it did not get to the end of."""
    targets = _targets(context)
    stored = runner.store.partitions(asset.dataset, targets[0], targets[-1])
    return {p.session.isoformat(): _of_partition(p) for p in stored if p.run_id == context.run.run_id}


def _selected_checks(context: dg.AssetExecutionContext, asset: SessionAsset) -> list[str]:
    selected = {key.name for key in context.selected_asset_check_keys if key.asset_key == _key(asset)}
    return [name for name in _checks(asset) if name in selected]


def _check_stored(
    context: dg.AssetExecutionContext, runner: Runner, asset: SessionAsset
) -> Iterator[dg.AssetCheckResult]:
    """Checks that are requested without their asset: over the sessions as they are stored."""
    targets = _targets(context)
    runner.store.require(asset.dataset, targets)
    results = check_run(runner, asset, runner.store.partitions(asset.dataset, targets[0], targets[-1]), targets)
    yield from _check_results(context, runner, asset, Counter(result.check for result in results))


def _check_results(
    context: dg.AssetExecutionContext, runner: Runner, asset: SessionAsset, checked: Mapping[str, int]
) -> list[dg.AssetCheckResult]:
    names = _selected_checks(context, asset)
    results = [check_result(runner, asset, name, checked[name]) for name in names if name != UPSTREAM]
    return results + _gate_results(context, runner, asset)


def _gate_results(context: dg.AssetExecutionContext, runner: Runner, asset: SessionAsset) -> list[dg.AssetCheckResult]:
    """Of a gated asset: whether anything speaks against its decisions on the run's sessions, stored or not."""
    if UPSTREAM not in _selected_checks(context, asset):
        return []
    blocked = runner.gate.blocked(runner.store, runner.profile, asset, _targets(context))
    waivers = [f"{w.check} of {w.dataset} {w.session}: {w.why}" for w in runner.store.checks.table.waivers()]
    metadata = {"failed": str(error_of(asset.name, blocked)) if blocked else "", "waived": json.dumps(waivers[-20:])}
    return [dg.AssetCheckResult(check_name=UPSTREAM, asset_key=_key(asset), passed=not blocked, metadata=metadata)]


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


def check_result(runner: Runner, asset: SessionAsset, name: str, checked: int) -> dg.AssetCheckResult:
    """One result over all stored sessions, so that Friday's green cannot hide Wednesday's red."""
    stored = set(runner.store.sessions(asset.dataset))
    results = [v for v in runner.store.check_results(asset.name, name) if v[0] in stored]
    failed = [(session, detail) for session, passed, detail in results if not passed]
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=_key(asset),
        passed=not failed,
        metadata={
            "sessions checked in this run": checked,
            "sessions with a result": len(results),
            "failed": json.dumps([f"{session}: {detail}" for session, detail in failed[:20]]),
        },
    )


def _metadata(runner: Runner, outcome: Outcome) -> dict[str, float | str]:
    """What the UI plots of a session; nothing that the asset earned or found on one that is held out."""
    hold_out = runner.profile.history.hold_out
    own = outcome.metadata if hold_out is None or outcome.session < hold_out else {}
    return {**_of_partition(outcome.partition), "seconds": round(outcome.seconds, 4), **own}


def _of_partition(partition: StoredPartition) -> dict[str, float | str]:
    return {
        "rows": partition.rows,
        "nulls": partition.nulls,
        "generation": partition.generation,
        "content_hash": partition.content_hash,
        **({"adopted": f"by adoption {partition.adopted['adoption']}"} if partition.adopted else {}),
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
