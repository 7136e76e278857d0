"""What the simulated payloads have in common: when rows are published, and how arrays become rows. Pure."""

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from configs.settings import SimulatedVendor
from feature_store import sessions as calendar
from feature_store.dataset import KNOWN_AT, Dataset, Grade
from feature_store.decision_time import DecisionClock, end_of_day
from quant_resources.vendors.ingest.canonical import raw_schema
from quant_resources.vendors.simulated.market import Market
from quant_resources.vendors.simulated.streams import Array, Flags, Ints

SOURCE = "simulated"
# Bars are published this long after the close.
DELAY = dt.timedelta(minutes=90)


def days_from(market: Market) -> pl.Series:
    """The exchange's sessions from the market's first on, far beyond its end: positions of sessions gather from it."""
    first = calendar.index_of(market.sessions[0])
    return pl.Series("event_date", calendar.all_sessions()[first:-1], pl.Date)


def published(sessions: Sequence[dt.date]) -> pl.Series:
    """When the bars of each session are published."""
    return pl.Series("known_at", [calendar.closes_at(day) + DELAY for day in sessions], KNOWN_AT)


def ends_of(sessions: Sequence[dt.date]) -> pl.Series:
    return pl.Series("known_at", [end_of_day(day) for day in sessions], KNOWN_AT)


def rows_of(
    market: Market, where: Flags, columns: Mapping[str, Array | Ints | Flags], first: int = 0
) -> tuple[pl.DataFrame, Ints, Ints]:
    """event_date, symbol and the columns where the mask is true, by session and symbol; and the positions.

    The arrays are (any number of sessions from `first` on, M).
    """
    t, i = np.nonzero(where)
    t += first
    frame = pl.DataFrame(
        {
            "event_date": pl.Series(market.sessions, dtype=pl.Date).gather(t),
            "symbol": pl.Series(market.symbols, dtype=pl.String).gather(i),
            **{name: values[where] for name, values in columns.items()},
        }
    )
    return frame, t, i


def published_by_end(settings: SimulatedVendor) -> pl.Expr:
    """What the vendor has published by the last session of its range, at the latest decision time of any profile."""
    last = DecisionClock(1).decision_time(calendar.at_or_before(settings.end))
    return pl.col("known_at") <= pl.lit(last).cast(KNOWN_AT)


def payload(dataset: Dataset, rows: pl.DataFrame, grade: Grade | None = None) -> pl.DataFrame:
    """Columns of the dataset and `grade`; those that the rows lack are null."""
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in dataset.schema.items() if name not in rows.columns]
    graded = [] if grade is None else [pl.lit(int(grade), pl.Int8).alias("grade")]
    types = {name: dtype for name, dtype in dataset.schema.items() if name in rows.columns}
    return rows.cast(types).with_columns(*missing, *graded).select(*dataset.schema, "grade")  # type: ignore[arg-type]


def completed(dataset: Dataset, rows: pl.DataFrame) -> pl.DataFrame:
    """A payload with the columns that are the same in all its rows; kept apart from it to spare memory."""
    return rows.with_columns(
        file=pl.lit(SOURCE), version=pl.lit(None, pl.Int64), may_be_off_calendar=pl.lit(value=False)
    ).select(raw_schema(dataset).keys())
