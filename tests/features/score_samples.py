"""Frames and settings that the tests of scores and of composites share."""

import datetime as dt

import numpy as np
import polars as pl

from configs.settings import Features
from feature_store.schemas.company_features import COMPANY_FEATURES
from feature_store.schemas.features import (
    STATIONARY_FEATURES,
    STOCK_FEATURES,
)
from quant_assets.features.scores import (
    stock_scores,
)
from tests.oracles.panels import industries, sessions, stored, universe

DAYS = sessions(3)
TODAY = DAYS[1]
FEATURES = Features(winsorize_quantiles=(0.0, 1.0), min_industry=3)
NAN = float("nan")
NOTHING = pl.DataFrame(schema=stored(STATIONARY_FEATURES))
NO_COMPANIES = pl.DataFrame(schema=stored(COMPANY_FEATURES))


def features(values: dict[str, float | None], day: dt.date = TODAY) -> pl.DataFrame:
    """STOCK_FEATURES with `reversal_5` as given, and the rest null."""
    rows = pl.DataFrame(
        {"event_date": [day] * len(values), "symbol": list(values), "reversal_5": list(values.values())},
        schema={"event_date": pl.Date, "symbol": pl.String, "reversal_5": pl.Float64},
    )
    empty = pl.DataFrame(schema=stored(STOCK_FEATURES))
    return pl.concat([empty, rows], how="diagonal").sort("symbol")


def all_tradable(values: dict[str, float | None]) -> pl.DataFrame:
    return universe([(TODAY, symbol, True) for symbol in values])


def scored(
    values: dict[str, float | None], industry: dict[str, str], config: Features = FEATURES
) -> dict[str, float | None]:
    published = industries([(TODAY, symbol, name) for symbol, name in industry.items()])
    frame = stock_scores(features(values), NO_COMPANIES, NOTHING, all_tradable(values), published, TODAY, config)
    return dict(frame.select("symbol", "z_reversal_5").iter_rows())


def names(letters: str) -> np.ndarray:
    return np.array(list(letters), dtype=object)
