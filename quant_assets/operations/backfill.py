"""A backfill through Dagster: first the earlier sessions that the assets need, then the range."""

import datetime as dt
import itertools
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from configs.errors import ConfigError
from configs.settings import Profile
from feature_store import sessions
from feature_store.schemas.catalogue import SOURCES
from feature_store.schemas.quality import QUARANTINE
from quant_assets.engine.asset import SessionAsset, Source
from quant_assets.engine.dagster_asset import sessions_needed
from quant_assets.engine.opening import open_runner
from quant_assets.engine.plan import plan
from quant_assets.engine.runner import Runner
from quant_assets.graph import all_assets
from quant_assets.operations.requests import drop_state, remember_request, was_requested
from quant_assets.operations.shown import failed_checks, sessions_shown, shown_otherwise
from quant_resources.home import Home

if TYPE_CHECKING:
    import dagster as dg
    from dagster_shared.error import SerializableErrorInfo


def selected_names(assets: Sequence[SessionAsset], select: Sequence[str]) -> list[str]:
    """Datasets by name, by slice, or all; an unknown name is rejected."""
    if not select or "*" in select:
        return [asset.name for asset in assets]
    known = {asset.name for asset in assets} | {asset.dataset.slice for asset in assets}
    if unknown := [name for name in select if name not in known]:
        raise ConfigError(
            f"--select {' '.join(unknown)}: no such dataset or slice; there are {', '.join(sorted(known))}"
        )
    return [asset.name for asset in assets if asset.name in select or asset.dataset.slice in select]


def run_backfill(
    home: Home,
    first: dt.date,
    last: dt.date,
    select: Sequence[str],
    workers: int,
    say: Callable[[str], None],
) -> bool:
    """True when every asset is stored and every check passes."""
    prepare(home, workers)
    assets = all_assets(home.profile)
    names = selected_names(assets, select)
    needed = first_sessions(assets, names, first, home.profile)
    runner = open_runner(home)
    planned = [asset for asset in assets if asset.name in needed]
    well = True
    for begin, group in itertools.groupby(planned, key=lambda asset: needed[asset.name]):
        before, end = list(group), sessions.shift(first, -1)
        # a range must not go on from sessions that another config or code has stored
        earlier = sessions.between(begin, end)
        if begin < first and plan(runner, [(asset, earlier) for asset in before]).due:
            say(f"{len(before)} assets, {span_text(begin, end)} (needed by the range)")
            passed = run_range(home, [asset.name for asset in before], begin, end, say)
            if not passed and plan(runner, [(asset, earlier) for asset in before]).due:
                return False  # what a failed check stops is decisions, not what reads the sessions
            well = well and passed
    # ingested again, since the drop may have been repaired
    requested = {*names, *([QUARANTINE.name] if set(names) & set(SOURCES) else [])}
    there = drop_state(home)
    begins = _due(home, runner, planned, requested, sessions.between(first, last))
    if begins:
        more = f" ({len(set(begins) - set(names))} of them read by those selected)" if set(begins) - set(names) else ""
        begin = min(begins.values())
        say(f"{len(begins)} assets, {span_text(begin, last)}{more}")
        if not run_range(home, list(begins), begin, last, say) or not well:
            return False
        remember_request(
            home, there, [a.name for a in planned if a.name in begins and isinstance(a, Source)], begin, last
        )
    else:
        say(f"nothing to do: {len(planned)} assets, {span_text(first, last)}, are stored and up to date")
    # of what was requested; the run has reported its own
    red = failed_checks(runner, [asset for asset in planned if asset.name in requested and asset.name not in begins])
    for line in red:
        say(line)
    return not red and well


def prepare(home: Home, workers: int) -> None:
    """Dagster runs in this process, on this home."""
    os.environ["ASOF_HOME"], os.environ["ASOF_WORKERS"] = str(home.folder), str(workers)
    os.environ.setdefault("DAGSTER_HOME", str(home.dagster_home))
    home.prepare_dagster()


def first_sessions(
    assets: Sequence[SessionAsset], names: Sequence[str], first: dt.date, profile: Profile
) -> dict[str, dt.date]:
    """First session of all that a range from `first` on of these assets needs.

    Where a source of the vendor is stored, so is what fails validation at ingest: nothing is dropped in silence.
    """
    needed = sessions_needed(assets, names, first, profile)
    begins = [first for name, first in needed.items() if name in SOURCES]
    return needed | ({QUARANTINE.name: min(begins)} if begins else {})


