"""What the text of a module does not say: the datasets that its names hold, and what has been registered in them."""

import functools
import importlib
import inspect
from collections.abc import Iterator, Mapping
from types import FunctionType, ModuleType

from feature_store.code.sources import Definition
from feature_store.dataset import Dataset
from feature_store.versioning import schema_version

CONTAINERS = (Mapping, list, tuple, set, frozenset)
PLAIN = (str, int, float, bool, type(None))
SETTINGS = ("configs", "Settings")


def held_by(definition: Definition) -> object:
    """The value of a module-level name; None where importing the module items none."""
    return getattr(importlib.import_module(definition.module), definition.name, None)


def datasets_in(value: object) -> str | None:
    """A dataset, or a container of datasets and plain values, by their schemas; None of anything else."""
    if isinstance(value, Dataset):
        return schema_version(value)
    if not isinstance(value, CONTAINERS) or not any(isinstance(item, Dataset) for item in _nested(value)):
        return None
    if not all(isinstance(item, (Dataset, *PLAIN)) for item in _nested(value)):
        return None
    return _written(value)


def _written(value: object) -> str:
    if isinstance(value, Dataset):
        return schema_version(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_written(k)}:{_written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, set | frozenset):
        return "{" + ",".join(sorted(map(_written, value))) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_written, value)) + "]"
    return repr(value)


def _nested(value: object, depth: int = 0) -> Iterator[object]:
    if not isinstance(value, CONTAINERS) or isinstance(value, str) or depth > 5:
        yield value
        return
    parts = [*value.keys(), *value.values()] if isinstance(value, Mapping) else value
    for part in parts:
        yield from _nested(part, depth + 1)


def registered(value: object) -> list[Definition | str]:
    """Functions and classes in a container, in its order, with the plain values beside them.

    A set has no order: of one, they come by name.
    """
    if not isinstance(value, CONTAINERS):
        return []
    items = list(_nested(value))
    found: list[Definition | str] = []
    for item in items:
        if definition := definition_of(item):
            found.append(definition)
        elif isinstance(item, PLAIN):
            found.append(repr(item))
    if not any(isinstance(item, Definition) for item in found):
        return []
    return sorted(found, key=str) if isinstance(value, set | frozenset) else found


def definition_of(value: object) -> Definition | None:
    """The module-level definition that made a function or a class; None of other values, and of what has no name."""
    plain = unwrapped(value)
    if not isinstance(plain, FunctionType | type):
        return None
    name = plain.__qualname__.partition(".")[0]
    return None if name.startswith("<") else Definition(plain.__module__, name)


def unwrapped(value: object) -> object:
    """Behind decorators that say what they wrap, partial application, and Numba's compilation."""
    while True:
        if isinstance(value, functools.partial):
            value = value.func
        elif isinstance(value, staticmethod | classmethod) or inspect.ismethod(value):
            value = value.__func__
        elif isinstance(inner := _inner(value), FunctionType | functools.partial):
            value = inner
        else:
            return value


def _inner(value: object) -> object:
    return getattr(value, "py_func", None) or getattr(value, "__wrapped__", None)


def is_settings(value: object) -> bool:
    """Whether a class's fields are settings, which count by their values."""
    package, name = SETTINGS
    return isinstance(value, type) and any(
        kind.__name__ == name and kind.__module__.partition(".")[0] == package for kind in value.__mro__
    )


def settings_in(kind: type) -> list[Definition]:
    """Classes of settings that are fields of this one."""
    fields: Mapping[str, object] = getattr(kind, "model_fields", {})
    found = [part for f in fields.values() for part in _classes(getattr(f, "annotation", None)) if is_settings(part)]
    return [Definition(part.__module__, part.__qualname__) for part in dict.fromkeys(found)]


def _classes(annotation: object) -> Iterator[type]:
    if isinstance(annotation, type) and not getattr(annotation, "__args__", ()):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _classes(part)


def is_module(value: object) -> bool:
    return isinstance(value, ModuleType)
