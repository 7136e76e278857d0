"""Settings in words: unit, allowed values, default and description of each field, as its type has them."""

import datetime as dt
import types
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from configs.settings import Settings
from configs.settings.kinds import OneOf
from configs.settings.units import Unit

REQUIRED = "required"
KIND = {"kind": "which kind of settings these are"}


@dataclass(frozen=True)
class Description:
    """A field of settings.

    Attributes:
        default: as JSON would hold it; REQUIRED where there is none.
        unit: of a number; empty for anything else.
        allowed: bounds, choices, or what kind of value it is.
        meaning: the description, a phrase without a full stop.
        annotation: the type of its values.
    """

    name: str
    default: object
    unit: str
    allowed: str
    meaning: str
    annotation: object

    @property
    def parts(self) -> tuple[type[Settings], ...]:
        """Classes of settings inside the value; a plugin may add to them."""
        return parts_of(self.annotation)


@cache
def describe(kind: type[Settings]) -> dict[str, Description]:
    """Every field of a class of settings, by name."""
    return {name: _described(name, field) for name, field in kind.model_fields.items()}


def _described(name: str, field: FieldInfo) -> Description:
    default = REQUIRED if field.is_required() else plain(field.get_default(call_default_factory=True))
    annotation = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    return Description(
        name, default, _unit(annotation), _allowed(annotation), field.description or KIND.get(name, ""), annotation
    )


def plain(value: object) -> object:
    """As JSON and YAML hold it; what no fingerprint has is there too."""
    if isinstance(value, Settings):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return to_jsonable_python(value)


def parts_of(annotation: object) -> tuple[type[Settings], ...]:
    """Classes of settings in an annotation, in its order; of a choice of kinds, those of its table."""
    tables = [mark.table for mark in _marks(annotation) if isinstance(mark, OneOf)]
    if tables:
        return tuple(kind for table in tables for kind in table.values())
    return tuple(part for part in _types_within(annotation) if isinstance(part, type) and issubclass(part, Settings))


def _types_within(annotation: object) -> Iterator[object]:
    inner = get_args(annotation)
    if not inner or get_origin(annotation) is Literal:
        yield annotation
    for part in inner[:1] if get_origin(annotation) is Annotated else inner:
        yield from _types_within(part)


def _marks(annotation: object) -> Iterator[object]:
    """What Annotated says, from the outside in."""
    if get_origin(annotation) is Annotated:
        yield from get_args(annotation)[1:]
    if get_origin(annotation) is not Literal:
        for part in get_args(annotation)[: 1 if get_origin(annotation) is Annotated else None]:
            yield from _marks(part)


def _unit(annotation: object) -> str:
    return next((mark.name for mark in _marks(annotation) if isinstance(mark, Unit)), "")


def kind_name(kind: type[Settings]) -> str | None:
    """The value of `kind` by which settings of several classes are told apart."""
    field = describe(kind).get("kind")
    return field.allowed if field else None


# -- allowed values ----------------------------------------------------------------------------------------------------

_KINDS: dict[object, str] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
    dt.date: "date",
    Any: "any value",
    type(None): "null",
}


def _allowed(annotation: object) -> str:
    marks = [*get_args(annotation)[1:]] if get_origin(annotation) is Annotated else []
    inner = _plain_kind(get_args(annotation)[0] if marks else annotation)
    bounds = _bounds(marks)
    if bounds and inner.endswith(" or null"):
        return f"{bounds}, or null"
    return bounds or inner


def _plain_kind(annotation: object) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _plain_kind(inner[0])
    if origin is Literal:
        return _either([str(choice) for choice in inner])
    if origin in (Union, types.UnionType):
        return _either(list(dict.fromkeys(map(_plain_kind, inner))))
    if inner:
        return _collection(origin, inner)
    is_settings = isinstance(annotation, type) and issubclass(annotation, Settings)
    return "settings" if is_settings else _KINDS[annotation]


def _collection(origin: object, inner: tuple[object, ...]) -> str:
    kinds = [_plain_kind(part) for part in inner if part is not Ellipsis]
    if origin is dict:
        return f"{{{kinds[0]}: {kinds[1]}}}"
    several = origin is list or inner[-1] is Ellipsis
    return f"list of {kinds[0]}{'s' if kinds[0].endswith('number') else ''}" if several else ", ".join(kinds)


def _either(choices: list[str]) -> str:
    return " or ".join([", ".join(choices[:-1]), choices[-1]]) if len(choices) > 1 else choices[0]


def _bounds(marks: list[object]) -> str:
    of: dict[type, Any] = {type(mark): mark for mark in marks}
    if Ge in of and Le in of:
        return f"{of[Ge].ge} to {of[Le].le}"
    bounds = [
        f"at least {of[Ge].ge}" if Ge in of else "",
        f"above {of[Gt].gt}" if Gt in of else "",
        f"at most {of[Le].le}" if Le in of else "",
        f"below {of[Lt].lt}" if Lt in of else "",
        f"at least {of[MinLen].min_length} characters" if MinLen in of else "",
    ]
    return ", ".join(filter(None, bounds))
