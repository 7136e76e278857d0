"""The store in SQL: views, macros, the resource of Dagster, and `asof sql`, which writes nothing."""

import io
import json
import sys
from pathlib import Path
from unittest.mock import patch

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from feature_store.catalog import connect, macro_name, ready_query, view_name
from feature_store.dataset import Dataset
from feature_store.schemas.catalogue import DATASETS
from feature_store.store import Store
from quant_assets import definitions
from quant_assets.graph import core_assets
from quant_assets.operations.sql import columns
from quant_resources.dagster.duckdb import Catalogue
from quant_resources.home import Home
from tests.support.tiny import FIRST, LAST, Answer, asof, copy_of

BARS = DATASETS["market/bars"]
ORDERED = "ORDER BY event_date, symbol, known_at"


class Terminal(io.StringIO):
    """What a person types."""

    def isatty(self) -> bool:
        return True


def typed(home: Path, text: str, *words: object, terminal: bool = True) -> Answer:
    with patch.object(sys, "stdin", Terminal(text) if terminal else io.StringIO(text)):
        return asof(home, "sql", *words)


def answered(home: Path, query: str, *words: object) -> list[dict[str, object]]:
    answer = asof(home, "sql", query, "--json", *words)
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


def files_of(home: Path) -> dict[str, tuple[int, int]]:
    """Every file with size and time of its last change; locks and SQLite's own log move by reading."""
    files = [path for path in home.rglob("*") if path.is_file() and path.parent.name != "_locks"]
    return {
        str(path.relative_to(home)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in files
        if not path.name.startswith("index.sqlite")
    }


# -- known values ------------------------------------------------------------------------------------------------------


def test_a_view_has_every_version_with_its_session(stored_home: Path) -> None:
    store = Store(stored_home / "store")
    with connect(store, [BARS]) as duck:
        shown = pl.DataFrame(duck.sql(f"SELECT * FROM market.bars {ORDERED}").to_arrow_table())
    stored = store.versions(BARS, FIRST, LAST)
    assert shown.filter(pl.len().over("event_date", "symbol") > 1).height > 0
    assert_frame_equal(shown, stored.select(shown.columns).sort("event_date", "symbol", "known_at"))


def test_as_of_a_date_plain_names_show_what_was_known_at_its_decision(stored_home: Path) -> None:
    store = Store(stored_home / "store")
    day = store.sessions(BARS)[10]
    rows = answered(stored_home, "SELECT event_date, symbol, close FROM market.bars", "--as-of", day)
    known = store.read(BARS, day, columns=["event_date", "symbol", "close"])
    shown = {(row["event_date"], row["symbol"]): row["close"] for row in rows}
    assert shown == {(str(d), symbol): close for d, symbol, close in known.rows()}
    assert len(rows) < len(answered(stored_home, "SELECT 1 FROM market.bars"))


def test_people_see_the_first_rows_and_that_there_are_more(stored_home: Path) -> None:
    answer = asof(stored_home, "sql", "SELECT range AS n FROM range(5)", "--rows", 3)
    assert (answer.code, answer.out.count("│ ")) == (0, 3)
    assert "the first 3 rows" in answer.out
    assert "the first" not in asof(stored_home, "sql", "SELECT range AS n FROM range(5)", "--rows", 5).out


def test_programs_get_all_rows_a_line_a_query_and_null_for_what_json_has_no_number_for(stored_home: Path) -> None:
    answer = asof(stored_home, "sql", "--json", "SELECT sum(range) AS s FROM range(4); SELECT 'nan'::DOUBLE AS x")
    assert [json.loads(line) for line in answer.out.splitlines()] == [[{"s": 6}], [{"x": None}]]


def test_statements_come_from_a_file_or_a_pipe_too_and_may_make_tables_in_memory(
    stored_home: Path, tmp_path: Path
) -> None:
    symbol = answered(stored_home, "SELECT min(symbol) AS symbol FROM market.bars")[0]["symbol"]
    text = (
        f"CREATE TABLE wanted AS SELECT DATE '{LAST}' AS session, '{symbol}' AS symbol; "
        "SELECT session, symbol, known_at FROM market_bars_at('wanted')"
    )
    (tmp_path / "query.sql").write_text(text)
    piped = typed(stored_home, text, "--json", terminal=False)
    read = asof(stored_home, "sql", "--file", tmp_path / "query.sql", "--json")
    assert piped.out == read.out
    assert [(row["session"], row["symbol"]) for row in json.loads(piped.out)] == [(str(LAST), symbol)]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_rows_of_a_query_go_into_a_file(stored_home: Path, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"closes.{ending}"
    answer = asof(stored_home, "sql", f"SELECT symbol, close FROM market.bars {ORDERED}", "--output", path)
    written = pl.read_csv(path) if ending == "csv" else pl.read_parquet(path)
    stored = Store(stored_home / "store").versions(BARS, FIRST, LAST).sort("event_date", "symbol", "known_at")
    assert f"{stored.height} rows" in answer.out
    assert written.rows() == stored.select("symbol", "close").rows()


def test_on_a_terminal_it_is_a_shell_that_outlives_errors(stored_home: Path) -> None:
    lines = [".tables", ".schema market.bars", "SELECT ';' AS mark,", "41 + 1 AS n;", "selec;", ".nothing", "SELECT 7;"]
    answer = typed(stored_home, "\n".join([*lines, ".quit", "SELECT 'unread';"]))
    assert answer.code == 0, answer.err
    assert f"{len(DATASETS)} datasets" in answer.out
    assert 'syntax error at or near "selec"' in answer.out
    assert ".nothing: .tables" in answer.out
    assert all(shown in answer.out for shown in ("market.bars", "first trade", "mark", "42", "7"))
    assert "unread" not in answer.out
    assert typed(stored_home, "SELECT 8").code == 0  # the end of the input ends it


def test_anyones_asset_reads_the_store_by_the_resource(stored_home: Path) -> None:
    @dg.asset
    def closes(catalogue: Catalogue) -> int:
        with catalogue.get_connection() as connection:
            ((count,),) = connection.sql("SELECT count(*) FROM market_bars(now())").fetchall()
        return count

    resources = definitions.build(Home(stored_home)).resources
    with dg.DagsterInstance.ephemeral() as instance:  # left open, its folder is removed with a warning
        result = dg.materialize([closes], resources={"catalogue": resources["catalogue"]}, instance=instance)
    assert result.output_for_node("closes") == Store(stored_home / "store").read(BARS, LAST).height


def test_every_asset_shows_a_query_that_runs(stored_home: Path) -> None:
    specs = definitions.build(Home(stored_home)).resolve_all_asset_specs()
    shown = {spec.key.to_user_string(): spec.metadata["sql"].value for spec in specs}
    assert sorted(shown) == sorted(asset.name for asset in core_assets())
    with Catalogue(home=str(stored_home)).get_connection() as connection:
        for name, text in shown.items():
            query = ready_query(DATASETS[name])
            assert query in text
            last = Store(stored_home / "store").read(name, LAST)
            assert len(connection.sql(query).fetchall()) == min(100, last.height)


# -- properties --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_the_schema_that_is_shown_is_that_of_the_view(stored_home: Path, dataset: Dataset) -> None:
    with connect(Store(stored_home / "store"), [dataset]) as duck:
        described = duck.sql(f"DESCRIBE {view_name(dataset)}").fetchall()
    for name in (dataset.name, view_name(dataset), macro_name(dataset)):
        assert [column for column, *_ in columns(name)] == [row[0] for row in described]


def test_what_an_asset_makes_is_gone_with_its_connection(stored_home: Path) -> None:
    before = files_of(stored_home)
    catalogue = Catalogue(home=str(stored_home))
    with catalogue.get_connection() as connection:
        connection.execute("CREATE TABLE made AS SELECT * FROM market.bars; DROP VIEW market.bars")
    with catalogue.get_connection() as connection:
        assert connection.sql("SELECT 1 FROM market.bars").fetchall()
        with pytest.raises(Exception, match="made does not exist"):
            connection.sql("SELECT * FROM made").fetchall()
    assert files_of(stored_home) == before


# -- refusals ----------------------------------------------------------------------------------------------------------

WRITING = [
    "COPY (SELECT 1) TO '{}'",
    "COPY (PIVOT (SELECT 1 AS a, 2 AS b) ON a USING sum(b)) TO '{}'",
    "WITH x AS (COPY (SELECT 1) TO '{}') SELECT * FROM x",
    "CREATE TABLE y AS WITH x AS (COPY (SELECT 1) TO '{}') SELECT * FROM x",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{}'",
    "EXPLAIN ANALYZE WITH x AS (COPY (SELECT 1) TO '{}') SELECT * FROM x",
    "PREPARE p AS COPY (SELECT 1) TO '{}'; EXECUTE p",
    "FROM json_execute_serialized_sql(json_serialize_sql('WITH x AS (COPY (SELECT 1) TO ''{}'') FROM x'))",
    "FROM query('FROM json_execute_serialized_sql(json_serialize_sql(''SELECT 1''))')",
    "ATTACH '{}' AS other",
    "EXPORT DATABASE '{}'",
    "SET enable_external_access = true",
    "CALL enable_logging(storage = 'file', storage_path = '{}')",
    "SELECT * FROM enable_profiling(save_location = '{}')",
]


@pytest.fixture(scope="module")
def own_home(stored_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy for those that try to change it and may not."""
    return copy_of(stored_home, tmp_path_factory.mktemp("sql"))


@pytest.mark.parametrize("query", WRITING)
@pytest.mark.parametrize("place", ["store/market/bars/new.parquet", "beside.parquet"])
def test_no_statement_writes_a_file(own_home: Path, query: str, place: str) -> None:
    before = files_of(own_home)
    answer = asof(own_home, "sql", query.format(own_home / place))
    assert (answer.code, answer.out) == (2, "")
    assert len(answer.err.splitlines()) == 1
    assert files_of(own_home) == before
    assert not (own_home / place).exists()


def test_a_stored_file_is_not_written_over(own_home: Path) -> None:
    before = files_of(own_home)
    (path, *_) = sorted((own_home / "store/market/bars").rglob("*.parquet"))
    assert asof(own_home, "sql", f"WITH x AS (COPY (SELECT 1) TO '{path}') FROM x").code == 2
    assert asof(own_home, "sql", "SELECT 1", "--output", path).code == 2
    assert files_of(own_home) == before


def test_no_other_file_of_the_machine_is_read(own_home: Path) -> None:
    (own_home / "secret.csv").write_text("a\n1\n")
    answer = asof(own_home, "sql", f"SELECT * FROM read_csv('{own_home}/store/../secret.csv')")
    assert answer.code == 2
    assert "disabled by configuration" in answer.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["SELECT x FROM market.bars"], 'asof: Binder Error: Referenced column "x" not found'),
        (["SELEC 1"], "asof: Parser Error: syntax error"),
        (["SELECT * FROM market.barz"], "stored: market.adjusted_bars"),
        (["SELECT * FROM nothing"], "stored: alpha.combined"),
        (["SELECT 'a'::INT"], "asof: Conversion Error"),
        (["SELECT 1", "--file", "some.sql"], "asof: give a query or --file, not both"),
        (["--file", "not-there.sql"], "not-there.sql"),
        (["SELECT 1 AS a, 2 AS a", "--json"], "asof: columns named twice: a"),
        (["SELECT 1; SELECT 2", "--output", "two.csv"], "asof: --output takes the rows of one query; there are 2"),
        (["SELECT 1", "--output", "one.xlsx"], "the name must end in .csv or .parquet"),
        (["SELECT 1", "--output", "not-there/one.csv"], "not-there"),
        (["SELECT [1] AS l", "--output", "list.csv"], "list.csv: "),
        (["SELECT 1", "--as-of", "tomorrow"], "'tomorrow' is not a date"),
    ],
)
def test_what_cannot_be_answered_is_one_line(stored_home: Path, tmp_path: Path, words: list[str], told: str) -> None:
    paths = [str(tmp_path / word) if word.endswith((".csv", ".xlsx", ".sql")) else word for word in words]
    answer = asof(stored_home, "sql", *paths)
    assert answer.code == 2
    assert told in answer.err
    assert len(answer.err.splitlines()) == 1


def test_a_dataset_that_is_not_stored_has_no_view_and_is_named(tmp_path: Path) -> None:
    Home(tmp_path).open_store()
    for name in ("market.bars", "market_bars(now())"):
        answer = asof(tmp_path, "sql", f"SELECT * FROM {name}")
        assert answer.code == 2
        assert "market/bars: not stored yet; run `asof backfill`; stored: nothing" in answer.err
