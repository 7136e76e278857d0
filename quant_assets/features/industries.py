"""Returns of industries."""

import datetime as dt

import numpy as np
import polars as pl

from feature_store.schemas.features import INDUSTRY_RETURNS
from quant_assets.features.panel import Array
from quant_assets.features.scores import tradable_on, with_industry


def industry_returns(
    bars: pl.DataFrame, universe: pl.DataFrame, industries: pl.DataFrame, session: dt.date
) -> pl.DataFrame:
    """Equal-weighted total return of each industry's tradable members, across symbols.

    Args:
        bars: rows of ADJUSTED_BARS.
        universe: rows of UNIVERSE.
        industries: rows of INDUSTRIES; a symbol without one counts as "Unknown".
        session: only its rows are used.

    Returns:
        Rows of INDUSTRY_RETURNS, sorted by industry: log(1 + mean simple return) over the members with a return, null
        where none has one. An industry without tradable members has no row.
    """
    returns = bars.filter(event_date=session).select("symbol", "log_return")
    members = with_industry(tradable_on(universe, session), industries).join(
        returns, on="symbol", how="left", maintain_order="left"
    )
    grouped = members.sort("industry", "symbol").group_by("industry", maintain_order=True)
    lists = grouped.agg(pl.col("log_return").drop_nulls())
    rows = [(session, industry, *_equal_weighted(np.array(seen))) for industry, seen in lists.iter_rows()]
    schema = {name: INDUSTRY_RETURNS.schema[name] for name in ("event_date", "industry", "log_return", "n_members")}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _equal_weighted(log_returns: Array) -> tuple[float | None, int]:
    """Log of one plus the mean simple return, and how many returns there were."""
    n = len(log_returns)
    return (float(np.log1p(np.expm1(log_returns).mean())) if n else None), n
