"""Damage: changed files of a store are never read as other values, a changed index loses nothing, kills lose nothing.

    python -m benchmarks.damage --files 2000 --indexes 2000 --kills 100

Each damage is done to a copy of one small store (packs, files of one session, superseded generations, an adoption, a
withdrawal, results of checks). Exits with 1 at the first claim that fails, and says which damage it was.
"""

import argparse
import datetime as dt
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from benchmarks._figures import scratch, tell
from feature_store.catalog import connect
from feature_store.errors import CorruptPartitionError, StoreError
from tests.feature_store.examples import DERIVED, FACTS, group, new, opened, row, rows
from tests.feature_store.packs import AFTER, MARCH, huge

DATASETS = (FACTS, DERIVED)


class ClaimError(AssertionError):
    """A claim of this campaign does not hold."""


@dataclass
class Damaged:
    """A store to damage, and what it says while it is whole."""

    root: Path
    expected: dict = field(default_factory=dict)
    bytes_of: dict = field(default_factory=dict)

    def restore(self):
        for path in self.root.rglob("*"):
            if path.is_file() and path not in self.bytes_of:
                path.unlink()
        for path, (data, others) in self.bytes_of.items():
            if not path.exists() or path.read_bytes() != data:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.unlink(missing_ok=True)
                path.write_bytes(data)
            for other in others:
                other.parent.mkdir(parents=True, exist_ok=True)
                if not other.exists() or not other.samefile(path):
                    other.unlink(missing_ok=True)
                    other.hardlink_to(path)


def small_store(root):
    """Two datasets over a month, in packs and files of their own, some sessions twice."""
    store = opened(root)
    store.write(FACTS, group(MARCH[:6]))
    store.write(FACTS, [new(day, huge(day), "large") for day in MARCH[6:9]])
    store.write(FACTS, group(MARCH[2:4], "second", 2.0))
    for day in MARCH[9:12]:
        store.write(FACTS, group([day], "alone", 3.0))
    store.write(DERIVED, [new(day, row(day, value=float(i))) for i, day in enumerate(MARCH[:8])])
    store.write(DERIVED, [new(MARCH[8], rows((MARCH[8], "A", None, store.clock.decision_time(MARCH[8]))))])
    store.withdraw(store.partitions(FACTS)[:2], "a reason", "benchmark")
    store.record_check_results([(FACTS.name, day, "made_up", i % 3 > 0, "") for i, day in enumerate(MARCH[:9])])
    store.index.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.index.close()
    return root


def whole(root):
    """The store as it is, to be damaged again and again."""
    damaged = Damaged(root)
    names = {}
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        names.setdefault(path.stat().st_ino, []).append(path)
    damaged.bytes_of = {first: (first.read_bytes(), others) for first, *others in names.values()}
    store = opened(root)
    damaged.expected = contents_of(store)
    store.index.close()
    damaged.restore()
    return damaged


def contents_of(store):
    """All that a store holds: rows as known and of every generation, what its index holds, and results of checks."""
    contents = {}
    for dataset in DATASETS:
        contents[dataset.name, "rows"] = store.read(dataset, AFTER)
        contents[dataset.name, "index"] = [
            (p, p.place[:3], p.adopted) for p in store.index.generations(dataset.name, dataset.version)
        ]
        contents[dataset.name, "checks"] = store.check_results(dataset, "made_up")
    contents["records"] = store.adoptions()
    return contents


def same(contents, expected, key):
    if key[1:] == ("rows",):
        return contents[key].equals(expected[key])
    return contents[key] == expected[key]


# -- kinds of damage -------------------------------------------------------------------------------------------------


def flip(data, rng):
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def flips(data, rng):
    for _ in range(rng.randrange(2, 20)):
        data = flip(data, rng)
    return data


def cut(data, rng):
    return data[: rng.randrange(len(data))]


def zeroed(data, rng):
    size = rng.choice([16, 512, 4096])
    at = rng.randrange(len(data)) // size * size
    return data[:at] + bytes(len(data[at : at + size])) + data[at + size :]


