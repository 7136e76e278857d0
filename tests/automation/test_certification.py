"""The job of certification: its schedule, and what it makes of a night's answer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from quant_assets import definitions
from quant_assets.automation import certification
from quant_assets.automation.certification import certification_job
from quant_resources.dagster.platform import Platform
from quant_resources.home import Home

GOOD = {"dataset": "market/bars", "checked": 9, "differ": 0, "first_difference": None}
BAD = {"dataset": "alpha/combined", "checked": 9, "differ": 1, "first_difference": "2017-01-03: computed alone: other"}


def night(
    monkeypatch: pytest.MonkeyPatch, home: Path, rows: list[dict[str, Any]], drift: Sequence[dict[str, Any]] = ()
) -> dg.ExecuteInProcessResult:
    asked: dict[str, Path] = {}

    def answered(module: str, values: list[str], folder: Path) -> list[dict[str, Any]]:
        asked[module] = folder
        of_rotation = module.endswith("rotation")
        assert len(values) == of_rotation  # the run, by which sessions are drawn
        return rows if of_rotation else [*drift]

    monkeypatch.setattr(certification, "in_fresh_process", answered)
    result = certification_job.execute_in_process(
        resources={"platform": Platform(home=str(home))}, raise_on_error=False
    )
    assert asked == {f"quant_assets.operations.{name}": home for name in ("rotation", "vendor_drift")}
    return result


# -- known values ------------------------------------------------------------------------------------------------------


def test_it_ticks_at_night_and_waits_to_be_started(stored_home: Path) -> None:
    schedule = definitions.build(Home(stored_home)).get_repository_def().get_schedule_def("certification")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 1 * * *", "America/New_York")
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    assert schedule.job_name == "certification"


def test_a_night_on_which_all_agrees_succeeds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert night(monkeypatch, tmp_path, [GOOD]).success


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_night_on_which_a_session_differs_fails_and_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = night(monkeypatch, tmp_path, [GOOD, BAD])
    assert not result.success
    failure = result.filter_events(lambda event: event.is_step_failure)[0].step_failure_data
    assert "alpha/combined: 2017-01-03: computed alone" in failure.error.message


DRIFTED = {
    "dataset": "market/bars",
    "requested": 5,
    "differ": 1,
    "first_difference": "2017-01-03: close was 1 and is 2",
}


def test_a_vendor_that_says_otherwise_fails_the_night_in_which_all_is_certified(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = night(monkeypatch, tmp_path, [GOOD], [DRIFTED])
    (failed,) = result.filter_events(lambda event: event.is_step_failure)
    assert failed.step_key == "ask_vendor_again"
    assert "close was 1 and is 2" in failed.step_failure_data.error.message
