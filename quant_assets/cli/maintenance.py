"""Commands for the store, the machine and Dagster: verify, doctor, compact, ui."""

import os
import sys
from typing import Annotated

import typer

from quant_assets.cli.inputs import parse_day, stored_home
from quant_assets.cli.options import Json, Select
from quant_assets.cli.output import print_rows, say
from quant_resources.home import Home

commands = typer.Typer()


@commands.command(epilog="Example: asof verify")
def verify() -> None:
    """Read every stored file again and repair what is damaged; exits with 1 if anything was.

    What another file still holds is put back. What none holds is set aside, for a backfill to store anew.
    """
    from quant_assets.operations.verify import lines, verify_store

    done = verify_store(stored_home())
    for line in lines(done):
        say(line)
    raise typer.Exit(1 if done.damaged else 0)


@commands.command(epilog="Example: asof doctor --json")
def doctor(as_json: Json = False) -> None:
    """Platform, libraries, folders and settings that asof runs with; exits with 1 if something is wrong."""
    from quant_assets.operations.doctor import doctor_rows

    rows = doctor_rows(Home.of_environment())
    print_rows(rows, as_json, "doctor")
    raise typer.Exit(1 if any(row["wrong"] for row in rows) else 0)


@commands.command(epilog="Example: asof compact --before 2018-07-01 --select features")
def compact(
    before: Annotated[
        str | None,
        typer.Option(help="compact months that ended before YYYY-MM-DD; default: before the last session's month"),
    ] = None,
    select: Select = None,
    as_json: Json = False,
) -> None:
    """Put each month that is over into one file a dataset; values, hashes and generations stay as they are."""
    from quant_assets.operations.compact import compact_rows

    day = parse_day(before)
    print_rows(compact_rows(stored_home(), select or [], day), as_json, "compact")


@commands.command(
    epilog="Example: asof ui --port 3000", context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def ui(
    context: typer.Context,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="name under which the UI may be opened, as of a proxy (repeatable); this machine's own may"),
    ] = None,
) -> None:
    """The Dagster UI and its daemon on the home's store; further options go to `dagster dev`."""
    home = Home.of_environment()
    if allow_host:
        os.environ["ASOF_UI_HOSTS"] = ",".join(allow_host)
    home.prepare_dagster()
    os.environ["DAGSTER_HOME"] = str(home.dagster_home)
    os.environ["ASOF_HOME"] = str(home.folder)
    command = [sys.executable, "-m", "quant_resources.dagster.ui", "-m", "quant_assets.definitions", *context.args]
    os.execv(sys.executable, command)