def noise(data, rng):
    at = rng.randrange(len(data))
    block = rng.randbytes(rng.randrange(1, 64))
    return data[:at] + block + data[at + len(block) :]


KINDS = (flip, flip, flip, flips, cut, zeroed, noise)


def harm(damaged, paths, rng):
    """Damage one of the paths, or let two take one another's place; says what was done."""
    path = rng.choice(paths)
    if len(paths) > 1 and rng.random() < 0.1:
        other = rng.choice([p for p in paths if p != path])
        one, two = path.read_bytes(), other.read_bytes()
        path.write_bytes(two)
        other.write_bytes(one)
        return f"{path} and {other} swapped", {path, other}
    kind, data = rng.choice(KINDS), path.read_bytes()
    if not data:
        return "an empty file left as it is", set()
    path.write_bytes(kind(data, rng))
    return f"{kind.__name__} of {path}", {path}


# -- campaigns ---------------------------------------------------------------------------------------------------------


def files(damaged, count, rng, verify_each=10):
    """Changed files: each read equals the undisturbed rows or raises the named error, in Python and in SQL."""
    results = Counter()
    stored = [p for p in damaged.bytes_of if p.suffix == ".parquet"]
    stored += [other for _, others in damaged.bytes_of.values() for other in others if other.suffix == ".parquet"]
    for i in range(count):
        what, _ = harm(damaged, stored, rng)
        store = opened(damaged.root)
        for dataset in DATASETS:
            results[read_or_rejected(store, dataset, damaged.expected, what)] += 1
            results[queried_or_rejected(store, dataset, damaged.expected, what)] += 1
        if i % verify_each == 0:
            verified(store, damaged.expected, what)
            results["verified"] += 1
        store.index.close()
        damaged.restore()
    return results


def read_or_rejected(store, dataset, expected, what):
    try:
        rows_read = store.read(dataset, AFTER)
    except CorruptPartitionError as error:
        require("asof verify" in str(error) and dataset.name in str(error), f"{what}: {error}")
        return "read: rejected"
    require(rows_read.equals(expected[dataset.name, "rows"]), f"{what}: {dataset.name} is read as other values")
    return "read: as undisturbed"


def queried_or_rejected(store, dataset, expected, what):
    columns = ", ".join(expected[dataset.name, "rows"].columns)
    query = f"SELECT {columns} FROM {dataset.name.replace('/', '_')}(TIMESTAMPTZ '2017-04-03 14:00+00') ORDER BY ALL"
    try:
        with connect(store, [dataset]) as connection:
            rows_read = connection.sql(query).pl()
    except (duckdb.Error, CorruptPartitionError) as error:
        require("asof verify" in str(error), f"{what}: {error}")
        return "SQL: rejected"
    known = expected[dataset.name, "rows"]
    require(rows_read.rows() == known.sort(known.columns).rows(), f"{what}: SQL reads {dataset.name} as other values")
    return "SQL: as undisturbed"


def verified(store, expected, what):
    """`verify` loses no generation that can be read, and repeats itself."""
    before = readable(store)
    done = store.verify()
    after = readable(store)
    require(before <= after, f"{what}: verify lost {sorted(before - after)[:3]}")
    lost = {(p.dataset, p.session, p.generation) for p in done.lost}
    known = {(p.dataset, p.session, p.generation) for d in DATASETS for p, *_ in expected[d.name, "index"]}
    require(after == known - lost, f"{what}: verify leaves {sorted((known - lost) ^ after)[:3]} neither whole nor lost")
    require(not store.verify().damaged, f"{what}: a second verify finds something")


def readable(store):
    """Generations that can be read back."""
    found = set()
    for dataset in DATASETS:
        partitions = store.index.generations(dataset.name, dataset.version)
        faults = store.faults(partitions)
        found |= {(p.dataset, p.session, p.generation) for p in partitions if (p.session, p.generation) not in faults}
    return found


