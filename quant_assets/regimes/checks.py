"""What must hold of every stored session of regime probabilities."""

import polars as pl

from feature_store.schemas.regimes import TREND_STATES_IN_ORDER, VOLATILITY_STATES_IN_ORDER

TOLERANCE = 1e-12


def probabilities_sum_to_one(rows: pl.DataFrame) -> str | None:
    """None when the probabilities of trend and of volatility, where the rows have them, sum to one; else what is wrong.

    Args:
        rows: of one session of TREND_STATES, VOLATILITY_STATES, STATES, or MARKET_REGIME, which may have none.
    """
    for labels in (TREND_STATES_IN_ORDER, VOLATILITY_STATES_IN_ORDER):
        for prefix in ("p_", "slow_p_"):
            columns = [f"{prefix}{label}" for label in labels]
            if set(columns) <= set(rows.columns) and (wrong := _wrong_sums(rows, columns)):
                return f"probabilities do not sum to one: {wrong}"
    return None


def _wrong_sums(rows: pl.DataFrame, columns: list[str]) -> list[dict[str, object]]:
    """The first rows whose probabilities do not sum to one; the market may have none at all."""
    key = [name for name in ("event_date", "industry") if name in rows.columns]
    summed = rows.select(*key, *columns, total=pl.sum_horizontal(columns, ignore_nulls=False))
    if "industry" not in key:
        summed = summed.filter(~pl.all_horizontal(pl.col(columns).is_null()))
    return summed.filter(~((pl.col("total") - 1.0).abs() <= TOLERANCE).fill_null(False)).head(3).to_dicts()
