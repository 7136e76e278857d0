"""YAML files, a profile, a data folder and single settings become one frozen `Profile`, and its hash."""

import difflib
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import ValidationError

from configs.settings import FilesVendor, HttpVendor, PluginVendor, Profile, Settings, SimulatedVendor, Table
from configs.settings.models import MODEL_SETTINGS

CONFIGS = Path(__file__).parent
SLICES = ("market", "quality", "macro", "features", "regimes", "alpha", "risk", "portfolio", "execution", "backtest")
VENDORS: dict[str, type[Settings]] = {
    "files": FilesVendor, "http": HttpVendor, "plugin": PluginVendor, "simulated": SimulatedVendor,
}  # fmt: skip
# Settings of which each value, or each entry of a list, is of one of these kinds
KINDS: dict[tuple[str | int, ...], Mapping[str, type[Settings]]] = {
    ("vendor",): VENDORS,
    ("alpha", "models"): MODEL_SETTINGS,
}
TABLES = tuple(name for name, field in FilesVendor.model_fields.items() if field.annotation == list[Table])

Tree = dict[str, Any]
Location = tuple[str | int, ...]


class ConfigError(ValueError):
    """A setting that is unknown, missing or out of bounds; says where it was written and the mend."""


def load(profile: str, data: Path | None = None, overrides: Mapping[str, str] | None = None) -> Profile:
    """The settings of a run: slice defaults, then the profile, then `data`, then `overrides`.

    Args:
        profile: name of a file in configs/profiles, or a path to a YAML file.
        data: folder that takes the place of the profile's `vendor.folder`; relative to the working folder.
        overrides: dotted key to value as YAML, for example {"portfolio.weight_cap": "0.03"}.
    """
    file = _profile_file(profile)
    layers: list[tuple[str, Tree]] = [(_shown(path), {path.stem: _read(path)}) for path in _slice_files()]
    layers.append((_shown(file), _read(file)))
    merged: Tree = {"name": file.stem}
    for _, tree in layers:
        merged = _merge(merged, tree)
    if data is not None:
        layers.append(("--data", _put_folder(merged, data, _shown(file))))
    for key, value in (overrides or {}).items():
        layers.append((f"--set {key}={value}", _put(merged, key, value)))
    return _with_plugin_folder(_resolve_folder(_validated(merged, layers), _shown(file)), file)


def profiles() -> list[str]:
    """Names of the profiles that come with the repository."""
    return sorted(path.stem for path in (CONFIGS / "profiles").glob("*.yaml"))


def config_hash(profile: Profile) -> str:
    """Hex digest of everything that people chose; the profile's name and the place of its data are left out."""
    chosen = profile.model_dump(mode="json", exclude={"name": True, "vendor": {"folder"}, "plugin_folder": True})
    if not profile.plugins:  # as before there were any
        chosen = {key: value for key, value in chosen.items() if key not in ("plugins", "plugin_settings")}
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()


def _slice_files() -> list[Path]:
    return [CONFIGS / f"{name}.yaml" for name in SLICES]


def _profile_file(profile: str) -> Path:
    if profile.endswith((".yaml", ".yml")):
        if not Path(profile).is_file():
            raise ConfigError(f"there is no profile file {profile}; pass a path that exists, or one of {profiles()}")
        return Path(profile)
    if profile not in profiles():
        raise ConfigError(
            f"there is no profile {profile!r}{_did_you_mean(profile, profiles())}; "
            f"choose one of {', '.join(profiles())}, or pass the path of a YAML file"
        )
    return CONFIGS / "profiles" / f"{profile}.yaml"


def _shown(path: Path) -> str:
    return str(path.relative_to(CONFIGS.parent)) if path.is_relative_to(CONFIGS.parent) else str(path)


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses a key written twice, where YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = sorted({str(key) for key in keys if keys.count(key) > 1})
        if twice:
            raise ConfigError(f"{', '.join(twice)} is written twice (line {node.start_mark.line + 1}); keep one")
        return super().construct_mapping(node, deep)


def _parsed(text: str, source: str) -> object:
    try:
        return yaml.load(text, _Loader)
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{source} is not YAML: {error}") from None


def _read(path: Path) -> Tree:
    tree = _parsed(path.read_text(encoding="utf-8"), _shown(path))
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{_shown(path)} holds a {type(tree).__name__}; write `key: value` lines")
    return tree


