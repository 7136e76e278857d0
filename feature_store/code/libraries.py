"""Libraries by distribution and version: those that code imports, and the compiled ones underneath."""

import re
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions

COMPILED = (".so", ".pyd", ".dylib", ".dll")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_EXTRA = re.compile(r"\bextra\s*==")


def library_versions(modules: Iterable[str]) -> dict[str, str]:
    """Version by distribution of these top-level modules and of what is compiled beneath them, and Python's own.

    What a distribution requires, without extras, counts where it ships compiled extensions: NumPy beneath SciPy,
    llvmlite beneath Numba.
    """
    direct = {name for module in modules for name in distributions_of(module)}
    beneath = {name for top in direct for name in _required(top) if _is_compiled(name)}
    found = {name: version_of(name) for name in sorted(direct | beneath)}
    return {"python": f"{sys.version_info.major}.{sys.version_info.minor}", **found}


@cache
def distributions_of(module: str) -> tuple[str, ...]:
    """Distributions that bring a top-level module; none of the standard library's, or of one that just lies there."""
    if module in sys.stdlib_module_names:
        return ()
    if f"{module}/" in {line.partition("/")[0] + "/" for line in _files(_canonical(module))}:
        return (_canonical(module),)  # named like its module, as most
    return tuple(sorted({_canonical(one.name) for one, modules in _modules_of_each() if module in modules}))


@cache
def version_of(name: str) -> str:
    return distribution(name).version


@cache
def _modules_of_each() -> tuple[tuple[Distribution, frozenset[str]], ...]:
    """As `packages_distributions`, which makes a path of each of a hundred thousand lines."""
    return tuple((one, _top_level(one)) for one in distributions())


def _top_level(of: Distribution) -> frozenset[str]:
    if declared := of.read_text("top_level.txt"):
        return frozenset(declared.split())
    parts = (path.partition("/") for path in _paths_of(of) if path.endswith(".py"))
    return frozenset(first if slash else first.removesuffix(".py") for first, slash, _ in parts)


@cache
def _required(name: str) -> frozenset[str]:
    """Installed distributions that this one needs, and those that they need."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for needed in _requires(waiting.pop()):
            if needed not in found:
                found.add(needed)
                waiting.append(needed)
    return frozenset(found)


@cache
def _requires(name: str) -> tuple[str, ...]:
    lines = distribution(name).requires or []
    names = (_canonical(_NAME.match(line).group()) for line in lines if not _EXTRA.search(line))  # type: ignore[union-attr]
    return tuple(name for name in names if _installed(name))


@cache
def _is_compiled(name: str) -> bool:
    return any(path.endswith(COMPILED) for path in _files(name))


@cache
def _files(name: str) -> tuple[str, ...]:
    """Paths that an installed distribution brought."""
    found = _installed(name)
    return _paths_of(found) if found else ()


def _paths_of(of: Distribution) -> tuple[str, ...]:
    record = of.read_text("RECORD")
    if record is None:
        return tuple(str(path) for path in of.files or ())
    return tuple(line.partition(",")[0] for line in record.splitlines())


@cache
def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
