"""Dagster's bookkeeping of a backfill: our event storage beside the stock one.

One empty asset over a range of sessions in one run, with metadata for each session, as a backfill logs them. What the
asset itself takes (`context.add_asset_metadata`, quadratic in the sessions) is the same for both and shown apart. What
a stored session costs as a whole: `benchmarks/stored_session.py`.

    python -m benchmarks.bookkeeping --sessions 2500 --json
"""

import argparse
import json
import os
import shutil
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

INSTANCE = Path(__file__).parents[1] / "quant_resources" / "dagster" / "dagster.yaml"
QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
WEEKDAYS = dg.TimeWindowPartitionsDefinition(start="2007-01-01", fmt="%Y-%m-%d", cron_schedule="0 0 * * 1-5")


def run_a_range(ours: bool, sessions: int) -> dict[str, float]:
    """Seconds of the run, and of these inside the asset; to be called in a fresh process."""
    inside = 0.0

    @dg.asset(partitions_def=WEEKDAYS, backfill_policy=dg.BackfillPolicy.single_run())
    def empty(context: dg.AssetExecutionContext) -> None:
        nonlocal inside
        start = time.perf_counter()
        for session in context.partition_keys:
            context.add_asset_metadata({"rows": 500, "nulls": 0, "seconds": 0.25}, partition_key=session)
        inside = time.perf_counter() - start

    keys = WEEKDAYS.get_partition_keys()[:sessions]
    tags = {ASSET_PARTITION_RANGE_START_TAG: keys[0], ASSET_PARTITION_RANGE_END_TAG: keys[-1]}
    with tempfile.TemporaryDirectory() as home:
        os.environ["DAGSTER_HOME"] = home
        if ours:
            shutil.copy(INSTANCE, home)
        else:
            (Path(home) / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
        with dg.DagsterInstance.get() as instance:
            start = time.perf_counter()
            dg.materialize([empty], instance=instance, tags=tags, run_config=QUIET)
            seconds = time.perf_counter() - start
            if instance.get_materialized_partitions(empty.key) != set(keys):
                raise RuntimeError("the run did not materialize its range")
    return {"seconds": seconds, "inside_the_asset": inside, "bookkeeping": seconds - inside}


def measure(sessions: int) -> dict[str, Any]:
    figures = {}
    for name in ("ours", "stock"):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
            figures[name] = fresh.submit(run_a_range, name == "ours", sessions).result()
    ratios = {what: figures["stock"][what] / figures["ours"][what] for what in ("seconds", "bookkeeping")}
    return {"sessions": sessions, **figures, "times_faster": ratios}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=2500)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    figures = measure(options.sessions)
    if options.json:
        print(json.dumps(figures))
        return
    print(f"{options.sessions} sessions of one empty asset in one run, seconds")
    print(f"{'':8}{'run':>10}{'asset':>10}{'bookkeeping':>14}")
    for name in ("ours", "stock"):
        one = figures[name]
        print(f"{name:8}{one['seconds']:10.2f}{one['inside_the_asset']:10.2f}{one['bookkeeping']:14.2f}")
    ratios = figures["times_faster"]
    print(f"{'times':8}{ratios['seconds']:10.1f}{'':10}{ratios['bookkeeping']:14.1f}")


if __name__ == "__main__":
    main()
