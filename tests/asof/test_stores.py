"""Opening what is stored: never a new store, and values as they were known."""

import datetime as dt
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import asof
from feature_store.errors import StoreError
from tests.support.tiny import LAST

BARS = "market/bars"

# -- known values ------------------------------------------------------------------------------------------------------


def test_a_home_and_its_store_are_the_same(stored_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASOF_HOME", str(stored_home))
    for store in (asof.open(stored_home), asof.open(str(stored_home / "store")), asof.open()):
        assert repr(store) == f"asof.open('{stored_home}')"
        assert store.profile.name == "demo"
        assert store.sessions(BARS)[-1] == LAST


def test_rows_are_those_of_the_store_whatever_dates_are_written_as(stored_home: Path) -> None:
    store = asof.open(stored_home)
    expected = store.store.read(BARS, LAST, LAST, LAST, ["close"])
    for day in (str(LAST), LAST, pd.Timestamp(LAST)):
        assert_frame_equal(store.read(BARS, day, day, day, ["close"]), expected)
    decided = store.store.clock.decision_time(LAST)
    assert_frame_equal(store.read(BARS, decided.isoformat(), LAST, LAST, ["close"]), expected)
    pandas = store.read(BARS, LAST, LAST, columns=["close"]).to_pandas()
    assert_frame_equal(pl.from_pandas(pandas).cast(expected.schema), expected)


def test_what_is_stored_is_listed_with_its_columns(stored_home: Path) -> None:
    store = asof.open(stored_home)
    listed = store.datasets().filter(dataset=BARS).row(0, named=True)
    assert (listed["last"], listed["sessions"]) == (LAST, len(store.sessions(BARS)))
    columns = store.columns(BARS)
    assert columns["column"].to_list()[:3] == ["symbol", "open", "high"]
    assert columns.filter(column="close").row(0, named=True)["unit"] == "USD"


def test_a_training_set_takes_frames_of_pandas_and_dates_as_text(stored_home: Path) -> None:
    store = asof.open(stored_home)
    rows = store.read("market/universe", LAST, LAST, columns=[]).select("symbol", session="event_date")
    columns = ({"features/stock_features": ["return_1"]}, {"features/labels": ["label_log"]})
    expected = store.store.training_set(rows, *columns, LAST)
    as_text = rows.with_columns(pl.col("session").cast(pl.String)).to_pandas()
    for frame in (rows, rows.to_pandas(), as_text):
        training = store.training_set(frame, *columns, as_of=str(LAST))
        assert_frame_equal(training.select(expected.columns), expected)


def test_a_store_by_itself_opens_without_settings(stored_home: Path, tmp_path: Path) -> None:
    alone = tmp_path / "archive"
    (alone.parent).mkdir(exist_ok=True)
    alone.symlink_to(stored_home / "store")
    store = asof.open(alone)
    assert store.read(BARS, LAST, LAST).height > 0
    with pytest.raises(StoreError, match="is a store without the settings that made it; open the folder of its home"):
        store.profile  # noqa: B018


# -- properties --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("files", [[], ["prices.csv"], [f"file_{i}" for i in range(9)]])
def test_opening_what_is_no_store_leaves_the_folder_as_it_was(tmp_path: Path, files: list[str]) -> None:
    for name in files:
        (tmp_path / name).touch()
    with pytest.raises(StoreError, match=f"{tmp_path} holds no store"):
        asof.open(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(files)


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_path_without_a_store_says_what_is_there_and_what_to_do(stored_home: Path, tmp_path: Path) -> None:
    file, empty, drop, new = (tmp_path / name for name in ("file", "empty", "drop", "new"))
    file.touch()
    for folder in (empty, drop, new):
        folder.mkdir()
    (drop / "bars.csv").touch()
    (new / "asof.yaml").write_text("profile: demo\n")
    for path, message in (
        (tmp_path / "none", "there is no such folder; `ASOF_HOME=.* asof demo` makes one"),
        (file, "it is a file; pass the folder of a home"),
        (empty, "the folder is empty; `ASOF_HOME"),
        (drop, "it holds bars.csv; `ASOF_HOME"),
        (new, "a home in which nothing was stored yet; run `ASOF_HOME=.* asof backfill`"),
        (stored_home.parent, f"but there is one at {stored_home}; pass that"),
        (stored_home / "store" / "market", f"but there is one at {stored_home / 'store'}; pass that"),
    ):
        with pytest.raises(StoreError, match=message):
            asof.open(path)


def test_dates_and_datasets_that_there_are_not_are_rejected(stored_home: Path) -> None:
    store = asof.open(stored_home)
    with pytest.raises(ValueError, match="as_of is 'today', not a day"):
        store.read(BARS, "today")
    with pytest.raises(ValueError, match=r"first is .*, a moment; pass a day"):
        store.read(BARS, LAST, dt.datetime(2017, 1, 20, 12, tzinfo=dt.UTC))
    with pytest.raises(StoreError, match="no dataset 'market/bar'; there are"):
        store.read("market/bar", LAST)
    with pytest.raises(ValueError, match="rows: column session is String, expected days"):
        store.training_set(pl.DataFrame({"session": ["x"], "symbol": ["S"]}), BARS, "features/labels", LAST)
    with pytest.raises(TypeError, match="rows is of type list"):
        store.training_set([], BARS, "features/labels", LAST)
