"""Writing: generations, crashes, several processes, and what is rejected."""

import contextlib
import datetime as dt
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from feature_store.dataset import Grade
from feature_store.describing import NewPartition, Provenance
from feature_store.errors import ContractError, HindsightError, LookaheadError, StoreError
from feature_store.layout import read_footer
from feature_store.writers import STEPS
from tests.feature_store.examples import (
    DAYS,
    DERIVED,
    FACTS,
    NOW,
    decided,
    group,
    new,
    opened,
    parts_are_current,
    row,
    rows,
    staged,
    values,
)

REPOSITORY = Path(__file__).parents[2]
VISIBLE = {"staged": False, "pending": False, "linked": True, "renamed": True, "synced": True, "done": True}


def run(code: str, *arguments: object) -> "subprocess.Popen[bytes]":
    """A Python process with the tests' examples at hand."""
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], cwd=REPOSITORY, stderr=subprocess.PIPE)


# known values


def test_the_footer_tells_where_a_partition_comes_from(tmp_path: Path):
    store = opened(tmp_path)
    late = (DAYS[0], "A", None, decided(DAYS[1]))
    twice = [(DAYS[1], "B", 1.0, decided(DAYS[1])), (DAYS[1], "B", 2.0, decided(DAYS[0]))]
    provenance = Provenance("print", {"code": "c1"}, Grade.RULED, "run", "commit", {"fit": 7})
    (stored,) = store.write(FACTS, [NewPartition(DAYS[1], rows(late, *twice), provenance)])
    assert read_footer(store.layout.part(stored)) == [stored]
    assert (stored.rows, stored.nulls, stored.late_rows, stored.repeated_rows) == (3, 1, 1, 1)
    assert (stored.first_event, stored.last_event, stored.latest_known_at) == (DAYS[0], DAYS[1], decided(DAYS[1]))
    assert (stored.fingerprint, stored.parts, stored.grade) == ("print", {"code": "c1"}, Grade.RULED)
    assert (stored.run_id, stored.git_commit, stored.seeds) == ("run", "commit", {"fit": 7})
    assert (stored.generation, stored.written_at) == (1, NOW)


def test_an_empty_session_is_stored(tmp_path: Path):
    store = opened(tmp_path)
    (stored,) = store.write(FACTS, [new(DAYS[0], FACTS.empty())])
    assert (stored.rows, stored.first_event, stored.latest_known_at) == (0, None, None)
    assert store.sessions(FACTS) == [DAYS[0]]
    assert values(store) == []


def test_no_partitions_are_no_work(tmp_path: Path):
    assert opened(tmp_path).write(FACTS, []) == []


# properties


def test_a_rewrite_is_a_new_generation_and_the_old_one_stays(tmp_path: Path):
    moment = [NOW]
    store = opened(tmp_path, now=lambda: moment[0])
    store.write(FACTS, group([DAYS[0]], "first", 1.0))
    moment[0] += dt.timedelta(hours=1)
    store.write(FACTS, group([DAYS[0]], "second", 2.0))
    assert values(store) == [2.0]
    assert values(store, written_before=moment[0]) == [1.0]
    assert [(p.generation, p.fingerprint) for p in store.history(FACTS, DAYS[0])] == [(1, "first"), (2, "second")]


def test_the_same_fingerprint_and_content_is_stored_once(tmp_path: Path):
    store = opened(tmp_path)
    first = store.write(FACTS, group(DAYS[:2]))
    later = opened(tmp_path, now=lambda: NOW + dt.timedelta(days=1))
    both = later.write(FACTS, group(DAYS[:3]))
    assert both[:2] == first
    assert [p.generation for day in DAYS[:3] for p in later.history(FACTS, day)] == [1, 1, 1]


