"""What users' own packages add to the platform: found by name, checked as a whole, rejected by name.

A profile names modules, or entry points of the group `asof.plugins` of installed packages. Each of them holds one
`Plugin`. Nothing is added by being installed alone.
"""

import importlib
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import PathFinder
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Protocol

from pydantic import ValidationError

from configs.errors import ConfigError, did_you_mean
from configs.settings import Profile, Settings
from configs.validation import complaints
from feature_store.code.identity import count_as_ours
from feature_store.dataset import Dataset
from feature_store.schemas.catalogue import DATASETS
from quant_resources.vendors.protocol import Vendor

GROUP = "asof.plugins"
ATTRIBUTE = "PLUGIN"
DATASET_NAME = re.compile(r"[a-z][a-z0-9_]*/[a-z][a-z0-9_]*")  # names folders, views of SQL and assets of Dagster
NAME = re.compile(r"[a-z][a-z0-9_]*")

VendorMaker = Callable[[Profile, Path], Vendor]


class PluginError(ConfigError):
    """A plugin that cannot be loaded, or that does not fit; names the plugin, the fault and the fix."""


class Declared(Protocol):
    """A session asset: one of the kinds of `quant_assets.engine.asset`."""

    @property
    def name(self) -> str: ...

    @property
    def dataset(self) -> Dataset: ...

    @property
    def datasets(self) -> tuple[Dataset, ...]: ...


class DeclaredPage(Protocol):
    """A kind of report page: a `quant_assets.reporting.protocol.Page`."""

    @property
    def name(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """What a package adds; a module holds it as `PLUGIN`.

    Attributes:
        name: of its section under `plugin_settings`, and in messages; lower case.
        assets: session assets of its own datasets: features, labels, detectors, fits, whatever is stored.
        strategies: session assets whose rows are expected returns (`feature_store.schemas.alpha.strategy_dataset`);
            `alpha/combined` merges them with those of the models.
        settings: type of its section; functions of its assets take it as they take the platform's.
        vendors: by name, what makes a vendor that serves every source of the market; a profile chooses it with
            `vendor: {kind: plugin, name: NAME}`. It is given the profile and the folder that keeps what arrives.
        feed: makes the vendor of the plugin's own sources, beside whatever vendor serves the market.
        pages: of reports; `asof page NAME` writes them.
    """

    name: str
    assets: Sequence[Declared] = ()
    strategies: Sequence[Declared] = ()
    settings: type[Settings] | None = None
    vendors: Mapping[str, VendorMaker] = field(default_factory=dict)
    feed: VendorMaker | None = None
    pages: Sequence[DeclaredPage] = ()

    @property
    def every_asset(self) -> list[Declared]:
        return [*self.assets, *self.strategies]

    @property
    def datasets(self) -> dict[str, Dataset]:
        """What its assets store, by name."""
        return {asset.name: asset.dataset for asset in self.every_asset}


def plugins_of(profile: Profile) -> tuple[Plugin, ...]:
    """The profile's plugins, in its order.

    Raises:
        PluginError: one cannot be loaded, or clashes with the platform or with another.
    """
    return load_plugins(profile.plugins, profile.plugin_folder)


def datasets_of(profile: Profile) -> dict[str, Dataset]:
    """Every dataset by name: the platform's, then those of the profile's plugins."""
    return DATASETS | {name: d for plugin in plugins_of(profile) for name, d in plugin.datasets.items()}


def with_plugin_settings(profile: Profile) -> Profile:
    """The profile with each plugin's section in that plugin's own type; defaults where there is no section.

    Raises:
        PluginError: a section of no plugin, or one that its type rejects.
    """
    plugins = plugins_of(profile)
    typed = {plugin.name: plugin.settings for plugin in plugins if plugin.settings}
    for name in profile.plugin_settings:
        if name not in typed:
            known = ", ".join(typed) or "no plugin of this profile that has settings"
            raise PluginError(
                f"plugin_settings.{name} belongs to no plugin{did_you_mean(name, typed)}; there is {known}"
            )
    sections = {name: _section(name, kind, profile.plugin_settings.get(name) or {}) for name, kind in typed.items()}
    return profile.model_copy(update={"plugin_settings": sections}) if sections else profile


def feeding(profile: Profile, dataset: str) -> Plugin | None:
    """The plugin whose feed serves a source; None of the platform's own."""
    return next((plugin for plugin in plugins_of(profile) if plugin.feed and dataset in plugin.datasets), None)


def _section(name: str, kind: type[Settings], section: object) -> Settings:
    if isinstance(section, kind):
        return section
    try:
        return kind.model_validate(section)
    except ValidationError as error:
        raise PluginError(complaints(error, root=kind, at=("plugin_settings", name))) from None


# -- loading -----------------------------------------------------------------------------------------------------------


@cache
def load_plugins(names: tuple[str, ...], folder: Path | None) -> tuple[Plugin, ...]:
    """The plugins of these modules or entry points, in their order.

    Args:
        folder: where modules may lie that are not installed.

    Raises:
        PluginError: one cannot be loaded, or clashes with the platform or with another.
    """
    found = {name: _loaded(name, folder) for name in names}
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise PluginError(f"plugins names {twice[0]} twice; keep one")
    for name, plugin in found.items():
        _require_sound(name, plugin)
    _require_apart(found)
    return tuple(found.values())


def _loaded(name: str, folder: Path | None) -> Plugin:
    entry = _entry_point(name)
    module_name, _, attribute = (entry.value if entry else name).partition(":")
    if folder is not None and str(folder) not in sys.path:
        sys.path.append(str(folder))  # last: what is installed is never hidden by a file beside a profile
        importlib.invalidate_caches()
    module = _imported(name, module_name, folder)
    count_as_ours(module_name.partition(".")[0])
    found = getattr(module, attribute or ATTRIBUTE, None)
    if not isinstance(found, Plugin):
        what = f"has no {attribute or ATTRIBUTE}" if found is None else f"holds a {type(found).__name__} there"
        raise PluginError(
            f"plugin {name}: {module_name} ({module.__file__}) {what}; "
            f"write {attribute or ATTRIBUTE} = Plugin(name=..., assets=[...]) into it"
        )
    return found


def _entry_point(name: str) -> EntryPoint | None:
    found = list(entry_points(group=GROUP, name=name))
    if len(found) > 1:
        brought = ", ".join(sorted(entry.dist.name if entry.dist else entry.value for entry in found))
        raise PluginError(f"plugin {name}: several installed packages bring it: {brought}; uninstall all but one")
    return found[0] if found else None


def _imported(name: str, module: str, folder: Path | None) -> ModuleType:
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module}.".startswith(f"{error.name}."):
            raise PluginError(f"plugin {name}: there is no module {error.name}; {_where_from(folder)}") from None
        raise PluginError(_broken(name, module, error)) from error
    except (Exception, SystemExit) as error:
        raise PluginError(_broken(name, module, error)) from error
    _require_from_folder(name, found, folder)
    return found


