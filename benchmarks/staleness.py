"""What becomes stale when the code is edited, against what really changes.

    python -m benchmarks.staleness --jobs 2 --json

Edits of stated kinds on copies of the code, each judged by a process of its own on a copy of one small store. Edits
that may change a value are judged by computing every asset anew; those that change none are judged by what they make
stale, and all of them together are computed once, to show that they change none.

recall: of the sessions whose content changes, those that are stale; anything below 1 is a value that nobody would have
computed again. precision: of the stale sessions, those whose content changes, from SETTLED on: before it most windows
are not full yet, and no edit changes what is null. Ends with 1 where recall is below 1 or precision below 0.95.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks._edits import PACKAGES, Edit
from benchmarks._figures import scratch
from benchmarks._staleness_edits import HARMLESS, REAL
from tests.engine.market import OVERRIDES

ROOT = Path(__file__).parent.parent
# enough stocks, and these for long enough, that the factor model has all its factors; and no dataset is empty
SETTINGS = OVERRIDES | {
    "history.start": "2015-10-01",
    "features.alpha158": "true",
    "features.min_observations_fraction": "0.1",
    "features.stationary": "{reversal_21: {method: difference, sessions: 10}}",
    "vendor.n_symbols": "32",
    "vendor.start": "2014-10-01",
}
SETTLED = "2016-01-04"
PRECISION = 0.95
COUNTS = ("due", "changed", "due_ever", "changed_ever", "missed")


@dataclass(frozen=True)
class Judged:
    """Sessions of all assets together.

    Attributes:
        due, changed: from SETTLED on.
        due_ever, changed_ever, missed: of all sessions.
    """

    kind: str
    name: str
    due: int
    changed: int
    due_ever: int
    changed_ever: int
    missed: int
    assets: dict[str, dict[str, int]]

    def line(self):
        """With the assets of which most sessions are stale for nothing."""
        idle = {name: counts["due"] - counts["changed"] for name, counts in self.assets.items()}
        worst = sorted((name for name, count in idle.items() if count), key=lambda name: -idle[name])
        shown = ", ".join(f"{name} {idle[name]}" for name in worst[:6])
        settled, ever = f"{self.due:6d} {self.changed:8d}", f"{self.due_ever:7d} {self.changed_ever:8d}"
        return f"{self.kind:26s} {self.name:34s} {settled} {ever} {self.missed:7d}  {shown}"


class Bench:
    """One store, made by the code as it is; each edit is judged on a copy of both."""

    def __init__(self, folder):
        self.folder = folder
        self.base = folder / "base"
        self._copy_code(self.base)
        self._judge(self.base, SETTINGS)

    def _copy_code(self, folder):
        for package in (*PACKAGES, "benchmarks"):
            # with what Numba has compiled, which goes by the files' times
            shutil.copytree(ROOT / package, folder / package)

    def _judge(self, folder, settings, *words):
        environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        command = [sys.executable, "-m", "benchmarks._staleness_judge", str(folder / "store"), json.dumps(settings),
                   str(folder / "answer.json"), SETTLED, *words]  # fmt: skip
        run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        if run.returncode:
            raise RuntimeError(f"{folder.name}: {run.stderr[-3000:]}")
        return json.loads((folder / "answer.json").read_text())

    def judge(self, number, kind, name, edits, *words):
        folder = self.folder / f"edit{number}"
        self._copy_code(folder)
        shutil.copytree(self.base / "store", folder / "store", copy_function=_linked)
        settings = dict(SETTINGS)
        for edit in edits:
            edit.apply(folder)
            settings |= edit.settings
        answer = self._judge(folder, settings, *words)
        shutil.rmtree(folder)
        total = {what: sum(counts[what] for counts in answer.values()) for what in COUNTS}
        return Judged(kind, name, **total, assets={a: c for a, c in answer.items() if any(c.values())})


def _linked(source, target):
    """The store never changes a file of rows."""
    if source.endswith(".parquet"):
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def measure(folder, jobs, chosen):
    bench = Bench(folder)
    together = Edit("all of these", "computed anew")
    asked = [(edit, [edit], ["due"]) for edit in HARMLESS] + [(edit, [edit], []) for edit in REAL]
    asked = [one for one in asked if re.search(chosen, f"{one[0].kind} {one[0].name}")]
    if not chosen:
        asked.append((together, HARMLESS, []))

    def judge(numbered):
        number, (edit, edits, words) = numbered
        found = bench.judge(number, edit.kind, edit.name, edits, *words)
        print(found.line(), flush=True)
        return found

    heads = f"{'stale':>6s} {'changed':>8s} {'ever':>7s} {'changed':>8s} {'missed':>7s}  stale for nothing"
    print(f"{'kind':26s} {'edit':34s} {heads}", flush=True)
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(judge, enumerate(asked)))


def figures(found, seconds):
    due, changed, due_ever, changed_ever, missed = (sum(getattr(one, what) for one in found) for what in COUNTS)
    return {
        "edits": len(found),
        "stale sessions": due_ever,
        "changed sessions": changed_ever,
        "missed sessions": missed,
        "recall": (changed_ever - missed) / changed_ever if changed_ever else 1.0,
        "stale sessions, settled": due,
        "changed sessions, settled": changed,
        "precision": changed / due if due else 1.0,
        "wall s": seconds,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", help="where copies are made; a folder that goes away by default")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="edits whose kind and name match; a regular expression")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    started = time.perf_counter()
    with scratch(options.folder) as folder:
        found = measure(folder.absolute(), options.jobs, options.only)
    told = figures(found, time.perf_counter() - started)
    for name, value in told.items():
        print(f"{name:60s} {value:12.4g}")
    if options.json:
        print(json.dumps(told | {"by edit": [vars(one) for one in found]}))
    sys.exit(told["recall"] < 1.0 or told["precision"] < PRECISION)


if __name__ == "__main__":
    main()
