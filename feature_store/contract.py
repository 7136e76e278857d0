"""Schema, keys and bounds of a dataset, checked before anything is written."""

import datetime as dt
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from feature_store.dataset import KNOWN_AT, Column, Dataset
from feature_store.errors import ContractError

if TYPE_CHECKING:
    import pandera.polars as pa

NUMBER = "\0number"  # of the session in its group; no column's name


@lru_cache
def pandera_schema(dataset: Dataset) -> "pa.DataFrameSchema":
    """The dataset's columns as a pandera schema: types, nulls, bounds, allowed texts."""
    # half a second that only a broken contract is worth
    import pandera.polars as pa  # noqa: PLC0415

    columns = {
        "event_date": pa.Column(pl.Date, nullable=False),
        **{c.name: pa.Column(c.dtype, _checks(c), nullable=c.nullable) for c in dataset.columns},
        "known_at": pa.Column(KNOWN_AT, nullable=False),
    }
    return pa.DataFrameSchema(columns, strict=True, name=dataset.name)


def _checks(column: Column) -> "list[pa.Check]":
    import pandera.polars as pa  # noqa: PLC0415 -- as in `pandera_schema`

    checks = []
    if column.above is not None:
        checks.append(pa.Check.gt(column.above))
    if column.at_least is not None:
        checks.append(pa.Check.ge(column.at_least))
    if column.at_most is not None:
        checks.append(pa.Check.le(column.at_most))
    if column.one_of:
        checks.append(pa.Check.isin(column.one_of))
    return checks


@dataclass(frozen=True)
class Group:
    """Rows of several sessions, one session after the other, each in stored order.

    Attributes:
        sessions: as they were given.
        frame: all rows, in stored column order, rechunked.
        bounds: session i has the rows [bounds[i], bounds[i + 1]).
    """

    sessions: tuple[dt.date, ...]
    frame: pl.DataFrame
    bounds: tuple[int, ...]

    def spans(self) -> list[tuple[int, int]]:
        return list(itertools.pairwise(self.bounds))

    def frames(self) -> list[pl.DataFrame]:
        return [self.frame.slice(a, b - a) for a, b in self.spans()]


def validated(dataset: Dataset, group: Sequence[tuple[dt.date, pl.DataFrame]]) -> list[pl.DataFrame]:
    """The group's frames in stored column and row order, rechunked; anything else is a ContractError."""
    return validated_group(dataset, group).frames()


def validated_group(dataset: Dataset, group: Sequence[tuple[dt.date, pl.DataFrame]]) -> Group:
    """The group in stored column and row order; anything else is a ContractError.

    One validation serves the whole group, because the cost of pandera and of Polars is per call.
    """
    days = tuple(session for session, _ in group)
    whole = pl.concat([*_ordered(dataset, group), dataset.empty()], how="vertical").rechunk()
    bounds = tuple(itertools.accumulate((frame.height for _, frame in group), initial=0))
    _reject_bad_values(dataset, whole)
    return Group(days, _keyed(dataset, days, whole, bounds), bounds)


def _ordered(dataset: Dataset, group: Sequence[tuple[dt.date, pl.DataFrame]]) -> list[pl.DataFrame]:
    """The frames with their columns in stored order."""
    for session, frame in group:
        _reject_other_columns(dataset, session, frame)
    frames = [frame for _, frame in group]
    if frames and all(frame.columns == frames[0].columns for frame in frames):  # one query instead of one each
        frames = [pl.concat(frames)]
    return [frame.select(list(dataset.schema)) for frame in frames]


def _reject_other_columns(dataset: Dataset, session: dt.date, frame: pl.DataFrame) -> None:
    expected, found = dataset.schema, dict(zip(frame.columns, frame.dtypes, strict=True))
    if found == expected:  # in any order
        return
    missing = [name for name in expected if name not in found]
    extra = [name for name in found if name not in expected]
    wrong = [
        f"{name} is {found[name]}, not {dtype}"
        for name, dtype in expected.items()
        if name in found and found[name] != dtype
    ]
    raise ContractError(f"{dataset.name} {session}: missing {missing}, unknown {extra}, types {wrong}")


