"""Certification by rotation as a job of Dagster, with a schedule of its own: each night, in a fresh process."""

from pathlib import Path

import dagster as dg

from feature_store.decision_time import NEW_YORK
from quant_assets.engine.fresh_process import in_fresh_process
from quant_resources.dagster.platform import Platform

CERTIFICATION = "certification"


@dg.op(description="Stored sessions that wait longest are computed again; fails if any differs from what is stored.")
def certify_by_rotation(context: dg.OpExecutionContext, platform: Platform) -> None:
    rows = in_fresh_process("quant_assets.operations.rotation", [context.run_id], Path(platform.home))
    context.log.info("\n".join(f"{row['dataset']}: {row['checked']} sessions checked" for row in rows))
    if differ := [f"{row['dataset']}: {row['first_difference']}" for row in rows if row["differ"]]:
        raise dg.Failure("sessions differ from what is stored\n" + "\n".join(differ))


@dg.job(name=CERTIFICATION)
def certification_job() -> None:
    certify_by_rotation()


def certification_schedule() -> dg.ScheduleDefinition:
    """At night, every day: what waits longest is computed again, all of it within `certification.cycle_days`."""
    return dg.ScheduleDefinition(
        name=CERTIFICATION,
        job=certification_job,
        cron_schedule="0 1 * * *",
        execution_timezone=str(NEW_YORK),
        description="Stored sessions of every asset, computed again in a fresh process.",
    )
