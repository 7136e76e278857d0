"""Events, instances and what is seen through them, for the tests of the event storages."""

import itertools
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterEventType as Kind
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluation,
    AssetCheckEvaluationPlanned,
)
from dagster._core.events import (
    AssetMaterializationPlannedData,
    AssetObservationData,
    DagsterEventBatchMetadata,
    StepMaterializationData,
    generate_event_batch_id,
)
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from hypothesis import strategies as st

from quant_resources.home import DAGSTER_YAML

STOCK_YAML = "telemetry:\n  enabled: false\n"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
SESSIONS = dg.TimeWindowPartitionsDefinition(
    start="2018-01-01", end="2018-12-31", fmt="%Y-%m-%d", cron_schedule="0 0 * * 1-5"
)
BARS, SCORES = dg.AssetKey(["market", "bars"]), dg.AssetKey(["features", "scores"])
DATA_VERSION = "dagster/data_version"

# Events.


def entry(kind: dg.DagsterEventType | None, data: Any, run_id: str = "run_a", second: float = 0) -> dg.EventLogEntry:
    """An event of that kind; without a kind, a line of the log."""
    event = kind and dg.DagsterEvent(
        event_type_value=kind.value, job_name="job", event_specific_data=data, step_key="step"
    )
    return dg.EventLogEntry(
        error_info=None,
        level=20,
        user_message="" if kind else "a line",
        run_id=run_id,
        timestamp=1_500_000_000.0 + second,
        step_key="step",
        job_name="job",
        dagster_event=event,
    )


def materialized(key: dg.AssetKey, partition: str | None, run_id: str = "run_a", second: float = 0) -> dg.EventLogEntry:
    stored = dg.AssetMaterialization(key, partition=partition, tags={DATA_VERSION: f"v{second}", "other": "tag"})
    return entry(Kind.ASSET_MATERIALIZATION, StepMaterializationData(stored), run_id, second)


def planned_check(partition: str | None, run_id: str = "run_a", second: float = 0) -> dg.EventLogEntry:
    subset = SESSIONS.subset_with_partition_keys([partition]) if partition else None
    data = AssetCheckEvaluationPlanned(asset_key=BARS, check_name="contract", partitions_subset=subset)
    return entry(Kind.ASSET_CHECK_EVALUATION_PLANNED, data, run_id, second)


CHECKS = Kind.ASSET_CHECK_EVALUATION_PLANNED, Kind.ASSET_CHECK_EVALUATION


@dataclass(frozen=True)
class Draw:
    """One random event; what does not apply to its kind is ignored."""

    kind: dg.DagsterEventType | None
    key: dg.AssetKey
    partition: str | None
    run_id: str
    passed: bool

    def at(self, second: float) -> dg.EventLogEntry:
        if self.kind is Kind.ASSET_MATERIALIZATION:
            return materialized(self.key, self.partition, self.run_id, second)
        if self.kind is Kind.ASSET_CHECK_EVALUATION_PLANNED:
            return planned_check(None, self.run_id, second)
        data = {
            Kind.ASSET_MATERIALIZATION_PLANNED: AssetMaterializationPlannedData(self.key, self.partition),
            Kind.ASSET_OBSERVATION: AssetObservationData(
                dg.AssetObservation(self.key, partition=self.partition, tags={DATA_VERSION: "seen"})
            ),
            Kind.ASSET_CHECK_EVALUATION: AssetCheckEvaluation(
                asset_key=BARS, check_name="contract", passed=self.passed, metadata={}
            ),
        }
        return entry(self.kind, data.get(self.kind), self.run_id, second)


draws = st.builds(
    Draw,
    kind=st.sampled_from(
        [
            Kind.ASSET_MATERIALIZATION,
            Kind.ASSET_MATERIALIZATION_PLANNED,
            Kind.ASSET_OBSERVATION,
            *CHECKS,
            Kind.RUN_START,
            Kind.STEP_START,
            None,
        ]
    ),
    key=st.sampled_from([BARS, SCORES]),
    partition=st.sampled_from([None, "2018-01-02", "2018-01-03"]),
    run_id=st.sampled_from(["run_a", "run_b", ""]),  # "": an event outside of any run
    passed=st.booleans(),
)
batches = st.lists(
    st.one_of(
        st.lists(draws, min_size=1, max_size=12),
        st.sampled_from(["wipe", "delete run"]),
    ),
    min_size=1,
    max_size=5,
)

# Storages and instances.


@contextmanager
def instance_with(dagster_yaml: str) -> Iterator[dg.DagsterInstance]:
    """The instance of a new DAGSTER_HOME that holds this dagster.yaml."""
    with tempfile.TemporaryDirectory() as home, pytest.MonkeyPatch.context() as patch:
        (Path(home) / "dagster.yaml").write_text(dagster_yaml)
        patch.setenv("DAGSTER_HOME", home)
        with dg.DagsterInstance.get() as instance:
            yield instance


