"""What the optimization of a session found, as rows."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import polars as pl

from feature_store.dataset import Dataset
from feature_store.schemas.portfolio import DIAGNOSTICS, OPTIMIZATION

Description = Mapping[str, Any]  # as `weights.describe` gives it


def limits(description: Description | None, session: dt.date) -> pl.DataFrame:
    """Rows of DIAGNOSTICS, sorted by limit; none without a solution."""
    return _rows(DIAGNOSTICS, [] if description is None else description["limits"], session)


def metrics(description: Description | None, session: dt.date) -> pl.DataFrame:
    """Rows of OPTIMIZATION, sorted by metric; the settings alone without a solution, none without an optimization."""
    if description is None:
        return _rows(OPTIMIZATION, [], session)
    named = {f"objective:{name}": value for name, value in description["terms"].items()}
    named |= {f"setting:{name}": value for name, value in description["controls"].items()}
    named |= {"iterations": float(description["iterations"])}
    return _rows(OPTIMIZATION, [{"metric": name, "value": value} for name, value in named.items()], session)


def _rows(dataset: Dataset, rows: list[dict[str, Any]], session: dt.date) -> pl.DataFrame:
    schema = dataset.computed_schema
    return pl.DataFrame([{"event_date": session} | row for row in rows], schema=schema, orient="row").sort(dataset.key)
