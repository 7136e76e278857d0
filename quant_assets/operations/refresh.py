"""Brings stale partitions up to date as new generations, through Dagster, and stores nothing that is not there yet."""

import datetime as dt
import getpass
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from configs.errors import ConfigError
from feature_store.schemas.catalogue import SOURCES
from feature_store.schemas.quality import QUARANTINE
from quant_assets.engine.asset import SessionAsset
from quant_assets.engine.opening import open_runner
from quant_assets.engine.plan import plan
from quant_assets.engine.recomputation import spans
from quant_assets.engine.runner import Runner
from quant_assets.engine.staleness import supported
from quant_assets.graph import all_assets
from quant_assets.operations.backfill import prepare, run_range, selected_names, span_text
from quant_resources.home import Home

Span = tuple[dt.date, dt.date]


def run_refresh(
    home: Home,
    first: dt.date | None,
    last: dt.date | None,
    select: Sequence[str],
    workers: int,
    say: Callable[[str], None],
) -> bool:
    """True when every stale session of the range is stored anew and every check passes.

    What the selected datasets read is brought up to date first. An interrupted run is taken up where it was: what is
    stale is looked up in the store, and fetched from the vendor, again.
    """
    prepare(home, workers)
    assets = _with_inputs(all_assets(home.profile), select)
    runner = open_runner(home)
    due = stale_spans(runner, assets, first, last)
    if not due:
        say("nothing is stale")
        return True
    # assets of one span are one run; an asset comes after all that it reads, so neighbours of one span go together
    for (begin, end), group in itertools.groupby(due, key=lambda each: each[1]):
        names = [name for name, _ in group]
        say(f"{len(names)} assets, {span_text(begin, end)}")
        if not run_range(home, names, begin, end, say):
            return False
    return True


def withdraw(
    home: Home, first: dt.date | None, last: dt.date | None, select: Sequence[str], why: str, say: Callable[[str], None]
) -> None:
    """Let what is stored of the selected datasets in the range count no more, so that it is stored anew, on record."""
    store, assets = home.open_store(), all_assets(home.profile)
    names = selected_names(assets, select)
    partitions = [p for a in assets if a.name in names for p in store.partitions(a.dataset, first, last)]
    if not partitions:
        raise ConfigError("--force: nothing is stored of what is selected; choose a range that is")
    number = store.withdraw(partitions, why, getpass.getuser())
    say(f"withdrawn: {len(partitions)} sessions of {len({p.dataset for p in partitions})} datasets, record {number}")


def stale_spans(
    runner: Runner, assets: Sequence[SessionAsset], first: dt.date | None, last: dt.date | None
) -> list[tuple[str, Span]]:
    """Runs of stored sessions to go through, in an order in which what is read comes first.

    A session may be stale by what is stored, and become so by what is stored anew before it: an asset is taken from the
    first such session to the end of its stored run, and the runner skips what is current by then.
    """
    stored = [(asset, _stored(runner, asset, first, last)) for asset in assets]
    planned = plan(runner, stored, ask_vendor=True)
    return _together([
        _Due(asset.name, run[0], begins[0], begins[-1])
        for asset, days in stored
        if (begin := planned.of(asset.name).first)
        for run in spans(days)
        if (begins := [t for t in run if t >= begin])
    ])  # fmt: skip


@dataclass(frozen=True)
class _Due:
    """Sessions [begin, end] of an asset, in a run that is stored from `stored_from` on."""

    name: str
    stored_from: dt.date
    begin: dt.date
    end: dt.date


def _together(spans_due: Sequence[_Due]) -> list[tuple[str, Span]]:
    """Where all that is due is stored over one span, it is one run of Dagster; else each asset has its own."""
    begin = min((due.begin for due in spans_due), default=dt.date.max)
    one = len({due.name for due in spans_due}) == len(spans_due) and len({due.end for due in spans_due}) == 1
    if one and all(due.stored_from <= begin for due in spans_due):
        return [(due.name, (begin, due.end)) for due in spans_due]
    return [(due.name, (due.begin, due.end)) for due in spans_due]


def _stored(runner: Runner, asset: SessionAsset, first: dt.date | None, last: dt.date | None) -> list[dt.date]:
    stored = supported(asset, runner.store.sessions(asset.dataset), runner.profile)
    return [t for t in stored if (first is None or t >= first) and (last is None or t <= last)]


def _with_inputs(assets: Sequence[SessionAsset], select: Sequence[str]) -> list[SessionAsset]:
    """The selected assets and all that they rest on, in the order of the graph."""
    names = set(selected_names(assets, select))
    for asset in reversed(assets):
        if asset.name in names:
            names |= {window.dataset.name for window in asset.inputs.values()}
    if names & set(SOURCES):  # ingested again, since the drop may have been repaired
        names.add(QUARANTINE.name)
    return [asset for asset in assets if asset.name in names]
