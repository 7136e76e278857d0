"""Risk of the tradable universe."""

import polars as pl

from feature_store.dataset import Column, Dataset, number
from feature_store.schemas.market import SYMBOL

COVARIANCE = Dataset(
    name="risk/covariance",
    key=("symbol",),
    description="Constant-correlation covariance: volatility of each stock and one common correlation.",
    columns=(
        SYMBOL,
        number("volatility_annual", "simple, annual", "deviation of simple returns", above=0, nullable=False),
        number("correlation", "ratio", "common to all pairs of the session", at_least=0, at_most=1, nullable=False),
        Column("n_observations", pl.Int32(), "count", "returns used", nullable=False, at_least=2),
    ),
)
