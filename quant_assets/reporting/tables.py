"""Tables as they are shown, on pages and in the terminal: rows of values, and how each column reads."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from quant_assets.numerics.arrays import Array
from quant_assets.reporting.formats import Format, label, plain

SENTENCE = 40  # characters: a longer text is wrapped


@dataclass(frozen=True)
class Link:
    """
    Attributes:
        text: what is read.
        target: of the page, relative to the folder of the page that the link is on.
    """

    text: str
    target: str


@dataclass(frozen=True)
class Sparkline:
    """A line small enough for a cell of a table.

    Attributes:
        values: (n,) in equal steps, NaN where missing.
        bounds: of the vertical axis; those of the values and 0 where None.
    """

    values: Array
    bounds: tuple[float, float] | None = None


@dataclass(frozen=True)
class Column:
    """
    Attributes:
        label: its heading.
        is_numeric: numbers stand at the right.
        format: of a value, unless it is a Link or a Sparkline.
        is_text: sentences, which their neighbours must not squeeze.
    """

    label: str
    is_numeric: bool = False
    format: Format = plain
    is_text: bool = False


@dataclass(frozen=True)
class Table:
    """
    Attributes:
        columns: with how each is shown.
        rows: values, one a column; None is shown as missing.
        title: of the table in a terminal, where no section stands above it.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[object, ...], ...]
    title: str = ""

    @classmethod
    def of(
        cls,
        frame: pl.DataFrame,
        formats: Mapping[str, Format] | None = None,
        labels: Mapping[str, str] | None = None,
        title: str = "",
    ) -> "Table":
        """The rows of a frame; columns without a format are shown by their type, headings by `formats.label`.

        A column is numeric if its type is, or if it has a format; it is text if a value of it is a sentence.
        """
        formats, labels = formats or {}, labels or {}
        columns = tuple(
            Column(
                label=labels.get(name, label(name)),
                is_numeric=dtype.is_numeric() or name in formats,
                format=formats.get(name, plain),
                is_text=dtype == pl.String and any(len(text) > SENTENCE for text in frame[name].drop_nulls()),
            )
            for name, dtype in frame.schema.items()
        )
        return cls(columns, tuple(frame.rows()), title)

    def texts(self) -> list[list[str]]:
        """The cells as plain text: links by what they say, sparklines left empty."""
        return [[_text(value, column) for value, column in zip(row, self.columns, strict=True)] for row in self.rows]


def _text(value: object, column: Column) -> str:
    if isinstance(value, Link):
        return value.text
    return "" if isinstance(value, Sparkline) else column.format(value)
