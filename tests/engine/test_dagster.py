"""What Dagster sees: partitions, windows, checks, the schedule, and exactly the sessions that are stored."""

import datetime as dt
import itertools
import os
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.asset_backfill import AssetBackfillData
from dagster._utils.schedules import schedule_execution_time_iterator

from configs.load import load
from configs.settings import Profile
from feature_store import sessions
from feature_store.decision_time import NEW_YORK, DecisionClock
from feature_store.schemas.catalogue import DATASETS
from feature_store.store import Store
from quant_assets import definitions
from quant_assets.automation.schedules import daily_schedule
from quant_assets.engine import runner
from quant_assets.engine.asset import SessionAsset
from quant_assets.engine.partitions import session_partitions
from quant_assets.graph import core_assets
from quant_resources.home import Home
from tests.support.tiny import FIRST, LAST, SETTINGS, asof, setting

START = dt.date(2015, 1, 2)
PARTITIONS = session_partitions(START)
NEXT = sessions.shift(LAST, 1)


@pytest.fixture(scope="module")
def loaded(stored_home: Path) -> dg.Definitions:
    return definitions.build(Home(stored_home))


@contextmanager
def instance_of(home: Path) -> Iterator[dg.DagsterInstance]:
    """Dagster's own memory of a home."""
    folder = str(home / "dagster")
    before = os.environ.get("DAGSTER_HOME")
    os.environ["DAGSTER_HOME"] = folder
    try:
        with dg.DagsterInstance.from_config(folder) as instance:
            yield instance
    finally:
        os.environ.pop("DAGSTER_HOME")
        if before:
            os.environ["DAGSTER_HOME"] = before


def key_of(name: str) -> dg.AssetKey:
    return dg.AssetKey(name.split("/"))


def at(day: dt.date, hour: int = 0, minute: int = 0) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(hour, minute), NEW_YORK)


def materialized(home: Path, name: str) -> list[str]:
    with instance_of(home) as instance:
        return sorted(instance.get_materialized_partitions(key_of(name)))


def metadata_of(home: Path, name: str, session: dt.date) -> dict[str, object]:
    with instance_of(home) as instance:
        wanted = dg.AssetRecordsFilter(asset_key=key_of(name), asset_partitions=[str(session)])
        record = instance.fetch_materializations(wanted, limit=1).records[0]
        assert record.asset_materialization
        return {key: value.value for key, value in record.asset_materialization.metadata.items()}


# -- known values ------------------------------------------------------------------------------------------------------


def test_definitions_load_without_a_warning(stored_home: Path) -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        definitions.build(Home(stored_home)).get_repository_def()
    assert [str(warning.message) for warning in seen] == []


def test_every_dataset_is_an_asset_under_its_slice(loaded: dg.Definitions) -> None:
    specs = {spec.key.to_user_string(): spec for spec in loaded.resolve_all_asset_specs()}
    assert sorted(specs) == sorted(DATASETS)
    for asset in core_assets():
        spec = specs[asset.name]
        assert spec.group_name == asset.dataset.slice
        assert spec.tags["slice"] == asset.dataset.slice
        assert spec.kinds == {"parquet", "polars", asset.kind.replace(" ", "_")}
        assert spec.owners == ["team:quant"]
        assert spec.partitions_def == session_partitions(FIRST, LAST)
        assert {dep.asset_key for dep in spec.deps} == {key_of(w.dataset.name) for w in asset.inputs.values()}
        assert spec.description.startswith(asset.dataset.description)


@pytest.mark.parametrize("name", sorted({asset.dataset.slice for asset in core_assets()}))
def test_a_slice_is_selected_by_its_group_and_by_its_tag(loaded: dg.Definitions, name: str) -> None:
    graph = loaded.get_repository_def().asset_graph
    expected = {key_of(asset.name) for asset in core_assets() if asset.dataset.slice == name}
    for selection in (f"group:{name}", f'tag:"slice"="{name}"'):
        assert dg.AssetSelection.from_string(selection).resolve(graph) == expected


