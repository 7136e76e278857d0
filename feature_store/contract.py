"""Schema, keys and bounds of a dataset, checked before anything is written."""

import datetime as dt
from collections.abc import Sequence
from functools import lru_cache

import pandera.polars as pa
import polars as pl

from feature_store.dataset import KNOWN_AT, Column, Dataset
from feature_store.errors import ContractError


@lru_cache
def pandera_schema(dataset: Dataset) -> pa.DataFrameSchema:
    """The dataset's columns as a pandera schema: types, nulls, bounds, allowed words."""
    columns = {
        "event_date": pa.Column(pl.Date, nullable=False),
        **{c.name: pa.Column(c.dtype, _checks(c), nullable=c.nullable) for c in dataset.columns},
        "known_at": pa.Column(KNOWN_AT, nullable=False),
    }
    return pa.DataFrameSchema(columns, strict=True, name=dataset.name)


def _checks(column: Column) -> list[pa.Check]:
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


def validated(dataset: Dataset, group: Sequence[tuple[dt.date, pl.DataFrame]]) -> list[pl.DataFrame]:
    """The group's frames in stored column and row order, rechunked; anything else is a ContractError.

    One validation serves the whole group, because pandera's cost is per call.
    """
    ordered = [_ordered(dataset, session, frame) for session, frame in group]
    whole = pl.concat([*ordered, dataset.empty()], how="vertical")
    _refuse_bad_values(dataset, whole)
    return [_keyed(dataset, session, frame) for (session, _), frame in zip(group, ordered, strict=True)]


def _ordered(dataset: Dataset, session: dt.date, frame: pl.DataFrame) -> pl.DataFrame:
    expected, found = dataset.schema, frame.schema
    missing = [name for name in expected if name not in found]
    extra = [name for name in found if name not in expected]
    wrong = [
        f"{name} is {found[name]}, not {dtype}"
        for name, dtype in expected.items()
        if name in found and found[name] != dtype
    ]
    if missing or extra or wrong:
        raise ContractError(f"{dataset.name} {session}: missing {missing}, unknown {extra}, types {wrong}")
    return frame.select(list(expected))


def _refuse_bad_values(dataset: Dataset, whole: pl.DataFrame) -> None:
    wrong = [name for name, found in whole.select(_violations(dataset)).row(0, named=True).items() if found]
    if not wrong:
        return
    for name in [text.removesuffix(":finite") for text in wrong if text.endswith(":finite")]:
        row = whole.filter(~pl.col(name).is_finite()).head(1).to_dicts()[0]
        raise ContractError(f"{dataset.name}: {name} is not finite in {row}; missing is null")
    try:
        pandera_schema(dataset).validate(whole, lazy=True)
    except pa.errors.SchemaErrors as error:
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


def _keyed(dataset: Dataset, session: dt.date, frame: pl.DataFrame) -> pl.DataFrame:
    key = dataset.sort_key if dataset.restates else dataset.sort_key[:-1]
    if not dataset.restates and frame.height and not (frame.get_column("event_date") == session).all():
        row = frame.filter(pl.col("event_date") != session).head(1).to_dicts()[0]
        raise ContractError(f"{dataset.name} {session} speaks of another date: {row}; only restating datasets may")
    frame = frame.rechunk()
    if not dataset.restates and len(dataset.key) == 1 and _rises(frame.get_column(dataset.key[0])):
        return frame  # as most functions hand it out: in order, and without a key twice
    frame = frame.sort(dataset.sort_key)
    if frame.height > 1:
        repeated = frame.select(key).is_duplicated()
        if repeated.any():
            rows = frame.filter(repeated).head(2).to_dicts()
            raise ContractError(f"{dataset.name} {session}: key {key} repeats: {rows}")
    return frame


def _rises(values: pl.Series) -> bool:
    """Strictly ascending."""
    return bool((values[1:] > values[:-1]).all())
