"""The command line: `asof --help`."""

import datetime as dt
import gc
import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from configs.load import ConfigError
from configs.settings import Profile
from feature_store import sessions
from feature_store.decision_time import DecisionClock
from feature_store.errors import StoreError
from feature_store.numeric_platform import restart_if_narrowed
from feature_store.schemas.catalogue import DATASETS
from feature_store.store import Store
from quant_resources.home import Choice, Home, usual_workers
from quant_resources.ledgers.trials import TrialLedgerError
from quant_resources.vendors.errors import VendorError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"asof {version('asof')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="print the version, and end")
    ] = False,
) -> None:
    """Point-in-time equity research and trading."""


out = Console(width=None if sys.stdout.isatty() else 160)

Day = Annotated[str, typer.Argument()]
Json = Annotated[bool, typer.Option("--json", help="for programs")]
From = Annotated[str | None, typer.Option("--from", help="first session, YYYY-MM-DD")]
To = Annotated[str | None, typer.Option("--to", help="last session, YYYY-MM-DD")]
ProfileName = Annotated[str | None, typer.Option(help="name or YAML path; default the home's, else demo")]
Data = Annotated[str | None, typer.Option(help="folder in place of the profile's")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="KEY=VALUE, repeatable; the home remembers it")]
Workers = Annotated[
    int,
    typer.Option(
        min=1,
        envvar="ASOF_WORKERS",
        default_factory=usual_workers,
        show_default="one a core, up to 4",
        help="processes; no value depends on how many",
    ),
]
Select = Annotated[list[str] | None, typer.Option("--select", help="dataset or slice, repeatable; default all")]

# Imports and the store's index make many objects that stay: looking through them takes a tenth of a short run.
SELDOM = 100_000, 20, 100  # allocations between looks of Python's collector, and looks of one generation a look of next


def main() -> None:
    """Entry point: errors that name the thing and the mend, without a traceback."""
    restart_if_narrowed()
    gc.set_threshold(*SELDOM)
    try:
        app()
    except (StoreError, ConfigError, VendorError, TrialLedgerError, UsageError) as error:
        print(f"asof: {error}", file=sys.stderr)  # noqa: T201 -- for people, on stderr
        raise SystemExit(2) from None


class UsageError(ValueError):
    """What was typed cannot be meant."""


@app.command(epilog="Example: asof backfill --profile sp500 --from 2007-03-05 --to 2018-12-31")
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
    choice = _choice(home, profile, data, set_)
    start, end = _range(home.check_new(choice), first, last)
    selected_names(all_assets(), select or [])
    home.remember(choice)  # nothing of a refused command is
    ok = run_backfill(home, start, end, select or [], workers, _say)
    raise typer.Exit(0 if ok else 1)


@app.command(epilog="Example: asof plan --set portfolio.weight_cap=0.03 --reasons")
def plan(
    first: From = None,
    last: To = None,
    select: Select = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE, repeatable; looked at, and not remembered")
    ] = None,
    reasons: Annotated[bool, typer.Option("--reasons", help="every reason, with its sessions")] = False,
    ask_vendor: Annotated[
        bool, typer.Option("--ask-vendor", help="ask for stored sessions of sources again; else by code and config")
    ] = False,
    as_json: Json = False,
) -> None:
    """What a backfill of the range would compute, why, and how long it would take; computes and stores nothing."""
    from quant_assets.operations.planning import explain_plan

    home = _stored_home()
    profile = home.check_new(_choice(home, None, None, set_))
    start, end = _range(profile, first, last)
    found = explain_plan(home, start, end, select or [], profile, ask_vendor)
    if as_json:
        print(json.dumps(found.as_json(), default=str))  # noqa: T201 -- for programs
        return
    if rows := found.reasons() if reasons else found.rows():
        _show(rows, False, "plan")
    _say(found.summary())


@app.command(epilog="Example: asof fetch --profile polygon --from 2024-01-02 --to 2024-06-28")
def fetch(
    first: From = None,
    last: To = None,
    profile: ProfileName = None,
    data: Data = None,
    set_: Settings = None,
) -> None:
    """Ask the vendors for what is missing, into the raw store only; 1 when it is not complete."""
    from quant_resources.vendors.ingest.raw_payloads import RawStore
    from quant_resources.vendors.registry import fetch_raw

    home = Home.of_environment()
    choice = _choice(home, profile, data, set_)
    chosen = home.check_new(choice)
    start, end = _range(chosen, first, last)
    home.remember(choice)
    _say(f"{chosen.vendor.kind}: {len(sessions.between(start, end))} sessions {start} to {end}")
    ok = fetch_raw(chosen, RawStore(home.folder / "raw"), sessions.between(start, end), _say)
    raise typer.Exit(0 if ok else 1)


