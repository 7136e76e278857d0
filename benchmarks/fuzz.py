"""Damaged inputs to every parser: no traceback, no hang, no end of the process, and nothing that is stuck afterwards.

    python -m benchmarks.fuzz --inputs 50000 --seconds 10

gives answers of vendors, drops of CSV and Parquet, profiles, asof.yaml, models, footers and records, each damaged by a
rule that depends on its number alone, to what reads them, in a process of its own. An input that ends otherwise than
well or by a named error is printed with its number; exits with 1 if there is any.
"""

import argparse
import multiprocessing as mp
import os
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

from benchmarks import _fuzz_targets

FIRST_SECONDS = 120.0  # more for the first input of a process, which imports and compiles everything
Input = tuple[int, str]  # its number, and the target that reads it
Failure = tuple[int, str, str, str]


class TooSlowError(Exception):
    """An input took longer than it may."""


def _too_slow(*_: object) -> None:
    raise TooSlowError


def work(inputs: Sequence[Input], at: "Synchronized[int]", failures: Any, seconds: float, folder: Path) -> None:
    """Run the inputs one after another; `at` says which one it is, should the process end."""
    os.environ.setdefault("POLYGON_API_KEY", "a-key-of-polygon")
    os.environ.setdefault("FRED_API_KEY", "a-key-of-fred-too")
    signal.signal(signal.SIGALRM, _too_slow)
    for place, (number, name) in enumerate(inputs):
        at.value = place
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            _fuzz_targets.run_one(number, name, folder)
        except BaseException as error:  # a panic is none of the others
            shown = traceback.format_exc(limit=-3)
            failures.put((number, name, type(error).__name__, shown[-1500:]))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    at.value = len(inputs)


def run(inputs: Sequence[Input], seconds: float, folder: Path, start: str = "spawn") -> list[Failure]:
    """What did not end well: number, target, what happened, and where."""
    context: Any = mp.get_context(start)
    failed: list[Failure] = []
    rest = list(inputs)
    while rest:
        at, failures = context.Value("l", 0), context.SimpleQueue()
        worker = context.Process(target=work, args=(rest, at, failures, seconds, folder / "input"))
        worker.start()
        hung = _watched(worker, at, failed, failures, seconds)
        if at.value >= len(rest):
            break
        number, name = rest[at.value]
        failed.append((number, name, "hang" if hung else f"end of the process ({worker.exitcode})", ""))
        rest = rest[at.value + 1 :]
    return failed


def _watched(worker: Any, at: "Synchronized[int]", failed: list[Failure], failures: Any, seconds: float) -> bool:
    """Collect failures until the worker ends; True where it had to be ended, since one input took far too long."""
    place, since = -1, time.monotonic()
    while True:
        alive = worker.is_alive()
        while not failures.empty():
            failed.append(failures.get())
        if not alive:
            return False
        if at.value != place:
            place, since = at.value, time.monotonic()
        elif time.monotonic() - since > 6 * seconds + (FIRST_SECONDS if place <= 0 else 0):
            worker.kill()
            worker.join()
            return True
        worker.join(0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=50_000)
    parser.add_argument("--seconds", type=float, default=10.0, help="that one input may take")
    parser.add_argument("--only", nargs="+", help="targets; all unless named")
    parser.add_argument("--number", type=int, help="one input of it")
    options = parser.parse_args()
    every = list(_fuzz_targets.schedule(options.inputs))
    inputs = [one for one in every if not options.only or one[1] in options.only]
    if options.number is not None:
        inputs = [(options.number, options.only[0])]
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        failed = run(inputs, options.seconds, Path(folder))
    for number, name, what, where in failed[:40]:
        print(f"--only {name} --number {number}: {what}\n{where}")
    print(f"inputs: {dict(Counter(name for _, name in inputs))}")
    print(f"{len(failed)} of {len(inputs)} did not end well, in {time.monotonic() - began:.0f} s")
    print(Counter((name, what) for _, name, what, _ in failed))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
