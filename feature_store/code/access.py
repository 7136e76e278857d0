"""What a function reaches besides its arguments, found in the text of all that it can call; rejected at load.

What no text shows is bounded when the function is called (`quant_assets.engine.access_guard`): attributes by names that
are put together at run time, what compiled libraries do by themselves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType

from feature_store.code import access_rules as rules
from feature_store.code.graph import Entries, Key
from feature_store.code.held import changed_outside, functions_in, is_undeclared_table, tables_in
from feature_store.code.identity import Root, on_forgetting, reached_by
from feature_store.code.runtime import held_by
from feature_store.code.sources import Definition, Whole, is_first_party
from feature_store.code.uses import Use



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
    for name, key, uses in reached_by(root, entries):
        found |= dict.fromkeys(_of_place(name, key))
        found |= dict.fromkeys(access for use in uses if (access := rejected(name, use)))
    return tuple(found)


on_forgetting(accesses.cache_clear)


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
    judged = _judged(use)
    return Access(definition, use.place, *judged) if judged else None


def _judged(use: Use) -> tuple[str, str] | None:
    """What the use does and what to do instead; None where it may."""
    match use.kind:
        case "name" | "import":
            return _name(use)
        case "call" | "call in memory":
            return _call(use)
        case "method" if _is_called_badly(use):
            return f"calls .{use.what}()", rules.CLOCK if use.what in rules.CLOCKS else rules.INPUT
        case "attribute" if rules.INNARDS.fullmatch(use.what):
            return f"reaches .{use.what}", rules.NAME
        case "attribute" if rules.METHODS.fullmatch(use.what):
            return f"takes .{use.what}", rules.INPUT
        case "written":
            return f"changes {use.what}, which outlives the call", rules.STATE
        case "default":
            return f"has the default {use.what}, which all calls share", rules.STATE
        case "cached":
            return f"caches {use.what} by less than what it is given", rules.KEY
    return None


def _is_called_badly(use: Use) -> bool:
    if use.what == "rvs":
        return "random_state" not in use.keywords
    return bool(rules.CALLED.fullmatch(use.what) or rules.METHODS.fullmatch(use.what))


def _name(use: Use) -> tuple[str, str] | None:
    if use.what in rules.GENERATORS:
        return None  # by its call
    for path in (use.what, rules.own_path(use.what), *rules.modules_on(use.what)):
        if path and path not in rules.GENERATORS and (advice := rules.rejected_name(path)) and not _reads_packaged(use):
            return f"uses {use.what.removeprefix('builtins.')}", advice
    if use.kind == "name" and isinstance(rules.resolved(use.what), ModuleType):
        return f"hands about the module {use.what}", rules.NAME
    return None


def _reads_packaged(use: Use) -> bool:
    return use.what.startswith("importlib.resources") or use.what == "pkgutil.get_data"


def _call(use: Use) -> tuple[str, str] | None:
    top = use.what.partition(".")[0]
    if use.what in rules.GENERATORS and not use.arguments:
        return f"makes {use.what} without a seed", rules.SEED
    if top in ("numpy", "pandas") and {"now", "today"} & {*use.texts}:
        return f"asks {use.what} for the time", rules.CLOCK
    if top == "lightgbm" and ("model_file" in use.keywords or use.what.endswith("register_logger")):
        return f"reads a file by {use.what}", rules.INPUT
    return None


def _of_place(name: str, key: Key) -> Iterator[Access]:
    """Definitions of the project that reach outside by what they are, and tables that lie in a module."""
    if not isinstance(key, Definition | Whole):
        return
    top = key.module.partition(".")[0]
    if is_first_party(top) and rules.OURS_THAT_REACH.match(key.module):
        yield Access(name, key.module, "is no part of what calculates", f"{rules.INPUT}; {rules.SETTING}")
    if isinstance(key, Definition):
        held = held_by(key)
        if is_undeclared_table(held):
            yield Access(name, key.module, "is a table that no input declares", rules.INPUT)
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
    for table in tables_in(value) if tables else ():
        yield Access("a function", "where it is made", f"holds {table}, which no input declares", rules.INPUT)
