"""A few rows of quarantine and findings."""

import polars as pl

from feature_store.schemas.quality import DATA_QUALITY, QUARANTINE
from tests.support.accounts import DAYS


def _of(schema: dict[str, pl.DataType], rows: list[dict[str, object]]) -> pl.DataFrame:
    columns = {"session": pl.Date(), **schema}
    return pl.DataFrame([{name: row.get(name) for name in columns} for row in rows], schema=columns)


QUARANTINED = _of(QUARANTINE.schema, [
    {"session": DAYS[0], "source": "market/bars", "rule": "close_range", "file": "bars.csv", "reason": "close <b>0</b>",
     "row": '{"close": 0}'},
    {"session": DAYS[1], "source": "market/bars", "rule": "duplicate", "file": "bars.csv", "reason": "AAA twice",
     "row": '{"close": 1}'},
])  # fmt: skip
FINDINGS = _of(DATA_QUALITY.schema, [
    {"session": DAYS[2], "symbol": "AAA", "rule": "jump", "value": 0.61, "limit": 0.5, "detail": "without an action"},
    {"session": DAYS[3], "symbol": "BBB", "rule": "stale", "value": 12.0, "limit": 10.0, "detail": None},
])  # fmt: skip
