"""Everything that can run when a function is called, with what each part asks of the world around it.

Of a function that is made inside of another one, only itself: what makes assets may know of more than what is stored.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import cast

from feature_store.code.graph import Entries, Graph, Key
from feature_store.code.held import functions_in, node_of
from feature_store.code.identity import Root, name_of_key, of_root, on_forgetting, uncollected
from feature_store.code.normal_form import NormalForm
from feature_store.code.sources import Definition, Whole, is_ours
from feature_store.code.tokens import Files
from feature_store.code.uses import Use


@dataclass(frozen=True)
class Part:
    """A definition that a root reaches.

    Attributes:
        key: None of a function that was made inside of another.
    """

    name: str
    key: Key | None
    uses: tuple[Use, ...]


@cache
def reached_by(root: Root, entries: tuple[Entries, ...] = ()) -> tuple[Part, ...]:
    """The root's own parts first."""
    with uncollected():
        return tuple(_parts(root, entries))


@cache
def packages_with_files(root: Root) -> frozenset[str]:
    """Packages whose data files the root reads, and its identity counts."""
    return frozenset(part.key.package for part in reached_by(root) if isinstance(part.key, Files))


on_forgetting(reached_by.cache_clear)
on_forgetting(packages_with_files.cache_clear)


def _parts(root: Root, entries: tuple[Entries, ...]) -> Iterator[Part]:
    graph, keys, _ = of_root(root, entries)
    start, inside = list(keys), _made_inside(root, graph)
    for function, form in inside:
        outer = function.__qualname__.partition(".")[0]
        makers = (Definition(function.__module__, outer), Whole(function.__module__))
        start = [key for key in start if key not in makers]
        yield Part(f"{function.__module__}.{function.__qualname__}", None, tuple(form.recorder.uses))
    references = cast(list[Key], [key for _, form in inside for key in form.references])
    for key in graph.reached([*start, *references]):
        yield Part(name_of_key(key), key, graph.node(key).uses)


def _made_inside(root: Root, graph: Graph) -> Sequence[tuple[FunctionType, NormalForm]]:
    """Functions that no name of a module binds, each read by itself."""
    found = []
    for function in functions_in(root):
        unnamed = "<" in function.__qualname__ and is_ours(function.__module__, graph.also)
        source, node = node_of(function) if unnamed else (None, None)
        if source and node:
            form = NormalForm(graph.names, source)
            form.alone(node, function.__code__.co_freevars)
            found.append((function, form))
    return found
