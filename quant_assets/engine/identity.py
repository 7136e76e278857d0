"""What an asset's sessions depend on beside their inputs: schema, code, shape and settings, in short and in full."""

import itertools
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from configs.settings import PluginVendor, Profile, Settings
from feature_store.code.access import reject_accesses
from feature_store.code.graph import Entries
from feature_store.code.identity import CodeIdentity, Root, code_identity
from feature_store.dataset import Dataset
from feature_store.decision_time import DecisionClock
from feature_store.hashing import content_hashes, digest_of
from feature_store.numeric_platform import PART, in_force
from feature_store.partition_table import PartitionTable
from feature_store.versioning import schema_text, schema_version
from quant_assets.engine.asset import CrossSection, ModelFit, Recursive, SessionAsset, Source, TimeSeries, Window
from quant_assets.engine.computation import Calculation, parameters
from quant_assets.engine.settings_seen import fields_seen, functions_of, selected_entries
from quant_assets.engine.views import View
from quant_resources.plugins import Plugin, feeding, plugins_of
from quant_resources.vendors.ingest.feeds import vendor_of

# What of the mechanism decides what a session holds, by kind of asset; what these call on themselves comes along.
# Reading and writing files are left out: contents are compared by hash wherever they are read back.
OF_EVERY_KIND: tuple[Root, ...] = (
    content_hashes,
    *((Dataset, name) for name in ("schema", "sort_key", "values", "empty")),
    *((Window, name) for name in ("first", "sessions", "values")),
    (DecisionClock, "decision_time"),
)
OF_COMPUTED: tuple[Root, ...] = ((PartitionTable, "latest_known_at"),)
OF_KIND: dict[type[SessionAsset], tuple[Root, ...]] = {
    Source: (),
    TimeSeries: (*OF_COMPUTED, (TimeSeries, "restated")),
    CrossSection: (*OF_COMPUTED, View),
    ModelFit: (*OF_COMPUTED, View, *((ModelFit, name) for name in ("refit_session", "previous_refit", "chain_start"))),
    Recursive: (*OF_COMPUTED, View),
}
WINDOWS = ("first_needed", "last_needed")
UNCOUNTED = frozenset({"folder", "end", "drop"})
"""Settings of a vendor that say where and until when rows come, not what they hold."""
CALCULATION: dict[type[SessionAsset], str] = {
    Source: "_source",
    TimeSeries: "_time_series",
    CrossSection: "_cross_sections",
    ModelFit: "_fits",
    Recursive: "steps",
}


@dataclass(frozen=True)
class Identity:
    """Parts of a fingerprint, and the texts that some of them are digests of."""

    parts: dict[str, str]
    texts: dict[str, str]


def identity(asset: SessionAsset, calculation: Calculation, runner: type) -> Identity:
    """Everything that the asset's sessions depend on but their inputs.

    Args:
        runner: the class that runs it, whose stamps are part of what is stored.
    """
    profile = calculation.profile
    vendor = vendor_of(calculation.vendor, asset.dataset)
    code = code_of(asset, profile, runner, type(calculation), vendor_classes(vendor, profile))
    settings = settings_of(asset, profile)
    digests = {name: digest_of([text]) for name, text in settings.items()}
    parts = {
        "schema": schema_version(asset.dataset),
        "code": code.digest,
        PART: in_force().identity,
        "shape": asset.shape(profile),
        **{f"config:{name}": digest for name, digest in digests.items()},
    }
    texts = {code.digest: code.as_text(), parts["schema"]: schema_text(asset.dataset)}
    return Identity(parts, texts | {digests[name]: text for name, text in settings.items()})


def code_of(
    asset: SessionAsset,
    profile: Profile,
    runner: type,
    calculation: type[Calculation] = Calculation,
    vendor: Sequence[type] = (),
) -> CodeIdentity:
    """Of the asset's function and the settings that it takes, or of the vendor, and of the mechanism that calls it.

    Args:
        profile: what it chooses of tables counts, and nothing else of them.

    Raises:
        AccessError: the asset's function reaches what is none of its arguments.
    """
    reject_access(asset, profile)
    own: list[Root] = [*vendor] if isinstance(asset, Source) else [asset.function, *settings_classes(asset)]
    entries = (*selected_entries(asset, profile), *_payload(asset, vendor))
    return code_identity(*own, *engine_roots(type(asset), runner, calculation), entries=entries)


