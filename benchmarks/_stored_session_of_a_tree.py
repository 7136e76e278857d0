"""What a tree of this project's code takes for a stored session, and to read it: run by `benchmarks.stored_session`.

Run as a script with PYTHONPATH on the tree; prints one JSON object. Names that have moved since commit c3d516c are
looked for where they were then, too.
"""

import contextlib
import datetime as dt
import importlib
import inspect
import itertools
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

sys.path.append(str(Path(__file__).parent))  # last: beside this file lies a module called platform
from _empty_asset import as_given
from numpy.typing import NDArray

from feature_store import sessions
from feature_store.dataset import KNOWN_AT, Dataset, key, number
from feature_store.decision_time import end_of_day
from feature_store.store import Store

START = dt.date(2006, 12, 1)
QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
MONTHS = 3  # written at once, as the runner does
FIRST_PARTY = ("configs", "feature_store", "quant_assets", "quant_resources")
WINDOW = 21  # sessions of the one input


TREE = Path(os.environ["PYTHONPATH"])


def name_of(*places: str) -> Any:
    """The first "module:name" that this tree has."""
    for place in places:
        module, name = place.split(":")
        if not TREE.joinpath(*module.split(".")).with_suffix(".py").exists():
            continue  # an installed copy of the project must not stand in for what the tree lacks
        with contextlib.suppress(AttributeError):
            return getattr(importlib.import_module(module), name)
    raise ImportError(f"{TREE} has none of {', '.join(places)}; say where it is now")


NewPartition = name_of("feature_store.describing:NewPartition", "feature_store.writers:NewPartition")
Provenance = name_of("feature_store.describing:Provenance", "feature_store.writers:Provenance")


def dataset_of(name: str, width: int) -> Dataset:
    """`width` columns with the symbol, the date and the moment."""
    return Dataset(name, ("symbol",), (key("symbol", ""), *(number(f"f{i}", "", "") for i in range(width - 3))), "")


def frames_of(dataset: Dataset, rows: int) -> list[pl.DataFrame]:
    """A few frames without date and moment; one value in fifty is missing."""
    rng = np.random.default_rng(7)
    found = []
    for _ in range(4):
        values = {}
        for name in dataset.values:
            column = rng.standard_normal(rows)
            column[rng.random(rows) < 0.02] = np.nan
            values[name] = column
        frame = pl.DataFrame({"symbol": [f"S{i:05d}" for i in range(rows)], **values})
        found.append(frame.with_columns(pl.col(dataset.values).fill_nan(None)))
    return found


