"""Results of checks as they are kept: logs under `_checks` that are never changed, and the index that follows them.

A failure ends only when its session is stored as another value, or when a person waives it: a later pass hides nothing,
and adoption under another fingerprint moves no value. What a check of files found ends when the session is stored anew,
or its file was repaired by record.
"""

import datetime as dt
import itertools
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from feature_store.append_log import DamagedLine, Line, Position, append, read_lines
from feature_store.check_table import OF_FILES, CheckTable, RecordedResult, Waiver, value_of
from feature_store.index import Index
from feature_store.layout import Layout
from feature_store.partition import StoredPartition

RUN = "run"  # the look of what a run checks of the sessions that it has stored
REPAIR = "repair"
EARLIER = "earlier"  # of what is known of a check from before results were kept
WAIVERS = "waivers.jsonl"
RECORD = "check_record"  # stands for the check whose results cannot be read any more

STEPS = ("check results recorded",)


class NewResult(NamedTuple):
    """The result of a check of one stored session.

    Attributes:
        look: how it was looked at; a word.
        partition: what was checked; the session's latest generation where it is None.
    """

    dataset: str
    session: dt.date
    check: str
    passed: bool
    detail: str = ""
    look: str = RUN
    partition: StoredPartition | None = None


class CheckResults:
    """The records of one store. `reached` is called with each name in STEPS: tests crash there.

    Args:
        locked: holds a lock of the store by name, across processes.
    """

    def __init__(
        self,
        layout: Layout,
        index: Index,
        locked: Callable[[str], AbstractContextManager[None]],
        now: Callable[[], dt.datetime],
        reached: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._folder = layout.checks
        self._index = index
        self._locked = locked
        self._now = now
        self._reached = reached
        self.table: CheckTable = index.checks

    # -- recording ------------------------------------------------------------------------------------------------

    def record(self, results: Iterable[NewResult], stored: Mapping[str, int], run_id: str = "") -> None:
        """Keep results: one line a dataset, on disk when this returns.

        Args:
            stored: version of each dataset.
        """
        for name, of_dataset in itertools.groupby(sorted(results, key=lambda r: r.dataset), lambda r: r.dataset):
            several = list(of_dataset)
            held = self._held(name, stored.get(name, 1), several)
            self._append(_file(name), self._head(name, run_id) | {"results": _packed(several, held)})

    def record_repairs(self, dataset: str, partitions: Sequence[StoredPartition], why: str) -> None:
        """The files of these generations were repaired and read back: what checks of files had found there ends."""
        repaired = [NewResult(dataset, p.session, c, True, why, REPAIR, p) for p in partitions for c in OF_FILES]
        record = self._head(dataset, "") | {"results": _packed(repaired, {}), "repaired": True}
        self._append(_file(dataset), record)

    def waive(self, waivers: Sequence[Waiver]) -> None:
        """Keep waivers, on disk when this returns."""
        fields = [asdict(w) | {"session": w.session.isoformat() if w.session else None} for w in waivers]
        self._append(WAIVERS, {"waivers": fields})

    def moment(self) -> str:
        return self._now().isoformat()

    def _head(self, dataset: str, run_id: str) -> dict[str, Any]:
        return {"dataset": dataset, "at": self.moment(), "run_id": run_id}

    def _held(self, name: str, version: int, results: Sequence[NewResult]) -> dict[dt.date, StoredPartition]:
        days = [r.session for r in results if r.partition is None]
        return {p.session: p for p in self._index.current(name, version, min(days), max(days))} if days else {}

    def _append(self, file: str, record: Mapping[str, Any]) -> None:
        with self._locked(f"checks.{file}"):
            *_, end = read_lines(self._folder / file, self._positions().get(file, Position()))
            append(self._folder / file, end, record)
            self._reached(STEPS[0])
            self._follow([file])

    # -- following ------------------------------------------------------------------------------------------------

    def settle(self, stored: Mapping[str, int]) -> None:
        """Finish what a crash has left between a log and the index, and keep what earlier versions had in the index."""
        if self.table.earlier():
            with self._locked("checks"):
                self.record((NewResult(*result, EARLIER) for result in self.table.earlier()), stored)
                with self._index.transaction() as connection:
                    self.table.drop_earlier(connection)
        known = self._positions()
        if behind := [f for f, size in self._sizes().items() if f not in known or known[f].size != size]:
            for file in behind:
                with self._locked(f"checks.{file}"):
                    self._follow([file])

    def replay(self, connection: sqlite3.Connection) -> None:
        """All records into a new index."""
        self.table.clear(connection)
        for file in self._sizes():
            self._follow_in(connection, file, Position())

    def unreadable(self, dataset: str) -> list[tuple[Path, DamagedLine]]:
        """Lines of the dataset's log that cannot be read, by file, without those that are waived."""
        waived = {w.value for w in self.table.waivers() if (w.dataset, w.check) == (dataset, RECORD)}
        return [
            (self._folder / file, line)
            for file, line in self.table.damage()
            if file == _file(dataset) and line.digest not in waived
        ]

    def damage(self) -> list[tuple[str, DamagedLine]]:
        """Read every log anew: lines that cannot be read, by dataset or `waivers`; the index notes them."""
        found = [(f, line) for f in self._sizes() for line in read_lines(self._folder / f, Position())[1]]
        if found:
            with self._index.transaction() as connection:
                for file, line in found:
                    self.table.put_damage(connection, file, [line])
        return [(file.removesuffix(".jsonl"), line) for file, line in found]

    def _positions(self) -> dict[str, Position]:
        return self.table.positions()

    def _sizes(self) -> dict[str, int]:
        logs = sorted(self._folder.rglob("*.jsonl"))
        return {path.relative_to(self._folder).as_posix(): path.stat().st_size for path in logs}

    def _follow(self, files: Sequence[str]) -> None:
        with self._index.unsynced(), self._index.transaction() as connection:
            for file in files:
                self._follow_in(connection, file, self._positions().get(file, Position()))

    def _follow_in(self, connection: sqlite3.Connection, file: str, position: Position) -> None:
        lines, damaged, end = read_lines(self._folder / file, position)
        self.table.put_damage(connection, file, damaged)
        for line in lines:
            self._put(connection, line)
        self.table.set_position(connection, file, end)

    def _put(self, connection: sqlite3.Connection, line: Line) -> None:
        if "waivers" in line.record:
            self.table.put_waivers(connection, _waivers(line.record["waivers"]))
            return
        results = list(_unpacked(line.record))
        if line.record.get("repaired"):
            self.table.end(connection, results)
        self.table.put_results(connection, results)


def _file(dataset: str) -> str:
    return f"{dataset}.jsonl"


def _packed(results: Sequence[NewResult], held: Mapping[dt.date, StoredPartition]) -> list[dict[str, Any]]:
    """Results as a line holds them: checks that say the same of the same sessions together."""
    groups: dict[tuple[Any, ...], list[tuple[dt.date, str, str, int]]] = {}
    for r in results:
        p = r.partition or held.get(r.session)
        value, written, generation = (value_of(p), p.written_at.isoformat(), p.generation) if p else ("", "", 0)
        of_check = written if r.check in OF_FILES else ""
        groups.setdefault((r.look, r.check, r.passed, r.detail), []).append((r.session, value, of_check, generation))
    merged: dict[tuple[Any, ...], list[str]] = {}
    for (look, check, passed, detail), rows in groups.items():
        merged.setdefault((look, passed, detail, tuple(rows)), []).append(check)
    return [_group(look, passed, detail, rows, checks) for (look, passed, detail, rows), checks in merged.items()]


def _group(look: str, passed: bool, detail: str, rows: Sequence[Any], checks: Sequence[str]) -> dict[str, Any]:
    days, values, written, generations = zip(*rows, strict=True)
    return {
        "look": look,
        "checks": list(checks),
        "passed": passed,
        "detail": detail,
        "sessions": [day.isoformat() for day in days],
        "values": list(values),
        "written": _runs(written),
        "generations": _runs(generations),
    }


def _unpacked(record: Mapping[str, Any]) -> Iterator[RecordedResult]:
    at, run_id, dataset = record["at"], record["run_id"], record["dataset"]
    for group in record["results"]:
        each = zip(
            group["sessions"], group["values"], _each(group["written"]), _each(group["generations"]), strict=True
        )
        for day, value, written, generation in each:
            session = dt.date.fromisoformat(day)
            for check in group["checks"]:
                yield RecordedResult(
                    dataset, session, check, group["look"], value, written, generation, group["passed"],
                    group["detail"], at, at, run_id,
                )  # fmt: skip


def _waivers(written: Sequence[Mapping[str, Any]]) -> list[Waiver]:
    return [Waiver(**{**w, "session": dt.date.fromisoformat(w["session"]) if w["session"] else None}) for w in written]


def _runs(values: Iterable[Any]) -> list[tuple[Any, int]]:
    """Values that repeat, each with how often."""
    return [(value, len(list(same))) for value, same in itertools.groupby(values)]


def _each(runs: Iterable[tuple[Any, int]]) -> Iterator[Any]:
    return itertools.chain.from_iterable(itertools.repeat(value, count) for value, count in runs)
