"""Commands that read the store: read, sql, status, diff."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from feature_store.store import Store
from quant_assets.cli.inputs import UsageError, parse_as_of, parse_day, store_folder, stored_home
from quant_assets.cli.options import AsOf, AsOfIfAny, Final, From, Json, Rows, Select, To
from quant_assets.cli.output import out, print_rows, say, table_of
from quant_resources.plugins import datasets_of

commands = typer.Typer()


@commands.command(epilog="Example: asof read features/stock_scores --as-of 2018-06-29 --from 2018-06-29")
def read(
    dataset: str,
    as_of: AsOf,
    first: From = None,
    last: To = None,
    columns: Annotated[str | None, typer.Option(help="comma-separated")] = None,
    rows: Rows = 20,
    final: Final = False,
    as_json: Json = False,
) -> None:
    """Rows of a dataset as known at a date or timestamp; results of the hold-out with --final only."""
    from quant_assets.reporting.hold_out import readable_moment

    moment, first_day, last_day = parse_as_of(as_of), parse_day(first), parse_day(last)
    home = stored_home()
    store = home.open_store()
    requested = columns.split(",") if columns else None
    known = [*store.dataset(dataset).schema, "session"]
    if unknown := [name for name in requested or [] if name not in known]:
        raise UsageError(f"--columns {','.join(unknown)}: {dataset} has {', '.join(known)}")
    moment = readable_moment(home, store, [store.dataset(dataset)], moment, last_day, final=final)
    frame = store.read(dataset, moment, first_day, last_day, requested)
    if as_json:
        print(frame.write_json())  # noqa: T201 -- for programs
        return
    title = f"{dataset} as of {as_of}: {frame.height} rows"
    out.print(table_of(frame.columns, frame.head(rows).iter_rows(), title))


@commands.command(
    epilog='Example: asof sql --as-of 2017-06-30 "SELECT symbol, close FROM market.bars WHERE close > 50"'
)
def sql(
    query: Annotated[str | None, typer.Argument(help="default: a shell, or standard input")] = None,
    file: Annotated[Path | None, typer.Option(help="file of statements to run")] = None,
    as_of: AsOfIfAny = None,
    rows: Rows = 40,
    final: Final = False,
    output: Annotated[Path | None, typer.Option(help="write the rows to a .csv or .parquet file")] = None,
    as_json: Json = False,
) -> None:
    """Query the store by SQL, read-only: views such as market.bars, and macros market_bars(as_of).

    Views and macros of results end before the hold-out, unless --final is passed.
    """
    if query is not None and file is not None:
        raise UsageError("give a query or --file, not both")
    home, moment = stored_home(), parse_as_of(as_of) if as_of else None
    from quant_assets.cli.sql import converse, guarded_views, print_json, print_tables, write_answer
    from quant_assets.operations.sql import SqlError, catalogue

    try:
        text = file.read_text() if file else query
        with catalogue(home, moment, guarded_views(home, final=final)) as connection:
            if text is None and sys.stdin.isatty():
                return converse(connection, out, rows, datasets_of(home.profile).values())
            text = sys.stdin.read() if text is None else text
            if output:
                say(f"{output}: {write_answer(connection, text, output, home.store_folder)} rows")
            elif as_json:
                print_json(connection, text)
            else:
                print_tables(connection, text, out, rows)
    except (SqlError, OSError) as error:
        raise UsageError(str(error)) from None


@commands.command(epilog="Example: asof status --json")
def status(as_json: Json = False) -> None:
    """Stored, missing, stale and failed sessions of every dataset; exits with 1 if any failed or orders are blocked.

    Below the table: what blocks orders at the last stored session, since when, and what was waived; and with what
    probability a leak on 10, 1 or .1 % of the sessions would have been found by now.
    """
    from quant_assets.operations.power import for_people, power_text
    from quant_assets.operations.status import cycle_text, status_rows
    from quant_assets.operations.trading import trading_state

    home = stored_home()
    rows = status_rows(home)
    shown = rows if as_json else [for_people(row) | {"blocked": len(row["blocked"])} for row in rows]
    print_rows(shown, as_json, "status")
    for line in [] if as_json else [*trading_state(home).lines(), power_text(rows), cycle_text(rows)]:
        say(line)
    raise typer.Exit(1 if any(row["failed"] or row["blocked"] for row in rows) else 0)


@commands.command(epilog="Example: asof diff .asof/store other/store --from 2017-03-01 --to 2017-03-31")
def diff(a: Path, b: Path, first: From = None, last: To = None, select: Select = None, as_json: Json = False) -> None:
    """Compare two stores session by session by content hash; exits with 1 if any session differs."""
    from quant_assets.operations.status import diff_rows

    stores = Store(store_folder(a)), Store(store_folder(b))
    rows = diff_rows(*stores, parse_day(first), parse_day(last), select or [])
    print_rows(rows, as_json, "diff")
    same = all(row["differ"] == row["only_a"] == row["only_b"] == 0 for row in rows)
    raise typer.Exit(0 if rows and same else 1)
