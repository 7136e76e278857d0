"""What lives longer than a call: values of modules that a root reaches, and what its functions hold, as a digest.

Compared before and after a call: what differs is state that one call leaves to the next.
"""

import functools
from collections.abc import Collection, Mapping
from types import FunctionType, ModuleType

import numpy as np
import polars as pl

from feature_store.code.graph import Entries
from feature_store.code.held import functions_in
from feature_store.code.identity import Root
from feature_store.code.reach import reached_by
from feature_store.code.runtime import held_by, is_settings, unwrapped
from feature_store.code.sources import Definition, is_analysed
from feature_store.dataset import Dataset
from feature_store.hashing import content_hash, digest_of

DEEPEST = 8
PLAIN = (str, bytes, int, float, complex, bool, type(None))


def outliving(root: Root, entries: tuple[Entries, ...] = ()) -> dict[str, str]:
    """Digest of each value that lives longer than a call, by the name of what holds it."""
    found = {}
    for part in reached_by(root, entries):
        name, held = part.name, held_by(part.key) if isinstance(part.key, Definition) else None
        if held is not None and not isinstance(held, Dataset) and not is_settings(held):
            found[name] = digest_of(_written(held, DEEPEST, set()))
    for i, function in enumerate(functions_in(root)):
        found[f"{i}. {function.__qualname__}"] = digest_of(_of_function(function, DEEPEST, set()))
    return found


def _written(value: object, depth: int, seen: set[int]) -> list[str]:
    """Texts that differ where the content does; of what cannot be looked into, its type alone."""
    if isinstance(value, PLAIN):
        return [repr(value)]
    if depth == 0 or id(value) in seen:
        return ["..."]
    seen = {*seen, id(value)}
    if isinstance(value, np.ndarray | pl.DataFrame | pl.Series):
        return _of_table(value)
    if isinstance(value, Mapping | set | frozenset | list | tuple):
        return _of_container(value, depth, seen)
    return _of_object(value, depth, seen)


def _of_table(value: np.ndarray | pl.DataFrame | pl.Series) -> list[str]:
    if isinstance(value, np.ndarray):
        return [str(value.dtype), str(value.shape), "" if value.dtype.hasobject else value.tobytes().hex()]
    frame = value.to_frame() if isinstance(value, pl.Series) else value
    return [str(frame.columns), content_hash(frame)]


def _of_container(value: Collection[object], depth: int, seen: set[int]) -> list[str]:
    if isinstance(value, set | frozenset):
        return ["{", *sorted(digest_of(_written(part, depth - 1, seen)) for part in value), "}"]
    parts = [part for pair in value.items() for part in pair] if isinstance(value, Mapping) else [*value]
    return ["[", *(text for part in parts for text in _written(part, depth - 1, seen)), "]"]


def _of_object(value: object, depth: int, seen: set[int]) -> list[str]:
    plain = unwrapped(value)
    if isinstance(plain, FunctionType):
        return _of_function(plain, depth, seen)
    if isinstance(value, ModuleType | Dataset) or is_settings(value):
        return [type(value).__name__]
    kind = value if isinstance(value, type) else type(value)
    own = vars(value) if hasattr(value, "__dict__") else {}
    if not is_analysed(kind.__module__):
        return _iterated(value, depth, seen)
    parts = ((name, part) for holder in kind.__mro__ for name, part in vars(holder).items())
    lazily = {name for name, part in parts if isinstance(part, functools.cached_property)}
    names = [name for name in own if name not in lazily and not name.startswith(("__", "_abc_"))]
    if isinstance(value, type):
        names = [name for name in names if not callable(own[name]) and not hasattr(own[name], "__get__")]
    return [kind.__name__, *(text for name in names for text in (name, *_written(own[name], depth - 1, seen)))]


def _iterated(value: object, depth: int, seen: set[int]) -> list[str]:
    """Containers of libraries, such as a deque; a generator's place."""
    if isinstance(value, np.random.Generator):
        return [repr(value.bit_generator.state)]
    if hasattr(value, "__len__") and hasattr(value, "__iter__") and type(value).__module__ == "collections":
        return ["(", *(text for part in [*value] for text in _written(part, depth - 1, seen)), ")"]
    return [type(value).__qualname__]


def _of_function(function: FunctionType, depth: int, seen: set[int]) -> list[str]:
    """What it holds, and attributes that were given to it."""
    if not is_analysed(function.__module__):
        return [function.__qualname__]
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    own = {name: value for name, value in vars(function).items() if name != "__wrapped__"}
    return _written([cells, function.__defaults__, function.__kwdefaults__, own], depth - 1, seen)
