"""What a function reaches besides its arguments, found in the text of all that it can call; rejected at load.

What no text shows is bounded when the function is called (`quant_assets.engine.access_guard`): attributes by names that
are put together at run time, what compiled libraries do by themselves.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType

import polars as pl

from feature_store.code import access_rules as rules
from feature_store.code.graph import Entries, Key
from feature_store.code.held import (
    changed_outside,
    functions_in,
    is_shared,
    is_undeclared_table,
    parts_of,
    state_kept_by,
    tables_in,
)
from feature_store.code.identity import Root, graph_of, name_of_key, on_forgetting
from feature_store.code.reach import Part, reached_by
from feature_store.code.runtime import held_by
from feature_store.code.sources import CodeIdentityError, Definition, Whole, is_first_party, source_of
from feature_store.code.uses import PACKAGED, Use


class AccessError(ValueError):
    """A function reaches beyond its inputs; the message names asset, function, place, what is reached and the fix."""


@dataclass(frozen=True)
class Access:
    """Something that a function must not reach.

    Attributes:
        definition: that reaches it, by its dotted name.
        what: for a person.
        instead: what to do.
    """

    definition: str
    place: str
    what: str
    instead: str

    def __str__(self) -> str:
        return f"{self.definition} ({self.place}) {self.what}; {self.instead}"


@cache
def accesses(root: Root, entries: tuple[Entries, ...] = ()) -> tuple[Access, ...]:
    """Everything that a root must not reach and whose text says so, in the order in which it was found."""
    found: dict[Access, None] = dict.fromkeys(held_accesses(root))
    for part in reached_by(root, entries):
        found |= dict.fromkeys(_of_place(part))
        found |= dict.fromkeys(access for use in part.uses if (access := rejected(part.name, use)))
    return tuple(found)


on_forgetting(accesses.cache_clear)


def accesses_in(module: str) -> tuple[Access, ...]:
    """As `accesses`, of all that a module defines, whether anything reaches it or not."""
    source = source_of(module)
    if source is None:
        raise CodeIdentityError(f"there is no module {module}")
    graph = graph_of(module)
    found: dict[Access, None] = {}
    keys: list[Key] = [*(Definition(module, name) for name in source.bindings), Whole(module)]
    for key in keys:
        uses = graph.node(key).uses
        found |= dict.fromkeys(access for use in uses if (access := rejected(name_of_key(key), use)))
    return tuple(found)


def reject_accesses(asset: str, root: Root, entries: tuple[Entries, ...] = ()) -> None:
    """
    Raises:
        AccessError: the root reaches what is none of its arguments.
    """
    found = accesses(root, entries)
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise AccessError(f"asset {asset}: {found[0]}{more}")


def rejected(definition: str, use: Use) -> Access | None:
    found = _rejection(use) or _of_another_package(definition, use)
    return Access(definition, use.place, *found) if found else None


def _of_another_package(definition: str, use: Use) -> tuple[str, str] | None:
    """Data files count in the identity of code that reads its own package's."""
    if use.kind != "call" or not use.what.startswith(PACKAGED) or not use.arguments.texts:
        return None
    own = use.arguments.texts[0].partition(".")[0] == definition.partition(".")[0]
    return None if own else (f"reads files of the package {use.arguments.texts[0]}", rules.DATA_FILE)


def _rejection(use: Use) -> tuple[str, str] | None:
    """What the use does and what to do instead; None where it may."""
    rule = _RULES.get(use.kind)
    return rule(use) if rule else None


def _method(use: Use) -> tuple[str, str] | None:
    advice = rules.CLOCK if use.what in rules.CLOCKS else rules.INPUT
    return (f"calls .{use.what}()", advice) if _is_called_badly(use) else None


def _attribute(use: Use) -> tuple[str, str] | None:
    if rules.INNARDS.fullmatch(use.what):
        return f"reaches .{use.what}", rules.NAME
    return (f"takes .{use.what}", rules.INPUT) if rules.METHODS.fullmatch(use.what) else None


