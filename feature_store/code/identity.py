"""The identity of code by what it does: a hash over the definitions that it reaches, and the libraries under them.

Counted are a used function, class, constant, default, decorator, whatever changes a used name at import, the functions
and classes in a used container, and libraries by version. Not counted are names and places of definitions, their order,
comments, docstrings, annotations, names of local variables, and whatever nothing used refers to.

What cannot be seen in the text: a function's own name, docstring or annotations read when it runs; data (not functions
or classes) that one module puts into another's container by calling a function of it; files outside the package that
reads them.
"""

import gc
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from feature_store.code import runtime
from feature_store.code.closures import made
from feature_store.code.graph import Entries, Graph, Key, Member, class_at, files_of
from feature_store.code.libraries import library_versions
from feature_store.code.sources import CodeIdentityError, Definition, add_plugin, is_first_party, source_of
from feature_store.code.tokens import Files
from feature_store.hashing import digest_of

Root = Callable[..., object] | type | tuple[type, str]


@dataclass(frozen=True)
class CodeIdentity:
    """What code depends on.

    Attributes:
        digest: equal where the code does the same with the same libraries.
        definitions: hash of each reached definition alone, by its dotted name.
        references: what each refers to, in the order in which it does.
        libraries: version by distribution.
    """

    digest: str
    definitions: dict[str, str]
    references: dict[str, tuple[str, ...]]
    libraries: dict[str, str]

    def as_text(self) -> str:
        # not `asdict`, which copies thousands of names one by one: 6 ms, and a run asks several times an asset
        return json.dumps(vars(self), sort_keys=True, separators=(",", ":"))

    @staticmethod
    def from_text(text: str) -> "CodeIdentity":
        raw = json.loads(text)
        references = {name: tuple(targets) for name, targets in raw["references"].items()}
        return CodeIdentity(raw["digest"], raw["definitions"], references, raw["libraries"])


def code_identity(*roots: Root, entries: Sequence[Entries] = ()) -> CodeIdentity:
    """Of functions, classes, and methods as (class, name).

    Args:
        entries: of their tables only these count.

    Raises:
        CodeIdentityError: a dependency that only a run could tell; the message names file and line.
    """
    return _identity(tuple(dict.fromkeys(roots)), tuple(entries))


@cache
def mentions(*roots: Root, entries: tuple[Entries, ...] = ()) -> frozenset[str]:
    """Names of attributes and texts that stand in what the roots reach: what code can ask an object for by name.

    A name that is put together when the code runs is not among them.
    """
    of_roots = [(graph, keys) for graph, keys, _ in (of_root(root, entries) for root in roots)]
    return frozenset().union(*(graph.mentions(key) for graph, keys in of_roots for key in graph.reached(keys)))


def code_version(*roots: Root) -> str:
    return code_identity(*roots).digest


@cache
def _identity(roots: tuple[Root, ...], entries: tuple[Entries, ...]) -> CodeIdentity:
    with uncollected():
        return _derived(roots, entries)


