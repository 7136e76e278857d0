"""What a stored session costs, everything included, and what reading costs: this tree beside commit c3d516c.

One empty asset (36 rows, 10 columns, one input over 21 sessions) is run over a range through Dagster in each tree, by
turns: fingerprints, stamping, writing, the read-back of the contract, the share of no_lookahead and Dagster's events.
Then stores of years in two shapes: files, one symbol over ten years, one session. The earlier commit is checked out
into a temporary folder; both trees run the same code, `benchmarks/_stored_session_of_a_tree.py`. Medians of rounds.

    python -m benchmarks.stored_session --sessions 1000 --rounds 3 --json

It ends with 1 if a ratio is over its bound.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks._figures import scratch

ROOT = Path(__file__).parents[1]
MEASURING = Path(__file__).with_name("_stored_session_of_a_tree.py")
BEFORE = "c3d516c"
SHAPES = {"36 x 10": (36, 10), "500 x 100": (500, 100)}
SMALL = (36, 10)
# ratio of this tree to the earlier one, and its bound
BOUNDS = {"a stored session": 0.4, "files": 1 / 15, "one symbol over ten years": 1 / 4, "one session": 1.0}


@contextlib.contextmanager
def trees(folder: Path) -> Iterator[dict[str, Path]]:
    """This tree and the earlier commit's, which goes again."""
    earlier = folder / BEFORE
    subprocess.run(["git", "-C", ROOT, "worktree", "add", "-q", "--detach", earlier, BEFORE], check=True)
    try:
        yield {"before": earlier, "now": ROOT}
    finally:
        subprocess.run(["git", "-C", ROOT, "worktree", "remove", "--force", earlier], check=True)


def measured(tree: Path, *task: object) -> Any:
    """What the measuring code says of the tree, in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    # -P: beside the script lies a module called platform
    command = [sys.executable, "-P", str(MEASURING), json.dumps(task, default=str)]
    run = subprocess.run(command, env=environment, cwd=tree, capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(f"measuring {tree} failed:\n{run.stderr[-4000:]}")
    return json.loads(run.stdout.splitlines()[-1])


def by_turns(at: dict[str, Path], rounds: int, task: Any) -> dict[str, list[Any]]:
    """Figures of each round by tree; the trees take turns, so that what else the machine does meets both."""
    found: dict[str, list[Any]] = {name: [] for name in at}
    for i in range(rounds):
        for name in list(at)[:: 1 if i % 2 else -1]:
            found[name].append(measured(at[name], *task(name, i)))
    return found


def of_sessions(at: dict[str, Path], folder: Path, sessions: int, rounds: int) -> dict[str, Any]:
    """Milliseconds a session by part and tree: passed, and of the processor; and the ratio of the trees."""
    each = by_turns(at, rounds, lambda name, i: ("stored session", folder / f"home-{name}-{i}", sessions, *SMALL))
    parts = {name: _medians(figures) for name, figures in each.items()}
    ratio = [statistics.median(now["everything"][k] / before["everything"][k]
             for now, before in zip(each["now"], each["before"], strict=True)) for k in (0, 1)]  # fmt: skip
    return {**parts, "ratio": ratio}


def _medians(figures: list[dict[str, list[float]]]) -> dict[str, list[float]]:
    return {part: [statistics.median(one[part][k] for one in figures) for k in (0, 1)] for part in figures[0]}


def of_reading(
    at: dict[str, Path], folder: Path, shape: tuple[int, int], first: str, last: str, rounds: int
) -> dict[str, Any]:
    """Files of a store of years, and milliseconds to read of it, by tree; and the ratios."""
    stores = {name: folder / f"{shape[0]}-{name}" for name in at}
    made = {name: measured(at[name], "make store", stores[name], first, last, *shape) for name in at}
    reads = by_turns(at, rounds, lambda name, _: ("read store", stores[name], shape[1], 5))
    found = {
        name: made[name] | {what: statistics.median(one[what] for one in reads[name]) for what in reads[name][0]}
        for name in at
    }
    return {**found, "ratio": {what: found["now"][what] / value for what, value in found["before"].items() if value}}


def misses(figures: dict[str, Any]) -> list[str]:
    """What is over its bound."""
    ratios = {("a stored session", ""): figures["stored session"]["ratio"][0]}
    for shape, reading in figures["reading"].items():
        ratios |= {(what, f", {shape}"): reading["ratio"][what] for what in BOUNDS if what in reading["ratio"]}
    return [
        f"{what}{where}: {ratio:.2f}, more than {BOUNDS[what]:.2f}"
        for (what, where), ratio in ratios.items()
        if ratio > BOUNDS[what]
    ]


def tell(figures: dict[str, Any]) -> None:
    told = figures["stored session"]
    print(f"milliseconds a stored session (of the processor), {figures['sessions']} sessions in one run")
    print(f"{'':26}{'before':>18}{'now':>18}")
    for part, before in told["before"].items():
        now = told["now"].get(part, [0.0, 0.0])
        print(f"{part:26}{before[0]:9.2f} ({before[1]:5.2f}){now[0]:10.2f} ({now[1]:5.2f})")
    print(f"ratio {told['ratio'][0]:.2f}, of the processor {told['ratio'][1]:.2f}")
    for shape, reading in figures["reading"].items():
        print(f"\n{shape} a session, {reading['now']['sessions']} sessions")
        for what, before in reading["before"].items():
            print(f"{what:26}{before:12.2f}{reading['now'][what]:12.2f}   ratio {reading['ratio'].get(what, 1):.3f}")
    for miss in figures["misses"]:
        print(f"MISSED: {miss}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=1000, help="of the range run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--from", dest="first", default="2007-01-03", help="first day of the stores that are read")
    parser.add_argument("--to", dest="last", default="2018-12-31")
    parser.add_argument("--shape", choices=SHAPES, action="append", help="of the stores that are read; default all")
    parser.add_argument("--folder", help="where everything is made; default a temporary folder here")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with scratch(options.folder) as folder, trees(folder.absolute()) as at:
        place = folder.absolute()
        figures: dict[str, Any] = {
            "sessions": options.sessions,
            "stored session": of_sessions(at, place, options.sessions, options.rounds),
            "reading": {
                shape: of_reading(at, place, SHAPES[shape], options.first, options.last, options.rounds)
                for shape in options.shape or SHAPES
            },
        }
    figures["misses"] = misses(figures)
    if options.json:
        print(json.dumps(figures))
    else:
        tell(figures)
    return 1 if figures["misses"] else 0


if __name__ == "__main__":
    sys.exit(main())
