"""Rows that were not known, taken as if they had been: read from a file, checked, put into their sessions."""

import datetime as dt
from pathlib import Path

import polars as pl

from feature_store.dataset import KNOWN_AT, Dataset
from feature_store.schemas.catalogue import DATASETS, EVENTS, SOURCES
from feature_store.store import Store
from quant_resources.vendors.ingest.canonical import raw_schema
from quant_resources.vendors.ingest.rules import rules_of

REMOVED = "removed"


class WhatIfError(ValueError):
    """The overlay is not rows of a source that stored sessions could have known."""


def source_named(name: str) -> Dataset:
    if name not in SOURCES:
        raise WhatIfError(
            f"--dataset {name} is not a source (all else is computed); the sources are {', '.join(SOURCES)}"
        )
    return DATASETS[name]


def read_rows(overlay: Path | pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """Rows of a source as stored: event_date, key, values, known_at, and `removed`.

    Args:
        overlay: a frame, or a file of Parquet or CSV. Values that may be missing may be left out, and then are. A row
            with `removed` true takes out the stored row of its event_date and key (and `known_at`, where the dataset
            keeps versions).

    Raises:
        WhatIfError: names the file, the column or the row, and the fix.
    """
    rows, name = (overlay, "the overlay") if isinstance(overlay, pl.DataFrame) else (_opened(overlay), str(overlay))
    schema = {**dataset.schema, REMOVED: pl.Boolean()}
    if unknown := [column for column in rows.columns if column not in schema]:
        raise WhatIfError(f"{name}: {dataset.name} has no column {', '.join(unknown)}; it has {', '.join(schema)}")
    needed = ["event_date", *dataset.key, "known_at"]
    needed += [c.name for c in dataset.columns if not c.nullable and c.name not in dataset.key and REMOVED not in rows]
    if missing := [column for column in needed if column not in rows.columns]:
        raise WhatIfError(f"{name}: column {', '.join(missing)} is missing; {dataset.name} has {', '.join(schema)}")
    if not rows.height:
        raise WhatIfError(f"{name} holds no rows")
    lacking = [pl.lit(None, dtype).alias(column) for column, dtype in schema.items() if column not in rows.columns]
    typed = [_typed(rows.get_column(column), schema[column], name) for column in schema if column in rows.columns]
    whole = rows.with_columns(typed).with_columns(lacking).with_columns(pl.col(REMOVED).fill_null(value=False))
    _reject_nulls(whole, ["event_date", *dataset.key, "known_at"], name)
    return whole.select(list(schema))


def in_sessions(rows: pl.DataFrame, dataset: Dataset, store: Store) -> dict[dt.date, pl.DataFrame]:
    """What each touched session of the source would hold: its stored rows, with these in their place or beside them.

    A row of a dataset with versions belongs to the session that its `known_at` falls into; a row of a state, such as
    market/members, to that of its event_date, at which it must be known.

    Raises:
        WhatIfError: a session that is not stored, a row known too late, a row that is none, a row twice.
    """
    dated = _dated(rows, dataset, store)
    _reject_not_stored(dated, dataset, store)
    _reject_bad(dated.filter(~pl.col(REMOVED)), dataset)
    key = dataset.sort_key if dataset.restates else dataset.sort_key[:-1]
    if dated.select(key).is_duplicated().any():
        twice = dated.filter(pl.struct(key).is_duplicated())
        raise WhatIfError(f"{_shown(twice, dataset)} occurs {twice.height} times; keep one")
    by_session = {}
    for (session,), replacing in dated.partition_by("session", as_dict=True, include_key=False).items():
        assert isinstance(session, dt.date)
        stored = store.versions(dataset, session, session, list(dataset.schema)).drop("session")
        gone = replacing.filter(REMOVED).join(stored, on=key, how="anti")
        if gone.height:
            raise WhatIfError(f"{_shown(gone, dataset)} is to be removed, but session {session} does not hold it")
        kept = stored.join(replacing, on=key, how="anti")
        by_session[session] = pl.concat([kept, replacing.filter(~pl.col(REMOVED)).drop(REMOVED)])
    return by_session


def _opened(path: Path) -> pl.DataFrame:
    if not path.exists():
        raise WhatIfError(f"{path} does not exist")
    readers = {".parquet": pl.read_parquet, ".csv": lambda p: pl.read_csv(p, infer_schema=False)}
    if path.suffix not in readers:
        raise WhatIfError(f"{path} is neither .parquet nor .csv")
    try:
        return readers[path.suffix](path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise WhatIfError(f"{path} cannot be read: {error}") from error


def _typed(values: pl.Series, dtype: pl.DataType, name: str) -> pl.Series:
    try:
        if dtype == KNOWN_AT and values.dtype == pl.String:
            return values.str.to_datetime(time_unit="us", time_zone="UTC")
        if dtype == KNOWN_AT and getattr(values.dtype, "time_zone", None) is None:
            raise WhatIfError(f"{name}: known_at has no time zone; write it in UTC, as 2016-01-04T22:30:00+00:00")
        if values.dtype == pl.String and dtype == pl.Date:
            return values.str.to_date("%Y-%m-%d")
        if values.dtype == pl.String and dtype == pl.Boolean:
            return values.str.to_lowercase().replace_strict({"true": True, "false": False}, return_dtype=pl.Boolean)
        return values.cast(dtype)
    except pl.exceptions.PolarsError as error:
        raise WhatIfError(f"{name}: column {values.name} is not {dtype} throughout: {error}") from error


def _dated(rows: pl.DataFrame, dataset: Dataset, store: Store) -> pl.DataFrame:
    """With the `session` of each row."""
    if dataset.restates:
        try:
            return store.clock.assign_sessions(rows)
        except ValueError as error:
            raise WhatIfError(str(error)) from error
    days = set(store.sessions(dataset))
    decided = {day: store.clock.decision_time(day) for day in rows.get_column("event_date").unique() if day in days}
    late = [row for row in rows.iter_rows(named=True) if row["known_at"] > decided.get(row["event_date"], KNOWN_LAST)]
    if late:
        named = " ".join(str(late[0][name]) for name in (*dataset.key, "event_date"))
        raise WhatIfError(
            f"{named} is known at {late[0]['known_at']}, after the decision time of its session, "
            f"{decided[late[0]['event_date']]}; date it earlier, or let it speak of a later session"
        )
    return rows.with_columns(session=pl.col("event_date"))


KNOWN_LAST = dt.datetime.max.replace(tzinfo=dt.UTC)


def _reject_not_stored(dated: pl.DataFrame, dataset: Dataset, store: Store) -> None:
    stored = store.sessions(dataset)
    out = dated.filter(~pl.col("session").is_in(stored))
    if out.height:
        there = f"{stored[0]} to {stored[-1]}" if stored else "none"
        raise WhatIfError(
            f"{_shown(out, dataset)}, known at {out.item(0, 'known_at')}, belongs to session {out.item(0, 'session')}, "
            f"which is not stored ({dataset.name}: {there}); date it into a stored one, or backfill"
        )


def _reject_bad(rows: pl.DataFrame, dataset: Dataset) -> None:
    """By the rules of ingestion."""
    if dataset.name not in EVENTS:
        return
    lacking = {name: dtype for name, dtype in raw_schema(dataset).items() if name not in rows.columns}
    whole = rows.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in lacking.items())
    for rule in rules_of(dataset):
        bad = whole.filter(rule.bad)
        if bad.height:
            reason = bad.head(1).select(rule.reason.alias("reason")).item()
            raise WhatIfError(f"{_shown(bad, dataset)} {reason} ({bad.height} such rows); {rule.fix}")


def _reject_nulls(rows: pl.DataFrame, columns: list[str], name: str) -> None:
    for column in columns:
        if rows.get_column(column).null_count():
            row = rows.with_row_index("row").filter(pl.col(column).is_null()).item(0, "row")
            raise WhatIfError(f"{name}: row {row + 1} has no {column}; fill it, or delete the row")


def _shown(rows: pl.DataFrame, dataset: Dataset) -> str:
    return " ".join(str(rows.item(0, name)) for name in (*dataset.key, "event_date"))