def write_all(store: Store, dataset: Dataset, days: list[dt.date], rows: int, tag: str = "") -> None:
    pool = frames_of(dataset, rows)

    def one(i: int, day: dt.date) -> Any:
        known = pl.lit(end_of_day(day)).cast(KNOWN_AT)
        return NewPartition(
            day, pool[i % len(pool)].with_columns(event_date=pl.lit(day), known_at=known), Provenance(f"{day}{tag}", {})
        )

    numbered = list(enumerate(days))
    for _, group in itertools.groupby(numbered, key=lambda one: (one[1].year, (one[1].month - 1) // MONTHS)):
        store.write(dataset, [one(i, day) for i, day in group])


# -- a stored session ------------------------------------------------------------------------------------------------


class Parts:
    """Seconds by part of the work: each moment belongs to the innermost part, and to `no_lookahead` as a whole.

    Those that pass, and those of the processor (of all threads), which others on the machine move less.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, NDArray[np.float64]] = {}
        self._stack: list[str] = []
        self._since = np.zeros(2)

    @contextlib.contextmanager
    def part(self, name: str):
        if "no_lookahead" in self._stack:
            yield
            return
        self._turn()
        self._stack.append(name)
        try:
            yield
        finally:
            self._turn()
            self._stack.pop()

    def _turn(self) -> None:
        now = np.array([time.perf_counter(), time.process_time()])
        if self._stack:
            self.seconds[self._stack[-1]] = self.seconds.get(self._stack[-1], 0.0) + now - self._since
        self._since = now

    def watch(self, owner: Any, method: str, name: str) -> None:
        plain = getattr(owner, method)

        def watched(*arguments, **named):
            with self.part(name):
                return plain(*arguments, **named)

        setattr(owner, method, watched)


def stored_session(folder: Path, count: int, rows: int, width: int) -> dict[str, list[float]]:
    """Milliseconds a session, passed and of the processor, by part, of one range run of an empty asset by Dagster."""
    import dagster as dg
    from dagster._core.storage.tags import (
        ASSET_PARTITION_RANGE_END_TAG,
        ASSET_PARTITION_RANGE_START_TAG,
    )

    from quant_resources.home import Choice, Home

    resource = name_of("quant_resources.dagster.platform:Platform", "quant_resources.platform:Platform")
    cross_section = name_of(
        "quant_assets.engine.asset:CrossSection",
        "quant_assets.engine.asset:per_session",
        "quant_assets.windows:per_session",
    )
    trailing = name_of("quant_assets.engine.asset:trailing", "quant_assets.windows:trailing")
    to_dagster = name_of("quant_assets.engine.dagster_asset:to_dagster", "quant_assets.session_asset:to_dagster")
    runner = name_of("quant_assets.engine.runner:Runner", "quant_assets.runner:Runner")
    checker = name_of(
        "quant_assets.engine.lookahead_checks:Checker",
        "quant_assets.engine.lookahead_checks:Judge",
        "quant_assets.pit_checks:Judge",
    )
    calculation = name_of("quant_assets.engine.computation:Calculation", "quant_assets.calculation:Calculation")

    days = sessions.between(START, dt.date(2020, 12, 31))[: count + 2 * WINDOW]
    home = Home(folder)
    home.remember(Choice("demo", None, {"history.start": str(days[0]), "history.end": str(days[-1])}))
    home.prepare_dagster()
    os.environ["DAGSTER_HOME"] = str(home.dagster_home)
    given, empty = dataset_of("bench/given", width), dataset_of("bench/empty", width)
    write_all(home.open_store(), given, days, rows)
    asset = cross_section(empty, as_given, {"given": trailing(given, WINDOW)})
    parts = Parts()
    for method in ("expected", "require_inputs", "_rows", "base_parts"):
        parts.watch(runner, method, "fingerprints")
    parts.watch(calculation, "compute", "reading and computing")
    parts.watch(runner, "_store", "stamping")
    parts.watch(Store, "write", "storing")
    parts.watch(checker, "contract", "contract")
    for method in ("recompute", "scrambled"):
        parts.watch(checker, method, "no_lookahead")
    # a step holds several assets since, and has a name
    holds_several = "load" in inspect.signature(to_dagster).parameters
    definition = (
        to_dagster("bench", lambda *_: [asset], home.profile) if holds_several else to_dagster(asset, home.profile)
    )
    resources = {"platform": resource(home=str(folder), workers=1)}

    def run(targets: list[dt.date]) -> None:
        tags = {ASSET_PARTITION_RANGE_START_TAG: str(targets[0]), ASSET_PARTITION_RANGE_END_TAG: str(targets[-1])}
        result = dg.materialize([definition], instance=instance, tags=tags, run_config=QUIET, resources=resources)
        checks = [evaluation.passed for evaluation in result.get_asset_check_evaluations()]
        if not result.success or checks != [True, True]:
            raise RuntimeError("the run did not store its range, or a check fails")

    early, targets = days[WINDOW : 2 * WINDOW], days[2 * WINDOW :]
    with dg.DagsterInstance.get() as instance:
        run(early)  # what a process does once
        parts.seconds.clear()
        with parts.part("Dagster and the rest"):
            run(targets)
    if home.open_store().sessions(empty) != [*early, *targets]:
        raise RuntimeError("the run did not store its range")
    found = parts.seconds | {"everything": sum(parts.seconds.values())}
    return {name: (seconds / len(targets) * 1e3).tolist() for name, seconds in found.items()}


# -- reading -----------------------------------------------------------------------------------------------------------


def median_ms(action, repeats: int) -> float:
    taken = []
    for i in range(repeats):
        started = time.perf_counter()
        action(i)
        taken.append((time.perf_counter() - started) * 1e3)
    return statistics.median(taken)


def make_store(folder: Path, first: dt.date, last: dt.date, rows: int, width: int) -> dict[str, float]:
    """Write a store of years, as a backfill does; how many files it has."""
    dataset = dataset_of("bench/shape", width)
    store = Store(folder, datasets={})
    days = sessions.between(first, last)
    started = time.perf_counter()
    write_all(store, dataset, days, rows)
    each = (time.perf_counter() - started) / len(days) * 1e3
    files = [path for path in folder.rglob("*.parquet") if path.is_file()]
    return {
        "sessions": len(days),
        "written, ms a session": each,
        "names of files": len(files),
        "files": len({path.stat().st_ino for path in files}),
        "MiB": sum({path.stat().st_ino: path.stat().st_size for path in files}.values()) / 2**20,
    }


def read_store(folder: Path, width: int, repeats: int) -> dict[str, float]:
    """Milliseconds: one symbol over ten years, all sessions of a year, and one session, each end to end."""
    dataset = dataset_of("bench/shape", width)
    store = Store(folder, datasets={dataset.name: dataset})
    days = store.sessions(dataset)
    ten = days[-2520:]
    year, last = days[-252:], days[-1]
    spread = np.random.default_rng(1).permutation(len(days)).tolist()

    def one_session(i: int) -> None:
        day = days[spread[i]]
        store.read(dataset, last, first=day, last=day)

    one_session(-1)
    return {
        "one symbol over ten years": median_ms(
            lambda _: store.read(dataset, last, first=ten[0], last=last, symbols=["S00007"]), repeats
        ),
        "one column over a year": median_ms(
            lambda _: store.read(dataset, last, first=year[0], last=last, columns=["f3"]), repeats
        ),
        "one session": median_ms(one_session, 12 * repeats),
    }


def main() -> None:
    task, *arguments = json.loads(sys.argv[1])
    folder = Path(arguments[0])
    if task == "stored session":
        found = stored_session(folder, *arguments[1:])
    elif task == "make store":
        first, last = (dt.date.fromisoformat(text) for text in arguments[1:3])
        found = make_store(folder, first, last, *arguments[3:])
    else:
        found = read_store(folder, *arguments[1:])
    foreign = [name for name, module in sys.modules.items() if name.split(".")[0] in FIRST_PARTY and not _here(module)]
    if foreign:
        raise ImportError(f"{', '.join(foreign)}: not of {TREE}")
    print(json.dumps(found))


def _here(module: Any) -> bool:
    return Path(module.__file__).is_relative_to(TREE)


if __name__ == "__main__":
    main()
