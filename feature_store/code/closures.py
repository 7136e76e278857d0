"""Functions and classes as values: the definition that made them, and what they were given when they were made."""

import ast
import functools
import inspect
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, time, timedelta
from types import FunctionType, ModuleType

import numpy as np
import polars as pl

from feature_store.code.runtime import unwrapped
from feature_store.code.sources import CodeIdentityError, Definition, Whole, is_ours, source_of
from feature_store.hashing import content_hash

PLAIN = (str, bytes, int, float, bool, type(None), date, time, timedelta)


@dataclass
class Made:
    """Where something was defined, and plain values that it holds besides.

    Attributes:
        keys: definitions and modules, in the order in which they were found.
        texts: plain values, written out.
    """

    keys: list[Definition | Whole] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)


def made(value: object, also: str) -> Made:
    """Of a function or a class.

    Args:
        also: a top-level package or module that is analysed beside the project's.

    Raises:
        CodeIdentityError: something else, or what no module defines.
    """
    if isinstance(inner := getattr(value, "__wrapped__", None), functools.partial):
        value = inner
    if inspect.ismethod(value) and not isinstance(value.__self__, type):
        raise CodeIdentityError(f"{value!r} is a method of an instance, which may hold anything; name a function")
    if not isinstance(unwrapped(value), FunctionType | type):
        raise CodeIdentityError(f"{value!r} is neither a function nor a class; name one that is defined in a module")
    made_of = Made()
    _enter(value, made_of, also)
    return made_of


def _enter(value: object, made_of: Made, also: str) -> None:
    if isinstance(value, PLAIN):
        made_of.texts.append(repr(value))
    elif isinstance(value, ModuleType):
        made_of.keys.append(Whole(value.__name__))
    elif isinstance(value, functools.partial):
        for part in (value.func, value.args, value.keywords):
            _enter(part, made_of, also)
    elif isinstance(plain := unwrapped(value), FunctionType | type):
        _define(plain, made_of, also)
    elif isinstance(value, Mapping):
        made_of.texts.append("{")
        for key, part in value.items():
            _enter(key, made_of, also)
            _enter(part, made_of, also)
    elif isinstance(value, list | tuple):
        made_of.texts.append("[")
        for part in value:
            _enter(part, made_of, also)
    elif isinstance(value, set | frozenset):
        _enter_set(value, made_of)
    elif is_dataclass(value):
        _enter(type(value), made_of, also)
        _enter({one.name: getattr(value, one.name) for one in fields(value)}, made_of, also)
    else:
        made_of.texts.append(_in_bytes(value).hex())


def _in_bytes(value: object) -> bytes:
    """The same in every process, as a pickle need not be."""
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return f"{value.dtype.str} {value.shape} ".encode() + value.tobytes()
    if isinstance(value, pl.Expr):
        return value.meta.serialize()
    if isinstance(value, pl.DataFrame | pl.Series):
        frame = value.to_frame() if isinstance(value, pl.Series) else value
        return f"{type(value).__name__} {frame.columns} {content_hash(frame)}".encode()
    raise CodeIdentityError(
        f"a function holds {value!r}, whose content cannot be identified; give it plain values, collections of these, "
        "dataclasses, arrays, frames or Polars expressions"
    )


def _enter_set(values: Set[object], made_of: Made) -> None:
    """In an order of its own: that of a set changes from process to process."""
    if unknown := [value for value in values if not isinstance(value, PLAIN)]:
        raise CodeIdentityError(f"a function holds a set with {unknown[0]!r}; give it plain values, or a tuple")
    made_of.texts += ["{", *sorted(map(repr, values))]


def _define(plain: FunctionType | type, made_of: Made, also: str) -> None:
    """A definition of a module; of what is made inside a function, that one and what it was given."""
    module, (name, _, rest) = plain.__module__, plain.__qualname__.partition(".")
    if not is_ours(module, also):
        made_of.texts.append(f"{module}.{plain.__qualname__}")
        return
    source = source_of(module)
    if source is None or (name not in source.bindings and not name.startswith("<")):
        raise CodeIdentityError(f"{module} does not say what {plain.__qualname__} is; define it there")
    made_of.keys.append(Whole(module) if name.startswith("<") else Definition(module, name))
    if rest:
        made_of.texts.append(rest)
    if isinstance(plain, FunctionType) and plain.__name__ == "<lambda>":
        statements = source.bindings[name] if name in source.bindings else _everything(source.bindings.values())
        made_of.texts.append(f"lambda {_lambdas_before(statements, plain.__code__.co_firstlineno)}")
    if isinstance(plain, FunctionType) and "<" in plain.__qualname__:
        cells = [cell.cell_contents for cell in plain.__closure__ or ()]
        for value in (cells, plain.__defaults__, plain.__kwdefaults__):
            _enter(value, made_of, also)


def _everything(bindings: Iterable[list[ast.stmt]]) -> list[ast.stmt]:
    return list(dict.fromkeys(statement for statements in bindings for statement in statements))


def _lambdas_before(statements: Iterable[ast.stmt], line: int) -> int:
    """Which of several it is."""
    return sum(isinstance(n, ast.Lambda) and n.lineno < line for s in statements for n in ast.walk(s))
