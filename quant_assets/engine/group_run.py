"""What a run makes of the assets of one function: their sessions are stored, checked, and packed month by month.

It goes the same way in the run's own process and in a worker: what became of it can be sent from one to the other.
"""

import datetime as dt
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from feature_store.errors import StoreError
from feature_store.partition import StoredPartition
from quant_assets.engine.asset import SessionAsset, Source
from quant_assets.engine.gate import DecisionBlockedError
from quant_assets.engine.lookahead_checks import CheckResult, check_run, look_again
from quant_assets.engine.runner import Outcome, Runner

Say = Callable[[str, str], None]  # a level, "info" or "warning", and a text


@dataclass(frozen=True)
class Fault:
    """An error as it is reported: the error itself need not survive the way from another process."""

    kind: str
    text: str
    traceback: str

    @classmethod
    def of(cls, error: BaseException) -> "Fault":
        return cls(type(error).__name__, str(error), "".join(traceback.format_exception(error)))

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


class GroupRun:
    """What became of the assets of one function.

    Attributes:
        outcomes: of the sessions of each asset; where it failed, of those that were stored before.
        checked: how many sessions each check has covered, by asset.
        faults: of the assets that failed.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.outcomes: dict[str, list[Outcome]] = {name: [] for name in names}
        self.checked: dict[str, Counter[str]] = {name: Counter() for name in names}
        self.faults: dict[str, Fault] = {}

    @classmethod
    def failed(cls, names: Sequence[str], error: BaseException) -> "GroupRun":
        """Nothing is known of it but the error."""
        run = cls(names)
        run.faults = dict.fromkeys(names, Fault.of(error))
        return run

    def carry_out(self, runner: Runner, assets: Sequence[SessionAsset], targets: Sequence[dt.date], say: Say) -> None:
        """Store the target sessions of the assets, and check them; an asset that fails leaves the others alone."""
        blocked: dict[str, Fault] = {}
        try:
            self._store(runner, assets, targets, say)
        except DecisionBlockedError as error:  # what is not blocked was stored, and is checked
            blocked = dict.fromkeys(self.outcomes, Fault.of(error))
        except Exception as error:
            self.faults = dict.fromkeys(self.outcomes, Fault.of(error))
            return
        try:
            looked = look_again(runner, assets, {a.name: self._written(a) for a in assets}, targets)
        except Exception as error:
            self.faults = dict.fromkeys(self.outcomes, Fault.of(error))
            return
        for asset in assets:
            try:
                self._check(runner, asset, targets, say, looked[asset.name])
            except Exception as error:
                self.faults[asset.name] = Fault.of(error)
        self.faults = blocked | self.faults

    def _store(self, runner: Runner, assets: Sequence[SessionAsset], targets: Sequence[dt.date], say: Say) -> None:
        for asset, group in runner.run_together(assets, targets):
            self.outcomes[asset.name] += group
            if len(targets) > 1:
                done = len(self.outcomes[asset.name])
                say("info", f"{asset.name}: {done} of {len(targets)} sessions, up to {group[-1].session}")

    def _written(self, asset: SessionAsset) -> list[StoredPartition]:
        return [o.partition for o in self.outcomes[asset.name] if not o.skipped]

    def _check(
        self,
        runner: Runner,
        asset: SessionAsset,
        targets: Sequence[dt.date],
        say: Say,
        looked: Sequence[CheckResult],
    ) -> None:
        _warn_of_left_out(runner, asset, targets, say)
        results = check_run(runner, asset, self._written(asset), targets, looked)
        self.checked[asset.name] = Counter(result.check for result in results)
        _compact(runner, asset, targets[0], say)


def _warn_of_left_out(runner: Runner, asset: SessionAsset, targets: Sequence[dt.date], say: Say) -> None:
    """Rows of the payload that a declared rule leaves out are counted where people look (law 8)."""
    if isinstance(asset, Source):
        calculation = runner.calculation
        raw = calculation.vendor.fetch(asset.dataset, targets, calculation.clock.decision_time(targets[-1]))
        for rule, count in calculation.vendor.left_out(asset.dataset, raw, targets).items():
            if count:
                say("warning", f"{asset.name}: {count} rows left out: {rule}")


def _compact(runner: Runner, asset: SessionAsset, first: dt.date, say: Say) -> None:
    """Months of the run that are over, and the one before, become one file each: one query where there is none.

    No value waits for it: what hinders it is reported, and `asof compact` fails with it.
    """
    try:
        moved = runner.store.compact(asset.dataset, first=first.replace(day=1) - dt.timedelta(days=1))
    except StoreError as error:
        say("warning", f"{asset.name}: months that are over were not compacted: {error}")
        return
    if moved:
        say("info", f"{asset.name}: {moved} sessions of months that are over moved into one file a month")
