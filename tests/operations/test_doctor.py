"""`asof doctor`: what it finds, and what it says to do."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from feature_store.numeric_platform import in_force
from quant_assets.operations import doctor
from quant_assets.operations.doctor import Finding, findings, free_disk, of_platform, of_store
from quant_resources.home import Choice, Home
from tests.support.tiny import asof

ARM = replace(in_force(), machine="aarch64", reaches_target=False, numpy="ASIMDDP")
LATE = replace(in_force(), reaches_target=True, numpy="X86_V3+X86_V4")


def wrong(home: Home) -> dict[str, str]:
    """What is wrong, and what to do, by name."""
    return {f.what: f.advice for f in findings(home, in_force()) if f.wrong}


# -- known values ------------------------------------------------------------------------------------------------------


def test_a_stored_home_is_well(stored_home: Path) -> None:
    answer = asof(stored_home, "doctor", "--json")
    rows = {row["what"]: row for row in json.loads(answer.out)}
    assert answer.code == 0, [row for row in rows.values() if row["wrong"]]
    assert rows["home"]["value"] == str(stored_home)
    assert rows["profile"]["value"] == "demo, history from 2016-12-01"
    assert rows["store"]["value"].endswith("datasets")
    assert rows["dagster"]["value"].endswith("BatchedSqliteEventLogStorage")
    assert rows["platform"]["value"] == dict(in_force().describe())["platform"]
    assert "stored on another platform" not in rows
    assert {"numpy", "scipy", "polars", "numba", "clarabel", "threads", "free disk"} <= rows.keys()


def test_a_home_that_is_not_there_yet_is_no_fault(tmp_path: Path) -> None:
    answer = asof(tmp_path / "none", "doctor")
    assert answer.code == 0
    assert "asof demo" in answer.out


# -- properties --------------------------------------------------------------------------------------------------------


def test_whatever_is_wrong_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LIBRARIES", ("numpy", "no-such-library"))
    monkeypatch.setattr(doctor, "LOW_GB", 1e9)
    home = Home(tmp_path)
    home.remember(Choice(profile="demo", overrides={"no.such": "1"}))
    found = {f.what: f for f in findings(home, LATE) if f.wrong}
    assert found.keys() == {"platform", "no-such-library", "profile", "free disk"}
    assert all(f.advice for f in found.values())


def test_a_platform_that_cannot_be_pinned_is_reported_and_is_no_fault() -> None:
    first = next(of_platform(ARM))
    assert (first.value, first.wrong) == ("not pinned, aarch64", False)
    assert "within rounding" in first.advice


def test_sessions_stored_on_another_platform_are_counted(stored_home: Path) -> None:
    found = list(of_store(Home(stored_home).open_store(), ARM))
    (other,) = [f for f in found if f.what == "stored on another platform"]
    assert other.value.startswith(in_force().identity)
    assert "asof refresh" in other.advice


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_kernels_that_are_not_in_force_are_wrong_with_the_fix() -> None:
    first = next(of_platform(LATE))
    assert first.wrong
    assert "import feature_store before numpy" in first.advice


def test_a_store_of_a_newer_version_ends_with_1(home: Path) -> None:
    (home / "store" / "store.json").write_text('{"format": 999}')
    answer = asof(home, "doctor", "--json")
    assert answer.code == 1
    (store,) = [row for row in json.loads(answer.out) if row["what"] == "store"]
    assert "upgrade asof" in store["advice"]


def test_a_full_disk_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert free_disk(Home(tmp_path / "not" / "there")).value.endswith(f"GB at {tmp_path}")
    monkeypatch.setattr(doctor, "LOW_GB", 1e9)
    assert free_disk(Home(tmp_path)).wrong


def test_an_event_storage_that_is_not_ours_is_reported(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.dagster_home.mkdir()
    (home.dagster_home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    (found,) = [f for f in findings(home, in_force()) if f.what == "dagster"]
    assert found == Finding("dagster", found.value, wrong=False, advice=found.advice)
    assert "event_log_storage" in found.advice