def _where_from(folder: Path | None) -> str:
    installed = sorted(entry_points(group=GROUP).names)
    beside = f"put its package into {folder}, beside the profile" if folder else "name it in a profile file beside it"
    known = f"; installed plugins: {', '.join(installed)}" if installed else ""
    return f"{beside}, install it, or add its folder to PYTHONPATH{known}"


def _broken(name: str, module: str, error: BaseException) -> str:
    """Where and how an import failed: the last line of the traceback that is the user's own."""
    trace, place = error.__traceback__, ""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if not file.startswith("<frozen") and file not in {importlib.__file__, __file__}:
            place = f" ({file}, line {trace.tb_lineno})"
        trace = trace.tb_next
    if isinstance(error, SyntaxError):
        place = f" ({error.filename}, line {error.lineno})"
    return (
        f"plugin {name}: importing {module} failed: {type(error).__name__}: {error}{place}; "
        "fix it, or take the plugin out of the profile"
    )


def _require_from_folder(name: str, module: ModuleType, folder: Path | None) -> None:
    """A package of the same name that came first would be taken for the one beside the profile."""
    top = module.__name__.partition(".")[0]
    beside = PathFinder.find_spec(top, [str(folder)]) if folder else None
    places = [*(beside.submodule_search_locations or [str(beside.origin)])] if beside else []
    loaded = sys.modules[top]
    here = [str(place) for place in getattr(loaded, "__path__", [loaded.__file__])]
    if places and not {_resolved(place) for place in places} & {_resolved(place) for place in here}:
        raise PluginError(
            f"plugin {name}: {top} was loaded from {here[0]}, and the profile's folder holds another at {places[0]}; "
            "rename one of them"
        )


def _resolved(place: str) -> Path:
    return Path(place).resolve()


# -- what fits ---------------------------------------------------------------------------------------------------------


def _require_sound(name: str, plugin: Plugin) -> None:
    """Each part of the plugin is what it says."""
    if not NAME.fullmatch(plugin.name):
        raise PluginError(f"plugin {name}: its name {plugin.name!r} must be lower case, with digits and _ at most")
    for where, asset in _places(plugin):
        if not isinstance(getattr(asset, "datasets", None), tuple):
            raise PluginError(
                f"plugin {plugin.name}: {where} is a {type(asset).__name__} and no session asset; "
                "declare it as one, for example TimeSeries(DATASET, function, {'bars': trailing(BARS, 21)})"
            )
        if not DATASET_NAME.fullmatch(asset.name):
            raise PluginError(
                f"plugin {plugin.name}: the dataset {asset.name!r} must be named slice/name, in lower case"
            )
        if asset.name in DATASETS:
            raise PluginError(
                f"plugin {plugin.name}: the platform has a dataset {asset.name}; "
                f"rename yours, for example {plugin.name}/{asset.name.partition('/')[2]}"
            )
    if plugin.settings is not None and not (
        isinstance(plugin.settings, type) and issubclass(plugin.settings, Settings)
    ):
        raise PluginError(f"plugin {plugin.name}: settings must be a class that inherits configs.settings.Settings")


def _places(plugin: Plugin) -> Iterator[tuple[str, Declared]]:
    for attribute in ("assets", "strategies"):
        for i, asset in enumerate(getattr(plugin, attribute)):
            yield f"{attribute}[{i}]", asset


def _require_apart(plugins: Mapping[str, Plugin]) -> None:
    """Nothing is there twice."""
    for what in ("plugin", "dataset", "vendor", "page"):
        owners: dict[str, str] = {}
        for written, plugin in plugins.items():
            for name in _brought(plugin)[what]:
                if name in owners:
                    raise PluginError(f"{owners[name]} and {written} both bring a {what} {name}; rename one of them")
                owners[name] = written


def _brought(plugin: Plugin) -> dict[str, list[str]]:
    """Names that nothing else may have."""
    return {
        "plugin": [plugin.name],
        "dataset": [asset.name for asset in plugin.every_asset],
        "vendor": list(plugin.vendors),
        "page": [page.name for page in plugin.pages],
    }
