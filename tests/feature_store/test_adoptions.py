"""Records of partitions that are taken over, and an index that follows them whatever happens in between."""

import datetime as dt
import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from feature_store.adoptions import STEPS, Adoption
from feature_store.describing import NewPartition, Provenance
from feature_store.errors import StoreError
from feature_store.store import Store
from feature_store.versioning import fingerprint
from tests.feature_store.examples import DAYS, DERIVED, opened, row

ABOUT = {"who": "a person", "why": "the same in another way", "at": "2020-01-01T00:00:00Z", "git_commit": "abc"}
AFTER = dt.date(2017, 4, 3)  # the month is over


def parts(code: str) -> dict[str, str]:
    return {"code": code, "input:bars": "b"}


def stored_by(store: Store, code: str, value: float = 1.0) -> None:
    said = parts(code)
    store.write(DERIVED, [NewPartition(t, row(t, value=value), Provenance(fingerprint(said), said)) for t in DAYS])


def adoption(store: Store, code: str, days: list[dt.date] = DAYS) -> Adoption:
    """Of the latest generations, as stored by this code."""
    held = [p for p in store.partitions(DERIVED) if p.session in days]
    return Adoption(
        DERIVED.name, 1, {"code": code}, tuple(p.session for p in held), tuple(p.generation for p in held),
        tuple(p.fingerprint for p in held), tuple(fingerprint(p.parts | {"code": code}) for p in held),
        {"recomputed": {f"{p.session}": p.content_hash for p in held[:2]}},
    )  # fmt: skip


def seen(store: Store) -> list[tuple[object, ...]]:
    return [(p.session, p.generation, p.fingerprint, p.parts, p.adopted) for p in store.partitions(DERIVED)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    stored_by(opened(tmp_path / "store"), "old")
    return tmp_path / "store"


# -- known values ------------------------------------------------------------------------------------------------------


def test_what_is_taken_over_counts_as_stored_by_the_other_code(root: Path) -> None:
    store = opened(root)
    before = store.partitions(DERIVED)
    assert store.adopt(ABOUT, [adoption(store, "new", DAYS[1:])]) == 1
    after = store.partitions(DERIVED)
    assert after[0] == before[0]
    assert after[0].adopted is None
    for was, now in zip(before[1:], after[1:], strict=True):
        assert now.parts == parts("new")
        assert now.fingerprint == fingerprint(parts("new"))
        assert now.adopted == {"fingerprint": was.fingerprint, "adoption": "1"}
        assert replace(now, fingerprint=was.fingerprint, parts=was.parts) == was


def test_the_record_says_who_why_what_and_on_what_evidence(root: Path) -> None:
    store = opened(root)
    taken = adoption(store, "new")
    store.adopt(ABOUT, [taken])
    (record,) = store.adoptions()
    assert {name: record[name] for name in ABOUT} == ABOUT
    (told,) = record["datasets"]
    assert Adoption.from_json(told) == taken
    assert told["evidence"]["recomputed"].keys() == {f"{t}" for t in DAYS[:2]}


def test_what_the_adopted_fingerprint_names_is_not_stored_again(root: Path) -> None:
    store = opened(root)
    store.adopt(ABOUT, [adoption(store, "new")])
    stored_by(store, "new")
    assert {p.generation for p in store.partitions(DERIVED)} == {1}
    stored_by(store, "newer")
    assert {p.generation for p in store.partitions(DERIVED)} == {2}


def test_back_to_the_code_that_stored_it_nothing_is_adopted_any_more(root: Path) -> None:
    store = opened(root)
    before = seen(store)
    store.adopt(ABOUT, [adoption(store, "new")])
    assert store.adopt(ABOUT, [adoption(store, "old")]) == 2
    assert seen(store) == before
    store.rebuild_index()
    assert seen(store) == before


# -- properties --------------------------------------------------------------------------------------------------------


def test_a_rebuilt_index_follows_every_record_in_its_order(root: Path) -> None:
    store = opened(root)
    store.adopt(ABOUT, [adoption(store, "second")])
    store.adopt(ABOUT, [adoption(store, "third", DAYS[:2])])
    before = seen(store)
    assert {p.adopted["adoption"] for p in store.partitions(DERIVED)} == {"1", "2"}
    store.rebuild_index()
    assert seen(store) == before
    (root / "index.sqlite").unlink()
    for name in ("index.sqlite-wal", "index.sqlite-shm"):
        (root / name).unlink(missing_ok=True)
    assert seen(opened(root)) == before


def test_files_are_still_told_by_their_footers_before_and_after_compaction(root: Path) -> None:
    store = opened(root)
    for day in DAYS[:2]:
        said = parts("later")
        store.write(DERIVED, [NewPartition(day, row(day, value=2.0), Provenance(fingerprint(said), said))])
    store.adopt(ABOUT, [adoption(store, "new")])
    assert store.faults(store.partitions(DERIVED)) == {}
    assert not store.verify().damaged
    before = seen(store)
    assert store.compact(DERIVED, AFTER) == len(DAYS)
    assert not store.verify().damaged
    assert seen(store) == before
    store.rebuild_index()
    assert seen(store) == before


def test_a_generation_that_came_in_between_is_left_alone(root: Path) -> None:
    store = opened(root)
    taken = adoption(store, "new")
    stored_by(store, "newer", value=2.0)
    before = seen(store)
    store.adopt(ABOUT, [taken])
    assert seen(store) == before
    first = [store.history(DERIVED, t)[0] for t in DAYS]
    assert {p.fingerprint for p in first} == {fingerprint(parts("new"))}


def test_what_is_stored_again_after_it_was_lost_is_adopted_no_more(root: Path) -> None:
    store = opened(root)
    store.adopt(ABOUT, [adoption(store, "new")])
    for path in {store.layout.generation(p) for p in store.partitions(DERIVED)}:
        path.write_bytes(path.read_bytes()[:-50])
    assert len(store.verify().lost) == len(DAYS)
    stored_by(store, "new")
    before = seen(store)
    assert all(adopted is None for *_, adopted in before)
    store.rebuild_index()
    assert seen(store) == before


@pytest.mark.parametrize("step", STEPS)
def test_an_adoption_that_is_killed_is_finished_by_whoever_opens_the_store_next(root: Path, step: str) -> None:
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from tests.feature_store.test_adoptions import ABOUT, adoption\n"
        "from tests.feature_store.examples import opened\n"
        "root, step = sys.argv[1:]\n"
        "store = opened(Path(root), reached=lambda at: at == step and os.kill(os.getpid(), signal.SIGKILL))\n"
        "store.adopt(ABOUT, [adoption(store, 'new')])\n"
    )
    folder = Path(__file__).parent.parent.parent
    killed = subprocess.run([sys.executable, "-c", code, root, step], cwd=folder, check=False)
    assert killed.returncode == -signal.SIGKILL
    store = opened(root)
    assert {p.fingerprint for p in store.partitions(DERIVED)} == {fingerprint(parts("new"))}
    assert not store.verify().damaged
    assert [record["number"] for record in store.adoptions()] == [1]
    assert store.adopt(ABOUT, [adoption(store, "newer")]) == 2


