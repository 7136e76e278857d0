"""The same bits on another machine: one market stored under environments that choose other kernels, hash by hash.

    python -m benchmarks.platform --to 2016-12-30 --environment narrow
    python -m benchmarks.platform --short --json

Each environment stores the demo (or its sessions up to `--to`; with `--short`, a market of ten names over 98 sessions)
in fresh processes and a home of its own, and every content hash is compared with that of the machine as it is. One more
home is begun under `narrow`, continued on the machine as it is, and certified. 1 if anything differs.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks._figures import scratch
from feature_store import numeric_platform
from feature_store.store import Store
from quant_assets.operations.status import diff_rows
from tests.support import tiny

PLAIN = "machine as it is"
ENVIRONMENTS = {
    PLAIN: {},
    "Haswell": {"OPENBLAS_CORETYPE": "Haswell"},
    "narrow": {
        "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR X86_V3",
        "NUMBA_CPU_NAME": "x86-64-v2",
        "OPENBLAS_CORETYPE": "Nehalem",
    },
    "C library without FMA": {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-AVX2,-AVX2_Usable"},
    "threads": {"POLARS_MAX_THREADS": "7", "OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4"},
}
SHORT = tiny.SETTINGS | {
    "vendor.n_symbols": "10", "vendor.start": "2016-07-01", "history.start": "2016-09-01",
}  # fmt: skip


def environment(chosen):
    """That of this process without what pinning has set in it, and what is chosen."""
    ours = {*numeric_platform.PINS, *numeric_platform.THREADS, *numeric_platform.UNSET, numeric_platform.TUNABLES}
    return {name: value for name, value in os.environ.items() if name not in ours and name != "DAGSTER_HOME"} | chosen


def asof(home, chosen, *words, accepted=(0,)):
    """Output of the command line in a fresh process."""
    command = [sys.executable, "-m", "quant_assets.cli.app", *map(str, words)]
    surroundings = environment(chosen) | {"ASOF_HOME": str(home)}
    answer = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    if answer.returncode not in accepted:
        raise RuntimeError(f"{words}: {answer.returncode}\n{answer.stdout[-2000:]}\n{answer.stderr[-4000:]}")
    return answer.stdout


class Bench:
    """One market; a home under each environment."""

    def __init__(self, root, short, last):
        self.root, self.last = root, last
        self.setting = tiny.setting(SHORT) if short else []

    def store(self, name, chosen, *words):
        """Store a range of the market; the home of the name."""
        home = self.root / name.replace(" ", "_")
        until = ["--to", self.last] if self.last and "--to" not in words else []
        asof(home, chosen, "backfill", "--profile", "demo", *self.setting, *until, *words)
        return home

    def environments(self, names):
        """Figures of each environment, against the machine as it is."""
        plain = None
        for name in [PLAIN, *(n for n in names if n != PLAIN)]:
            started = time.perf_counter()
            home = self.store(name, ENVIRONMENTS[name])
            seconds = time.perf_counter() - started
            plain = plain or home
            yield {"environment": name, "seconds": seconds, **compared(plain, home)}

    def continued(self):
        """Figures of a home begun under `narrow` and continued without, certified."""
        days = Store(self.root / PLAIN.replace(" ", "_") / "store").sessions("market/bars")
        until, after = (str(day) for day in days[2 * len(days) // 3 :][:2])
        home = self.store("continued", ENVIRONMENTS["narrow"], "--to", until)
        self.store("continued", {}, "--from", after)
        judged = json.loads(asof(home, {}, "certify", "--sessions", 4, "--json", accepted=(0, 1)))
        return {
            "environment": f"begun narrow, continued from {after}",
            "certified": sum(row["judged"] for row in judged),
            "stale": sum(row["stale"] for row in judged),
            "fail": sum(row["differ"] for row in judged),
            **compared(self.root / PLAIN.replace(" ", "_"), home),
        }


def compared(a, b):
    """Partitions and datasets of two homes that differ, and what platforms the second was stored on."""
    first, second = Store(a / "store"), Store(b / "store")
    rows = diff_rows(first, second, None, None, [])
    wrong = [row for row in rows if row["differ"] or row["only_a"] or row["only_b"]]
    stored = [p for name, _ in second.index.datasets() for p in second.partitions(name)]
    return {
        "datasets": len(rows),
        "partitions": len(stored),
        "datasets_differ": len(wrong),
        "partitions_differ": sum(row["differ"] + row["only_a"] + row["only_b"] for row in wrong),
        "first": f"{wrong[0]['dataset']} {wrong[0]['first_difference']}" if wrong else "",
        "platforms": sorted({p.parts[numeric_platform.PART] for p in stored}),
    }


def is_wrong(found):
    return bool(found["partitions_differ"] or len(found["platforms"]) != 1 or found.get("fail") or found.get("stale"))


def tell(found):
    more = f"{found['seconds']:8.0f} s" if "seconds" in found else f"{found['certified']:8} certified"
    verdict = f"DIFFERS {found['first']} {found}" if is_wrong(found) else "same"
    print(
        f"{found['environment']:44} {found['partitions']:7} partitions of {found['datasets']} datasets {more:18} "
        f"{found['partitions_differ']:6} differ: {verdict}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="ten names over 98 sessions in the place of the demo")
    parser.add_argument("--to", help="last session, YYYY-MM-DD; default the market's")
    parser.add_argument("--environment", action="append", choices=list(ENVIRONMENTS), help="repeatable; default all")
    parser.add_argument("--folder", type=Path, help="where homes are made, and removed; default here")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    found = []
    with scratch(options.folder) as root:
        bench = Bench(root.absolute(), options.short, options.to)
        for one in bench.environments(options.environment or ENVIRONMENTS):
            found.append(one)
            options.json or tell(one)
        found.append(bench.continued())
        options.json or tell(found[-1])
    if options.json:
        print(json.dumps(found))
    else:
        print(f"platform: {', '.join(sorted({p for one in found for p in one['platforms']}))}")
    return 1 if any(map(is_wrong, found)) else 0


if __name__ == "__main__":
    raise SystemExit(main())
