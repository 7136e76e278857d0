"""Modules as source: which are analysed, what each binds, and what a name of one stands for."""

import ast
import importlib.util
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import TypeGuard

from feature_store.code.libraries import distributions_of

ITSELF = "feature_store.code"  # identifies code, and is no part of what it identifies
PACKAGES = frozenset({"configs", "feature_store", "quant_assets", "quant_resources"})
_plugins: set[str] = set()  # top-level packages and modules of loaded plugins
BINDING = (ast.stmt, ast.excepthandler, ast.match_case, ast.pattern, ast.withitem, ast.Starred)
PLAIN_STATEMENTS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
TARGETS = {"target", "targets", "optional_vars", "elts"}
# What Python itself binds in a module; where it lies and what it is called count for nothing.
IMPLICIT = frozenset({"__name__", "__doc__", "__package__", "__spec__", "__loader__", "__builtins__", "__file__"})


class CodeIdentityError(ValueError):
    """Code whose dependencies cannot be derived from its text."""


@dataclass(frozen=True, order=True)
class Definition:
    """A name that a module binds by anything but an import."""

    module: str
    name: str


@dataclass(frozen=True, order=True)
class Whole:
    """A module with all that it binds, and what is wanted of it where its text binds no such name."""

    module: str
    attribute: str = ""


@dataclass(frozen=True, order=True)
class Outside:
    """Something of a library or of Python's own, by its dotted path."""

    path: str


Target = Definition | Whole | Outside


@dataclass
class Source:
    """A parsed module.

    Attributes:
        bindings: name to the top-level statements that bind it, in their order.
        stars: modules of which everything is imported.
        effects: top-level statements that are more than a definition, an import or a plain assignment.
        changing: filled in by `effects.changing`.
    """

    module: str
    path: str
    is_package: bool
    text: str = ""
    bindings: dict[str, list[ast.stmt]] = field(default_factory=lambda: defaultdict(list))
    stars: list[str] = field(default_factory=list)
    effects: list[ast.stmt] = field(default_factory=list)
    changing: dict[str, list[ast.stmt]] | None = None

    def absolute(self, node: ast.ImportFrom) -> str:
        """The module that a `from` import names."""
        if not node.level:
            return node.module or ""
        package = self.module.split(".") if self.is_package else self.module.split(".")[:-1]
        base = package[: len(package) - (node.level - 1)]
        return ".".join([*base, node.module] if node.module else base)

    def bound(self, nodes: Sequence[ast.AST]) -> Iterator[str]:
        """Names that these nodes of the module bind in their own scope, in order of appearance."""
        return bound_names(nodes, inside=":=" in self.text)


def is_ours(module: str, also: str) -> bool:
    """Whether a module is analysed: one of the project, of the top-level package `also`, or of no distribution."""
    if f"{module}.".startswith(f"{ITSELF}."):
        return False
    top = module.partition(".")[0]
    if is_first_party(top) or top == also:
        return True
    return top not in sys.stdlib_module_names and not distributions_of(top) and source_of(top) is not None


def is_analysed(module: str | None) -> bool:
    """Whether a module is the project's, a plugin's, or of no distribution."""
    top = (module or "").partition(".")[0]
    return is_first_party(top) or (top not in sys.stdlib_module_names and not distributions_of(top))


def is_first_party(top: str) -> bool:
    """Whether a top-level package is the project's, or a loaded plugin's."""
    return top in PACKAGES or top in _plugins


def add_plugin(top: str) -> bool:
    """Analyse a top-level package or module from now on, installed or not; whether that is new."""
    is_new = not is_first_party(top)
    _plugins.add(top)
    return is_new


@cache
def source_of(module: str) -> Source | None:
    """The module's source, None where there is no module of this name.

    Raises:
        CodeIdentityError: a module without Python source.
    """
    spec = _spec(module)
    if spec is None:
        return None
    if spec.origin is None:  # a folder without `__init__`
        return Source(module, "", True)
    if not spec.origin.endswith(".py"):
        raise CodeIdentityError(f"{module} ({spec.origin}) has no Python source; install it as a distribution")
    return parsed(module, Path(spec.origin).read_bytes(), spec.origin, bool(spec.submodule_search_locations))


