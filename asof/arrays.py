"""Arguments as arrays of floats whose shapes fit together, checked before compiled code sees them."""

from collections.abc import Collection
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from asof.frames import PANDAS, library_of

Array = NDArray[np.float64]
Argument = Any  # a pair: Numbers, and the shape as text
Numbers = Any  # an array, a sequence, or a column or frame of Polars or pandas


def checked(*, missing: Collection[str] = (), **arguments: Argument) -> tuple[Array, ...]:
    """Each argument as a C-contiguous array of 64-bit floats.

    Args:
        missing: arguments that may hold NaN.
        arguments: (value, shape) by the argument's name; the shape is letters for lengths that must agree wherever the
            letter stands, and numbers, for example `signals=(x, "T D"), mean=(m, "K D")`.

    Raises:
        ValueError: names the argument, what it is and what was expected.
    """
    lengths: dict[str, tuple[int, str]] = {}
    arrays = []
    for name, (value, shape) in arguments.items():
        array = _floats(value, name)
        _require_shape(array, name, shape.split(), lengths)
        _require_finite(array, name, name in missing)
        arrays.append(array)
    return tuple(arrays)


def _floats(value: Numbers, name: str) -> Array:
    try:
        if library_of(value) == PANDAS:
            array = value.to_numpy(dtype="float64", na_value=np.nan)
        else:
            array = np.asarray(value.to_numpy() if isinstance(value, pl.Series | pl.DataFrame) else value)
            # text of digits would become numbers, and dates would become days
            if array.dtype.kind not in "fiubO":
                raise ValueError(f"it holds {array.dtype}")
        return np.ascontiguousarray(array, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is no array of numbers: {error}; pass one of floats") from error


def _require_shape(array: Array, name: str, letters: list[str], lengths: dict[str, tuple[int, str]]) -> None:
    expected = f"({', '.join(letters)}{',' if len(letters) == 1 else ''})"
    if array.ndim != len(letters):
        raise ValueError(f"{name} has shape {array.shape}, expected {expected}")
    for letter, length in zip(letters, array.shape, strict=True):
        known, whose = lengths.setdefault(letter, (int(letter) if letter.isdigit() else length, name))
        if known != length:
            because = "" if letter.isdigit() else f" with {letter} = {known}, as of {whose}"
            raise ValueError(f"{name} has shape {array.shape}, expected {expected}{because}")


def _require_finite(array: Array, name: str, may_be_missing: bool) -> None:
    bad = np.isinf(array) if may_be_missing else ~np.isfinite(array)
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{name} holds {array[where]} at {list(where)}, one of {int(bad.sum())} such values, expected finite "
            f"numbers{' or NaN' if may_be_missing else ''}; fill them, or leave these rows out"
        )
