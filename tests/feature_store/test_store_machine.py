"""Random lives of a store, against a dictionary."""

import contextlib
import datetime as dt
import shutil
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from feature_store import sessions
from feature_store.catalog import connect
from feature_store.compaction import STEPS as PACKING
from feature_store.dataset import Dataset
from feature_store.decision_time import end_of_day
from feature_store.describing import NewPartition, Provenance
from feature_store.errors import StoreError
from feature_store.store import Store
from feature_store.writers import STEPS
from tests.feature_store import examples
from tests.feature_store.examples import DATASETS, DERIVED, FACTS, NOW, decided, opened, parts_are_current, staged
from tests.oracles.bitemporal_dict import BitemporalDict, Generation

DAYS = [dt.date(2017, 2, 27), dt.date(2017, 2, 28), *examples.DAYS]  # of two months
AFTER = dt.date(2017, 4, 3)  # both are over
SYMBOLS = ["A", "B", "Ω\0"]
DATES = [*DAYS, DAYS[-1] + dt.timedelta(days=30)]  # announced ahead
MICROSECOND = dt.timedelta(microseconds=1)
DAY = dt.timedelta(days=1)

# Days without trading too, and one before anything was known.
as_of_dates = st.dates(DAYS[0] - 5 * DAY, DAYS[-1] + 2 * DAY)
as_of_moments = st.builds(
    lambda day, of_day, by: (decided(day) if of_day else end_of_day(day)) + by * MICROSECOND,
    st.sampled_from(DAYS),
    st.booleans(),
    st.integers(-1, 1),
)
datasets = st.sampled_from([FACTS, DERIVED])


class Crash(BaseException):
    """Stands for a kill: nothing may catch it."""


@st.composite
def frames(draw: st.DrawFn, dataset: Dataset, session: dt.date) -> list[dict[str, Any]]:
    """Up to four rows that the session may hold."""
    dates = DATES if dataset.restates else [session]
    before = sessions.shift(session, -1)
    # one known long before its session was decided: derived rows rest on old inputs
    moments = [decided(session), decided(session) - MICROSECOND, end_of_day(session), end_of_day(before)]
    row = st.fixed_dictionaries(
        {
            "event_date": st.sampled_from(dates),
            "symbol": st.sampled_from(SYMBOLS),
            "value": st.sampled_from([None, 0.0, -0.0, 1.5, 2.5]),
            "known_at": st.sampled_from(moments),
        }
    )
    name = ("event_date", "symbol", "known_at") if dataset.restates else ("event_date", "symbol")
    return draw(st.lists(row, max_size=4, unique_by=lambda r: tuple(r[n] for n in name)))


@st.composite
def groups(draw: st.DrawFn, dataset: Dataset) -> list[tuple[dt.date, list[dict[str, Any]]]]:
    days = draw(st.lists(st.sampled_from(DAYS), min_size=1, max_size=3, unique=True))
    return [(day, draw(frames(dataset, day))) for day in days]


class StoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="asof-machine-"))
        self.root = self.folder / "store"
        self.now = NOW
        self.crash_at = ""
        self.oracle = BitemporalDict(sessions.between(dt.date(2017, 1, 3), dt.date(2017, 12, 29)))
        # Announced and published by a crashed writer; whoever comes next finishes it.
        self.limbo: dict[str, list[Generation]] = {}
        self.fingerprints = 0

    @initialize()
    def begin(self) -> None:
        self.store = self.fresh()

    def fresh(self) -> Store:
        store = opened(self.root, now=lambda: self.now, reached=self.reached)
        self.settle(*DATASETS)
        return store

    def reached(self, step: str) -> None:
        if step == self.crash_at:
            self.crash_at = ""
            raise Crash(step)

    def settle(self, *names: str) -> None:
        for name in names:
            self.oracle.add(self.limbo.pop(name, []))

    def described(self, dataset: Dataset, group: list[tuple[dt.date, list[dict[str, Any]]]]) -> list[Generation]:
        self.fingerprints += 1
        self.now += dt.timedelta(seconds=1)
        name = f"fingerprint {self.fingerprints}"
        return [Generation(dataset.name, session, name, tuple(given), self.now) for session, given in group]

    def partitions(self, group: list[Generation]) -> list[NewPartition]:
        return [
            NewPartition(g.session, pl.DataFrame(list(g.rows), schema=FACTS.schema), Provenance(g.fingerprint, {}))
            for g in group
        ]

    # -- writing --------------------------------------------------------------------------------------------------

    @rule(data=st.data(), dataset=datasets)
    def write(self, data: st.DataObject, dataset: Dataset) -> None:
        group = self.described(dataset, data.draw(groups(dataset)))
        stored = self.store.write(dataset, self.partitions(group))
        self.settle(dataset.name)
        self.oracle.add(group)
        assert [p.session for p in stored] == [g.session for g in group]

    @rule(data=st.data(), dataset=datasets, step=st.sampled_from(STEPS))
    def crash_while_writing(self, data: st.DataObject, dataset: Dataset, step: str) -> None:
        group = self.described(dataset, data.draw(groups(dataset)))
        self.crash_at = step
        settles_first = step == "done" and dataset.name in self.limbo
        with pytest.raises(Crash):
            self.store.write(dataset, self.partitions(group))
        self.settle(dataset.name)
        if step == "done" and not settles_first:
            self.oracle.add(group)
        elif step in ("linked", "renamed", "synced"):
            self.limbo[dataset.name] = group

    @rule(dataset=datasets)
    def compact(self, dataset: Dataset) -> None:
        self.store.compact(dataset, AFTER)
        self.settle(dataset.name)
        assert self.store.compact(dataset, AFTER) == 0

    @rule(dataset=datasets, step=st.sampled_from(PACKING))
    def crash_while_compacting(self, dataset: Dataset, step: str) -> None:
        self.crash_at = step
        with contextlib.suppress(Crash):
            self.store.compact(dataset, AFTER)
        self.crash_at = ""
        self.settle(dataset.name)

    @precondition(lambda self: self.oracle.stored)
    @rule(data=st.data(), harm=st.sampled_from(["cut", "lost", "lost with its other name"]))
    def lose_a_file_of_latest_generations(self, data: st.DataObject, harm: str) -> None:
        name, session = data.draw(st.sampled_from(sorted(self.oracle.stored)))
        self.settle(name)
        self.reopen()  # what a crash has left is settled
        path = self.store.layout.generation(self.store.history(name, session)[-1])
        lost = [p for p in self.store.index.generations(name, 1) if self.store.layout.generation(p) == path]
        if any(p != self.store.history(name, p.session)[-1] for p in lost):
            return  # the oracle numbers generations by their place
        if harm == "cut":
            path.write_bytes(path.read_bytes()[:-20])
        else:
            path.unlink()
        if harm == "lost with its other name":
            self.store.layout.part(lost[0]).unlink()
        done = self.store.verify()
        assert sorted(p.session for p in [*done.lost, *done.restored]) == sorted(p.session for p in lost)
        assert harm != "lost" or done.restored == lost
        for p in done.lost:
            self.oracle.forget_latest(name, p.session)

    @precondition(lambda self: self.oracle.stored)
    @rule(data=st.data())
    def write_the_same_again(self, data: st.DataObject) -> None:
        name, session = data.draw(st.sampled_from(sorted(self.oracle.stored)))
        self.settle(name)
        latest = self.oracle.stored[name, session][-1]
        (answer,) = self.store.write(name, self.partitions([latest]))
        assert answer == self.store.history(name, session)[-1]
        assert answer.written_at == latest.written_at

    @precondition(lambda self: self.oracle.stored)
    @rule(data=st.data())
    def write_other_content_under_a_known_fingerprint(self, data: st.DataObject) -> None:
        name, session = data.draw(st.sampled_from(sorted(self.oracle.stored)))
        self.settle(name)
        known = data.draw(st.sampled_from(self.oracle.stored[name, session]))
        extra = {"event_date": session, "symbol": "new", "value": 1.0, "known_at": decided(session)}
        other = Generation(name, session, known.fingerprint, (*known.rows, extra), self.now)
        with pytest.raises(StoreError, match="not deterministic"):
            self.store.write(name, self.partitions([other]))

    # -- accidents ------------------------------------------------------------------------------------------------

    @rule()
    def reopen(self) -> None:
        self.store.index.close()
        self.store = self.fresh()

    @rule()
    def keep_a_copy_of_the_index(self) -> None:
        self.store.index.close()  # the last connection leaves everything in the one file
        shutil.copy(self.store.layout.index, self.folder / "copy.sqlite")

    @rule(harm=st.sampled_from(["lost", "emptied", "cut", "garbage", "half garbage", "older"]))
    def harm_the_index(self, harm: str) -> None:
        path = self.store.layout.index
        self.store.index.close()
        held = path.read_bytes()
        copy = self.folder / "copy.sqlite"
        if harm == "lost":
            path.unlink()
        elif harm == "emptied":
            path.write_bytes(b"")
        elif harm == "cut":
            path.write_bytes(held[: len(held) // 2])
        elif harm == "garbage":
            path.write_bytes(b"\xa5garbage" * 999)
        elif harm == "half garbage":
            path.write_bytes(held[:100] + b"\xa5" * (len(held) - 100))
        elif copy.exists():
            shutil.copy(copy, path)
        self.store = self.fresh()

    # -- reading --------------------------------------------------------------------------------------------------

    @rule(
        dataset=datasets,
        as_of=as_of_dates | as_of_moments,
        first=st.none() | st.sampled_from(DATES),
        last=st.none() | st.sampled_from(DATES),
        columns=st.none() | st.lists(st.sampled_from(["value", "known_at", "session"]), unique=True),
        symbols=st.none() | st.lists(st.sampled_from(SYMBOLS), unique=True),
        seconds=st.none() | st.integers(0, 30),
    )
    def read(
        self,
        dataset: Dataset,
        as_of: dt.date | dt.datetime,
        first: dt.date | None,
        last: dt.date | None,
        columns: list[str] | None,
        symbols: list[str] | None,
        seconds: int | None,
    ) -> None:
        written_before = None if seconds is None else NOW + dt.timedelta(seconds=seconds)
        found = self.store.read(dataset, as_of, first, last, columns, written_before, symbols)
        names = ["event_date", "symbol", *(["value", "known_at"] if columns is None else columns)]
        expected = self.oracle.read(dataset, as_of, first, last, symbols, written_before)
        assert found.columns == names
        assert found.schema == {name: {**dataset.schema, "session": pl.Date()}[name] for name in names}
        assert found.rows() == [tuple(row[name] for name in names) for row in expected]

    @rule(dataset=datasets, first=st.sampled_from(DAYS), last=st.sampled_from(DAYS))
    def read_every_version(self, dataset: Dataset, first: dt.date, last: dt.date) -> None:
        found = self.store.versions(dataset, first, last).sort("session", "event_date", "symbol", "known_at")
        visible = self.oracle.visible(dataset.name, dt.datetime(2017, 12, 1, tzinfo=dt.UTC), None)
        names = [*FACTS.schema, "session"]
        expected = [tuple(r[n] for n in names) for r in visible if first <= r["session"] <= last]
        assert found.rows() == sorted(expected, key=lambda r: (r[4], r[0], r[1], r[3]))

    # -- always ---------------------------------------------------------------------------------------------------

    @invariant()
    def groups_are_whole_or_absent(self) -> None:
        if hasattr(self, "store"):
            for dataset in DATASETS.values():
                stored = self.store.index.generations(dataset.name, dataset.version)
                found = [(p.session, p.generation, p.fingerprint) for p in stored]
                assert found == self.oracle.fingerprints(dataset.name)

    def teardown(self) -> None:
        try:
            if hasattr(self, "store"):
                self.survives()
        finally:
            shutil.rmtree(self.folder)

    def survives(self) -> None:
        self.reopen()
        self.groups_are_whole_or_absent()
        assert not self.store.verify().damaged
        assert staged(self.store) == []
        assert parts_are_current(self.store)
        self.sql_sees_what_the_reader_sees()
        self.store.index.close()

    def sql_sees_what_the_reader_sees(self) -> None:
        with connect(self.store, [FACTS, DERIVED]) as duck:
            for dataset in DATASETS.values():
                if self.store.sessions(dataset):
                    moment = decided(DAYS[2])
                    query = f"SELECT event_date, symbol, value, known_at FROM {dataset.name.replace('/', '_')}(?)"
                    found = duck.sql(query, params=[moment]).pl().sort("event_date", "symbol")
                    assert found.rows() == self.store.read(dataset, moment).rows()
                    columns = ["session", "event_date", "symbol", "known_at", "value"]
                    seen = duck.sql(f"SELECT * FROM {dataset.name.replace('/', '.')}").pl().sort(columns)
                    stored = self.store.versions(dataset, DAYS[0], DAYS[-1]).sort(columns)
                    assert seen.select(columns).rows() == stored.select(columns).rows()


StoreMachine.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.reuse, Phase.generate],  # shrinking a store's life takes minutes; ask for it when needed
)
TestStoreMachine = StoreMachine.TestCase
