"""Stored sessions taken over after a change of code: what is, what is not, and why."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from quant_assets.engine.asset import ModelFit, SessionAsset
from quant_assets.engine.comparison import compared
from quant_assets.engine.lookahead_checks import Checker
from quant_assets.engine.runner import Runner
from quant_assets.engine.sampling import sample
from quant_assets.operations.adopt import Adopted, adopt
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
    another_version,
    planned,
    run_chain,
    runner_on,
    with_mean,
)
from tests.engine.market import contents, copy_store, forget, run, valued
from tests.support.tiny import asof


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chain, stored and checked; never written to."""
    folder = tmp_path_factory.mktemp("adopt") / "whole"
    run_chain(runner_on(folder))
    return folder


@pytest.fixture
def runner(whole: Path, tmp_path: Path) -> Runner:
    return runner_on(copy_store(whole, tmp_path / "copy"))


def taken(found: Adopted) -> dict[str, int]:
    return {one.dataset: len(one.adopted) for one in found.assessments}


def why_not(found: Adopted) -> dict[str, dict[str, int]]:
    return {one.dataset: dict(one.why_not) for one in found.assessments if one.why_not}


def adopted(runner: Runner, chain: Sequence[SessionAsset], **options: object) -> Adopted:
    return adopt(runner, assets=chain, **options)


# -- known values ------------------------------------------------------------------------------------------------------


def test_a_refactoring_is_taken_over_and_nothing_is_due_or_computed_any_more(runner: Runner) -> None:
    before = contents(runner.store, CHAIN)
    found = adopted(runner, REFACTORED, why="the same in another way")
    computed = [name for name in NAMES if name != "market/bars"]
    assert taken(found) == dict.fromkeys(computed, len(DAYS))
    assert found.complete
    assert planned(runner, REFACTORED).due == []
    for asset in REFACTORED:
        assert all(outcome.skipped for outcome in run(runner, asset, DAYS))
    assert contents(runner.store, CHAIN) == before
    assert found.summary() == (
        f"adoption 1: {4 * len(DAYS)} sessions of 4 datasets, "
        f"{sum(len(one.recomputed) for one in found.assessments)} computed again and equal"
    )


def test_the_record_holds_the_definitions_that_changed_and_the_hashes_that_agree(runner: Runner) -> None:
    adopted(runner, REFACTORED, why="the same in another way")
    (record,) = runner.store.adoptions()
    assert record["why"] == "the same in another way"
    assert record["who"]
    told = {one["dataset"]: one for one in record["datasets"]}
    reasons = told[RANKS.name]["evidence"]["reasons"]
    assert any("tests.engine.changes.refactored_ranks" in reason for reason in reasons)
    hashes = {f"{p.session}": p.content_hash for p in runner.store.partitions(RANKS.dataset)}
    assert told[RANKS.name]["evidence"]["recomputed"].items() <= hashes.items()
    assert {p.adopted["adoption"] for p in runner.store.partitions(RANKS.dataset)} == {"1"}


def test_of_a_fit_every_refit_is_computed_and_of_the_others_a_sample(runner: Runner) -> None:
    found = {one.dataset: sorted(one.recomputed) for one in adopted(runner, REFACTORED, count=4).assessments}
    refits = sorted({LEVEL.refit_session(t, runner.profile) for t in DAYS})
    assert found[LEVEL.name] == refits
    assert len(found[RANKS.name]) == len(found[MEAN.name]) == len(found[WALK.name]) == 4
    assert {DAYS[0], DAYS[-1]} <= set(found[MEAN.name])


def test_with_all_every_session_is_computed_again(runner: Runner) -> None:
    found = adopted(runner, REFACTORED, count=None)
    assert {one.dataset: sorted(one.recomputed) for one in found.assessments} == {
        asset.name: DAYS for asset in CHAIN if asset.name != "market/bars"
    }


def test_another_version_of_a_library_is_taken_over_from_the_source_on(runner: Runner) -> None:
    with another_version("polars", "99.1"):
        found = adopted(runner, CHAIN, count=3)
        assert taken(found) == dict.fromkeys(NAMES, len(DAYS))
        assert planned(runner).due == []
    assert planned(runner).of(MEAN.name).stale == DAYS  # and back again
    assert adopted(runner, CHAIN, count=3).complete
    assert all(p.adopted is None for asset in CHAIN for p in runner.store.partitions(asset.dataset))


