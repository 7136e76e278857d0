"""The daily schedule: each session once, at its decision time, until the history ends."""

import datetime as dt
import itertools
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from configs.load import load
from configs.settings import Profile
from feature_store import sessions
from feature_store.decision_time import DecisionClock
from quant_assets import definitions
from quant_assets.automation.schedules import daily_schedule
from quant_assets.engine.partitions import session_partitions
from quant_resources.home import Home
from tests.support.dagster_home import at

START = dt.date(2015, 1, 2)
PARTITIONS = session_partitions(START)


@pytest.fixture(scope="module")
def usual() -> Profile:
    return load("demo")


# -- properties --------------------------------------------------------------------------------------------------------


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


def test_by_default_the_schedule_ticks_at_nine_in_new_york(stored_home: Path) -> None:
    schedule = definitions.build(Home(stored_home)).get_repository_def().get_schedule_def("daily")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 9 * * 1-5", "America/New_York")
    asked = schedule(dg.build_schedule_context(scheduled_execution_time=at(dt.date(2017, 1, 17), 9)))
    assert asked.partition_key == "2017-01-13"  # after a long weekend: Friday's
