"""Certification by rotation: each night some sessions of every dataset, the longest waiting first, in a fresh process.

State that a function carries from call to call, and caches in memory, do not outlive a process; so the sessions of a
night are computed in one that has computed nothing before, in random order across datasets and sessions, each alone and
with what comes after perturbed.
"""

import datetime as dt
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from quant_assets.engine.asset import SessionAsset, run_together
from quant_assets.engine.fresh_process import answer, arguments, in_fresh_process
from quant_assets.engine.lookahead_checks import record
from quant_assets.engine.looks import Looks, Results, Unit, units
from quant_assets.engine.opening import open_runner
from quant_assets.engine.results import CERTIFICATION, CUT, CheckResult
from quant_assets.engine.runner import Runner
from quant_assets.graph import all_assets
from quant_assets.operations.backfill import selected_names
from quant_assets.operations.certify import conclude
from quant_assets.operations.power import certified_at
from quant_resources.home import Home

KEPT = 200  # results of an asset that are kept together; what a killed process has not kept is looked at again


def rotate(home: Home, select: Sequence[str], salt: str) -> list[dict[str, Any]]:
    """Certify the night's sessions in a process of its own; rows as of `certify_rows`.

    Args:
        salt: draws the order and what is perturbed to what; it is kept with the results, as the run.

    Raises:
        FreshProcessError: the process failed; what it has kept stays, and the next one goes on with the rest.
    """
    return in_fresh_process("quant_assets.operations.rotation", [salt, *select], home.folder)


# -- in the fresh process ----------------------------------------------------------------------------------------------


def night(home: Home, select: Sequence[str], salt: str, now: dt.datetime) -> list[dict[str, Any]]:
    """Certify here what waits longest of each dataset."""
    assets = all_assets(home.profile)
    names = selected_names(assets, select)
    runner = open_runner(home, run_id=salt)
    selected = [a for a in assets if a.name in names]
    looked = certified(runner, selected, home.profile.certification.cycle_days, now, salt)
    return [conclude(runner, a, *looked[a.name], kept=True) for a in selected if a.name in looked]


def certified(
    runner: Runner, assets: Sequence[SessionAsset], cycle_days: int, now: dt.datetime, salt: str
) -> dict[str, tuple[list[dt.date], list[CheckResult]]]:
    """The night's sessions of each asset, and the results of looking at them, which are kept."""
    rng = random.Random(salt)
    nights = [(group, waiting_longest(runner, group, cycle_days, now, rng)) for group in run_together(assets)]
    due = [Looks(runner, group, days, salt=salt) for group, days in nights if days]
    by_name = {asset.name: (asset, looks) for looks in due for asset in looks.assets}
    found, waiting = Results({name: [] for name in by_name}), Results({name: [] for name in by_name})
    for results in _looked(due, rng):
        for name, of_unit in results.items():
            waiting[name] += of_unit
            if len(waiting[name]) >= KEPT:
                _keep(runner, by_name[name][0], found[name], waiting[name])
    for name, (asset, _) in by_name.items():
        _keep(runner, asset, found[name], waiting[name])
    return {name: (list(looks.days), found[name]) for name, (_, looks) in by_name.items()}


def _keep(runner: Runner, asset: SessionAsset, kept: list[CheckResult], waiting: list[CheckResult]) -> None:
    record(runner, asset, waiting)
    kept += waiting
    waiting.clear()


def waiting_longest(
    runner: Runner, group: Sequence[SessionAsset], cycle_days: int, now: dt.datetime, rng: random.Random
) -> list[dt.date]:
    """Stored sessions to certify now: those certified longest ago, at random where equally long.

    So many that all of them have their turn within the cycle: a night's part, and those of the nights since the last.
    A fit is certified for all sessions on which it is in force.
    """
    asset, last = group[0], _last(runner, group)
    if not last:
        return []
    never = dt.datetime.min.replace(tzinfo=dt.UTC)
    latest = max((at for at in last.values() if at), default=now)
    nights = min(max(1, round((now - latest) / dt.timedelta(days=1))), cycle_days)
    count = math.ceil(len(last) * nights / cycle_days)
    waiting = units(asset, list(last), runner)
    rng.shuffle(waiting)
    waiting.sort(key=lambda unit: min(last[t] or never for t in unit))
    return sorted(_until(waiting, count))


def _last(runner: Runner, group: Sequence[SessionAsset]) -> dict[dt.date, dt.datetime | None]:
    """By session, when the asset of the group that waits longest was certified."""
    found: dict[dt.date, dt.datetime | None] = {}
    for asset in group:
        for t, at in certified_at(runner, asset).items():
            known = found.get(t, at)
            found[t] = None if at is None or known is None else min(at, known)
    return dict(sorted(found.items()))


def _until(waiting: Sequence[Unit], count: int) -> Iterator[dt.date]:
    taken = 0
    for unit in waiting:
        if taken >= count:
            return
        taken += len(unit)
        yield from unit


def _looked(due: Sequence[Looks], rng: random.Random) -> Iterator[Results]:
    """Both looks at every unit, in random order across all of them; a unit's results come when both are there."""
    tasks = [(looks, unit, how) for looks in due for unit in looks.units for how in (looks.alone, looks.perturbed)]
    rng.shuffle(tasks)
    first: dict[tuple[str, Unit], Results] = {}
    for looks, unit, how in tasks:
        results = {name: [_certified(v) for v in of_asset] for name, of_asset in how([unit]).items()}
        task = looks.asset.name, unit
        if task in first:
            before = first.pop(task)
            yield {name: before[name] + of_asset for name, of_asset in results.items()}
        else:
            first[task] = results


def _certified(result: CheckResult) -> CheckResult:
    return result if result.look == CUT else replace(result, look=CERTIFICATION)


if __name__ == "__main__":
    salt, *select = arguments()
    answer(night(Home.of_environment(), select, salt, dt.datetime.now(dt.UTC)))
