"""With what probability a leak would have been found by now, by the results that are kept."""

import datetime as dt
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from quant_assets.engine.asset import SessionAsset
from quant_assets.engine.gate import NO_LOOKAHEAD
from quant_assets.engine.power import FRACTIONS, detection_probability
from quant_assets.engine.results import CERTIFICATION
from quant_assets.engine.runner import Runner

FINDS = {fraction: f"finds_{100 * fraction:g}_percent" for fraction in FRACTIONS}

SHOWN = FINDS[0.01]
IN_JSON_ALONE = {*FINDS.values(), "looked_at", "cycle_ends"} - {SHOWN}  # columns for which a terminal is too narrow


def power_of(runner: Runner, asset: SessionAsset) -> dict[str, Any]:
    """Stored sessions that were computed again under the fingerprint in force, and what leaks that finds.

    A leak is on so many percent of the stored sessions, or on one of them; it shows on any of these that is computed
    again.
    """
    stored, looked = looked_at(runner, asset)
    return {"stored": stored, "looked_at": looked} | {
        name: detection_probability(stored, looked, fraction) for fraction, name in FINDS.items()
    }


def looked_at(runner: Runner, asset: SessionAsset) -> tuple[int, int]:
    """How many sessions are stored, and how many of them were computed again as they are stored."""
    days = runner.store.sessions(asset.dataset)
    return len(days), len({session for session, _, _ in runner.store.check_results(asset.name, NO_LOOKAHEAD)} & {*days})


def of_all(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Of a leak in any one of the datasets, whichever: the lowest of their probabilities."""
    return {name: min((row[name] for row in rows if row["stored"]), default=0.0) for name in FINDS.values()}


def power_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """`of_all` in a sentence."""
    found = of_all(rows)
    several = ", ".join(
        f"{_percent(found[name])} if on {100 * fraction:g} % of the sessions" for fraction, name in FINDS.items()
    )
    return f"probability that a leak in one dataset would have been found by now: {several}"


def for_people(row: Mapping[str, Any], hidden: Collection[str] = ()) -> dict[str, Any]:
    """The row as a terminal shows it: without columns that it has no room for, and with a percentage."""
    kept = {name: value for name, value in row.items() if name not in IN_JSON_ALONE and name not in hidden}
    return kept | ({SHOWN: _percent(row[SHOWN])} if SHOWN in kept else {})


def _percent(probability: float) -> str:
    """Rounded down, since only what is certain is said to be."""
    return f"{math.floor(1000 * probability + 1e-9) / 10:g} %"


def certified_at(runner: Runner, asset: SessionAsset) -> dict[dt.date, dt.datetime | None]:
    """When each stored session was certified last, as it is stored; None where it never was."""
    dataset = asset.dataset
    days = runner.store.sessions(dataset)
    last: dict[dt.date, dt.datetime | None] = dict.fromkeys(days)
    if not days:
        return last
    for result in runner.store.checks.table.results(dataset.name, dataset.version, days[0], days[-1], [NO_LOOKAHEAD]):
        if result.look == CERTIFICATION:
            last[result.session] = dt.datetime.fromisoformat(result.at)
    return last


def cycle_ends(last: Mapping[dt.date, dt.datetime | None], cycle_days: int, now: dt.datetime) -> dt.date | None:
    """When every session will have been certified within the cycle, if rotation runs every night from now on.

    None where nothing is stored.
    """
    if not last:
        return None
    waiting = sum(at is None or at < now - dt.timedelta(days=cycle_days) for at in last.values())
    each = -(-len(last) // cycle_days)
    return now.date() + dt.timedelta(days=-(-waiting // each))
