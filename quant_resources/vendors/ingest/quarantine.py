"""Rows of the payloads of events that validation at ingest rejects, as they came. Parsing is pure."""

import datetime as dt
import hashlib
from collections.abc import Callable, Sequence

import polars as pl

from feature_store.dataset import Dataset
from feature_store.decision_time import DecisionClock
from feature_store.schemas.catalogue import EVENT_DATASETS
from feature_store.schemas.quality import QUARANTINE
from quant_resources.vendors.ingest.canonical import checked_events, raw_schema
from quant_resources.vendors.ingest.rules import UNREADABLE

Fetch = Callable[[Dataset, Sequence[dt.date], dt.datetime], pl.DataFrame]
DIGEST_BYTES = 8  # of some thousand rows a session no two share one


def fetch_quarantine(fetch: Fetch, sessions: Sequence[dt.date], until: dt.datetime) -> pl.DataFrame:
    """A vendor's payloads of all events, as one, with their `source`."""
    empty = pl.DataFrame(schema={"source": pl.String(), **QUARANTINE.schema})
    payloads = [
        fetch(dataset, sessions, until).with_columns(source=pl.lit(name)) for name, dataset in EVENT_DATASETS.items()
    ]
    return pl.concat([empty.select("source", "known_at"), *payloads], how="diagonal")


def parse_quarantine(raw: pl.DataFrame, sessions: Sequence[dt.date], clock: DecisionClock) -> pl.DataFrame:
    """Rows whose `known_at` falls into one of the sessions and that break a rule, once for each rule.

    `row` is a digest of the row's content and so the same in every run; of equal rows the later ones are numbered.
    """
    columns = ["session", *QUARANTINE.schema, "grade"]
    frames = [pl.DataFrame(schema={"session": pl.Date(), **QUARANTINE.schema, "grade": pl.Int8()})]
    for (source,), payload in raw.group_by("source", maintain_order=True):
        dataset = EVENT_DATASETS[str(source)]
        own = [name for name in (*raw_schema(dataset), UNREADABLE) if name in payload.columns]
        _, bad = checked_events(dataset, payload.select(own), sessions, clock)
        if bad.height:
            frames.append(_rejected_rows(dataset, bad).select(columns))
    return pl.concat(frames).sort("session", *QUARANTINE.sort_key)


def _rejected_rows(dataset: Dataset, bad: pl.DataFrame) -> pl.DataFrame:
    shown = [name for name in (*dataset.schema, "version", UNREADABLE) if name in bad.columns]
    # as text: JSON has no NaN and no infinity
    content = pl.struct(pl.col(shown).cast(pl.String)).struct.json_encode()
    rows = bad.with_columns(
        source=pl.lit(dataset.name),
        event_date="session",
        symbol="symbol" if "symbol" in bad.columns else dataset.key[0],
        content=content,
        file=pl.col("file").str.split("/").list.last(),  # no value may depend on where the drop lies
    )
    return rows.join(_digests(rows), on="row", how="left", maintain_order="left").drop("row").rename({"digest": "row"})


def _digests(rows: pl.DataFrame) -> pl.DataFrame:
    """row (its place), digest."""
    once = rows.unique("row").sort("content", "file", "row")
    names = [hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).hexdigest() for text in once["content"]]
    number = pl.int_range(1, pl.len() + 1).over("content")
    later = pl.when(number > 1).then(pl.format("-{}", number)).otherwise(pl.lit(""))
    return once.select("row", digest=pl.Series(names, dtype=pl.String) + once.select(later).to_series())
