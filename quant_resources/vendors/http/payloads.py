"""Answers of vendors, read strictly: what later steps could not read never becomes a kept payload. Pure."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypeGuard

from polars.exceptions import PanicException

# A number of JSON that no column of ours could hold: a whole number has 64 bits.
LARGEST = 2**63 - 1
SHOWN = 60  # characters of a value that an error quotes
EARLIEST, LATEST = date(1700, 1, 1), date(2200, 1, 1)

Kind = Literal["text", "number", "whole", "day"]


@dataclass(frozen=True)
class Field:
    """What a row of an answer holds under a name.

    Attributes:
        kind: `number` is a finite number, `whole` one without a fraction, `day` a text that begins with YYYY-MM-DD.
        required: whether it may be absent or null.
    """

    name: str
    kind: Kind
    required: bool = False


def read_object(content: bytes) -> tuple[dict[str, Any], str]:
    """The JSON object that the content holds, and what is wrong where it holds none.

    Stricter than the standard: a key stands once in its object, and a number is one that 64 bits can hold.
    """
    try:
        body = json.loads(
            content, parse_constant=_reject_constant, parse_float=_finite, parse_int=_whole, object_pairs_hook=_unique
        )
    except RecursionError:
        return {}, "no JSON that can be read (nested too deeply)"
    except ValueError as error:
        return {}, f"no JSON ({bounded(error)})"
    return (body, "") if isinstance(body, dict) else ({}, f"JSON holds a {type(body).__name__}, not an object")


def fault_of(
    body: Mapping[str, Any],
    content: bytes,
    wrong: Callable[[Mapping[str, Any]], str | None],
    parses: Sequence[Callable[[bytes], object]],
) -> str | None:
    """What is wrong with an answer, by its own check and by everything that will read it later; None where all can.

    Args:
        wrong: of the object.
        parses: every function that reads the kept payload.
    """
    try:
        if fault := wrong(body):
            return fault
        for parse in parses:
            parse(content)
    # Whatever a reader raises on content of another's making, Polars' panics included, says that it cannot be read.
    except (Exception, PanicException) as error:
        return f"its shape is not the documented one ({type(error).__name__}: {bounded(error)})"
    return None


def fault_of_rows(rows: object, fields: Sequence[Field]) -> str | None:
    """What is wrong with the first row that is not as documented; None where all are."""
    if not isinstance(rows, list):
        return f"a {type(rows).__name__} where a list of rows belongs"
    for place, row in enumerate(rows):
        if not isinstance(row, dict):
            return f"row {place} is a {type(row).__name__}, not an object"
        for field in fields:
            if fault := _fault(row.get(field.name), field):
                return f"row {place}: {field.name!r} {fault}"
    return None


def fault_of_day(text: object) -> str | None:
    """What is wrong with a text that must begin with a date."""
    try:
        day = date.fromisoformat(str(text)[:10])
    except ValueError:
        return f"holds {bounded(text)} where a date as YYYY-MM-DD belongs"
    return None if EARLIEST <= day <= LATEST else f"holds {day}, a date outside {EARLIEST} to {LATEST}"


def bounded(value: object) -> str:
    """The value as an error quotes it: one line of bounded length."""
    text = " ".join(str(value).split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _fault(value: object, field: Field) -> str | None:
    if value is None:
        return "is missing" if field.required else None
    match field.kind:
        case "text":
            return None if isinstance(value, str) and _encodes(value) else f"holds {bounded(value)}, not a text"
        case "day":
            if value == "" and not field.required:
                return None
            return fault_of_day(value) if isinstance(value, str) else f"holds {bounded(value)}, not a date"
        case "number":
            return None if _is_number(value) else f"holds {bounded(value)}, not a number"
        case "whole":
            whole = _is_number(value) and value == int(value)
            return None if whole else f"holds {bounded(value)}, not a whole number"


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _encodes(text: str) -> bool:
    """Half a surrogate pair is no text that a column can hold."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key {bounded(repr(twice))} stands twice in one object")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{bounded(text)} is a larger number than can be held")
    return number


def _whole(text: str) -> int:
    number = int(text)
    if abs(number) > LARGEST:
        raise ValueError(f"{bounded(text)} is a larger number than can be held")
    return number


def _reject_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")
