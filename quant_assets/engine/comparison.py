"""How two versions of a session's rows differ: share of cells, and by column how far."""

import math
from dataclasses import dataclass

import polars as pl

from feature_store.dataset import Dataset


@dataclass(frozen=True)
class ColumnDifference:
    """
    Attributes:
        cells: that differ.
        absolute, relative: the largest difference of two numbers, and the largest over the stored one; None where no
            two numbers differ.
    """

    column: str
    cells: int
    absolute: float | None
    relative: float | None

    def __str__(self) -> str:
        texts = [f"{self.column}: {self.cells} cells"]
        if self.absolute is not None:
            texts.append(f"at most {self.absolute:.3g}")
        if self.relative is not None:
            texts.append(f"relative {self.relative:.3g}")
        return ", ".join(texts)


@dataclass(frozen=True)
class Comparison:
    """
    Attributes:
        cells: of both versions, by key.
        columns: those that differ.
    """

    cells: int
    columns: tuple[ColumnDifference, ...]

    @property
    def fraction(self) -> float:
        """Of the cells, those that differ."""
        return sum(column.cells for column in self.columns) / self.cells if self.cells else math.nan


def compared(stored: pl.DataFrame, computed: pl.DataFrame, dataset: Dataset) -> Comparison:
    """Rows are matched by key; of a row, or a column, that only one version has, every cell differs."""
    key = [name for name in dataset.sort_key if dataset.restates or name != "known_at"]
    values = [name for name in dict.fromkeys([*stored.columns, *computed.columns]) if name not in key]
    both = stored.with_columns(was=True).join(
        computed.with_columns(would=True), on=key, how="full", suffix="\0", coalesce=True, nulls_equal=True
    )
    one_sided = both.select(pl.col("was").is_null() | pl.col("would").is_null()).to_series()
    found = [_of_column(name, both, one_sided, stored, computed) for name in values]
    return Comparison(both.height * len(values), tuple(column for column in found if column.cells))


def _of_column(
    name: str, both: pl.DataFrame, one_sided: pl.Series, stored: pl.DataFrame, computed: pl.DataFrame
) -> ColumnDifference:
    if name not in stored.columns or name not in computed.columns:
        return ColumnDifference(name, both.height, None, None)
    was, would = both.get_column(name), both.get_column(f"{name}\0")
    differs = (was.ne_missing(would)) | one_sided
    if not (was.dtype.is_numeric() and would.dtype.is_numeric()):
        return ColumnDifference(name, int(differs.sum()), None, None)
    by = (would.cast(pl.Float64) - was.cast(pl.Float64)).abs().filter(differs)
    over = by / was.cast(pl.Float64).abs().filter(differs)
    return ColumnDifference(name, int(differs.sum()), _largest(by), _largest(over))


def _largest(values: pl.Series) -> float | None:
    finite = values.filter(values.is_finite().fill_null(value=False))
    return float(finite.to_numpy().max()) if len(finite) else None
