"""Commands that write pages: report, quality, features, explain, and page for those of any kind; index lists them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quant_assets.cli.inputs import parse_as_of, parse_day, require_store, stored_home
from quant_assets.cli.options import AsOf, Final, From, Json, Output, Standalone, To, WithPage
from quant_assets.cli.output import out, print_json, print_rows, say
from quant_resources.home import Home

if TYPE_CHECKING:  # loading pages takes half a second, which no other command needs
    from quant_assets.reporting.protocol import AnyStudy, Page, Request

commands = typer.Typer()


@commands.command(epilog="Example: asof report --from 2008-01-02 --to 2015-12-31 --against ../other/.asof")
def report(
    first: From = None,
    last: To = None,
    final: Final = False,
    against: Annotated[Path | None, typer.Option(help="another home to compare with")] = None,
    output: Output = None,
    standalone: Standalone = False,
    as_json: Json = False,
) -> None:
    """Write the performance page, print it, and count the evaluation in the trial ledger."""
    request, home = _request(first, last, final), stored_home()
    other = require_store(Home(against.absolute())) if against else None
    from quant_assets.reporting.performance.page import page_against

    make_page(home, page_against(other), request, output, standalone, as_json)


@commands.command(epilog="Example: asof quality --from 2016-01-04 --to 2016-12-30")
def quality(
    first: From = None,
    last: To = None,
    output: Output = None,
    standalone: Standalone = False,
    as_json: Json = False,
) -> None:
    """Write the page of data quality; exits with 1 if a stored check of the sessions fails."""
    request, home = _request(first, last), stored_home()
    from quant_assets.reporting.data_quality.page import PAGE

    study = make_page(home, PAGE, request, output, standalone, as_json)
    raise typer.Exit(1 if study.failed else 0)


@commands.command(epilog="Example: asof features --from 2010-01-04 --to 2015-12-31 --feature momentum_252_21")
def features(
    first: From = None,
    last: To = None,
    feature: Annotated[
        list[str] | None, typer.Option(help="feature to write a page for (repeatable; default: all)")
    ] = None,
    final: Final = False,
    output: Output = None,
    standalone: Standalone = False,
    as_json: Json = False,
) -> None:
    """Write the catalogue of features and a page of each: coverage, information, decay, turnover, null flags."""
    request, home = _request(first, last, final, feature), stored_home()
    from quant_assets.reporting.features.page import PAGE

    make_page(home, PAGE, request, output, standalone, as_json)


@commands.command(epilog="Example: asof regimes --as-of 2016-06-30 --json")
def regimes(as_of: AsOf, with_page: WithPage = False, as_json: Json = False) -> None:
    """Probabilities and confirmed states of the market and of each industry, as known at a date or timestamp."""
    moment, home = parse_as_of(as_of), stored_home()
    from quant_assets.reporting.protocol import Request
    from quant_assets.reporting.regimes.page import PAGE
    from quant_assets.reporting.regimes.snapshot import show, snapshot
    from quant_assets.reporting.writing import write_page

    found = snapshot(home, moment)
    path = write_page(home, PAGE, PAGE.study(home, Request(last=found.session))) if with_page else None
    if as_json:
        print_json(found.as_json() | ({"page": str(path)} if path else {}))
        return
    show(found, out)
    if path:
        say(f"page: {path}")


@commands.command(epilog="Example: asof explain 2016-06-30-S0004 --page")
def explain(
    order: Annotated[str, typer.Argument(help="SESSION-SYMBOL")], with_page: WithPage = False, as_json: Json = False
) -> None:
    """Where an order came from: alpha, regime, risk, limits, costs, fill, and what was known when."""
    home = stored_home()
    from quant_assets.reporting.orders.page import PAGE
    from quant_assets.reporting.protocol import Request
    from quant_assets.reporting.writing import write_page

    study = PAGE.study(home, Request(items=(order,)))
    path = write_page(home, PAGE, study) if with_page else None
    if as_json:
        print_json(study.explanations[order])
        return
    PAGE.terminal(study, out)
    if path:
        say(f"page: {path}")


@commands.command(epilog="Example: asof page orders --to 2016-06-30")
def page(
    name: Annotated[str | None, typer.Argument(help="kind of page; without it, the kinds are listed")] = None,
    first: From = None,
    last: To = None,
    item: Annotated[list[str] | None, typer.Option(help="feature or order to show (repeatable; default: all)")] = None,
    final: Final = False,
    output: Output = None,
    standalone: Standalone = False,
    as_json: Json = False,
) -> None:
    """Write a page of any kind, those of your own plugins included."""
    from quant_assets.reporting.pages import page_named, pages

    profile = Home.of_environment().profile
    if name is None:
        kinds = [{"name": one.name, "shows": one.summary} for one in pages(profile).values()]
        print_rows(kinds, as_json, "kinds of pages")
        return
    request, home = _request(first, last, final, item), stored_home()
    make_page(home, page_named(profile, name), request, output, standalone, as_json)


@commands.command(epilog="Example: asof index")
def index(as_json: Json = False) -> None:
    """Write the index of the home's pages again, and list them."""
    home = stored_home()
    from quant_assets.reporting.index.page import PAGE
    from quant_assets.reporting.protocol import Request
    from quant_assets.reporting.writing import write_index

    path = write_index(home)
    print_study(PAGE, PAGE.study(home, Request()), path, as_json)


def make_page(
    home: Home,
    page: "Page[AnyStudy]",
    request: "Request",
    output: Path | None = None,
    standalone: bool = False,
    as_json: bool = False,
) -> "AnyStudy":
    """Study what is requested, write the page of it, and print it."""
    from quant_assets.reporting.writing import check_output, write_page

    check_output(output)
    study = page.study(home, request)
    print_study(page, study, write_page(home, page, study, output, standalone=standalone), as_json)
    return study


def print_study(page: "Page[AnyStudy]", study: "AnyStudy", path: Path, as_json: bool) -> None:
    """As JSON for programs, or as the terminal shows it; and where its page is."""
    if as_json:
        print_json({"page": str(path)} | study.as_json())
        return
    page.terminal(study, out)
    _print_trading_state()
    say(f"page: {path}")


def _print_trading_state() -> None:
    """What stops orders, and what was waived: every report says it."""
    from quant_assets.operations.trading import trading_state

    for line in trading_state(stored_home()).lines():
        say(line)


def _request(first: str | None, last: str | None, final: bool = False, items: list[str] | None = None) -> "Request":
    """What a page is to show."""
    first_day, last_day = parse_day(first), parse_day(last)
    from quant_assets.reporting.protocol import Request

    return Request(first_day, last_day, final, tuple(items or ()))
