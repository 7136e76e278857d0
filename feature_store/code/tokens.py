"""Statements and expressions as tokens: what they do, and to what they refer."""

import ast
import builtins
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from feature_store.code.resolver import Resolver
from feature_store.code.scopes import Scopes
from feature_store.code.sources import (
    IMPLICIT,
    ITSELF,
    CodeIdentityError,
    Definition,
    Outside,
    Source,
    Target,
    Whole,
    is_bare_constant,
    is_first_party,
    is_for_types_only,
)
from feature_store.code.uses import PACKAGED, Recorder

SKIPPED = {"ctx", "annotation", "returns", "type_comment", "type_ignores", "kind", "lineno"}
AT_RUN_TIME = {"builtins.exec", "builtins.eval", "builtins.__import__", "importlib.import_module"}
_BUILTINS = frozenset(dir(builtins))


@dataclass(frozen=True)
class Files:
    """Everything in a top-level package that is not Python."""

    package: str


class Owner(Protocol):
    """The class in which a method's `self` is looked up."""

    def member(self, name: str) -> object | None:
        """The node of an attribute; None where it is set from outside."""

    def above(self, name: str) -> object | None:
        """That of `super()`."""

    def whole(self) -> object:
        """The class with all that it has."""


class Tokens:
    """Tokens, references in the order in which they appear, and top-level modules of libraries.

    Args:
        owner: of a method that stands for itself: the class in which its `self` is looked up.
    """

    def __init__(self, names: Resolver, source: Source, owner: Owner | None = None) -> None:
        self.tokens: list[str] = []
        self.references: dict[object, int] = {}
        self.libraries: set[str] = set()
        self._names = names
        self._source = source
        self._owner = owner
        self._self: tuple[int, str] | None = None
        self._scopes = Scopes(names, source)
        self._locals: dict[tuple[int, str], int] = {}
        self._names_count = False
        self.recorder = Recorder(source.path, self._seen, self._scopes.is_running)
        self._visit: dict[type, Callable[[Any], None]] = {
            ast.Name: self._name,
            ast.Attribute: self._attribute,
            ast.Constant: self._constant,
            ast.Call: self._call,
            ast.ListComp: self._comprehension,
            ast.SetComp: self._comprehension,
            ast.DictComp: self._comprehension,
            ast.GeneratorExp: self._comprehension,
            ast.Import: self._import,
            ast.ImportFrom: self._import,
            ast.AnnAssign: self._annotated,
            ast.If: self._if,
            ast.Global: lambda _: None,
            ast.Nonlocal: lambda _: None,
            ast.Pass: lambda _: None,
            ast.ExceptHandler: self._named,
            ast.MatchAs: self._named,
            ast.MatchStar: self._named,
            ast.MatchMapping: self._mapping,
        }

    def digest(self) -> str:
        tokens = [*self.tokens]
        if self._names_count:
            tokens += [f"{name} {place}" for (_, name), place in self._locals.items()]
        return hashlib.blake2b("\0".join(tokens).encode(), digest_size=16).hexdigest()

    # -- statements and expressions ----------------------------------------------------------------------------------

    def visit(self, node: ast.AST) -> None:
        self.recorder.see(node)
        special = self._visit.get(type(node))
        if special:
            special(node)
            return
        self.tokens.append(type(node).__name__)
        for name in node._fields:
            if name not in SKIPPED:
                self._part(getattr(node, name))

    def body(self, statements: Iterable[ast.stmt]) -> None:
        self.tokens.append("[")
        for statement in statements:
            if not is_bare_constant(statement):
                self.visit(statement)
        self.tokens.append("]")

    def _part(self, value: object) -> None:
        if isinstance(value, ast.AST):
            self.visit(value)
        elif isinstance(value, list):
            if value and isinstance(value[0], ast.stmt):
                self.body(value)
            else:
                self.tokens.append(f"[{len(value)}")
                for part in value:
                    self._part(part)
        else:
            self.tokens.append(repr(value))

    def _all(self, nodes: Sequence[ast.AST]) -> None:
        self.tokens.append(f"[{len(nodes)}")
        for node in nodes:
            self.visit(node)

    def _constant(self, node: ast.Constant) -> None:
        self.tokens.append(f"={node.value!r}")

    def _if(self, node: ast.If) -> None:
        if is_for_types_only(node):
            self.body(node.orelse)
            return
        self.tokens.append("If")
        self.visit(node.test)
        self.body(node.body)
        self.body(node.orelse)

    def _annotated(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.tokens += ["Assign", "[1"]
            self.visit(node.target)
            self.visit(node.value)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        self.tokens.append(type(node).__name__)
        self.visit(node.generators[0].iter)  # seen from outside
        targets = self._source.bound([generator.target for generator in node.generators])
        self._scopes.open("comprehension", dict.fromkeys(targets, "local"))
        for i, generator in enumerate(node.generators):
            self.tokens.append(f"for {generator.is_async}")
            self.visit(generator.target)
            if i:
                self.visit(generator.iter)
            self._all(generator.ifs)
        self._all([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
        self._scopes.close()

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name in self._source.bound([node]):
            if not isinstance(self._scopes.meaning(name), Outside | Definition | Whole):
                self.tokens.append("import")
                self._bind(name)
                self._refer(self._names.imported(self._source, node, name) or Outside(name), node)

    def _named(self, node: ast.ExceptHandler | ast.MatchAs | ast.MatchStar) -> None:
        self.tokens.append(type(node).__name__)
        if node.name:
            self._bind(node.name)
        for name in node._fields:
            if name != "name":
                self._part(getattr(node, name))

    def _mapping(self, node: ast.MatchMapping) -> None:
        self.tokens.append("MatchMapping")
        self._all(node.keys)
        self._all(node.patterns)
        if node.rest:
            self._bind(node.rest)

    def _seen(self, node: ast.AST) -> Target | None:
        """What a dotted name stands for; None also where that is decided at run time, which is rejected elsewhere."""
        try:
            return self._target(node)
        except CodeIdentityError:
            return None

    # -- names -------------------------------------------------------------------------------------------------------

    def _bind(self, name: str) -> None:
        """The token of a name that is bound here."""
        self._name(ast.Name(name))

    def _name(self, node: ast.Name) -> None:
        scope = self._scopes.find(node.id)
        if scope is None:
            self._refer(self._global(node), node)
            return
        how = scope.names[node.id]
        if how == "parameter":
            self.tokens.append(f"p{scope.number} {node.id}")
            if self._owner and (scope.number, node.id) == self._self:
                self._hole(self._owner.whole())
        elif how == "attribute":
            self.tokens.append(f"a {node.id}")
        elif how == "local":
            self.tokens.append(f"l{self._locals.setdefault((scope.number, node.id), len(self._locals))}")
        else:
            self._refer(how, node)  # type: ignore[arg-type]

    def _global(self, node: ast.Name) -> Target:
        if target := self._names.of(self._source, node.id):
            return target
        if node.id in _BUILTINS or node.id in IMPLICIT or node.id == "__class__":
            return Outside(f"builtins.{node.id}")
        raise CodeIdentityError(
            f"{self._place(node)}: what {node.id} stands for is decided at run time; "
            "bind it by a statement or an import"
        )

    def _target(self, node: ast.AST) -> Target | None:
        """What a dotted name stands for, where its text says."""
        if isinstance(node, ast.Name):
            scope = self._scopes.find(node.id)
            if scope is None:
                return self._global(node)
            how = scope.names[node.id]
            return None if isinstance(how, str) else how
        if not isinstance(node, ast.Attribute):
            return None
        base = self._target(node.value)
        if isinstance(base, Outside):
            return Outside(f"{base.path}.{node.attr}")
        if isinstance(base, Whole) and not base.attribute:
            return self._names.member(base.module, node.attr) or Whole(base.module, node.attr)
        return None

    def _attribute(self, node: ast.Attribute) -> None:
        if target := self._target(node):
            self._refer(target, node)
            return
        if node.attr == "__subclasses__":
            raise CodeIdentityError(f"{self._place(node)}: __subclasses__ goes by what is imported; list the classes")
        if self._is_self(node.value):
            self.tokens.append("self")
            # what is stored there is said by the method that stores it
            self._hole(self._owner.member(node.attr) if isinstance(node.ctx, ast.Load) else None)  # type: ignore[union-attr]
        elif self._owner and _is_super(node.value):
            self.tokens.append("super")
            self._hole(self._owner.above(node.attr))
        else:
            self.visit(node.value)
        self.tokens.append(f".{node.attr}")

    def _is_self(self, node: ast.AST) -> bool:
        if not (self._owner and self._self and isinstance(node, ast.Name)):
            return False
        scope = self._scopes.find(node.id)
        return scope is not None and (scope.number, node.id) == self._self

    def _call(self, node: ast.Call) -> None:
        target = self._target(node.func)
        path = target.path if isinstance(target, Outside) else ""
        if path in ("builtins.__import__", "importlib.import_module"):
            (named,) = node.args if len(node.args) == 1 else (None,)
            if isinstance(named, ast.Constant) and isinstance(named.value, str) and not node.keywords:
                self._refer(self._names.module(named.value), node)
                return
        if path == "builtins.globals":
            self._hole(Whole(self._source.module))
        if path == "builtins.locals" or (path in ("builtins.vars", "builtins.dir") and not node.args):
            self._names_count = True
        self.tokens.append("Call")
        self.visit(node.func)
        self._all(node.args)
        self._all(node.keywords)

    def _refer(self, target: Target, node: ast.AST) -> None:
        if not isinstance(target, Outside):
            self._hole(target)
            return
        if target.path in AT_RUN_TIME:
            raise CodeIdentityError(
                f"{self._place(node)}: {target.path.removeprefix('builtins.')} of what is only known at run time; "
                "what the code depends on cannot be derived: import by name"
            )
        if target.path == "builtins.__file__" or target.path.startswith(PACKAGED):
            self._hole(Files(self._source.module.partition(".")[0]))
        if target.path.startswith(ITSELF):
            self.tokens.append("o code identity")
            return
        top = target.path.partition(".")[0]
        if top != "builtins" and not is_first_party(top):
            self.libraries.add(top)
        self.tokens.append(f"o {target.path}")

    def _hole(self, key: object | None) -> None:
        if key is not None:
            self.tokens.append(f"r{self.references.setdefault(key, len(self.references))}")

    def _place(self, node: ast.AST) -> str:
        return f"{self._source.path}:{getattr(node, 'lineno', '?')}"


def _is_super(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"
