"""A definition as a list of tokens that says what it does, and of what it refers to.

Not in it: where it lies, its name, comments, docstrings, annotations, what imports are called, and the names of local
variables, which are numbered as they appear. Parameters keep their names, since callers may use them.
"""

import ast
from collections.abc import Iterable, Sequence

from feature_store.code.resolver import Resolver
from feature_store.code.scopes import Scope
from feature_store.code.sources import Definition, Outside, Source, Target, Whole, is_bare_constant, source_of
from feature_store.code.tokens import Owner, Tokens

# Bases under which the annotation of a field does nothing when the program runs.
WITHOUT_MEANING = {"abc", "builtins", "collections", "enum", "typing"}
FIELD_MARKS = ("ClassVar", "InitVar", "KW_ONLY")


class NormalForm(Tokens):
    """Definitions, functions and classes as tokens."""

    def __init__(self, names: Resolver, source: Source, owner: Owner | None = None) -> None:
        super().__init__(names, source, owner)
        self._visit |= {
            ast.FunctionDef: self._nested,
            ast.AsyncFunctionDef: self._nested,
            ast.ClassDef: self._nested,
            ast.Lambda: self._lambda,
        }

    # -- what stands at the top of a module ------------------------------------------------------------------------

    def add(self, statement: ast.stmt, name: str) -> None:
        """One of the statements that bind the name or change what it holds."""
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and statement.name == name:
            self.recorder.see(statement)
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

    def every(self, statements: Iterable[ast.stmt]) -> None:
        """Statements of a module, whatever they bind."""
        for statement in statements:
            self.visit(statement)

    def method(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """A method of the owner, whose `self` is looked up there."""
        static = any(isinstance(d, ast.Name) and d.id == "staticmethod" for d in node.decorator_list)
        self.recorder.method(node)
        self.function(node, bound=not static)

    def attribute(self, statement: ast.stmt, names: Iterable[str]) -> None:
        """A statement that gives an attribute of the owner its value.

        Args:
            names: that the class binds, and the statement may use.
        """
        scope = self._scopes.open("class", dict.fromkeys(names, "attribute"))
        self.visit(statement)
        self._scopes.close()
        for node in ast.walk(statement):
            if self._owner and isinstance(node, ast.Name) and node.id in scope.names and isinstance(node.ctx, ast.Load):
                self._hole(self._owner.member(node.id))

    # -- functions and classes ---------------------------------------------------------------------------------------

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, *, bound: bool = False) -> None:
        self.tokens.append(type(node).__name__)
        self._all(node.decorator_list)
        scope = self._arguments(node.args, node.body)
        first = [*node.args.posonlyargs, *node.args.args][:1]
        if bound and first:
            self._self = (scope.number, first[0].arg)
        self.body(node.body)
        self._scopes.close()

    def alone(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, free: Iterable[str]) -> None:
        """A function that is made inside of another, which binds its free names."""
        self._scopes.open("maker", dict.fromkeys(free, "local"))
        self.recorder.see(node)
        if isinstance(node, ast.Lambda):
            self._lambda(node)
        else:
            self.function(node)
        self._scopes.close()

    def _lambda(self, node: ast.Lambda) -> None:
        self.tokens.append("Lambda")
        self._arguments(node.args, [node.body])
        self.visit(node.body)
        self._scopes.close()

    def _arguments(self, args: ast.arguments, body: Sequence[ast.AST]) -> Scope:
        """Defaults outside, then the function's own scope, which stays open."""
        self._all(args.defaults)
        for default in args.kw_defaults:
            self._part(default)
        own = [*args.posonlyargs, *args.args, *args.kwonlyargs]
        starred = [arg for arg in (args.vararg, args.kwarg) if arg]
        self.tokens.append(
            f"({len(args.posonlyargs)} {len(args.args)} {len(args.kwonlyargs)} {len(args.defaults)} "
            f"{bool(args.vararg)} {bool(args.kwarg)}"
        )
        self.tokens += [arg.arg for arg in own]
        return self._scopes.open_function({arg.arg for arg in (*own, *starred)}, body)

    def klass(self, node: ast.ClassDef, *, fields: bool = True) -> None:
        """A class: what it is made of, and its methods by name.

        Args:
            fields: False leaves out fields, whose values count elsewhere.
        """
        self.tokens.append("ClassDef")
        self._all(node.decorator_list)
        self._all(node.bases)
        self._all(node.keywords)
        annotated = not has_plain_bases(node, self._source, self._names)
        declared = [s.target for s in node.body if isinstance(s, ast.AnnAssign)]
        without_value = [target.id for target in declared if isinstance(target, ast.Name)]
        self._scopes.open("class", dict.fromkeys([*self._source.bound(node.body), *without_value], "attribute"))
        methods = [n for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        for statement in node.body:
            if isinstance(statement, ast.AnnAssign):
                if fields:
                    self._field(statement, annotated)
            elif statement not in methods and not is_bare_constant(statement):
                self.visit(statement)
        for method in sorted(methods, key=lambda m: m.name):
            self.tokens.append(method.name)
            self.recorder.method(method)
            self.function(method)
        self._scopes.close()
        self.tokens.append("end")

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


def has_plain_bases(node: ast.ClassDef, source: Source, names: Resolver) -> bool:
    """Whether nothing above the class reads the annotations of its fields."""
    for base in node.bases:
        target = _dotted(base.value if isinstance(base, ast.Subscript) else base, source, names)
        if isinstance(target, Definition):
            holder = source_of(target.module)
            classes = holder.bindings[target.name] if holder else []
            if not all(isinstance(c, ast.ClassDef) and has_plain_bases(c, holder, names) for c in classes):  # type: ignore[arg-type]
                return False
        elif not isinstance(target, Outside) or target.path.partition(".")[0] not in WITHOUT_MEANING:
            return False
    return True


def _dotted(node: ast.expr, source: Source, names: Resolver) -> Target | None:
    """What the dotted name of a base stands for at the top of its module."""
    if isinstance(node, ast.Name):
        return names.of(source, node.id) or Outside(f"builtins.{node.id}")
    base = _dotted(node.value, source, names) if isinstance(node, ast.Attribute) else None
    if isinstance(base, Outside) and isinstance(node, ast.Attribute):
        return Outside(f"{base.path}.{node.attr}")
    return names.member(base.module, node.attr) if isinstance(base, Whole) and isinstance(node, ast.Attribute) else None
