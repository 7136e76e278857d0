"""The trial ledger: counted by itself, never forgotten."""

import datetime as dt
import math
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from quant_resources.ledgers.trials import Trial, TrialLedgerError, record, trials

TRIAL = Trial("c1", "v1", "demo", dt.date(2016, 1, 4), dt.date(2017, 12, 29), 0.05, 502, -0.3, 5.5, final=False)
MORNING = dt.datetime(2018, 1, 2, 9, tzinfo=dt.UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "new" / "trials.sqlite"


# --- known values ----------------------------------------------------------------------------------------------------


def test_a_trial_is_read_back_as_it_was_recorded(ledger: Path) -> None:
    record(ledger, TRIAL, MORNING)
    (found,) = trials(ledger)
    assert found.latest == TRIAL
    assert (found.first_seen, found.last_seen) == (MORNING, MORNING)
    assert (found.evaluations, found.final_evaluations) == (1, 0)


def test_looking_again_is_no_new_trial(ledger: Path) -> None:
    later = replace(TRIAL, last_session=dt.date(2018, 3, 1), sharpe=0.04, n_observations=543, final=True)
    record(ledger, TRIAL, MORNING)
    record(ledger, later, MORNING + dt.timedelta(hours=1))
    (found,) = trials(ledger)
    assert found.latest == later
    assert (found.first_seen, found.last_seen) == (MORNING, MORNING + dt.timedelta(hours=1))
    assert (found.evaluations, found.final_evaluations) == (2, 1)


def test_another_setting_or_other_code_is_another_trial_in_the_order_first_seen(ledger: Path) -> None:
    for trial in (TRIAL, replace(TRIAL, config_hash="c0"), TRIAL, replace(TRIAL, code_version="v2")):
        record(ledger, trial)
    keys = [(found.latest.config_hash, found.latest.code_version) for found in trials(ledger)]
    assert keys == [("c1", "v1"), ("c0", "v1"), ("c1", "v2")]


def test_a_look_at_a_few_sessions_does_not_stand_for_the_trial(ledger: Path) -> None:
    again, short = replace(TRIAL, sharpe=0.06), replace(TRIAL, sharpe=None, n_observations=3)
    for trial in (TRIAL, again, short):
        record(ledger, trial)
    (found,) = trials(ledger)
    assert (found.latest, found.fullest) == (short, again)


def test_too_few_returns_for_a_sharpe_ratio_still_count_as_a_trial(ledger: Path) -> None:
    short = replace(TRIAL, sharpe=None, skewness=None, kurtosis=None, n_observations=3)
    record(ledger, short)
    assert trials(ledger)[0].latest == short


def test_where_there_is_no_ledger_there_are_no_trials_and_none_is_made(ledger: Path) -> None:
    assert trials(ledger) == []
    assert not ledger.parent.exists()


# --- properties ------------------------------------------------------------------------------------------------------


def test_reports_that_end_at_once_are_all_counted(ledger: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: record(ledger, replace(TRIAL, config_hash=f"c{i % 5}")), range(40)))
    assert sum(found.evaluations for found in trials(ledger)) == 40
    assert len(trials(ledger)) == 5


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("statement", ["DELETE FROM evaluations", "UPDATE evaluations SET sharpe = 0"])
def test_what_was_recorded_cannot_be_changed(ledger: Path, statement: str) -> None:
    record(ledger, TRIAL)
    connection = sqlite3.connect(ledger)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)
    connection.close()
    assert trials(ledger)[0].latest == TRIAL


def test_a_file_that_is_no_ledger_is_refused_and_left_alone(tmp_path: Path) -> None:
    broken = tmp_path / "trials.sqlite"
    broken.write_text("not a database, but long enough to look at" * 10)
    for look in (lambda: trials(broken), lambda: record(broken, TRIAL)):
        with pytest.raises(TrialLedgerError, match="backup"):
            look()
    assert broken.read_text().startswith("not a database")


@pytest.mark.parametrize(
    "wrong",
    [
        {"config_hash": ""},
        {"code_version": ""},
        {"first_session": dt.date(2019, 1, 2)},
        {"n_observations": -1},
        {"sharpe": math.nan},
        {"kurtosis": math.inf},
    ],
)
def test_a_trial_that_cannot_be_is_refused(ledger: Path, wrong: dict) -> None:
    with pytest.raises(ValueError, match="a trial "):
        record(ledger, replace(TRIAL, **wrong))
    assert not ledger.exists()
