"""The defaults of a profile's sections: as a tree, and as the YAML files of this folder, generated from the types."""

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from configs.describe import Description, describe, plain
from configs.layers import CONFIGS, Tree
from configs.settings import Profile, Settings

SECTIONS = tuple(
    name
    for name, field in Profile.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Settings) and not field.is_required()
)
"""Keys of a profile whose settings all have a default."""

WIDTH = 120


def default_tree() -> Tree:
    """Every default, as a profile would write it."""
    return {name: plain(_default(name)) for name in SECTIONS}


def default_files() -> dict[str, str]:
    """Name to text of the YAML files, one a section: each key with its meaning, unit and bounds."""
    return {f"{name}.yaml": section_yaml(name) for name in SECTIONS}


def write_defaults(folder: Path = CONFIGS) -> list[Path]:
    """Writes the YAML files; returns those that changed."""
    texts = {folder / name: text for name, text in default_files().items()}
    changed = [path for path, text in texts.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in changed:
        path.write_text(texts[path], encoding="utf-8")
    return changed


def section_yaml(section: str) -> str:
    settings = _default(section)
    kind = type(settings)
    title = (kind.__doc__ or section).strip().splitlines()[0]
    module = kind.__module__.replace(".", "/")
    head = [
        f"# {title}",
        f"# Generated from {module}.py by `asof config defaults --write`; not read by anything.",
        f"# To change a value, write it into a profile or pass --set {section}.KEY=VALUE.",
        "",
    ]
    return "\n".join([*head, *_mapping(settings)]) + "\n"


def _default(section: str) -> Settings:
    settings = Profile.model_fields[section].default
    assert isinstance(settings, Settings)
    return settings


# -- YAML --------------------------------------------------------------------------------------------------------------


def _mapping(settings: Settings) -> Iterator[str]:
    """Lines of the keys of settings, each below its comment."""
    for name, field in describe(type(settings)).items():
        if name != "kind":  # what an entry of a list is needs no words beside it
            yield from _comment(field)
        yield from _entry(name, getattr(settings, name))


def _comment(field: Description) -> list[str]:
    limits = ", ".join(part for part in (field.unit, field.allowed) if part not in ("", "settings", "text"))
    text = f"{field.meaning} [{limits}]" if limits else field.meaning
    return textwrap.wrap(text, WIDTH - 8, initial_indent="# ", subsequent_indent="#   ", break_on_hyphens=False)


def _entry(name: str, value: object) -> list[str]:
    if isinstance(value, Settings):
        return [f"{name}:", *_indented(_mapping(value))]
    if isinstance(value, Sequence) and value and all(isinstance(part, Settings) for part in value):
        return [f"{name}:", *(line for part in value for line in _item(part))]
    line = f"{name}: {flow(plain(value))}"
    if len(line) <= WIDTH and not (isinstance(value, dict) and value):
        return [line]
    return [f"{name}:", *_indented(yaml.safe_dump(plain(value), sort_keys=False, width=WIDTH).splitlines())]


def _item(settings: Settings) -> list[str]:
    """An entry of a list: its keys behind a dash."""
    first, *rest = _mapping(settings)
    return [f"  - {first}", *(f"    {line}" for line in rest)]


def _indented(lines: Iterator[str] | list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def flow(value: object) -> str:
    """A value as YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...")