def test_going_back_to_an_old_fingerprint_is_a_new_generation(tmp_path: Path):
    store = opened(tmp_path)
    for fingerprint, value in [("first", 1.0), ("second", 2.0), ("first", 1.0)]:
        store.write(FACTS, group([DAYS[0]], fingerprint, value))
    assert [p.generation for p in store.history(FACTS, DAYS[0])] == [1, 2, 3]
    assert values(store) == [1.0]


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.feature_store.examples import FACTS, DAYS, group, opened
root, step = sys.argv[1:]
opened(Path(root), reached=lambda at: at == step and os.kill(os.getpid(), signal.SIGKILL)).write(
    FACTS, group(DAYS[:2], "killed", 2.0)
)
"""


@pytest.mark.parametrize("step", STEPS)
def test_a_writer_killed_at_any_step_leaves_all_of_its_group_or_nothing(tmp_path: Path, step: str):
    opened(tmp_path).write(FACTS, group([DAYS[0]]))
    process = run(KILLED, tmp_path, step)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors.decode()
    store = opened(tmp_path)
    assert values(store) == ([2.0, 2.0] if VISIBLE[step] else [1.0])
    assert not store.verify().damaged
    store.write(FACTS, group(DAYS[:2], "next", 3.0))
    assert values(store) == [3.0, 3.0]
    assert parts_are_current(store)
    assert staged(store) == []
    assert store.index.pending(FACTS.name, FACTS.version) == []


@pytest.mark.parametrize("call", ["link", "replace"])
def test_a_writer_that_dies_between_two_files_of_a_group_leaves_nothing_or_all(
    tmp_path: Path, call: str, monkeypatch: pytest.MonkeyPatch
):
    store = opened(tmp_path)
    days = [dt.date(2017, 2, 28), DAYS[0]]  # of two months, which are two files
    store.write(FACTS, group(days))
    with dying_at_the_second(call, monkeypatch), pytest.raises(KeyboardInterrupt):
        store.write(FACTS, group(days, "second", 2.0))
    # one of two linked is withdrawn; both linked and one renamed is finished
    expected = [1.0, 1.0] if call == "link" else [2.0, 2.0]
    store = opened(tmp_path)
    assert values(store) == expected
    assert parts_are_current(store)
    store.rebuild_index()
    assert values(store) == expected


@contextlib.contextmanager
def dying_at_the_second(call: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The second hard link, or the second file placed for other engines, fails as a kill would."""
    seen = 0
    link, replace = os.link, Path.replace

    def counted(happens: bool) -> None:
        nonlocal seen
        seen += happens
        if seen == 2 and happens:
            raise KeyboardInterrupt

    def dying_link(source: Path, target: Path) -> None:
        counted(call == "link")
        link(source, target)

    def dying_replace(self: Path, target: Path) -> Path:
        counted(call == "replace" and target.name.startswith("part"))
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", dying_link)
        patch.setattr(Path, "replace", dying_replace)
        yield


ONE_OF_FOUR = """
import sys
from pathlib import Path
from tests.feature_store.examples import FACTS, decided, new, opened, row
from feature_store import sessions
import datetime as dt
root, name, offset = sys.argv[1], sys.argv[2], int(sys.argv[3])
days = sessions.between(dt.date(2016, 1, 4), dt.date(2017, 12, 29))[offset : offset + 50]
store = opened(Path(root))
for i in range(0, 50, 2):
    store.write(FACTS, [new(day, row(day, name, float(i)), f"{name} {day}") for day in days[i : i + 2]])
"""


def test_four_processes_lose_nothing_of_each_other_while_others_read(tmp_path: Path):
    # A and B write the same sessions, C and D others
    processes = [run(ONE_OF_FOUR, tmp_path, name, offset) for name, offset in zip("ABCD", [0, 0, 50, 100], strict=True)]
    last = dt.date(2017, 12, 29)
    reads, store = 0, opened(tmp_path)
    while any(process.poll() is None for process in processes):
        store = opened(tmp_path) if reads % 5 == 4 else store
        seen = store.read(FACTS, last)
        assert seen.height <= 150
        reads += 1
    assert [process.communicate()[1].decode() for process in processes] == [""] * 4
    assert reads > 10
    store = opened(tmp_path)
    assert store.read(FACTS, last).height == 150
    stored = store.index.generations(FACTS.name, FACTS.version)
    assert len({p.fingerprint for p in stored}) == len(stored) == 200
    assert store.rebuild_index() == []
    assert store.index.generations(FACTS.name, FACTS.version) == stored
    assert parts_are_current(store)
    assert staged(store) == []


