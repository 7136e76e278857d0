"""Layers of settings, each with where it was written: defaults, a profile's file, --data and --set."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from configs.errors import ConfigError

CONFIGS = Path(__file__).parent
LARGEST, MOST_VALUES = 2**20, 100_000  # bytes and values of a file of settings

Tree = dict[str, Any]
Location = tuple[str | int, ...]


@dataclass(frozen=True)
class Layer:
    """Settings as they were written.

    Attributes:
        source: the file, or the option of the command line.
        tree: what stands there; later layers override it.
    """

    source: str
    tree: Tree

    def depth(self, where: Location) -> int:
        """How many parts of the location this layer has."""
        node: object = self.tree
        for depth, part in enumerate(where):
            node, known = _inside(node, part)
            if not known:
                return depth
        return len(where)


def _inside(node: object, part: str | int) -> tuple[object, bool]:
    if isinstance(node, dict):
        key = next((key for key in node if str(key) == str(part)), None)
        return (node[key], True) if key is not None else (None, False)
    if isinstance(node, list) and str(part).isdigit() and int(part) < len(node):
        return node[int(part)], True
    return None, False


def writer_of(where: Location, layers: Sequence[Layer]) -> str:
    """The source of the last layer that has the deepest part of the location."""
    return max(enumerate(layers), key=lambda pair: (pair[1].depth(where), pair[0]))[1].source


def shown(path: Path) -> str:
    """A path as errors name it: from the repository on."""
    return str(path.relative_to(CONFIGS.parent)) if path.is_relative_to(CONFIGS.parent) else str(path)


# -- YAML --------------------------------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """SafeLoader that rejects a key written twice, where YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT002 -- as PyYAML has it
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = sorted({str(key) for key in keys if keys.count(key) > 1})
        if twice:
            raise ConfigError(f"{', '.join(twice)} is written twice (line {node.start_mark.line + 1}); keep one")
        return super().construct_mapping(node, deep)


def parsed(text: str, source: str) -> object:
    """The value of a YAML text.

    Raises:
        ConfigError: not YAML, or a key stands twice. No line of the text is quoted: it may be another file than meant.
    """
    try:
        value = yaml.load(text, _Loader)
        _require_bounded(value)
        return value
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{source} is not YAML: {_where(error)}") from None
    except (ValueError, TypeError, RecursionError, OverflowError) as error:  # of a date, a number or a depth
        raise ConfigError(f"{source} holds a value that cannot be read ({type(error).__name__}); fix it") from None


def _require_bounded(value: object) -> None:
    """A few lines of aliases of aliases stand for more settings than fit into memory, or for themselves."""
    rest, count = [value], 0
    while rest:
        node, count = rest.pop(), count + 1
        if count > MOST_VALUES:
            raise ConfigError(f"it stands for more than {MOST_VALUES} values; write fewer aliases (`*name`)")
        if isinstance(node, dict | list):
            rest += node.values() if isinstance(node, dict) else node


def _where(error: yaml.YAMLError) -> str:
    """What is wrong and in which line, without the line."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return "it holds characters that YAML does not know"
    mark = error.problem_mark or error.context_mark
    place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
    return f"{error.problem or error.context}{place}"


def read_layer(path: Path) -> Layer:
    """A YAML file of `key: value` lines.

    Raises:
        ConfigError: no file of YAML that can be read.
    """
    tree = parsed(text_of(path), shown(path))
    if tree is not None and not isinstance(tree, dict):
        raise ConfigError(f"{shown(path)} holds a {type(tree).__name__}; write `key: value` lines")
    return Layer(shown(path), tree or {})


def text_of(path: Path) -> str:
    """The text of a file of settings.

    Raises:
        ConfigError: it cannot be read, is no file, or is too large for settings.
    """
    try:
        if not path.is_file():  # of a pipe nothing might ever come
            raise ConfigError(f"{shown(path)} is no file; pass the path of a YAML file")
        if path.stat().st_size > LARGEST:
            raise ConfigError(f"{shown(path)} is larger than {LARGEST} bytes, which settings never are; pass another")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise ConfigError(f"{shown(path)} cannot be read ({reason}); pass the path of a YAML file") from None


# -- one over another --------------------------------------------------------------------------------------------------


def merge(below: Tree, above: Tree) -> Tree:
    """`above` laid over `below`: mappings are merged, but for those of another kind; everything else is replaced."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(below.get(key), dict)
        merged[key] = merge(below[key], value) if both and not _of_another_kind(below[key], value) else value
    return merged


def _of_another_kind(below: Tree, above: Tree) -> bool:
    """Whether the settings of one mean nothing to the other, such as those of another detector."""
    return "kind" in above and "kind" in below and above["kind"] != below["kind"]


def put(tree: Tree, key: str, text: str) -> Layer:
    """Sets the dotted key inside `tree` to a YAML value; returns the change alone."""
    source = f"--set {key}={text}"
    value = parsed(text, source)
    *parents, leaf = key.split(".")
    node: object = tree
    for part in parents:
        node = _child(node, part, source)
    if isinstance(node, list):
        node[_position(node, leaf, source)] = value
    elif isinstance(node, dict):
        if _of_another_kind(node, {leaf: value}):
            node.clear()
        node[leaf] = value
    else:
        raise ConfigError(f"{source}: `{'.'.join(parents)}` is the single value {node!r} and has no `{leaf}`")
    change: Tree = {leaf: value}
    for part in reversed(parents):
        change = {part: change}
    return Layer(source, change)


def _child(node: object, part: str, source: str) -> object:
    if isinstance(node, list):
        return node[_position(node, part, source)]
    if isinstance(node, dict):
        if not isinstance(node.get(part), dict | list):
            node[part] = {}
        return node[part]
    raise ConfigError(f"{source}: {node!r} has no `{part}`")


def _position(node: list[Any], part: str, source: str) -> int:
    if part.isdigit() and int(part) < len(node):
        return int(part)
    raise ConfigError(f"{source}: {part!r} is no position in a list of {len(node)}; count from 0")