def _is_called_badly(use: Use) -> bool:
    if use.what == "rvs":
        return "random_state" not in use.arguments.keywords
    return bool(rules.CALLED.fullmatch(use.what) or rules.METHODS.fullmatch(use.what))


def _name(use: Use) -> tuple[str, str] | None:
    if use.what in rules.GENERATORS or (use.kind == "import" and is_first_party(use.what.partition(".")[0])):
        return None  # by its call; by what is used of it
    for path in (use.what, rules.own_path(use.what), *rules.modules_on(use.what)):
        if path and path not in rules.GENERATORS and (advice := rules.rejected_name(path)) and not _reads_packaged(use):
            return f"uses {use.what.removeprefix('builtins.')}", advice
    if use.kind == "name" and isinstance(rules.resolved(use.what), ModuleType):
        return f"hands about the module {use.what}", rules.NAME
    return None


def _reads_packaged(use: Use) -> bool:
    return use.what.startswith(PACKAGED)


def _call(use: Use) -> tuple[str, str] | None:
    top = use.what.partition(".")[0]
    if use.what in rules.GENERATORS and not use.arguments.count:
        return f"makes {use.what} without a seed", rules.SEED
    if top in ("numpy", "pandas") and {"now", "today"} & {*use.arguments.texts}:
        return f"asks {use.what} for the time", rules.CLOCK
    if top == "lightgbm" and ("model_file" in use.arguments.keywords or use.what.endswith("register_logger")):
        return f"reads a file by {use.what}", rules.INPUT
    return None


def _written(use: Use) -> tuple[str, str] | None:
    module, _, name = use.what.rpartition(".")
    held = getattr(sys.modules.get(module), name, None)
    if isinstance(held, pl.Expr):  # its methods give another one
        return None
    return f"changes {use.what}, which outlives the call", rules.STATE


_RULES: dict[str, Callable[[Use], tuple[str, str] | None]] = {
    "name": _name,
    "import": _name,
    "call": _call,
    "call in memory": _call,
    "method": _method,
    "attribute": _attribute,
    "written": _written,
    "default": lambda use: (f"has the default {use.what}, which all calls share", rules.STATE),
    "cached": lambda use: (f"caches {use.what} by less than what it is given", rules.KEY),
}


def _of_place(part: Part) -> Iterator[Access]:
    """Definitions of the project that reach outside by what they are, and tables that lie in a module."""
    name, key = part.name, part.key
    if not isinstance(key, Definition | Whole):
        return
    top = key.module.partition(".")[0]
    if is_first_party(top) and rules.OURS_THAT_REACH.match(key.module):
        yield Access(name, key.module, "is no part of what calculates", f"{rules.INPUT}; {rules.SETTING}")
    if isinstance(key, Definition):
        held = held_by(key)
        if is_undeclared_table(held):
            yield Access(name, key.module, "is a table that no input declares", rules.INPUT)
        if is_shared(held):
            yield Access(name, key.module, f"is a {type(held).__name__} that all calls share", rules.STATE)
        if method := state_kept_by(held):
            yield Access(name, key.module, f"is an object that {method} changes, and outlives the call", rules.STATE)
        yield from held_accesses(held, tables=False)


def held_accesses(value: object, *, tables: bool = True) -> Iterator[Access]:
    """Of a function as it was made: what it holds from there, and changes.

    Args:
        tables: whether tables among what it was given count, however small.
    """
    for function in functions_in(value):
        name, place = f"{function.__module__}.{function.__qualname__}", function.__code__.co_filename
        at = f"{place}:{function.__code__.co_firstlineno}"
        for changed in changed_outside(function):
            yield Access(name, at, f"changes {changed}, which outlives the call", rules.STATE)
    for part in parts_of(value) if tables else ():
        if is_shared(part):
            yield Access(
                "a function", "where it is made", f"holds a {type(part).__name__} that all calls share", rules.SEED
            )
    for table in tables_in(value) if tables else ():
        yield Access("a function", "where it is made", f"holds {table}, which no input declares", rules.INPUT)
