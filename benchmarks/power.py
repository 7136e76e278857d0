"""Measured power: leaks planted on 10, 1 and .1 % of a year's sessions, found by the run that stores it or in a cycle.

Each run stores a year of cheap assets on a tiny market, with a leak on sessions drawn anew; its looks are compared with
what is stated of them. 1 if a run finds 1 % with less than 50 %, a cycle of nights with less than 99 %, or if what was
measured and what is stated are further apart than three standard errors. The cost is that of years without a leak: to
say how two values differ takes longer than to find that they do.

    python -m benchmarks.power --runs 200 --cycles 20

With `--home`, the cost instead: of the looks of each asset that the home has stored, over the asset's own time.

    python -m benchmarks.power --home .asof
"""

import argparse
import datetime as dt
import math
import random
import sqlite3
import statistics
import sys
import time
from pathlib import Path

import polars as pl

from benchmarks._figures import scratch
from configs.load import load
from feature_store import sessions
from feature_store.dataset import Dataset, key, number
from feature_store.decision_time import DecisionClock
from feature_store.schemas.catalogue import DATASETS
from feature_store.schemas.market import BARS
from feature_store.store import Store
from quant_assets.engine.asset import CrossSection, Source, TimeSeries, same, trailing
from quant_assets.engine.computation import Calculation
from quant_assets.engine.lookahead_checks import check_run
from quant_assets.engine.power import FRACTIONS, detection_probability
from quant_assets.engine.runner import Runner
from quant_assets.operations.rotation import certified
from quant_resources.vendors.registry import make_vendor

FIRST, LAST = dt.date(2015, 1, 2), dt.date(2015, 12, 31)
MARKET = {
    "history.start": str(FIRST),
    "history.end": str(LAST),
    "vendor.start": "2014-06-02",
    "vendor.end": str(LAST),
    "vendor.n_symbols": "8",
    "vendor.n_sectors": "3",
}
CYCLE_DAYS, CLEAN_RUNS = 30, 10
OWN = ("reading", "computing", "storing")
LEAKY: set[dt.date] = set()  # sessions whose values see the next one


def leaking(bars: pl.DataFrame, sessions: list[dt.date]) -> pl.DataFrame:
    """A time series' function: the close, of the next session where it leaks."""
    following = pl.col("close").shift(-1).over("symbol")
    value = pl.when(pl.col("event_date").is_in(list(LEAKY))).then(following.fill_null(-1.0)).otherwise("close")
    return bars.select("event_date", "symbol", value=value)


def closes(bars: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """A cross section's function; it gets what it is handed."""
    return bars.select(pl.lit(session, pl.Date).alias("event_date"), "symbol", value="close")


class Leaking(Calculation):
    """A mechanism that hands the next session to a cross section, where it leaks."""

    def _views(self, asset, first, last, data):
        return {name: Ahead(view) for name, view in super()._views(asset, first, last, data).items()}


class Ahead:
    def __init__(self, view):
        self._view = view

    def at(self, target):
        return self._view.at(sessions.shift(target, 1) if target in LEAKY else target)


KINDS = {
    "time series": lambda dataset: TimeSeries(dataset, leaking, {"bars": trailing(BARS, 5, columns=("close",))}),
    "cross section": lambda dataset: CrossSection(dataset, closes, {"bars": same(BARS, columns=("close",))}),
}


def dataset(kind, number_of_run):
    columns = (key("symbol", "stable security id"), number("value", "any", "of a benchmark"))
    return Dataset(f"power/{kind.replace(' ', '_')}_{number_of_run}", ("symbol",), columns, "of a benchmark")


def opened(folder, names):
    profile = load("demo", overrides=MARKET)
    clock = DecisionClock(profile.decision_minutes_before_open)
    store = Store(folder, datasets=DATASETS | {d.name: d for d in names}, clock=clock, hindsight_allowed=[*DATASETS])
    return store, lambda run_id: Runner(store, Leaking(profile, clock, make_vendor(profile)), run_id)


def planted(days, rng):
    """Sessions on which a leak lies, by fraction: those of the smaller one among those of the larger."""
    order = rng.sample(days[:-1], len(days) - 1)
    counts = {fraction: max(1, math.floor(fraction * len(days) + rng.random())) for fraction in FRACTIONS}
    return {fraction: set(order[:count]) for fraction, count in counts.items()}


def stored_and_checked(runner, asset, days, rng):
    """Whether the run that stores a leaky year finds it, by fraction; what is stated; the cost of the looks."""
    leaks = planted(days, rng)
    LEAKY.clear()
    LEAKY.update(leaks[max(FRACTIONS)])
    results = check_year(runner, asset, days)
    looked, failed = {v.session for v in results}, {v.session for v in results if not v.passed}
    assert failed <= LEAKY, sorted(failed - LEAKY)  # a false alarm
    stated = {fraction: detection_probability(len(days), len(looked), fraction) for fraction in FRACTIONS}
    return leaks, {f: bool(failed & leaks[f]) for f in FRACTIONS}, stated, len(looked)


def check_year(runner, asset, days):
    """Results of the looks of the run that stores the year."""
    written = [o.partition for group in runner.run(asset, days) for o in group]
    return [v for v in check_run(runner, asset, written, days) if v.check == "no_lookahead"]


def cycle(make, asset, leaks, seed):
    """Whether a cycle of nights finds the leaks, by fraction."""
    failed = set()
    for night in range(CYCLE_DAYS):
        now = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)  # a day after the night before
        found = certified(make(f"{seed} night {night}"), [asset], CYCLE_DAYS, now, f"{seed} {night}")
        failed |= {v.session for v in found[asset.name][1] if not v.passed}
    return {fraction: bool(failed & leaks[fraction]) for fraction in FRACTIONS}


