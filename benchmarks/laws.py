"""Law 5 at full size: one range, daily runs, chunks out of order, two worker counts, and kill -9, by content hash.

    python -m benchmarks.laws --profile vintages --base 2016-05-31 --from 2016-06-01 --to 2016-09-30

builds a store up to `--base` once, copies it, and stores the range in each way; prints the sessions that differ.
"""

import argparse
import datetime as dt
import random
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from configs.load import load
from feature_store import sessions
from feature_store.decision_time import DecisionClock
from feature_store.schemas.catalogue import DATASETS, SOURCES
from feature_store.store import Store
from quant_assets.engine.asset import Recursive
from quant_assets.engine.computation import Calculation
from quant_assets.engine.runner import Runner
from quant_assets.graph import core_assets
from quant_assets.operations.status import diff_rows
from quant_resources.vendors.registry import make_vendor
from tests.support.gates import OpenGate


def make_runner(folder, profile, pool=None):
    allowed = [*(name for name in DATASETS if name not in SOURCES), *profile.exceptions]
    clock = DecisionClock(profile.decision_minutes_before_open)
    store = Store(folder, clock=clock, hindsight_allowed=allowed)
    return Runner(store, Calculation(profile, clock, make_vendor(profile), pool), gate=OpenGate())


def run(folder, profile, targets, assets=None, pool=None):
    runner = make_runner(folder, profile, pool)
    for asset in assets or core_assets():
        for _ in runner.run(asset, targets):
            pass


def copy(base, folder):
    """Files are immutable, so links will do; the index is copied."""
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(["cp", "-al", str(base), str(folder)], check=True)
    for name in ("index.sqlite", "sequence", "store.json"):
        (folder / name).unlink()
        shutil.copy(base / name, folder / name)
    for leftover in folder.glob("index.sqlite-*"):
        leftover.unlink()
    shutil.rmtree(folder / "_locks", ignore_errors=True)


def daily(folder, profile, targets):
    for t in targets:
        run(folder, profile, [t])


def out_of_order(folder, profile, targets):
    """Sources and what has no path: shuffled chunks; the path and its projections in order."""
    rng = random.Random(11)
    for asset in core_assets():
        chunks = [targets[i : i + 17] for i in range(0, len(targets), 17)]
        if not isinstance(asset, Recursive):
            rng.shuffle(chunks)
        for chunk in chunks:
            run(folder, profile, chunk, [asset])


def two_workers(folder, profile, targets):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        run(folder, profile, targets, pool=pool)


def killed(folder, arguments, times, seconds):
    """The range in a process of its own, killed at random moments of its work, then repeated to its end."""
    rng = random.Random(5)
    command = [sys.executable, "-m", "benchmarks.laws", *arguments, "--child", str(folder)]
    kills = 0
    while kills < times:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            child.stdout.readline()  # it has imported everything and begins
            try:
                child.wait(rng.uniform(0.05, 1.5 * seconds / times))
                break
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                kills += 1
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return kills


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile", required=True)
    parser.add_argument("--base", required=True)
    parser.add_argument("--from", dest="first", required=True)
    parser.add_argument("--to", dest="last", required=True)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--folder", default=".asof/laws")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--child")
    options = parser.parse_args()
    profile = load(options.profile, None, dict(text.split("=", 1) for text in options.set))
    targets = sessions.between(dt.date.fromisoformat(options.first), dt.date.fromisoformat(options.last))
    if options.child:
        print("begins", flush=True)
        run(Path(options.child), profile, targets)
        return 0
    root = Path(options.folder)
    root.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    before = sessions.between(profile.history.start, dt.date.fromisoformat(options.base))
    run(root / "base", profile, before)
    print(f"base: {len(before)} sessions in {time.perf_counter() - started:.0f} s", flush=True)
    arguments = [word for word in sys.argv[1:] if word != "--child"]
    ways = {
        "range": lambda f: run(f, profile, targets),
        "two workers": lambda f: two_workers(f, profile, targets),
        "out of order": lambda f: out_of_order(f, profile, targets),
        "killed": lambda f: killed(f, arguments, options.kills, seconds["range"]),
        "daily": lambda f: daily(f, profile, targets),
    }
    seconds, worst = {}, 0
    for name, way in ways.items():
        folder = root / name.replace(" ", "_")
        copy(root / "base", folder)
        started = time.perf_counter()
        result = way(folder)
        seconds[name] = time.perf_counter() - started
        rows = diff_rows(Store(root / "range"), Store(folder), targets[0], targets[-1], [])
        differ = sum(row["differ"] + row["only_a"] + row["only_b"] for row in rows)
        equal = sum(row["equal"] for row in rows)
        worst += differ
        note = f", {result} kills" if result else ""
        print(f"{name}: {seconds[name]:.0f} s{note}; {equal} session partitions equal, {differ} differ", flush=True)
        for row in rows:
            if row["differ"] or row["only_a"] or row["only_b"]:
                print("   ", row, flush=True)
    late = sum(p.late_rows for p in Store(root / "range").partitions("market/bars", targets[0], targets[-1]))
    print(f"late or corrected bars in the range: {late}")
    return 1 if worst else 0


if __name__ == "__main__":
    raise SystemExit(main())
