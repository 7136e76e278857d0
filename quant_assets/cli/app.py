"""The command line: `asof --help`. A family of commands is a module; options are in `options`."""

import gc
import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer
from polars.exceptions import PanicException

from configs.errors import ConfigError
from feature_store.errors import StoreError
from feature_store.numeric_platform import restart_if_narrowed
from quant_assets.cli import checking, computing, config, maintenance, pages, reading, trading
from quant_assets.cli.inputs import UsageError
from quant_assets.reporting.errors import ReportError
from quant_resources.ledgers.trials import TrialLedgerError
from quant_resources.vendors.errors import VendorError

# Imports and the store's index make many objects that stay: looking through them takes a tenth of a short run.
SELDOM = 100_000, 20, 100  # allocations between looks of Python's collector, and looks of one generation a look of next

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
for family in (computing, reading, checking, trading, pages, maintenance):
    app.add_typer(family.commands)
app.add_typer(config.commands, name="config")


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"asof {version('asof')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="print the version, and end")
    ] = False,
) -> None:
    """Point-in-time equity research and trading."""


def main() -> None:
    """Entry point: errors that name the thing and the fix, without a traceback."""
    restart_if_narrowed()
    os.umask(0o077)  # what is written, here and by the processes that this one starts, is this user's alone
    gc.set_threshold(*SELDOM)
    try:
        app()
    except (StoreError, ConfigError, VendorError, TrialLedgerError, ReportError, UsageError) as error:
        print(f"asof: {error}", file=sys.stderr)  # noqa: T201 -- for people, on stderr
        raise SystemExit(2) from None
    except PanicException as panic:  # no error: it would pass every other handler
        print(f"asof: internal error of Polars: {str(panic)[:500]}; please report it", file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