def test_importing_the_definitions_reads_no_home(tmp_path: Path) -> None:
    (tmp_path / "asof.yaml").write_text("profile: [")
    code = "from quant_assets.definitions import defs; print('imported'); defs()"
    environment = os.environ | {"ASOF_HOME": str(tmp_path)}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert result.stdout == "imported\n"
    assert "ParserError" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["asof.yaml"]


@pytest.mark.parametrize("asset", core_assets(), ids=lambda asset: asset.name)
def test_an_assets_columns_are_its_datasets(loaded: dg.Definitions, asset: SessionAsset) -> None:
    (spec,) = (spec for spec in loaded.resolve_all_asset_specs() if spec.key == key_of(asset.name))
    columns = spec.metadata["dagster/column_schema"].columns
    assert {column.name for column in columns} == set(asset.dataset.schema)
    assert all(column.description for column in columns)


def test_every_asset_carries_both_checks_and_what_its_subject_demands(loaded: dg.Definitions) -> None:
    graph = loaded.resolve_asset_graph()
    checks = {asset.name: {"contract", "no_lookahead", *asset.checks} for asset in core_assets()}
    found = {name: {key.name for key in graph.get(key_of(name)).check_keys} for name in DATASETS}
    assert found == checks
    assert "fills_after_decision" in found["execution/book"]


def test_a_check_says_when_it_passes_and_an_asset_where_its_code_is(loaded: dg.Definitions) -> None:
    graph = loaded.resolve_asset_graph()
    (step,) = (d for d in loaded.assets or [] if isinstance(d, dg.AssetsDefinition))
    demands = {(spec.asset_key.to_user_string(), spec.name): spec.description for spec in step.check_specs}
    assert len(demands) == len(graph.asset_check_keys)
    assert {text.split()[0] for text in demands.values()} == {"Passes"}
    assert demands["execution/book", "fills_after_decision"].startswith("Passes when every fill follows its decision")
    (book,) = (spec for spec in step.specs if spec.key == key_of("execution/book"))
    (place,) = book.metadata["dagster/code_references"].code_references
    assert place.file_path.endswith("execution/book.py")
    assert Path(place.file_path).read_text().splitlines()[place.line_number - 1].startswith("def step(")


def test_a_range_is_one_run_and_one_process(loaded: dg.Definitions) -> None:
    graph = loaded.resolve_asset_graph()
    assert {graph.get(key_of(name)).backfill_policy for name in DATASETS} == {dg.BackfillPolicy.single_run()}
    assert loaded.executor is dg.in_process_executor


def test_holidays_and_weekends_are_no_partitions() -> None:
    keys = PARTITIONS.get_partition_keys(current_time=at(dt.date(2035, 12, 30)))
    assert keys == [str(day) for day in sessions.between(START, dt.date(2035, 12, 30))]
    assert not {"2017-01-02", "2017-01-16", "2017-01-21", "2016-12-26"} & set(keys)


@pytest.mark.parametrize(
    ("now", "last"),
    [
        (at(dt.date(2017, 1, 13)), "2017-01-13"),  # Friday exists from its own midnight
        (at(dt.date(2017, 1, 14), 12), "2017-01-13"),
        (at(dt.date(2017, 1, 16)) - dt.timedelta(seconds=1), "2017-01-13"),
        # On a holiday Dagster shows the session after it; until that is decided the writer refuses it.
        (at(dt.date(2017, 1, 16)), "2017-01-17"),
        (at(dt.date(2017, 1, 17)), "2017-01-17"),
        (at(dt.date(2017, 3, 13)), "2017-03-13"),  # the clocks were changed the night before
    ],
)
def test_a_session_is_a_partition_from_its_own_midnight_at_the_latest(now: dt.datetime, last: str) -> None:
    assert PARTITIONS.get_partition_keys(current_time=now)[-1] == last