def indexes(damaged, count, rng):
    """A changed index, sequence, format or record: all reads as before, or one error names the file and the fix."""
    results = Counter()
    root = damaged.root
    manifests = [root / "index.sqlite"] * 12 + [
        root / "store.json",
        root / "sequence",
        *(root / "_adoptions").glob("*"),
    ]
    for _ in range(count):
        what, touched = harm(damaged, [rng.choice(manifests)], rng)
        if rng.random() < 0.05:
            shutil.copy(rng.choice(manifests), root / "index.sqlite-wal")
            what += ", with a stray log"
        try:
            store = opened(root)
            contents = contents_of(store)
            store.index.close()
        except StoreError as error:
            named = any(path.name in str(error) for path in touched)
            require(named and "index.sqlite" not in str(error), f"{what}: {error}")
            results["rejected, and named"] += 1
        else:
            for key in damaged.expected:
                require(same(contents, damaged.expected, key), f"{what}: {key} is another than before")
            results["as before"] += 1
        damaged.restore()
    return results


WORK = """
import random, sys
from pathlib import Path
from benchmarks.damage import work
work(Path(sys.argv[1]), random.Random(int(sys.argv[2])))
"""


def work(root, rng):
    """Store, withdraw, compact, verify without end, and say what is stored; to be killed."""
    store, i = opened(root), 0
    print("ready", flush=True)
    while True:
        i += 1
        dataset = rng.choice(DATASETS)
        days = rng.sample(MARCH, rng.randrange(1, 4))
        name = f"{rng.random()}"
        match rng.randrange(6):
            case 0:
                store.compact(dataset, AFTER)
            case 1 if store.sessions(dataset):
                store.withdraw(rng.sample(store.partitions(dataset), 1), "a reason", "benchmark")
            case 2:
                store.verify()
            case _:
                for p in store.write(dataset, group(days, name, float(i))):
                    print(p.dataset, p.session, p.generation, p.content_hash, flush=True)


def kills(folder, count, rng):
    """Killed at any moment, a store has all that it announced, and is whole when it is opened again."""
    results, announced = Counter(), {}
    root = folder / "killed"
    for _ in range(count):
        process = subprocess.Popen(
            [sys.executable, "-c", WORK, str(root), str(rng.randrange(1 << 30))], stdout=subprocess.PIPE, text=True
        )
        require(process.stdout.readline() == "ready\n", "the worker did not begin")
        time.sleep(rng.random() * 0.4)
        process.send_signal(signal.SIGKILL)
        for line in process.stdout.read().splitlines():
            if line.count(" ") == 3:
                name, session, generation, content = line.split()
                announced[name, dt.date.fromisoformat(session), int(generation)] = content
        process.wait()
        store = opened(root)
        held = {
            (p.dataset, p.session, p.generation): p.content_hash
            for d in DATASETS for p in store.index.generations(d.name, d.version)
        }  # fmt: skip
        missing = {name for name, content in announced.items() if held.get(name) != content}
        require(not missing, f"announced, and lost by a kill: {sorted(missing)[:3]}")
        done = store.verify()
        require(not done.damaged, f"a kill left damage: {done}")
        store.index.close()
        results["killed"] += 1
    results["announced"] = len(announced)
    return results


def require(holds, text):
    if not holds:
        raise ClaimError(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, usual in (("files", 2000), ("indexes", 2000), ("kills", 100), ("seed", 14)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--folder", help="beside which the store is made")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    figures = {}
    with scratch(arguments.folder) as folder:
        damaged = whole(small_store(folder / "store"))
        for name, campaign in (("files", files), ("indexes", indexes)):
            figures |= {f"{name}, {k}": n for k, n in campaign(damaged, getattr(arguments, name), rng).items()}
        figures |= {f"kills, {k}": n for k, n in kills(folder, arguments.kills, rng).items()}
    tell(figures, arguments.json)


if __name__ == "__main__":
    try:
        main()
    except ClaimError as error:
        sys.exit(f"{error}")
