"""Frames of companies that several tests share."""

import datetime as dt
from collections.abc import Sequence

import polars as pl

from configs.settings import Features
from feature_store.dataset import Dataset
from feature_store.schemas.companies import (
    BORROW,
    COMPANY_FINANCIALS,
    EARNINGS_DATES,
    ESTIMATES,
    SHORT_INTEREST,
)
from feature_store.schemas.company_features import COMPANY_FEATURES
from feature_store.schemas.company_snapshots import COMPANY_SNAPSHOTS
from quant_assets.features.company.features import company_features
from quant_assets.features.company.snapshots import company_snapshots
from tests.oracles.panels import assert_stored_as, stored

FEATURES = Features()
TODAY = dt.date(2015, 6, 1)  # a Monday
Rows = list[dict[str, object]]


def frame(dataset: Dataset, rows: Rows) -> pl.DataFrame:
    """Rows of a dataset, null where they do not say."""
    return pl.DataFrame(rows, schema=stored(dataset), orient="row").sort(dataset.sort_key[:-1])


def one(
    days: Sequence[dt.date], bars: pl.DataFrame, financials: dict[str, object], snapshots: Rows, **config: object
) -> dict[str, object]:
    """The features of A on the last of the days; of financials and snapshots those of other days as they say."""
    told = frame(COMPANY_FINANCIALS, [{"event_date": days[-1], "symbol": "A", **financials}])
    said = frame(COMPANY_SNAPSHOTS, [{"event_date": days[-1], "symbol": "A", **row} for row in snapshots])
    made = company_features(told, said, bars, list(days), days[-1], Features(**config))
    assert_stored_as(made, COMPANY_FEATURES)
    return made.row(0, named=True)


def snapshot(
    financials: Rows = (), estimates: Rows = (), dates: Rows = (), short: Rows = (), borrow: Rows = ()
) -> dict[str, dict[str, object]]:
    """COMPANY_SNAPSHOTS of TODAY by symbol."""
    made = company_snapshots(
        frame(COMPANY_FINANCIALS, [{"event_date": TODAY, **row} for row in financials]),
        frame(ESTIMATES, [{"months": 3, "item": "eps_diluted", "symbol": "A", **row} for row in estimates]),
        frame(EARNINGS_DATES, [{"symbol": "A", "time_of_day": "before_open", **row} for row in dates]),
        frame(SHORT_INTEREST, [{"symbol": "A", **row} for row in short]),
        frame(BORROW, [{"symbol": "A", **row} for row in borrow]),
        TODAY,
    )
    assert_stored_as(made, COMPANY_SNAPSHOTS)
    assert made["symbol"].is_sorted()
    return {row["symbol"]: row for row in made.iter_rows(named=True)}
