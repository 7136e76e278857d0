"""One file of a drop: located, scanned with the filter pushed down, renamed and typed."""

import datetime as dt
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from configs.settings import Table
from feature_store.dataset import KNOWN_AT
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.ingest import moments
from quant_resources.vendors.ingest.panics import named_failures

ALIASES = {"event_date": ("event_date", "date", "ex_date"), "known_at": ("known_at", "recorded")}
# Dates in New York and moments in UTC differ by less than this; the exact cut follows on the rows that are left.
SLACK = dt.timedelta(days=1)
# An estimated date without trading moves to the next session; no closure was longer (six days, September 2001).
LONGEST_CLOSURE = dt.timedelta(days=8)
SHOWN = 200  # characters of an error that are quoted


@dataclass(frozen=True)
class File:
    """A table of the drop that is there.

    Attributes:
        header: file column to its type in the file; every CSV column is text.
        columns: our column to the file's, for the columns that are used.
        knowledge: file column with the date of knowledge; None where the table's rule dates rows.
    """

    table: Table
    path: Path
    header: Mapping[str, pl.DataType]
    columns: Mapping[str, str]
    knowledge: str | None


def locate(folder: Path, table: Table) -> Path | None:
    """The table's file: its exact name, else with .parquet or .csv; None when there is none."""
    if not folder.is_dir():
        raise VendorError(f"the data folder {folder} is not there; pass --data with the folder that holds {table.file}")
    names = (table.file, f"{table.file}.parquet", f"{table.file}.csv")
    return next((path for name in names if (path := _regular(folder, folder / name))), None)


def _regular(folder: Path, path: Path) -> Path | None:
    """The path of a file of the drop; None where there is none, or a folder.

    What lies outside must not come in by a name inside: a link to another file would be read, and quoted in errors.
    """
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        if path.is_symlink():
            raise VendorError(f"{path} is a link to nothing; put the file itself into {folder}") from None
        return None
    except OSError as error:
        raise VendorError(f"{path} cannot be looked at ({error.strerror}); put a file in its place") from None
    if not path.resolve().is_relative_to(folder.resolve()):
        raise VendorError(f"{path} lies outside of the data folder {folder}; put the file itself into it")
    if stat.S_ISDIR(kind):
        return None
    if not stat.S_ISREG(kind):
        raise VendorError(f"{path} is a pipe, a socket or a device and no file; put a file in its place")
    return path


def open_file(path: Path, table: Table, required: Mapping[str, pl.DataType], optional: tuple[str, ...] = ()) -> File:
    """The file with its columns resolved; a missing column is rejected."""
    header = _header(path)
    columns = {ours: _named(path, table, header, ours) for ours in required}
    columns |= {ours: column_ for ours in optional if (column_ := _offered(table, header, ours)) is not None}
    knowledge = table.known_at.column or _file_column(table, header, "known_at")
    for column in [knowledge, *table.where, *table.drop, *table.unlinked]:
        if column is not None and column not in header:
            raise _missing(path, column, header)
    return File(table, path, header, columns, knowledge)


def _file_column(table: Table, header: Mapping[str, pl.DataType], ours: str) -> str | None:
    if ours in table.columns:
        return table.columns[ours]
    # a file column that the profile maps to another name of ours does not also answer to its own
    free = set(header) - set(table.columns.values())
    return next((name for name in ALIASES.get(ours, (ours,)) if name in free), None)


def _offered(table: Table, header: Mapping[str, pl.DataType], ours: str) -> str | None:
    """As `_file_column`, but no column of hindsight, unless the profile maps it by name."""
    column_ = _file_column(table, header, ours)
    return column_ if ours in table.columns or column_ not in table.hindsight else None


def _named(path: Path, table: Table, header: Mapping[str, pl.DataType], ours: str) -> str:
    column_ = _file_column(table, header, ours)
    if column_ is None or column_ not in header:
        raise _missing(path, column_ or ours, header)
    return column_


def _missing(path: Path, column: str, header: Mapping[str, pl.DataType]) -> VendorError:
    return VendorError(
        f"{path} has no column {column!r}; it has {', '.join(header)}. Rename it in the file, "
        "or map it under `columns` of the profile"
    )


def read(file: File, after: dt.datetime | None, until: dt.datetime) -> pl.DataFrame:
    """Rows known in (after, until], with our column names, `known_at` and `by_column`, typed as far as they are named.

    Values keep the file's types (`typed` converts them); rows whose date of knowledge is missing are handed on,
    for the parser to reject.
    """
    with named_failures(str(file.path)):
        return _read(file, after, until)


