"""What the README says of the code, as the code has it; `python -m tests.support.readme` writes it."""

import re
from collections.abc import Iterator
from pathlib import Path

from typer.core import TyperGroup
from typer.main import get_command

from configs.settings import Features
from feature_store.schemas.catalogue import DATASETS
from feature_store.schemas.stock_features import FEATURES
from quant_assets.cli.app import app
from quant_assets.features.catalogue import catalogue
from quant_assets.graph import core_assets

README = Path(__file__).parents[2] / "README.md"


def commands() -> Iterator[tuple[str, str]]:
    """Name and help of every command, those of groups by both names."""
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = command.commands.items() if isinstance(command, TyperGroup) else []
        yield from [(f"{name} {sub}", each.help) for sub, each in inner] or [(name, command.help)]


def table_of_commands() -> str:
    """Each command with the first paragraph of its help."""
    rows = [f"| `asof {name}` | {' '.join(text.split(chr(10) * 2)[0].split())} |" for name, text in commands()]
    return "\n".join(["| command | does |", "| -- | -- |", *rows])


def counts() -> str:
    """How much there is."""
    slices = {asset.dataset.slice for asset in core_assets()}
    return (
        f"{len(core_assets())} assets in {len(slices)} slices hold {len(DATASETS)} datasets, among them "
        f"{catalogue(Features()).height} features, {len(FEATURES)} of each stock from its own past."
    )


GENERATED = {"commands": table_of_commands, "counts": counts}


def part(text: str, name: str) -> str:
    """What stands between the marks of a generated part."""
    return re.findall(rf"<!-- {name}:begin -->\n(.*?)\n<!-- {name}:end -->", text, flags=re.DOTALL)[0]


def main() -> None:
    text = README.read_text()
    for name, make in GENERATED.items():
        mark = f"<!-- {name}:begin -->\n"
        text = text.replace(mark + part(text, name), mark + make())
    README.write_text(text)


if __name__ == "__main__":
    main()
