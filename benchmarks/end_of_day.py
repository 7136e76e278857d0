"""The end of day: one more session of all assets from the shell, in a process of its own, with seconds for each part.

A home is made, or `--home` names one whose last session is the day before; its profile decides the market. By default
the simulated market of the profile `demo`, stored up to the session before `--to`. Each part is the time spent inside
it, without the parts that it calls:

    imports     Python, the libraries and our modules
    plan        what is due: code versions, fingerprints of what is stored
    reading     of partitions, by the assets and by their checks
    computing   the assets' functions, and the vendor
    storing     stamps, files and index
    checks      contract, no_lookahead and what the subject demands, without reading and computing anew
    Dagster     definitions, run, step and events: the rest

    python -m benchmarks.end_of_day --json
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from datetime import date
from pathlib import Path

from benchmarks._figures import scratch, tell

FIRST, LAST = "2015-01-02", "2016-06-28"
RUN = "from quant_assets.cli.app import main; main()"


class Clock:
    """Seconds inside named parts; a part's time does not count for the one that called it."""

    def __init__(self):
        self.seconds = defaultdict(float)
        self._open = ["Dagster"]
        self._since = time.perf_counter()

    def enter(self, part):
        self._count()
        self._open.append(part)

    def leave(self):
        self._count()
        self._open.pop()

    def _count(self):
        now = time.perf_counter()
        self.seconds[self._open[-1]] += now - self._since
        self._since = now

    def watch(self, owner, name, part):
        """Every call of the function counts for the part."""
        function = getattr(owner, name)

        def watched(*arguments, **named):
            self.enter(part)
            try:
                return function(*arguments, **named)
            finally:
                self.leave()

        setattr(owner, name, watched)


def session_in_parts(day):
    """Run the command line on the day here, and say what took how long; to be called in a fresh process."""
    clock = Clock()
    clock.enter("imports")
    import quant_assets.definitions
    from feature_store.store import Store
    from quant_assets.cli.app import main
    from quant_assets.engine import group_run
    from quant_assets.engine.computation import Calculation
    from quant_assets.operations import backfill

    clock.leave()
    assert quant_assets.definitions
    clock.watch(backfill, "plan", "plan")
    clock.watch(Store, "versions", "reading")
    clock.watch(Store, "read", "reading")
    clock.watch(Store, "write", "storing")
    clock.watch(Calculation, "compute_all", "computing")
    clock.watch(Calculation, "call", "computing")  # a recursive asset is walked step by step
    clock.watch(group_run, "check_run", "checks")
    sys.argv = ["asof", "backfill", "--from", day, "--to", day]
    code = 0
    try:
        with contextlib.redirect_stdout(sys.stderr):
            main()
    except SystemExit as end:
        code = end.code
    clock.enter("Dagster")
    if code:
        raise SystemExit(code)
    return dict(clock.seconds)


def log_bytes(home):
    return sum(path.stat().st_size for path in (home / "dagster" / "history").rglob("*.db*"))


def measure(home, first, last):
    """Seconds of one more session; bytes that Dagster's log grows by."""
    from feature_store import sessions

    environment = os.environ | {"ASOF_HOME": str(home)}
    before = sessions.shift(date.fromisoformat(last), -1)
    if not (home / "store").exists():
        words = ["backfill", "--profile", "demo", "--from", first, "--to", str(before)]
        quietly([sys.executable, "-c", RUN, *words], environment)
    size = log_bytes(home)
    started = time.perf_counter()
    inside = [sys.executable, "-m", "benchmarks.end_of_day", "--inside", last]
    parts = json.loads(quietly(inside, environment).splitlines()[-1])
    whole = time.perf_counter() - started
    grown = log_bytes(home) - size
    started = time.perf_counter()
    quietly([sys.executable, "-c", RUN, "backfill", "--from", first, "--to", last], environment)
    again = time.perf_counter() - started
    parts["imports"] = whole - sum(seconds for part, seconds in parts.items() if part != "imports")  # and the start
    return {
        "one more session, s": whole,
        **{f"  {part}, s": seconds for part, seconds in parts.items()},
        "the whole range again, nothing to do, s": again,
        "log of the session, kB": grown / 1e3,
        "log grown by nothing to do, kB": (log_bytes(home) - size - grown) / 1e3,
    }


def quietly(command, environment):
    """Standard output of a command that must succeed."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="with everything up to the session before --to; it is changed")
    parser.add_argument("--from", dest="first", default=FIRST, help="first stored session")
    parser.add_argument("--to", dest="last", default=LAST, help="the session that is timed")
    parser.add_argument("--beside", help="folder for the home that is made")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(session_in_parts(options.inside)))
        return
    with scratch(options.beside) if options.home is None else contextlib.nullcontext(options.home) as folder:
        tell(measure(folder.absolute(), options.first, options.last), options.json)


if __name__ == "__main__":
    main()
