"""The end of day: session t is decided shortly before the open of t+1, and that is when its run starts."""

import datetime as dt

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from configs.settings import Profile
from feature_store import sessions
from feature_store.decision_time import NEW_YORK


def daily_schedule(job: UnresolvedAssetJobDefinition, profile: Profile) -> dg.ScheduleDefinition:
    """Runs the last decided session at its decision time, on trading days only."""
    opening = dt.datetime.combine(dt.date(2018, 1, 3), dt.time(9, 30))
    at = opening - dt.timedelta(minutes=profile.decision_minutes_before_open)
    weekdays = "1-5" if at.date() == opening.date() else "0-4"

    @dg.schedule(
        name="daily",
        job=job,
        cron_schedule=f"{at.minute} {at.hour} * * {weekdays}",
        execution_timezone=str(NEW_YORK),
        description="All assets for the session that ends with this decision time.",
    )
    def daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        tick = context.scheduled_execution_time.astimezone(NEW_YORK)
        opens_on = (tick + dt.timedelta(minutes=profile.decision_minutes_before_open)).date()
        if not sessions.is_session(opens_on):
            return dg.SkipReason(f"{opens_on} is not a trading day")
        session = sessions.shift(opens_on, -1)
        if profile.history.end is not None and session > profile.history.end:
            return dg.SkipReason(f"{session} lies after history.end {profile.history.end} of profile {profile.name}")
        return dg.RunRequest(run_key=session.isoformat(), partition_key=session.isoformat())

    return daily