@contextmanager
def uncollected() -> Iterator[None]:
    """Syntax trees are many objects and no garbage: looking through them for some takes as long as parsing."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _derived(roots: Sequence[Root], entries: tuple[Entries, ...]) -> CodeIdentity:
    of_roots = [of_root(root, entries) for root in roots]
    reached = {key: graph for graph, keys, _ in of_roots for key in graph.reached(keys)}
    libraries = library_versions({name for key, graph in reached.items() for name in graph.node(key).libraries})
    digests = sorted({digest_of([*texts, *(graph.digest(key) for key in keys)]) for graph, keys, texts in of_roots})
    names = {key: name_of_key(key) for key in reached}
    return CodeIdentity(
        digest_of([*digests, *(f"{name}=={version}" for name, version in libraries.items())]),
        {names[key]: graph.node(key).text for key, graph in reached.items()},
        {names[key]: tuple(names[ref] for ref in graph.node(key).references) for key, graph in reached.items()},
        libraries,
    )


@cache
def _graph(also: str, entries: tuple[Entries, ...] = ()) -> Graph:
    return Graph(also, entries, _graph(also)) if entries else Graph(also)


def count_as_ours(top: str) -> None:
    """A plugin's top-level package counts by its content, like the project's, even where it is installed."""
    if add_plugin(top):
        forget()


_forgetting: list[Callable[[], None]] = [
    cached.cache_clear for cached in (_identity, mentions, _graph, source_of, files_of, class_at)
]


def forget() -> None:
    """Read every source again: for tests that write modules."""
    for clear in _forgetting:
        clear()


def on_forgetting(clear: Callable[[], None]) -> None:
    """Call this whenever sources are read again."""
    _forgetting.append(clear)


# -- roots -------------------------------------------------------------------------------------------------------------


def of_root(root: Root, entries: tuple[Entries, ...] = ()) -> tuple[Graph, list[Key], list[str]]:
    """The graph in which it is read, where to begin, and what is plain in it."""
    if isinstance(root, tuple):
        owner, name = root
        graph = graph_of(owner.__module__, entries)
        member = graph.member(owner, name)
        if member is None:
            raise CodeIdentityError(f"{owner.__qualname__} has no {name} in its text")
        return graph, [member], []
    plain = runtime.unwrapped(root)
    graph = graph_of(getattr(plain, "__module__", None) or "", entries)
    made_of = made(root, graph.also)
    return graph, [*made_of.keys], made_of.texts


def graph_of(module: str, entries: tuple[Entries, ...] = ()) -> Graph:
    """Where the definitions of a module are read."""
    top = module.partition(".")[0]
    return _graph("" if is_first_party(top) else top, entries)


def name_of_key(key: Key) -> str:
    if isinstance(key, Definition):
        return f"{key.module}.{key.name}"
    if isinstance(key, Member):
        own = f"{key.holder.__module__}.{key.holder.__qualname__}.{key.name}"
        return own if key.owner is key.holder else f"{own} of {key.owner.__qualname__}"
    if isinstance(key, Files):
        return f"files of {key.package}"
    return f"{key.module}.{key.attribute or '*'}"


# -- what differs ------------------------------------------------------------------------------------------------------


def differences(before: CodeIdentity, after: CodeIdentity) -> list[str]:
    """What changed from one to the other, as text; empty where nothing did."""
    renamed = _renamed(before, after)
    was = {renamed.get(name, name): name for name in before.definitions}
    said = []
    for name in sorted({*was, *after.definitions}):
        if name not in after.definitions:
            said.append(f"definition {name} removed")
        elif name not in was:
            said.append(f"definition {name} added")
        else:
            said += _changed(name, was[name], before, after, renamed)
    for name in sorted({*before.libraries, *after.libraries}):
        old, new = before.libraries.get(name), after.libraries.get(name)
        if old != new:
            said.append(f"library {name} {old or 'none'} -> {new or 'none'}")
    return said


def _changed(
    name: str, old: str, before: CodeIdentity, after: CodeIdentity, renamed: Mapping[str, str]
) -> Sequence[str]:
    if before.definitions[old] != after.definitions[name]:
        return [f"definition {name} changed"]
    refers = tuple(renamed.get(target, target) for target in before.references.get(old, ()))
    now = after.references.get(name, ())
    moved = [f"{a} -> {b}" for a, b in zip(refers, now, strict=True) if a != b]
    return [f"definition {name} refers to other definitions: {', '.join(moved)}"] if moved else []


def _renamed(before: CodeIdentity, after: CodeIdentity) -> dict[str, str]:
    """Definitions that are there under another name, where only one can be meant."""
    gone = _by_hash({name: text for name, text in before.definitions.items() if name not in after.definitions})
    new = _by_hash({name: text for name, text in after.definitions.items() if name not in before.definitions})
    return {names[0]: new[text][0] for text, names in gone.items() if len(names) == 1 and len(new.get(text, ())) == 1}


def _by_hash(definitions: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, text in definitions.items():
        found.setdefault(text, []).append(name)
    return found