def _read(file: File, after: dt.datetime | None, until: dt.datetime) -> pl.DataFrame:
    dated = file.knowledge or file.columns["event_date"]
    earlier = LONGEST_CLOSURE if file.table.known_at.estimated else dt.timedelta()
    low = None if after is None else after - SLACK - earlier
    kept = _scan(file.path).filter(_between(dated, file.header[dated], low, until + SLACK), *_row_filters(file.table))
    names = list(dict.fromkeys([*file.columns.values(), dated, *file.table.unlinked]))
    frame = _collected(file.path, kept.select(names))
    out = frame.select(**{ours: frame.get_column(theirs) for ours, theirs in file.columns.items()})
    known_at = _known_at(file, frame.get_column(dated))
    if file.table.known_at.estimated:
        known_at = moments.on_sessions(known_at)
    out = out.with_columns(known_at=known_at, by_column=file.knowledge is not None)
    if file.table.unlinked:
        out = out.with_columns(unlinked=frame.select(_one_of(file.table.unlinked)).to_series())
    early = pl.lit(True) if after is None else pl.col("known_at") > moments.literal(after)
    inside = early & (pl.col("known_at") <= moments.literal(until))
    return out.filter(inside | pl.col("known_at").is_null())


def typed(series: pl.Series, dtype: pl.DataType, file: File) -> pl.Series:
    """`series` as `dtype`, with the table's replacements; a value that cannot be one is rejected."""
    with named_failures(str(file.path)):
        converted, complaint = readable(series, dtype, file)
    bad = complaint.drop_nulls()
    if len(bad):
        raise VendorError(
            f"{file.path}: column {bad[0]} ({len(bad)} such rows); fix it, or leave it empty where nothing is known"
        )
    return converted


def typed_columns(rows: pl.DataFrame, types: Mapping[str, pl.DataType], file: File) -> pl.DataFrame:
    """`rows` with those of the columns in `types` that it has, typed so."""
    present = [name for name in types if name in rows.columns]
    return rows.with_columns(typed(rows.get_column(name), types[name], file) for name in present)


def completed(rows: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """`rows` with the columns of the schema in its order; those that are missing are null."""
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in schema.items() if name not in rows.columns]
    return rows.with_columns(missing).select(schema.keys())


def readable(series: pl.Series, dtype: pl.DataType, file: File) -> tuple[pl.Series, pl.Series]:
    """`series` as `dtype`, with the table's replacements, and what is wrong with each value that cannot be one.

    Such a value is null, and its complaint a text; the complaint is null where the value can be read.
    """
    rules = file.table.replace.get(series.name, {})
    if rules and series.dtype == pl.String:
        series = series.replace({str(old): None if new is None else str(new) for old, new in rules.items()})
    converted = _converted(series, dtype)
    bad = converted.is_null() & series.is_not_null() & ~_is_nan(series)
    complaint = pl.repeat(None, len(series), dtype=pl.String, eager=True)
    if bad.any():
        name, kind = repr(file.columns[series.name]), _kind(dtype)
        texts = [f"{name} holds {value!r} where a {kind} belongs" for value in series.filter(bad)]
        complaint = complaint.scatter(bad.arg_true(), texts)
    if rules and series.dtype != pl.String:
        converted = converted.replace(dict(rules))
    return converted, complaint


def _kind(dtype: pl.DataType) -> str:
    if dtype.is_integer():
        return "whole number"
    return {pl.Date: "date as YYYY-MM-DD", pl.Float64: "number"}.get(type(dtype), str(dtype).lower())


def _is_nan(series: pl.Series) -> pl.Series:
    """NaN is how pandas writes a missing whole number; for prices the parser rejects it."""
    if not series.dtype.is_float():
        return pl.repeat(False, len(series), dtype=pl.Boolean, eager=True)
    return series.is_nan().fill_null(False)


def _converted(series: pl.Series, dtype: pl.DataType) -> pl.Series:
    if series.dtype == dtype:
        return series
    if series.dtype == pl.String and dtype == pl.String:
        return series
    if series.dtype == pl.String:
        text = series.str.strip_chars()
        return text.str.to_date("%Y-%m-%d", strict=False) if dtype == pl.Date else text.cast(dtype, strict=False)
    if dtype.is_integer() and series.dtype.is_float():
        whole = series.cast(dtype, strict=False)
        return whole.set(whole.cast(series.dtype) != series, None)
    return series.cast(dtype, strict=False)