def measured(folder, kind, runs, cycles, seed):
    """Rows of figures, one a fraction, and the cost over own time."""
    rng = random.Random(f"{seed} {kind}")
    store, make = opened(folder, [dataset(kind, i) for i in range(runs + CLEAN_RUNS)])
    days = sessions.between(FIRST, LAST)
    if not store.sessions(BARS):
        list(make("bars").run(Source(BARS), days))
    found, stated, in_cycle, counts = [], [], [], []
    for i in range(runs):
        asset = KINDS[kind](dataset(kind, i))
        leaks, hits, said, count = stored_and_checked(make(f"{seed} {kind} {i}"), asset, days, rng)
        found.append(hits)
        stated.append(said)
        counts.append(count)
        if i < cycles:
            in_cycle.append(cycle(make, asset, leaks, f"{seed} {kind} {i}"))
    mean = lambda rows, f: sum(row[f] for row in rows) / len(rows) if rows else math.nan  # noqa: E731
    rows = [
        {"kind": kind, "fraction": f, "found": mean(found, f), "stated": mean(stated, f), "cycle": mean(in_cycle, f)}
        for f in FRACTIONS
    ]
    LEAKY.clear()
    for i in range(runs, runs + CLEAN_RUNS):
        check_year(make(f"{seed} {kind} {i}"), KINDS[kind](dataset(kind, i)), days)
    clean = [cost(folder / "index.sqlite", dataset(kind, i).name) for i in range(runs, runs + CLEAN_RUNS)]
    return rows, sum(counts) / runs, statistics.median(clean)


def cost(index, like="%"):
    """Seconds of looks over those of reading, computing and storing, of the datasets alike."""
    connection = sqlite3.connect(f"file:{index}?mode=ro", uri=True)
    by_part = dict(
        connection.execute("SELECT part, SUM(seconds) FROM seconds WHERE dataset LIKE ? GROUP BY part", (like,))
    )
    return by_part.get("looks", 0.0) / sum(by_part.get(part, 0.0) for part in OWN)


def wrong(row, runs):
    """What of a row breaks the claim."""
    error = math.sqrt(row["stated"] * (1 - row["stated"]) / runs)
    if abs(row["found"] - row["stated"]) > 3 * error + 1e-9:
        yield "found and stated are apart"
    if row["fraction"] == 0.01 and row["found"] < 0.5:
        yield "less than 50 % of the leaks on 1 % of the sessions"
    if row["cycle"] < 0.99:
        yield "less than 99 % in a cycle"


def costs_of(home):
    """Of each dataset of a home the cost of its looks; True if one costs more than is allowed."""
    index = home / "store" / "index.sqlite"
    connection = sqlite3.connect(f"file:{index}?mode=ro", uri=True)
    names = [name for (name,) in connection.execute("SELECT DISTINCT dataset FROM seconds ORDER BY 1")]
    found = {name: cost(index, name) for name in names}
    for name, ratio in found.items():
        print(f"{name:40s} {ratio:6.1%}")
    print(f"{'all':40s} {cost(index):6.1%}")
    return cost(index) > 0.15


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--seed", type=int, default=14)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--home", type=Path)
    options = parser.parse_args()
    if options.home:
        return int(costs_of(options.home))
    broken = []
    for kind in KINDS:
        with scratch(options.folder) as folder:
            started = time.perf_counter()
            rows, count, ratio = measured(folder, kind, options.runs, options.cycles, options.seed)
        for row in rows:
            found = " ".join(f"{name} {row[name]:6.1%}" for name in ("found", "stated", "cycle"))
            print(f"{kind:14s} {row['fraction']:6.1%} {found}", flush=True)
            broken += [f"{kind}, {row['fraction']:.1%}: {text}" for text in wrong(row, options.runs)]
        took = time.perf_counter() - started
        print(f"{kind:14s} {count:.0f} sessions looked at a run; looks cost {ratio:.1%} of own time; {took:.0f} s")
    for text in broken:
        print("broken:", text)
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
