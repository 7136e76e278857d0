"""Options of the command line, each defined once; a command says by its parameters which it takes."""

from pathlib import Path
from typing import Annotated

import typer

from quant_resources.home import usual_workers

# Range and selection

From = Annotated[str | None, typer.Option("--from", help="first session, YYYY-MM-DD")]
To = Annotated[str | None, typer.Option("--to", help="last session, YYYY-MM-DD")]
_AS_OF = typer.Option("--as-of", help="YYYY-MM-DD (its decision time), or a timestamp with time zone")
AsOf = Annotated[str, _AS_OF]
AsOfIfAny = Annotated[str | None, _AS_OF]
Select = Annotated[list[str] | None, typer.Option("--select", help="dataset or slice (repeatable; default: all)")]
Sample = Annotated[int, typer.Option("--sessions", min=1, help="sessions to recompute, of each dataset")]
Everything = Annotated[bool, typer.Option("--all", help="recompute every stored session, not a sample")]

# Profile

ProfileName = Annotated[str | None, typer.Option(help="name or YAML path; default: the home's, else demo")]
Data = Annotated[str | None, typer.Option(help="data folder, in place of the profile's")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="KEY=VALUE (repeatable); the home remembers it, but not for a plan")
]
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

# Output

Json = Annotated[bool, typer.Option("--json", help="print JSON, for programs")]
Rows = Annotated[int, typer.Option("--rows", min=1, help="rows of a table on the terminal; --json prints all")]
Output = Annotated[Path | None, typer.Option(help="file of the page; default: reports/NAME.html of the home")]
Standalone = Annotated[
    bool, typer.Option("--standalone", help="write a page that needs no other file, to send it; about 5 MB")
]
WithPage = Annotated[bool, typer.Option("--page", help="write the page of it, too")]
Final = Annotated[bool, typer.Option("--final", help="include the hold-out; the trial ledger counts it")]