def _scan(path: Path) -> pl.LazyFrame:
    # text, so that a bad value can be named instead of becoming null
    return pl.scan_csv(path, infer_schema=False) if path.suffix == ".csv" else pl.scan_parquet(path)


def _header(path: Path) -> dict[str, pl.DataType]:
    try:
        return dict(_scan(path).collect_schema())
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise _unreadable(path, error) from None


def _collected(path: Path, rows: pl.LazyFrame) -> pl.DataFrame:
    try:
        return rows.collect().rechunk()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: BaseException) -> VendorError:
    kind = "CSV" if path.suffix == ".csv" else "Parquet"
    return VendorError(
        f"{path} cannot be read as {kind} ({' '.join(str(error).split())[:SHOWN] or type(error).__name__}); "
        "download or export it again (nothing of it was stored)"
    )


def _row_filters(table: Table) -> list[pl.Expr]:
    kept = [pl.col(column).cast(pl.String).is_in(values) for column, values in table.where.items()]
    return kept + ([~_one_of(table.drop)] if table.drop else [])


def _one_of(rows: Mapping[str, list[str]]) -> pl.Expr:
    return pl.any_horizontal(
        pl.col(column).cast(pl.String).is_in(values).fill_null(False) for column, values in rows.items()
    )


def _between(column: str, dtype: pl.DataType, low: dt.datetime | None, high: dt.datetime) -> pl.Expr:
    """Rows dated from low to high, or not at all: cheap enough to be pushed into the scan."""
    x = pl.col(column)
    if dtype == pl.String:
        x = x.str.strip_chars().str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    elif isinstance(dtype, pl.Datetime):
        x = x if dtype.time_zone is None else x.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        bounds = [None if low is None else low.replace(tzinfo=None), high.replace(tzinfo=None)]
        return _within(x, *bounds)
    return _within(x, low.date() if low else None, high.date())


def _within(x: pl.Expr, low: dt.date | None, high: dt.date | None) -> pl.Expr:
    inside = (x <= high) if low is None else (x >= low) & (x <= high)
    return inside | x.is_null()


def _known_at(file: File, dated: pl.Series) -> pl.Series:
    """UTC; a date means the end of that day in New York, a moment without a zone is UTC."""
    frame = dated.alias("dated").to_frame()
    if file.knowledge is not None and isinstance(dated.dtype, pl.Datetime):
        return frame.select(_as_utc(dated.dtype)).to_series()
    if file.knowledge is not None and dated.dtype == pl.String:
        return _known_at_of_text(file, dated.alias("dated"))
    day = pl.col("dated")
    if dated.dtype == pl.String:
        day = day.str.strip_chars().str.to_date("%Y-%m-%d", strict=False)
    by_morning = file.knowledge is None and file.table.known_at.rule == "morning_of_ex_date"
    return frame.select(moments.morning_of(day) if by_morning else moments.end_of_day(day)).to_series()


def _as_utc(dtype: pl.Datetime) -> pl.Expr:
    x = pl.col("dated")
    x = x.dt.replace_time_zone("UTC") if dtype.time_zone is None else x.dt.convert_time_zone("UTC")
    return x.cast(KNOWN_AT)


def _known_at_of_text(file: File, text: pl.Series) -> pl.Series:
    """ISO dates (end of that day) and ISO moments, with an offset or Z, else UTC."""
    x = pl.col("dated").str.strip_chars().str.replace(" ", "T", literal=True).str.replace("Z$", "+00:00")
    day = pl.when(x.str.len_chars() == 10).then(x.str.to_date("%Y-%m-%d", strict=False))
    naive = x.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False).dt.replace_time_zone("UTC")
    zoned = x.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", strict=False)
    known_at = text.to_frame().select(pl.coalesce(moments.end_of_day(day), naive, zoned).cast(KNOWN_AT)).to_series()
    bad = text.filter(known_at.is_null() & text.is_not_null())
    if len(bad):
        raise VendorError(
            f"{file.path}: column {file.knowledge!r} holds {bad[0]!r} ({len(bad)} such rows); "
            "write YYYY-MM-DD, or YYYY-MM-DDTHH:MM:SS in UTC"
        )
    return known_at