def _merge(below: Tree, above: Tree) -> Tree:
    """`above` laid over `below`: mappings are merged, everything else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(below.get(key), dict)
        merged[key] = _merge(below[key], value) if both else value
    return merged


def _put(tree: Tree, key: str, text: str) -> Tree:
    """Sets the dotted key inside `tree`; returns the change alone, as a layer."""
    source = f"--set {key}={text}"
    value = _parsed(text, source)
    *parents, leaf = key.split(".")
    node: object = tree
    for part in parents:
        node = _child(node, part, source)
    if isinstance(node, list):
        node[_position(node, leaf, source)] = value
    elif isinstance(node, dict):
        node[leaf] = value
    else:
        raise ConfigError(f"{source}: `{'.'.join(parents)}` is the single value {node!r} and has no `{leaf}`")
    layer: Tree = {leaf: value}
    for part in reversed(parents):
        layer = {part: layer}
    return layer


def _child(node: object, part: str, source: str) -> object:
    if isinstance(node, list):
        return node[_position(node, part, source)]
    if isinstance(node, dict):
        if not isinstance(node.get(part), dict | list):
            node[part] = {}
        return node[part]
    raise ConfigError(f"{source}: {node!r} has no `{part}`")


def _position(node: list[Any], part: str, source: str) -> int:
    if part.isdigit() and int(part) < len(node):
        return int(part)
    raise ConfigError(f"{source}: {part!r} is no position in a list of {len(node)}; count from 0")


def _put_folder(tree: Tree, data: Path, file: str) -> Tree:
    vendor = tree.get("vendor")
    if not isinstance(vendor, dict) or vendor.get("kind") != "files":
        raise ConfigError(f"--data {data}: the profile {file} reads no files; use --profile files for your own prices")
    vendor["folder"] = str(data.absolute())
    return {"vendor": {"folder": vendor["folder"]}}


def _resolve_folder(profile: Profile, file: str) -> Profile:
    vendor = profile.vendor
    if not isinstance(vendor, FilesVendor):
        return profile
    if vendor.folder is None:
        raise ConfigError(f"{file} names no vendor.folder; pass --data with the folder that holds your files")
    folder = (CONFIGS.parent / vendor.folder).resolve()
    return profile.model_copy(update={"vendor": vendor.model_copy(update={"folder": folder})})


def _with_plugin_folder(profile: Profile, file: Path) -> Profile:
    """Relative to the profile's file; the folder of a profile of the user's own where it names none."""
    beside = file.parent.resolve()
    named = profile.plugin_folder
    if named is None:
        own = profile.plugins and beside != (CONFIGS / "profiles").resolve()
        return profile.model_copy(update={"plugin_folder": beside}) if own else profile
    folder = (beside / named).resolve()
    if not folder.is_dir():
        raise ConfigError(f"{_shown(file)}: plugin_folder {named} is not there: {folder} is no folder")
    return profile.model_copy(update={"plugin_folder": folder})


def _validated(tree: Tree, layers: list[tuple[str, Tree]]) -> Profile:
    try:
        profile = Profile.model_validate(tree)
    except ValidationError as error:
        lines = [_complaint(dict(one), layers) for one in error.errors()]
        raise ConfigError("\n".join(lines)) from None
    for line in _hindsight(profile):
        raise ConfigError(f"{_source(('vendor',), layers)}: {line}")
    return profile


def _complaint(error: Mapping[str, Any], layers: list[tuple[str, Tree]]) -> str:
    """One validation error as: where it was written, key, value, what is wrong, and close matches."""
    where = _without_kinds(error["loc"])
    dotted, source = ".".join(map(str, where)), _source(where, layers)
    if error["type"] == "extra_forbidden":
        known = _fields_at(error["loc"][:-1])
        return (
            f"{source}: there is no setting `{dotted}`{_did_you_mean(str(where[-1]), known)}; "
            f"known here: {', '.join(known)}"
        )
    if error["type"] == "missing":
        return f"{source}: `{dotted}` is missing; write it"
    return f"{source}: {dotted} = {error['input']!r}: {error['msg']}"


def _without_kinds(where: Location) -> Location:
    """The location as it is written: without the names of kinds that pydantic puts in."""
    return tuple(part for i, part in enumerate(where) if not _kinds_at(where[:i]) or isinstance(part, int))


def _kinds_at(where: Location) -> Mapping[str, type[Settings]] | None:
    """The kinds of which the setting is one; for a list, those of its entries."""
    entry = bool(where) and isinstance(where[-1], int)
    return KINDS.get(where[:-1] if entry else where)


def _source(where: Location, layers: list[tuple[str, Tree]]) -> str:
    """The last layer that wrote the deepest known part of the location."""
    return max(enumerate(layers), key=lambda pair: (_depth(where, pair[1][1]), pair[0]))[1][0]


def _depth(where: Location, tree: object) -> int:
    for depth, part in enumerate(where):
        inside = tree.get(part, tree.get(str(part))) if isinstance(tree, dict) else None
        if isinstance(tree, list) and isinstance(part, int) and part < len(tree):
            inside = tree[part]
        if inside is None:
            return depth
        tree = inside
    return len(where)


def _fields_at(where: Location) -> list[str]:
    model: type[Settings] = Profile
    for i, part in enumerate(where):
        if isinstance(part, int):
            continue
        if kinds := _kinds_at(where[:i]):
            model = kinds[part]
            continue
        annotation = model.model_fields[part].annotation
        inner = [t for t in (annotation, *get_args(annotation)) if isinstance(t, type) and issubclass(t, Settings)]
        if inner:
            model = inner[0]
        elif where[: i + 1] not in KINDS:
            return []
    return list(model.model_fields)


def _did_you_mean(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def used_columns(table: Table) -> set[str]:
    """File columns that a table's mapping, filters and date of knowledge name."""
    named = {*table.columns.values(), *table.where, *table.drop, *table.unlinked, *table.items}
    named |= {by for item in table.items.values() if isinstance(item.months, dict) for by in item.months}
    return named | ({table.known_at.column} if table.known_at.column else set())


def _hindsight(profile: Profile) -> Iterator[str]:
    if not isinstance(profile.vendor, FilesVendor):
        return
    for name in TABLES:
        tables: list[Table] = getattr(profile.vendor, name)
        for table in tables:
            seen = sorted(used_columns(table) & set(table.hindsight))
            if seen and f"market/{name}" not in profile.exceptions:
                yield (
                    f"vendor.{name} uses {', '.join(seen)} of {table.file}, which nobody knew at the time; "
                    f"map another column, or name the reason under exceptions: {{market/{name}: why}}"
                )
