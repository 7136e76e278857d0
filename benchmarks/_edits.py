"""Edits of a copy of the code: each is a function of the copy's folder, and fails where its passage is not there."""

import ast
import importlib.util
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import distribution
from pathlib import Path

PACKAGES = ("configs", "feature_store", "quant_resources", "quant_assets")


@dataclass(frozen=True)
class Edit:
    """One edit; `settings` are overrides of the profile."""

    kind: str
    name: str
    apply: Callable[[Path], None] = lambda _: None
    settings: dict[str, str] = field(default_factory=dict)


def rewrite(file: Path, change: Callable[[str], str]) -> None:
    text = file.read_text()
    changed = change(text)
    if changed == text:
        raise ValueError(f"the edit of {file.name} finds nothing to change; bring it up to date with the code")
    file.write_text(changed)


def replaced(path: str, old: str, new: str) -> Callable[[Path], None]:
    return lambda folder: rewrite(folder / path, lambda text: text.replace(old, new))


def in_each(folder: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    """The same change of every module in which it finds something, of which there must be one."""

    def apply(copy: Path) -> None:
        modules = [file for file in sorted((copy / folder).rglob("*.py")) if change(text := file.read_text()) != text]
        if not modules:
            raise ValueError(f"the edit of {folder} finds nothing to change; bring it up to date with the code")
        for file in modules:
            rewrite(file, change)

    return apply


def added(path: str, text: str, at: str = "end") -> Callable[[Path], None]:
    """Text at the end, or at the top behind the module's docstring and `__future__`."""

    def change(before: str) -> str:
        if at == "end":
            return f"{before.rstrip()}\n\n\n{text}\n"
        first = next(s for s in ast.parse(before).body if isinstance(s, ast.Import | ast.ImportFrom))
        lines = before.splitlines()
        return "\n".join([*lines[: first.lineno - 1], text, *lines[first.lineno - 1 :]]) + "\n"

    return lambda folder: rewrite(folder / path, change)


def written(path: str, text: str) -> Callable[[Path], None]:
    """A new file."""

    def apply(folder: Path) -> None:
        (folder / path).write_text(text)

    return apply


def files(folder: Path) -> list[Path]:
    return [path for package in PACKAGES for path in sorted((folder / package).rglob("*.py"))]


def everywhere(pattern: str, new: str) -> Callable[[Path], None]:
    """A regular expression, in every file."""

    def apply(folder: Path) -> None:
        found = 0
        for path in files(folder):
            text, count = re.subn(pattern, new, path.read_text())
            found += count
            if count:
                path.write_text(text)
        if not found:
            raise ValueError(f"nothing is called {pattern}; bring the edit up to date with the code")

    return apply


def moved(module: str, to: str) -> Callable[[Path], None]:
    """A module to another place, with all that imports it."""

    def apply(folder: Path) -> None:
        target = folder / (to.replace(".", "/") + ".py")
        target.parent.mkdir(parents=True, exist_ok=True)
        (target.parent / "__init__.py").touch()
        (folder / (module.replace(".", "/") + ".py")).rename(target)
        package, _, name = module.rpartition(".")
        new_package, _, new_name = to.rpartition(".")
        direct = rf"^(\s*)from {re.escape(package)} import {name}$"
        for path in files(folder):
            text = re.sub(rf"\b{re.escape(module)}\b", to, path.read_text())
            text = re.sub(direct, rf"\1from {new_package} import {new_name} as {name}", text, flags=re.MULTILINE)
            path.write_text(text)

    return apply


def commented(path: str) -> Callable[[Path], None]:
    """A comment before every return."""
    return lambda folder: rewrite(
        folder / path, lambda text: re.sub(r"^( +)return ", r"\1# so it is\n\1return ", text, flags=re.MULTILINE)
    )


def reversed_definitions(path: str) -> Callable[[Path], None]:
    """Functions of a module in the opposite order, each with its decorators; all else stays before them."""

    def change(text: str) -> str:
        lines, body = text.splitlines(), ast.parse(text).body
        functions = [s for s in body if isinstance(s, ast.FunctionDef)]
        first = [min([s.lineno, *(d.lineno for d in s.decorator_list)]) - 1 for s in functions]
        parts = ["\n".join(lines[a : s.end_lineno]) for a, s in zip(first, functions, strict=True)]
        inside = {i for a, s in zip(first, functions, strict=True) for i in range(a, s.end_lineno)}
        rest = "\n".join(line for i, line in enumerate(lines) if i not in inside)
        return rest.rstrip() + "\n\n\n" + "\n\n\n".join(reversed(parts)) + "\n"

    return lambda folder: rewrite(folder / path, change)


def without_docstrings(path: str) -> Callable[[Path], None]:
    def change(text: str) -> str:
        tree = ast.parse(text)
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
                node.body = node.body[1:] or [ast.Pass()]
        return ast.unparse(tree) + "\n"

    return lambda folder: rewrite(folder / path, change)


def laid_out_anew(path: str) -> Callable[[Path], None]:
    return lambda folder: rewrite(folder / path, lambda text: ast.unparse(ast.parse(text)) + "\n")


def without_annotations(path: str) -> Callable[[Path], None]:
    """Of functions; those of an asset's own function are how it asks for settings, and stay."""

    def change(text: str) -> str:
        tree = ast.parse(text)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                node.returns = None
                for arg in (*node.args.args, *node.args.kwonlyargs):
                    arg.annotation = None
        return ast.unparse(tree) + "\n"

    return lambda folder: rewrite(folder / path, change)


def several(*edits: Callable[[Path], None]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        for edit in edits:
            edit(folder)

    return apply


def patched(name: str, change: Callable[[Path], None] | None = None) -> Callable[[Path], None]:
    """A library of another version before the installed one.

    Args:
        change: of the folder of its module, which is copied too.
    """

    def apply(folder: Path) -> None:
        info = Path(str(distribution(name)._path))
        copy = folder / info.name
        shutil.copytree(info, copy)
        rewrite(copy / "METADATA", lambda text: re.sub(r"^Version: .*$", "Version: 99.1", text, count=1, flags=re.M))
        if change:
            spec = importlib.util.find_spec(name)
            assert spec and spec.origin
            shutil.copytree(Path(spec.origin).parent, folder / name)
            change(folder / name)

    return apply
