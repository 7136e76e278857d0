"""Law 6 over any number of stored sessions of every asset."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from quant_assets.engine.asset import SessionAsset, run_together
from quant_assets.engine.gate import NO_LOOKAHEAD
from quant_assets.engine.lookahead_checks import Checker, record, sampled_sessions
from quant_assets.engine.looks import Looks, Unit
from quant_assets.engine.opening import open_runner
from quant_assets.engine.results import CUT, CheckResult
from quant_assets.engine.runner import Runner
from quant_assets.graph import all_assets
from quant_assets.operations.backfill import selected_names
from quant_assets.operations.power import power_of
from quant_resources.home import Home

BATCH = 40  # units whose results are kept together


def certify_rows(home: Home, select: Sequence[str], count: int | None) -> list[dict[str, Any]]:
    """Per asset: sessions computed again, alone and with what comes after perturbed; see `row_of`.

    The file is read back too: a value is proved only if it is what a reader gets.
    """
    assets = all_assets(home.profile)
    names = selected_names(assets, select)
    runner = open_runner(home)
    rows: dict[str, dict[str, Any]] = {}
    for group in run_together([a for a in assets if a.name in names]):
        rows |= _certified(runner, group, count)
    return [rows[a.name] for a in assets if a.name in rows]


def _certified(runner: Runner, group: Sequence[SessionAsset], count: int | None) -> dict[str, dict[str, Any]]:
    sampled = _sampled(runner, group, count)
    found: dict[str, list[CheckResult]] = {a.name: [] for a in group}
    for days in runner.chunks(group[0], sampled):
        looks = Looks(runner, group, days)
        for units in _batches(looks.units):
            for results in (looks.alone(units), looks.perturbed(units)):
                for asset in group:
                    found[asset.name] += results[asset.name]
    return {asset.name: conclude(runner, asset, sampled, found[asset.name]) for asset in group}


def _sampled(runner: Runner, group: Sequence[SessionAsset], count: int | None) -> list[dt.date]:
    """Sessions of the assets of one function, for all of which one call answers."""
    every = sorted({t for a in group for t in runner.store.sessions(a.dataset)})
    if count is None or not every:
        return every
    return sampled_sessions(group[0], runner, every[0], every[-1], count)


def _batches(units: Sequence[Unit]) -> Iterator[Sequence[Unit]]:
    return (units[i : i + BATCH] for i in range(0, len(units), BATCH))


def conclude(
    runner: Runner, asset: SessionAsset, days: Sequence[dt.date], looked: Sequence[CheckResult], *, kept: bool = False
) -> dict[str, Any]:
    """Read the files of the sessions back, check what their subject demands, keep the results and say what they are.

    Args:
        kept: the results of looking are kept already.
    """
    requested = set(days)
    partitions = [p for p in runner.store.partitions(asset.dataset) if p.session in requested]
    checker = Checker(runner)
    on_disk = [*checker.contract(asset, partitions), *checker.subject(asset, partitions)]
    record(runner, asset, [*on_disk, *([] if kept else looked)])
    return row_of(asset, len(partitions), [*on_disk, *looked]) | power_of(runner, asset)


def row_of(asset: SessionAsset, stored: int, results: Sequence[CheckResult]) -> dict[str, Any]:
    """Sessions checked, those that could not be because they are stale, those that differ.

    `cut` counts those whose function rejects perturbed values, so that what comes after was cut off only;
    `within_rounding` those that passed so, since they were stored on another platform than that in force.
    """
    looked = [v for v in results if v.check == NO_LOOKAHEAD]
    checked = {v.session for v in looked}
    differ = sorted((v for v in results if not v.passed), key=lambda v: v.session)
    return {
        "dataset": asset.name,
        "checked": len(checked),
        "stale": stored - len(checked),
        "differ": len({v.session for v in differ}),
        "cut": len({v.session for v in looked if v.look == CUT}),
        "within_rounding": len({v.session for v in looked if v.passed and v.detail}),
        "first_difference": f"{differ[0].session}: {differ[0].detail}" if differ else None,
    }
