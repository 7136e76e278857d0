"""What it costs to keep the results of checks and to ask whether orders may leave, in a store of many sessions.

An index is filled with stored sessions that have no files; nothing here reads them.

    python -m benchmarks.check_results --sessions 3000 --assets 55

exits with 1 if a range of one asset takes more than a second to record, a day more than 50 ms, what orders rest on more
than three seconds to look through, or the records more than a minute to bring into a new index.
"""

import argparse
import datetime as dt
import sys
import time
from pathlib import Path

from benchmarks._figures import scratch, tell
from feature_store import sessions
from feature_store.check_results import NewResult
from feature_store.hashing import digest_of
from feature_store.partition import StoredPartition
from feature_store.store import Store
from quant_assets.engine.gate import NO_LOOKAHEAD, Gate, checks_of
from quant_assets.graph import core_assets
from tests.engine.market import profile

NOW = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
BOUNDS = {
    "s to record a range of an asset": 1.0,
    "s to record a day of an asset": 0.05,
    "s to look through what orders rest on": 3.0,
    "s to bring the records into a new index": 60.0,
}


def stored(dataset, day):
    """A session as the index holds it."""
    digest = digest_of([dataset.name, str(day)])
    parts = {f"input:{i}": digest_of([digest, str(i)]) for i in range(8)}
    return StoredPartition(
        dataset.name, dataset.version, day, 1, digest, digest, parts, 500, 0, 0, 0, day, day, NOW, 0, "run", "", {}, NOW
    )


def fill(store, assets, days):
    for asset in assets:
        partitions = [stored(asset.dataset, day) for day in days]
        with store.index.transaction() as connection:
            store.index.insert_pending(connection, partitions)
            store.index.mark_done(connection, partitions)


def results(asset, partitions):
    names = [name for name in checks_of(asset) if name != NO_LOOKAHEAD]
    found = [NewResult(asset.name, p.session, name, True, "", "run", p) for p in partitions for name in names]
    return [*found, *(NewResult(asset.name, p.session, NO_LOOKAHEAD, True, "", "alone", p) for p in partitions[-20:])]


def timed(function, *arguments):
    started = time.perf_counter()
    answer = function(*arguments)
    return time.perf_counter() - started, answer


def measure(folder: Path, n_sessions: int, n_assets: int) -> dict[str, float]:
    chosen, graph = profile(), core_assets()
    assets, days = graph[:n_assets], sessions.between(dt.date(2007, 1, 3), dt.date(2020, 1, 1))[:n_sessions]
    chosen = replace_start(chosen, days[0])
    store = Store(folder / "store")
    fill(store, assets, days)
    held = {asset.name: store.partitions(asset.dataset) for asset in assets}
    ranges = [timed(store.record_check_results, results(a, held[a.name]))[0] for a in assets]
    daily = [timed(store.record_check_results, results(a, held[a.name][-1:]))[0] for a in assets]
    orders = next(a for a in graph if a.name == "execution/orders")
    looking, blocked = timed(Gate(graph).blocked, store, chosen, orders, [days[-1]])
    if n_assets == len(graph) and blocked:
        raise SystemExit(f"nothing has failed, and orders are blocked: {blocked[days[-1]][0]}")

    def replay():
        with store.index.transaction() as connection:
            store.checks.replay(connection)

    logs = [*store.layout.checks.rglob("*.jsonl")]
    return {
        "s to record a range of an asset": sum(ranges) / len(ranges),
        "s to record a day of an asset": sum(daily) / len(daily),
        "s to look through what orders rest on": looking,
        "s to bring the records into a new index": timed(replay)[0],
        "s to open the store": timed(Store, folder / "store")[0],
        "MB of records": sum(path.stat().st_size for path in logs) / 1e6,
    }


def replace_start(chosen, start):
    return chosen.model_copy(update={"history": chosen.history.model_copy(update={"start": start})})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=3000)
    parser.add_argument("--assets", type=int, default=55)
    parser.add_argument("--folder", help="where the store is made; here by default")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    with scratch(given.folder) as folder:
        found = measure(folder, given.sessions, given.assets)
    tell(found, given.json)
    if slow := [name for name, bound in BOUNDS.items() if found[name] > bound]:
        sys.exit(f"too slow: {', '.join(slow)}")


if __name__ == "__main__":
    main()
