"""Certification by rotation as a job of Dagster, with a schedule of its own: each night, in a fresh process.

The vendor is asked again in the same night what it says of sessions that have been stored for a while.
"""

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


@dg.op(description="The vendor is asked again for stored sessions; fails if it says otherwise of any.")
def ask_vendor_again(context: dg.OpExecutionContext, platform: Platform) -> None:
    rows = in_fresh_process("quant_assets.operations.vendor_drift", [], Path(platform.home))
    asked = [f"{row['dataset']}: {row['requested']} sessions requested again" for row in rows]
    context.log.info("\n".join(asked) or "no vendor was asked: the simulated market says the same each time")
    if differ := [f"{row['dataset']}: {row['first_difference']}" for row in rows if row["differ"]]:
        raise dg.Failure("the vendor says otherwise of stored sessions\n" + "\n".join(differ))


@dg.job(name=CERTIFICATION)
def certification_job() -> None:
    certify_by_rotation()
    ask_vendor_again()


def certification_schedule() -> dg.ScheduleDefinition:
    """At night, every day: what waits longest is computed again, all of it within `certification.cycle_days`."""
    return dg.ScheduleDefinition(
        name=CERTIFICATION,
        job=certification_job,
        cron_schedule="0 1 * * *",
        execution_timezone=str(NEW_YORK),
        description="Stored sessions of every asset, computed again in a fresh process.",
    )
