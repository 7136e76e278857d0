"""Commands that compute and store sessions: backfill, plan, fetch, demo, refresh."""

from typing import Annotated

import typer

from feature_store import sessions
from quant_assets.cli.inputs import UsageError, history_range, new_choice, parse_day, stored_home
from quant_assets.cli.options import Data, From, Json, ProfileName, Select, Settings, To, Workers
from quant_assets.cli.output import out, print_json, print_rows, say
from quant_resources.home import Home

commands = typer.Typer()


@commands.command(epilog="Example: asof backfill --profile sp500 --from 2007-03-05 --to 2018-12-31")
def backfill(
    workers: Workers,
    first: From = None,
    last: To = None,
    profile: ProfileName = None,
    data: Data = None,
    set_: Settings = None,
    select: Select = None,
) -> None:
    """Store every session of a range, through Dagster; safe to interrupt and to repeat."""
    from quant_assets.graph import all_assets
    from quant_assets.operations.backfill import run_backfill, selected_names

    home = Home.of_environment()
    choice = new_choice(home, profile, data, set_)
    settings = home.check_new(choice)
    start, end = history_range(settings, first, last)
    selected_names(all_assets(settings), select or [])
    home.remember(choice)  # nothing of a rejected command is
    ok = run_backfill(home, start, end, select or [], workers, say)
    raise typer.Exit(0 if ok else 1)


@commands.command(epilog="Example: asof plan --set portfolio.weight_cap=0.03 --reasons")
def plan(
    first: From = None,
    last: To = None,
    select: Select = None,
    set_: Settings = None,
    reasons: Annotated[bool, typer.Option("--reasons", help="list every reason, with its sessions")] = False,
    ask_vendor: Annotated[
        bool, typer.Option("--ask-vendor", help="fetch stored sessions of sources again, to compare; slower")
    ] = False,
    as_json: Json = False,
) -> None:
    """What a backfill of the range would compute, why, and how long it would take; computes and stores nothing."""
    from quant_assets.operations.planning import explain_plan

    home = stored_home()
    profile = home.check_new(new_choice(home, None, None, set_))
    start, end = history_range(profile, first, last)
    explained = explain_plan(home, start, end, select or [], profile, ask_vendor=ask_vendor)
    if as_json:
        print_json(explained.as_json())
        return
    if rows := explained.reasons() if reasons else explained.rows():
        print_rows(rows, False, "plan")
    say(explained.summary())


@commands.command(epilog="Example: asof fetch --profile polygon --from 2024-01-02 --to 2024-06-28")
def fetch(
    first: From = None,
    last: To = None,
    profile: ProfileName = None,
    data: Data = None,
    set_: Settings = None,
) -> None:
    """Fetch what is missing from the vendors, into the raw store only; exits with 1 when it stays incomplete."""
    from quant_resources.vendors.ingest.raw_payloads import RawStore
    from quant_resources.vendors.registry import fetch_raw

    home = Home.of_environment()
    choice = new_choice(home, profile, data, set_)
    settings = home.check_new(choice)
    start, end = history_range(settings, first, last)
    home.remember(choice)
    targets = sessions.between(start, end)
    say(f"{settings.vendor.kind}: {len(targets)} sessions {start} to {end}")
    ok = fetch_raw(settings, RawStore(home.folder / "raw"), targets, say)
    raise typer.Exit(0 if ok else 1)


@commands.command(epilog="Example: asof demo")
def demo(workers: Workers) -> None:
    """Run everything on the simulated market: from bars to orders, a table of profit and loss, and a report."""
    from quant_assets.cli.demo import show
    from quant_assets.operations.backfill import run_backfill

    home = Home.of_environment()
    choice = new_choice(home, "demo", None, None)
    start, end = history_range(home.check_new(choice), None, None)
    home.remember(choice)
    ok = run_backfill(home, start, end, [], workers, say)
    if ok:
        show(home, out)
    raise typer.Exit(0 if ok else 1)


@commands.command(epilog="Example: asof refresh --from 2016-01-04")
def refresh(
    workers: Workers,
    first: From = None,
    last: To = None,
    select: Select = None,
    force: Annotated[
        bool, typer.Option("--force", help="store what is current anew, too; with --why, and best with --select")
    ] = False,
    why: Annotated[str, typer.Option(help="reason of --force, kept in the record")] = "",
) -> None:
    """Recompute stale sessions, through Dagster, as new generations; safe to interrupt and to repeat.

    With --force what is stored of the range counts no more, whatever its fingerprint: it stays readable, with the
    reason on record, and is stored anew.
    """
    from quant_assets.operations.refresh import run_refresh, withdraw

    if force != bool(why.strip()):
        raise UsageError("--force and --why go together: a stored session counts no more for a reason that is kept")
    first_day, last_day = parse_day(first), parse_day(last)
    home = stored_home()
    if force:
        withdraw(home, first_day, last_day, select or [], why.strip(), say)
    ok = run_refresh(home, first_day, last_day, select or [], workers, say)
    raise typer.Exit(0 if ok else 1)
