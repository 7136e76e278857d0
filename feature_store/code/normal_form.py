"""A definition as a list of tokens that says what it does, and of what it refers to.

Not in it: where it lies, its name, comments, docstrings, annotations, what imports are called, and the names of local
variables, which are numbered as they appear. Parameters keep their names, since callers may use them.
"""

import ast
import builtins
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from feature_store.code.names import Names
from feature_store.code.sources import (
    IMPLICIT,
    ITSELF,
    PACKAGES,
    CodeIdentityError,
    Definition,
    Outside,
    Source,
    Target,
    Whole,
    binding_parts,
    is_bare_constant,
    is_for_types_only,
)

SKIPPED = {"ctx", "annotation", "returns", "type_comment", "type_ignores", "kind", "lineno"}
AT_RUN_TIME = {"builtins.exec", "builtins.eval", "builtins.__import__", "importlib.import_module"}
PACKAGED = ("importlib.resources", "pkgutil.get_data")
# Bases under which the annotation of a field does nothing when the program runs.
WITHOUT_MEANING = {"abc", "builtins", "collections", "enum", "typing"}
SCOPING = (ast.Global, ast.Nonlocal, ast.Import, ast.ImportFrom)
FIELD_MARKS = ("ClassVar", "InitVar", "KW_ONLY")
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


@dataclass
class Scope:
    kind: str
    number: int
    names: dict[str, str | Target] = field(default_factory=dict)