def test_an_index_from_before_an_adoption_is_brought_to_it(root: Path) -> None:
    opened(root).index.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before_it = (root / "index.sqlite").read_bytes()
    store = opened(root)
    store.adopt(ABOUT, [adoption(store, "new")])
    copy = root.parent / "copy"
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns("index.sqlite*"))
    (copy / "index.sqlite").write_bytes(before_it)
    assert seen(opened(copy)) == seen(store)


def test_without_its_records_a_store_is_what_its_footers_say_and_the_next_adoption_counts(root: Path) -> None:
    store = opened(root)
    before = seen(store)
    store.adopt(ABOUT, [adoption(store, "new")])
    (root / "_adoptions" / "000001.json").unlink()
    assert store.adopt(ABOUT, [adoption(store, "newer")]) == 2
    assert {p.parts["code"] for p in store.partitions(DERIVED)} == {"newer"}
    (root / "_adoptions" / "000002.json").unlink()
    store.rebuild_index()
    assert seen(store) == before
    assert store.adopt(ABOUT, [adoption(store, "new")]) == 1
    assert {p.parts["code"] for p in store.partitions(DERIVED)} == {"new"}


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_record_that_was_changed_is_rejected_with_its_number(root: Path) -> None:
    store = opened(root)
    store.adopt(ABOUT, [adoption(store, "new")])
    path = root / "_adoptions" / "000001.json"
    told = json.loads(path.read_text().splitlines()[0])
    told["datasets"][0]["parts"]["code"] = "another"
    path.write_text(json.dumps(told))
    with pytest.raises(StoreError, match=r"adoption 1 of examples/derived .* restore it from a copy"):
        store.rebuild_index()


def test_a_record_is_never_written_over(root: Path) -> None:
    store = opened(root)
    store.adopt(ABOUT, [adoption(store, "new")])
    with pytest.raises(FileExistsError):
        store._adoptions._record(1, {"number": 1})
    assert [path.name for path in (root / "_adoptions").iterdir()] == ["000001.json"]
