"""What is wrong with the data that came in. Part of the slice market."""

import polars as pl

from feature_store.dataset import Column, Dataset, Events, Rejects, key
from feature_store.schemas.market import BAR_COLUMNS

COMPARED_BARS = Dataset(
    name="market/compared_bars",
    key=("symbol",),
    restates=True,
    origin=Events(ticker_day="event_date"),
    description="Daily bars of a second vendor, as traded; BARS are compared with them, and nothing else reads them.",
    columns=BAR_COLUMNS,
)

QUARANTINE = Dataset(
    name="market/quarantine",
    key=("source", "row", "rule"),
    origin=Rejects(),
    description="Rows that validation at ingest rejected, with the rule each breaks, in the session that they are of.",
    columns=(
        key("source", "dataset that they were meant for, for example market/bars"),
        key("row", "digest of the row as it came"),
        key("rule", "that it breaks"),
        Column("symbol", pl.String(), "identifier", "stable security id, or series; null where the row has none"),
        Column("file", pl.String(), "name", "where it came from"),
        Column("content", pl.String(), "JSON", "the row as it came", nullable=False),
        Column("reason", pl.String(), "text", "what is wrong, and the fix", nullable=False),
    ),
)

DATA_QUALITY = Dataset(
    name="market/data_quality",
    key=("symbol", "rule"),
    description="What is strange in the prices stored in the session, by rules on what was known; none is dropped.",
    columns=(
        key("symbol", "stable security id"),
        key("rule", "for example jump_without_action, stale_price, missing_bar, volume, vendors_disagree"),
        Column("value", pl.Float64(), "as the rule has it", "the measurement that broke it"),
        Column("limit", pl.Float64(), "as the rule has it", "that it broke"),
        Column("detail", pl.String(), "text", "what was seen"),
    ),
)
