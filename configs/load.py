"""YAML files, a profile, a data folder and single settings become one frozen `Profile`, and its hash."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from configs.defaults import default_tree
from configs.errors import ConfigError, did_you_mean
from configs.layers import CONFIGS, Layer, Location, Tree, merge, put, read_layer, shown, writer_of
from configs.settings import FilesVendor, Profile
from configs.validation import validated

DEFAULT = Layer("default", {})


@dataclass(frozen=True)
class Loaded:
    """A profile, and where each of its settings was written.

    Attributes:
        layers: the defaults, the profile's file, --data, and each --set; later ones override.
    """

    profile: Profile
    file: Path
    layers: tuple[Layer, ...]

    def writer(self, where: Location) -> str:
        """The source of the last layer that has the whole location; `default` where none has."""
        having = [layer for layer in self.layers if layer.depth(where) == len(where)]
        return writer_of(where, [DEFAULT, *having])


LoadPlugins = Callable[[tuple[str, ...], Path | None], object]  # by name, from a folder


def load(
    profile: str,
    data: Path | None = None,
    overrides: Mapping[str, str] | None = None,
    load_plugins: LoadPlugins | None = None,
) -> Profile:
    """The settings of a run: defaults, then the profile, then `data`, then `overrides`.

    Args:
        profile: name of a file in configs/profiles, or a path to a YAML file.
        data: folder that takes the place of the profile's `vendor.folder`; relative to the working folder.
        overrides: dotted key to value as YAML, for example {"portfolio.weight_cap": "0.03"}.
        load_plugins: called with the profile's plugins before it is validated, so that it may name kinds of theirs.

    Raises:
        ConfigError: names the file or option, the key, what is allowed and the fix.
    """
    loaded = load_layers(profile, data, overrides, load_plugins)
    return _resolve_folder(loaded.profile, loaded.file)


def load_layers(
    profile: str,
    data: Path | None = None,
    overrides: Mapping[str, str] | None = None,
    load_plugins: LoadPlugins | None = None,
) -> Loaded:
    """As `load`, with where each setting was written; a relative data folder stays as it is, or absent."""
    file = _profile_file(profile)
    written = read_layer(file)
    layers = [Layer(written.source, {"name": file.stem} | written.tree)]
    merged = merge(default_tree(), layers[0].tree)
    if data is not None:
        layers.append(_put_folder(merged, data, shown(file)))
    layers += [put(merged, key, value) for key, value in (overrides or {}).items()]
    folder = _plugin_folder(merged, file)
    if load_plugins is not None and _is_names(merged.get("plugins")):
        load_plugins(tuple(merged["plugins"]), folder)
    found = validated(merged, layers)
    if found.plugins:
        found = found.model_copy(update={"plugin_folder": folder})
    return Loaded(found, file, tuple(layers))


def profiles() -> list[str]:
    """Names of the profiles that come with the repository."""
    return sorted(path.stem for path in (CONFIGS / "profiles").glob("*.yaml"))


def config_hash(profile: Profile) -> str:
    """Hex digest of all settings; the profile's name and the place of its data are left out."""
    excluded = {"name": True, "vendor": {"folder"}, "plugin_folder": True}
    settings = profile.model_dump(mode="json", exclude=excluded)  # type: ignore[arg-type]
    if not profile.plugins:  # as before there were any
        settings = {key: value for key, value in settings.items() if key not in ("plugins", "plugin_settings")}
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _profile_file(profile: str) -> Path:
    if profile.endswith((".yaml", ".yml")):
        if not Path(profile).is_file():
            raise ConfigError(f"there is no profile file {profile}; pass a path that exists, or one of {profiles()}")
        return Path(profile)
    if profile not in profiles():
        raise ConfigError(
            f"there is no profile {profile!r}{did_you_mean(profile, profiles())}; "
            f"use one of {', '.join(profiles())}, or pass the path of a YAML file"
        )
    return CONFIGS / "profiles" / f"{profile}.yaml"


def _put_folder(tree: Tree, data: Path, file: str) -> Layer:
    vendor = tree.get("vendor")
    if not isinstance(vendor, dict) or vendor.get("kind") != "files":
        raise ConfigError(f"--data {data}: the profile {file} reads no files; use --profile files for your own prices")
    vendor["folder"] = str(data.absolute())
    return Layer("--data", {"vendor": {"folder": vendor["folder"]}})


def _resolve_folder(profile: Profile, file: Path) -> Profile:
    """The vendor's folder, relative to the repository, or to the file of a profile outside of it."""
    vendor = profile.vendor
    if not isinstance(vendor, FilesVendor):
        return profile
    if vendor.folder is None:
        raise ConfigError(f"{shown(file)} names no vendor.folder; pass --data with the folder that holds your files")
    beside = file.resolve().parent
    folder = ((CONFIGS.parent if beside.is_relative_to(CONFIGS) else beside) / vendor.folder).resolve()
    return profile.model_copy(update={"vendor": vendor.model_copy(update={"folder": folder})})


def _is_names(value: object) -> bool:
    """Whether it is a list of texts, as a validated profile would have it."""
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _plugin_folder(tree: Tree, file: Path) -> Path | None:
    """Relative to the profile's file; where none is named, the folder of a profile that is no built-in one."""
    beside, named = file.parent.resolve(), tree.get("plugin_folder")
    if not isinstance(named, str):
        return beside if beside != (CONFIGS / "profiles").resolve() else None
    folder = (beside / named).resolve()
    if not folder.is_dir():
        raise ConfigError(f"{shown(file)}: plugin_folder {named} is not there: {folder} is no folder")
    return folder
