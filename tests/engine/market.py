"""A small simulated market in which corrections, late bars, splits, joins and a year's end all happen."""

import datetime as dt
import os
import random
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from itertools import chain
from pathlib import Path

import polars as pl

from configs.load import load
from configs.settings import Profile
from feature_store import sessions
from feature_store.dataset import Dataset, key, number
from feature_store.decision_time import DecisionClock
from feature_store.schemas.catalogue import DATASETS, SOURCES
from feature_store.store import Store
from quant_assets.engine.asset import SessionAsset
from quant_assets.engine.computation import Calculation
from quant_assets.engine.gate import Gate
from quant_assets.engine.lookahead_checks import CheckResult, check_run
from quant_assets.engine.runner import Outcome, Runner
from quant_assets.graph import core_assets
from quant_resources.vendors.protocol import Vendor
from quant_resources.vendors.registry import make_vendor
from tests.support.gates import OpenGate

START, END = dt.date(2015, 11, 2), dt.date(2016, 1, 29)
SESSIONS = sessions.between(START, END)
# The seed has splits on 2015-12-08 and 2015-12-30; a symbol joins the tape on 2015-11-09 and the members on
# 2015-11-23, and one is reclassified on 2016-01-22.
OVERRIDES = {
    "seed": "263",
    "history.start": str(START),
    "history.end": str(END),
    "vendor.n_symbols": "8",
    "vendor.start": "2015-04-08",
    "vendor.end": str(END),
    "vendor.correction_rate": "0.1",
    "vendor.late_rate": "0.06",
    "market.restate_sessions": "10",
    "market.max_gap_sessions": "5",
    "features.horizons": "[5]",
    "features.min_observations_fraction": "0.4",
    "features.min_industry": "3",
    "regimes.lookback_sessions": "60",
    "regimes.min_observations": "30",
    "regimes.industry.max_iterations": "5",
    "alpha.lookback_sessions": "63",
    "alpha.min_rows": "10",
    "alpha.models.1.trees": "5",
    "alpha.models.1.min_leaf_rows": "5",
    "alpha.models.1.session_stride": "2",
    "risk.lookback_sessions": "21",
    "risk.min_observations": "10",
    "portfolio.horizon_sessions": "5",
    "portfolio.weight_cap": "0.3",
}
SYMBOL = key("symbol", "stable security id")


class Contents(dict[tuple[str, dt.date], str]):
    """Content hash by asset and session."""

    def __repr__(self) -> str:  # of thousands: hypothesis shows its arguments
        return f"{len(self)} sessions"


def profile(**overrides: str) -> Profile:
    """The small market; dots of a setting's name are written as two underscores."""
    return load("demo", overrides=OVERRIDES | {name.replace("__", "."): text for name, text in overrides.items()})


def valued(name: str, restates: bool = False, key: str = "symbol") -> Dataset:
    """A test-only dataset of one number a symbol."""
    columns = (SYMBOL if key == "symbol" else _industry(), number("value", "any", "of a test"))
    return Dataset(name, (key,), columns, "of a test", restates=restates)


def _industry():
    return key("industry", "name")


def make_runner(
    folder: Path,
    chosen: Profile,
    vendor: Vendor | None = None,
    pool: Executor | None = None,
    reached: Callable[[str], None] = lambda _: None,
    calculation: type[Calculation] = Calculation,
    datasets: Iterable[Dataset] = (),
    gate: Gate = OpenGate(),  # noqa: B008 -- it holds nothing
) -> Runner:
    """A runner on the store at the folder, without Dagster; `datasets` are known beside the platform's."""
    clock = DecisionClock(chosen.decision_minutes_before_open)
    derived = [name for name in DATASETS if name not in SOURCES]
    known = DATASETS | {dataset.name: dataset for dataset in datasets}
    allowed = [*derived, *chosen.exceptions]
    store = Store(folder, datasets=known, clock=clock, hindsight_allowed=allowed, reached=reached)
    # looks are drawn by the run's id: tests look at the same sessions each time
    return Runner(store, calculation(chosen, clock, vendor or make_vendor(chosen), pool), "tests", gate=gate)


def needed_for(*names: str) -> list[SessionAsset]:
    """The assets and all that they read, in an order in which they can run."""
    wanted, found = {*names}, []
    for asset in reversed(core_assets()):
        if asset.name in wanted:
            wanted |= {window.dataset.name for window in asset.inputs.values()}
            found.append(asset)
    return found[::-1]


def run(runner: Runner, asset: SessionAsset, targets: Sequence[dt.date]) -> list[Outcome]:
    return sorted((o for group in runner.run(asset, targets) for o in group), key=lambda o: o.session)


def run_and_check(runner: Runner, asset: SessionAsset, targets: Sequence[dt.date]) -> list[CheckResult]:
    """As Dagster's step does."""
    outcomes = run(runner, asset, targets)
    return check_run(runner, asset, [o.partition for o in outcomes if not o.skipped], targets)


def failures(results: Iterable[CheckResult | None]) -> list[CheckResult]:
    return [v for v in results if v and not v.passed]


def contents(store: Store, assets: Iterable[SessionAsset]) -> Contents:
    """Of every stored session."""
    return Contents({(a.name, p.session): p.content_hash for a in assets for p in store.partitions(a.dataset)})


def copy_store(source: Path, target: Path) -> Path:
    """Files are linked, since the store never changes one; the index is copied."""
    shutil.copytree(source, target, copy_function=_copy)
    return target


def _copy(source: str, target: str) -> None:
    if source.endswith(".parquet"):
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def forget(store: Store, dataset: Dataset, gone: Iterable[dt.date]) -> None:
    """Make the store what it was before these sessions were stored."""
    wanted = set(gone)
    held = store.index.generations(dataset.name, dataset.version)
    for path, inside in store._health.by_file(held).items():
        lost = [p for p in inside if p.session in wanted]
        if lost:
            store._compactor.salvage(lost, [p for p in inside if p.session not in wanted])
            store.layout.aside(path).unlink()


def assert_any_order_stores_the_same(
    runner: Runner, assets: Sequence[SessionAsset], days: Sequence[dt.date], chunks: Sequence[Sequence[dt.date]]
) -> None:
    """What is stored comes again, bit by bit: `days` one by one, then the `chunks` of each asset in any order."""
    stored = contents(runner.store, assets)
    for asset in assets:
        forget(runner.store, asset.dataset, [*days, *chain(*chunks)])
    for day in days:
        for asset in assets:
            run(runner, asset, [day])
    for asset in assets:
        for chunk in random.Random(asset.name).sample(chunks, len(chunks)):
            run(runner, asset, chunk)
    assert contents(runner.store, assets) == stored


def dense(rows: pl.DataFrame, calendar: Sequence[dt.date]) -> pl.DataFrame:
    """One row a symbol and session of the calendar, sorted; nulls where there was no bar."""
    days = pl.DataFrame({"event_date": calendar}, schema={"event_date": pl.Date})
    grid = rows.select("symbol").unique().join(days, how="cross")
    return grid.join(rows, on=["symbol", "event_date"], how="left").sort("symbol", "event_date")