def _spec(module: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    except ValueError:  # a module without a spec, such as one that is run as `__main__`
        loaded = getattr(sys.modules.get(module), "__file__", None)
        return importlib.util.spec_from_file_location(module, loaded) if loaded else None


def parsed(module: str, text: bytes, path: str, is_package: bool) -> Source:
    source = Source(module, path, is_package, text.decode())
    for statement in _running(ast.parse(text, path).body):
        _enter(source, statement)
    return source


def is_for_types_only(node: ast.AST) -> TypeGuard[ast.If]:
    """Whether it is `if TYPE_CHECKING:`."""
    test = node.test if isinstance(node, ast.If) else None
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _running(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """What runs on import: nothing that is for type checkers, or for the module as a script."""
    for statement in body:
        if is_for_types_only(statement) or _is_script(statement):
            yield from _running(statement.orelse)
        elif not is_bare_constant(statement):
            yield statement


def _is_script(node: ast.stmt) -> TypeGuard[ast.If]:
    return isinstance(node, ast.If) and ast.unparse(node.test) in (
        "__name__ == '__main__'",
        "'__main__' == __name__",
    )


def is_bare_constant(node: ast.AST) -> bool:
    """A docstring or another constant that is not used."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _enter(source: Source, statement: ast.stmt) -> None:
    if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*":
        source.stars.append(source.absolute(statement))
        return
    for name in dict.fromkeys(source.bound([statement])):
        source.bindings[name].append(statement)
    if not isinstance(statement, PLAIN_STATEMENTS) and not _is_plain_assignment(statement):
        source.effects.append(statement)
    for name in _declared_global(statement) if "global " in source.text else ():
        source.bindings[name].append(statement)


def _is_plain_assignment(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        return all(isinstance(name, ast.Name) for target in node.targets for name in _flat(target))
    return isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)


def _flat(target: ast.expr) -> Iterator[ast.expr]:
    if isinstance(target, ast.Tuple | ast.List):
        for part in target.elts:
            yield from _flat(part)
    else:
        yield target.value if isinstance(target, ast.Starred) else target


def _declared_global(statement: ast.stmt) -> set[str]:
    """Names of the module that a function of it binds anew."""
    return {name for node in ast.walk(statement) if isinstance(node, ast.Global) for name in node.names}


def bound_names(nodes: Iterable[ast.AST], *, inside: bool = True) -> Iterator[str]:
    """Names that these nodes bind in their own scope, in order of appearance.

    Args:
        inside: look for `:=` inside of expressions too.
    """
    for node in nodes:
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                yield node.id
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            yield from (n.target.id for n in ast.walk(node) if isinstance(n, ast.NamedExpr))
        elif isinstance(node, ast.Import):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif is_for_types_only(node):
            yield from bound_names(node.orelse, inside=inside)
        elif not isinstance(node, ast.Lambda) and not (isinstance(node, ast.AnnAssign) and node.value is None):
            yield from _named(node)
            yield from bound_names(binding_parts(node, inside=inside), inside=inside)


def binding_parts(node: ast.AST, *, inside: bool = False) -> Iterator[ast.AST]:
    """What of a node may bind a name."""
    star = isinstance(node, ast.Starred)
    for name in node._fields:
        value = getattr(node, name)
        for part in value if isinstance(value, list) else (value,):
            if isinstance(part, BINDING) or (isinstance(part, ast.AST) and (inside or star or name in TARGETS)):
                yield part


def _named(node: ast.AST) -> Iterator[str]:
    name = getattr(node, "rest", None) if isinstance(node, ast.MatchMapping) else getattr(node, "name", None)
    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar | ast.MatchMapping) and name:
        yield name
