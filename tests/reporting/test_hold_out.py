"""Results of the hold-out are read by no way without `--final`, and each look with it is counted."""

import datetime as dt
import json
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
import yaml

import asof
from feature_store import sessions
from feature_store.describing import NewPartition, Provenance
from feature_store.schemas.backtest import ATTRIBUTION, PNL
from feature_store.schemas.catalogue import DATASETS
from feature_store.schemas.execution import EQUAL_WEIGHT_BOOK, ORDERS, SHUFFLED_BOOK
from feature_store.schemas.features import FORWARD_RETURNS, LABELS
from feature_store.schemas.market import MACRO
from quant_assets.engine.dagster_asset import _metadata
from quant_assets.engine.runner import Outcome
from quant_assets.reporting.errors import ReportError
from quant_assets.reporting.hold_out import is_guarded
from quant_resources.home import Home
from quant_resources.ledgers.trials import trials
from tests.support import tiny

DAYS = sessions.between(dt.date(2017, 3, 1), dt.date(2017, 3, 10))
BEGIN = DAYS[4]
LAST = str(DAYS[-1])
NAME = ATTRIBUTION.name


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two small datasets, of which the second half is held out."""
    folder = tmp_path_factory.mktemp("held")
    overrides = {"history.hold_out": str(BEGIN)}
    (folder / "asof.yaml").write_text(yaml.safe_dump({"profile": "demo", "data": None, "overrides": overrides}))
    store = Home(folder).open_store()
    for dataset, rows in ((ATTRIBUTION, attributed), (MACRO, observed)):
        store.write(dataset, [NewPartition(day, rows(day), Provenance("f", {"code": "c"})) for day in DAYS])
    return folder


@pytest.fixture
def home(held: Path, tmp_path: Path) -> Path:
    return tiny.copy_of(held, tmp_path)


def attributed(day: dt.date) -> pl.DataFrame:
    row = {"event_date": day, "source": "market", "pnl_usd": 1.0, "exposure": 1.0, "nav_usd": 100.0}
    return stamped(row, ATTRIBUTION.schema, day)


def observed(day: dt.date) -> pl.DataFrame:
    return stamped({"event_date": day, "series": "DFF", "value": 1.0}, MACRO.schema, day)


def stamped(row: dict[str, object], schema: dict[str, pl.DataType], day: dt.date) -> pl.DataFrame:
    known = dt.datetime.combine(day, dt.time(23), dt.UTC)
    return pl.DataFrame([row | {"known_at": known}], schema=schema)


def looks(home: Path) -> int:
    return sum(one.final_evaluations for one in trials(home / "trials.sqlite"))


def shown(home: Path, *words: object) -> list[str]:
    answer = tiny.asof(home, "read", NAME, "--as-of", LAST, "--json", *words)
    assert answer.code == 0, answer.err
    return [row["event_date"] for row in json.loads(answer.out)]


# --- known values ---------------------------------------------------------------------------------------------------


def test_results_are_guarded_and_daily_assets_are_not() -> None:
    guarded = {name for name, dataset in DATASETS.items() if is_guarded(dataset)}
    assert guarded == {
        PNL.name, NAME, FORWARD_RETURNS.name, LABELS.name, "execution/book", EQUAL_WEIGHT_BOOK.name, SHUFFLED_BOOK.name,
    }  # fmt: skip
    assert not is_guarded(ORDERS)


def test_a_read_that_ends_before_the_hold_out_is_answered(home: Path) -> None:
    assert shown(home, "--to", DAYS[3]) == [str(day) for day in DAYS[:4]]
    assert asof.open(home).read(NAME, LAST, last=DAYS[3]).height == 4
    assert asof.open(home).read(NAME, DAYS[3]).height == 4
    assert looks(home) == 0


def test_what_is_decided_from_day_to_day_is_answered(home: Path) -> None:
    assert asof.open(home).read(MACRO.name, LAST).height == len(DAYS)
    assert looks(home) == 0


def test_each_look_with_final_is_answered_and_counted(home: Path) -> None:
    assert shown(home, "--final") == [str(day) for day in DAYS]
    assert looks(home) == 1
    assert asof.open(home).read(NAME, LAST, final=True).height == len(DAYS)
    assert looks(home) == 2
    answer = tiny.asof(home, "sql", f"SELECT count(*) AS n FROM {NAME.replace('/', '.')}", "--json", "--final")
    assert json.loads(answer.out) == [{"n": len(DAYS)}]
    assert looks(home) == 3


def test_views_and_macros_of_sql_end_before_the_hold_out(home: Path) -> None:
    for rows in ("backtest.attribution", "backtest_attribution(now())"):
        answer = tiny.asof(home, "sql", f"SELECT max(session) AS last, count(*) AS n FROM {rows}", "--json")
        assert json.loads(answer.out) == [{"last": str(DAYS[3]), "n": 4}]
        assert f"{NAME} end with {DAYS[3]}, before the hold-out; --final" in answer.err
    answer = tiny.asof(home, "sql", "SELECT count(*) AS n FROM market.macro", "--json")
    assert json.loads(answer.out) == [{"n": len(DAYS)}]
    wanted = f"CREATE TABLE wanted AS SELECT DATE '{DAYS[6]}' AS session, 'market' AS source; "
    answer = tiny.asof(home, "sql", wanted + "SELECT pnl_usd FROM backtest_attribution_at('wanted')", "--json")
    assert json.loads(answer.out) == [{"pnl_usd": None}]
    assert looks(home) == 0


def test_the_ui_plots_nothing_that_was_earned_on_a_session_that_is_held_out(held: Path) -> None:
    home = Home(held)
    partitions = home.open_store().partitions(ATTRIBUTION, DAYS[0], DAYS[-1])
    runner = SimpleNamespace(profile=home.profile)
    shown = [_metadata(runner, Outcome(p.session, p, False, 1.0, {"nav_usd": 1.0})) for p in partitions]
    assert ["nav_usd" in values for values in shown] == [True] * 4 + [False] * 4


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [(), ("--to", LAST), ("--from", str(BEGIN)), ("--from", LAST, "--to", LAST)])
def test_the_command_reads_no_results_of_the_hold_out(home: Path, options: tuple[str, ...]) -> None:
    answer = tiny.asof(home, "read", NAME, "--as-of", LAST, "--json", *options)
    assert answer.code == 2
    assert answer.out == ""
    assert f"{NAME} from {BEGIN} on is the hold-out; end before it (--to {DAYS[3]}" in answer.err
    assert looks(home) == 0


@pytest.mark.parametrize(
    "query",
    ["SELECT * FROM read_parquet('{}')", "SELECT * FROM '{}'", "CREATE TABLE t AS FROM \"read_parquet\" (['{}'])",
     "SELECT * FROM market.macro, (FROM parquet_scan('{}'))"],
)  # fmt: skip
def test_sql_reads_no_file_of_results_by_its_path(home: Path, query: str) -> None:
    path = home / "store" / NAME / "v1" / "*" / "*.parquet"
    answer = tiny.asof(home, "sql", query.format(path), "--json")
    assert (answer.code, answer.out) == (2, "")
    assert "pass --final" in answer.err
    assert tiny.asof(home, "sql", f"SELECT count(*) AS n FROM read_parquet('{path}')", "--json", "--final").code == 0


def test_the_library_reads_no_results_of_the_hold_out(home: Path) -> None:
    for store in (asof.open(home), asof.open(home / "store")):
        with pytest.raises(ReportError, match="is the hold-out"):
            store.read(NAME, LAST)
        rows = pl.DataFrame({"session": [DAYS[6]], "source": ["market"]})
        with pytest.raises(ReportError, match="is the hold-out"):
            store.training_set(rows, {}, {NAME: ["pnl_usd"]}, LAST)
    assert looks(home) == 0


def test_a_look_that_cannot_be_counted_is_not_answered(home: Path) -> None:
    (home / "trials.sqlite").write_bytes(b"no database, and long enough to be seen as none" * 100)
    answer = tiny.asof(home, "read", NAME, "--as-of", LAST, "--final")
    assert answer.code == 2
    assert "the trial ledger" in answer.err
