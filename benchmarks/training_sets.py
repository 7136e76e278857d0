"""A million rows of (session, symbol) against ten million feature rows of which 5 % are corrected later.

From files on disk to the finished training set, beside the same join by Polars and by DuckDB on the same files; each in
a process of its own with one thread, so that its peak memory is its own. `--json` for programs. All three must agree.
"""

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from benchmarks._figures import scratch, tell
from feature_store import sessions
from feature_store.dataset import KNOWN_AT, Dataset, key, number
from feature_store.decision_time import end_of_day
from feature_store.describing import NewPartition, Provenance
from feature_store.store import Store

WIDTH = 4
FACTS = Dataset(
    "bench/facts",
    ("symbol",),
    (key("symbol", ""), *(number(f"f{i}", "", "") for i in range(WIDTH))),
    "Corrected within ten sessions.",
    restates=True,
)
VALUES = FACTS.values
DAYS = sessions.between(dt.date(2010, 1, 4), dt.date(2019, 12, 31))
GLOB = "bench/facts/v1/session=*/part.parquet"


def frame(symbols, day, known, rng):
    values = {name: rng.standard_normal(len(symbols)) for name in VALUES}
    stamps = {"event_date": pl.lit(day), "known_at": pl.lit(end_of_day(known)).cast(KNOWN_AT)}
    return pl.DataFrame({"symbol": symbols, **values}).with_columns(**stamps).select(list(FACTS.schema))


def make(folder, n_rows):
    """The store: of each session a row for 19 of 20 symbols, and corrections of the ten before for one in twenty."""
    rng, store = np.random.default_rng(7), Store(folder, datasets={FACTS.name: FACTS})
    n_symbols = n_rows // len(DAYS)
    symbols = np.array([f"S{i:05d}" for i in range(n_symbols)])
    group = []
    for i, day in enumerate(DAYS):
        parts = [frame(symbols[rng.random(n_symbols) > 0.05], day, day, rng)]
        if i:
            before = DAYS[i - rng.integers(1, min(i, 10) + 1)]
            parts.append(frame(symbols[rng.random(n_symbols) < 0.05], before, day, rng))
        group.append(NewPartition(day, pl.concat(parts).sort("event_date", "symbol"), Provenance(f"{day}", {})))
        if len(group) == 64 or day == DAYS[-1]:
            store.write(FACTS, group)
            group = []
    return symbols


def asked(folder, symbols, n_rows):
    rng = np.random.default_rng(8)
    days = pl.Series(DAYS, dtype=pl.Date)[rng.integers(0, len(DAYS), n_rows)]
    path = folder / "asked.parquet"
    pl.DataFrame({"session": days, "symbol": symbols[rng.integers(0, len(symbols), n_rows)]}).write_parquet(path)
    return path


def by_store(folder, rows):
    store = Store(folder, datasets={FACTS.name: FACTS})
    return store.training_set(rows, FACTS, [], DAYS[-1]).select("session", "symbol", *VALUES)


def by_polars(folder, rows):
    """Words that say less than an earlier one, and all but one of each session, dropped; then `join_asof`."""
    told = pl.scan_parquet(f"{folder}/{GLOB}", hive_partitioning=True, hive_schema={"session": pl.Date()}).collect()
    told = told.sort("symbol", "session", "event_date", "known_at")
    newest = pl.col("event_date").cum_max().over("symbol")
    told = told.filter(pl.col("event_date") == newest).unique(["symbol", "session"], keep="last", maintain_order=True)
    sorted_rows = rows.with_row_index("row").sort("symbol", "session")
    found = sorted_rows.join_asof(told, on="session", by="symbol", check_sortedness=False)
    return found.sort("row").select("session", "symbol", *VALUES)


def by_duckdb(folder, rows):
    with duckdb.connect() as duck:
        duck.execute("SET threads = 1; SET preserve_insertion_order = false")
        duck.register("rows", rows.with_row_index("row").to_arrow())
        return duck.sql(f"""
            WITH told AS (
                SELECT * FROM read_parquet('{folder}/{GLOB}', hive_partitioning = true)
                QUALIFY event_date = max(event_date) OVER (
                    PARTITION BY symbol ORDER BY session, event_date ROWS UNBOUNDED PRECEDING)
                AND row_number() OVER (PARTITION BY symbol, session ORDER BY event_date DESC) = 1)
            SELECT rows.session, rows.symbol, {", ".join(f"told.{name}" for name in VALUES)}
            FROM rows ASOF LEFT JOIN told ON rows.symbol = told.symbol AND rows.session >= told.session ORDER BY row
        """).pl()


WAYS = {"store": by_store, "polars": by_polars, "duckdb": by_duckdb}


def one_way(way, folder, path):
    """In a process of its own: seconds from files to the finished set, and its peak memory."""
    rows = pl.read_parquet(path)
    wall, cpu = time.perf_counter(), time.process_time()
    found = WAYS[way](folder, rows)
    taken = time.perf_counter() - wall, time.process_time() - cpu
    status = Path("/proc/self/status").read_text().splitlines()
    peak = int(next(line for line in status if line.startswith("VmHWM")).split()[1]) / 2**20
    found.write_parquet(path.with_name(f"{way}.parquet"))
    print(json.dumps({"wall s": taken[0], "CPU s": taken[1], "peak GiB": peak}))


def measure(folder, feature_rows, entity_rows):
    path = asked(folder, make(folder / "store", feature_rows), entity_rows)
    figures = {}
    one = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}
    for way in WAYS:
        command = [sys.executable, "-m", "benchmarks.training_sets", "--way", way, str(folder / "store"), str(path)]
        told = subprocess.run(command, env=os.environ | one, check=True, capture_output=True, text=True).stdout
        figures |= {f"{way}, {name}": value for name, value in json.loads(told).items()}
    results = [pl.read_parquet(folder / f"{way}.parquet") for way in WAYS]
    assert all(found.equals(results[0]) for found in results), "the three ways do not agree"
    figures["rows with a value, share"] = 1 - results[0]["f0"].null_count() / entity_rows
    return figures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--feature-rows", type=int, default=10_000_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", help="where the store is made; default a temporary folder here")
    parser.add_argument("--way", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        one_way(options.way[0], Path(options.way[1]), Path(options.way[2]))
        return
    with scratch(options.folder) as folder:
        figures = measure(folder, options.feature_rows, options.rows)
    tell(figures, options.json)


if __name__ == "__main__":
    main()
