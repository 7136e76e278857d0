"""The simulated market at full size: seconds, memory and rows of each payload; `--json` for programs."""

import argparse
import datetime as dt
import resource
import time

from benchmarks._figures import tell
from configs.load import load
from quant_resources.vendors.simulated.market import simulate
from quant_resources.vendors.simulated.vendor import PAYLOADS, Feed

SYMBOLS, START, END = 3000, dt.date(2009, 1, 2), dt.date(2018, 12, 31)


def measure(symbols):
    changes = {"vendor.n_symbols": symbols, "vendor.n_sectors": 11, "vendor.start": START, "vendor.end": END}
    profile = load("demo", overrides={key: str(value) for key, value in changes.items()})
    metrics, begun = {}, time.perf_counter()
    feed = Feed(simulate(profile.vendor, profile.seed))
    metrics["market simulated, s"] = time.perf_counter() - begun
    for name in PAYLOADS:
        started = time.perf_counter()
        rows = feed.payload(name)
        metrics[f"{name}, s ({rows.height:,} rows)"] = time.perf_counter() - started
    metrics[f"{symbols:,} symbols and all payloads, s (< 180 for 3,000)"] = time.perf_counter() - begun
    metrics["most memory, GiB (< 4 for 3,000)"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return metrics


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--symbols", type=int, default=SYMBOLS)
    options = parser.parse_args()
    metrics = measure(options.symbols)
    tell(metrics, options.json)


if __name__ == "__main__":
    main()