def _reject_bad_values(dataset: Dataset, whole: pl.DataFrame) -> None:
    wrong = [name for name, found in whole.select(_violations(dataset)).row(0, named=True).items() if found]
    if not wrong:
        return
    for name in [text.removesuffix(":finite") for text in wrong if text.endswith(":finite")]:
        row = whole.filter(~pl.col(name).is_finite()).head(1).to_dicts()[0]
        raise ContractError(f"{dataset.name}: {name} is not finite in {row}; missing is null")
    from pandera.errors import SchemaErrors  # noqa: PLC0415 -- as in `pandera_schema`

    try:
        pandera_schema(dataset).validate(whole, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases.select("column", "check", "failure_case").head(5).to_dicts()
        raise ContractError(f"{dataset.name}: {cases}") from error
    raise ContractError(f"{dataset.name}: {wrong}")


@lru_cache
def _violations(dataset: Dataset) -> list[pl.Expr]:
    """What pandera checks, as one query: it looks at column after column, 70 ms for a hundred of them.

    Pandera then says which rows are wrong; a property test holds the two together.
    """
    found = []
    for name, dtype in dataset.schema.items():
        column = pl.col(name)
        if dtype.is_float():
            found.append((~column.is_finite()).any().alias(f"{name}:finite"))
        if name in ("event_date", "known_at"):
            found.append(column.is_null().any().alias(f"{name}:null"))
    for c in dataset.columns:
        column = pl.col(c.name)
        if not c.nullable:
            found.append(column.is_null().any().alias(f"{c.name}:null"))
        if c.above is not None:
            found.append((column <= c.above).any().alias(f"{c.name}:above"))
        if c.at_least is not None:
            found.append((column < c.at_least).any().alias(f"{c.name}:at_least"))
        if c.at_most is not None:
            found.append((column > c.at_most).any().alias(f"{c.name}:at_most"))
        if c.one_of:
            found.append((~column.is_in(c.one_of)).any().alias(f"{c.name}:one_of"))
    return found


def _keyed(dataset: Dataset, days: Sequence[dt.date], whole: pl.DataFrame, bounds: Sequence[int]) -> pl.DataFrame:
    """Each session's rows in order; a key that repeats, or another date than the session's, is rejected."""
    number = np.repeat(np.arange(len(days)), np.diff(bounds))  # of the session that each row belongs to
    if not dataset.restates:
        _reject_other_dates(dataset, days, whole, number)
    if not dataset.restates and len(dataset.key) == 1 and _rises(whole.get_column(dataset.key[0]), number):
        return whole  # as most functions hand it out: in order, and without a key twice
    whole = whole.with_columns(pl.Series(NUMBER, number)).sort(NUMBER, *dataset.sort_key)
    key = [NUMBER, *(dataset.sort_key if dataset.restates else dataset.sort_key[:-1])]
    repeats = whole.select(pl.all_horizontal(pl.col(name) == pl.col(name).shift(1) for name in key)).to_series()
    if repeats.any():
        first = repeats.arg_true()[0]
        rows = whole.slice(first - 1, 2)
        raise ContractError(
            f"{dataset.name} {days[rows.item(0, NUMBER)]}: key {key[1:]} repeats: {rows.drop(NUMBER).to_dicts()}"
        )
    return whole.drop(NUMBER)


def _reject_other_dates(
    dataset: Dataset, days: Sequence[dt.date], whole: pl.DataFrame, number: NDArray[np.int64]
) -> None:
    expected = np.array(days, dtype="datetime64[D]")[number]
    other = np.flatnonzero(whole.get_column("event_date").to_numpy() != expected)
    if len(other):
        row, session = whole.slice(int(other[0]), 1).to_dicts()[0], days[number[other[0]]]
        raise ContractError(f"{dataset.name} {session} speaks of another date: {row}; only restating datasets may")


def _rises(values: pl.Series, number: NDArray[np.int64]) -> bool:
    """Strictly ascending within each session."""
    above = (values.slice(1) > values.slice(0, max(len(values) - 1, 0))).to_numpy()
    return bool((above | (number[1:] != number[:-1])).all())
