"""Damaged files and indexes: never read as other values, nothing lost in silence; the campaign at a small number."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from benchmarks import damage
from feature_store.errors import CorruptPartitionError, DamagedIndexError, StoreError
from feature_store.store import Store
from tests.feature_store.examples import DAYS, FACTS, group, opened, values
from tests.feature_store.packs import AFTER, MARCH

# properties


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> damage.Damaged:
    return damage.whole(damage.small_store(tmp_path_factory.mktemp("damaged") / "store"))


def test_a_changed_file_is_read_as_it_was_or_rejected_by_name(damaged: damage.Damaged):
    results = damage.files(damaged, 12, random.Random(1), verify_each=6)
    assert results["read: as undisturbed"] + results["read: rejected"] == 24
    assert results["read: rejected"] > 0
    assert results["SQL: rejected"] > 0


def test_a_changed_index_or_record_loses_nothing(damaged: damage.Damaged):
    results = damage.indexes(damaged, 25, random.Random(2))
    assert sum(results.values()) == 25
    assert results["as before"] > 15


KINDS = st.sampled_from(sorted(set(damage.KINDS), key=lambda kind: kind.__name__))


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@example(harms=[(2, damage.cut, 0)], gone={4})  # what is moved out of one pack must not take the name of another, gone
@given(harms=st.lists(st.tuples(st.integers(0, 99), KINDS, st.integers(0, 999)), min_size=1, max_size=5),
       gone=st.sets(st.integers(0, 99), max_size=3))  # fmt: skip
def test_verify_never_loses_a_session_that_can_be_read_and_repeats_itself(
    damaged: damage.Damaged, harms: list[tuple[int, Callable[..., bytes], int]], gone: set[int]
):
    """Whatever was damaged, under whichever of its names: flipped, cut, zeroed, or gone."""
    paths = sorted(path for path in damaged.root.rglob("*.parquet"))
    for place, kind, seed in harms:
        path = paths[place % len(paths)]
        if path.exists() and path.stat().st_size:
            path.write_bytes(kind(path.read_bytes(), random.Random(seed)))
    for place in gone:
        paths[place % len(paths)].unlink(missing_ok=True)
    store = opened(damaged.root)
    try:
        damage.verified(store, damaged.expected, f"{harms} and without {gone}")
    finally:
        store.index.close()
        damaged.restore()


def test_a_changed_row_of_the_index_is_noticed_and_the_index_made_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    store = opened(tmp_path)
    store.write(FACTS, group(DAYS))
    store.record_check_results([(FACTS.name, DAYS[0], "made_up", False, "wrong")])
    before = store.partitions(FACTS)
    with store.index.transaction() as connection:  # as a flipped bit would, which SQLite accepts
        connection.execute("UPDATE partitions SET is_current=0 WHERE session=?", (str(DAYS[1]),))
    again = opened(tmp_path)
    assert values(again) == [1.0] * len(DAYS)
    assert again.partitions(FACTS) == before
    assert again.check_results(FACTS, "made_up") == [(DAYS[0], False, "wrong")]
    (said,) = [r.getMessage() for r in caplog.records if "made anew" in r.getMessage()]
    assert "index.sqlite is damaged (examples/facts" in said
    assert "only the timings of earlier runs are lost" in said
    assert list((tmp_path / "_broken").glob("index.*.sqlite"))
    store.index.close()
    assert store.partitions(FACTS) == before  # one that had it open follows to the new one


def test_a_file_that_only_other_engines_have_left_comes_back_with_the_index(tmp_path: Path):
    store = opened(tmp_path)
    store.write(FACTS, group(MARCH[:3]))
    (alone,) = store.write(FACTS, group(MARCH[3:4]))
    before = store.partitions(FACTS)
    for partition in (before[0], alone):
        store.layout.generation(partition).unlink()
    store.index.close()
    store.layout.index.unlink()
    again = opened(tmp_path)
    assert again.partitions(FACTS) == before
    assert values(again, as_of=AFTER) == [1.0] * 4


def test_a_copy_without_links_is_verified_and_queried(tmp_path: Path):
    store = opened(tmp_path / "store")
    store.write(FACTS, group(MARCH[:3]))
    store.write(FACTS, group(MARCH[3:4]))
    store.index.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copytree(tmp_path / "store", tmp_path / "copy")
    copy = opened(tmp_path / "copy")
    assert not copy.verify().damaged
    path = copy.layout.generation(copy.partitions(FACTS)[0])
    path.write_bytes(path.read_bytes()[:-20])
    assert [p.session for p in copy.verify().restored] == MARCH[:3]  # from what other engines read
    assert values(copy, as_of=AFTER) == [1.0] * 4


def test_what_is_withdrawn_is_stored_anew_under_its_fingerprint_and_stays_readable(tmp_path: Path):
    store = opened(tmp_path)
    store.write(FACTS, group(DAYS[:2]))
    (first,) = store.partitions(FACTS, DAYS[0], DAYS[0])
    with pytest.raises(StoreError, match="another content"):
        store.write(FACTS, group(DAYS[:1], value=2.0))
    number = store.withdraw([first], "a bad disk", "me")
    (second,) = store.write(FACTS, group(DAYS[:1], value=2.0))
    assert (second.generation, second.fingerprint) == (2, first.fingerprint)
    assert values(store) == [2.0, 1.0]
    withdrawn, _ = store.history(FACTS, DAYS[0])
    assert withdrawn.parts["withdrawn"].endswith("a bad disk")
    assert store.rows_of(withdrawn)["value"].to_list() == [1.0]
    (record,) = store.adoptions()
    assert (record["number"], record["why"], record["by"]) == (number, "a bad disk", "me")
    before = store.history(FACTS, DAYS[0])
    store.rebuild_index()
    assert store.history(FACTS, DAYS[0]) == before
    assert not store.verify().damaged


# refusals


def test_damage_that_is_found_while_a_lock_is_held_is_named(tmp_path: Path):
    store = opened(tmp_path)
    store.write(FACTS, group(DAYS))
    with store.index.transaction() as connection:
        connection.execute("UPDATE partitions SET rows=7 WHERE session=?", (str(DAYS[1]),))
    again = opened(tmp_path)
    with again._writer.locked(FACTS.name), pytest.raises(DamagedIndexError, match="run the same command again"):
        again.partitions(FACTS)
    assert values(again) == [1.0] * len(DAYS)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "two"}', "\0\1"])
def test_a_store_that_does_not_say_its_format_any_more_is_opened(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
):
    opened(tmp_path).write(FACTS, group(DAYS))
    (tmp_path / "store.json").write_text(text)
    assert values(opened(tmp_path)) == [1.0] * len(DAYS)
    assert "store.json does not say the store's format any more" in caplog.text


@pytest.mark.parametrize("text", ["", "[]", '{"number": 1, "datasets": 7}', "changed"])
def test_a_record_that_cannot_be_read_is_named(tmp_path: Path, text: str):
    store = opened(tmp_path)
    store.write(FACTS, group(DAYS))
    store.withdraw(store.partitions(FACTS)[:1], "a reason", "me")
    (path,) = (tmp_path / "_adoptions").iterdir()
    changed = path.read_text().replace("a reason", "another")
    path.write_text(changed if text == "changed" else text)
    with pytest.raises(StoreError, match=r"000001\.json cannot be read .* restore it from a copy, or move it away"):
        store.adoptions()


def test_a_session_whose_bytes_are_others_is_not_read_by_itself(tmp_path: Path):
    store: Store = opened(tmp_path)
    (partition,) = store.write(FACTS, group(DAYS[:1]))
    path = store.layout.generation(partition)
    path.write_bytes(path.read_bytes().replace(b"PAR1", b"PAR2", 1))
    with pytest.raises(CorruptPartitionError, match="does not hold the bytes that were stored"):
        store.rows_of(partition)
