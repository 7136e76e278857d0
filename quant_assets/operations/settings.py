"""Settings in force: value, default, what they may be, where they were set, and the assets that read them."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MethodType
from typing import Any

from configs.describe import REQUIRED, Description, describe, plain
from configs.errors import ConfigError, did_you_mean
from configs.layers import Location
from configs.load import Loaded
from configs.settings import Profile, Settings, SimulatedVendor
from quant_assets.engine.asset import SessionAsset, Source
from quant_assets.engine.computation import parameters
from quant_assets.engine.identity import UNCOUNTED
from quant_assets.engine.settings_seen import fields_seen, functions_of, selected_entries


@dataclass(frozen=True)
class Place:
    """Where a value stands in a profile.

    Attributes:
        where: the key, in parts.
        value: in force: settings, or a value of a field.
        field: that it is of; None for the profile itself.
        default: as JSON would hold it; REQUIRED where there is none.
    """

    where: Location
    value: object
    field: Description | None = None
    default: object = REQUIRED

    @property
    def key(self) -> str:
        return ".".join(map(str, self.where))


@dataclass(frozen=True)
class Setting:
    """What is known of one setting.

    Attributes:
        set_by: the file or option that wrote it; `default` where none did.
        read_by: names of the assets whose stored values may depend on it.
    """

    key: str
    value: object
    default: object
    unit: str
    allowed: str
    meaning: str
    set_by: str
    read_by: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def settings_below(loaded: Loaded, profile: Profile, assets: Sequence[SessionAsset], key: str = "") -> list[Setting]:
    """The setting of a dotted key, or all of a section; of a profile as a whole without a key.

    Args:
        loaded: where each setting was written.
        profile: the same, with the sections of its plugins in their types.
        assets: among which readers are looked for.

    Raises:
        ConfigError: there is no such key; the message has the closest ones.
    """
    settings = list(settings_of(place_of(profile, key)))
    read_by = {asset.name: keys_read(asset, profile) for asset in assets}
    return [_setting(place, loaded.writer(place.where), readers(place.where, read_by)) for place in settings]


def _setting(place: Place, set_by: str, read_by: tuple[str, ...]) -> Setting:
    field = place.field
    assert field is not None  # a place is of a field
    return Setting(
        place.key,
        plain(place.value),
        place.default,
        field.unit,
        field.allowed,
        field.meaning,
        set_by,
        read_by,
    )


# -- places ------------------------------------------------------------------------------------------------------------


def place_of(profile: Profile, key: str) -> Place:
    """Where a dotted key leads."""
    place = Place((), profile)
    for part in key.split(".") if key else ():
        inside = {str(each.where[-1]): each for each in _inside(place)}
        if part not in inside:
            raise ConfigError(_unknown(profile, key, place, list(inside)))
        place = inside[part]
    return place


def settings_of(place: Place) -> Iterator[Place]:
    """The single settings below a place; a value that holds no settings is one itself."""
    if not _holds_settings(place.value):
        yield place
        return
    for each in _inside(place):
        yield from settings_of(each)


def _holds_settings(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(isinstance(part, Settings) for part in value.values())
    if isinstance(value, list | tuple):
        return any(isinstance(part, Settings) for part in value)
    return isinstance(value, Settings)


def _inside(place: Place) -> Iterator[Place]:
    """What a value holds: fields of settings, entries of a mapping, positions of a list."""
    if isinstance(place.value, Settings):
        inherited = _default_of_kind(place)
        for name, field in describe(type(place.value)).items():
            yield Place((*place.where, name), getattr(place.value, name), field, _part(inherited, name, field.default))
    elif isinstance(place.value, Mapping):
        for name, value in place.value.items():
            yield Place((*place.where, name), value, place.field, _part(place.default, name, REQUIRED))
    elif isinstance(place.value, list | tuple):
        for i, value in enumerate(place.value):
            yield Place((*place.where, i), value, place.field)


def _default_of_kind(place: Place) -> object:
    """The default of settings; none where it is of another kind than the value."""
    default, kind = place.default, getattr(place.value, "kind", None)
    return default if isinstance(default, Mapping) and default.get("kind") == kind else REQUIRED


def _part(default: object, name: str, otherwise: object) -> object:
    return default[name] if isinstance(default, Mapping) and name in default else otherwise


def _unknown(profile: Profile, key: str, place: Place, inside: list[str]) -> str:
    every = [each.key for each in settings_of(Place((), profile))]
    last = key.rpartition(".")[2]
    named = [each for each in every if each.rpartition(".")[2] == last]
    close = f"; did you mean {' or '.join(named[:3])}?" if named else did_you_mean(key, every)
    known = f"; {place.key or 'the profile'} has {', '.join(inside)}" if inside else ""
    return f"there is no setting `{key}`{close}{known}"


# -- readers -----------------------------------------------------------------------------------------------------------


def readers(where: Location, read_by: Mapping[str, frozenset[Location]]) -> tuple[str, ...]:
    """Assets that read a setting: it, a part of it, or what it is a part of."""
    return tuple(
        name
        for name, keys in read_by.items()
        if any(where[: len(key)] == key or key[: len(where)] == where for key in keys)
    )


def keys_read(asset: SessionAsset, profile: Profile) -> frozenset[Location]:
    """Settings that what the asset stores may depend on: its code, its windows or its vendor read them."""
    keys: set[Location] = {("history", "start"), ("decision_minutes_before_open",)}
    keys |= {*_read_by_code(asset, profile), *options_read(asset, profile)}
    if isinstance(asset, Source):
        keys |= {("market", name) for name in asset.market_settings} | {*_counted(profile.vendor, ("vendor",))}
    makes_market = isinstance(asset, Source) and isinstance(profile.vendor, SimulatedVendor)
    if makes_market or any(name == "seed" for name, _ in parameters(asset.function)):
        keys.add(("seed",))
    return frozenset(keys)


def _read_by_code(asset: SessionAsset, profile: Profile) -> Iterator[Location]:
    functions = functions_of(asset)
    taken = {kind for function in functions for _, kind in parameters(function)}
    for where, settings in _sections(profile):
        if isinstance(settings, Settings) and type(settings) in taken:
            names = fields_seen(functions, type(settings), selected_entries(asset, profile))
            yield from ((*where, name) for name in names)


def _sections(profile: Profile) -> Iterator[tuple[Location, object]]:
    yield from (((name,), value) for name, value in profile)
    yield from ((("plugin_settings", name), value) for name, value in profile.plugin_settings.items())


def _counted(settings: Settings, where: Location) -> Iterator[Location]:
    """Settings of a vendor that count in what its sources store."""
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if field.exclude or name in UNCOUNTED:
            continue
        if isinstance(value, Settings):
            yield from _counted(value, (*where, name))
        else:
            yield (*where, name)


def options_read(asset: SessionAsset, profile: Profile) -> set[Location]:
    """Settings from which the lengths and columns of its windows, its options and its choices are computed."""
    read: set[Location] = set()
    recording: Any = _Recording(profile, (), read)
    asset.shape(recording)
    for window in asset.inputs.values():
        window.sessions(recording)
        window.values(recording)
    for choice in asset.choices:
        choice.keys(recording)
    return read


class _Recording:
    """Settings that keep the keys that are read from them."""

    def __init__(self, settings: Settings, where: Location, read: set[Location]) -> None:
        self._settings, self._where, self._read = settings, where, read

    def __getattr__(self, name: str) -> object:
        kind = type(self._settings)
        if name not in kind.model_fields:  # computed from fields, which are read here too
            made = getattr(kind, name)
            if isinstance(made, property):
                assert made.fget is not None  # all of them can be read
                return made.fget(self)
            return MethodType(made, self)
        value, where = getattr(self._settings, name), (*self._where, name)
        if isinstance(value, Settings):
            return _Recording(value, where, self._read)
        self._read.add(where)
        return value

    def part(self, kind: type[Settings]) -> "_Recording":
        """Of a profile: its section of a type."""
        assert isinstance(self._settings, Profile)
        (where,) = [where for where, value in _sections(self._settings) if type(value) is kind]
        return _Recording(self._settings.part(kind), where, self._read)
