"""The store's speed on 3,000 rows x 100 float32 a session, and on small sessions; `--json` for programs."""

import argparse
import datetime as dt
import statistics
import time

import numpy as np
import polars as pl

from benchmarks._figures import scratch, tell
from feature_store import sessions
from feature_store.dataset import KNOWN_AT, Column, Dataset, key, number
from feature_store.decision_time import end_of_day
from feature_store.describing import NewPartition, Provenance
from feature_store.segments import readable, scan, segments
from feature_store.store import Store

ROWS, WIDTH = 3000, 100
WIDE = Dataset(
    "bench/wide",
    ("symbol",),
    (key("symbol", ""), *(Column(f"f{i}", pl.Float32(), "", "") for i in range(WIDTH))),
    "",
)
BITEMPORAL = Dataset("bench/bitemporal", ("symbol",), WIDE.columns, "", restates=True)
SMALL = Dataset("bench/small", ("symbol",), (key("symbol", ""), *(number(f"f{i}", "", "") for i in range(8))), "")
SYMBOLS = [f"S{i:05d}" for i in range(ROWS)]


def frame(dataset, session, rows, rng, event_date=None):
    dtype = np.float32 if dataset is not SMALL else np.float64
    values = {name: rng.standard_normal(rows).astype(dtype) for name in dataset.values}
    return pl.DataFrame({"symbol": SYMBOLS[:rows], **values}).with_columns(
        event_date=pl.lit(event_date or session), known_at=pl.lit(end_of_day(session)).cast(KNOWN_AT)
    )


def partition(session, rows, tag=""):
    return NewPartition(session, rows, Provenance(f"{session}{tag}", {}))


def milliseconds(action, repeats):
    taken = []
    for i in range(repeats):
        started = time.perf_counter()
        action(i)
        taken.append((time.perf_counter() - started) * 1e3)
    return statistics.median(taken)


def measure(folder):
    rng = np.random.default_rng(7)
    days = sessions.between(dt.date(2000, 1, 3), dt.date(2019, 12, 31))
    store = Store(folder, datasets={})
    wide = [frame(WIDE, day, ROWS, rng) for day in days[:128]]
    figures = {}

    started = time.perf_counter()
    for i in range(0, 128, 32):
        store.write(WIDE, [partition(day, wide[j]) for j, day in enumerate(days[i : i + 32], i)])
    raw = ROWS * WIDTH * 4 * 128 / 2**20
    figures["backfill, MiB/s of raw data (>= 120)"] = raw / (time.perf_counter() - started)

    alone = days[128:148]
    for day in alone:
        store.write(WIDE, [partition(day, frame(WIDE, day, ROWS, rng))])
    again = [frame(WIDE, day, ROWS, rng) for day in alone]
    figures["replace a session with fsync and hash, ms (< 20)"] = milliseconds(
        lambda i: store.write(WIDE, [partition(alone[i], again[i], "again")]), len(alone)
    )
    # other engines get the rest of its month anew
    figures["replace a session of a pack, ms"] = milliseconds(
        lambda i: store.write(WIDE, [partition(days[i], wide[i], "again")]), 20
    )
    figures["read one session, ms (< 12)"] = milliseconds(
        lambda i: store.read(WIDE, days[i], first=days[i], last=days[i]), 60
    )

    for i, day in enumerate(days[:64]):
        rows = frame(BITEMPORAL, day, ROWS, rng)
        if i:  # 5 % of the session before, corrected
            rows = pl.concat([rows, frame(BITEMPORAL, day, ROWS // 20, rng, days[i - 1])])
        store.write(BITEMPORAL, [partition(day, rows)])
    stored = store.partitions(BITEMPORAL)
    parts = segments(store.layout, BITEMPORAL.name, BITEMPORAL.version, readable(stored))
    columns = list(BITEMPORAL.schema)
    plain = milliseconds(lambda _: scan(parts, [], columns), 15)
    known = milliseconds(lambda _: store.read(BITEMPORAL, days[63]), 15)
    figures["as-known read over a plain one, ratio (< 1.5)"] = known / plain

    group = [partition(day, frame(SMALL, day, 700, rng)) for day in days]
    started = time.perf_counter()
    for i in range(0, len(group), 64):
        store.write(SMALL, group[i : i + 64])
    figures["small session (700 x 8) in a group, ms"] = (time.perf_counter() - started) / len(days) * 1e3
    figures["plan a read among 5,000 sessions, ms (< 5)"] = milliseconds(
        lambda i: store.index.plan(SMALL.name, 1, days[2000 + i], days[2000 + i], days[2000 + i]), 60
    )
    figures["plan a read of all 5,000 sessions, ms"] = milliseconds(
        lambda _: store.index.plan(SMALL.name, 1, days[-1], days[0], days[-1]), 10
    )
    return figures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--folder", help="where the store is made; default a temporary folder here")
    options = parser.parse_args()
    with scratch(options.folder) as folder:
        figures = measure(folder / "store")
    tell(figures, options.json)


if __name__ == "__main__":
    main()
