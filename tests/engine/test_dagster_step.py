"""One step of Dagster that holds all assets: selections, failures, and exactly the sessions that are stored."""

import datetime as dt
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import dagster as dg
import pytest

from feature_store import sessions
from feature_store.store import Store
from quant_assets import definitions
from quant_assets.engine import runner
from quant_assets.engine.asset import SessionAsset
from quant_assets.graph import core_assets
from quant_resources.home import Home
from tests.support.dagster_home import instance_of, key_of, materialize, materialized, metadata_of, seen, stored_until
from tests.support.tiny import FIRST, LAST, SETTINGS, asof, setting

# -- one step that holds several assets --------------------------------------------------------------------------------

BARS, MACRO, ACTIONS, ADJUSTED = "market/bars", "market/macro", "market/corporate_actions", "market/adjusted_bars"
SOME = [BARS, MACRO, ACTIONS, ADJUSTED]  # the last reads bars and actions

NEXT = sessions.shift(LAST, 1)


@pytest.fixture
def unfinished(home: Path) -> Path:
    """The stored home, whose history has another session that is not stored."""
    chosen = home / "asof.yaml"
    chosen.write_text(chosen.read_text().replace(f"history.end: '{LAST}'", f"history.end: '{NEXT}'"))
    return home


def test_all_assets_are_one_step_of_which_a_selection_runs_alone(unfinished: Path) -> None:
    result = materialize(unfinished, NEXT, MACRO, BARS)
    assert result.success
    assert {event.step_key for event in result.all_events if event.is_step_success} == {"sessions"}
    assert seen(result, dg.DagsterEventType.ASSET_MATERIALIZATION) == {MACRO, BARS}
    ends = stored_until(unfinished, SOME)
    assert ends == {
        BARS: NEXT,
        MACRO: NEXT,
        ACTIONS: LAST,
        ADJUSTED: LAST,
    }
    checked = {(e.asset_key.to_user_string(), e.check_name) for e in result.get_asset_check_evaluations()}
    checks = {asset.name: ["contract", "no_lookahead", *asset.checks] for asset in core_assets()}
    assert checked == {(name, check) for name in (MACRO, BARS) for check in checks[name]}


