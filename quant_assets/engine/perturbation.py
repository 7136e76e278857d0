"""Versions of inputs as looks at the future need them: read once for many, or with everything after a cut perturbed."""

import datetime as dt
import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from feature_store.dataset import Dataset
from quant_assets.engine.computation import Versions
from quant_assets.engine.segments import SEPARATOR

COPY, CUT = "\0copy", "\0cut"  # no columns' names


class Perturbed:
    """Versions in which every value learned after `cut` belongs to somebody else, and every third row is gone.

    Numbers are half as large again, and flags turned.
    """

    def __init__(self, data: Versions, cut: dt.date, seed: int) -> None:
        self._data = data
        self._cut = cut
        self._seed = seed

    def versions(self, dataset: Dataset, first: dt.date, last: dt.date, columns: Sequence[str]) -> pl.DataFrame:
        rows = self._data.versions(dataset, first, last, columns)
        later = rows.filter(pl.col("session") > self._cut)
        if later.is_empty():
            return rows
        known = rows.filter(pl.col("session") <= self._cut)
        return pl.concat([known, perturbed(later, dataset, np.random.default_rng(self._seed))], rechunk=True)

    def state(self, dataset: Dataset, session: dt.date) -> pl.DataFrame | None:
        return self._data.state(dataset, session)


class Scattered:
    """Versions in which everything learned in other sessions than those that are needed belongs to somebody else.

    Args:
        needed: sessions of the windows of all targets, of which none lies right before another's window.
    """

    def __init__(self, data: Versions, needed: Collection[dt.date], seed: int) -> None:
        self._data = data
        self._needed = list(needed)
        self._seed = seed

    def versions(self, dataset: Dataset, first: dt.date, last: dt.date, columns: Sequence[str]) -> pl.DataFrame:
        rows = self._data.versions(dataset, first, last, columns)
        is_needed = pl.col("session").is_in(self._needed)
        others = perturbed(rows.filter(~is_needed), dataset, np.random.default_rng(self._seed))
        return pl.concat([rows.filter(is_needed), others], rechunk=True).sort("session", *dataset.sort_key)

    def state(self, dataset: Dataset, session: dt.date) -> pl.DataFrame | None:
        return self._data.state(dataset, session)


def perturbed(rows: pl.DataFrame, dataset: Dataset, rng: np.random.Generator) -> pl.DataFrame:
    """Values of the rows moved to other rows and changed, and every third row left out; keys stay."""
    order = rng.permutation(rows.height)
    values = [_changed(name, rows.schema[name]) for name in dataset.values if name in rows.columns]
    return rows.with_columns(rows[order].select(values)).filter(pl.Series(rng.random(rows.height) > 1 / 3))


def _changed(name: str, dtype: pl.DataType) -> pl.Expr:
    values = pl.col(name)
    if dtype.is_numeric():
        return (values * 1.5).cast(dtype)
    return ~values if dtype == pl.Boolean else values


class Copies:
    """Versions of entities under other names, each with everything learned after a cut of its own perturbed.

    Args:
        entity: key column by which a time series tells one from the other.
        cuts: (entity, COPY, CUT), one row a copy.
    """

    def __init__(self, data: Versions, entity: str, cuts: pl.DataFrame, seed: int) -> None:
        self._data = data
        self._entity = entity
        self._cuts = cuts
        self._seed = seed

    def versions(self, dataset: Dataset, first: dt.date, last: dt.date, columns: Sequence[str]) -> pl.DataFrame:
        rows = self._data.versions(dataset, first, last, columns)
        if self._entity not in rows.columns:
            return rows
        copied = rows.join(self._cuts, on=self._entity, maintain_order="left").with_columns(
            pl.col(COPY).alias(self._entity)
        )
        known, later = (copied.filter(part).select(rows.columns) for part in (_BEFORE, ~_BEFORE))
        changed = perturbed(later, dataset, np.random.default_rng(self._seed))
        return pl.concat([known, changed]).sort("session", *dataset.sort_key)

    def state(self, dataset: Dataset, session: dt.date) -> pl.DataFrame | None:
        return self._data.state(dataset, session)


_BEFORE = pl.col("session") <= pl.col(CUT)


def copies(entity: str, entities: Sequence[str], cuts: Sequence[dt.date]) -> pl.DataFrame:
    """One copy a cut, of the entity beside it, under a name that starts with the entity's."""
    names = [f"{name}{SEPARATOR}{i}" for i, name in enumerate(entities)]
    schema = {entity: pl.String, COPY: pl.String, CUT: pl.Date}
    return pl.DataFrame({entity: list(entities), COPY: names, CUT: list(cuts)}, schema=schema)


@dataclass(frozen=True)
class _Held:
    """Rows of the sessions [first, last], those of `days[i]` at [offsets[i], offsets[i + 1])."""

    first: dt.date
    last: dt.date
    rows: pl.DataFrame
    days: list[dt.date]
    offsets: list[int]

    def within(self, first: dt.date, last: dt.date) -> pl.DataFrame:
        begin, end = self.offsets[bisect_left(self.days, first)], self.offsets[bisect_right(self.days, last)]
        return self.rows.slice(begin, end - begin)


class Shared:
    """Versions that are read once, for many calculations that each look at a part of them.

    Args:
        spans: first and last session to read of a dataset at once, by its name; what lies outside is read as asked.
    """

    def __init__(self, data: Versions, spans: Mapping[str, tuple[dt.date, dt.date]]) -> None:
        self._data = data
        self._spans = spans
        self._held: dict[tuple[str, ...], _Held] = {}

    def versions(self, dataset: Dataset, first: dt.date, last: dt.date, columns: Sequence[str]) -> pl.DataFrame:
        name = (dataset.name, *columns)
        held = self._held.get(name)
        if held is None or first < held.first or last > held.last:
            begin, end = self._spans.get(dataset.name, (first, last))
            held = self._held[name] = self._read(dataset, min(first, begin), max(last, end), columns)
        return held.within(first, last)

    def _read(self, dataset: Dataset, first: dt.date, last: dt.date, columns: Sequence[str]) -> _Held:
        rows = self._data.versions(dataset, first, last, columns).rechunk()
        runs = rows.get_column("session").rle()
        lengths = runs.struct.field("len").to_list()
        return _Held(first, last, rows, runs.struct.field("value").to_list(), [0, *itertools.accumulate(lengths)])

    def state(self, dataset: Dataset, session: dt.date) -> pl.DataFrame | None:
        return self._data.state(dataset, session)
