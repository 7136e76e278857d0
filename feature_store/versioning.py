"""Code versions and fingerprints: what a stored value depends on."""

import ast
import hashlib
import importlib.util
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

from feature_store.dataset import Dataset
from feature_store.hashing import digest_of

NUMERIC_LIBRARIES = ("numpy", "polars", "numba", "scipy", "hmmlearn", "lightgbm", "clarabel", "scikit-learn")
FIRST_PARTY = ("quant_assets", "quant_resources", "feature_store", "configs")
# Their content enters the fingerprint on its own: the schema, the asset's part of the config.
APART = ("feature_store.schemas", "feature_store.dataset", "configs.settings")


@cache
def code_version(module: str) -> str:
    """Hash of the syntax trees of a module and all first-party modules it imports, and of the numeric libraries.

    Comments, formatting and docstrings do not count.
    """
    trees = [f"{name}:{_tree_hash(name)}" for name in sorted(import_closure(module))]
    return digest_of([*trees, *_library_versions()])


@cache
def import_closure(module: str) -> frozenset[str]:
    """First-party modules reached from `module` by imports, itself included."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found and _source_path(name):
            found.add(name)
            waiting.extend(_imports(name))
    return frozenset(found)


def schema_version(dataset: Dataset) -> str:
    """Hash of what the dataset's files look like and allow."""
    columns = [
        f"{c.name}|{c.dtype}|{c.unit}|{c.nullable}|{c.at_least}|{c.above}|{c.at_most}|{c.one_of}|{c.grade}"
        for c in dataset.columns
    ]
    return digest_of([dataset.name, str(dataset.version), *dataset.key, str(dataset.restates), *columns])


def fingerprint(parts: Mapping[str, str]) -> str:
    return digest_of([f"{name}={parts[name]}" for name in sorted(parts)])


@cache
def _library_versions() -> tuple[str, ...]:
    return tuple(f"{name}=={version(name)}" for name in NUMERIC_LIBRARIES)


@cache
def _source_path(module: str) -> Path | None:
    if module.split(".", maxsplit=1)[0] not in FIRST_PARTY or module.startswith(APART):
        return None
    spec = importlib.util.find_spec(module)
    return Path(spec.origin) if spec and spec.origin else None


@cache
def _parsed(module: str) -> ast.Module:
    path = _source_path(module)
    if path is None:
        raise ValueError(f"{module} has no source")
    return ast.parse(path.read_text())


@cache
def _tree_hash(module: str) -> str:
    tree = ast.parse(ast.unparse(_parsed(module)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:] or [ast.Pass()]
    return hashlib.blake2b(ast.dump(tree).encode(), digest_size=16).hexdigest()


def _imports(module: str) -> Iterable[str]:
    for node in ast.walk(_parsed(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            for alias in node.names:  # `from package import module`
                if node.module.split(".")[0] in FIRST_PARTY and _is_module(f"{node.module}.{alias.name}"):
                    yield f"{node.module}.{alias.name}"


@cache
def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
