"""Definitions with what they refer to, and one hash for each with all that it reaches."""

import ast
import copy
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import cast

from feature_store.code import runtime
from feature_store.code.effects import changing
from feature_store.code.normal_form import NormalForm
from feature_store.code.resolver import Resolver
from feature_store.code.sources import CodeIdentityError, Definition, Source, Whole, is_ours, source_of
from feature_store.code.tokens import Files
from feature_store.code.uses import Use
from feature_store.dataset import Dataset
from feature_store.hashing import digest_of

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Member:
    """An attribute of a class as an instance of `owner` finds it: in `holder`, which is the class or one above it."""

    owner: type
    holder: type
    name: str


Key = Definition | Whole | Files | Member


@dataclass(frozen=True)
class Node:
    """A definition by itself: the hash of its own tokens, what stands in their holes, and what it asks of the world."""

    text: str
    references: tuple[Key, ...]
    libraries: frozenset[str]
    uses: tuple[Use, ...] = ()


@dataclass(frozen=True)
class Entries:
    """The entries of a table that are read: a dictionary at the top of a module, written out.

    What other modules have put into the table besides is there under its key like the rest.
    """

    module: str
    table: str
    keys: tuple[str, ...]


class Graph:
    """Definitions by what they are; each is read once.

    Args:
        also: a top-level package or module that is analysed beside the project's.
        entries: of their tables nothing else counts.
        like: a graph that reads all else.
    """

    def __init__(self, also: str, entries: Sequence[Entries] = (), like: "Graph | None" = None) -> None:
        self.names: Resolver = like.names if like else Resolver(also)
        self.also = also
        self._tables = {Definition(of.module, of.table): of.keys for of in entries}
        self._like = like
        self._nodes: dict[Key, Node] = {}
        self._digests: dict[Key, str] = {}
        self._mentions: dict[Key, frozenset[str]] = {}

    # -- nodes -------------------------------------------------------------------------------------------------------

    def node(self, key: Key) -> Node:
        if self._like and key not in self._tables:
            return self._like.node(key)
        if key not in self._nodes:
            self._nodes[key] = self._made(key)
        return self._nodes[key]

    def _made(self, key: Key) -> Node:
        if isinstance(key, Definition):
            return self._definition(key)
        if isinstance(key, Whole):
            return self._module(key)
        if isinstance(key, Files):
            return Node(files_of(key.package), (), frozenset())
        return self._member(key)

    def _definition(self, key: Definition) -> Node:
        source = self._source(key.module)
        statements = source.bindings.get(key.name, [])
        form = NormalForm(self.names, source)
        if not all(isinstance(statement, Function) for statement in statements):
            held = runtime.held_by(key)
            if key in self._tables:
                held, statements = self._narrowed(key, held, source)
            if (schemas := runtime.datasets_in(held)) is not None:
                kind = Definition(Dataset.__module__, Dataset.__qualname__)
                return Node(digest_of(["dataset", schemas]), (kind,), frozenset())
            if runtime.is_settings(held):
                return self._settings(held, source, key)
            self._register(form, held)
        for statement in dict.fromkeys([*statements, *changing(source, self.names).get(key.name, [])]):
            form.add(statement, key.name)
        return _node(form)

    def _narrowed(self, key: Definition, held: object, source: Source) -> tuple[object, list[ast.stmt]]:
        """The table with the entries that are read alone; as it is where its module changes what it wrote out."""
        statements = source.bindings.get(key.name, [])
        changed = changing(source, self.names).get(key.name)
        return (held, statements) if changed else _with_keys(held, statements, self._tables[key])

    def _settings(self, kind: object, source: Source, key: Definition) -> Node:
        form = NormalForm(self.names, source)
        for statement in source.bindings[key.name]:
            if isinstance(statement, ast.ClassDef):
                form.klass(statement, fields=False)
        for part in runtime.settings_in(cast(type, kind)):
            form.references.setdefault(part, len(form.references))
        # what a library makes of a setting is in the value that counts
        return replace(_node(form), libraries=frozenset())

    def _register(self, form: NormalForm, held: object) -> None:
        """What a registry holds, whoever put it there."""
        for part in runtime.registered(held):
            if isinstance(part, str):
                form.tokens.append(part)
            elif is_ours(part.module, self.also) and part.name in self._source(part.module).bindings:
                form.tokens.append(f"r{form.references.setdefault(part, len(form.references))}")

    def _module(self, key: Whole) -> Node:
        source = self._source(key.module)
        targets = {name: self.names.of(source, name) for name in sorted(source.bindings)}
        ours = {name: target for name, target in targets.items() if isinstance(target, Definition | Whole)}
        statements = NormalForm(self.names, source)
        statements.every(source.effects)
        references = cast(tuple[Key, ...], tuple(dict.fromkeys([*statements.references, *ours.values()])))
        text = digest_of(["module", key.attribute, statements.digest(), *ours])
        return replace(_node(statements), text=text, references=references)

    def _member(self, key: Member) -> Node:
        source = self._source(key.holder.__module__)
        form = NormalForm(self.names, source, OwnClass(self, key.owner, key.holder))
        klass = _class(source, key.holder)
        form.tokens.append(key.name)
        for decorator in klass.decorator_list:
            form.visit(decorator)
        for statement in klass.body:
            if isinstance(statement, Function) and statement.name == key.name:
                form.method(statement)
            elif isinstance(statement, ast.Assign | ast.AnnAssign) and key.name in _assigned(statement):
                form.attribute(statement, [name for other in klass.body for name in _names_bound(other)])
        return _node(form)

    def _source(self, module: str) -> Source:
        source = source_of(module)
        if source is None:
            raise CodeIdentityError(f"there is no module {module}")
        return source

    def member(self, owner: type, name: str, above: type | None = None) -> Member | None:
        """The attribute as an instance of the class finds it; None where no class of ours says it.

        Args:
            above: look only in what comes after this class.
        """
        order = owner.__mro__[owner.__mro__.index(above) + 1 :] if above else owner.__mro__
        for holder in order:
            if holder is not object and is_ours(holder.__module__, self.also):
                klass = _class(self._source(holder.__module__), holder)
                if any(name in _names_bound(statement) for statement in klass.body):
                    return Member(owner, holder, name)
        return None

    # -- mentions ------------------------------------------------------------------------------------------------------

    def mentions(self, key: Key) -> frozenset[str]:
        """Names of attributes and texts in a definition."""
        if key not in self._mentions:
            nodes = (node for tree in self._trees(key) for node in ast.walk(tree))
            self._mentions[key] = frozenset(text for node in nodes for text in _mentioned(node))
        return self._mentions[key]

    def _trees(self, key: Key) -> Sequence[ast.AST]:
        if isinstance(key, Member):
            klass = _class(self._source(key.holder.__module__), key.holder)
            return [statement for statement in klass.body if key.name in _names_bound(statement)]
        if isinstance(key, Files):
            return []
        source = self._source(key.module)
        if isinstance(key, Definition) and key in self._tables:
            return self._narrowed(key, runtime.held_by(key), source)[1]
        if isinstance(key, Whole):
            return [*source.effects, *(s for found in source.bindings.values() for s in found)]
        return [*source.bindings.get(key.name, []), *changing(source, self.names).get(key.name, [])]

    # -- hashes ------------------------------------------------------------------------------------------------------

    def digest(self, key: Key) -> str:
        """Of the definition and all that it reaches, whatever they are called and wherever they lie."""
        if key not in self._digests:
            for component in components(key, lambda k: self.node(k).references, self._digests):
                self._settle(component)
        return self._digests[key]

    def _settle(self, component: Sequence[Key]) -> None:
        """Definitions that refer to one another: refined until equal hashes mean that nothing distinguishes them."""
        inside = {key: self.node(key).text for key in component}
        for _ in range(len(component)):
            inside = {
                key: digest_of([text, *(inside.get(ref) or self._digests[ref] for ref in self.node(key).references)])
                for key, text in inside.items()
            }
        self._digests |= inside

    def reached(self, keys: Sequence[Key]) -> list[Key]:
        """Everything that these reach, themselves included."""
        found: dict[Key, None] = {}
        waiting = list(keys)
        while waiting:
            key = waiting.pop()
            if key not in found:
                found[key] = None
                waiting.extend(self.node(key).references)
        return list(found)