@app.command(epilog="Example: asof demo")
def demo(workers: Workers) -> None:
    """The main job on the simulated market: from bars to orders, a table of profit and loss, and a report."""
    from quant_assets.cli.demo import show
    from quant_assets.operations.backfill import run_backfill

    home = Home.of_environment()
    choice = _choice(home, "demo", None, None)
    start, end = _range(home.check_new(choice), None, None)
    home.remember(choice)
    ok = run_backfill(home, start, end, [], workers, _say)
    if ok:
        show(home, out)
    raise typer.Exit(0 if ok else 1)


@app.command(epilog="Example: asof read features/stock_scores --as-of 2018-06-29 --from 2018-06-29")
def read(
    dataset: str,
    as_of: Annotated[str, typer.Option("--as-of", help="YYYY-MM-DD (its decision time), or a moment with zone")],
    first: From = None,
    last: To = None,
    columns: Annotated[str | None, typer.Option(help="comma-separated")] = None,
    rows: Annotated[int, typer.Option(help="rows shown to people; --json gives all")] = 20,
    as_json: Json = False,
) -> None:
    """Rows as known at a moment."""
    moment, first_day, last_day = _moment(as_of), _day(first), _day(last)
    store = _stored_home().open_store()
    wanted = columns.split(",") if columns else None
    known = [*store.dataset(dataset).schema, "session"]
    if unknown := [name for name in wanted or [] if name not in known]:
        raise UsageError(f"--columns {','.join(unknown)}: {dataset} has {', '.join(known)}")
    frame = store.read(dataset, moment, first_day, last_day, wanted)
    if as_json:
        print(frame.write_json())  # noqa: T201 -- for programs
        return
    table = Table(*frame.columns, title=f"{dataset} as of {as_of}: {frame.height} rows")
    for row in frame.head(rows).iter_rows():
        table.add_row(*map(_cell, row))
    out.print(table)


@app.command(epilog='Example: asof sql --as-of 2017-06-30 "SELECT symbol, close FROM market.bars WHERE close > 50"')
def sql(
    query: Annotated[str | None, typer.Argument(help="default: a shell, or what is piped in")] = None,
    file: Annotated[Path | None, typer.Option(help="statements to run")] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="what market.bars shows: a date (its decision time), or a moment")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="rows shown to people")] = 40,
    output: Annotated[Path | None, typer.Option(help="write the rows to a .csv or .parquet file")] = None,
    as_json: Json = False,
) -> None:
    """SQL on the store, which it cannot change: views market.bars, and macros market_bars(as_of)."""
    if query is not None and file is not None:
        raise UsageError("give a query or --file, not both")
    home, moment = _stored_home(), _moment(as_of) if as_of else None
    from quant_assets.cli.sql import converse, print_json, print_tables, write_answer
    from quant_assets.operations.sql import SqlError, catalogue

    try:
        text = file.read_text() if file else query
        with catalogue(home, moment) as connection:
            if text is None and sys.stdin.isatty():
                return converse(connection, out, rows)
            text = sys.stdin.read() if text is None else text
            if output:
                _say(f"{output}: {write_answer(connection, text, output, home.store_folder)} rows")
            elif as_json:
                print_json(connection, text)
            else:
                print_tables(connection, text, out, rows)
    except (SqlError, OSError) as error:
        raise UsageError(str(error)) from None


@app.command(epilog="Example: asof status --json")
def status(as_json: Json = False) -> None:
    """Stored, missing, stale and failed sessions of every dataset."""
    from quant_assets.operations.status import status_rows

    found = status_rows(_stored_home())
    _show(found, as_json, "status")
    raise typer.Exit(0 if all(row["failed"] == 0 for row in found) else 1)


@app.command(epilog="Example: asof certify --sessions 20 --select features")
def certify(
    count: Annotated[int, typer.Option("--sessions", min=1, help="sessions an asset")] = 10,
    all_: Annotated[bool, typer.Option("--all", help="every stored session")] = False,
    select: Select = None,
    as_json: Json = False,
) -> None:
    """Recompute stored sessions from what was known at them (law 6); 1 if any differs or none could be judged."""
    from quant_assets.operations.certify import certify_rows

    found = certify_rows(_stored_home(), select or [], None if all_ else count)
    _show(found, as_json, "certify")
    raise typer.Exit(0 if found and all(not row["differ"] and row["judged"] for row in found) else 1)


