"""Results of checks are kept: what ends a failure, what does not, and what a damaged record says."""

import datetime as dt
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_store.adoptions import Adoption
from feature_store.append_log import DamagedLine, Position, append, read_lines
from feature_store.check_results import EARLIER, NewResult
from feature_store.check_table import Waiver, value_of
from feature_store.store import Store
from feature_store.versioning import fingerprint
from tests.feature_store.examples import DAYS, FACTS, group, new, opened

NAME = FACTS.name
ACCOUNT = "account_closes"  # stands for a check of values


def failing(store: Store) -> list[tuple[dt.date, str, str]]:
    found = store.checks.table.failures(NAME, FACTS.version, DAYS[0], DAYS[-1])
    return [(r.session, r.check, r.detail) for r in found]


def failed(check: str = ACCOUNT, day: dt.date = DAYS[0], look: str = "run") -> NewResult:
    return NewResult(NAME, day, check, False, "why", look)


def passed(check: str = ACCOUNT, day: dt.date = DAYS[0], look: str = "run") -> NewResult:
    return NewResult(NAME, day, check, True, "", look)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = opened(tmp_path / "store")
    store.write(FACTS, group(DAYS))
    return store


# -- known values ------------------------------------------------------------------------------------------------------


def test_a_pass_of_any_look_hides_no_failure(store: Store) -> None:
    store.record_check_results([failed(look="scrambled"), passed(day=DAYS[1])])
    for look in ("run", "alone", "scrambled", "certification"):
        store.record_check_results([passed(look=look)])
    assert failing(store) == [(DAYS[0], ACCOUNT, "why")]
    assert store.check_results(NAME, ACCOUNT) == [(DAYS[0], False, "why"), (DAYS[1], True, "")]
    (result,) = store.checks.table.failures(NAME, FACTS.version, DAYS[0], DAYS[0])
    assert (result.look, result.generation, result.value) == ("scrambled", 1, value_of(store.partitions(NAME)[0]))


def test_a_failure_takes_the_place_of_a_pass(store: Store) -> None:
    store.record_check_results([passed()])
    store.record_check_results([failed()])
    assert failing(store) == [(DAYS[0], ACCOUNT, "why")]


def test_a_failure_ends_when_its_session_is_stored_as_another_value(store: Store) -> None:
    store.record_check_results([failed(), failed(day=DAYS[1])])
    store.write(FACTS, group(DAYS[:1], "second", 2.0))
    assert failing(store) == [(DAYS[1], ACCOUNT, "why")]
    assert store.checks.table.unchecked(NAME, FACTS.version, ACCOUNT, DAYS[0], DAYS[1])[0][0] == DAYS[0]


def test_adoption_washes_no_failure_away_and_loses_no_pass(tmp_path: Path) -> None:
    store = opened(tmp_path)
    stored_with = fingerprint({"code": "first"})
    of_code = new(DAYS[0]).provenance
    written = [replace(new(day), provenance=replace(of_code, fingerprint=stored_with)) for day in DAYS[:2]]
    store.write(FACTS, written)
    store.record_check_results([failed(), passed(day=DAYS[1])])
    after = fingerprint({"code": "second"})
    store.adopt(
        {"why": "equal"},
        [Adoption(NAME, FACTS.version, {"code": "second"}, (*DAYS[:2],), (1, 1), (stored_with,) * 2, (after,) * 2, {})],
    )
    assert {p.fingerprint for p in store.partitions(NAME)} == {after}
    assert store.check_results(NAME, ACCOUNT) == [(DAYS[0], False, "why"), (DAYS[1], True, "")]


def test_what_a_check_of_files_found_ends_when_the_session_is_stored_again_or_repaired(tmp_path: Path) -> None:
    moments = iter(dt.datetime(2020, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=i) for i in range(99))
    store = opened(tmp_path, now=lambda: next(moments))
    store.write(FACTS, group(DAYS[:2]))
    both = [failed("contract", day) for day in DAYS[:2]] + [failed(day=day) for day in DAYS[:2]]
    store.record_check_results(both)
    first, second = store.partitions(NAME)
    with store.index.transaction() as connection:
        store.index.remove(connection, first)
    store.write(FACTS, group(DAYS[:1]))  # the same value in another file
    store.checks.record_repairs(NAME, [second], "restored from its generation")
    assert failing(store) == [(day, ACCOUNT, "why") for day in DAYS[:2]]
    assert store.check_results(NAME, "contract") == [(DAYS[1], True, "restored from its generation")]
    store.record_check_results([failed("contract", DAYS[1]), passed("contract")])
    assert store.check_results(NAME, "contract") == [(DAYS[0], True, ""), (DAYS[1], False, "why")]


def test_a_waiver_is_of_one_value(store: Store) -> None:
    store.record_check_results([failed(), failed(day=DAYS[1])])
    found = store.checks.table.failures(NAME, FACTS.version, DAYS[0], DAYS[0])[0]
    waiver = Waiver(NAME, DAYS[0], ACCOUNT, found.value, "looked at", "someone", store.checks.moment(), found.detail)
    store.checks.waive([waiver])
    assert failing(store) == [(DAYS[1], ACCOUNT, "why")]
    assert store.check_results(NAME, ACCOUNT)[0] == (DAYS[0], True, "why")
    store.write(FACTS, group(DAYS[:1], "second", 2.0))
    store.record_check_results([failed()])
    assert len(failing(store)) == 2
    assert store.checks.table.waivers() == [waiver]


def test_sessions_without_a_result_are_named(store: Store) -> None:
    store.record_check_results([passed("contract", day) for day in DAYS[:2]])
    unchecked = store.checks.table.unchecked(NAME, FACTS.version, "contract", DAYS[0], DAYS[3])
    assert [day for day, _ in unchecked] == DAYS[2:4]


