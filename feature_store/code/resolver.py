"""What a name stands for: a definition of ours, a module, or something of a library."""

import ast

from feature_store.code.sources import IMPLICIT, Definition, Outside, Source, Target, Whole, is_ours, source_of


class Resolver:
    """Resolves names through imports and re-exports.

    Args:
        also: a top-level package or module that is analysed beside the project's.
    """

    def __init__(self, also: str) -> None:
        self._also = also
        self._open: set[tuple[str, str]] = set()
        self._targets: dict[tuple[str, str], Target | None] = {}

    def of(self, source: Source, name: str) -> Target | None:
        """What a module-level name stands for; None where the module binds no such name."""
        key = (source.module, name)
        if key in self._open:  # `from . import part` inside a package's own file
            return None
        if key not in self._targets:
            self._open.add(key)
            self._targets[key] = self._bound(source, name)
            self._open.discard(key)
        return self._targets[key]

    def _bound(self, source: Source, name: str) -> Target | None:
        statements = source.bindings.get(name)
        if statements:
            targets = {self.imported(source, statement, name) for statement in statements}
            only = next(iter(targets)) if len(targets) == 1 else None
            return only or Definition(source.module, name)
        starred = (self.member(module, name) for module in source.stars if not name.startswith("_"))
        return next((target for target in starred if target), None)

    def imported(self, source: Source, statement: ast.stmt, name: str) -> Target | None:
        """What an import statement binds the name to; None of another statement."""
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                if alias.asname == name:
                    return self.module(alias.name)
                if alias.asname is None and alias.name.partition(".")[0] == name:
                    return self.module(name)
        if isinstance(statement, ast.ImportFrom):
            base = source.absolute(statement)
            for alias in statement.names:
                if (alias.asname or alias.name) == name:
                    return self.member(base, alias.name) or Whole(base, alias.name)
        return None

    def module(self, name: str) -> Target:
        ours = is_ours(name, self._also) and source_of(name) is not None
        return Whole(name) if ours else Outside(name)

    def member(self, module: str, name: str) -> Target | None:
        """What `module.name` stands for; None where the text of one of ours does not say."""
        source = source_of(module) if is_ours(module, self._also) else None
        if source is None:
            return Outside(f"{module}.{name}")
        if target := self.of(source, name):
            return target
        if name in IMPLICIT:
            return Outside(f"builtins.{name}")
        return Whole(f"{module}.{name}") if source_of(f"{module}.{name}") is not None else None
