"""What is due and why: one plan, which says what a run then stores."""

import datetime as dt
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from feature_store.dataset import number
from feature_store.versioning import schema_text
from quant_assets.engine.asset import same
from quant_assets.engine.identity import code_of
from quant_assets.engine.plan import Due, plan
from quant_assets.engine.reasons import (
    UNKNOWN,
    Reason,
    code_differences,
    schema_differences,
    setting_differences,
    window_differences,
)
from quant_assets.engine.runner import Runner
from quant_assets.engine.staleness import differing, due, followed
from quant_assets.operations.planning import Explained, duration
from tests.engine import changes, market
from tests.engine.changes import (
    CHAIN,
    CHANGED,
    DAYS,
    DOUBLED,
    LEVEL,
    MEAN,
    NAMES,
    OTHER,
    RANKS,
    REFACTORED,
    WALK,
    WIDER,
    another_version,
    moved_mean_close,
    planned,
    run_chain,
    runner_on,
    said,
    with_mean,
)
from tests.engine.market import copy_store, forget, run

TEST = "definition tests.engine.changes."


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chain, stored and checked; never written to."""
    folder = tmp_path_factory.mktemp("plan") / "whole"
    run_chain(runner_on(folder))
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return copy_store(whole, tmp_path / "copy")


# -- known values ------------------------------------------------------------------------------------------------------


def test_of_an_empty_store_everything_is_missing(tmp_path: Path) -> None:
    found = planned(runner_on(tmp_path / "new"))
    assert said(found) == {name: ["missing"] for name in NAMES}
    assert all(one.missing == DAYS for one in found.due)
    assert found.untimed == NAMES
    assert "never timed: market/bars" in Explained(found).summary()


def test_of_what_was_just_stored_nothing_is_due(whole: Path) -> None:
    found = planned(runner_on(whole))
    assert found.due == []
    assert Explained(found).summary() == "nothing is due"


def test_a_moved_and_renamed_definition_makes_nothing_due(whole: Path) -> None:
    assert planned(runner_on(whole), with_mean(replace(MEAN, function=moved_mean_close))).due == []


def test_a_changed_function_is_named_and_its_readers_may_turn_out_current(whole: Path) -> None:
    found = planned(runner_on(whole), with_mean(DOUBLED))
    assert said(found) == {
        MEAN.name: [f"code: {TEST}doubled_mean_close added"],
        RANKS.name: [f"upstream: {MEAN.name}"],
        LEVEL.name: [f"upstream: {MEAN.name}"],
        WALK.name: [f"upstream: {RANKS.name}"],
    }
    assert found.of(MEAN.name).stale == DAYS
    assert found.of(RANKS.name).upstream == DAYS
    assert found.of(RANKS.name).stale == []


def test_another_version_of_a_library_is_named(whole: Path) -> None:
    with another_version("polars", "99.1"):
        found = planned(runner_on(whole))
    assert f"library: polars {version('polars')} -> 99.1" in said(found)[RANKS.name]
    assert found.of(RANKS.name).stale == DAYS


def test_a_setting_is_named_by_its_key_with_both_values(whole: Path) -> None:
    found = planned(runner_on(whole, portfolio__weight_cap="0.03"))
    assert said(found) == {
        RANKS.name: ["setting: portfolio.weight_cap 0.3 -> 0.03"],
        WALK.name: [f"upstream: {RANKS.name}"],
    }


def test_an_added_column_is_due_for_its_own_dataset_and_for_those_who_read_every_column(whole: Path) -> None:
    every = replace(LEVEL, inputs={"means": replace(LEVEL.inputs["means"], dataset=WIDER.dataset)})
    narrow = replace(RANKS, inputs={"means": same(WIDER.dataset, ("value",))})
    found = planned(runner_on(whole, [WIDER]), (CHAIN[0], WIDER, narrow, every, WALK))
    assert said(found) == {
        MEAN.name: [f"code: {TEST}wider_mean_close added", "schema: column other added"],
        RANKS.name: [f"upstream: {MEAN.name}"],
        LEVEL.name: ["setting: means reads other columns: +other"],
        WALK.name: [f"upstream: {RANKS.name}"],
    }


def test_once_the_column_is_stored_nothing_that_reads_the_others_is_due(folder: Path) -> None:
    runner = runner_on(folder, [WIDER])
    run(runner, WIDER, DAYS)
    narrow = replace(RANKS, inputs={"means": same(WIDER.dataset, ("value",))})
    assert planned(runner, (CHAIN[0], WIDER, narrow, WALK)).due == []


def test_an_input_is_named_with_the_columns_that_differ_and_since_when(folder: Path) -> None:
    runner = runner_on(folder)
    run(runner, OTHER, DAYS)
    found = planned(runner, with_mean(OTHER))
    assert said(found)[RANKS.name] == [f"input: {MEAN.name} value since {CHANGED}"]
    assert found.of(RANKS.name).stale == [CHANGED]
    assert found.of(WALK.name).upstream == DAYS[6:]
    # a fit reads the window up to its refit, on Mondays
    refits = {t: LEVEL.refit_session(t, runner.profile) for t in DAYS}
    assert found.of(LEVEL.name).stale == [t for t in DAYS if CHANGED <= refits[t] <= DAYS[10]]
    run(runner, RANKS, DAYS)
    after = planned(runner, with_mean(OTHER)).of(WALK.name)
    assert [str(reason) for reason in after.reasons()] == [
        f"upstream: {WALK.name}",
        f"input: {RANKS.name} value since {CHANGED}",
    ]
    assert (after.stale, after.upstream) == ([CHANGED], DAYS[7:])


def test_a_session_that_is_gone_is_missing_and_what_rests_on_it_is_stale(folder: Path) -> None:
    runner = runner_on(folder)
    forget(runner.store, WALK.dataset, [DAYS[4]])
    found = planned(runner).of(WALK.name)
    assert found.missing == [DAYS[4]]
    assert found.stale == DAYS[5:]
    assert {str(reason) for reason in found.reasons()} == {"missing", "state: the session before is not stored"}


def test_a_part_that_the_plan_does_not_know_is_reported_by_its_name(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Runner.base_parts
    monkeypatch.setattr(Runner, "base_parts", lambda self, asset: plain(self, asset) | {"kernels": "avx2"})
    assert said(planned(runner_on(whole)))[MEAN.name] == ["kernels: none -> avx2"]


def test_a_code_that_no_text_was_kept_of_is_due_without_a_definition(folder: Path) -> None:
    for text in (folder / "_texts").iterdir():
        text.unlink()
    assert said(planned(runner_on(folder), with_mean(DOUBLED)))[MEAN.name] == [f"code: {UNKNOWN}"]


def test_what_a_session_takes_is_what_it_took(whole: Path) -> None:
    runner = runner_on(whole)
    each = runner.store.index.seconds(MEAN.name)
    assert sorted(each) == ["checks", "computing", "looks", "reading", "storing"]
    assert all(0 < seconds < 5 for seconds in each.values())
    found = planned(runner, with_mean(DOUBLED)).of(MEAN.name)
    assert found.seconds == pytest.approx(len(DAYS) * sum(each.values()))


def test_a_slice_of_settings_is_compared_key_by_key() -> None:
    assert setting_differences('{"a": 1, "b": {"c": [1], "d": 2}}', '{"a": 1, "b": {"c": [2], "e": true}}') == [
        ".b.c [1] -> [2]", ".b.d 2 -> none", ".b.e none -> true",
    ]  # fmt: skip
    assert setting_differences("7", "8") == [" 7 -> 8"]


def test_windows_are_compared_by_what_they_read() -> None:
    was, now = '{"a": ["x/y", 5, ["p"]], "b": ["x/y", 1, []]}', '{"a": ["x/z", 6, ["q"]], "c": ["x/y", 1, []]}'
    assert window_differences(was, now) == [
        "b is read no more", "c is read now", "a reads x/y -> x/z", "a reads 5 -> 6 sessions",
        "a reads other columns: +q, -p",
    ]  # fmt: skip


def test_a_schema_is_compared_column_by_column() -> None:
    was = MEAN.dataset
    now = replace(was, columns=(was.columns[0], number("value", "bp", "of a test", at_least=0.0)))
    assert schema_differences(schema_text(was), schema_text(now)) == [
        "column value: at_least None -> 0.0", "column value: unit any -> bp",
    ]  # fmt: skip


def test_durations_are_told_in_the_unit_that_fits() -> None:
    assert [duration(s) for s in (0.04, 59.0, 61.0, 3_600.0, 5_400.0)] == [
        "0.0 s", "59.0 s", "1 min", "1 h 0 min", "1 h 30 min",
    ]  # fmt: skip


# -- properties --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chain", "overrides"),
    [
        (CHAIN, {}),
        (CHAIN, {"portfolio__weight_cap": "0.03"}),
        (with_mean(OTHER), {}),
        (with_mean(DOUBLED), {}),
        (REFACTORED, {}),
    ],
    ids=["nothing", "setting", "one session", "all sessions", "refactored"],
)
def test_a_run_stores_all_that_is_due_and_nothing_but_what_is_due(
    folder: Path, chain: tuple, overrides: dict[str, str]
) -> None:
    runner = runner_on(folder, **overrides)
    forget(runner.store, LEVEL.dataset, DAYS[3:5])
    found = planned(runner, chain)
    own = {(one.dataset, t) for one in found.assets for t in (*one.missing, *one.stale)}
    may = own | {(one.dataset, t) for one in found.assets for t in one.upstream}
    anew = run_chain(runner, chain) | {(LEVEL.name, t) for t in DAYS[3:5]}
    assert own <= anew <= may
    assert planned(runner, chain).due == []


def test_a_plan_by_kind_is_due_where_the_explained_one_is(folder: Path) -> None:
    runner = runner_on(folder, portfolio__weight_cap="0.03")
    run(runner, OTHER, DAYS)
    chain = with_mean(OTHER)
    brief = plan(runner, [(asset, DAYS) for asset in chain])
    whole_ = planned(runner, chain)
    assert [list(one.sessions) for one in brief.assets] == [list(one.sessions) for one in whole_.assets]
    kinds = {(one.dataset, reason.kind) for one in brief.assets for reason in one.reasons()}
    assert kinds == {(one.dataset, reason.kind) for one in whole_.assets for reason in one.reasons()}


def test_a_plan_writes_nothing(folder: Path) -> None:
    def seen() -> set[tuple[str, bytes]]:
        files = [p for p in folder.rglob("*") if p.is_file() and "sqlite-" not in p.name and p.suffix != ".lock"]
        return {(str(p), p.read_bytes()) for p in files}

    runner = runner_on(folder, portfolio__weight_cap="0.03")
    before = seen()
    planned(runner, with_mean(DOUBLED))
    assert seen() == before


def test_what_differs_is_due_and_nothing_else() -> None:
    day = DAYS[0]
    was, now = Parts({"code": "a", "input:x": "b"}), Parts({"code": "a", "input:x": "c", "seed": "1"})
    assert differing(was.parts, now.parts) == ["input:x", "seed"]
    assert due([day], {day: now}, {day: was}) == [day]
    assert due([day], {day: was}, {day: was}) == []
    assert due([day], {day: was}, {}) == [day]


class Parts:
    def __init__(self, parts: dict[str, str]) -> None:
        self.parts = parts
        self.fingerprint = str(sorted(parts.items()))


def test_of_a_recursive_asset_only_what_follows_without_a_gap_can_be_checked() -> None:
    chosen = changes.settings()
    stored = set(DAYS) - {DAYS[5]}
    assert followed(WALK, DAYS, stored, chosen) == DAYS[:5]
    assert followed(WALK, DAYS[6:], stored, chosen) == []
    assert followed(WALK, DAYS[3:], stored, chosen) == DAYS[3:5]
    assert followed(RANKS, DAYS, stored, chosen) == [t for t in DAYS if t != DAYS[5]]


def test_reasons_of_many_sessions_are_told_once_with_the_earliest_since() -> None:
    early, late = dt.date(2015, 1, 2), dt.date(2015, 2, 2)
    found = Due("a/b", {t: (Reason("input", "x", late if t == DAYS[0] else early),) for t in DAYS[:3]}, {})
    assert found.reasons() == {Reason("input", "x", early): DAYS[:3]}
    assert found.seconds is None


def test_equal_code_has_no_difference_to_tell() -> None:
    text = code_of(MEAN, market.profile(), Runner).as_text()
    assert code_differences(text, text) == ["is identified in another way"]