def ours_yaml() -> str:
    return DAGSTER_YAML.read_text()


CLOCK_COLUMNS = {"create_timestamp", "migration_completed", "asset_details", "wipe_timestamp"}


def rows_of(folder: str) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Every row of every table of every database, but for what the clock of the machine wrote."""
    contents = {}
    for path in sorted(Path(folder).glob("*.db")):
        with closing(sqlite3.connect(path)) as database:
            database.row_factory = sqlite3.Row
            names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for name in names:
                rows = [dict(row) for row in database.execute(f"SELECT * FROM {name} ORDER BY 1")]
                contents[path.stem, name] = [
                    {column: value for column, value in row.items() if column not in CLOCK_COLUMNS} for row in rows
                ]
    return contents


def in_runs(rows: dict[tuple[str, str], list[dict[str, Any]]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    return {place: found for place, found in rows.items() if place[0] != "index"}


def stored_partitions(folder: Path, shard: str) -> list[str]:
    with closing(sqlite3.connect(folder / f"{shard}.db")) as database:
        query = "SELECT partition FROM event_logs WHERE partition IS NOT NULL ORDER BY id"
        return [partition for (partition,) in database.execute(query)]


def run_range(instance: dg.DagsterInstance, stop_at: str | None = None) -> dg.ExecuteInProcessResult:
    """An asset with a check over 22 sessions; fails at `stop_at` with the earlier sessions logged."""

    @dg.asset(
        key=BARS,
        partitions_def=SESSIONS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[dg.AssetCheckSpec("contract", asset=BARS)],
    )
    def bars(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        stored = list(itertools.takewhile(lambda session: session != stop_at, context.partition_keys))
        if stop_at:
            step, batch = context.op_execution_context.get_step_execution_context(), generate_event_batch_id()
            for session in stored:
                event = dg.AssetMaterialization(BARS, partition=session)
                last = session == stored[-1]
                dg.DagsterEvent.asset_materialization(step, event, DagsterEventBatchMetadata(batch, last))
            raise ValueError(f"session {stop_at} is refused")
        for i, session in enumerate(stored):
            context.add_asset_metadata({"rows": i}, partition_key=session)
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(check_name="contract", passed=True)])

    tags = {ASSET_PARTITION_RANGE_START_TAG: "2018-06-01", ASSET_PARTITION_RANGE_END_TAG: "2018-07-02"}
    return dg.materialize([bars], instance=instance, tags=tags, run_config=QUIET, raise_on_error=False)


def seen_through(instance: dg.DagsterInstance, run_id: str) -> dict[str, Any]:
    """What the instance says of `bars` and of the run."""
    log = instance.event_log_storage
    page = instance.get_records_for_run(run_id, limit=7)
    rest = instance.get_records_for_run(run_id, cursor=page.cursor)
    materializations = instance.fetch_materializations(BARS, limit=1000).records
    (record,) = instance.get_asset_records([BARS])
    latest = instance.get_latest_materialization_event(BARS)
    check = dg.AssetCheckKey(BARS, "contract")
    verdict = log.get_latest_asset_check_execution_by_key([check]).get(check)
    unmade = log.get_latest_asset_partition_materialization_attempts_without_materializations(BARS)
    return {
        "run": [(r.storage_id, r.event_log_entry.dagster_event_type) for r in [*page.records, *rest.records]],
        "all logs": [event.dagster_event_type for event in instance.all_logs(run_id)],
        "logs after": [event.dagster_event_type for event in log.get_logs_for_run(run_id, page.cursor)],
        "materializations": [
            (r.storage_id, r.partition_key, r.asset_materialization.metadata) for r in materializations
        ],
        "partitions": instance.get_materialized_partitions(BARS),
        "latest": latest and latest.asset_materialization and latest.asset_materialization.partition,
        "tags": log.get_event_tags_for_asset(BARS, {DATA_VERSION: "none such"}),
        "record": (record.storage_id, record.asset_entry.asset_key, record.asset_entry.last_run_id == run_id),
        "known": (instance.has_asset_key(BARS), instance.all_asset_keys()),
        "verdict": verdict and verdict.status,
        "unmade": sorted((partition, event_id) for partition, (_, event_id) in unmade.items()),
        "statistics": (instance.get_run_stats(run_id).steps_failed, instance.get_run_stats(run_id).materializations),
        "storage ids": log.get_latest_storage_id_by_partition(BARS, dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED),
    }


def told_once(seen: dict[str, Any]) -> dict[str, Any]:
    """As if the run's log had one line for all that it plans of an asset; its cursor is then elsewhere."""
    planned, logs = Kind.ASSET_MATERIALIZATION_PLANNED, seen["all logs"]
    told = [kind for i, kind in enumerate(logs) if kind is not planned or planned not in logs[:i]]
    return seen | {"run": None, "logs after": None, "all logs": told}
