"""Commands that write pages: report, quality, features, explain."""

from pathlib import Path
from typing import Annotated

import typer

from quant_assets.cli.inputs import UsageError, parse_day, require_store, stored_home, stored_range
from quant_assets.cli.options import Final, From, Json, Output, OutputFolder, To
from quant_assets.cli.output import out, print_json
from quant_resources.home import Home

commands = typer.Typer()


@commands.command(epilog="Example: asof report --from 2008-01-02 --to 2015-12-31 --against ../other/.asof")
def report(
    first: From = None,
    last: To = None,
    final: Final = False,
    against: Annotated[Path | None, typer.Option(help="another home to compare with")] = None,
    output: Output = None,
    as_json: Json = False,
) -> None:
    """Write the report, print its performance, and count the evaluation in the trial ledger."""
    first_day, last_day = parse_day(first), parse_day(last)
    home = stored_home()
    other = require_store(Home(against.absolute())) if against else None
    from quant_assets.reporting.evaluation import ReportError
    from quant_assets.reporting.performance.page import make_report, show

    try:
        page = make_report(home, first_day, last_day, final=final, against=other, output=output)
    except ReportError as error:
        raise UsageError(str(error)) from None
    if as_json:
        print_json(page.as_json())
        return
    show(page, out)


@commands.command(epilog="Example: asof quality --from 2016-01-04 --to 2016-12-30")
def quality(
    first: From = None,
    last: To = None,
    output: Output = None,
    as_json: Json = False,
) -> None:
    """Write the page of data quality; exits with 1 if a stored check of the sessions fails."""
    home = stored_home()
    start, end = stored_range(home, first, last)
    from quant_assets.reporting.data_quality.page import make_quality_page, show

    page = make_quality_page(home, start, end, output)
    if as_json:
        print_json(page.as_json())
    else:
        show(page, out)
    raise typer.Exit(1 if page.failed else 0)


@commands.command(epilog="Example: asof features --from 2010-01-04 --to 2015-12-31 --feature momentum_252_21")
def features(
    first: From = None,
    last: To = None,
    feature: Annotated[
        list[str] | None, typer.Option(help="feature to write a page for (repeatable; default: all)")
    ] = None,
    final: Final = False,
    output: OutputFolder = None,
    as_json: Json = False,
) -> None:
    """Write the catalogue of features and a page of each: coverage, information, decay, turnover, null flags."""
    first_day, last_day = parse_day(first), parse_day(last)
    home = stored_home()
    from quant_assets.reporting.evaluation import ReportError
    from quant_assets.reporting.features.pages import make_feature_pages, show

    try:
        pages = make_feature_pages(home, first_day, last_day, final=final, chosen=feature or [], output=output)
    except ReportError as error:
        raise UsageError(str(error)) from None
    if as_json:
        print_json(pages.as_json())
        return
    show(pages, out)


@commands.command(epilog="Example: asof explain 2016-06-30-S0004")
def explain(order: Annotated[str, typer.Argument(help="SESSION-SYMBOL")], as_json: Json = False) -> None:
    """Where an order came from: alpha, regime, risk, limits, costs, fill, and what was known when."""
    home = stored_home()
    from quant_assets.reporting.orders.study import UnknownOrderError
    from quant_assets.reporting.orders.study import explain as explanation
    from quant_assets.reporting.orders.terminal import show

    try:
        explained = explanation(home, order)
    except UnknownOrderError as error:
        raise UsageError(str(error)) from None
    if as_json:
        print_json(explained)
        return
    show(explained, out)