def span_text(first: dt.date, last: dt.date) -> str:
    return f"{len(sessions.between(first, last))} sessions {first} to {last}"


def _due(
    home: Home, runner: Runner, assets: Sequence[SessionAsset], requested: set[str], targets: list[dt.date]
) -> dict[str, dt.date]:
    """First target to be stored, by asset: as planned, about to change by what it reads, or not as Dagster shows it.

    Of sources that are requested, what the vendor serves counts too: all of their sessions are due, unless they were
    requested before and the vendor's files are the same since.
    """
    import dagster as dg  # noqa: PLC0415 -- as in `run_range`

    with dg.DagsterInstance.get() as instance:
        known = sessions_shown(instance, [asset.name for asset in assets])
        otherwise = shown_otherwise(instance, runner, assets)
    planned = plan(runner, [(asset, targets) for asset in assets])
    begins: dict[str, dt.date] = {}
    for asset in assets:
        changing = [begins[w.dataset.name] for w in asset.inputs.values() if w.dataset.name in begins]
        unknown = [t for t in targets if t.isoformat() not in known[asset.name]]
        again = asset.name in requested and isinstance(asset, Source) and not was_requested(home, asset.name, targets)
        own = targets[0] if again else planned.of(asset.name).first
        if firsts := [*changing, *unknown[:1], *([own] if own else [])]:
            begins[asset.name] = min(firsts)
    return begins | {name: targets[-1] for name in otherwise if name not in begins}


def run_range(home: Home, names: Sequence[str], first: dt.date, last: dt.date, say: Callable[[str], None]) -> bool:
    """One run of Dagster over sessions [first, last] of the assets; True when all is stored and passes its checks."""
    # Dagster is imported late: it costs seconds, and a wrong option should not wait for it.
    import dagster as dg  # noqa: PLC0415
    from dagster._core.definitions.job_base import InMemoryJob  # noqa: PLC0415
    from dagster._core.execution.api import execute_run_iterator  # noqa: PLC0415
    from dagster._core.storage.tags import (  # noqa: PLC0415
        ASSET_PARTITION_RANGE_END_TAG,
        ASSET_PARTITION_RANGE_START_TAG,
    )

    from quant_assets.definitions import ALL_ASSETS, build  # noqa: PLC0415

    keys = frozenset(dg.AssetKey(name.split("/")) for name in names)
    job = build(home).resolve_job_def(ALL_ASSETS)
    ok = True
    with dg.DagsterInstance.get() as instance:
        run = instance.create_run_for_job(
            job.get_subset(asset_selection=keys),
            run_config={"loggers": {"console": {"config": {"log_level": "INFO"}}}},
            tags={
                ASSET_PARTITION_RANGE_START_TAG: first.isoformat(),
                ASSET_PARTITION_RANGE_END_TAG: last.isoformat(),
            },
            asset_selection=keys,
        )
        # One event after the other: a result of the whole run would hold a range's materializations in memory.
        for event in execute_run_iterator(InMemoryJob(job), run, instance):
            for wrong in _wrong(event):
                say(wrong)
                ok = False
        finished = instance.get_run_by_id(run.run_id)
    return ok and finished is not None and finished.is_success


def _wrong(event: "dg.DagsterEvent") -> list[str]:
    """What the event reports that people should know."""
    if event.is_step_failure:
        user, cause = event.step_failure_data.user_failure_data, event.step_failure_data.error
        if cause and cause.cls_name == "DagsterAssetCheckFailedError":  # each of these was reported as it came
            return []
        if user is not None:
            return [f"failed: {name}: {text.value}" for name, text in user.metadata.items()]
        return [f"failed: {event.step_key}: {_own(cause).message.strip() if cause else ''}"]
    if event.event_type_value == "ASSET_CHECK_EVALUATION":
        evaluation = event.asset_check_evaluation_data
        if not evaluation.passed:
            detail = evaluation.metadata["failed"].value
            return [f"check {evaluation.check_name} of {evaluation.asset_key.to_user_string()} fails: {detail}"]
    return []


def _own(error: "SerializableErrorInfo") -> "SerializableErrorInfo":
    """The error that our code raised: below Dagster's own, above what caused it."""
    return _own(error.cause) if error.cause and (error.cls_name or "").startswith("Dagster") else error
