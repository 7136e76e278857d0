"""Law 5 on a small market: whatever the way, a range stores what its days store."""

import itertools
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.settings import Profile
from feature_store.writers import STEPS
from quant_assets.engine.asset import ModelFit, TimeSeries
from quant_assets.engine.runner import Runner
from quant_assets.engine.workers import workers
from tests.engine.laws import BY_NAME, EVERY, LATER, ORDERLESS, TAIL, differing, without
from tests.engine.market import (
    SESSIONS,
    Contents,
    contents,
    forget,
    make_runner,
    run,
)

ROOT = Path(__file__).parent.parent.parent

# -- law 5: a range is its days ----------------------------------------------------------------------------------------


def test_daily_runs_over_a_years_edge_store_what_one_range_stores(
    range_store: Path, stored: Contents, chosen: Profile, tmp_path: Path
) -> None:
    later = [s for s in SESSIONS if s >= TAIL[0]]
    daily = make_runner(without(range_store, tmp_path / "daily", later, EVERY), chosen)
    for day in TAIL:  # no later session is stored yet
        for asset in EVERY:
            (outcome,) = run(daily, asset, [day])
            assert not outcome.skipped
    expected = Contents({key: found for key, found in stored.items() if key[1] <= TAIL[-1]})
    assert differing(contents(daily.store, EVERY), expected) == []


@settings(max_examples=2, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_chunks_in_any_order_store_what_one_range_stores(again: Runner, stored: Contents, seed: int) -> None:
    rng = random.Random(seed)
    for asset in rng.sample(ORDERLESS, len(ORDERLESS) // 2):
        edges = [0, *sorted(rng.sample(range(1, len(LATER)), rng.randint(1, 2))), len(LATER)]
        chunks = [LATER[a:b] for a, b in itertools.pairwise(edges)]
        rng.shuffle(chunks)
        forget(again.store, asset.dataset, LATER)
        for chunk in chunks:
            run(again, asset, chunk)
    assert differing(contents(again.store, EVERY), stored) == []


def test_scattered_sessions_store_what_one_range_stores(again: Runner, stored: Contents) -> None:
    for asset in ORDERLESS:
        forget(again.store, asset.dataset, LATER[::6])
        run(again, asset, LATER[::6])
    assert differing(contents(again.store, EVERY), stored) == []


def test_the_path_in_parts_stores_what_one_run_stores(again: Runner, stored: Contents) -> None:
    book = BY_NAME["execution/book"]
    forget(again.store, book.dataset, SESSIONS[30:])
    for part in (SESSIONS[30:33], SESSIONS[33:34], SESSIONS[34:]):
        run(again, book, part)
    assert differing(contents(again.store, EVERY), stored) == []


def test_two_processes_fit_what_one_fits(range_store: Path, stored: Contents, chosen: Profile, tmp_path: Path) -> None:
    fits = [asset for asset in EVERY if isinstance(asset, ModelFit)]
    folder = without(range_store, tmp_path / "pool", SESSIONS, fits)
    with workers(2) as pool:
        runner = make_runner(folder, chosen, pool=pool)
        for asset in fits:
            run(runner, asset, SESSIONS)
    assert differing(contents(runner.store, EVERY), stored) == []


def test_small_chunks_store_what_large_ones_store(
    again: Runner, stored: Contents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quant_assets.engine.computation.SEGMENT_ROWS", 500)
    monkeypatch.setattr("quant_assets.engine.runner.CHUNK_ROWS", 300)
    monkeypatch.setattr("quant_assets.engine.runner.GROUP", 5)
    for asset in (a for a in EVERY if isinstance(a, TimeSeries)):
        forget(again.store, asset.dataset, LATER)
        run(again, asset, LATER)
    assert differing(contents(again.store, EVERY), stored) == []


class CrashError(Exception):
    pass


@settings(max_examples=6, deadline=None)
@given(
    name=st.sampled_from([asset.name for asset in EVERY]),
    at=st.sampled_from(STEPS),
    group=st.integers(1, 3),
)
def test_an_interrupted_run_repeated_stores_what_one_range_stores(
    range_store: Path, stored: Contents, chosen: Profile, again: Runner, name: str, at: str, group: int
) -> None:
    asset, gone = BY_NAME[name], SESSIONS[12:]  # groups of November, December and January
    forget(again.store, asset.dataset, gone)
    seen = 0

    def crash(reached: str) -> None:
        nonlocal seen
        seen += reached == at
        if seen == group:
            raise CrashError

    crashing = make_runner(again.store.layout.root, chosen, reached=crash)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(CrashError):
        patch.setattr("quant_assets.engine.runner.GROUP", 8)
        run(crashing, asset, gone)
    # opening settles what was announced
    repeated = make_runner(again.store.layout.root, chosen, datasets=[asset.dataset])
    outcomes = run(repeated, asset, gone)
    assert any(o.skipped for o in outcomes) == (group > 1 or at in ("linked", "renamed", "synced", "done"))
    assert differing(contents(repeated.store, EVERY), stored) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.engine.market import SESSIONS, make_runner, profile, run
from quant_assets.graph import core_assets
import quant_assets.engine.runner
quant_assets.engine.runner.GROUP = 8
seen = 0
def reached(step):
    global seen
    seen += step == sys.argv[3]
    if seen == 2:
        os.kill(os.getpid(), signal.SIGKILL)
asset = next(a for a in core_assets() if a.name == sys.argv[2])
run(make_runner(Path(sys.argv[1]), profile(), reached=reached), asset, SESSIONS[12:])
"""


@pytest.mark.parametrize(("name", "at"), [("execution/book", "renamed")])
def test_a_killed_run_repeated_stores_what_one_range_stores(
    range_store: Path, stored: Contents, chosen: Profile, tmp_path: Path, name: str, at: str
) -> None:
    asset = BY_NAME[name]
    folder = without(range_store, tmp_path / "killed", SESSIONS[12:], [asset])
    command = [sys.executable, "-c", KILLED, str(folder), name, at]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    runner = make_runner(folder, chosen)
    # 8 sessions of November and 22 of December, the group in flight
    assert sum(o.skipped for o in run(runner, asset, SESSIONS[12:])) == 30
    assert differing(contents(runner.store, EVERY), stored) == []
    assert not runner.store.verify().damaged
