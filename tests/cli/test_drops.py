"""A user's own files from end to end: good drops become orders, bad ones are rejected or quarantined."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from feature_store import sessions
from tests.cli.homes import ALL, generations, main_account, store_of
from tests.support.tiny import FIRST, LAST, SHORT, asof, copy_of, setting

# -- refusals: drops of files ------------------------------------------------------------------------------------------

SYMBOLS = ("ACME", "BOLT", "CROW", "DUNE", "ELM")
GOOD_UNTIL, BAD = LAST, sessions.shift(LAST, 1)


def drop(last: dt.date) -> pl.DataFrame:
    """Bars of five made-up symbols, as a user would export them; no two move alike."""
    days = sessions.between(FIRST, last)
    rows = []
    for i, symbol in enumerate(SYMBOLS):
        close = 20.0 + 10 * i
        for t, day in enumerate(days):
            before, close = close, close * (1 + 0.01 * (((7 * t + 3 * i) * (t + i + 1)) % 9 - 4) / 4 + 0.001)
            rows.append((symbol, day, before, max(before, close) * 1.01, min(before, close) * 0.99, close, 900_000 + t))
    return pl.DataFrame(rows, schema=["symbol", "date", "open", "high", "low", "close", "volume"], orient="row")


@pytest.fixture(scope="module")
def own_prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home on five symbols from CSV, stored to the end by the command of docs/bring_your_own_prices.md."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "my_prices").mkdir()
    drop(GOOD_UNTIL).write_csv(folder / "my_prices" / "bars.csv")
    answer = asof(
        folder / "home", "backfill", "--profile", "files", "--data", folder / "my_prices",
        *setting(SHORT | {"history.start": str(FIRST)}), "--to", GOOD_UNTIL,
    )  # fmt: skip
    assert answer.code == 0, answer.out
    return folder


def test_five_symbols_from_a_csv_become_orders_and_money(own_prices: Path) -> None:
    store = store_of(own_prices / "home")
    assert store.read("market/universe", LAST, first=LAST)["symbol"].to_list() == list(SYMBOLS)
    assert store.read("execution/orders", LAST).height > 0
    account = main_account(store)
    assert account["event_date"].to_list() == ALL
    assert account["n_positions"][-1] > 0
    assert account["status"][-1] == "optimal"


def corrupt(folder: Path) -> None:
    (folder / "bars.parquet").write_bytes(b"PAR1 this is no Parquet file PAR1")


def changed(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        change(drop(BAD)).write_csv(folder / "bars.csv")

    return write


ACME = (pl.col("symbol") == "ACME") & (pl.col("date") == BAD)
FUTURE = sessions.shift(BAD, 5)


@pytest.mark.parametrize(("spoil", "said"), [
    pytest.param(corrupt, ["bars.parquet", "cannot be read as Parquet", "export it again"], id="corrupt Parquet"),
    pytest.param(changed(lambda f: f.drop("close")), ["bars.csv", "no column 'close'", "Rename"], id="missing column"),
    pytest.param(changed(lambda f: f.cast({"date": pl.String}).with_columns(
                     date=pl.when(pl.col("date") == str(BAD)).then(pl.lit("24/01/2017")).otherwise("date"))),
                 ["bars.csv", "24/01/2017", "YYYY-MM-DD"], id="date of another form"),
])  # fmt: skip
def test_a_bad_drop_is_rejected_and_what_was_stored_stays(
    own_prices: Path, spoil: Callable[[Path], None], said: list[str]
) -> None:
    home, data = own_prices / "home", own_prices / "my_prices"
    before = generations(home)
    words = ("backfill", "--select", "market/bars", "--from", BAD, "--to", BAD)
    try:
        spoil(data)
        answer = asof(home, *words)
    finally:
        (data / "bars.parquet").unlink(missing_ok=True)
        drop(GOOD_UNTIL).write_csv(data / "bars.csv")
    lines = [text for text in answer.out.splitlines() if text.startswith("failed: ")]
    assert answer.code == 1
    assert {line.split(": ")[1] for line in lines} == {"market/bars", "market/quarantine"}
    assert all(part in line for part in said for line in lines), lines
    assert generations(home) == before
    assert asof(home, "read", "market/bars", "--as-of", LAST).code == 0


@pytest.mark.parametrize(("change", "said", "stored"), [
    pytest.param(lambda f: f.with_columns(low=pl.when(ACME).then(-1.0).otherwise("low")),
                 [f"ACME {BAD}", "low -1.0", "fix it"], SYMBOLS[1:], id="negative price"),
    pytest.param(lambda f: pl.concat([f, f.filter(ACME)]),
                 [f"ACME {BAD}", "stands more than once", "keep one"], SYMBOLS, id="duplicate row"),
    pytest.param(lambda f: pl.concat([f, f.filter(ACME).with_columns(pl.col("close") * 0.999)]),
                 [f"ACME {BAD}", "contradicts another row", "keep one"], SYMBOLS[1:], id="conflicting rows"),
    pytest.param(lambda f: f.with_columns(known_at=pl.col("date")).with_columns(
                     date=pl.when(ACME).then(FUTURE).otherwise("date")),
                 [f"ACME {FUTURE}", "a future date", "fix the date"], SYMBOLS[1:], id="future date"),
])  # fmt: skip
def test_a_bad_row_is_kept_out_by_name_the_good_ones_are_stored_and_a_repaired_drop_makes_all_well(
    own_prices: Path, tmp_path: Path, change: Callable[[pl.DataFrame], pl.DataFrame], said: list[str],
    stored: tuple[str, ...],
) -> None:  # fmt: skip
    home, data = copy_of(own_prices / "home", tmp_path), own_prices / "my_prices"
    before = generations(home)
    words = ("backfill", "--select", "market/bars", "--from", BAD, "--to", BAD)
    try:
        changed(change)(data)
        answer = asof(home, *words)
        after = generations(home)
        again = asof(home, *words)
        drop(BAD).write_csv(data / "bars.csv")
        mended = asof(home, *words)
    finally:
        drop(GOOD_UNTIL).write_csv(data / "bars.csv")
    (line,) = (text for text in answer.out.splitlines() if text.startswith("check "))
    assert answer.code == again.code == 1  # a repeated run does not make it good
    assert line.startswith("check within_tolerance of market/quarantine fails: ")
    assert all(part in line for part in ["bars.csv", *said]), line
    assert {name: rows for name, rows in after.items() if rows != before[name]}.keys() == {
        "market/bars", "market/quarantine"
    }  # fmt: skip
    assert after["market/bars"][:-1] == before["market/bars"]
    assert mended.code == 0, mended.out
    assert store_of(home).read("market/bars", BAD, first=BAD)["symbol"].to_list() == list(SYMBOLS)
    first = store_of(home).history("market/bars", BAD)[0]
    assert first.rows == len(stored)


def test_more_tolerance_makes_a_failed_session_pass(own_prices: Path, tmp_path: Path) -> None:
    home, data = copy_of(own_prices / "home", tmp_path), own_prices / "my_prices"
    words = ("backfill", "--select", "market/quarantine", "--from", BAD, "--to", BAD)
    try:
        changed(lambda f: pl.concat([f, f.filter(ACME)]))(data)
        assert asof(home, *words).code == 1
        assert asof(home, *words, "--set", "quality.quarantine_tolerance=1").code == 0
    finally:
        drop(GOOD_UNTIL).write_csv(data / "bars.csv")


def test_the_next_good_drop_is_stored_as_if_nothing_had_happened(own_prices: Path, tmp_path: Path) -> None:
    home = copy_of(own_prices / "home", tmp_path)
    drop(BAD).write_csv(own_prices / "my_prices" / "bars.csv")
    words = ("--select", "market/universe", "--from", BAD, "--to", BAD)
    assert asof(home, "backfill", *words).code == 0
    assert store_of(home).read("market/bars", BAD, first=BAD)["symbol"].to_list() == list(SYMBOLS)
    assert store_of(home).sessions("market/universe") == [*ALL, BAD]