@app.command(epilog="Example: asof impact --overlay corrected.csv --dataset market/bars")
def impact(
    first: From = None,
    last: To = None,
    overlay: Annotated[
        Path | None, typer.Option(help="Parquet or CSV of rows taken as known; the vendor is not asked, nothing stored")
    ] = None,
    dataset: Annotated[str, typer.Option(help="source that the overlay's rows belong to")] = "market/bars",
    data: Annotated[str | None, typer.Option(help="folder asked in place of the profile's")] = None,
    as_json: Json = False,
) -> None:
    """Stored sessions and past orders that would differ by what the vendor says now; 1 if any does.

    With --overlay: by what its rows say; 0.
    """
    from quant_assets.operations.impact import impact as reach
    from quant_assets.operations.what_if import WhatIfError
    from quant_assets.reporting.corrections.terminal import show

    first_day, last_day = _day(first), _day(last)
    home = _stored_home()
    asked = home.check(_choice(home, None, data, None)) if data else home.profile
    try:
        found = reach(home, overlay, dataset, first_day, last_day, profile=asked)
    except WhatIfError as error:
        raise UsageError(str(error)) from None
    if as_json:
        print(json.dumps(found.as_json(), default=str))  # noqa: T201 -- for programs
    else:
        show(found, out)
    raise typer.Exit(1 if found.differences and overlay is None else 0)


@app.command(epilog="Example: asof refresh --from 2016-01-04")
def refresh(
    workers: Workers,
    first: From = None,
    last: To = None,
    select: Select = None,
) -> None:
    """Store stale sessions anew, through Dagster, as new generations; safe to interrupt and to repeat."""
    from quant_assets.operations.refresh import run_refresh

    first_day, last_day = _day(first), _day(last)
    ok = run_refresh(_stored_home(), first_day, last_day, select or [], workers, _say)
    raise typer.Exit(0 if ok else 1)


@app.command(epilog="Example: asof adopt --why 'rolling sums in one pass'")
def adopt(
    count: Annotated[int, typer.Option("--sessions", min=1, help="sessions a dataset; of fits every refit")] = 20,
    all_: Annotated[bool, typer.Option("--all", help="every stale session")] = False,
    select: Select = None,
    why: Annotated[str, typer.Option(help="kept in the record")] = "",
    as_json: Json = False,
) -> None:
    """Take over what is stale by a change of code that moves no value, on evidence; 1 if anything stays stale."""
    from quant_assets.operations.adopt import adopt as take_over

    found = take_over(_stored_home(), select or [], None if all_ else count, why)
    if as_json:
        print(json.dumps(found.as_json(), default=str))  # noqa: T201 -- for programs
    else:
        if found.judged:
            _show(found.rows(), False, "adopt")
        for line in (*found.differences(), found.summary()):
            _say(line)
    raise typer.Exit(0 if found.complete else 1)


@app.command(epilog="Example: asof diff .asof/store other/store --from 2017-03-01 --to 2017-03-31")
def diff(a: Path, b: Path, first: From = None, last: To = None, select: Select = None, as_json: Json = False) -> None:
    """Compare two stores session by session by content hash; 1 if any differs."""
    from quant_assets.operations.status import diff_rows

    for folder in (a, b):
        if not (_store_folder(folder) / "store.json").exists():
            raise UsageError(f"{folder} holds no store")
    first_day, last_day = _day(first), _day(last)
    found = diff_rows(Store(_store_folder(a)), Store(_store_folder(b)), first_day, last_day, select or [])
    _show(found, as_json, "diff")
    same = all(row["differ"] == row["only_a"] == row["only_b"] == 0 for row in found)
    raise typer.Exit(0 if found and same else 1)


@app.command(epilog="Example: asof report --from 2008-01-02 --to 2015-12-31 --against ../other/.asof")
def report(
    first: From = None,
    last: To = None,
    final: Annotated[bool, typer.Option("--final", help="show the hold-out too; the trial ledger counts it")] = False,
    against: Annotated[Path | None, typer.Option(help="another home to stand beside")] = None,
    output: Annotated[Path | None, typer.Option(help="the page; default reports/report.html of the home")] = None,
    as_json: Json = False,
) -> None:
    """Write the report page, print what was earned, and count the evaluation in the trial ledger."""
    first_day, last_day = _day(first), _day(last)
    home = _stored_home()
    other = _with_store(Home(against.absolute())) if against else None
    from quant_assets.reporting.evaluation import ReportError
    from quant_assets.reporting.performance.page import make_report, show

    try:
        found = make_report(home, first_day, last_day, final=final, against=other, output=output)
    except ReportError as error:
        raise UsageError(str(error)) from None
    if as_json:
        print(json.dumps(found.as_json(), default=str))  # noqa: T201 -- for programs
        return
    show(found, out)


