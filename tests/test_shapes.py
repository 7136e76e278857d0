"""Shapes that keep the code readable: short functions, short files, few arguments by position, few exceptions."""

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("asof", "configs", "feature_store", "quant_resources", "quant_assets")
EVERYWHERE = (*PACKAGES, "benchmarks", "tests", "examples")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def functions(path: Path) -> Iterator[tuple[Function, int]]:
    """Functions with their lines of code: no docstring, no comment, no empty line."""
    text = path.read_text()
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Function):
            body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
            if body:
                of_body = lines[body[0].lineno - 1 : node.end_lineno]
                yield node, sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in of_body)


# -- known values ------------------------------------------------------------------------------------------------------


def test_functions_are_short() -> None:
    counts = sorted(count for path in modules(*PACKAGES) for _, count in functions(path))
    assert len(counts) > 2000, "most functions are looked at"
    assert statistics.median(counts) <= 8
    assert counts[int(0.9 * len(counts))] <= 20


def test_files_are_short() -> None:
    long = {str(p.relative_to(ROOT)): n for p in modules(*EVERYWHERE) if (n := len(p.read_text().splitlines())) > 350}
    assert long == {}


def test_few_arguments_go_by_position() -> None:
    many = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in modules(*PACKAGES)
        for node, _ in functions(path)
        if len(node.args.posonlyargs) + len(node.args.args) - (node.args.args[:1] != [] and _is_method(node)) > 8
    ]
    assert many == []


def _is_method(node: Function) -> bool:
    return node.args.args[0].arg in ("self", "cls")


def test_types_are_ignored_in_few_places() -> None:
    # in pieces, so that this file does not count itself
    mark = re.compile("# type: " + r"ignore\b")
    places = [str(path.relative_to(ROOT)) for path in modules(*EVERYWHERE) for _ in mark.findall(path.read_text())]
    assert len(places) < 25, places


@pytest.mark.parametrize("folder", ["quant_assets", "quant_resources/vendors"])
def test_a_package_holds_rooms_and_not_loose_modules(folder: str) -> None:
    loose = [path.name for path in (ROOT / folder).glob("*.py") if path.name != "__init__.py"]
    assert len(loose) <= 3, loose
