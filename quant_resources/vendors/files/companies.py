"""Files of what companies report: rows that a table omits, and wide files as one row an item. Pure."""

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from configs.settings import Item, Table
from feature_store.dataset import Dataset, Events
from feature_store.schemas.companies import EARNINGS_DATES
from quant_resources.vendors.errors import VendorError
from quant_resources.vendors.ingest import moments, tables
from quant_resources.vendors.ingest.rules import UNREADABLE
from quant_resources.vendors.ingest.tables import File

LEFT_OUT = "left_out"
WIDE_KEY = ("symbol", "event_date")  # what a wide file must have beside its items
# Published weeks after the day that they speak of, or before it: no rule of the day can date them.


def required_of(table: Table, columns: Mapping[str, pl.DataType]) -> dict[str, pl.DataType]:
    """Of the columns of a dataset, those that the table's file must have."""
    return {name: dtype for name, dtype in columns.items() if not table.items or name in WIDE_KEY}


def widened(file: File) -> File:
    """A wide file with its columns of items, and of the months of these, under their own names."""
    needed = {*file.table.items, *(by for item in file.table.items.values() for by in _by(item))}
    for column in sorted(needed - set(file.header)):
        raise VendorError(
            f"{file.path} has no column {column!r}; it has {', '.join(file.header)}. Fix `items` of the profile"
        )
    return replace(file, columns={**file.columns, **{column: column for column in sorted(needed)}})


def long(rows: pl.DataFrame, file: File) -> pl.DataFrame:
    """Rows of `tables.read` of a widened file, as one row for each item that is there.

    Returns:
        symbol, event_date, item, months, value, `unreadable` and what else of ours the file has, typed.
    """
    optional = [name for name in ("symbol", "form", "version") if name in rows.columns]
    types: dict[str, pl.DataType] = {"symbol": pl.String(), "form": pl.String(), "version": pl.Int64()}
    base = rows.select(
        *(tables.typed(rows.get_column(name), types[name], file) for name in optional),
        tables.typed(rows.get_column("event_date"), pl.Date(), file),
        "known_at",
        "by_column",
    )
    parts = [_item_rows(base, rows, column, item, file) for column, item in file.table.items.items()]
    return pl.concat(parts).filter(pl.col("value").is_not_null() | pl.col(UNREADABLE).is_not_null())


def _item_rows(base: pl.DataFrame, rows: pl.DataFrame, column: str, item: Item, file: File) -> pl.DataFrame:
    value, complaint = tables.readable(rows.get_column(column), pl.Float64(), file)
    frame = base.with_columns(
        item=pl.lit(item.item),
        months=_months(rows, item),
        value=value.fill_nan(None),  # how pandas writes an empty cell
        **{UNREADABLE: complaint},
    )
    for by in _by(item):
        complaint_ = pl.format(f"{by!r} holds '{{}}', which `months` of {item.item} does not list", rows.get_column(by))
        unlisted = pl.col("months").is_null() & pl.col("value").is_not_null()
        frame = frame.with_columns(pl.when(unlisted).then(complaint_).otherwise(UNREADABLE).alias(UNREADABLE))
    return frame


def _months(rows: pl.DataFrame, item: Item) -> pl.Series:
    if isinstance(item.months, int):
        return pl.repeat(item.months, len(rows), dtype=pl.Int8, eager=True)
    ((by, lengths),) = item.months.items()
    return rows.get_column(by).cast(pl.String).replace_strict(lengths, default=None, return_dtype=pl.Int8)


def _by(item: Item) -> dict[str, dict[str, int]]:
    return {} if isinstance(item.months, int) else item.months


def reject_undated(dataset: Dataset, file: File) -> None:
    if isinstance(dataset.origin, Events) and dataset.origin.must_be_dated and file.knowledge is None:
        raise VendorError(
            f"{file.path} has no date of publication of its rows; add a column `known_at`, or name the column that "
            f"has it: `known_at: {{column: ...}}` under {dataset.name.removeprefix('market/')} in the profile"
        )


def marked(dataset: Dataset, rows: pl.DataFrame, table: Table, named: bool) -> pl.DataFrame:
    """Typed rows with `left_out`: the declared rule that omits each; null for those that are served.

    Args:
        named: the profile names an exception for the dataset.
    """
    if dataset.name == EARNINGS_DATES.name and "time_of_day" not in rows.columns:
        rows = rows.with_columns(time_of_day=pl.lit("unknown"))
    lag = (moments.day_of(pl.col("known_at")) - pl.col("event_date")).dt.total_days()
    nameless = pl.col("symbol").is_null() if table.without_symbol == "drop" else pl.lit(value=False)
    rules = {
        "hindsight_coverage": pl.lit(table.coverage == "hindsight" and not named),
        "without_symbol": nameless,
        "max_lag_days": pl.lit(value=False) if table.max_lag_days is None else lag > table.max_lag_days,
    }
    reasons = [pl.when(bad).then(pl.lit(name)) for name, bad in rules.items()]
    return rows.with_columns(pl.coalesce(reasons).alias(LEFT_OUT))