def test_another_value_is_named_with_its_share_and_its_size_and_nothing_downstream_is_taken_over(
    runner: Runner,
) -> None:
    chain = with_mean(DOUBLED, REFACTORED)
    found = adopted(runner, chain, count=3)
    assert taken(found) == dict.fromkeys(NAMES[1:], 0)
    assert found.number is None
    assert not found.complete
    mean = found.assessments[0]
    assert len(mean.differences) == 3
    (value,) = mean.differences[0].comparison.columns
    assert (value.column, value.cells, value.relative) == ("value", 8, 1.0)
    assert value.absolute > 1
    assert mean.differences[0].comparison.fraction == 1 / 2  # known_at is the same
    assert mean.differences[0].what.startswith("50.000% of the cells differ; value: 8 cells, at most")
    reads = {name: "reads " + of + ", which does not come out as it is stored"
             for name, of in [(RANKS.name, MEAN.name), (LEVEL.name, MEAN.name), (WALK.name, RANKS.name)]}  # fmt: skip
    assert why_not(found) == {
        MEAN.name: {"does not come out as it is stored": len(DAYS)},
        **{name: {why: len(DAYS)} for name, why in reads.items()},
    }


def test_one_value_of_one_session_is_found_where_all_are_computed(runner: Runner) -> None:
    found = adopted(runner, with_mean(OTHER), count=None)
    (mean,) = found.assessments
    (difference,) = mean.differences
    assert difference.session == CHANGED
    assert [(c.column, c.cells) for c in difference.comparison.columns] == [("value", 1)]
    assert taken(found) == {MEAN.name: 0}


def test_a_setting_or_an_input_is_not_adopted_and_says_which(runner: Runner, whole: Path, tmp_path: Path) -> None:
    chain = with_mean(MEAN, REFACTORED)
    other = runner_on(copy_store(whole, tmp_path / "other"), portfolio__weight_cap="0.03")
    found = adopted(other, chain)
    assert why_not(found)[RANKS.name] == {"setting: portfolio.weight_cap 0.3 -> 0.03": len(DAYS)}
    assert taken(found) == {RANKS.name: 0, LEVEL.name: len(DAYS), WALK.name: 0}

    run(runner, OTHER, DAYS)
    found = adopted(runner, (CHAIN[0], OTHER, *REFACTORED[2:]))
    assert why_not(found)[RANKS.name] == {f"input: {MEAN.name} value since {CHANGED}": 1}
    # a walk is taken over up to the session that reads what is stale
    assert taken(found)[RANKS.name] == len(DAYS) - 1
    assert taken(found)[WALK.name] == DAYS.index(CHANGED)
    assert planned(runner, (CHAIN[0], OTHER, *REFACTORED[2:])).of(WALK.name).stale == DAYS[6:]


def test_rows_are_compared_by_key_and_a_row_of_one_side_differs_in_every_cell() -> None:
    dataset = valued("changes/rows")
    day = pl.lit(DAYS[0], pl.Date)
    known = pl.lit("2016-01-04").str.to_datetime(time_unit="us", time_zone="UTC")
    was = pl.DataFrame({"symbol": ["A", "B", "C"], "value": [1.0, None, 4.0]})
    now = pl.DataFrame({"symbol": ["A", "C", "D"], "value": [1.0, 3.0, 0.0]})
    was, now = (rows.select(day.alias("event_date"), "symbol", "value", known_at=known) for rows in (was, now))
    found = compared(was, now, dataset)
    assert found.cells == 8  # four rows of value and known_at
    assert [str(column) for column in found.columns] == [
        "value: 3 cells, at most 1, relative 0.25", "known_at: 2 cells",
    ]  # fmt: skip
    assert compared(was, was, dataset).columns == ()
    (lost, _) = compared(was, now.drop("value"), dataset).columns
    assert (lost.column, lost.cells, lost.absolute) == ("value", 4, None)


# -- properties --------------------------------------------------------------------------------------------------------


def test_what_is_adopted_passes_every_check_and_outlives_the_index(runner: Runner) -> None:
    adopted(runner, REFACTORED)
    runner.store.rebuild_index()
    assert planned(runner, REFACTORED).due == []
    assert not runner.store.verify().damaged
    checker = Checker(runner)
    for asset in REFACTORED:
        partitions = runner.store.partitions(asset.dataset)
        assert all(v.passed for v in checker.contract(asset, partitions))
        assert checker.recompute(asset, DAYS[-1]).passed


def test_a_walk_goes_on_from_an_adopted_state(runner: Runner) -> None:
    before = [p.parts["state"] for p in runner.store.partitions(WALK.dataset)]
    forget(runner.store, WALK.dataset, DAYS[10:])
    assert taken(adopted(runner, REFACTORED))[WALK.name] == 10
    # a state counts by what it holds, and that is what it was
    assert [p.parts["state"] for p in runner.store.partitions(WALK.dataset)] == before[:10]
    run(runner, REFACTORED[-1], DAYS)
    assert planned(runner, REFACTORED).of(WALK.name).sessions == {}


def test_a_selection_takes_over_nothing_whose_inputs_are_stale(runner: Runner) -> None:
    found = adopted(runner, REFACTORED, select=[RANKS.name, WALK.name])
    assert taken(found) == {RANKS.name: 0, WALK.name: 0}
    assert why_not(found)[RANKS.name] == {f"reads {MEAN.name}, which is stale or not stored": len(DAYS)}
    assert found.number is None
    first = adopted(runner, REFACTORED, select=[MEAN.name])
    assert taken(first) == {MEAN.name: len(DAYS)}
    assert taken(adopted(runner, REFACTORED, select=[RANKS.name])) == {RANKS.name: len(DAYS)}


