"""docs/settings.md: every setting with its default, unit, bounds and meaning, from the types."""

import inspect
from collections.abc import Iterator, Sequence

from configs.defaults import SECTIONS, flow
from configs.describe import REQUIRED, Description, describe, kind_name
from configs.layers import CONFIGS
from configs.settings import Profile, Settings

DOCUMENT = CONFIGS.parent / "docs" / "settings.md"
LONGEST = 60  # characters of a default in a table; a longer one stands in its YAML file

INTRODUCTION = """# Settings

The settings of a run are a profile: a YAML file with the sections below. What it leaves out has the default, which
stands in the types of `configs/settings/`. Later layers override earlier ones: the defaults, the profile, `--data`,
each `--set KEY=VALUE`; mappings are merged key by key, lists are replaced. An unknown key, or a value that is not
allowed, is an error that names the file, the key and what is allowed.

`asof config show KEY` prints a setting or a section as it is in force, where it was set, and the assets that read it;
`asof config defaults` prints the defaults as YAML. `asof config defaults --write` generates this page and
`configs/*.yaml` from the types, and a test holds that they are what it writes."""


def reference() -> str:
    """The page as Markdown."""
    own = [field for field in describe(Profile).values() if not field.parts]
    parts = [INTRODUCTION, "## Profile", _sentences(Profile), _table(own, "")]
    for name, field in describe(Profile).items():
        for kind in field.parts:
            parts += _section(name, kind)
    return "\n\n".join(parts) + "\n"


def _section(name: str, kind: type[Settings]) -> Iterator[str]:
    """A heading, the table of its keys, and the same for each class of settings that its values hold."""
    yield f"## {_title(name, kind)}"
    yield _sentences(kind)
    yield _table(list(describe(kind).values()), name)
    for part, keys in _held(name, kind).items():
        yield f"### {_title(_enumerated(keys), part)}"
        yield _sentences(part)
        yield _table(list(describe(part).values()), "")


def _held(name: str, kind: type[Settings]) -> dict[type[Settings], list[str]]:
    """Classes of settings below a section, each with the keys whose values are of it."""
    held: dict[type[Settings], list[str]] = {}
    for field in describe(kind).values():
        for part in field.parts:
            held.setdefault(part, []).append(f"{name}.{field.name}")
            for inner, keys in _held(f"{name}.{field.name}", part).items():
                held.setdefault(inner, []).extend(keys)
    return held


def _title(key: str, kind: type[Settings]) -> str:
    name = kind_name(kind)
    return f"{key}, kind: {name}" if name else key


def _enumerated(keys: list[str], shown: int = 3) -> str:
    more = f" and {len(keys) - shown} more" if len(keys) > shown else ""
    return ", ".join(f"`{key}`" for key in keys[:shown]) + more


def _sentences(kind: type[Settings]) -> str:
    return inspect.cleandoc(kind.__doc__ or "")


def _table(fields: Sequence[Description], section: str) -> str:
    rows = [_row(field, section) for field in fields]
    return "\n".join(["| key | default | unit | allowed | meaning |", "| -- | -- | -- | -- | -- |", *rows])


def _row(field: Description, section: str) -> str:
    cells = (f"`{field.name}`", _default(field, section), field.unit, field.allowed, field.meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(field: Description, section: str) -> str:
    if field.default == REQUIRED or (field.parts and field.default):
        return REQUIRED if field.default == REQUIRED else "below"
    text = flow(field.default)
    if len(text) > LONGEST and section in SECTIONS:
        return f"[{section}.yaml](../configs/{section}.yaml)"
    return f"`{text}`"
