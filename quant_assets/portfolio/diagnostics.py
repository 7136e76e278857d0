"""The limits of a session's programme as rows."""

import datetime as dt
import json

import polars as pl

from feature_store.schemas.execution import CASH
from feature_store.schemas.portfolio import DIAGNOSTICS

SCHEMA = {name: dtype for name, dtype in DIAGNOSTICS.schema.items() if name != "known_at"}


def diagnostics(book: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """Rows of DIAGNOSTICS from what the cash row says of the programme; none where there was no solved one."""
    told = book.filter(pl.col("event_date") == session, pl.col("symbol") == CASH)["programme"].drop_nulls()
    limits = [limit for text in told for limit in json.loads(text)["limits"]]
    rows = [{"event_date": session} | limit for limit in limits]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").sort("limit")