class NormalForm:
    """Tokens, references in the order in which they appear, and top-level modules of libraries."""

    def __init__(self, names: Names, source: Source, owner: Owner | None = None) -> None:
        self.tokens: list[str] = []
        self.references: dict[object, int] = {}
        self.libraries: set[str] = set()
        self._names = names
        self._source = source
        self._owner = owner
        self._self: tuple[int, str] | None = None
        self._scopes: list[Scope] = []
        self._made = 0
        self._locals: dict[tuple[int, str], int] = {}
        self._names_count = False
        self._visit: dict[type, Callable[[Any], None]] = {
            ast.Name: self._name,
            ast.Attribute: self._attribute,
            ast.Constant: self._constant,
            ast.Call: self._call,
            ast.FunctionDef: self._nested,
            ast.AsyncFunctionDef: self._nested,
            ast.ClassDef: self._nested,
            ast.Lambda: self._lambda,
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

    # -- what stands at the top of a module ------------------------------------------------------------------------

    def add(self, statement: ast.stmt, name: str) -> None:
        """One of the statements that bind the name or change what it holds."""
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and statement.name == name:
            self.function(statement)
        elif isinstance(statement, ast.ClassDef) and statement.name == name:
            self.klass(statement)
        elif isinstance(statement, ast.Assign | ast.AnnAssign) and name in self._source.bound([statement]):
            self._assigned(statement, name)
        else:
            self.visit(statement)
            own = Definition(self._source.module, name)
            self.tokens.append(f"this is {self.references.get(own)}")

    def _assigned(self, statement: ast.Assign | ast.AnnAssign, name: str) -> None:
        self.tokens.append("is")
        for target in statement.targets if isinstance(statement, ast.Assign) else [statement.target]:
            for node in ast.walk(target):
                here = isinstance(node, ast.Name) and node.id == name
                self.tokens.append("this" if here else type(node).__name__)
        if statement.value is not None:
            self.visit(statement.value)

    def method(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """A method of the owner, whose `self` is looked up there."""
        static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list)
        self.function(node, bound=not static)

    def attribute(self, statement: ast.stmt, names: Iterable[str]) -> None:
        """A statement that gives an attribute of the owner its value.

        Args:
            names: that the class binds, and the statement may use.
        """
        scope = self._scope("class")
        scope.names = dict.fromkeys(names, "attribute")
        self._scopes.append(scope)
        self.visit(statement)
        self._scopes.pop()
        for node in ast.walk(statement):
            if self._owner and isinstance(node, ast.Name) and node.id in scope.names and isinstance(node.ctx, ast.Load):
                self._hole(self._owner.member(node.id))

    # -- functions and classes ---------------------------------------------------------------------------------------

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, bound: bool = False) -> None:
        self.tokens.append(type(node).__name__)
        self._all(node.decorator_list)
        self._arguments(node.args, node.body)
        first = [*node.args.posonlyargs, *node.args.args][:1]
        if bound and first:
            self._self = (self._scopes[-1].number, first[0].arg)
        self.body(node.body)
        self._scopes.pop()

    def _lambda(self, node: ast.Lambda) -> None:
        self.tokens.append("Lambda")
        self._arguments(node.args, [node.body])
        self.visit(node.body)
        self._scopes.pop()

    def _arguments(self, args: ast.arguments, body: Sequence[ast.AST]) -> None:
        """Defaults outside, then the function's own scope, which stays open."""
        self._all(args.defaults)
        for default in args.kw_defaults:
            self._part(default)
        own = [*args.posonlyargs, *args.args, *args.kwonlyargs]
        starred = [arg for arg in (args.vararg, args.kwarg) if arg]
        scope = self._function_scope({arg.arg for arg in (*own, *starred)}, body)
        self.tokens.append(
            f"({len(args.posonlyargs)} {len(args.args)} {len(args.kwonlyargs)} {len(args.defaults)} "
            f"{bool(args.vararg)} {bool(args.kwarg)}"
        )
        self.tokens += [arg.arg for arg in own]
        self._scopes.append(scope)

    def _function_scope(self, parameters: set[str], body: Sequence[ast.AST]) -> Scope:
        scope = self._scope("function")
        scope.names |= dict.fromkeys(self._source.bound(body), "local")
        special = [node for node in _own(body) if isinstance(node, SCOPING)]
        for name, target in self._aliases(body, special).items():
            scope.names[name] = target
        for node in special:
            if isinstance(node, ast.Global):
                scope.names |= dict.fromkeys(node.names, "global")
            elif isinstance(node, ast.Nonlocal):
                scope.names = {name: how for name, how in scope.names.items() if name not in node.names}
        scope.names |= dict.fromkeys(parameters, "parameter")
        return scope

    def _aliases(self, body: Sequence[ast.AST], special: Sequence[ast.AST]) -> dict[str, Target]:
        """Names that a function binds by one import and by nothing else."""
        imports = [node for node in special if isinstance(node, ast.Import | ast.ImportFrom)]
        counts = Counter(self._source.bound(body)) if imports else {}
        found: dict[str, Target] = {}
        for name in dict.fromkeys(self._source.bound(imports)):
            bound = [self._names.imported(self._source, node, name) for node in imports]
            targets = [target for target in bound if target]
            if len(targets) == counts[name] and len(set(targets)) == 1:
                found[name] = targets[0]
        return found

    def klass(self, node: ast.ClassDef, fields: bool = True) -> None:
        """A class: what it is made of, and its methods by name.

        Args:
            fields: False leaves out fields, whose values count elsewhere.
        """
        self.tokens.append("ClassDef")
        self._all(node.decorator_list)
        self._all(node.bases)
        self._all(node.keywords)
        annotated = not self._plain_bases(node)
        scope = self._scope("class")
        fields_named = [
            s.target.id for s in node.body if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)
        ]
        scope.names = dict.fromkeys([*self._source.bound(node.body), *fields_named], "attribute")
        self._scopes.append(scope)
        methods = [n for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign):
                if fields:
                    self._field(statement, annotated)
            elif statement not in methods and not is_bare_constant(statement):
                self.visit(statement)
        for method in sorted(methods, key=lambda m: m.name):
            self.tokens.append(method.name)
            self.function(method)
        self._scopes.pop()
        self.tokens.append("end")

    def _plain_bases(self, node: ast.ClassDef) -> bool:
        """Whether nothing above the class reads annotations."""
        for base in node.bases:
            part = base.value if isinstance(base, ast.Subscript) else base
            target = self._target(part)
            if target is None:
                return False
            if isinstance(target, Outside) and target.path.partition(".")[0] not in WITHOUT_MEANING:
                return False
        return True

    def _field(self, node: ast.AnnAssign, annotated: bool) -> None:
        self.tokens.append("field")
        self.visit(node.target)
        said = ast.unparse(node.annotation)
        self.tokens += [mark for mark in FIELD_MARKS if mark in said]
        if annotated:
            self.visit(node.annotation)
        if node.value is not None:
            self.visit(node.value)

    def _nested(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        self.tokens.append("bind")
        self._bind(node.name)
        if isinstance(node, ast.ClassDef):
            self.klass(node)
        else:
            self.function(node)

    def body(self, statements: Iterable[ast.stmt]) -> None:
        self.tokens.append("[")
        for statement in statements:
            if not is_bare_constant(statement):
                self.visit(statement)
        self.tokens.append("]")

    # -- statements and expressions ----------------------------------------------------------------------------------

    def visit(self, node: ast.AST) -> None:
        special = self._visit.get(type(node))
        if special:
            special(node)
            return
        self.tokens.append(type(node).__name__)
        for name in node._fields:
            if name not in SKIPPED:
                self._part(getattr(node, name))

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
        scope = self._scope("comprehension")
        scope.names = dict.fromkeys(self._source.bound([g.target for g in node.generators]), "local")
        self._scopes.append(scope)
        for i, generator in enumerate(node.generators):
            self.tokens.append(f"for {generator.is_async}")
            self.visit(generator.target)
            if i:
                self.visit(generator.iter)
            self._all(generator.ifs)
        self._all([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt])
        self._scopes.pop()

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name in self._source.bound([node]):
            if not isinstance(self._scope_of(name), Outside | Definition | Whole):
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

    # -- names -------------------------------------------------------------------------------------------------------

    def _scope(self, kind: str) -> Scope:
        self._made += 1
        return Scope(kind, self._made - 1)

    def _find(self, name: str) -> Scope | None:
        """The scope inside the definition that binds the name."""
        inner = True
        for scope in reversed(self._scopes):
            if name in scope.names and (scope.kind != "class" or inner):
                return None if scope.names[name] == "global" else scope
            inner = inner and scope.kind == "comprehension"
        return None

    def _scope_of(self, name: str) -> str | Target | None:
        scope = self._find(name)
        return scope.names[name] if scope else None

    def _bind(self, name: str) -> None:
        """The token of a name that is bound here."""
        self._name(ast.Name(name))

    def _name(self, node: ast.Name) -> None:
        scope = self._find(node.id)
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
            scope = self._find(node.id)
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
        scope = self._find(node.id)
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
        if top not in ("builtins", *PACKAGES):
            self.libraries.add(top)
        self.tokens.append(f"o {target.path}")

    def _hole(self, key: object | None) -> None:
        if key is not None:
            self.tokens.append(f"r{self.references.setdefault(key, len(self.references))}")

    def _place(self, node: ast.AST) -> str:
        return f"{self._source.path}:{getattr(node, 'lineno', '?')}"


def _is_super(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _own(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Statements of a function's own scope, those inside others too."""
    for node in body:
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.expr):
            yield from _own(binding_parts(node))
