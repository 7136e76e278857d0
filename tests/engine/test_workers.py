"""Worker processes: they store what one process stores, and none outlives its run."""

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Sequence
from pathlib import Path

import pytest

from feature_store import sessions
from feature_store.schemas.catalogue import DATASETS
from feature_store.store import Store
from quant_assets.engine.asset import run_together
from quant_assets.engine.group_run import GroupRun
from quant_assets.engine.opening import open_runner
from quant_assets.engine.schedule import Schedule
from quant_assets.engine.workers import Spread, Work, workers
from quant_assets.graph import core_assets
from quant_resources.home import Home
from tests.engine import dying
from tests.engine.market import forget
from tests.support.tiny import LAST, asof

SLICES = ("market", "features")


def hashes(home: Path) -> dict[str, list[tuple[dt.date, str]]]:
    store = Store(home / "store")
    return {name: store.content_hashes(name, LAST) for name in DATASETS}


def drop_sessions(home: Path, slices: Collection[str], days: Sequence[dt.date]) -> None:
    """Make the home what it was before the slices' assets of these sessions were stored."""
    store = Home(home).open_store()
    for dataset in DATASETS.values():
        if dataset.slice in slices:
            forget(store, dataset, days)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


# -- properties --------------------------------------------------------------------------------------------------------


def test_three_workers_store_what_one_process_stores(home: Path) -> None:
    """Three: independent fits are then spread too."""
    alone, slices = hashes(home), ("market", "features", "regimes")
    drop_sessions(home, slices, sessions.between(dt.date(2016, 12, 30), LAST))
    words = ["backfill", "--workers", 3, *(word for name in slices for word in ("--select", name))]
    answer = asof(home, *words)
    assert answer.code == 0, answer.out + answer.err
    assert hashes(home) == alone
    again = asof(home, *words)
    assert "nothing to do" in again.out


def test_workers_go_when_their_run_is_killed() -> None:
    program = (
        "import os, time\n"
        "from quant_assets.engine.workers import workers\n"
        "if __name__ == '__main__':\n"
        "    with workers(2) as pool:\n"
        "        print(*[f.result() for f in [pool.submit(os.getpid)]], flush=True)\n"
        "        pool.submit(time.sleep, 600)\n"
        "        time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        worker = int(run.stdout.readline())
        assert is_alive(worker)
        run.send_signal(signal.SIGKILL)
    until = time.monotonic() + 30
    while is_alive(worker) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_alive(worker)


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_worker_that_dies_is_reported_and_what_was_stored_stays(home: Path) -> None:
    whole = hashes(home)
    targets = sessions.between(dt.date(2017, 1, 12), LAST)
    drop_sessions(home, ["features"], targets)
    before, messages = hashes(home), []
    runs: dict[str, GroupRun] = {}
    with workers(2) as pool:
        assert pool is not None
        runner = open_runner(Home(home), pool=pool)
        spread = Spread(pool, runner, Work(home, "run", "commit", dying.assets))
        chosen = [asset for asset in core_assets() if asset.dataset.slice in SLICES]
        schedule = Schedule(run_together(chosen))
        for group, run in spread.runs(schedule, targets, lambda level, text: messages.append((level, text))):
            runs |= {asset.name: run for asset in group}
    fault = runs[dying.DYING].faults[dying.DYING]
    assert fault.kind == "BrokenProcessPool"
    assert "terminated abruptly" in fault.text
    assert not {dying.DYING} & {*schedule.stopped}
    after = hashes(home)
    assert after[dying.DYING] == before[dying.DYING]
    assert [name for name in before if not {*before[name]} <= {*after[name]} <= {*whole[name]}] == []
    assert ("info", f"market/members: {len(targets)} of {len(targets)} sessions, up to {LAST}") in messages

    answer = asof(home, "backfill", "--select", "features", "--workers", 2)
    assert answer.code == 0, answer.out + answer.err
    assert hashes(home) == whole


def test_an_interrupted_run_waits_for_no_worker() -> None:
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt), workers(2) as pool:
        assert pool is not None
        worker = pool.submit(os.getpid).result()
        pool.submit(time.sleep, 600)
        raise KeyboardInterrupt
    assert time.monotonic() - started < 60
    assert not is_alive(worker)
