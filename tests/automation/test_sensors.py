"""The drop folder: a session's run starts once its files are complete, whole and readable, and never twice."""

import datetime as dt
import os
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from configs.load import load
from feature_store import sessions
from quant_assets import definitions
from quant_assets.automation import sensors
from quant_resources.home import Choice, Home
from tests.support.tiny import Answer, asof, setting

FIRST, LAST = dt.date(2017, 1, 3), dt.date(2017, 1, 5)
NEXT, AFTER = sessions.shift(LAST, 1), sessions.shift(LAST, 2)
SYMBOLS = ("ACME", "BOLT", "CROW", "DUNE", "ELM")


def bars(last: dt.date, n: int = len(SYMBOLS)) -> pl.DataFrame:
    """Bars of five symbols; of the last session those of the first `n`."""
    days = sessions.between(FIRST, last)
    rows = [(s, d, 10.0, 11.0, 9.0, 10.0 + t / 10, 1000 + t) for s in SYMBOLS for t, d in enumerate(days)]
    frame = pl.DataFrame(rows, schema=["symbol", "date", "open", "high", "low", "close", "volume"], orient="row")
    return frame.filter((pl.col("date") < last) | pl.col("symbol").is_in(SYMBOLS[:n]))


def backfilled(folder: Path, *options: str) -> Answer:
    words = ("--profile", "files", "--data", folder / "drop", "--select", "market/bars", "--from", FIRST, "--to", LAST)
    return asof(folder / "home", "backfill", *words, *setting({"history.start": str(FIRST)}), *options)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that holds bars up to LAST, and its drop."""
    folder = tmp_path_factory.mktemp("sensor")
    (folder / "drop").mkdir()
    bars(LAST).write_csv(folder / "drop" / "bars.csv")
    answer = backfilled(folder)
    assert answer.code == 0, answer.out + answer.err
    return folder


@pytest.fixture
def drop(stored: Path) -> Path:
    folder = stored / "drop"
    for path in folder.iterdir():
        path.unlink()
    return folder


def home_of(folder: Path, **overrides: str) -> Home:
    home = Home(folder / "home")
    choice = home.choice()
    changed = Choice(
        choice.profile, choice.data, choice.overrides | {k.replace("__", "."): v for k, v in overrides.items()}
    )
    home.__dict__["profile"] = Home.check(changed)
    return home


def look(home: Home, cursor: str | None = None) -> dg.SensorResult:
    job = dg.define_asset_job("all_assets", selection=dg.AssetSelection.all())
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance, cursor=cursor)
        result = sensors.drop_sensor(job, home)(context)
    assert isinstance(result, dg.SensorResult)
    return result


def twice(home: Home) -> dg.SensorResult:
    """A second look at the same files."""
    return look(home, look(home).cursor)


def reason(result: dg.SensorResult) -> str:
    assert not result.run_requests
    assert result.skip_reason is not None
    return str(result.skip_reason.skip_message)


# --- known values ---------------------------------------------------------------------------------------------------


def test_a_complete_drop_requests_the_next_session_once(stored: Path, drop: Path) -> None:
    bars(NEXT).write_csv(drop / "bars.csv")
    (request,) = twice(home_of(stored)).run_requests or []
    assert request.partition_key == str(NEXT)
    (again,) = twice(home_of(stored)).run_requests or []
    assert again.run_key == request.run_key  # Dagster runs a key once
    bars(NEXT).with_columns(volume=pl.col("volume") + 1).write_csv(drop / "bars.csv")
    (mended,) = twice(home_of(stored)).run_requests or []
    assert mended.run_key != request.run_key


def test_only_files_have_the_sensor_and_it_is_off_until_someone_turns_it_on(
    stored: Path, drop: Path, stored_home: Path
) -> None:
    (sensor,) = definitions.build(home_of(stored)).sensors or []
    assert sensor.name == "drop"
    assert sensor.default_status == dg.DefaultSensorStatus.STOPPED
    assert not definitions.build(Home(stored_home)).sensors


def test_what_completes_a_drop_is_no_part_of_what_a_source_stores() -> None:
    base = load("files", data=Path())
    other = load("files", data=Path(), overrides={"vendor.drop.min_fraction": "0.5"})
    assert base.vendor.model_dump(exclude={"drop"}) == other.vendor.model_dump(exclude={"drop"})


# --- refusals -------------------------------------------------------------------------------------------------------


def test_a_file_that_still_grows_waits_for_another_look(stored: Path, drop: Path) -> None:
    home = home_of(stored)
    bars(NEXT).write_csv(drop / "bars.csv")
    first = look(home)
    assert "bars.csv changed since the last look" in reason(first)
    with (drop / "bars.csv").open("a") as file:
        file.write(f"FERN,{NEXT},1,1,1,1,1\n")
    second = look(home, first.cursor)
    assert "bars.csv changed" in reason(second)
    assert look(home, second.cursor).run_requests


def test_too_few_names_absent_and_unreadable_files_are_told(stored: Path, drop: Path) -> None:
    home = home_of(stored)
    assert "has no bars" in reason(twice(home))
    bars(LAST).write_csv(drop / "bars.csv")
    assert f"{NEXT} has bars of 0 of the 5 names of {LAST}" in reason(twice(home))
    bars(NEXT, 4).write_csv(drop / "bars.csv")
    assert "4 of the 5 names" in reason(twice(home))
    assert twice(home_of(stored, vendor__drop__min_fraction="0.8")).run_requests
    (drop / "bars.csv").unlink()
    (drop / "bars.parquet").write_bytes(b"PAR1 and then nothing")
    assert "cannot be read as Parquet" in reason(twice(home))
    bars(NEXT).drop("close").write_parquet(drop / "bars.parquet")
    assert "no column 'close'" in reason(twice(home))


def test_a_marker_counts_if_it_was_written_after_the_file_and_the_session(stored: Path, drop: Path) -> None:
    home = home_of(stored, vendor__drop__marker="true")
    bars(NEXT, 1).write_csv(drop / "bars.csv")
    assert "bars.csv.done is not there yet" in reason(twice(home))
    (drop / "bars.csv.done").touch()
    assert twice(home).run_requests  # whoever marks a file knows that one name is all
    os.utime(drop / "bars.csv.done", (0, 0))
    assert "or older than bars.csv" in reason(twice(home))


def test_a_table_that_is_requested_must_be_there(stored: Path, drop: Path) -> None:
    home = home_of(stored, vendor__drop__tables="[bars, corporate_actions]")
    bars(NEXT).write_csv(drop / "bars.csv")
    assert "no corporate_actions yet" in reason(twice(home))
    (drop / "corporate_actions.csv").write_text("symbol,ex_date,action,value\n")
    assert twice(home).run_requests


def test_a_session_that_is_not_decided_or_beyond_the_history_waits(stored: Path, drop: Path, tmp_path: Path) -> None:
    home = home_of(stored)
    early = sessions.opens_at(AFTER) - dt.timedelta(minutes=30)
    assert sensors.next_session(home, early) == (NEXT, None)
    day, wanting = sensors.next_session(home, sessions.closes_at(NEXT))
    assert day is None
    assert f"{NEXT} will be decided at" in str(wanting)
    beyond = home_of(stored, history__end=str(LAST))
    assert "history.end" in str(sensors.next_session(beyond, early)[1])
    assert "run `asof backfill`" in str(sensors.next_session(Home(tmp_path / "none"), early)[1])