def test_a_session_that_reads_what_is_not_stored_is_not_taken_over(runner: Runner) -> None:
    forget(runner.store, MEAN.dataset, [DAYS[4]])
    found = adopted(runner, REFACTORED)
    assert taken(found)[MEAN.name] == len(DAYS) - 1
    (said,) = (one for one in found.assessments if one.dataset == RANKS.name)
    assert set(DAYS) - set(said.adopted) == {DAYS[4]}
    assert taken(found)[WALK.name] == 4


def test_a_repeated_adoption_finds_nothing_and_records_nothing(runner: Runner) -> None:
    adopted(runner, REFACTORED)
    again = adopted(runner, REFACTORED)
    assert again.assessments == ()
    assert again.summary() == "nothing is stale"
    assert len(runner.store.adoptions()) == 1


def broken(bars: pl.DataFrame, sessions: list) -> pl.DataFrame:
    raise ZeroDivisionError("by nothing")


def test_a_function_that_fails_is_a_difference(runner: Runner) -> None:
    found = adopted(runner, with_mean(replace(MEAN, function=broken)), count=2)
    assert [d.what for d in found.assessments[0].differences] == [
        "cannot be computed: ZeroDivisionError: by nothing"
    ] * 2


def test_a_sample_is_the_same_each_time_and_holds_the_edges(runner: Runner) -> None:
    for asset in CHAIN:
        first = sample(runner, asset, DAYS, 5)
        assert first == sample(runner, asset, DAYS, 5) == sorted(set(first))
        if not isinstance(asset, ModelFit):
            assert len(first) == 5
            assert {DAYS[0], DAYS[-1]} <= set(first)
            assert set(first) & {DAYS[5], DAYS[6]}  # the year's edge
    assert sample(runner, MEAN, DAYS, 99) == DAYS


# -- through the command line ------------------------------------------------------------------------------------------


def test_the_commands_explain_and_take_over_and_status_counts(home: Path) -> None:
    quiet = asof(home, "plan")
    assert (quiet.code, quiet.out.strip()) == (0, "nothing is due")
    assert asof(home, "adopt").out.strip() == "nothing is stale"
    changed = asof(home, "plan", "--set", "portfolio.weight_cap=0.03", "--json")
    told = {row["dataset"]: row for row in json.loads(changed.out)["datasets"]}
    assert told["execution/book"]["reasons"][0]["text"] == "portfolio.weight_cap 0.4 -> 0.03"
    assert told["execution/orders"]["due"] == told["execution/orders"]["upstream"] == 34
    assert not {"market/bars", "portfolio/views", "alpha/combined"} & told.keys()  # they do not look at the cap
    assert asof(home, "plan").out.strip() == "nothing is due"  # it was not remembered
    words = ("--select", "market/members", "--select", "market/universe")
    with another_version("polars", "99.1"):
        shown = asof(home, "plan", "--reasons", "--select", "market/members")
        assert "library: polars" in shown.out
        partial = asof(home, "adopt", "--sessions", 2, "--select", "market/universe")
        assert partial.code == 1
        assert "nothing was adopted" in partial.out
        answer = asof(home, "adopt", "--sessions", 2, "--why", "a patch", *words, "--json")
        rows = {row["dataset"]: row for row in json.loads(answer.out)["datasets"]}
        assert (rows["market/members"]["adopted"], rows["market/members"]["recomputed"]) == (34, 2)
        status = {row["dataset"]: row for row in json.loads(asof(home, "status", "--json").out)}
        assert (status["market/members"]["stale"], status["market/members"]["adopted"]) == (0, 34)
        assert status["market/bars"]["stale"] == 34
        assert asof(home, "verify").code == 0


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "named", "fix"),
    [
        (("plan", "--select", "feature"), "feature", "features"),
        (("plan", "--set", "portfolio.wieght_cap=1"), "wieght_cap", "did you mean weight_cap"),
        (("plan", "--from", "1980-01-02"), "1980-01-02", "from 1990-01-02"),
        (("adopt", "--select", "feature"), "feature", "features"),
    ],
)
def test_a_wrong_word_is_rejected_with_the_fix(stored_home: Path, words: tuple[str, ...], named: str, fix: str) -> None:
    answer = asof(stored_home, *words)
    assert answer.code == 2
    assert named in answer.err
    assert fix in answer.err


@pytest.mark.parametrize("word", ["plan", "adopt"])
def test_a_home_without_a_store_has_nothing_to_plan_or_adopt(tmp_path: Path, word: str) -> None:
    answer = asof(tmp_path / "home", word)
    assert answer.code == 2
    assert "asof backfill" in answer.err
    assert not (tmp_path / "home").exists()
