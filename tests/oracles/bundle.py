"""The market data beside the repository, for the tests that may read it."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from feature_store.schemas.market import BARS, CORPORATE_ACTIONS
from tests.oracles.panels import stored

SHARED = Path(__file__).parents[3] / "shared"


def needs(path: str) -> pytest.MarkDecorator:
    """Skip, and say so, where the file beside the repository is absent."""
    return pytest.mark.skipif(not (SHARED / path).exists(), reason=f"needs {path} beside the repository")


def bars_of(prices: pl.DataFrame) -> pl.DataFrame:
    """What `adjusted_bars` reads, from a price file of the bundle, which has no vwap; sorted by symbol and day."""
    named = prices.rename({"security_id": "symbol", "date": "event_date"})
    return named.with_columns(vwap=pl.lit(None, pl.Float64)).sort("symbol", "event_date")


def bundle_actions(*symbols: str) -> pl.DataFrame:
    """CORPORATE_ACTIONS of the bundle, of some symbols or all; it records splits and dividends alone."""
    rows = pl.scan_parquet(SHARED / "data/corporate_actions.parquet")
    wanted = rows.filter(pl.col("security_id").is_in(symbols)) if symbols else rows
    named = wanted.rename({"security_id": "symbol", "ex_date": "event_date"}).collect()
    nothing = [pl.lit(None, CORPORATE_ACTIONS.schema[name]).alias(name) for name in ("cash_usd", "other_symbol")]
    return named.with_columns(nothing).select(stored(CORPORATE_ACTIONS).keys()).sort("symbol", "action", "event_date")


def bundle_bars(*symbols: str, first: dt.date, last: dt.date, file: str = "prices_daily") -> pl.DataFrame:
    """BARS of the bundle; of all symbols unless some are named."""
    rows = pl.scan_parquet(SHARED / f"data/{file}.parquet").filter(pl.col("date").is_between(first, last))
    wanted = rows.filter(pl.col("security_id").is_in(symbols)) if symbols else rows
    named = wanted.rename({"security_id": "symbol", "date": "event_date"}).collect()
    nothing = [pl.lit(None, BARS.schema[name]).alias(name) for name in ("vwap", "transactions")]
    return named.with_columns(nothing).select(stored(BARS).keys()).sort("symbol", "event_date")