OPENING = """
import sys
from pathlib import Path
from tests.feature_store.examples import opened
for _ in range(10):
    store = opened(Path(sys.argv[1]))
    store.rebuild_index()
    store.index.close()
"""


def test_an_index_rebuilt_while_another_writes_misses_nothing(tmp_path: Path):
    processes = [run(ONE_OF_FOUR, tmp_path, "A", 0), run(OPENING, tmp_path)]
    assert [process.communicate(timeout=60)[1].decode() for process in processes] == ["", ""]
    store = opened(tmp_path)
    assert len(store.sessions(FACTS)) == 50
    assert store.read(FACTS, dt.date(2017, 12, 29)).height == 50


# refusals


def test_other_content_under_the_same_fingerprint_is_rejected(tmp_path: Path):
    store = opened(tmp_path)
    store.write(FACTS, group([DAYS[0]]))
    store.write(FACTS, group([DAYS[0]], "second", 2.0))
    for fingerprint in ("first", "second"):
        with pytest.raises(StoreError, match="not deterministic"):
            store.write(FACTS, group([DAYS[1], DAYS[0]], fingerprint, 3.0))
    assert values(store) == [2.0]
    assert store.sessions(FACTS) == [DAYS[0]]


def test_a_row_known_after_the_decision_is_rejected(tmp_path: Path):
    store = opened(tmp_path)
    late = rows((DAYS[0], "A", 1.0, decided(DAYS[0]) + dt.timedelta(microseconds=1)))
    with pytest.raises(LookaheadError, match=r"examples/facts 2017-03-08.*belongs to a later session"):
        store.write(FACTS, [new(DAYS[1]), new(DAYS[0], late)])
    assert store.sessions(FACTS) == []


def test_a_session_is_rejected_until_its_decision_time(tmp_path: Path):
    before = opened(tmp_path, now=lambda: decided(DAYS[0]) - dt.timedelta(microseconds=1))
    with pytest.raises(LookaheadError, match="has not come"):
        before.write(FACTS, [new(DAYS[0])])
    opened(tmp_path, now=lambda: decided(DAYS[0])).write(FACTS, [new(DAYS[0])])


def test_hindsight_is_rejected_without_a_named_exception(tmp_path: Path):
    partition = NewPartition(DAYS[0], row(DAYS[0]), Provenance("first", {}, Grade.HINDSIGHT))
    with pytest.raises(HindsightError, match=r"exceptions: \{examples/facts: why\}"):
        opened(tmp_path).write(FACTS, [partition])
    opened(tmp_path, hindsight_allowed=[FACTS.name]).write(FACTS, [partition])
    with pytest.raises(HindsightError):
        opened(tmp_path, hindsight_allowed=[FACTS.name]).write(DERIVED, [partition])


def test_a_session_twice_in_one_group_is_rejected(tmp_path: Path):
    with pytest.raises(StoreError, match="holds a session twice"):
        opened(tmp_path).write(FACTS, [new(DAYS[0]), new(DAYS[0], fingerprint="other")])


def test_one_bad_frame_stops_its_whole_group(tmp_path: Path):
    store = opened(tmp_path)
    with pytest.raises(ContractError):
        store.write(FACTS, [new(DAYS[0]), new(DAYS[1], row(DAYS[1], value=float("nan")))])
    assert store.sessions(FACTS) == []


def test_a_day_without_trading_is_no_session(tmp_path: Path):
    with pytest.raises(ValueError, match="not a trading session"):
        opened(tmp_path).write(FACTS, [new(dt.date(2017, 3, 11), FACTS.empty())])


def test_what_a_killed_writer_staged_is_cleared(tmp_path: Path):
    store = opened(tmp_path)
    left = store.layout.staged(FACTS.name) / "left.parquet"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    store.write(FACTS, group(DAYS[:1]))
    assert not left.exists()
