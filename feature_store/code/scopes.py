"""Which names a definition binds for itself, scope by scope."""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from feature_store.code.resolver import Resolver
from feature_store.code.sources import Source, Target, binding_parts

SCOPING = (ast.Global, ast.Nonlocal, ast.Import, ast.ImportFrom)


@dataclass
class Scope:
    """Names that a function, a class or a comprehension binds.

    Attributes:
        names: to "parameter", "local", "attribute" (of a class) or "global", or what an import makes of it.
    """

    kind: str
    number: int
    names: dict[str, str | Target] = field(default_factory=dict)


class Scopes:
    """Scopes that are open, the innermost last; they are numbered as they are opened."""

    def __init__(self, resolver: Resolver, source: Source) -> None:
        self._resolver = resolver
        self._source = source
        self._open: list[Scope] = []
        self._made = 0

    def open(self, kind: str, names: dict[str, str | Target]) -> Scope:
        self._open.append(Scope(kind, self._made, names))
        self._made += 1
        return self._open[-1]

    def is_running(self) -> bool:
        """Whether a function is open."""
        return any(scope.kind == "function" for scope in self._open)

    def close(self) -> None:
        self._open.pop()

    def find(self, name: str) -> Scope | None:
        """The scope inside the definition that binds the name."""
        inner = True
        for scope in reversed(self._open):
            if name in scope.names and (scope.kind != "class" or inner):
                return None if scope.names[name] == "global" else scope
            inner = inner and scope.kind == "comprehension"
        return None

    def meaning(self, name: str) -> str | Target | None:
        """How a scope inside the definition binds the name; None where none does."""
        scope = self.find(name)
        return scope.names[name] if scope else None

    def open_function(self, parameters: Iterable[str], body: Sequence[ast.AST]) -> Scope:
        names: dict[str, str | Target] = dict.fromkeys(self._source.bound(body), "local")
        special = [node for node in _own(body) if isinstance(node, SCOPING)]
        names |= self._aliases(body, special)
        for node in special:
            if isinstance(node, ast.Global):
                names |= dict.fromkeys(node.names, "global")
            elif isinstance(node, ast.Nonlocal):
                names = {name: how for name, how in names.items() if name not in node.names}
        return self.open("function", names | dict.fromkeys(parameters, "parameter"))

    def _aliases(self, body: Sequence[ast.AST], special: Sequence[ast.AST]) -> dict[str, Target]:
        """Names that a function binds by one import and by nothing else."""
        imports = [node for node in special if isinstance(node, ast.Import | ast.ImportFrom)]
        counts = Counter(self._source.bound(body)) if imports else {}
        found: dict[str, Target] = {}
        for name in dict.fromkeys(self._source.bound(imports)):
            bound = [self._resolver.imported(self._source, node, name) for node in imports]
            targets = [target for target in bound if target]
            if len(targets) == counts[name] and len(set(targets)) == 1:
                found[name] = targets[0]
        return found


def _own(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Statements of a function's own scope, those inside others too."""
    for node in body:
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.expr):
            yield from _own(binding_parts(node))
