"""Settings as an asset's functions see them: the fields that their code names, and no other.

What a function cannot see cannot move its values, so that another setting of the same slice makes nothing stale. A
field that the code gets at in a way that its text does not show is missing when it runs, which says so.
"""

from collections.abc import Callable
from functools import cache

from configs.settings import Profile, Settings
from feature_store.code.graph import Entries
from feature_store.code.identity import mentions
from quant_assets.engine.asset import SessionAsset

Functions = tuple[Callable[..., object], ...]


def functions_of(asset: SessionAsset) -> Functions:
    """The asset's own and those of its checks."""
    return (*([asset.function] if asset.function else []), *asset.checks.values())


def seen(asset: SessionAsset, kind: type[Settings], profile: Profile) -> Settings:
    """The profile's settings of one type, less the fields that no function of the asset names."""
    return _without(profile.part(kind), fields_seen(functions_of(asset), kind, selected_entries(asset, profile)))


def selected_entries(asset: SessionAsset, profile: Profile) -> tuple[Entries, ...]:
    """Of the tables that the asset's function looks into, what the settings choose."""
    return tuple(Entries(c.module, c.table, c.keys(profile)) for c in asset.choices)


@cache
def fields_seen(functions: Functions, kind: type[Settings], entries: tuple[Entries, ...] = ()) -> frozenset[str]:
    """Fields whose names stand in what the functions reach, or in methods of the settings that are named there."""
    named, methods = mentions(*functions, entries=entries), _methods(kind)
    while called := [name for name in methods if name in named]:
        methods = [name for name in methods if name not in called]
        named |= mentions(*((kind, name) for name in called))
    return frozenset(kind.model_fields) & named


def _methods(kind: type[Settings]) -> list[str]:
    """Of our own, without what checks settings when they are read."""
    decorators = kind.__pydantic_decorators__
    checking = {*decorators.model_validators, *decorators.field_validators}
    of_ours = [holder for holder in kind.__mro__ if issubclass(holder, Settings) and holder is not Settings]
    callables = [
        name
        for holder in of_ours
        for name, value in vars(holder).items()
        if callable(value) or isinstance(value, property | classmethod | staticmethod)
    ]
    return [name for name in callables if not name.startswith("__") and name not in checking]


def _without(settings: Settings, fields: frozenset[str]) -> Settings:
    hidden = [name for name in type(settings).model_fields if name not in fields]
    if not hidden:
        return settings
    copy = settings.model_copy()
    for name in hidden:
        del copy.__dict__[name]
    return copy
