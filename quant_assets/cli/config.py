"""Commands for settings: config show, config defaults."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from configs.defaults import SECTIONS, default_files, flow, section_yaml, write_defaults
from configs.errors import did_you_mean
from configs.load import DEFAULT, load_layers
from configs.reference import DOCUMENT, reference
from quant_assets.cli.inputs import UsageError, new_choice
from quant_assets.cli.options import Data, Json, ProfileName, Settings
from quant_assets.cli.output import cell, out, print_json, say
from quant_resources.home import Choice, Home
from quant_resources.plugins import load_plugins, with_plugin_settings

if TYPE_CHECKING:
    from quant_assets.operations.settings import Setting

MANY = 40  # readers of a setting, beyond which a table says that all assets read it

commands = typer.Typer(no_args_is_help=True, help="Settings: those in force, and their defaults.")


@commands.command(epilog="Example: asof config show portfolio.weight_cap --set portfolio.weight_cap=0.03")
def show(
    key: Annotated[str | None, typer.Argument(help="a section or a setting, such as risk; default: all")] = None,
    profile: ProfileName = None,
    data: Data = None,
    set_: Settings = None,
    as_json: Json = False,
) -> None:
    """Settings in force: value, default, what is allowed, meaning, where it was set, and the assets that read it."""
    from quant_assets.graph import all_assets
    from quant_assets.operations.settings import settings_below

    home = Home.of_environment()
    choice = new_choice(home, profile, data, set_)
    data_folder = Path(choice.data) if choice.data else None
    loaded = load_layers(choice.profile, data_folder, choice.overrides, load_plugins)
    in_force = with_plugin_settings(loaded.profile)
    # to look for readers takes seconds
    assets = all_assets(in_force) if key or as_json else []
    rows = settings_below(loaded, in_force, assets, key or "")
    remembered = _remembered(home, choice, set_)
    if as_json:
        print_json([row.as_json() | {"remembered": row.set_by in remembered} for row in rows])
    elif key is None:
        out.print(_profile(rows, remembered, f"profile {loaded.profile.name}"))
    elif [row.key for row in rows] == [key]:
        out.print(_one(rows[0], remembered))
    else:
        out.print(_section(rows, remembered, f"{key} of profile {loaded.profile.name}"))


@commands.command(epilog="Example: asof config defaults portfolio")
def defaults(
    section: Annotated[str | None, typer.Argument(help="such as portfolio; default: all")] = None,
    write: Annotated[
        bool, typer.Option("--write", help="write configs/*.yaml and docs/settings.md of the checkout")
    ] = False,
) -> None:
    """Defaults as YAML, each with its meaning, unit and bounds."""
    if section is not None and section not in SECTIONS:
        raise UsageError(
            f"there is no section {section!r}{did_you_mean(section, SECTIONS)}; use one of {', '.join(SECTIONS)}"
        )
    if not write:
        for text in [section_yaml(section)] if section else default_files().values():
            typer.echo(text)
        return
    if section is not None:
        raise UsageError("--write writes every section; leave the section out")
    written = write_defaults()
    if DOCUMENT.parent.is_dir() and (not DOCUMENT.exists() or DOCUMENT.read_text(encoding="utf-8") != reference()):
        DOCUMENT.write_text(reference(), encoding="utf-8")
        written.append(DOCUMENT)
    say("\n".join(f"wrote {path}" for path in written) or "every file is what the types generate")


def _remembered(home: Home, choice: Choice, typed: list[str] | None) -> set[str]:
    """Options that the home remembers, and that were not typed."""
    kept = home.choice().overrides if choice.profile == home.choice().profile else {}
    return {f"--set {key}={value}" for key, value in kept.items()} - {f"--set {text}" for text in typed or []}


def _set_by(row: "Setting", remembered: set[str]) -> str:
    return f"{row.set_by} (remembered by the home)" if row.set_by in remembered else row.set_by


def _one(row: "Setting", remembered: set[str]) -> Table:
    """A setting, a line for each thing that is known of it."""
    table = Table(title=row.key, show_header=False)
    lines = {
        "value": _text(row.value),
        "set by": _set_by(row, remembered),
        "default": _text(row.default),
        "allowed": row.allowed,
        "unit": row.unit,
        "meaning": row.meaning,
        "read by": ", ".join(row.read_by) or "no asset: commands and pages alone",
    }
    for name, value in lines.items():
        if value:
            table.add_row(name, cell(value))
    return table


def _section(rows: list["Setting"], remembered: set[str], title: str) -> Table:
    """The settings of a section, a row each; those that were set in bold."""
    table = Table("setting", "value", "default", "allowed", "meaning", "set by", "read by", title=title)
    for row in rows:
        limits = ", ".join(filter(None, (row.allowed, row.unit)))
        readers = "all" if len(row.read_by) > MANY else "\n".join(row.read_by)
        cells = (row.key, _text(row.value), _text(row.default), limits, row.meaning, _set_by(row, remembered), readers)
        table.add_row(*map(cell, cells), style=_style(row))
    return table


def _profile(rows: list["Setting"], remembered: set[str], title: str) -> Table:
    """Every setting in short; those that were set in bold."""
    table = Table("setting", "value", "default", "set by", title=title)
    for row in rows:
        cells = (row.key, _text(row.value), _text(row.default), _set_by(row, remembered))
        table.add_row(*map(cell, cells), style=_style(row))
    return table


def _text(value: object) -> str:
    return value if isinstance(value, str) else flow(value)


def _style(row: "Setting") -> str | None:
    return None if row.set_by == DEFAULT.source else "bold"
