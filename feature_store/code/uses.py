"""What a definition asks of the world around it, as its text says: names of libraries, methods, state it writes."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from feature_store.code.sources import Definition, Outside, Target

PACKAGED = ("importlib.resources", "pkgutil.get_data")
CACHES = ("functools.cache", "functools.lru_cache")
CONTAINERS = ("list", "dict", "set", "bytearray", "defaultdict", "deque", "Counter", "OrderedDict")
CHANGING = frozenset({
    "append", "appendleft", "extend", "extendleft", "insert", "insert_column", "add", "update", "setdefault", "pop",
    "popitem", "popleft", "remove", "discard", "clear", "sort", "reverse", "fill", "put", "itemset", "resize",
    "setflags", "replace_column", "__setitem__", "__delitem__", "__setattr__", "__delattr__", "intersection_update",
    "difference_update", "symmetric_difference_update", "subtract", "rotate", "write", "send",
})  # fmt: skip
PLAIN_KEYS = frozenset({"str", "int", "float", "bool", "bytes", "date", "datetime", "timedelta", "tuple", "frozenset",
                        "None", "dt", "type", "Literal", "Callable"})  # fmt: skip


@dataclass(frozen=True)
class Arguments:
    """
    Attributes:
        count: of arguments that are not None.
        texts: constants among them.
    """

    count: int = 0
    texts: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True)
class Use:
    """One thing that a definition does to, or takes from, what is not its own.

    Attributes:
        kind: "name" of a library by its dotted path, "import" inside of a function, "call" of such a name, "method" or
            "attribute" of an object that the text does not tell, "written" state of a module, "cached" function,
            "default" that is shared by all calls, "computed" name of an attribute.
        place: file and line.
        arguments: of a call.
    """

    kind: str
    what: str
    place: str
    arguments: Arguments = field(default_factory=Arguments)


class Recorder:
    """Notes the uses of the nodes that it is shown, one by one.

    Args:
        target: what a dotted name stands for in the scopes that are open; None of what is local.
        running: whether a function is open: what a module does when it is imported is no state of a call.
    """

    def __init__(self, path: str, target: Callable[[ast.AST], Target | None], running: Callable[[], bool]) -> None:
        self.uses: list[Use] = []
        self._path, self._target, self._running = path, target, running
        self._see: dict[type, Callable[..., None]] = {
            ast.Name: self._name,
            ast.Attribute: self._attribute,
            ast.Subscript: self._store,
            ast.Global: self._global,
            ast.Call: self._call,
            ast.Import: self._import,
            ast.ImportFrom: self._import,
            ast.FunctionDef: self._function,
            ast.AsyncFunctionDef: self._function,
            ast.Lambda: self._defaults,
        }

    def see(self, node: ast.AST) -> None:
        """Called before what is inside of the node is shown."""
        if see := self._see.get(type(node)):
            see(node)

    def method(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """A function of a class."""
        self._defaults(node)
        self._cached(node, of_class=True)

    def _note(self, kind: str, what: str, node: ast.AST, arguments: Arguments | None = None) -> None:
        self.uses.append(Use(kind, what, f"{self._path}:{getattr(node, 'lineno', '?')}", arguments or Arguments()))

    def _name(self, node: ast.Name) -> None:
        target = self._target(node)
        if isinstance(target, Outside):
            self._note("name", target.path, node)

    def _attribute(self, node: ast.Attribute) -> None:
        self._store(node)
        target = self._target(node)
        if isinstance(target, Outside):
            self._note("name", target.path, node)
        elif target is None and isinstance(node.ctx, ast.Load) and not self._packaged(node.value):
            self._note("attribute", node.attr, node)

    def _store(self, node: ast.Attribute | ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._written(node.value, node)

    def _written(self, base: ast.AST, node: ast.AST) -> None:
        """State of a module that is changed through this expression while a function runs."""
        while isinstance(base, ast.Subscript | ast.Attribute) and self._target(base) is None:
            base = base.value
        target = self._target(base)
        if self._running() and target is not None:
            self._note("written", _dotted(target), node)

    def _global(self, node: ast.Global) -> None:
        for name in node.names:
            self._note("written", name, node)

    def _call(self, node: ast.Call) -> None:
        target = self._target(node.func)
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        texts = tuple(n.value for n in given if isinstance(n, ast.Constant) and isinstance(n.value, str))
        known = [n for n in given if not (isinstance(n, ast.Constant) and n.value is None)]
        call = Arguments(len(known), texts, tuple(keyword.arg or "" for keyword in node.keywords))
        if isinstance(target, Outside):
            if target.path == "builtins.getattr" and len(node.args) > 1 and not isinstance(node.args[1], ast.Constant):
                self._note("computed", ast.unparse(node.args[1]), node)
            if target.path == "builtins.next" and node.args:
                self._written(node.args[0], node)
            in_memory = bool(node.args) and self._in_memory(node.args[0])
            self._note("call in memory" if in_memory else "call", target.path, node, call)
            if target.path == "builtins.getattr" and texts:
                self._note("attribute", texts[0], node)
        elif target is None and isinstance(node.func, ast.Attribute):
            if not self._packaged(node.func.value):
                self._note("method", node.func.attr, node, call)
            if node.func.attr in CHANGING and not isinstance(node.func.value, ast.Call):
                self._written(node.func.value, node)
        elif isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
            self._written(node.func.value, node)

    def _packaged(self, node: ast.AST) -> bool:
        """Whether it is made, in this expression, of a file that comes with a package."""
        while not isinstance(node, ast.Name):
            if isinstance(node, ast.Call):
                node = node.func
            elif isinstance(node, ast.BinOp):
                node = node.left
            elif isinstance(node, ast.Attribute):
                target = self._target(node)
                if isinstance(target, Outside):
                    return target.path.startswith(PACKAGED)
                node = node.value
            else:
                return False
        target = self._target(node)
        return isinstance(target, Outside) and target.path.startswith(PACKAGED)

    def _in_memory(self, node: ast.AST) -> bool:
        target = self._target(node.func) if isinstance(node, ast.Call) else None
        return isinstance(target, Outside) and target.path in ("io.BytesIO", "io.StringIO")

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        module = "" if isinstance(node, ast.Import) or node.level else f"{node.module}."
        for alias in node.names if module or isinstance(node, ast.Import) else []:
            self._note("import", f"{module}{alias.name}", node)

    # -- functions -----------------------------------------------------------------------------------------------------

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._defaults(node)
        self._cached(node)

    def _defaults(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        for default in filter(None, [*node.args.defaults, *node.args.kw_defaults]):
            made = default.func if isinstance(default, ast.Call) else None
            called = made.id if isinstance(made, ast.Name) else getattr(made, "attr", "")
            literal = isinstance(default, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)
            if literal or called in CONTAINERS:
                self._note("default", ast.unparse(default), default)

    def _cached(self, node: ast.FunctionDef | ast.AsyncFunctionDef, *, of_class: bool = False) -> None:
        for decorator in node.decorator_list:
            target = self._target(decorator.func if isinstance(decorator, ast.Call) else decorator)
            if isinstance(target, Outside) and target.path in CACHES:
                loose = [arg.arg for arg in _arguments(node.args) if not _is_plain(arg.annotation)]
                if of_class or loose:
                    self._note("cached", f"{node.name}({', '.join(loose)})", node)


def _arguments(args: ast.arguments) -> Iterator[ast.arg]:
    yield from (*args.posonlyargs, *args.args, *args.kwonlyargs)
    yield from (arg for arg in (args.vararg, args.kwarg) if arg)


def _is_plain(annotation: ast.expr | None) -> bool:
    """Whether all that the annotation names is a value that says itself what it is."""
    if annotation is None:
        return False
    text = annotation.value if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str) else None
    tree = ast.parse(text, mode="eval") if text else annotation
    names = [n.id for n in ast.walk(tree) if isinstance(n, ast.Name)]
    return all(name in PLAIN_KEYS for name in names)


def changed_names(node: ast.AST) -> set[str]:
    """Names whose value is changed, or bound anew from inside, by what a function does."""
    found: set[str] = set()
    for inner in ast.walk(node):
        bases: list[ast.AST] = []
        if isinstance(inner, ast.Nonlocal | ast.Global):
            found |= {*inner.names}
        elif isinstance(inner, ast.Subscript | ast.Attribute) and not isinstance(inner.ctx, ast.Load):
            bases = [inner.value]
        elif isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and inner.func.attr in CHANGING:
            bases = [inner.func.value]
        found |= {name for base in bases if (name := _base(base))}
    return found


def _base(node: ast.AST) -> str:
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _dotted(target: Target) -> str:
    if isinstance(target, Definition):
        return f"{target.module}.{target.name}"
    return target.path if isinstance(target, Outside) else f"{target.module}.{target.attribute}".rstrip(".")
