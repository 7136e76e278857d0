"""Statements of a module that change what its names hold after they were bound."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from feature_store.code.resolver import Resolver
from feature_store.code.sources import CodeIdentityError, Definition, Source, Whole

Functions = ast.FunctionDef | ast.AsyncFunctionDef
Imports = ast.Import | ast.ImportFrom


def changing(source: Source, resolver: Resolver) -> dict[str, list[ast.stmt]]:
    """By name, the top-level statements that may change what it holds, beside those that bind it.

    A statement that is more than a definition or a plain assignment counts for every name of the module that it
    mentions and for all that the functions it mentions mention; one that mentions none (it sets up a library) counts
    for all. A plain assignment and a decorator count for what the functions change that they call. What functions and
    classes a container has come to hold, from whatever module, `runtime.registered` says.

    Raises:
        CodeIdentityError: a statement that changes what another module has bound.
    """
    if source.changing is None:
        source.changing = _changing_statements(source, resolver)
    return source.changing


def _changing_statements(source: Source, resolver: Resolver) -> dict[str, list[ast.stmt]]:
    changes = _changes_by_function(source)
    found: dict[str, list[ast.stmt]] = defaultdict(list)
    for statement in _in_order(source) if changes or source.effects else []:
        effect = statement in source.effects
        if effect:
            _reject_foreign(source, statement, resolver)
        mentioned = _closure(source, _mentioned(_at_import(statement), source))
        names = mentioned if effect else set()
        if effect and not any(isinstance(resolver.of(source, name), Definition) for name in names):
            names = {*source.bindings}
        names = names | {name for function in mentioned for name in changes.get(function, ())}
        for name in sorted(names):
            if statement not in source.bindings[name]:
                found[name].append(statement)
    return found


def _in_order(source: Source) -> list[ast.stmt]:
    every = [s for statements in source.bindings.values() for s in statements]
    return sorted(dict.fromkeys([*every, *source.effects]), key=lambda s: (s.lineno, s.col_offset))


def _at_import(statement: ast.stmt) -> list[ast.AST]:
    """What of a statement runs when the module is imported."""
    if isinstance(statement, Functions | ast.ClassDef):
        return list(statement.decorator_list)
    return [] if isinstance(statement, Imports) else [statement]


def _mentioned(nodes: Iterable[ast.AST], source: Source) -> set[str]:
    return {n.id for node in nodes for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in source.bindings}


def _closure(source: Source, names: set[str]) -> set[str]:
    """These names, and those that the module's functions among them mention."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            functions = [s for s in source.bindings[name] if isinstance(s, Functions)]
            waiting.extend(_mentioned(functions, source))
    return found


def _changes_by_function(source: Source) -> dict[str, set[str]]:
    """Names of the module that each of its functions changes."""
    values = {name for name, found in source.bindings.items() if not isinstance(found[0], Functions | Imports)}
    if not values:
        return {}
    # the text is looked through first: walking every syntax tree takes as long as parsing
    touched = re.compile(rf"\b({'|'.join(map(re.escape, values))})\s*(\[|\.|[^\w\s=(),]+=)")
    lines = source.text.splitlines()
    found: dict[str, set[str]] = {}
    for name, statements in source.bindings.items():
        functions = [s for s in statements if isinstance(s, Functions)]
        suspects = [f for f in functions if touched.search("\n".join(lines[f.lineno - 1 : f.end_lineno]))]
        if changed := set(_changed(suspects)) & values:
            found[name] = changed
    return found


def _changed(nodes: Iterable[ast.AST], *, stores: bool = False) -> Iterator[str]:
    """Names whose items or attributes are set; but for `stores`, also those whose method is called as a statement."""
    for node in nodes:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Subscript | ast.Attribute) and not isinstance(inner.ctx, ast.Load):
                yield from _base(inner)
            elif isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Call) and not stores:
                if isinstance(inner.value.func, ast.Attribute):
                    yield from _base(inner.value.func)
            elif isinstance(inner, ast.AugAssign) and isinstance(inner.target, ast.Name):
                yield inner.target.id


def _base(node: ast.AST) -> Iterator[str]:
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def _reject_foreign(source: Source, statement: ast.stmt, resolver: Resolver) -> None:
    stored = set(_changed([statement], stores=True))
    for name in _changed([statement]):
        target = resolver.of(source, name)
        # a function of another module that is called for its effect is no change of that module
        foreign = isinstance(target, Definition) or (isinstance(target, Whole) and name in stored)
        if foreign and target.module != source.module:  # type: ignore[union-attr]
            raise CodeIdentityError(
                f"{source.path}:{statement.lineno} changes {name}, which {target.module} binds: what rests on it "  # type: ignore[union-attr]
                "cannot be derived from there; change it where it is bound"
            )
