"""What a session's programme said, as rows."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import polars as pl

from feature_store.dataset import Dataset
from feature_store.schemas.portfolio import DIAGNOSTICS, PROGRAMME

Told = Mapping[str, Any]  # as `weights.describe` gives it


def limits(told: Told | None, session: dt.date) -> pl.DataFrame:
    """Rows of DIAGNOSTICS, sorted by limit; none where there was no solved programme."""
    return _rows(DIAGNOSTICS, [] if told is None else told["limits"], session)


def figures(told: Told | None, session: dt.date) -> pl.DataFrame:
    """Rows of PROGRAMME, sorted by figure; without a solution only the controls, without a programme none."""
    if told is None:
        return _rows(PROGRAMME, [], session)
    named = {f"term:{name}": value for name, value in told["terms"].items()}
    named |= {f"control:{name}": value for name, value in told["controls"].items()}
    named |= {"iterations": float(told["iterations"])}
    return _rows(PROGRAMME, [{"figure": name, "value": value} for name, value in named.items()], session)


def _rows(dataset: Dataset, rows: list[dict[str, Any]], session: dt.date) -> pl.DataFrame:
    schema = {name: dtype for name, dtype in dataset.schema.items() if name != "known_at"}
    return pl.DataFrame([{"event_date": session} | row for row in rows], schema=schema, orient="row").sort(dataset.key)
