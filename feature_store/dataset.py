"""What a dataset is: its name, key, columns with units and knowledge grades."""

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Literal

import polars as pl

KNOWN_AT = pl.Datetime("us", "UTC")


class Grade(IntEnum):
    """How a value came to be dated, best first; an output carries the weakest among its inputs (law 11)."""

    OBSERVED = 0  # captured at the time
    DATED = 1  # carries its own date of knowledge
    RULED = 2  # dated by a publication rule
    HINDSIGHT = 3  # not known at the time

    @property
    def label(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Column:
    """One stored column.

    Attributes:
        dtype: Polars type as stored.
        unit: for example "USD", "log return, per session", "shares".
        nullable: whether missing values may be stored (missing is null, never 0).
        at_least, above, at_most: inclusive, exclusive lower bound and inclusive upper bound; null passes.
        one_of: the only values allowed, when given.
        grade: HINDSIGHT marks a column that no asset may read without a named exception.
        optional: files of events may leave the column out; it is null then.
    """

    name: str
    dtype: pl.DataType
    unit: str
    description: str
    nullable: bool = True
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    one_of: tuple[str, ...] = ()
    grade: Grade = Grade.OBSERVED
    optional: bool = False


@dataclass(frozen=True)
class Events:
    """A vendor's rows, each in the session that first knew it; a later row may correct it.

    Attributes:
        ticker_day: the day whose securities a ticker names, where files name them so: that of which a row speaks; the
            day before, of a share held over night; or the session in which a document became known.
        must_be_dated: files must say when each row was published, since no rule can.
    """

    ticker_day: Literal["event_date", "day_before", "session"] = "session"
    must_be_dated: bool = False


@dataclass(frozen=True)
class States:
    """What is in force on each session, from a vendor's dated intervals."""


@dataclass(frozen=True)
class Rejects:
    """Rows of a vendor's events that validation at ingest keeps out."""


@dataclass(frozen=True)
class Dataset:
    """A named table with one partition per session.

    Attributes:
        name: "slice/dataset".
        key: columns that, with `event_date` (and `known_at` where the dataset restates), name one row.
        columns: key and value columns, without `event_date` and `known_at`, which every dataset has.
        restates: rows may speak of other dates than their session's (L in the design).
        version: schema version; part of the path on disk.
        origin: how a vendor delivers it; None where it is computed.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    description: str
    restates: bool = False
    version: int = 1
    origin: Events | States | Rejects | None = None

    @property
    def slice(self) -> str:
        return self.name.split("/")[0]

    @cached_property
    def schema(self) -> dict[str, pl.DataType]:
        """Column name to type, in stored order: event_date, key, values, known_at."""
        ordered = {c.name: c.dtype for c in self.columns}
        keys = {name: ordered.pop(name) for name in self.key}
        return {"event_date": pl.Date(), **keys, **ordered, "known_at": KNOWN_AT}

    @cached_property
    def computed_schema(self) -> dict[str, pl.DataType]:
        """`schema` without `known_at`, which is stamped when rows are stored: what a pure function returns."""
        return {name: dtype for name, dtype in self.schema.items() if name != "known_at"}

    @cached_property
    def sort_key(self) -> list[str]:
        """The order in which rows are stored and handed out."""
        return ["event_date", *self.key, "known_at"]

    @property
    def values(self) -> list[str]:
        return [c.name for c in self.columns if c.name not in self.key]

    def empty(self) -> pl.DataFrame:
        return pl.DataFrame(schema=self.schema)


def key(name: str, description: str, dtype: pl.DataType | None = None) -> Column:
    """A key column; strings by default, never null."""
    return Column(name, dtype or pl.String(), "identifier", description, nullable=False)


def number(name: str, unit: str, description: str, **bounds: object) -> Column:
    """A float column."""
    return Column(name, pl.Float64(), unit, description, **bounds)  # type: ignore[arg-type]