@app.command(epilog="Example: asof quality --from 2016-01-04 --to 2016-12-30")
def quality(
    first: From = None,
    last: To = None,
    output: Annotated[Path | None, typer.Option(help="the page; default reports/quality.html of the home")] = None,
    as_json: Json = False,
) -> None:
    """Judge the data that came in, and write the page of it; 1 if a stored check of the sessions fails."""
    home = _stored_home()
    start, end = _stored_range(home, first, last)
    from quant_assets.reporting.data_quality.page import make_quality_page, show

    found = make_quality_page(home, start, end, output)
    if as_json:
        print(json.dumps(found.as_json(), default=str))  # noqa: T201 -- for programs
    else:
        show(found, out)
    raise typer.Exit(1 if found.failed else 0)


@app.command(epilog="Example: asof features --from 2010-01-04 --to 2015-12-31 --feature momentum_252_21")
def features(
    first: From = None,
    last: To = None,
    feature: Annotated[list[str] | None, typer.Option(help="that gets a page, repeatable; default all")] = None,
    final: Annotated[bool, typer.Option("--final", help="show the hold-out too; the trial ledger counts it")] = False,
    output: Annotated[Path | None, typer.Option(help="folder; default reports/features of the home")] = None,
    as_json: Json = False,
) -> None:
    """Write the catalogue of features and a page of each: coverage, information, decay, turnover, null flags."""
    first_day, last_day = _day(first), _day(last)
    home = _stored_home()
    from quant_assets.reporting.evaluation import ReportError
    from quant_assets.reporting.features.pages import make_feature_pages, show

    try:
        found = make_feature_pages(home, first_day, last_day, final=final, chosen=feature or [], output=output)
    except ReportError as error:
        raise UsageError(str(error)) from None
    if as_json:
        print(json.dumps(found.as_json(), default=str))  # noqa: T201 -- for programs
        return
    show(found, out)


@app.command(epilog="Example: asof explain 2016-06-30-S0004")
def explain(order: Annotated[str, typer.Argument(help="SESSION-SYMBOL")], as_json: Json = False) -> None:
    """Where an order came from: alpha, regime, risk, limits, costs, fill, and what was known when."""
    home = _stored_home()
    from quant_assets.reporting.orders.study import UnknownOrderError
    from quant_assets.reporting.orders.study import explain as explanation
    from quant_assets.reporting.orders.terminal import show

    try:
        found = explanation(home, order)
    except UnknownOrderError as error:
        raise UsageError(str(error)) from None
    if as_json:
        print(json.dumps(found, default=str))  # noqa: T201 -- for programs
        return
    show(found, out)


@app.command(epilog="Example: asof verify")
def verify() -> None:
    """Re-read every stored file; broken ones are set aside, so that a backfill stores them again. 1 if any was."""
    broken = _stored_home().open_store().verify()
    for partition in broken:
        _say(f"set aside: {partition.dataset} {partition.session} generation {partition.generation}")
    _say(f"{len(broken)} broken files" + ("; run `asof backfill` over their sessions" if broken else ""))
    raise typer.Exit(1 if broken else 0)


@app.command(epilog="Example: asof doctor --json")
def doctor(as_json: Json = False) -> None:
    """What asof runs on and with, and what to do; 1 if something is wrong."""
    from quant_assets.operations.doctor import doctor_rows

    found = doctor_rows(Home.of_environment())
    _show(found, as_json, "doctor")
    raise typer.Exit(1 if any(row["wrong"] for row in found) else 0)


@app.command(epilog="Example: asof compact --before 2018-07-01 --select features")
def compact(
    before: Annotated[
        str | None, typer.Option(help="months that ended before YYYY-MM-DD; default the month of the last session")
    ] = None,
    select: Select = None,
    as_json: Json = False,
) -> None:
    """Move each month that is over into one file a dataset; values, hashes and generations stay as they are."""
    from quant_assets.operations.compact import compact_rows

    day = _day(before)
    _show(compact_rows(_stored_home(), select or [], day), as_json, "compact")


