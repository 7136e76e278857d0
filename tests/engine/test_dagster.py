"""What Dagster sees: partitions, windows, checks, and metadata of each session."""

import datetime as dt
import itertools
import os
import sqlite3
import subprocess
import sys
import warnings
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.asset_backfill import AssetBackfillData

from configs.load import load
from configs.settings import Profile
from feature_store import sessions
from feature_store.schemas.catalogue import DATASETS
from feature_store.store import Store
from quant_assets import definitions
from quant_assets.engine.asset import SessionAsset
from quant_assets.engine.partitions import session_partitions
from quant_assets.graph import core_assets
from quant_resources.home import Home
from tests.support.dagster_home import at, events_of, instance_of, key_of, materialized, metadata_of
from tests.support.tiny import FIRST, LAST, asof

START = dt.date(2015, 1, 2)
PARTITIONS = session_partitions(START)
NEXT = sessions.shift(LAST, 1)


@pytest.fixture(scope="module")
def loaded(stored_home: Path) -> dg.Definitions:
    return definitions.build(Home(stored_home))


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
    assert f"{tmp_path / 'asof.yaml'} is not YAML" in result.stderr
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
    checks["execution/orders"] |= {"upstream_checks"}  # of a decision
    found = {name: {key.name for key in graph.get(key_of(name)).check_keys} for name in DATASETS}
    assert found == checks
    assert "fills_after_decision" in found["execution/book"]
    assert all(spec.blocking for d in loaded.assets or [] for spec in getattr(d, "check_specs", ()))


def test_a_check_says_when_it_passes_and_an_asset_where_its_code_is(loaded: dg.Definitions) -> None:
    graph = loaded.resolve_asset_graph()
    (step,) = (d for d in loaded.assets or [] if isinstance(d, dg.AssetsDefinition))
    demands = {(spec.asset_key.to_user_string(), spec.name): spec.description for spec in step.check_specs}
    assert len(demands) == len(graph.asset_check_keys)
    assert {text.split()[0] for text in demands.values()} == {"Passes"}
    assert demands["execution/book", "fills_after_decision"].startswith("Passes when every fill follows its decision")
    (book,) = (spec for spec in step.specs if spec.key == key_of("execution/book"))
    (place,) = book.metadata["dagster/code_references"].code_references
    assert place.file_path.endswith("execution/book/replay.py")
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


def test_a_range_that_is_stored_launches_no_run_and_stores_no_event(home: Path) -> None:
    before = events_of(home)
    words = ("backfill", "--from", sessions.shift(LAST, -5), "--to", LAST)
    answer = asof(home, *words)
    assert answer.code == 0, answer.out + answer.err
    days = f"6 sessions {sessions.shift(LAST, -5)} to {LAST}"
    assert answer.out == f"nothing to do: {len(core_assets())} assets, {days}, are stored and up to date\n"
    assert events_of(home) == before
    with instance_of(home) as instance:
        assert len(instance.get_runs()) == 1


def test_a_session_that_dagster_does_not_know_is_reported_and_not_stored_again(home: Path) -> None:
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


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_day_without_trading_cannot_be_materialized(loaded: dg.Definitions) -> None:
    for day in ("2016-12-26", "2016-12-24", "2016-11-30"):
        assert not session_partitions(FIRST).has_partition_key(day)
