"""What functions hold from where they were made: tables that no input declares, and state that they change."""

import ast
import functools
import random
import sys
from collections.abc import Iterator, Mapping
from types import FunctionType

import numpy as np
import polars as pl

from feature_store.code.identity import on_forgetting
from feature_store.code.runtime import unwrapped
from feature_store.code.sources import Source, is_analysed, source_of
from feature_store.code.uses import changed_names

Functions = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
LARGEST_TABLE = 1_000  # rows of one that stands in a module
LARGEST_ARRAY = 1_000  # numbers of one that a function was given
DEEPEST = 6
MAKING = frozenset({"__init__", "__post_init__", "__new__", "__set_name__", "__setstate__"})


def is_undeclared_table(value: object) -> bool:
    """A table of a module that speaks of dates, or is too large for one that was written by hand."""
    if isinstance(value, pl.LazyFrame):
        return True
    frame = value.to_frame() if isinstance(value, pl.Series) else value
    if not isinstance(frame, pl.DataFrame):
        return False
    return frame.height > LARGEST_TABLE or any(dtype.is_temporal() for dtype in frame.dtypes)


def is_shared(value: object) -> bool:
    """A generator or another iterator: it stands where the call before has left it."""
    return isinstance(value, np.random.Generator | np.random.RandomState | random.Random) or (
        hasattr(value, "__next__") and not isinstance(value, type)
    )


def tables_in(value: object) -> list[str]:
    """Frames and large arrays among what a function was given when it was made."""
    return [written for part in _parts(value, DEEPEST) if (written := _as_table(part))]


def state_kept_by(value: object) -> str | None:
    """The method by which an object of a module changes itself after it was made; None where none does."""
    for kind in type(value).__mro__:
        methods = {n: m for n, m in vars(kind).items() if isinstance(m, FunctionType) and n not in MAKING}
        for name, method in methods.items() if is_analysed(kind.__module__) else ():
            _, node = node_of(method)
            if node and {*method.__code__.co_varnames[:1]} & changed_names(node):
                return f"{kind.__qualname__}.{name}"
    return None


def parts_of(value: object) -> list[object]:
    """The value, and all that it was given when it was made."""
    return [*_parts(value, DEEPEST)]


def functions_in(value: object) -> list[FunctionType]:
    """The function, and those that it was given when it was made."""
    return [part for part in _parts(value, DEEPEST) if isinstance(part, FunctionType)]


def changed_outside(function: FunctionType) -> list[str]:
    """Names outside of the function whose value it changes, and that live as long as the function does."""
    free = function.__code__.co_freevars
    _, node = node_of(function) if free else (None, None)
    return sorted(changed_names(node) & {*free}) if node else []


def _as_table(value: object) -> str | None:
    if isinstance(value, pl.DataFrame | pl.LazyFrame | pl.Series):
        return f"a {type(value).__name__}"
    return f"an array of {value.size}" if isinstance(value, np.ndarray) and value.size > LARGEST_ARRAY else None


def _parts(value: object, depth: int) -> Iterator[object]:
    """The value and what it holds."""
    yield value
    if depth == 0:
        return
    for part in _held(value):
        yield from _parts(part, depth - 1)


def _held(value: object) -> list[object]:
    if isinstance(value, functools.partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, Mapping):
        return [*value.values()]
    if isinstance(value, list | tuple | set | frozenset):
        return [*value]
    if not isinstance(value, FunctionType):
        plain = unwrapped(value)
        return [plain] if plain is not value and isinstance(plain, FunctionType) else []
    cells = [cell.cell_contents for cell in value.__closure__ or ()]
    return [*cells, *(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]


def node_of(function: FunctionType) -> tuple[Source | None, Functions | None]:
    """The module and the text of a function, by the line on which it begins."""
    code = function.__code__
    source = source_of(function.__module__)
    if source is None or source.path != code.co_filename:
        source = next((s for name in _modules_of(code.co_filename) if (s := source_of(name))), None)
    return source, _functions_of(source.module).get((code.co_name, code.co_firstlineno)) if source else None


@functools.cache
def _functions_of(module: str) -> dict[tuple[str, int], Functions]:
    """Functions in the text of a module, by name and line; of several on a line the first."""
    source = source_of(module)
    statements = {id(s): s for found in source.bindings.values() for s in found} if source else {}
    nodes = [n for statement in statements.values() for n in ast.walk(statement) if isinstance(n, Functions)]
    return {_begins(node): node for node in reversed(nodes)}


def _begins(node: Functions) -> tuple[str, int]:
    if isinstance(node, ast.Lambda):
        return "<lambda>", node.lineno
    return node.name, min(node.lineno, *(decorator.lineno for decorator in node.decorator_list), node.lineno)


def _modules_of(path: str) -> tuple[str, ...]:
    """Loaded modules that lie in the file: a decorator's function claims the module of what it wraps."""
    return _modules_by_file(len(sys.modules)).get(path, ())


@functools.lru_cache(1)
def _modules_by_file(_: int) -> dict[str, tuple[str, ...]]:
    """Looked through again where more or fewer are loaded."""
    found: dict[str, tuple[str, ...]] = {}
    for name, module in [*sys.modules.items()]:
        if isinstance(path := getattr(module, "__file__", None), str):
            found[path] = (*found.get(path, ()), name)
    return found


on_forgetting(_functions_of.cache_clear)
on_forgetting(_modules_by_file.cache_clear)
