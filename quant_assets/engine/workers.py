"""Worker processes of a run: they carry out the assets of different functions side by side, on the same store.

Values never depend on how many there are.
"""

import datetime as dt
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import connection, get_context, parent_process
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from threadpoolctl import threadpool_limits

from configs.settings import Profile
from feature_store.numeric_platform import advice, in_force
from quant_assets.engine.asset import ModelFit, SessionAsset
from quant_assets.engine.group_run import GroupRun, Say
from quant_assets.engine.opening import open_runner
from quant_assets.engine.runner import Runner
from quant_assets.engine.schedule import Group, Schedule
from quant_resources.home import Home

LONGEST_LINE = 2_000  # bytes: a pipe takes a short message whole or not at all, even from a process that is killed
_lines: "SimpleQueue[tuple[str, str]]"  # of a worker: what it says to the run's process


Load = Callable[[Profile], Sequence[SessionAsset]]


@dataclass(frozen=True)
class Work:
    """What a worker must know of the run.

    Attributes:
        home: its folder.
        assets: gives all assets of a profile; a function of a module, since not all that they hold can be sent.
    """

    home: Path
    run_id: str
    git_commit: str
    assets: Load


class Workers(ProcessPoolExecutor):
    """Processes for assets, or for fits that do not need one another.

    Attributes:
        count: how many there are.
    """

    def __init__(self, count: int) -> None:
        context = get_context("spawn")  # Polars' threads do not survive a fork
        self.count = count
        self._messages: SimpleQueue[tuple[str, str]] = context.SimpleQueue()
        super().__init__(count, context, _begin, (self._messages,))

    def say(self, level: str, text: str) -> None:
        """As a worker does."""
        self._messages.put((level, text))

    def messages(self) -> Iterator[tuple[str, str]]:
        """Level and text of what was reported since."""
        while not self._messages.empty():
            yield self._messages.get()

    def stop(self) -> None:
        """End them at once: the store bears it, and no year of sessions is waited for."""
        for process in [*(self._processes or {}).values()]:
            process.kill()
        self.shutdown(cancel_futures=True)


@contextmanager
def workers(count: int) -> Iterator[Workers | None]:
    """Worker processes; none when one is enough.

    Raises:
        RuntimeError: this process calculates with other kernels than its workers would.
    """
    if count < 2:
        yield None
        return
    here = in_force()
    if here.reaches_target and not here.is_pinned:  # a process that is spawned takes up the pins: values would differ
        raise RuntimeError(f"{count} worker processes would calculate with other kernels than this one: {advice(here)}")
    with Workers(count) as pool:
        try:
            yield pool
        except BaseException:
            pool.stop()
            raise


class Spread:
    """Runs the groups of a schedule side by side.

    Args:
        runner: of this process, with the same pool for its fits.
    """

    def __init__(self, pool: Workers, runner: Runner, work: Work) -> None:
        self._pool = pool
        self._runner = runner
        self._work = work

    def runs(self, schedule: Schedule, targets: Sequence[dt.date], say: Say) -> Iterator[tuple[Group, GroupRun]]:
        """Each group of the schedule and what became of it, as they end."""
        with ThreadPoolExecutor(self._pool.count) as leading, threadpool_limits(1):
            flight = _Flight(schedule, self._pool.count, partial(self._begun, targets, leading))
            try:
                yield from self._ended(flight, say)
            except BaseException:  # interrupted: groups that are led from here must not be waited for
                self._pool.stop()
                raise

    def _ended(self, flight: "_Flight", say: Say) -> Iterator[tuple[Group, GroupRun]]:
        while True:
            try:
                ended = flight.ended.get(timeout=1)
            except queue.Empty:
                ended = None
            for level, text in self._pool.messages():
                say(level, text)
            if ended:
                yield ended
            elif flight.is_over:
                return

    def _begun(self, targets: Sequence[dt.date], leading: ThreadPoolExecutor, group: Group) -> "Future[GroupRun]":
        independent = isinstance(group[0], ModelFit) and not group[0].chained
        if independent and self._pool.count > 2:  # led from here, so that each fit can go to another worker
            return leading.submit(_led, self._pool, self._runner, group, targets)
        return self._pool.submit(_carry_out, self._work, [asset.name for asset in group], targets)


class _Flight:
    """Groups on their way: as one ends, in whichever thread, the next begins, while results are reported to Dagster.

    Attributes:
        ended: groups and what became of them.
    """

    def __init__(self, schedule: Schedule, count: int, begin: Callable[[Group], "Future[GroupRun]"]) -> None:
        self._schedule = schedule
        self._count = count
        self._begin = begin
        self._running = 0
        self._lock = threading.RLock()  # a future that has ended calls back at once
        self.ended: queue.SimpleQueue[tuple[Group, GroupRun]] = queue.SimpleQueue()
        self._fill()

    @property
    def is_over(self) -> bool:
        with self._lock:
            return self._running == 0 and self.ended.empty()

    def _fill(self) -> None:
        with self._lock:
            while self._running < self._count and (group := self._schedule.next()):
                self._running += 1
                try:
                    self._begin(group).add_done_callback(partial(self._end, group))
                except RuntimeError as error:  # a worker has died, and the pool with it
                    self._done(group, GroupRun.failed([asset.name for asset in group], error))

    def _end(self, group: Group, future: "Future[GroupRun]") -> None:
        if future.cancelled():
            return
        error = future.exception()
        run = GroupRun.failed([asset.name for asset in group], error) if error else future.result()
        with self._lock:
            self._done(group, run)
            self._fill()

    def _done(self, group: Group, run: GroupRun) -> None:
        self._running -= 1
        self._schedule.done(group, run.faults)
        self.ended.put((group, run))


def in_turn(
    schedule: Schedule, runner: Runner, targets: Sequence[dt.date], say: Say
) -> Iterator[tuple[Group, GroupRun]]:
    """Each group of the schedule and what became of it, one after the other in this process."""
    while group := schedule.next():
        run = GroupRun([asset.name for asset in group])
        run.carry_out(runner, group, targets, say)
        schedule.done(group, run.faults)
        yield group, run


def _led(pool: Workers, runner: Runner, group: Group, targets: Sequence[dt.date]) -> GroupRun:
    run = GroupRun([asset.name for asset in group])
    run.carry_out(runner, group, targets, pool.say)
    return run


# -- in a worker -------------------------------------------------------------------------------------------------------


def _begin(lines: "SimpleQueue[tuple[str, str]]") -> None:
    """It goes when the run's process goes, however that ends, and leaves Ctrl-C to it."""
    global _lines  # noqa: PLW0603
    _lines = lines
    threadpool_limits(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


def _carry_out(work: Work, names: Sequence[str], targets: Sequence[dt.date]) -> GroupRun:
    assets = _assets(work.assets, work.home)
    runner = _runner(work.home, work.run_id, work.git_commit, work.assets)
    run = GroupRun(names)
    run.carry_out(runner, [assets[name] for name in names], targets, _say)
    return run


def _say(level: str, text: str) -> None:
    _lines.put((level, text.encode()[:LONGEST_LINE].decode(errors="ignore")))


@cache
def _assets(load: Load, home: Path) -> dict[str, SessionAsset]:
    return {asset.name: asset for asset in load(Home(home).profile)}


@cache
def _runner(home: Path, run_id: str, git_commit: str, load: Load) -> Runner:
    assets = list(_assets(load, home).values())
    return open_runner(Home(home), run_id=run_id, git_commit=git_commit, assets=assets)
