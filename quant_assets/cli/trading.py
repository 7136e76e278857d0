"""Commands about what leaves the house: waive, waivers."""

import getpass
from dataclasses import asdict
from typing import Annotated

import typer

from quant_assets.cli.inputs import UsageError, parse_day, stored_home
from quant_assets.cli.options import From, Json, To
from quant_assets.cli.output import print_json, say

commands = typer.Typer()


@commands.command(
    epilog="Example: asof waive no_lookahead --asset alpha/combined --session 2018-06-29 --why 'compared by hand'"
)
def waive(
    check: Annotated[str, typer.Argument(help="name of the check, for example no_lookahead")],
    asset: Annotated[str, typer.Option(help="dataset that the check is of")],
    why: Annotated[str, typer.Option(help="reason, printed in every report from then on")],
    session: Annotated[list[str] | None, typer.Option(help="YYYY-MM-DD (repeatable)")] = None,
    first: From = None,
    last: To = None,
    by: Annotated[str | None, typer.Option(help="who lets it pass; default: the user of the machine")] = None,
    as_json: Json = False,
) -> None:
    """Let a failed or missing check of stored sessions pass, for ever on record; orders that it stopped can then leave.

    A waiver is of the value that is stored: a session stored anew needs a new one.
    """
    from quant_assets.operations.trading import Request, waiver_line
    from quant_assets.operations.trading import waive as let_pass

    if session and (first or last):
        raise UsageError("give --session, or --from and --to, not both")
    days = tuple(day for text in session or [] if (day := parse_day(text)))
    first_day, last_day = parse_day(first), parse_day(last)
    if bool(first_day) != bool(last_day):
        raise UsageError("a range needs both --from and --to")
    span = (first_day, last_day) if first_day and last_day else None
    if not days and span is None and check != "check_record":
        raise UsageError("say which sessions: --session YYYY-MM-DD (repeatable), or --from and --to")
    waivers = let_pass(stored_home(), Request(check, asset, days, span, why, by or getpass.getuser()))
    if as_json:
        print_json([asdict(waiver) for waiver in waivers])
        return
    for waiver in waivers:
        say(waiver_line(waiver))
    say("the next daily run, or `asof backfill`, stores the orders that nothing else stops")


@commands.command(epilog="Example: asof waivers --json")
def waivers(as_json: Json = False) -> None:
    """What stops orders at the last stored session, and every waiver ever recorded; exits with 1 if anything does."""
    from quant_assets.operations.trading import trading_state

    state = trading_state(stored_home())
    if as_json:
        print_json(state.as_json())
    else:
        for line in state.lines() or ["nothing stops orders, and nothing was waived"]:
            say(line)
    raise typer.Exit(1 if any(state.blocks.values()) else 0)