def reject_access(asset: SessionAsset, profile: Profile) -> None:
    """
    Raises:
        AccessError: the asset's function reaches what is none of its arguments.
    """
    if not isinstance(asset, Source):
        reject_accesses(asset.name, asset.function, selected_entries(asset, profile))


def _payload(asset: SessionAsset, vendor: Sequence[type]) -> Iterator[Entries]:
    """Of a vendor that says in a table what makes the payload of each dataset, that of this one."""
    for kind in vendor:
        table = getattr(kind, "payload_table", None)
        if table and asset.name in getattr(sys.modules[kind.__module__], table):
            yield Entries(kind.__module__, table, (asset.name,))
            return


def engine_roots(kind: type[SessionAsset], runner: type, calculation: type[Calculation]) -> list[Root]:
    """What of the mechanism decides the content of an asset of the kind."""
    if kind is Source:  # a vendor stamps its own rows
        return [*OF_EVERY_KIND, (calculation, CALCULATION[kind])]
    windows: list[Root] = [(kind, name) for name in WINDOWS]
    stamps = ("stamped", "_fits") if kind is ModelFit else ("stamped",)
    of_runner = [(runner, name) for name in stamps]
    return [*OF_EVERY_KIND, *OF_KIND[kind], *windows, (calculation, CALCULATION[kind]), *of_runner]


def vendor_classes(vendor: object, profile: Profile) -> list[type]:
    """The classes of a vendor, of those that it passes questions on to, and of the settings that it is made from."""
    inner = [part for part in vars(vendor).values() if hasattr(part, "fetch") and hasattr(part, "parse")]
    kinds = [type(vendor), *(kind for part in inner for kind in vendor_classes(part, profile))]
    return list(dict.fromkeys([*kinds, type(profile.vendor), type(profile.market)]))


def settings_classes(asset: SessionAsset) -> list[type[Settings]]:
    """Classes of settings that the asset's function takes."""
    return list(_settings(parameters(asset.function)))


def _settings(declared: Iterable[tuple[str, object]]) -> Iterator[type[Settings]]:
    return (kind for _, kind in declared if isinstance(kind, type) and issubclass(kind, Settings))


def settings_of(asset: SessionAsset, profile: Profile) -> dict[str, str]:
    """The asset's own part of the config, as canonical JSON by slice: the fields that its functions see."""
    declared = [parameters(function) for function in (asset.function, *asset.checks.values())]
    own: dict[str, object] = {
        kind.__name__: _values(asset, kind, profile) for kind in _settings(itertools.chain(*declared))
    }
    if isinstance(asset, Source):
        own["vendor"] = _vendor_settings(asset, profile)
        own |= {name: getattr(profile.market, name) for name in asset.market_settings}
    if any(name == "seed" for name, _ in parameters(asset.function)):
        own["seed"] = profile.seed
    own["windows"] = {
        name: [window.dataset.name, window.sessions(profile), list(window.values(profile))]
        for name, window in asset.inputs.items()
    }
    own["history"] = str(profile.history.start)
    own["decision"] = profile.decision_minutes_before_open
    return {name: json.dumps(value, sort_keys=True, default=str) for name, value in own.items()}


def _vendor_settings(asset: Source, profile: Profile) -> object:
    """Of the vendor that serves it; those of a plugin's vendor are the plugin's."""
    if plugin := feeding(profile, asset.name):
        return _plugin_settings(profile, plugin)
    own = profile.vendor.model_dump(mode="json", exclude={*UNCOUNTED})
    makes = [
        p for p in plugins_of(profile) if isinstance(profile.vendor, PluginVendor) and profile.vendor.name in p.vendors
    ]
    return [own, *(_plugin_settings(profile, plugin) for plugin in makes)] if makes else own


def _plugin_settings(profile: Profile, plugin: Plugin) -> object:
    section = profile.plugin_settings.get(plugin.name)
    return section.model_dump(mode="json") if isinstance(section, Settings) else None


def _values(asset: SessionAsset, kind: type[Settings], profile: Profile) -> dict[str, object]:
    fields = fields_seen(functions_of(asset), kind, selected_entries(asset, profile))
    return profile.part(kind).model_dump(mode="json", include=set(fields))
