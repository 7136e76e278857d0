"""Corrections and their reach: `impact` against the difference of two full rebuilds, and what each takes.

    python -m benchmarks.impact --arrivals 100
    python -m benchmarks.impact --arrivals 100 --from 2013-06-03 --to 2016-06-30 --timed-only

draws late arrivals over a small simulated market, all assets: prices corrected, late, gone or new, splits recorded
late, membership, industries, macro. Each is answered by `impact` and by a store rebuilt from nothing with the arrival
known; content hashes and orders must agree. Seconds are those of the processor, and nothing is synced to disk.
`--timed-only` rebuilds once, without an arrival, and times `impact` against that.
"""

import argparse
import datetime as dt
import os
import shutil
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from configs.load import load
from feature_store import sessions
from feature_store.decision_time import DecisionClock
from quant_assets.graph import core_assets
from quant_assets.operations.impact import impact
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.registry import make_vendor
from tests.engine.market import END, OVERRIDES, START, make_runner
from tests.support.arrivals import Amended, Arrivals, differing, differing_orders, rebuild


@dataclass(frozen=True)
class Timed:
    kind: str
    agrees: bool | None
    partitions: int
    orders: int
    rebuild_seconds: float
    impact_seconds: float

    @property
    def ratio(self) -> float:
        return self.impact_seconds / self.rebuild_seconds


class Bench:
    """One market, stored once; every arrival is judged against it."""

    def __init__(self, root, first, last, timed_only):
        begin = sessions.shift(sessions.at_or_after(dt.date.fromisoformat(first)), -150)  # as the small market of tests
        overrides = {"history.start": first, "history.end": last, "vendor.start": str(begin), "vendor.end": last}
        self.profile = load("demo", overrides=OVERRIDES | overrides)
        self.days = sessions.between(self.profile.history.start, self.profile.history.end)
        self.vendor, self.root, self.timed_only = make_vendor(self.profile), root, timed_only
        shutil.rmtree(root, ignore_errors=True)
        started = time.process_time()
        self.base = rebuild(root / "base", self.profile, self.vendor, core_assets(), self.days).store
        self.seconds = time.process_time() - started
        self.arrivals = Arrivals(self.vendor, self.profile, self.days)

    def one(self, rng):
        """One arrival, or None where the vendor's parser refuses what was drawn."""
        arrival = self.arrivals.draw(rng)
        vendor = Amended(self.vendor, arrival, DecisionClock(self.profile.decision_minutes_before_open))
        try:
            whole, seconds = (None, self.seconds) if self.timed_only else self._rebuilt(vendor)
        except VendorError as error:
            print(f"drawn again: {error}", flush=True)
            return None
        started = time.process_time()
        found = impact(make_runner(self.root / "base", self.profile, vendor))
        taken = time.process_time() - started
        agrees = None if whole is None else self._agrees(found, whole, arrival)
        return Timed(arrival.kind, agrees, len(found.differences), found.orders.height, seconds, taken)

    def _rebuilt(self, vendor):
        folder = self.root / "rebuilt"
        shutil.rmtree(folder, ignore_errors=True)
        started = time.process_time()
        whole = rebuild(folder, self.profile, vendor, core_assets(), self.days).store
        return whole, time.process_time() - started

    def _agrees(self, found, whole, arrival):
        wanted = differing(self.base, whole, core_assets())
        cells = {(d.dataset, d.session): (d.stored, d.instead) for d in found.differences}
        agrees = cells == wanted and list(found.orders.iter_rows()) == differing_orders(self.base, whole)
        if not agrees:
            print(f"disagrees: {arrival}; {len(wanted)} partitions, impact {len(cells)}", flush=True)
        return agrees


def show(timed):
    print("impact / rebuild:")
    print(f"{'kind':32} {'n':>3} {'agree':>5} {'partitions':>10} {'orders':>6} {'median':>7} {'worst':>6}")
    groups = [("all", timed), *((k, [t for t in timed if t.kind == k]) for k in sorted({t.kind for t in timed}))]
    for kind, group in groups:
        ratios = [t.ratio for t in group]
        print(
            f"{kind:32} {len(group):3} {sum(bool(t.agrees) for t in group):5} "
            f"{statistics.median(t.partitions for t in group):10.0f} {statistics.median(t.orders for t in group):6.0f} "
            f"{statistics.median(ratios):7.3f} {max(ratios):6.3f}"
        )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--arrivals", type=int, default=100)
    parser.add_argument("--number", type=int, default=0, help="of the first arrival, to split a long run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--from", dest="first", default=str(START))
    parser.add_argument("--to", dest="last", default=str(END))
    parser.add_argument("--timed-only", action="store_true")
    parser.add_argument("--folder", default=".asof/impact")
    options = parser.parse_args()
    os.fsync = lambda _: None
    bench, timed = Bench(Path(options.folder), options.first, options.last, options.timed_only), []
    print(f"{len(bench.days)} sessions, {len(core_assets())} assets: {bench.seconds:.0f} s", flush=True)
    for i in range(options.number, options.number + options.arrivals):
        rng, found = np.random.default_rng([options.seed, i]), None
        while found is None:
            found = bench.one(rng)
        timed.append(found)
        verdict = {True: "agrees", False: "DIFFERS", None: ""}[found.agrees]
        print(
            f"{i:3} {found.kind:28} {verdict:7} {found.partitions:6} partitions {found.orders:5} orders "
            f"{found.rebuild_seconds:6.1f} s {found.impact_seconds:6.1f} s {found.ratio:.3f}",
            flush=True,
        )
    show(timed)
    return 1 if any(t.agrees is False for t in timed) else 0


if __name__ == "__main__":
    raise SystemExit(main())