def test_a_range_leaves_metadata_on_every_partition(stored_home: Path) -> None:
    every = [str(day) for day in sessions.between(FIRST, LAST)]
    assert {name: materialized(stored_home, name) for name in DATASETS} == dict.fromkeys(DATASETS, every)
    store = Store(stored_home / "store")
    for name, day in itertools.product(("market/bars", "execution/book"), (FIRST, LAST)):
        (stored,) = store.partitions(name, day, day)
        found = metadata_of(stored_home, name, day)
        shown = {key: found[key] for key in ("rows", "nulls", "generation", "content_hash")}
        assert shown == {key: getattr(stored, key) for key in shown}
        assert isinstance(found["seconds"], float)
    assert metadata_of(stored_home, "market/universe", LAST)["tradable"] == 5.0
    orders = store.read("execution/orders", LAST, first=LAST)
    assert metadata_of(stored_home, "execution/book", LAST)["orders"] == orders.height


def test_dagsters_own_command_runs_one_session_on_what_is_stored(home: Path) -> None:
    chosen = home / "asof.yaml"
    chosen.write_text(chosen.read_text().replace(f"history.end: '{LAST}'", f"history.end: '{NEXT}'"))
    command = [str(Path(sys.executable).with_name("dagster")), "asset", "materialize"]
    command += ["-m", "quant_assets.definitions", "--select", "*", "--partition", str(NEXT)]
    environment = os.environ | {"ASOF_HOME": str(home), "DAGSTER_HOME": str(home / "dagster")}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=home)
    assert result.returncode == 0, result.stderr[-3000:]
    store = Store(home / "store")
    assert {store.sessions(name)[-1] for name in DATASETS} == {NEXT}
    for name in DATASETS:
        assert metadata_of(home, name, NEXT)["content_hash"] == store.partitions(name, NEXT, NEXT)[0].content_hash
    assert store.read("backtest/pnl", NEXT)["event_date"][-1] == NEXT


def events_of(home: Path) -> int:
    """Rows of the index of Dagster's log, and of the runs."""
    counted = 0
    for database in (home / "dagster" / "history" / "runs").glob("*.db"):
        with closing(sqlite3.connect(database)) as connection:
            counted += connection.execute("SELECT COUNT(*) FROM event_logs").fetchone()[0]
    return counted


def test_a_range_that_is_stored_launches_no_run_and_stores_no_event(home: Path) -> None:
    before = events_of(home)
    words = ("backfill", "--from", sessions.shift(LAST, -5), "--to", LAST)
    answer = asof(home, *words)
    assert answer.code == 0, answer.out + answer.err
    assert answer.out == f"nothing to do: 55 assets, 6 sessions {sessions.shift(LAST, -5)} to {LAST}, " \
        "are stored and up to date\n"  # fmt: skip
    assert events_of(home) == before
    with instance_of(home) as instance:
        assert len(instance.get_runs()) == 1


def test_a_session_that_dagster_was_not_told_of_is_told_and_not_stored_again(home: Path) -> None:
    index = home / "dagster" / "history" / "runs" / "index.db"
    with closing(sqlite3.connect(index)) as log, log:  # as if the run had been killed before it said so
        log.execute(
            "DELETE FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION' AND partition = ? "
            "AND asset_key = ?",
            (str(LAST), key_of("market/members").to_string()),
        )
    assert str(LAST) not in materialized(home, "market/members")
    generations = Store(home / "store").partitions("market/members", LAST, LAST)
    assert asof(home, "backfill", "--select", "market/members", "--from", LAST, "--to", LAST).code == 0
    assert str(LAST) in materialized(home, "market/members")
    assert Store(home / "store").partitions("market/members", LAST, LAST) == generations


def test_definitions_load_without_the_homes_store(tmp_path: Path) -> None:
    script = (
        "import quant_assets.definitions as d, sys; "
        "heavy = {'lightgbm', 'sklearn', 'hmmlearn', 'statsmodels', 'plotly', 'urllib3'} & set(sys.modules); "
        "assert not heavy, heavy; d.defs().resolve_job_def('all_assets')"
    )
    environment = os.environ | {"ASOF_HOME": str(tmp_path / "home")}
    result = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert not (tmp_path / "home").exists()


# -- one step that holds several assets --------------------------------------------------------------------------------

