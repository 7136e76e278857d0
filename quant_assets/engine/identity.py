"""What an asset's sessions depend on beside their inputs: schema, code, shape and settings, in short and in full."""

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from configs.settings import Profile, Settings
from feature_store.code.identity import CodeIdentity, Root, code_identity
from feature_store.dataset import Dataset
from feature_store.decision_time import DecisionClock
from feature_store.hashing import content_hash, digest_of
from feature_store.versioning import schema_version
from quant_assets.engine.asset import SessionAsset, Window
from quant_assets.engine.computation import Calculation, View, parameters

# What of the mechanism decides what a session holds, by kind of asset; what these call on themselves comes along.
# Reading and writing files are left out: contents are compared by hash wherever they are read back.
OF_EVERY_KIND: tuple[Root, ...] = (
    content_hash,
    *((Dataset, name) for name in ("schema", "sort_key", "values", "empty")),
    *((Window, name) for name in ("first", "sessions", "values")),
    *((SessionAsset, name) for name in ("name", "first_needed")),
    (DecisionClock, "decision_time"),
)
VIEWS: tuple[Root, ...] = (View,)
OF_KIND: dict[str, tuple[Root, ...]] = {
    "source": (),
    "along_time": (),
    "per_session": VIEWS,
    "fit": (*VIEWS, *((SessionAsset, name) for name in ("refit_session", "previous_refit", "chain_start"))),
    "path": VIEWS,
}
CALCULATION = {
    "source": ("_source",),
    "along_time": ("_along_time",),
    "per_session": ("_per_session",),
    "fit": ("_fits",),
    "path": ("walk",),
}
RUNNER = {"fit": ("stamped", "latest_known", "_fits"), "source": ()}  # a vendor stamps its own rows
RUNNER_OF_OTHERS = ("stamped", "latest_known")


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
    code = code_of(asset, runner, type(calculation), vendor_classes(calculation.vendor, profile))
    settings = settings_of(asset, profile)
    digests = {name: digest_of([text]) for name, text in settings.items()}
    parts = {
        "schema": schema_version(asset.dataset),
        "code": code.digest,
        "shape": shape_of(asset, profile),
        **{f"config:{name}": digest for name, digest in digests.items()},
    }
    return Identity(parts, {code.digest: code.as_text(), **{digests[name]: text for name, text in settings.items()}})


def code_of(
    asset: SessionAsset, runner: type, calculation: type[Calculation] = Calculation, vendor: Sequence[type] = ()
) -> CodeIdentity:
    """Of the asset's function and the settings that it takes, or of the vendor, and of the mechanism that calls it."""
    own: list[Root] = [asset.function, *settings_classes(asset)] if asset.function else [*vendor]
    return code_identity(*own, *engine_roots(asset.kind, runner, calculation))


def engine_roots(kind: str, runner: type, calculation: type[Calculation]) -> list[Root]:
    """What of the mechanism decides the content of an asset of the kind."""
    methods = [(calculation, name) for name in CALCULATION[kind]]
    return [*OF_EVERY_KIND, *OF_KIND[kind], *methods, *((runner, name) for name in RUNNER.get(kind, RUNNER_OF_OTHERS))]


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


def shape_of(asset: SessionAsset, profile: Profile) -> str:
    """How the function is called, beside what the settings say."""
    reach = asset.restate_sessions(profile) if callable(asset.restate_sessions) else asset.restate_sessions
    return f"{asset.kind}|{asset.anchor}|{asset.entity}|{reach}|{asset.refit}|{asset.chained}"


def settings_of(asset: SessionAsset, profile: Profile) -> dict[str, str]:
    """The asset's own part of the config, as canonical JSON by slice."""
    declared = [parameters(function) for function in (asset.function, *asset.checks.values())]
    own: dict[str, object] = {
        kind.__name__: profile.part(kind).model_dump(mode="json") for kind in _settings(itertools.chain(*declared))
    }
    if asset.kind == "source":
        own["vendor"] = profile.vendor.model_dump(mode="json", exclude={"folder", "end", "drop"})
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