def test_an_asset_that_fails_stops_what_reads_it_and_nothing_else(
    unfinished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(runner.Runner, "run_together", failing_for(ACTIONS))
        result = materialize(unfinished, NEXT, *SOME)
    assert not result.success
    assert seen(result, dg.DagsterEventType.ASSET_MATERIALIZATION) == {BARS, MACRO}
    assert {e.asset_key for e in result.get_asset_check_evaluations()} == {
        key_of(BARS),
        key_of(MACRO),
    }
    assert stored_until(unfinished, SOME) == {
        BARS: NEXT, MACRO: NEXT, ACTIONS: LAST, ADJUSTED: LAST
    }  # fmt: skip
    (failure,) = result.get_step_failure_events()
    told = failure.step_failure_data.user_failure_data
    assert told.metadata[ACTIONS].value == "OSError: the disk went away"
    assert "not run, since they read these: market/adjusted_bars" in told.description
    for name in SOME:
        assert materialized(unfinished, name)[-1] == str(stored_until(unfinished, [name])[name])

    again = materialize(unfinished, NEXT, *SOME)  # the UI's retry runs the step again: what is stored is passed over
    assert again.success
    assert set(stored_until(unfinished, SOME).values()) == {NEXT}
    assert {len(Store(unfinished / "store").history(name, NEXT)) for name in SOME} == {1}


def test_two_failures_are_reported_by_name(unfinished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("backfill", "--select", MACRO, "--select", ADJUSTED, "--from", NEXT, "--to", NEXT)
    with monkeypatch.context() as patched:
        patched.setattr(runner.Runner, "run_together", failing_for(ACTIONS, MACRO))
        answer = asof(unfinished, *words)
    assert answer.code == 1
    failed = sorted(line for line in answer.out.splitlines() if line.startswith("failed"))
    assert failed == [f"failed: {name}: OSError: the disk went away" for name in (ACTIONS, MACRO)]
    assert asof(unfinished, *words).code == 0


def failing_for(*names: str) -> Callable[..., Iterator[tuple[SessionAsset, list[runner.Outcome]]]]:
    run = runner.Runner.run_together

    def failing(
        self: runner.Runner, assets: Sequence[SessionAsset], targets: Sequence[dt.date]
    ) -> Iterator[tuple[SessionAsset, list[runner.Outcome]]]:
        if {asset.name for asset in assets} & {*names}:
            raise OSError("the disk went away")
        yield from run(self, assets, targets)

    return failing


def test_a_check_that_is_requested_alone_covers_what_is_stored(home: Path) -> None:
    (name, check), session = ("market/members", "contract"), LAST
    Store(home / "store").record_check_results([(name, session, check, False, "made up")])
    job = definitions.build(Home(home)).resolve_job_def(definitions.ALL_ASSETS)
    alone = job.get_subset(asset_selection=set(), asset_check_selection={dg.AssetCheckKey(key_of(name), check)})
    before = Store(home / "store").partitions(name)
    with instance_of(home) as instance:
        result = alone.execute_in_process(instance=instance, partition_key=str(session), raise_on_error=False)
    assert not result.success  # all checks block
    (evaluation,) = result.get_asset_check_evaluations()
    assert (evaluation.check_name, evaluation.passed) == (check, False)  # reading back well hides no failure
    assert evaluation.metadata["sessions checked in this run"].value == 1
    assert not seen(result, dg.DagsterEventType.ASSET_MATERIALIZATION)
    assert Store(home / "store").partitions(name) == before


# -- properties --------------------------------------------------------------------------------------------------------


def test_fridays_green_does_not_hide_wednesdays_red(home: Path) -> None:
    friday, wednesday = LAST, sessions.shift(LAST, -2)
    Store(home / "store").record_check_results([("market/members", wednesday, "no_lookahead", False, "made up")])
    words = ("backfill", "--select", "market/members", "--from", friday, "--to", friday)
    answer = asof(home, *words)
    assert answer.code == 1
    assert f'check no_lookahead of market/members fails: ["{wednesday}: made up"]' in answer.out
    with instance_of(home) as instance:
        (summary,) = instance.event_log_storage.get_asset_check_summary_records(
            [dg.AssetCheckKey(key_of("market/members"), "no_lookahead")]
        ).values()
        result = summary.last_check_execution_record.event.asset_check_evaluation
    assert not result.passed
    assert result.metadata["sessions with a result"].value > result.metadata["sessions checked in this run"].value

    certified = asof(home, "certify", "--all", "--select", "market/members")
    assert certified.code == 0  # Wednesday checked again, which ends no failure
    assert asof(home, *words).code == 1
    with instance_of(home) as instance:
        key = dg.AssetCheckKey(key_of("market/members"), "no_lookahead")
        latest = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert latest.status.value == "FAILED"


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_range_that_fails_in_its_middle_shows_what_is_stored_and_a_repeat_completes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    december = [str(day) for day in sessions.between(FIRST, dt.date(2016, 12, 30))]
    span = [str(day) for day in sessions.between(FIRST, dt.date(2017, 1, 6))]
    words = ("backfill", *setting(SETTINGS), "--select", "market/members", "--to", span[-1])
    write, groups = Store.write, itertools.count(1)

    def failing(self, dataset, partitions):
        if next(groups) == 2:
            raise OSError("the disk went away")
        return write(self, dataset, partitions)

    with monkeypatch.context() as patched:
        patched.setattr(runner, "GROUP", 4)
        patched.setattr(Store, "write", failing)
        answer = asof(tmp_path, *words)
    assert answer.code == 1
    assert "failed: market/members: OSError: the disk went away" in answer.out
    stored = Store(tmp_path / "store").sessions("market/members")
    assert [str(day) for day in stored] == december
    assert materialized(tmp_path, "market/members") == december
    assert metadata_of(tmp_path, "market/members", stored[-1])["rows"] == 5
    with instance_of(tmp_path) as instance:
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]

    assert asof(tmp_path, *words).code == 0
    assert materialized(tmp_path, "market/members") == span
    assert {p.generation for p in Store(tmp_path / "store").partitions("market/members")} == {1}
