"""The simulated market at full size: seconds, memory and rows of each payload; `--json` for programs."""

import argparse
import datetime as dt
import resource
import time

from benchmarks._figures import tell
from configs.load import load
from quant_resources.vendors.simulated.market import simulate
from quant_resources.vendors.simulated.vendor import PAYLOADS, Tape

SYMBOLS, START, END = 3000, dt.date(2009, 1, 2), dt.date(2018, 12, 31)


def measure(symbols):
    changes = {"vendor.n_symbols": symbols, "vendor.n_sectors": 11, "vendor.start": START, "vendor.end": END}
    profile = load("demo", overrides={key: str(value) for key, value in changes.items()})
    figures, begun = {}, time.perf_counter()
    tape = Tape(simulate(profile.vendor, profile.seed))
    figures["market simulated, s"] = time.perf_counter() - begun
    for name in PAYLOADS:
        started = time.perf_counter()
        rows = tape.payload(name)
        figures[f"{name}, s ({rows.height:,} rows)"] = time.perf_counter() - started
    figures[f"{symbols:,} symbols and all payloads, s (< 180 for 3,000)"] = time.perf_counter() - begun
    figures["most memory, GiB (< 4 for 3,000)"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return figures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--symbols", type=int, default=SYMBOLS)
    options = parser.parse_args()
    figures = measure(options.symbols)
    tell(figures, options.json)


if __name__ == "__main__":
    main()
