"""A backfill through Dagster: first the earlier sessions that the assets need, then the range."""

import datetime as dt
import itertools
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from configs.load import ConfigError
from configs.settings import Profile
from feature_store import sessions
from feature_store.schemas.catalogue import SOURCES
from feature_store.schemas.quality import QUARANTINE
from quant_assets.engine.asset import SessionAsset
from quant_assets.engine.dagster_asset import sessions_needed
from quant_assets.engine.opening import open_runner
from quant_assets.engine.plan import plan
from quant_assets.engine.runner import Runner
from quant_assets.graph import all_assets
from quant_resources.home import Home

if TYPE_CHECKING:
    from dagster_shared.error import SerializableErrorInfo


def selected_names(assets: Sequence[SessionAsset], select: Sequence[str]) -> list[str]:
    """Datasets by name, by slice, or all; an unknown word is refused."""
    if not select or "*" in select:
        return [asset.name for asset in assets]
    known = {asset.name for asset in assets} | {asset.dataset.slice for asset in assets}
    if unknown := [word for word in select if word not in known]:
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
    assets = all_assets()
    names = selected_names(assets, select)
    needed = first_sessions(assets, names, first, home.profile)
    runner = open_runner(home)
    wanted = [asset for asset in assets if asset.name in needed]
    for begin, group in itertools.groupby(wanted, key=lambda asset: needed[asset.name]):
        before, end = list(group), sessions.shift(first, -1)
        # a range must not go on from sessions that another config or code has stored
        earlier = sessions.between(begin, end)
        if begin < first and plan(runner, [(asset, earlier) for asset in before]).due:
            say(f"{len(before)} assets, {span_text(begin, end)} (needed by the range)")
            if not run_range(home, [asset.name for asset in before], begin, end, say):
                return False
    # judged again, since the drop may have been mended
    asked = {*names, *([QUARANTINE.name] if set(names) & set(SOURCES) else [])}
    due = _due(runner, wanted, asked, sessions.between(first, last))
    more = f" ({len(set(due) - set(names))} of them read by those selected)" if set(due) - set(names) else ""
    say(f"{len(due)} assets, {span_text(first, last)}{more}")
    return run_range(home, due, first, last, say)


def prepare(home: Home, workers: int) -> None:
    """Dagster runs in this process, on this home."""
    os.environ["ASOF_HOME"], os.environ["ASOF_WORKERS"] = str(home.folder), str(workers)
    os.environ.setdefault("DAGSTER_HOME", str(home.dagster_home))
    home.prepare_dagster()


def first_sessions(
    assets: Sequence[SessionAsset], names: Sequence[str], first: dt.date, profile: Profile
) -> dict[str, dt.date]:
    """First session of all that a range from `first` on of these assets needs.

    Where a source of the vendor is stored, so is what the door keeps out of it: nothing is dropped in silence.
    """
    needed = sessions_needed(assets, names, first, profile)
    begins = [first for name, first in needed.items() if name in SOURCES]
    return needed | ({QUARANTINE.name: min(begins)} if begins else {})


def span_text(first: dt.date, last: dt.date) -> str:
    return f"{len(sessions.between(first, last))} sessions {first} to {last}"


def _due(runner: Runner, wanted: Sequence[SessionAsset], names: set[str], targets: list[dt.date]) -> list[str]:
    """The selected assets, and what they read over the range where that is missing, stale or about to change."""
    due = {asset.dataset for asset in plan(runner, [(asset, targets) for asset in wanted]).due}
    # what a selected source says now may be something else, whatever is planned
    changing = due | names
    for asset in wanted:
        if any(window.dataset.name in changing for window in asset.inputs.values()):
            changing.add(asset.name)
    return [asset.name for asset in wanted if asset.name in changing]


def run_range(home: Home, names: Sequence[str], first: dt.date, last: dt.date, say: Callable[[str], None]) -> bool:
    """One run of Dagster over sessions [first, last] of the assets; True when all is stored and passes its checks."""
    # Dagster is imported late: it costs seconds, and a wrong option should not wait for it.
    import dagster as dg  # noqa: PLC0415
    from dagster._core.storage.tags import (  # noqa: PLC0415
        ASSET_PARTITION_RANGE_END_TAG,
        ASSET_PARTITION_RANGE_START_TAG,
    )

    from quant_assets.definitions import ALL_ASSETS, build  # noqa: PLC0415

    definitions = build(home)
    keys = [dg.AssetKey(name.split("/")) for name in names]
    with dg.DagsterInstance.get() as instance:
        result = definitions.resolve_job_def(ALL_ASSETS).execute_in_process(
            instance=instance,
            asset_selection=keys,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "INFO"}}}},
            tags={
                ASSET_PARTITION_RANGE_START_TAG: first.isoformat(),
                ASSET_PARTITION_RANGE_END_TAG: last.isoformat(),
            },
        )
    ok = True
    for event in result.get_step_failure_events():
        cause = event.step_failure_data.error
        name = (event.step_key or "").replace("__", "/")
        say(f"failed: {name}: {_own(cause).message.strip() if cause else ''}")
        ok = False
    for evaluation in result.get_asset_check_evaluations():
        if not evaluation.passed:
            say(f"check {evaluation.check_name} of {evaluation.asset_key.to_user_string()} fails: "
                f"{evaluation.metadata['failed'].value}")  # fmt: skip
            ok = False
    return ok and result.success


def _own(error: "SerializableErrorInfo") -> "SerializableErrorInfo":
    """The error that our code raised: below Dagster's own, above what caused it."""
    return _own(error.cause) if error.cause and (error.cls_name or "").startswith("Dagster") else error
