"""A panic of Polars at ingest is an error that names the file, the row and the fix."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from polars.exceptions import PanicException

from feature_store.schemas.market import BARS
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.ingest import canonical, tables
from quant_resources.vendors.ingest.panics import checked, named_failures
from tests.quant_resources.vendors.files.drops import GOOD, HEADER, MON, drop_of, parsed, quarantined, write

ROWS = pl.DataFrame({"file": ["a.csv"] * 5 + ["b.csv"] * 4, "x": range(9)})


def panics_on(*values: int) -> Callable[[pl.DataFrame], int]:
    def check(rows: pl.DataFrame) -> int:
        if set(values) <= set(rows["x"]):
            raise PanicException("index out of bounds: the len is 0")
        return rows.height

    return check


# --- known values ---------------------------------------------------------------------------------------------------


def test_two_files_with_two_bad_bars_on_one_day_are_quarantined(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", HEADER, GOOD, "A1,2017-03-06,1,1,2,1,5", "A2,2017-03-06,1,1,2,1,5")
    write(tmp_path, "b.csv", HEADER, "B1,2017-03-06,3,2,1,1.5,5", "B2,2017-03-06,1,1,2,1,5")
    drop = drop_of(tmp_path, bars=[{"file": "a"}, {"file": "b"}])
    assert sorted(rule for rule, _ in quarantined(drop, [MON])) == ["high_below_low"] * 3 + ["open_outside_range"]
    assert parsed(drop, BARS, [MON])["symbol"].to_list() == ["GOOD"]


def test_checks_see_columns_of_one_chunk_each() -> None:
    rows = pl.concat([ROWS.clear(), ROWS, ROWS.clear(), ROWS], rechunk=False)
    assert checked(rows, lambda frame: frame.n_chunks("all")) == [1, 1]


# --- refusals -------------------------------------------------------------------------------------------------------


def test_a_panic_names_the_file_and_the_row_that_makes_it() -> None:
    with pytest.raises(VendorError, match=r"b\.csv: the row .*'x': 6.*index out of bounds.*fix or remove it"):
        checked(ROWS, panics_on(6))


def test_a_panic_over_rows_together_names_their_files() -> None:
    with pytest.raises(VendorError, match=r"a\.csv, b\.csv: 9 rows cannot be read"):
        checked(ROWS, panics_on(0, 8))


@pytest.mark.parametrize("stage", ["_scan", "_known_at", "readable"])
def test_a_panic_while_a_file_is_read_names_the_file(
    tmp_path: Path, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def panic(*arguments: object) -> None:
        raise PanicException("assertion failed")

    write(tmp_path, "bars.csv", HEADER, GOOD)
    monkeypatch.setattr(tables, stage, panic)
    with pytest.raises(VendorError, match=r"bars\.csv cannot be read.*assertion failed"):
        parsed(drop_of(tmp_path), BARS, [MON])


def test_a_panic_of_the_rules_names_the_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def panic(dataset: object, rows: pl.DataFrame) -> pl.DataFrame:
        if "BAD" in rows["symbol"]:
            raise PanicException("assertion failed")
        return rows

    write(tmp_path, "bars.csv", HEADER, GOOD, GOOD.replace("GOOD", "BAD"))
    monkeypatch.setattr(canonical, "last_version", panic)
    with pytest.raises(VendorError, match=r"bars\.csv: the row .*'BAD'.*assertion failed"):
        parsed(drop_of(tmp_path), BARS, [MON])


def test_another_panic_is_named_by_where_it_happened() -> None:
    with pytest.raises(VendorError, match="drop/x cannot be read"), named_failures("drop/x"):
        raise PanicException("assertion failed")
