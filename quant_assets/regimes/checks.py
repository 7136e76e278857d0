"""What must hold of every stored session of regime probabilities."""

import polars as pl

from feature_store.schemas.regimes import TREND_STATES_IN_ORDER, VOLATILITY_STATES_IN_ORDER

TOLERANCE = 1e-12


def probabilities_sum_to_one(rows: pl.DataFrame) -> str | None:
    """None when the probabilities of trend and of volatility, where the rows have them, sum to one; else what is wrong.

    Args:
        rows: of one session of TREND_STATES, VOLATILITY_STATES or STATES.
    """
    for labels in (TREND_STATES_IN_ORDER, VOLATILITY_STATES_IN_ORDER):
        columns = [f"p_{label}" for label in labels]
        if set(columns) <= set(rows.columns):
            summed = rows.select(
                "event_date", "industry", *columns, total=pl.sum_horizontal(columns, ignore_nulls=False)
            )
            wrong = summed.filter(~((pl.col("total") - 1.0).abs() <= TOLERANCE).fill_null(False))
            if wrong.height:
                return f"probabilities do not sum to one: {wrong.head(3).to_dicts()}"
    return None
