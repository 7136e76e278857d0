"""What differs between two frames of one dataset beyond the rounding of another numeric platform."""

import re
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Kernels of another processor add in another order: a few times 1e-16 a sum, and what ill-conditioned regressions and
# solvers that stop at 1e-8 make of it. A wrong input moves values far more.
RELATIVE = 1e-6
OF_SCALE = 1e-9  # of the column's largest value: what is left where large numbers cancel
IN_TEXT = 1.0  # the scale of numbers in text, whose columns are unlike one another
FLOAT = re.compile(r"[-+]?\d+(?:\.\d*(?:[eE][-+]?\d+)?|[eE][-+]?\d+)")  # whole numbers count and name
SHOWN = 3


def beyond_rounding(stored: pl.DataFrame, computed: pl.DataFrame, key: Sequence[str]) -> str | None:
    """What differs by more than rounding, as text; None where nothing does.

    Floats, in columns or written out in text, may differ by `RELATIVE`, or by `OF_SCALE` of the column's largest value.
    All else must be equal: a decision that rounding has turned is a difference.

    Args:
        stored, computed: the same columns, both sorted by the dataset's key.
        key: columns that name a row.
    """
    if stored.columns != computed.columns or stored.dtypes != computed.dtypes:
        return f"columns {_schema_text(computed)}, stored {_schema_text(stored)}"
    if not stored.select(key).equals(computed.select(key)):
        apart = stored.join(computed, on=key, how="anti").height, computed.join(stored, on=key, how="anti").height
        return f"{apart[0]} stored rows are not there and {apart[1]} are new; their keys are {', '.join(key)}"
    columns = list(_differences(stored, computed))
    more = f"; and {len(columns) - SHOWN} more columns" if len(columns) > SHOWN else ""
    return "; ".join(columns[:SHOWN]) + more or None


def equal_within_rounding(
    stored: pl.DataFrame, computed: pl.DataFrame, key: Sequence[str], platform: str
) -> tuple[bool, str]:
    """Whether a session that was stored on another platform, or one that cannot be pinned, is the one computed here.

    Args:
        platform: that it was stored on.

    Returns:
        Whether it is, and the detail of the check result either way.
    """
    beyond = beyond_rounding(stored, computed, key)
    context = f"stored on {platform}; compared within rounding"
    if beyond is None:
        size = largest_difference(stored, computed)
        return True, f"{context}: the largest difference is {size:.1e} of its column's largest value"
    return False, f"{context}, and beyond it: {beyond}; `asof refresh` stores it as this platform computes it"


def largest_difference(stored: pl.DataFrame, computed: pl.DataFrame) -> float:
    """Largest difference of a float, relative to its column's largest value; 0 without floats."""
    floats = [name for name, dtype in stored.schema.items() if dtype.is_float()]
    pairs = ((_finite(stored[name]), _finite(computed[name])) for name in floats)
    return max((float(np.abs(a - b).max() / scale) for a, b in pairs if (scale := _scale(a, b)) > 0), default=0.0)


def _differences(stored: pl.DataFrame, computed: pl.DataFrame) -> Iterator[str]:
    for name in stored.columns:
        a, b = stored[name], computed[name]
        apart = ~_close_columns(a, b)
        if apart.any():
            row = int(np.flatnonzero(apart)[0])
            kind = "values" if a.dtype.is_float() else "discrete outcomes"
            yield (
                f"{int(apart.sum())} of {len(a)} {kind} of {name} differ, the first {_short(b[row])}, "
                f"stored {_short(a[row])}"
            )


def _close_columns(a: pl.Series, b: pl.Series) -> Mask:
    if a.dtype.is_float():
        return _close(a, b, _scale(_finite(a), _finite(b)))
    same = a.eq_missing(b).to_numpy()
    if a.dtype == pl.String:
        same = same | np.array([_close_texts(*pair) for pair in zip(a, b, strict=True)], dtype=bool)
    return np.asarray(same)


def _close(a: pl.Series, b: pl.Series, scale: float) -> Mask:
    """Nulls, NaN and infinities must be the same; other floats near."""
    x, y = _finite(a), _finite(b)
    near = np.abs(x - y) <= np.maximum(RELATIVE * np.maximum(np.abs(x), np.abs(y)), OF_SCALE * scale)
    finite = (a.is_finite() & b.is_finite()).fill_null(value=False)
    return np.where(finite.to_numpy(), near, a.eq_missing(b).to_numpy())


def _close_texts(a: str | None, b: str | None) -> bool:
    """The same text around numbers that are near: a model is stored as text."""
    if a is None or b is None or FLOAT.sub("#", a) != FLOAT.sub("#", b):
        return False
    x, y = (pl.Series([float(number) for number in FLOAT.findall(text)], dtype=pl.Float64) for text in (a, b))
    return bool(_close(x, y, IN_TEXT).all())


def _finite(values: pl.Series) -> Array:
    numbers = values.cast(pl.Float64).fill_null(0.0).to_numpy()
    return np.where(np.isfinite(numbers), numbers, 0.0)


def _scale(x: Array, y: Array) -> float:
    return float(max(np.abs(x).max(initial=0.0), np.abs(y).max(initial=0.0)))


def _schema_text(frame: pl.DataFrame) -> str:
    return ", ".join(f"{name} {dtype}" for name, dtype in frame.schema.items())


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