@app.command(
    epilog="Example: asof ui --port 3000", context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def ui(context: typer.Context) -> None:
    """The Dagster UI and its daemon on the home's store; further options go to `dagster dev`."""
    home = Home.of_environment()
    home.prepare_dagster()
    os.environ["DAGSTER_HOME"] = str(home.dagster_home)
    os.environ["ASOF_HOME"] = str(home.folder)
    command = [sys.executable, "-m", "dagster", "dev", "-m", "quant_assets.definitions", *context.args]
    os.execv(sys.executable, command)


def _stored_home() -> Home:
    return _with_store(Home.of_environment())


def _with_store(home: Home) -> Home:
    if not (home.store_folder / "store.json").exists():
        raise UsageError(f"{home.folder} holds no store yet; run `asof demo` or `asof backfill`, or set ASOF_HOME")
    return home


def _choice(home: Home, profile: str | None, data: str | None, overrides: list[str] | None) -> Choice:
    """What was typed, over what the home remembers of the same profile."""
    known = home.choice()
    another = profile is not None and profile != known.profile
    kept = {} if another else known.overrides
    pairs = kept | dict(_pair(text) for text in overrides or [])
    folder = str(Path(data).absolute()) if data else None if another else known.data
    return Choice(profile or known.profile, folder, pairs)


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text}: write KEY=VALUE, for example --set portfolio.weight_cap=0.03")
    return key, value


def _range(profile: Profile, first: str | None, last: str | None) -> tuple[dt.date, dt.date]:
    """Sessions of the history that have been decided."""
    history = profile.history
    begin, end = _day(first) or history.start, _day(last) or history.end
    if begin < history.start:
        raise UsageError(
            f"--from {begin} lies before history.start {history.start} of profile {profile.name}; "
            f"--set history.start={begin}, or start there"
        )
    if history.end is not None and end is not None and end > history.end:
        raise UsageError(
            f"--to {end} lies after history.end {history.end} of profile {profile.name}; "
            f"--set history.end={end}, or end there"
        )
    clock = DecisionClock(profile.decision_minutes_before_open)
    decided = sessions.shift(clock.session_of(dt.datetime.now(dt.UTC)), -1)
    if last and end and end > decided:
        raise UsageError(f"--to {end} has not been decided; the last session that has is {decided}")
    found = sessions.between(begin, min(end or decided, decided))
    if not found:
        raise UsageError(f"no trading session between {begin} and {end or decided}; give --from and --to")
    return found[0], found[-1]


def _stored_range(home: Home, first: str | None, last: str | None) -> tuple[dt.date, dt.date]:
    """Sessions of bars that are stored, within what was asked for."""
    begin, end = _day(first), _day(last)
    stored = home.open_store().sessions("market/bars")
    found = [day for day in stored if (not begin or day >= begin) and (not end or day <= end)]
    if not found:
        raise UsageError(f"no bars are stored between {begin} and {end}; run `asof backfill` over these sessions")
    return found[0], found[-1]


def _day(text: str | None) -> dt.date | None:
    if text is None:
        return None
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no date; write YYYY-MM-DD") from None
    known = sessions.all_sessions()
    if not known[0] <= day < known[-1]:
        raise UsageError(f"{day} lies outside the calendar, which runs from {known[0]} to {known[-1]}")
    return day


def _moment(text: str) -> dt.date | dt.datetime:
    if len(text) <= 10:
        day = _day(text)
        assert day is not None
        return day
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no moment; write YYYY-MM-DD or 2018-06-29T14:00+00:00") from None
    if moment.tzinfo is None:
        raise UsageError(f"{text} has no time zone; write {text}+00:00 for UTC, or a date for its decision time")
    _day(str(moment.date()))
    return moment


def _store_folder(folder: Path) -> Path:
    return folder / "store" if (folder / "store" / "store.json").exists() else folder


def _show(found: list[dict[str, Any]], as_json: bool, title: str) -> None:
    if as_json:
        print(json.dumps(found, default=str))  # noqa: T201 -- for programs
        return
    if not found:
        _say(f"{title}: nothing stored; known datasets: {', '.join(sorted(DATASETS))}")
        return
    table = Table(*found[0], title=title)
    for row in found:
        table.add_row(*map(_cell, row.values()))
    out.print(table)


def _cell(value: object) -> str:
    shown = "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    return escape(shown)


def _say(line: str) -> None:
    """One line, as it is: messages hold brackets, which rich would take for markup."""
    out.print(line, markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