# -- properties --------------------------------------------------------------------------------------------------------


def test_a_rebuilt_index_a_copied_store_and_a_crash_before_the_index_forget_nothing(
    store: Store, tmp_path: Path
) -> None:
    def die(step: str) -> None:
        if step == "check results recorded":
            raise KeyboardInterrupt

    store.record_check_results([failed(), passed("contract"), failed(day=DAYS[2])])
    with pytest.raises(KeyboardInterrupt):
        opened(tmp_path / "store", reached=die).record_check_results([failed(day=DAYS[1])])
    root = tmp_path / "store"
    expected = [(DAYS[i], ACCOUNT, "why") for i in range(3)]
    assert failing(opened(root)) == expected

    before = opened(root).checks.table.results(NAME, FACTS.version, DAYS[0], DAYS[-1])
    copy = shutil.copytree(root, tmp_path / "copy", ignore=shutil.ignore_patterns("index.sqlite*"))
    for rebuilt in (opened(root), opened(copy)):
        rebuilt.rebuild_index()
        assert failing(rebuilt) == expected
        assert rebuilt.checks.table.results(NAME, FACTS.version, DAYS[0], DAYS[-1]) == before


def test_results_of_an_earlier_version_speak_of_what_is_stored(tmp_path: Path) -> None:
    root = tmp_path / "store"
    opened(root).write(FACTS, group(DAYS))
    with sqlite3.connect(root / "index.sqlite") as connection:
        connection.execute(
            "CREATE TABLE verdicts (dataset, session, check_name, passed, detail, at, "
            "PRIMARY KEY (dataset, session, check_name))"
        )
        values = [(NAME, str(DAYS[0]), ACCOUNT, 0, "why", ""), (NAME, str(DAYS[1]), ACCOUNT, 1, "", "")]
        connection.executemany("INSERT INTO verdicts VALUES (?, ?, ?, ?, ?, ?)", values)
    for store in (opened(root), opened(root)):
        assert store.check_results(NAME, ACCOUNT) == [(DAYS[0], False, "why"), (DAYS[1], True, "")]
        assert {r.look for r in store.checks.table.results(NAME, FACTS.version, DAYS[0], DAYS[-1])} == {EARLIER}


def test_a_range_is_one_line(store: Store) -> None:
    store.record_check_results([passed(check, day) for check in ("contract", ACCOUNT) for day in DAYS], "run")
    (line,) = (store.layout.checks / f"{NAME}.jsonl").read_text().splitlines()
    assert len(line) < 200 * len(DAYS)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.binary(max_size=9), min_size=1, max_size=4), st.data())
def test_every_changed_byte_of_a_log_is_noticed(tmp_path_factory: pytest.TempPathFactory, texts, data) -> None:
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    for i, text in enumerate(texts):
        append(path, read_lines(path, Position())[2], {"number": i, "text": text.hex()})
    whole = path.read_bytes()
    lines, damaged, _ = read_lines(path, Position())
    assert (len(lines), damaged) == (len(texts), [])
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[place]))
    path.write_bytes(whole[:place] + bytes([changed]) + whole[place + 1 :])
    lines, damaged, position = read_lines(path, Position())
    records = [line.record["number"] for line in lines]
    assert damaged or position.size < len(whole)  # the last line has no end any more
    assert set(range(len(texts))) - set(records)


# -- refusals ----------------------------------------------------------------------------------------------------------


def log_of(store: Store) -> Path:
    return store.layout.checks / f"{NAME}.jsonl"


def test_an_append_that_a_crash_has_cut_costs_that_line_alone(store: Store) -> None:
    store.record_check_results([failed()])
    whole = log_of(store).read_bytes()
    log_of(store).write_bytes(whole + whole[: len(whole) // 2])
    store.record_check_results([failed(day=DAYS[1])])
    for rebuild in (False, True):
        again = opened(store.layout.root)
        if rebuild:
            again.rebuild_index()
        assert failing(again) == [(day, ACCOUNT, "why") for day in DAYS[:2]]
        assert (again.checks.table.damage(), again.checks.damage()) == ([], [])


def test_damaged_missing_and_cut_lines_are_named(store: Store) -> None:
    for day in DAYS[:4]:
        store.record_check_results([failed(day=day)])
    lines = log_of(store).read_bytes().splitlines(keepends=True)

    def faults(*kept: bytes) -> list[tuple[str, int, str]]:
        log_of(store).write_bytes(b"".join(kept))
        store.rebuild_index()
        assert store.checks.damage() == [(file.removesuffix(".jsonl"), d) for file, d in store.checks.table.damage()]
        return [(file, d.number, d.reason) for file, d in store.checks.damage()]

    changed = lines[1].replace(b"why", b"Why")
    assert faults(lines[0], changed, *lines[2:]) == [(NAME, 2, "its text does not give its digest")]
    assert failing(store) == [(DAYS[i], ACCOUNT, "why") for i in (0, 2, 3)]
    assert faults(lines[0], *lines[2:]) == [(NAME, 2, "lines before it are missing")]
    log_of(store).write_bytes(b"".join(lines))
    store.rebuild_index()
    log_of(store).write_bytes(b"".join(lines[:2]))
    again = opened(store.layout.root)
    assert [d.reason for _, d in again.checks.table.damage()] == [
        f"{len(lines[2] + lines[3])} bytes are gone from its end"
    ]
    assert len(failing(again)) == 4  # what the index knows is not lost with the file
    assert isinstance(again.checks.table.damage()[0][1], DamagedLine)