class OwnClass:
    """Where the methods of a class look up `self` and `super()`."""

    def __init__(self, graph: Graph, owner: type, holder: type) -> None:
        self._graph, self._owner, self._holder = graph, owner, holder

    def member(self, name: str) -> Member | None:
        return self._graph.member(self._owner, name) or self._graph.member(self._owner, "__init__")

    def above(self, name: str) -> Member | None:
        return self._graph.member(self._owner, name, self._holder)

    def whole(self) -> Definition:
        return Definition(self._owner.__module__, self._owner.__qualname__.partition(".")[0])


def components(start: Key, following: Callable[[Key], Sequence[Key]], settled: dict[Key, str]) -> Iterator[list[Key]]:
    """Strongly connected components that are reached and not settled, each after those that it refers to (Tarjan)."""
    number: dict[Key, int] = {start: 0}
    lowest: dict[Key, int] = {start: 0}
    stack, on_stack = [start], {start}
    path = [(start, iter(following(start)))]
    while path:
        key, rest = path[-1]
        for ref in rest:
            if ref in settled and ref not in number:
                continue
            if ref not in number:
                number[ref] = lowest[ref] = len(number)
                stack.append(ref)
                on_stack.add(ref)
                path.append((ref, iter(following(ref))))
                break
            if ref in on_stack:
                lowest[key] = min(lowest[key], number[ref])
        else:
            path.pop()
            if path:
                lowest[path[-1][0]] = min(lowest[path[-1][0]], lowest[key])
            if lowest[key] == number[key]:
                component: list[Key] = []
                while not component or component[-1] != key:
                    component.append(stack.pop())
                    on_stack.discard(component[-1])
                yield component