BARS, MACRO, ACTIONS, ADJUSTED = "market/bars", "market/macro", "market/corporate_actions", "market/adjusted_bars"
SOME = [BARS, MACRO, ACTIONS, ADJUSTED]  # the last reads bars and actions


def materialize(home: Path, session: dt.date, *names: str) -> dg.ExecuteInProcessResult:
    """One session of the assets, as the UI runs them."""
    job = definitions.build(Home(home)).resolve_job_def(definitions.ALL_ASSETS)
    with instance_of(home) as instance:
        return job.execute_in_process(
            instance=instance, partition_key=str(session), asset_selection=[key_of(name) for name in names],
            raise_on_error=False, run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )  # fmt: skip


def stored_until(home: Path, names: list[str]) -> dict[str, dt.date]:
    store = Store(home / "store")
    return {name: store.sessions(name)[-1] for name in names}


def seen(result: dg.ExecuteInProcessResult, kind: dg.DagsterEventType) -> set[str]:
    return {e.asset_key.to_user_string() for e in result.all_events if e.event_type == kind and e.asset_key}


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


def test_two_failures_are_told_by_name(unfinished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
        result = alone.execute_in_process(instance=instance, partition_key=str(session))
    (evaluation,) = result.get_asset_check_evaluations()
    assert (evaluation.check_name, evaluation.passed) == (check, True)
    assert not seen(result, dg.DagsterEventType.ASSET_MATERIALIZATION)
    assert Store(home / "store").partitions(name) == before


# -- properties --------------------------------------------------------------------------------------------------------

WINDOWS = [(asset, name) for asset in core_assets() for name in asset.inputs]
TARGETS = [START, dt.date(2015, 1, 7), dt.date(2015, 12, 31), dt.date(2016, 1, 4), dt.date(2016, 8, 31),
           dt.date(2017, 1, 3), dt.date(2017, 3, 10), dt.date(2017, 11, 24), dt.date(2017, 12, 29)]  # fmt: skip


@pytest.fixture(scope="module")
def usual() -> Profile:
    return load("demo")


@pytest.mark.parametrize(("asset", "name"), WINDOWS, ids=lambda x: x if isinstance(x, str) else x.name)
def test_no_session_reaches_back_further_than_the_length_shown(asset: SessionAsset, name: str, usual: Profile) -> None:
    window = asset.inputs[name]
    reaches = [len(sessions.between(asset.first_needed(target, window, usual), target)) for target in TARGETS]
    assert max(reaches) <= asset.longest(window, usual)


def test_an_asset_says_how_far_back_it_reads(loaded: dg.Definitions) -> None:
    specs = {spec.key.to_user_string(): spec for spec in loaded.resolve_all_asset_specs()}
    assert specs["features/stock_features"].metadata["reads"] == "market/adjusted_bars: 273 sessions"
    assert specs["market/bars"].metadata["reads"] == ""


@pytest.mark.filterwarnings("ignore:Function `AssetSelection.sources`:DeprecationWarning")  # Dagster's own use of it
@pytest.mark.parametrize("start", [FIRST, dt.date(2016, 12, 12)])
def test_a_range_launched_in_the_ui_is_that_range_for_every_asset(loaded: dg.Definitions, start: dt.date) -> None:
    asked = [str(day) for day in sessions.between(start, sessions.shift(start, 5))]
    now = at(dt.date(2018, 6, 1)).timestamp()
    graph = loaded.resolve_asset_graph()
    with dg.instance_for_test() as instance:
        plan = AssetBackfillData.from_asset_partitions(
            graph, asked, [key_of(name) for name in DATASETS], instance, now, all_partitions=False
        )
    targets = plan.target_subset.partitions_subsets_by_asset_key
    assert {key.to_user_string(): list(subset.get_partition_keys()) for key, subset in targets.items()} == (
        dict.fromkeys(DATASETS, asked)
    )


def ticks(schedule: dg.ScheduleDefinition, first: dt.date, last: dt.date) -> Iterator[dt.datetime]:
    every = schedule_execution_time_iterator(at(first).timestamp(), schedule.cron_schedule, schedule.execution_timezone)
    return itertools.takewhile(lambda tick: tick < at(last), every)


@pytest.mark.parametrize("minutes", [30, 90, 600, 900])
def test_the_schedule_runs_each_session_once_at_its_decision_time(usual: Profile, minutes: int) -> None:
    history = usual.history.model_copy(update={"end": None})
    profile = usual.model_copy(update={"decision_minutes_before_open": minutes, "history": history})
    job = dg.define_asset_job("all_assets")
    schedule, clock = daily_schedule(job, profile), DecisionClock(minutes)
    first, last = dt.date(2016, 11, 1), dt.date(2017, 4, 3)  # two changes of the clocks, five holidays
    requested, skipped = [], []
    for tick in ticks(schedule, first, last):
        asked = schedule(dg.build_schedule_context(scheduled_execution_time=tick))
        if isinstance(asked, dg.SkipReason):
            skipped.append(asked.skip_message)
            continue
        session = dt.date.fromisoformat(asked.partition_key)
        assert tick == clock.decision_time(session)
        assert asked.partition_key in PARTITIONS.get_partition_keys(current_time=tick)[-2:]
        requested.append(session)
    decided = [
        s for s in sessions.between(dt.date(2016, 10, 3), last) if at(first) <= clock.decision_time(s) < at(last)
    ]
    assert requested == decided
    holidays = ["2016-11-24", "2016-12-26", "2017-01-02", "2017-01-16", "2017-02-20"]
    assert skipped == [f"{day} is not a trading day" for day in holidays]


def test_the_schedule_ends_with_the_history(usual: Profile) -> None:
    schedule = daily_schedule(dg.define_asset_job("all_assets"), usual)
    ends = usual.history.end
    assert ends is not None
    after = {day: sessions.shift(ends, day) for day in (1, 2)}
    asked = [schedule(dg.build_schedule_context(scheduled_execution_time=at(day, 9))) for day in after.values()]
    assert asked[0].partition_key == str(ends)
    assert asked[1].skip_message == f"{after[1]} lies after history.end {ends} of profile demo"


@pytest.mark.parametrize("end", [dt.date(2017, 1, 13), dt.date(2017, 1, 15), dt.date(2016, 12, 23), LAST])
def test_a_history_that_has_ended_has_no_later_partition(end: dt.date) -> None:
    ended = session_partitions(START, end)
    last = str(sessions.at_or_before(end))
    assert ended.get_partition_keys()[-1] == last
    assert not ended.has_partition_key(str(sessions.at_or_after(end + dt.timedelta(days=1))))


def test_until_its_end_a_history_goes_on_like_any_other() -> None:
    ends = dt.date(2034, 6, 30)
    going, usual = session_partitions(START, ends), session_partitions(START)
    for now in (at(dt.date(2026, 1, 16), 12), at(ends, 12)):
        assert going.get_partition_keys(current_time=now) == usual.get_partition_keys(current_time=now)
    assert going.get_partition_keys(current_time=at(dt.date(2034, 8, 1)))[-1] == str(ends)


def test_by_default_the_schedule_ticks_at_nine_in_new_york(loaded: dg.Definitions) -> None:
    schedule = loaded.get_repository_def().get_schedule_def("daily")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 9 * * 1-5", "America/New_York")
    asked = schedule(dg.build_schedule_context(scheduled_execution_time=at(dt.date(2017, 1, 17), 9)))
    assert asked.partition_key == "2017-01-13"  # after a long weekend: Friday's


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
    assert certified.code == 0  # Wednesday checked again
    assert asof(home, *words).code == 0
    with instance_of(home) as instance:
        key = dg.AssetCheckKey(key_of("market/members"), "no_lookahead")
        latest = instance.event_log_storage.get_latest_asset_check_execution_by_key([key])[key]
    assert latest.status.value == "SUCCEEDED"


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


def test_a_day_without_trading_cannot_be_materialized(loaded: dg.Definitions) -> None:
    for day in ("2016-12-26", "2016-12-24", "2016-11-30"):
        assert not session_partitions(FIRST).has_partition_key(day)
