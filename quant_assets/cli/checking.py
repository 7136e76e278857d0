"""Commands that recompute stored sessions: certify, impact, adopt."""

import secrets
from pathlib import Path
from typing import Annotated

import typer

from quant_assets.cli.inputs import UsageError, new_choice, parse_day, stored_home
from quant_assets.cli.options import Data, Everything, From, Json, Sample, Select, To, WithPage
from quant_assets.cli.output import out, print_json, print_rows, say

commands = typer.Typer()


@commands.command(epilog="Example: asof certify --sessions 20 --select features")
def certify(
    count: Sample = 10,
    all_: Everything = False,
    rotation: Annotated[
        bool,
        typer.Option(
            "--rotation",
            help="in a fresh process, the sessions certified longest ago: run nightly, all of them within "
            "certification.cycle_days",
        ),
    ] = False,
    select: Select = None,
    vendor: Annotated[
        bool,
        typer.Option("--vendor", help="ask the vendor again what it says of stored sessions, and recompute nothing"),
    ] = False,
    as_json: Json = False,
) -> None:
    """Recompute sessions from what was known at them (law 6); exits with 1 if any differs or none was checked.

    With --vendor: exits with 1 if the vendor now says otherwise of a stored session; what it says is not stored.
    """
    from quant_assets.engine.fresh_process import FreshProcessError
    from quant_assets.operations.certify import certify_rows
    from quant_assets.operations.power import for_people, power_text
    from quant_assets.operations.rotation import rotate
    from quant_assets.operations.vendor_drift import may_drift, vendor_drift

    if vendor:
        home = stored_home()
        if not may_drift(home.profile) and not as_json:
            say("the vendor is the simulated market, which says the same each time: there is nothing to ask it again")
            return
        asked = vendor_drift(home)
        print_rows(asked, as_json, "certify-vendor")
        raise typer.Exit(int(any(row["differ"] for row in asked)))

    home, names = stored_home(), select or []
    try:
        if rotation:
            rows = rotate(home, names, secrets.token_hex(8))
        else:
            rows = certify_rows(home, names, None if all_ else count)
    except FreshProcessError as error:
        raise UsageError(str(error)) from None
    print_rows(rows if as_json else [for_people(row, ["stored"]) for row in rows], as_json, "certify")
    if rows and not as_json:
        say(power_text(rows))
    raise typer.Exit(0 if rows and all(not row["differ"] and row["checked"] for row in rows) else 1)


@commands.command(epilog="Example: asof impact --overlay corrected.csv --dataset market/bars")
def impact(
    first: From = None,
    last: To = None,
    overlay: Annotated[
        Path | None,
        typer.Option(help="Parquet or CSV file of rows to suppose known; nothing is fetched, nothing is stored"),
    ] = None,
    dataset: Annotated[str, typer.Option(help="source that the overlay's rows belong to")] = "market/bars",
    data: Data = None,
    with_page: WithPage = False,
    as_json: Json = False,
) -> None:
    """Sessions and orders that would change if the vendor's current data had been known; exits with 1 if any would.

    With --overlay: if the overlay's rows had been known; exits with 0.
    """
    from quant_assets.operations.impact import impact as reach
    from quant_assets.operations.what_if import WhatIfError
    from quant_assets.reporting.corrections.page import PAGE
    from quant_assets.reporting.writing import write_page

    first_day, last_day = parse_day(first), parse_day(last)
    home = stored_home()
    profile = home.check(new_choice(home, None, data, None)) if data else home.profile
    try:
        reached = reach(home, overlay, dataset, first_day, last_day, profile=profile)
    except WhatIfError as error:
        raise UsageError(str(error)) from None
    path = write_page(home, PAGE, reached) if with_page else None
    if as_json:
        print_json(reached.as_json())
    else:
        PAGE.terminal(reached, out)
        if path:
            say(f"page: {path}")
    raise typer.Exit(1 if reached.differences and overlay is None else 0)


@commands.command(epilog="Example: asof adopt --why 'rolling sums in one pass'")
def adopt(
    count: Sample = 20,
    all_: Everything = False,
    select: Select = None,
    why: Annotated[str, typer.Option(help="reason, kept in the record")] = "",
    as_json: Json = False,
) -> None:
    """Keep sessions that are stale by a change of code alone, when recomputed samples are equal.

    Of model fits every stale refit is recomputed. Exits with 1 if anything stays stale.
    """
    from quant_assets.operations.adopt import adopt as take_over

    adopted = take_over(stored_home(), select or [], None if all_ else count, why)
    if as_json:
        print_json(adopted.as_json())
    else:
        if rows := adopted.rows():
            print_rows(rows, False, "adopt")
        for line in (*adopted.differences(), adopted.summary()):
            say(line)
    raise typer.Exit(0 if adopted.complete else 1)