def _node(form: NormalForm) -> Node:
    references = cast(tuple[Key, ...], tuple(form.references))
    return Node(form.digest(), references, frozenset(form.libraries), tuple(form.recorder.uses))


def _with_keys(held: object, statements: list[ast.stmt], keys: Sequence[str]) -> tuple[object, list[ast.stmt]]:
    """The table with these entries alone; as it is where it is not one dictionary that is written out."""
    if len(statements) != 1 or not isinstance(statements[0], ast.Assign | ast.AnnAssign):
        return held, statements
    written = statements[0].value
    if not isinstance(written, ast.Dict) or None in written.keys or not isinstance(held, Mapping):
        return held, statements
    read = [key for key in held if key in keys]
    if len(written.keys) > len(held):
        return held, statements
    # what was put in when the program ran stands behind what is written
    at = [place for place in map(list(held).index, read) if place < len(written.keys)]
    narrow = copy.copy(statements[0])
    narrow.value = ast.Dict([written.keys[i] for i in at], [written.values[i] for i in at])
    return {key: held[key] for key in read}, [narrow]


@cache
def files_of(package: str) -> str:
    """What a package brings that is not Python: code that names its own place may read any of it."""
    source = source_of(package)
    folder = Path(source.path).parent if source and source.is_package else None
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc")) if folder else []
    found = [f"{p.name}:{hashlib.blake2b(p.read_bytes(), digest_size=16).hexdigest()}" for p in paths]
    return digest_of(["files", *found])


@cache
def class_at(module: str, qualname: str) -> ast.ClassDef:
    source = source_of(module)
    body: Sequence[ast.stmt] = [s for found in source.bindings.values() for s in found] if source else []
    klass = None
    for name in qualname.split("."):
        klass = next((s for s in reversed(body) if isinstance(s, ast.ClassDef) and s.name == name), None)
        if klass is None:
            raise CodeIdentityError(f"{module} has no class {qualname} in its text; define it at the top of the module")
        body = klass.body
    return klass  # type: ignore[return-value]


def _class(source: Source, kind: type) -> ast.ClassDef:
    return class_at(source.module, kind.__qualname__)


def _mentioned(node: ast.AST) -> Sequence[str]:
    """What a node names of some object."""
    if isinstance(node, ast.Attribute):
        return [node.attr]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    return node.kwd_attrs if isinstance(node, ast.MatchClass) else []


def _names_bound(statement: ast.stmt) -> list[str]:
    if isinstance(statement, Function):
        return [statement.name]
    return _assigned(statement)


def _assigned(statement: ast.stmt) -> list[str]:
    """Names to which a statement of a class gives a value."""
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets = [statement.target]
    return [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
