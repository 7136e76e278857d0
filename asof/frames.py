"""Frames of users as Polars frames with the columns that a calculation reads."""

from typing import Any

import polars as pl

from feature_store.dataset import Dataset

Frame = Any  # of Polars, pandas or Arrow
PANDAS = "pandas"
DATE = "event_date"


def library_of(value: object) -> str:
    """The library that a value's type comes from."""
    return type(value).__module__.partition(".")[0]


def as_polars(frame: Frame, name: str) -> pl.DataFrame:
    """A Polars frame of a Polars, pandas or Arrow one; an index of pandas with names becomes columns.

    Raises:
        TypeError: no frame.
    """
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    if isinstance(frame, pl.DataFrame):
        return frame
    if library_of(frame) == PANDAS and hasattr(frame, "columns"):
        named = any(level is not None for level in frame.index.names)
        return pl.from_pandas(frame.reset_index() if named else frame)
    if hasattr(frame, "__arrow_c_stream__"):
        return pl.DataFrame(frame)
    raise TypeError(f"{name} is of type {type(frame).__name__}; pass a frame of Polars, pandas or Arrow")


def rows_of(dataset: Dataset, frame: Frame, name: str, columns: tuple[str, ...] = ()) -> pl.DataFrame:
    """`event_date`, the key and columns of a dataset, in its types, sorted by `event_date` and key.

    Args:
        columns: those that must be there; of the dataset's others the missing ones are null.

    Raises:
        ValueError: a column that is missing or of another type, a null in a date or key, a row twice.
    """
    rows, schema = as_polars(frame, name), dataset.computed_schema
    needed = [DATE, *dataset.key, *columns]
    if missing := [column for column in needed if column not in rows.columns]:
        raise ValueError(f"{name} has no column {', '.join(missing)}; it needs {', '.join(needed)}")
    typed = rows.select(
        _typed(rows.get_column(column), dtype, name) if column in rows.columns else pl.lit(None, dtype).alias(column)
        for column, dtype in schema.items()
    )
    _require_keys(typed, [DATE, *dataset.key], name)
    return typed.sort(DATE, *dataset.key)


def _typed(values: pl.Series, dtype: pl.DataType, name: str) -> pl.Series:
    try:
        if dtype == pl.Date and values.dtype == pl.String:
            return values.str.to_date("%Y-%m-%d")
        return values.cast(dtype)
    except pl.exceptions.PolarsError as error:
        raise ValueError(f"{name}: column {values.name} is {values.dtype}, expected {dtype}: {error}") from error


def _require_keys(frame: pl.DataFrame, key: list[str], name: str) -> None:
    for column in key:
        if frame.get_column(column).null_count():
            row = int(frame.get_column(column).is_null().arg_max() or 0)
            raise ValueError(f"{name}: row {row} has no {column}; fill it, or leave the row out")
    if frame.select(key).is_duplicated().any():
        twice = frame.filter(pl.struct(key).is_duplicated()).row(0, named=True)
        raise ValueError(f"{name} has two rows for {', '.join(str(twice[column]) for column in key)}; keep one")
